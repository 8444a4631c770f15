# SPDX-License-Identifier: GPL-3.0-or-later
"""The overview while mail goes through: live figures over a chosen span, who is connected and who is busiest; and the way from
a refusal that is seen there to the rule that allows such mail."""
import os
import pathlib
import re
import threading

import harness
from test_ui_messages import MESSAGE, STRANGER, refuse
from test_ui_names import nameless
from ui import FRAME

CHART = "Mail by Time"


def picture(ui, name):
    """For people to look at, beside those of test_screenshots."""
    place = pathlib.Path(os.environ["POSTBUS_SCREENSHOTS"]) / "overview"
    place.mkdir(parents=True, exist_ok=True)
    ui.picture(place / f"{name}.png")


def chart(ui, text):
    return ui.find("image", CHART, where=lambda node: text in node.description)


def span(ui, name):
    ui.act(ui.find("button", name))


def send(ui, n):
    for _ in range(n):
        ui.bed.send("ann@local.example", ["ann@local.example"], MESSAGE)


def test_live(ui):
    """Figures and chart follow the mail; the past is there when another span is chosen and after a restart of the client."""
    ui.bed.start()
    send(ui, 2)
    ui.bed.wait_mails(ui.bed.ann, 2)
    ui.start("overview", daemon=False)
    chart(ui, "Incoming: 2 accepted, 0 refused. Outgoing: 2 delivered, 0 deferred, in the last hour.")
    send(ui, 3)
    ui.bed.wait_mails(ui.bed.ann, 5)
    refuse(ui, "win@lottery.example", "nobody@local.example")
    chart(ui, "Incoming: 5 accepted, 1 refused. Outgoing: 5 delivered")
    ui.find("group", "Accepted, 5, 5 in total")
    ui.find("list item", "Unknown recipient, 1")
    for name, words in (("10 min", "in the last 10 min"), ("Day", "in the last 24 hours"), ("Week", "in the last 7 days"),
                        ("Month", "in the last 30 days"), ("Hour", "in the last hour")):
        span(ui, name)
        chart(ui, f"Incoming: 5 accepted, 1 refused. Outgoing: 5 delivered, 0 deferred, {words}.")
        picture(ui, name.lower().replace(" ", "-"))
    assert not list(nameless(ui, ui.tree())), list(nameless(ui, ui.tree()))
    ui.resize(360, 2400)
    ui.wait(ui.folded, "a narrow window")
    picture(ui, "overview-360")


def test_sessions_and_busiest(ui):
    """Who is connected comes and goes by itself; the busiest are chosen from and lead to their messages."""
    ui.bed.start()
    send(ui, 3)
    ui.bed.wait_mails(ui.bed.ann, 3)
    ui.start("overview", daemon=False)
    ui.find("list item", "Nobody Is Connected")
    with ui.bed.talk(source=STRANGER) as talk:
        talk.ehlo("mail.elsewhere.example")
        ui.find("list item", f"mail.elsewhere.example, {STRANGER} — idle, now")
        talk.command("MAIL FROM:<carol@elsewhere.example>")
        ui.find("list item", text="naming the sender")
        picture(ui, "sessions")
    ui.find("list item", "Nobody Is Connected")
    ui.find("list item", "ann@local.example, 3")
    span(ui, "Hosts")
    ui.find("list item", "127.0.0.1, 3")
    span(ui, "Recipients")
    row = ui.find("list item", "ann@local.example, 3")
    ui.reveal(row)
    ui.click(row)
    ui.wait(lambda: ui.title() == "Messages", "the messages of the one that was clicked")
    entry = ui.find("search box", "Search messages by address, client or queue ID")
    assert ui.reader.text(ui.name, entry) == "ann@local.example"


def test_follows_only_while_seen(ui):
    """The service tells figures to a window that shows them, and to no other."""
    ui.bed.start()
    ui.start("overview", daemon=False)
    send(ui, 1)
    chart(ui, "Incoming: 1 accepted")
    ui.go("General")
    send(ui, 2)
    ui.bed.wait_mails(ui.bed.ann, 3)
    ui.go("Overview")
    chart(ui, "Incoming: 3 accepted")
    # The service goes and comes back: the figures were kept, and are followed again.
    ui.bed.postbusd.restart()
    ui.wait(lambda: ui.page() is not None, "the window to be connected again")
    send(ui, 1)
    ui.bed.wait_mails(ui.bed.ann, 4)
    chart(ui, "Incoming: 4 accepted")


def test_five_clicks(ui):
    """A refused message is found, explained and allowed with five clicks: the reason on the overview, the message, Why?, and
    there Allow, and Save."""
    ui.bed.start()
    ui.api.add("AccessList", Name="Lottery", List="blacklist", Kind="ip", Value=STRANGER)
    refuse(ui, "win@lottery.example", "ann@local.example")
    ui.start("overview", daemon=False)
    clicks = 0

    def click(node, act=None):
        nonlocal clicks
        if act is None:
            ui.reveal(node)
        (act or ui.click)(node)
        clicks += 1
    click(ui.find("list item", "Blacklist, 1"))
    click(ui.find("list item", where=lambda node: "Refused, ann@local.example" in node.name
                  and "win@lottery.example" in node.name))
    click(ui.find("button", "Why? Blacklist"))
    ui.find("label", text="By today’s settings it would be refused: Blacklist.")
    picture(ui, "five-clicks-why")
    click(ui.find("button", text="Allow…", where=lambda node: node.has("sensitive") and "Why" not in node.name
                  and "like this" not in node.name), ui.act)
    ui.find("text box", "Name")
    picture(ui, "five-clicks-rule")
    click(ui.find("button", "Save", where=lambda node: node.has("sensitive")), ui.act)
    ui.wait(lambda: [each for each in ui.api.rows("AccessList")
                     if (each["List"], each["Kind"], each["Value"]) == ("whitelist", "ip", STRANGER)], "the rule")
    assert clicks == 5


def test_report(ui):
    """The daily report is sent at once, to those who are set; without any it is said that there are none."""
    ui.start("general")
    ui.press("Send Now")
    ui.find("label", text="ecipient")
    ui.api.set("Reports", "Recipients", "as", ["ann@local.example"])
    ui.press("Send Now")
    ui.find("label", "The report is on its way")
    ui.bed.wait_mails(ui.bed.ann, 1)


class Load:
    """Mail without end from a thread of its own, until it is left."""

    def __init__(self, bed):
        self.bed, self.leave, self.broken = bed, threading.Event(), None
        self.thread = threading.Thread(target=self.run, name="load")

    def run(self):
        try:
            while not self.leave.is_set():
                self.bed.send("ann@local.example", ["ann@local.example"], MESSAGE)
        except BaseException as error:  # told to whoever waits for what it does
            self.broken = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.leave.set()
        self.thread.join()
        assert self.broken is None, f"the load ended: {self.broken}"


def figure(ui, title):
    """The total of one key figure, as a reader of the screen is told it."""
    group = ui.find("group", where=lambda node: node.name.startswith(title + ", ") and node.name.endswith(" in total"))
    return int(re.sub("[^0-9]", "", group.name.split(", ", 2)[2])), ui.box(group)


def test_moves_under_load(ui):
    """While mail goes through without end, figures rise and are drawn anew, and nothing else of the page jumps."""
    ui.bed.start()
    ui.start("overview", daemon=False)
    ui.resize(1100, 760)
    ui.screen.rest_mouse()

    def look(past):
        """All that moves, once every figure is beyond what it was."""
        def risen():
            assert load.broken is None, load.broken
            now = {title: figure(ui, title) for title in ("Accepted", "Delivered")}
            return now if all(now[title][0] > past[title][0] for title in now) else None
        return ui.wait(risen, "the figures to rise")

    def drawn(box):
        x, y, width, height = box
        return ui.screen.pixels(x + FRAME, y + FRAME, width, height)
    with Load(ui.bed) as load:
        first = look({"Accepted": (0,), "Delivered": (0,)})
        seen = {title: drawn(box) for title, (_, box) in first.items()}
        picture(ui, "load-1")
        second = look(first)
        # What is told to a reader and what is drawn come from one frame to the next.
        ui.wait(lambda: all(drawn(second[title][1]) != seen[title] for title in seen), "the figures to be drawn anew")
        ui.find("list item", where=lambda node: node.name.startswith("ann@local.example, "))
        picture(ui, "load-2")
    for title, (_, box) in first.items():
        assert second[title][1] == box, (title, box, second[title][1])
    assert figure(ui, "Refused")[0] == 0


def test_not_kept(ui):
    """That statistics cannot be kept is said where they are shown, and that nobody gets the metrics where they are set."""
    ui.bed.start()
    send(ui, 1)
    file = os.path.join(ui.bed.state, "statistics")
    harness.wait_for(lambda: os.path.exists(file), "the file")
    while True:
        os.unlink(file)
        try:
            os.mkdir(file)
            break
        except FileExistsError:  # written anew between the two
            pass
    send(ui, 1)
    ui.start("overview", daemon=False)
    alert = ui.find("list item", "Warning: Statistics are not kept")
    assert "statistics" in alert.description, alert.description
    picture(ui, "not-kept")
    os.rmdir(file)
    ui.gone("list item", "Warning: Statistics are not kept")
    ui.go("General")
    ui.find("list item", "State, Off")
    ui.api.set("Metrics", "Address", "s", f"127.0.0.1:{ui.bed.port}")
    row = ui.find("list item", text="State, Failed: ")
    ui.reveal(row)
    picture(ui, "metrics-failed")
    ui.api.set("Metrics", "Address", "s", f"127.0.0.1:{ui.bed.ports.take()}")
    ui.find("list item", "State, Listening")

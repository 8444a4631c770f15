# SPDX-License-Identifier: GPL-3.0-or-later
"""Overview, Queue, Messages, Blocks and Setup Check: what they show of a living daemon, and that their
buttons lead to what they are about."""
import base64

from smtp_talk import Talk

STRANGER = "127.0.0.9"
MESSAGE = b"Subject: Hello\r\n\r\nHello\r\n"
LMTP = "LMTP address"
OPEN_RELAY = "Trusted list: IP address or subnet"


def accepted(ui):
    """The figure's name: what it is of, the total, what came lately."""
    return ui.find("group", text="Accepted, ").name.split(", ")


def wait_named(ui, role, *texts):
    """Waits for a widget with all these texts in its name."""
    return ui.find(role, text=texts[0], where=lambda node: all(text in node.name for text in texts))


def test_overview_lives(ui):
    ui.start("overview")
    ui.find("group", text="Accepted, 0")
    ui.bed.send("someone@elsewhere.example", ["ann@local.example"], MESSAGE)
    ui.find("group", text="Accepted, 1, 1 ")
    chart = ui.find("image", "Mail by Time")
    ui.wait(lambda: "1 accepted, 0 refused" in ui.find("image", chart.name).description, "the chart's words")
    with ui.bed.talk(source="127.0.0.9") as talk:
        talk.ehlo()
        talk.command("MAIL FROM:<spam@elsewhere.example>")
        talk.command("RCPT TO:<nobody@local.example>")
    ui.find("list item", "Unknown recipient, 1")


def test_alert_leads_to_its_setting(ui):
    ui.bed.start()
    ui.api.set("Mailboxes", "Kind", "s", "lmtp")
    ui.start("overview", daemon=False)
    alert = ui.find("list item", f"Problem: {LMTP}")
    assert "no address is set" in alert.description, alert.description
    ui.press(f"Enter Address: {LMTP}")
    ui.wait(lambda: ui.title() == "General", "the page General")
    ui.find("text box", LMTP, where=lambda node: node.has("focused"))
    ui.api.set("Mailboxes", "Kind", "s", "maildir")
    ui.go("Overview")
    ui.gone("list item", f"Problem: {LMTP}")


def press_within(ui, row, button):
    """A button in a row of the setup check, which is unfolded first if it is closed."""
    if ui.box(ui.find("button", button))[2] < 1:
        ui.click(ui.find("list item", text=row))
        ui.find("list item", text=row, where=lambda node: node.has("expanded"))
    ui.press(button)


def test_setup_check(ui):
    ui.bed.start()
    ui.api.add("TrustedList", Name="Everybody", Network="0.0.0.0/0")
    ui.start("setup-check", daemon=False)
    found = ui.find("list item", f"Problem: {OPEN_RELAY}")
    ui.wait(lambda: ui.find("list item", found.name).description == "Everybody, 0.0.0.0/0", "the row at fault")
    ui.find("list item", "Passed: Hostname")
    assert wait_named(ui, "list item", "Setup Check, ")
    # The first two that are to be mended are open.
    ui.wait(lambda: [node.has("expanded") for node in ui.page().find("list item")].count(True) == 2, "two open rows")
    press_within(ui, OPEN_RELAY, f"Show Entry: {OPEN_RELAY}")
    ui.wait(lambda: ui.title() == "Trusted List", "the page Trusted List")
    row = ui.find("list item", text="Everybody", where=lambda node: node.has("selected"))
    assert "0.0.0.0/0" in row.name, row.name


def test_finding_in_another_view(ui):
    """A row that the list's first view does not show."""
    ui.bed.start()
    ui.api.add("AccessList", Name="Lottery", List="blacklist", Kind="ip", Value="192.0.2.1")
    ui.api.add("AccessList", Name="Newsletter", List="whitelist", Kind="sender", Value="news@club.example")
    ui.api.add("AccessList", Name="Odd", List="blacklist", Kind="network", Value="10.0.0.0/255.0.255.0")
    ui.start("setup-check", daemon=False)
    for name, row in (("Newsletter", "Blacklist and whitelist: Criterion"), ("Odd", "Blacklist and whitelist: Value")):
        press_within(ui, row, f"Show Rule: {row}")
        ui.wait(lambda: ui.title() == "Blacklist and Whitelist", "the rules")
        ui.find("list item", text=name, where=lambda node: node.has("selected"))
        ui.go("Setup Check")


def defer_all(ui):
    """Everything goes to a relay host that is not there."""
    ui.api.set("Delivery", "RelayServer", "s", "127.0.0.1")
    ui.api.set("Delivery", "RelayPort", "u", 1)
    ui.api.set("Delivery", "Mode", "s", "relay")


def test_queue(ui):
    ui.bed.start()
    defer_all(ui)
    ui.bed.send("ann@local.example", ["one@nowhere.example"], MESSAGE)
    ui.bed.send("ann@local.example", ["two@nowhere.example", "three@nowhere.example"], MESSAGE)
    ui.bed.wait_deferred(2)
    ui.start("queue", daemon=False)
    wait_named(ui, "list item", "Queue, 2")
    ui.find("list item", text="Deferred, 2 recipients, from ann@local.example")
    row = ui.find("list item", text="Deferred, one@nowhere.example")
    assert "1 try" in row.description, row.description
    # A third one comes while the page is seen.
    ui.bed.send("bert@local.example", ["four@nowhere.example"], MESSAGE)
    ui.find("list item", text="four@nowhere.example")
    ui.press("Search")
    search = ui.find("search box", "Search addresses, clients and replies")
    ui.reader.set_text(ui.name, search, "BERT@")
    ui.gone("list item", text="one@nowhere.example")
    ui.find("list item", text="four@nowhere.example")
    ui.reader.set_text(ui.name, search, "no such thing")
    ui.find("label", "No Results Found")
    ui.press("Search")
    ui.click(ui.find("list item", text="2 recipients"))
    ui.key("Return")
    ui.find("list item", text="three@nowhere.example, ")
    ui.find("button", "Copy Queue ID")
    ui.key("Escape")
    ui.gone("button", "Copy Queue ID")


def test_narrow_queue(ui):
    """The counts are badges on the views' icons at the foot, and icons they stay."""
    ui.bed.start()
    defer_all(ui)
    ui.bed.send("ann@local.example", ["one@nowhere.example"], MESSAGE)
    ui.bed.wait_deferred(1)
    ui.start("queue", daemon=False)
    ui.find("page tab", "Deferred (1)")
    for _ in range(2):
        ui.resize(360, 700)
        ui.wait(ui.folded, "a narrow window")
        ui.find("page tab", "Deferred")
        ui.still(360, 700)
        ui.resize(1100, 760)
        ui.find("page tab", "Deferred (1)")


def test_pages_outlive_the_daemon(ui):
    ui.start("overview")
    defer_all(ui)
    ui.bed.send("ann@local.example", ["one@nowhere.example"], MESSAGE)
    ui.find("group", text="Accepted, 1")
    ui.bed.postbusd.kill()
    ui.find("button", "Reconnect")
    for title in ("Queue", "Messages", "Blocks", "Setup Check", "Overview"):
        ui.go(title)
    ui.bed.postbusd.start()
    ui.press("Reconnect")
    ui.gone("button", "Reconnect")
    # It counts from its start again; its mail is still there.
    ui.find("group", text="Accepted, 0")
    wait_named(ui, "list item", "Queue, 1")


def test_no_messages_yet(ui):
    ui.start("messages")
    ui.find("label", "No Messages Yet")
    ui.bed.send("someone@elsewhere.example", ["ann@local.example"], MESSAGE)
    wait_named(ui, "list item", "Delivered, ann@local.example", "From someone@elsewhere.example")


def fail_to_log_in(ui, times=2):
    """As a stranger, until its address is blocked."""
    ui.bed.api.set("General", "AuthPlaintextNeedsTls", "b", False)
    ui.bed.api.set("AuthLimits", "FailuresPerHour", "u", times - 1)
    with Talk(ui.bed.port, STRANGER) as talk:
        talk.ehlo()
        for _ in range(times):
            talk.command("AUTH PLAIN " + base64.b64encode(b"\0nobody\0wrong").decode())


def test_blocks(ui):
    """Who is blocked is shown, kept out longer, and let in again."""
    ui.start("blocks")
    ui.find("label", "No Blocks")
    fail_to_log_in(ui)
    ui.find("label", STRANGER)
    block = next(row for row in ui.bed.api.call("Blocks", "List", "(a{sv}uu)", {}, 0, 10)[1] if row["Subject"] == STRANGER)
    ui.click(ui.find("button", f"Extend the block of {STRANGER}"))
    ui.act(ui.find("menu item", "By a Day"))

    def extended():
        rows = ui.bed.api.call("Blocks", "List", "(a{sv}uu)", {}, 0, 10)[1]
        return [row for row in rows if row["Id"] == block["Id"] and row["Expires"] == block["Expires"] + 86400]
    ui.wait(extended, "the block to last a day longer")
    ui.press(f"Lift the block of {STRANGER}")
    ui.gone("label", STRANGER)
    with Talk(ui.bed.port, STRANGER) as talk:
        talk.ehlo()


def test_back_and_forth(ui):
    """What pages put into the header bar comes and goes."""
    ui.start("overview")
    for _ in range(2):
        for title, entry in (("Queue", None), ("Setup Check", None), ("Blacklist and Whitelist", "Security"), ("General", None)):
            ui.go(title, entry)

# SPDX-License-Identifier: GPL-3.0-or-later
"""History: what became of mail, on the wire and on the bus; and that mail goes on without it."""
import pathlib
import re
import sqlite3

import stranger
from bus import BusError
from gi.repository import GLib
from harness import wait_for
from test_relay import MESSAGE, quick_retries


def search(bed, offset=0, limit=50, **given):
    """(total, rows); since and until are seconds, events a list."""
    kinds = {"Event": "as", "Since": "t", "Until": "t"}
    filters = {key: GLib.Variant(kinds.get(key, "s"), value) for key, value in given.items()}
    return bed.api.call("History", "Search", "(a{sv}uu)", filters, offset, limit)


def trail(bed, id_):
    return bed.api.call("History", "Trail", "(s)", id_)[0]


def only(bed, **given):
    total, rows = search(bed, **given)
    assert total == len(rows) == 1, (given, total, rows)
    return rows[0]


def await_event(bed, event, **given):
    def found():
        rows = search(bed, **given)[1]
        return rows[0] if rows and rows[0]["Event"] == event else None
    return wait_for(found, f"{given} to be {event}")


def test_delivered_mail_is_found_with_its_trail(bed):
    bed.start()
    sink = bed.relay_sink()
    bed.send("ann@local.example", ["Far@away.example"], MESSAGE)
    sink.wait_messages(1)
    bed.queue_empty()
    row = await_event(bed, "delivered", Text="away.example")
    assert row["Sender"] == "ann@local.example" and row["Client"] == "127.0.0.1" and row["Helo"] == "client.example"
    assert row["RecipientCount"] == 1 and row["Recipients"][0]["Address"] == "Far@away.example"
    assert row["Recipients"][0]["Event"] == "delivered" and row["Size"] > len(MESSAGE)
    # The id is the one that the log has.
    wait_for(lambda: f"accepted queue-id={row['Id']}".encode() in bed.postbusd.stderr(), "the log's line")
    lines = trail(bed, row["Id"])
    assert [line["Time"] for line in lines] == sorted(line["Time"] for line in lines)
    stages = [line["Stage"] for line in lines]
    assert stages.index("queue") < stages.index("attempt") and stages.count("attempt") == 1
    attempt = lines[-1]
    assert attempt["Outcome"] == "delivered" and f"127.0.0.1]:{sink.port}" in attempt["Remote"], attempt
    assert "C: RCPT TO:<Far@away.example>" in attempt["Transcript"], attempt["Transcript"]
    assert "Line" not in attempt["Transcript"], "the message itself is no part of it"
    assert attempt["Results"][0]["Recipient"] == "Far@away.example"
    for given in ({"Text": row["Id"]}, {"Text": row["Id"].lower()}, {"Sender": "ANN@"}, {"Recipient": "far@away"},
                  {"Client": "127.0.0.1"}, {"Event": ["delivered"]}, {"Since": row["Time"], "Until": row["Time"] + 1}):
        assert only(bed, **given)["Id"] == row["Id"], given
    for given in ({"Text": "nobody@"}, {"Event": ["refused"]}, {"Until": row["Time"]}, {"Sender": "far@"}, {"Check": "relay"}):
        assert search(bed, **given)[0] == 0, given


def test_refused_recipient_beside_an_accepted_one(bed):
    bed.start()
    with bed.talk(source="127.0.0.9") as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<stranger@elsewhere.example>", 250)
        talk.expect("RCPT TO:<ann@local.example>", 250)
        talk.expect("RCPT TO:<victim@away.example>", 554)
        talk.expect("RCPT TO:<nobody@local.example>", 550)
        talk.data(MESSAGE)
    bed.wait_mails(bed.ann, 1)
    row = await_event(bed, "delivered", Text="stranger@elsewhere.example")
    found = [(each["Address"], each["Event"], each["Check"], each["Reply"][:4]) for each in row["Recipients"]]
    assert found == [("ann@local.example", "delivered", "", "2.0."), ("victim@away.example", "refused", "relay", "554 "),
                     ("nobody@local.example", "refused", "recipient", "550 ")], found
    for given in ({"Event": ["refused"]}, {"Event": ["delivered"]}, {"Check": "relay"}, {"Check": "recipient"},
                  {"Recipient": "victim@", "Event": ["refused"]}, {"Client": "127.0.0.9"}):
        assert only(bed, **given)["Id"] == row["Id"], given
    refused = [line for line in trail(bed, row["Id"]) if line["Outcome"] == "refused"]
    assert [(line["Check"], line["Recipient"]) for line in refused] == [("relay", "victim@away.example"),
                                                                        ("recipient", "nobody@local.example")], refused
    assert all(line["Reply"][:5] in ("550 5", "554 5") for line in refused), refused


def test_refusals_without_a_message(bed):
    """Refused at RCPT and gone, refused at the end of DATA, and cut off in the middle."""
    bed.start()
    with bed.talk(source="127.0.0.9") as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<probe@elsewhere.example>", 250)
        talk.expect("RCPT TO:<victim@away.example>", 554)
        talk.expect("QUIT", 221)
    row = only(bed, Sender="probe@")
    assert (row["Event"], row["Check"], row["RecipientCount"]) == ("refused", "relay", 1), row
    # The log's line leads to it.
    logged = wait_for(lambda: re.search(rb"refused queue-id=(\w+) check=relay", bed.postbusd.stderr()), "the log's line")
    assert logged.group(1).decode() == row["Id"]
    with bed.talk(source="127.0.0.9") as talk:
        talk.ehlo()
        talk.envelope("bare@elsewhere.example", ["ann@local.example"])
        talk.expect("DATA", 354)
        talk.send(b"Subject: x\r\n\r\nbare\nnewline\r\n.\r\n")
        assert str(talk.reply()[0]).startswith("5")
    row = only(bed, Sender="bare@")
    assert row["Event"] == "refused" and row["Check"] and row["Recipients"][0]["Event"] == "refused", row
    with bed.talk(source="127.0.0.9") as talk:
        talk.ehlo()
        talk.envelope("gone@elsewhere.example", ["ann@local.example"])
        talk.expect("DATA", 354)
        talk.send(b"Subject: x\r\n\r\nno e")
    row = await_event(bed, "broken-off", Sender="gone@")
    assert row["Recipients"][0]["Event"] == "broken-off", row
    assert search(bed, Event=["refused", "broken-off"])[0] == 3


def test_refused_at_connect(bed):
    bed.start()
    bed.api.set("ConnectionPolicy", "MaxConnections", "u", 1)
    with bed.talk(source="127.0.0.9") as talk:
        talk.ehlo()
        with bed.talk(source="127.0.0.9", greet=False) as other:
            other.reply()
    row = only(bed, Client="127.0.0.9")
    assert row["Event"] == "refused" and row["Check"] == "connections" and "Sender" not in row, row
    assert row["Reply"].startswith("421 "), row
    assert any(line["Stage"] == "connect" and line["Outcome"] == "refused" for line in trail(bed, row["Id"]))


def test_attempts_deferred_then_delivered(bed):
    bed.start()
    quick_retries(bed)
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Come again", times=1)
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    sink.wait_messages(1)
    row = await_event(bed, "delivered", Text="far@")
    attempts = [line for line in trail(bed, row["Id"]) if line["Stage"] == "attempt"]
    assert [line["Outcome"] for line in attempts] == ["deferred", "delivered"], attempts
    assert attempts[0]["Reply"] == "450 4.2.0 Come again" and "S: 450 4.2.0 Come again" in attempts[0]["Transcript"]


def test_bounce_and_its_notice(bed):
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 No such user")
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    bed.wait_mails(bed.ann, 1)
    row = await_event(bed, "bounced", Recipient="far@")
    notice = await_event(bed, "delivered", Recipient="ann@local.example")
    assert notice["Sender"] == "" and notice["Client"] == "local", notice
    assert any(row["Id"] in line["Evidence"] for line in trail(bed, notice["Id"])), trail(bed, notice["Id"])


def test_alias_is_found_by_both_addresses(bed):
    bed.start()
    bed.api.add("Aliases", Address="team@local.example", Targets=["ann@local.example"])
    bed.send("a@b.example", ["team@local.example"], MESSAGE)
    bed.wait_mails(bed.ann, 1)
    row = await_event(bed, "delivered", Recipient="team@")
    assert row["Recipients"][0]["Address"] == "ann@local.example"
    assert row["Recipients"][0]["Original"] == "team@local.example"


def test_discarded_by_a_rule(bed):
    """Taken and dropped, which the client is not told: for one recipient, and for all there are."""
    bed.start()
    bed.api.add("Accounts", Name="ben", Addresses=["ben@local.example"])
    bed.api.add("AccessList", Name="Void", List="blacklist", Kind="recipient", Value="ben@local.example", Action="discard")
    with bed.talk(source="127.0.0.9") as talk:
        talk.ehlo()
        talk.mail("one@elsewhere.example", ["ben@local.example"], MESSAGE)
        talk.mail("two@elsewhere.example", ["ann@local.example", "ben@local.example"], MESSAGE)
    bed.wait_mails(bed.ann, 1)
    row = only(bed, Sender="one@")
    assert row["Event"] == "discarded" and row["Check"] == "access-envelope", row
    assert [each["Event"] for each in row["Recipients"]] == ["discarded"], row
    row = await_event(bed, "delivered", Sender="two@")
    assert {each["Address"]: each["Event"] for each in row["Recipients"]} == {"ann@local.example": "delivered",
                                                                           "ben@local.example": "discarded"}, row
    assert search(bed, Event=["discarded"])[0] == 2


def test_discarded_behind_many(bed):
    """The hundredth of a message's recipients is one recipient too; who breaks off has dropped nobody's mail."""
    bed.start()
    bed.api.add("Accounts", Name="ben", Addresses=["ben@local.example"])
    bed.api.add("AccessList", Name="Void", List="blacklist", Kind="recipient", Value="ben@local.example", Action="discard")
    with bed.talk(source="127.0.0.9") as talk:
        talk.ehlo()
        talk.mail("many@elsewhere.example", ["ann@local.example"] * 99 + ["ben@local.example"], MESSAGE)
        talk.envelope("off@elsewhere.example", ["ann@local.example", "ben@local.example"])
        talk.expect("RSET", 250)
    bed.wait_mails(bed.ann, 1)
    row = await_event(bed, "delivered", Sender="many@")
    assert [each["Event"] for each in row["Recipients"] if each["Address"] == "ben@local.example"] == ["discarded"], row
    row = await_event(bed, "broken-off", Sender="off@")
    assert {each["Address"]: each["Event"] for each in row["Recipients"]} == {"ann@local.example": "broken-off",
                                                                           "ben@local.example": "discarded"}, row


def test_removed_by_hand(bed):
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Come again")
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    bed.wait_deferred()
    assert await_event(bed, "deferred", Recipient="far@")["Reply"] == "450 4.2.0 Come again"
    assert bed.api.call("Queue", "Remove", "(a{sv}b)", {"Recipient": GLib.Variant("s", "far@away.example")}, False)[0] == 1
    row = await_event(bed, "removed", Recipient="far@")
    assert trail(bed, row["Id"])[-1]["Outcome"] == "removed"


def test_needs_view(bed):
    stranger.need_root()
    bed.start()
    api = stranger.connect(bed)
    for call in (("Search", "(a{sv}uu)", {}, 0, 1), ("Trail", "(s)", "0000000000000")):
        try:
            api.call("History", *call)
        except BusError as error:
            assert error.name == "NotAuthorized", error
        else:
            raise AssertionError(f"{call} was let through")
    assert api.get("History", "State") == "ok", "its state is open"


def test_bad_questions(bed):
    bed.start()
    for given, name in (({"NoSuch": GLib.Variant("s", "x")}, "InvalidValue"), ({"Text": GLib.Variant("u", 1)}, "InvalidValue"),
                        ({"Event": GLib.Variant("s", "lost")}, "InvalidValue"), ({"Text": GLib.Variant("s", "x" * 2000)}, "TooLarge")):
        try:
            bed.api.call("History", "Search", "(a{sv}uu)", given, 0, 1)
        except BusError as error:
            assert error.name == name, (given, error)
        else:
            raise AssertionError(f"{given} was taken")
    for id_, name in (("x", "InvalidValue"), ("0000000000001", "NotFound")):
        try:
            trail(bed, id_)
        except BusError as error:
            assert error.name == name, (id_, error)
        else:
            raise AssertionError(f"{id_} was taken")


def test_survives_a_restart_and_keeps_to_its_limits(bed):
    bed.start()
    bed.send("a@b.example", ["ann@local.example"], MESSAGE)
    bed.wait_mails(bed.ann, 1)
    bed.queue_empty()
    bed.postbusd.restart()
    assert only(bed, Text="a@b.example")["Event"] == "delivered"
    # Nothing is older than a day; the setting is obeyed without a restart.
    bed.api.set("HistorySettings", "Days", "u", 1)
    assert only(bed, Text="a@b.example")


def test_killed(bed):
    """What was asked for, and so written, before a kill is there after it; the file is whole."""
    bed.start()
    for number in range(5):
        for each in range(20):
            bed.send(f"k{number}-{each}@b.example", ["ann@local.example"], MESSAGE)
        wait_for(lambda: search(bed, Sender=f"k{number}-")[0] == 20, "all of them in the history")
        bed.send("unasked@b.example", ["ann@local.example"], MESSAGE)
        bed.postbusd.kill()
        with sqlite3.connect(pathlib.Path(bed.state, "history.db")) as file:
            assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        file.close()
        bed.postbusd.start()
        assert [search(bed, Sender=f"k{each}-")[0] for each in range(number + 1)] == [20] * (number + 1)


def test_mail_goes_on_without_it(bed):
    """Taken away, replaced by rubbish, replaced by a folder: mail is delivered, the state tells, and it comes back."""
    bed.start()
    path = pathlib.Path(bed.state, "history.db")

    def mail(number):
        bed.send(f"m{number}@b.example", ["ann@local.example"], MESSAGE)
        bed.wait_mails(bed.ann, number)

    def known(number):
        def found():
            try:
                return search(bed, Text=f"m{number}@b.example")[0] == 1
            except BusError:
                return False
        wait_for(found, f"message {number} in the history")

    mail(1)
    known(1)
    path.unlink()
    mail(2)
    known(2)
    rubbish = pathlib.Path(bed.folder, "rubbish")
    rubbish.write_bytes(b"rubbish " * 1000)
    rubbish.replace(path)
    mail(3)
    known(3)
    assert pathlib.Path(bed.state, "history.db.damaged").exists()
    folder = pathlib.Path(bed.folder, "folder")
    folder.mkdir()
    path.rename(pathlib.Path(bed.folder, "away"))
    folder.rename(path)
    mail(4)
    wait_for(lambda: bed.api.get("History", "State") == "unavailable", "the state to tell")
    path.rmdir()
    mail(5)
    known(4)
    known(5)
    wait_for(lambda: bed.api.get("History", "State") == "ok", "the state to be well")

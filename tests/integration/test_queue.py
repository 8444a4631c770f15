# SPDX-License-Identifier: GPL-3.0-or-later
"""What an administrator does to the queue: each action by each selector, what it refuses, and that it holds
over kills and against what is under way."""
import os
import sqlite3
import subprocess
import time

from bus import NAME, PATH, BusError, variants
from gi.repository import GLib
from harness import strip_trace, wait_for
from sink import HANG

TEXT = b"Subject: %s\r\n\r\n%s\r\n"
LARGE = b"Subject: large\r\n\r\n" + (b"z" * 76 + b"\r\n") * 4000
SELECTOR = "(a{sv})"


def act(bed, method, *more, signature=SELECTOR, **selector):
    return bed.api.call("Queue", method, signature, variants(selector), *more)[0]


def remove(bed, notify, **selector):
    return act(bed, "Remove", notify, signature="(a{sv}b)", **selector)


def reroute(bed, target, **selector):
    return act(bed, "Reroute", target, signature="(a{sv}s)", **selector)


def refused(name, place, function, *arguments, **selector):
    try:
        function(*arguments, **selector)
    except BusError as error:
        assert error.name == name and error.text.startswith(place), error
        return
    raise AssertionError(f"{arguments} {selector} was let through")


def ids(bed, **row_filter):
    return [row["Id"] for row in bed.api.rows("Queue", **row_filter)]


def states(bed):
    return {row["Sender"]: row["State"] for row in bed.api.rows("Queue")}


def submit(bed, *arguments):
    """Sends a message and returns its queue id."""
    return bed.send(*arguments).split()[-1]


def defer(bed, *pairs, body=TEXT % (b"x", b"x")):
    """Messages that wait, since the relay refuses for now. Pairs of sender and recipients. Returns the sink and the ids."""
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Later")
    sent = [submit(bed, sender, recipients, body) for sender, recipients in pairs]
    bed.wait_deferred(len(pairs))
    return sink, sent


THREE = (("ann@local.example", ["one@away.example"]),
         ("bob@local.example", ["two@away.example", "three@elsewhere.example"]),
         ("Cat@local.example", ["four@elsewhere.example"]))


def test_hold_and_release_by_each_selector(bed):
    bed.start()
    sink, (one, two, three) = defer(bed, *THREE)
    selectors = (({"Ids": [one]}, 1), ({"Sender": "BOB@local.example"}, 1), ({"Recipient": "two@AWAY.example"}, 1),
                 ({"Destination": "elsewhere.example"}, 2), ({"State": "deferred"}, 3), ({"All": True}, 3),
                 ({"Search": "CAT"}, 1), ({"Ids": [one, two], "Sender": "ann@local.example"}, 1),
                 ({"Destination": "elsewhere.example", "Sender": "ann@local.example"}, 0), ({"Ids": []}, 0),
                 ({"Sender": ""}, 0))
    for selector, count in selectors:
        assert act(bed, "Hold", **selector) == count, selector
        assert act(bed, "Hold", **{k: v for k, v in selector.items() if k != "State"} or {"All": True}) == 0, selector
        assert bed.api.get("Queue", "Held") == count
        assert len(ids(bed, State="held")) == count
        assert act(bed, "Release", State="held") == count
        bed.wait_deferred(3)
    assert act(bed, "Hold", Ids=[three]) == 1
    assert states(bed) == {"ann@local.example": "deferred", "bob@local.example": "deferred", "Cat@local.example": "held"}
    sink.clear_rules()
    assert act(bed, "Retry", All=True) == 2
    sink.wait_messages(2)
    wait_for(lambda: ids(bed) == [three], "the held one alone")
    bed.postbusd.kill()
    bed.postbusd.start()
    assert states(bed) == {"Cat@local.example": "held"}
    [row] = bed.api.rows("Queue")
    assert row["Recipients"][0]["HeldFor"] == "administrator" and row["Recipients"][0]["State"] == "held"
    assert act(bed, "Retry", All=True) == 0
    assert act(bed, "Release", Sender="cat@local.example") == 1
    sink.wait_messages(3)
    bed.queue_empty()


def test_retry_by_each_selector(bed):
    """What waits an hour goes at once, also when its destination was found dead."""
    bed.start()
    sink, sent = defer(bed, *THREE)
    before = sink.count("RCPT")
    for selector, count in (({"Ids": [sent[0]]}, 1), ({"Sender": "bob@local.example"}, 1), ({"Recipient": "one@away.example"}, 1),
                            ({"Destination": "away.example"}, 2), ({"State": "deferred"}, 3), ({"All": True}, 3)):
        assert act(bed, "Retry", **selector) == count, selector
        expected = before + sum(len(recipients) for sender, recipients in THREE
                                if selector.get("Sender", sender) == sender
                                and selector.get("Recipient", recipients[0]) in recipients
                                and ("Ids" not in selector or sender == THREE[0][0])
                                and ("Destination" not in selector or any("@away" in each for each in recipients)))
        sink.wait_for(lambda s, n=expected: s.count("RCPT") >= n, f"attempts for {selector}")
        wait_for(lambda: all(r["NextAttempt"] > time.time() + 60 for row in bed.api.rows("Queue") for r in row["Recipients"]),
                 "all put off again")
        before = sink.count("RCPT")
    sink.stop()
    assert act(bed, "Retry", All=True) == 3
    wait_for(lambda: all("answer" in r["LastReply"] or "refused" in r["LastReply"] for row in bed.api.rows("Queue")
                         for r in row["Recipients"]), "a dead relay")
    sink.clear_rules()
    sink.start()
    assert act(bed, "Retry", Destination="elsewhere.example") == 2
    sink.wait_messages(2)


def test_remove_by_each_selector(bed):
    bed.start()
    for selector in ("Ids", "Sender", "Recipient", "Destination", "State", "Search", "All"):
        sink, sent = defer(bed, *THREE, body=LARGE)
        chosen, left = {"Ids": ([sent[0], sent[2]], [sent[1]]), "Sender": ("ann@local.example", sent[1:]),
                        "Recipient": ("three@elsewhere.example", [sent[0], sent[2]]),
                        "Destination": ("away.example", [sent[2]]), "State": ("deferred", []),
                        "Search": ("four@", sent[:2]), "All": (True, [])}[selector]
        assert remove(bed, False, **{selector: chosen}) == 3 - len(left), selector
        assert ids(bed) == left
        bed.postbusd.kill()
        bed.postbusd.start()
        assert ids(bed) == left, selector
        if left:
            assert remove(bed, False, All=True) == len(left)
        bed.queue_empty()
        wait_for(lambda: not [name for name in os.listdir(os.path.join(bed.state, "spool")) if len(name) == 13], "no files")
        assert bed.api.get("Queue", "Size") == 0
        sink.stop()
    assert bed.mails(bed.ann) == []


def test_remove_tells_the_sender(bed):
    """A notice for who wants one, in his mailbox, and none for the null sender."""
    bed.start()
    defer(bed, ("ann@local.example", ["one@away.example", "two@away.example"]), ("", ["three@away.example"]))
    assert remove(bed, True, All=True) == 2
    [notice] = bed.wait_mails(bed.ann)
    assert notice.count(b"Action: failed") == 2 and b"removed from the queue by the administrator" in notice, notice
    assert b"Subject: x" in notice and b"Status: 5.0.0" in notice
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 1


def test_removal_is_history(bed):
    """What became of a removed message can be found out, told of or not."""
    bed.start()
    _, (one, two, _) = defer(bed, *THREE)
    assert remove(bed, False, Ids=[one]) == 1
    assert remove(bed, True, Ids=[two]) == 1
    for sent in (one, two):
        def ended():
            rows = bed.api.call("History", "Search", "(a{sv}uu)", variants({"Text": sent}), 0, 10)[1]
            assert len(rows) < 2, rows
            return rows and rows[0]["Event"] == "removed"
        wait_for(ended, "the end of it in the history")


def test_damaged_mail_can_be_removed_and_told(bed):
    """The body is damaged: nobody can be told with it, and it goes all the same."""
    bed.start()
    defer(bed, *THREE[:1])
    bed.postbusd.stop()
    with sqlite3.connect(os.path.join(bed.state, "queue.db")) as database:
        database.execute("UPDATE body SET data = CAST(replace(CAST(data AS TEXT), 'x', 'y') AS BLOB)")
    database.close()
    bed.postbusd.start()
    act(bed, "Retry", All=True)
    [row] = wait_for(lambda: bed.api.rows("Queue", State="held"), "the held message")
    assert row["Recipients"][0]["HeldFor"] == "damage", row
    assert bed.api.call("Queue", "Read", "(stu)", row["Id"], 0, 65536)[0] == row["Size"]
    assert act(bed, "Release", State="held") == 1
    wait_for(lambda: bed.api.get("Queue", "Held") == 1, "held again")
    assert remove(bed, True, All=True) == 1
    bed.queue_empty()


def test_reroute(bed):
    """Where the administrator says, over a restart, and by the settings again."""
    bed.start()
    sink, (one, two, three) = defer(bed, *THREE)
    other = bed.sink(hosts=("127.0.0.9",))
    target = f"127.0.0.9:{other.port}"
    assert act(bed, "Hold", Ids=[three]) == 1
    assert reroute(bed, target, Ids=[three]) == 1
    bed.postbusd.kill()
    bed.postbusd.start()
    [row] = bed.api.rows("Queue", Ids=[three])
    assert row["Target"] == target and "127.0.0.9" in row["Recipients"][0]["Route"], row
    assert reroute(bed, target, Sender="ann@local.example") == 1
    [message] = other.wait_messages(1)
    assert message.recipients == [b"one@away.example"]
    wait_for(lambda: one not in ids(bed), "it to be gone from the queue")
    assert reroute(bed, "", Ids=[three]) == 1
    [row] = bed.api.rows("Queue", Ids=[three])
    assert "Target" not in row and "127.0.0.9" not in row["Recipients"][0]["Route"]
    assert reroute(bed, target, All=True) == 2
    other.wait_messages(2)
    assert act(bed, "Release", All=True) == 1
    other.wait_messages(3)
    bed.queue_empty()
    assert sink.messages == []


def test_read_in_pieces(bed):
    """The octets of small and large messages, and what is refused."""
    bed.start()
    _, (small,) = defer(bed, THREE[0])
    large = submit(bed, "ann@local.example", ["one@away.example"], LARGE)
    for each, body in ((small, TEXT % (b"x", b"x")), (large, LARGE)):
        octets, size = b"", 1
        while len(octets) < size:
            size, piece = bed.api.call("Queue", "Read", "(stu)", each, len(octets), 65536)
            assert piece
            octets += bytes(piece)
        assert strip_trace(octets)[0] == body and b"\r\nReceived:"[2:] in octets
        [row] = bed.api.rows("Queue", Ids=[each])
        assert row["Size"] == size == len(octets)
        assert bed.api.call("Queue", "Read", "(stu)", each, size, 10) == (size, [])
        assert bed.api.call("Queue", "Read", "(stu)", each, 5, 0) == (size, [])
        assert bytes(bed.api.call("Queue", "Read", "(stu)", each, 5, 7)[1]) == octets[5:12]
    read = lambda *arguments: bed.api.call("Queue", "Read", "(stu)", *arguments)
    refused("TooLarge", "Queue.Read", read, small, 0, 65537)
    refused("InvalidValue", "Queue.Read", read, "nonsense", 0, 1)
    refused("InvalidValue", "Queue.Read", read, small, 1 << 63, 1)
    refused("NotFound", "", read, "0000000000001", 0, 1)


def test_what_is_refused(bed):
    bed.start()
    _, sent = defer(bed, THREE[0])
    for method in ("Hold", "Release", "Retry"):
        place = f"Queue.{method}"
        refused("InvalidValue", place, act, bed, method)
        refused("InvalidValue", place + ".All", act, bed, method, All=False)
        refused("InvalidValue", place + ".All", act, bed, method, All=True, Sender="ann@local.example")
        refused("InvalidValue", place + ".All", act, bed, method, All="yes")
        refused("InvalidValue", place + ".Ids", act, bed, method, Ids=["nonsense"])
        refused("InvalidValue", place + ".Ids", act, bed, method, Ids=sent + [""])
        refused("InvalidValue", place + ".Ids", act, bed, method, Ids="nonsense")
        refused("InvalidValue", place + ".State", act, bed, method, State="lost")
        refused("InvalidValue", place + ".Sender", act, bed, method, Sender=7)
        refused("InvalidValue", place + ".Size", act, bed, method, Size=7)
        refused("InvalidValue", place, act, bed, method, Search="")
        refused("TooLarge", place + ".Sender", act, bed, method, Sender="x" * 4097)
        refused("TooLarge", place + ".Ids", act, bed, method, Ids=sent * 10001)
    refused("InvalidValue", "Queue.Remove", remove, bed, False)
    refused("InvalidValue", "Queue.Remove", remove, bed, True)
    for target in ("no host", "host:0", "host:65536", "host:", ":25", "[::1", "::1:25:x", "-host", "x" * 300, "a\nb"):
        refused("InvalidValue", "Queue.Reroute", reroute, bed, target, All=True)
    refused("InvalidValue", "Queue.Reroute", reroute, bed, "relay.example:25")
    refused("TooLarge", "Queue.List", bed.api.rows, "Queue", limit=501)
    [row] = bed.api.rows("Queue")
    assert row["State"] == "deferred" and "Target" not in row
    assert act(bed, "Hold", Ids=["0000000000001"] * 9999 + sent) == 1


def test_ten_thousand_ids(bed):
    """Ten thousand messages, each named, held, released, rerouted and removed, the daemon killed between."""
    bed.start()
    _, [first] = defer(bed, THREE[0])
    assert act(bed, "Hold", All=True) == 1
    bed.postbusd.stop()
    with sqlite3.connect(os.path.join(bed.state, "queue.db")) as database:
        known = database.execute("SELECT id FROM message").fetchone()
        database.execute("DELETE FROM body WHERE id <> ?", known)
        columns = "next_attempt, class, arrival, size, n_recipients, in_file, digest, envelope, status, target"
        database.execute(f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9999) "
                         f"INSERT INTO message (id, {columns}) SELECT message.id - n.i, {columns} FROM message, n")
        database.execute("INSERT INTO body SELECT message.id, (SELECT data FROM body) FROM message WHERE id <> ?", known)
    database.close()
    bed.postbusd.start()
    assert bed.api.get("Queue", "Held") == 10000
    named = [row for offset in range(0, 10000, 500)
             for row in (each["Id"] for each in bed.api.rows("Queue", offset=offset))]
    assert len(set(named)) == 10000 and named[-1] == first
    bed.api.set("Delivery", "Mode", "s", "relay")
    assert reroute(bed, "127.0.0.9:9", Ids=named) == 10000
    wait_for(lambda: b"rerouted more-messages=9000 to=127.0.0.9:9 by=" in bed.postbusd.stderr(), "the last line of the log")
    assert bed.postbusd.stderr().count(b"\nrerouted queue-id=") == 1000
    bed.postbusd.kill()
    bed.postbusd.start()
    assert all(row["Target"] == "127.0.0.9:9" for row in bed.api.rows("Queue", offset=9500))
    assert remove(bed, False, Ids=named[:9000]) == 9000
    bed.postbusd.kill()
    bed.postbusd.start()
    assert remove(bed, False, State="held") == 1000
    bed.queue_empty()


def test_killed_amid_an_action(bed):
    """Each message is as it was or as it is to be; none is lost, and the action can be asked for again."""
    bed.start()
    sink, sent = defer(bed, *[(f"s{i}@local.example", ["one@away.example"]) for i in range(60)])
    for method, state in (("Hold", "held"), ("Release", "deferred")):
        bed.api.connection.call(NAME, PATH, NAME + ".Queue", method, GLib.Variant(SELECTOR, (variants({"All": True}),)), None,
                                0, 240000, None, None)
        bed.api.connection.flush_sync(None)
        bed.postbusd.kill()
        bed.postbusd.start()
        assert ids(bed) == sent
        assert set(states(bed).values()) <= {"held", "deferred"}
        act(bed, method, All=True)
        wait_for(lambda s=state: set(states(bed).values()) == {s}, state)
    sink.clear_rules()
    act(bed, "Retry", All=True)
    sink.wait_messages(60)
    bed.queue_empty()
    assert len({message.sender for message in sink.messages}) == 60 == len(sink.messages)


def under_way(bed):
    """A message whose delivery is under way: the relay takes its time with the end of the data."""
    bed.start()
    sink = bed.relay_sink()
    sink.rule(".", HANG)
    sent = submit(bed, "ann@local.example", ["one@away.example"], TEXT % (b"slow", b"slow"))
    sink.wait_commands("DATA")
    return sink, sent


def test_held_while_under_way(bed):
    """The attempt ends as it ends; after a failed one the message stays held."""
    sink, sent = under_way(bed)
    assert act(bed, "Hold", All=True) == 1
    sink.stop()
    sink.clear_rules()
    row = wait_for(lambda: [row for row in bed.api.rows("Queue") if row["Recipients"][0]["Attempts"] > 0], "the attempt's end")[0]
    assert row["State"] == "held" and row["Id"] == sent
    sink.start()
    assert act(bed, "Release", All=True) == 1
    sink.wait_messages(1)
    bed.queue_empty()


def test_removed_while_under_way(bed):
    sink, _ = under_way(bed)
    assert remove(bed, False, All=True) == 1
    assert ids(bed) == []
    sink.stop()
    sink.clear_rules()
    sink.start()
    submit(bed, "bob@local.example", ["two@away.example"], TEXT % (b"next", b"next"))
    act(bed, "Retry", All=True)
    [message] = sink.wait_messages(1)
    assert message.sender == b"bob@local.example"
    bed.queue_empty()
    assert [m.sender for m in sink.messages] == [b"bob@local.example"]


def test_attempts(bed):
    """How a message was tried, with what was said."""
    bed.start()
    _, [sent] = defer(bed, THREE[0])
    act(bed, "Retry", All=True)
    attempts = wait_for(lambda: [found for found in bed.api.call("Queue", "Attempts", "(s)", sent) if len(found) == 2], "two attempts")[0]
    assert all("450 4.2.0 Later" in each["Transcript"] and "127.0.0.1" in each["Remote"] for each in attempts), attempts
    assert attempts[0]["Time"] <= attempts[1]["Time"] and attempts[0]["Results"][0]["Recipient"] == "one@away.example"
    assert bed.api.call("Queue", "Attempts", "(s)", "0000000000001") == ([],)
    refused("InvalidValue", "Queue.Attempts", bed.api.call, "Queue", "Attempts", "(s)", "nonsense")


def test_changes_are_told(bed):
    """A signal without content when mail came, and when an administrator did something."""
    bed.start()
    heard = []
    bed.api.connection.signal_subscribe(NAME, NAME + ".Queue", "Changed", PATH, None, 0,
                                        lambda *signal: heard.append(signal[5].unpack()))
    context = GLib.MainContext.default()

    def hear(what):
        wait_for(lambda: context.iteration(False) or heard, what)
        assert set(heard) == {()}
        heard.clear()

    defer(bed, THREE[0])
    hear("the message")
    wait_for(lambda: not context.iteration(False), "nothing left")
    heard.clear()
    assert act(bed, "Hold", All=True) == 1
    hear("the hold")


def test_from_the_shell(bed):
    """busctl and gdbus, each action."""
    bed.start()
    _, [sent] = defer(bed, THREE[0])
    target = ("--address", bed.bus.address)
    where = (NAME, PATH, NAME + ".Queue")

    def busctl(*arguments):
        return subprocess.run(["busctl", "--address=" + bed.bus.address, "call", *where, *arguments], check=True, timeout=240,
                              capture_output=True, text=True).stdout.strip()

    def gdbus(method, *arguments):
        return subprocess.run(["gdbus", "call", *target, "-d", NAME, "-o", PATH, "-m", NAME + ".Queue." + method, *arguments],
                              check=True, timeout=240, capture_output=True, text=True).stdout.strip()

    assert busctl("Hold", "a{sv}", "1", "Destination", "s", "away.example") == "u 1"
    assert gdbus("Hold", "{'All': <true>}") == "(uint32 0,)"
    assert gdbus("Release", f"{{'Ids': <['{sent}']>}}") == "(uint32 1,)"
    assert busctl("Retry", "a{sv}", "1", "Ids", "as", "1", sent) == "u 1"
    assert busctl("Reroute", "a{sv}s", "1", "Sender", "s", "ann@local.example", "127.0.0.9:9") == "u 1"
    assert gdbus("Reroute", "{'State': <'deferred'>}", "") in ("(uint32 1,)", "(uint32 0,)")
    assert "Subject: x" in bytes(int(word) for word in busctl("Read", "stu", sent, "0", "65536").split()[4:]).decode()
    assert gdbus("Remove", "{'All': <true>}", "false") == "(uint32 1,)"

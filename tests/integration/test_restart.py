# SPDX-License-Identifier: GPL-3.0-or-later
"""What survives a restart and a kill -9: queued mail, settings, lists, the times of retries."""
import os
import queue
import signal
import socket
import sqlite3
import threading
import time

from gi.repository import GLib

import certificates
from bus import NAME, PATH
from harness import strip_trace, wait_for
from sink import HANG
from test_metrics import log_property

SMALL = b"Subject: small\r\n\r\nsmall\r\n"
LARGE = b"Subject: large\r\n\r\n" + (b"z" * 76 + b"\r\n") * 4000


def queue_three(bed):
    """Three messages that wait, since the relay refuses for now."""
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Later")
    bed.send("ann@local.example", ["one@away.example"], SMALL)
    bed.send("ann@local.example", ["two@away.example", "three@away.example"], LARGE)
    bed.wait_deferred(2)
    return sink


def wait_all(bed, sink):
    sink.clear_rules()
    messages = sink.wait_messages(2)
    bodies = sorted(strip_trace(message.body)[0] for message in messages)
    assert bodies == sorted([SMALL, LARGE])
    assert sorted(name for message in messages for name in message.recipients) == [
        b"one@away.example", b"three@away.example", b"two@away.example"]
    bed.queue_empty()


def quick_retries(bed):
    bed.api.set("Queueing", "MinBackoff", "u", 1)
    bed.api.set("Queueing", "MaxBackoff", "u", 1)


def test_queue_survives_restart(bed):
    bed.start()
    quick_retries(bed)
    sink = queue_three(bed)
    before = bed.api.rows("Queue")
    bed.postbusd.restart()
    after = bed.api.rows("Queue")
    assert [row["Id"] for row in before] == [row["Id"] for row in after]
    assert [row["Sender"] for row in after] == ["ann@local.example"] * 2
    wait_all(bed, sink)


def test_queue_survives_kill(bed):
    bed.start()
    quick_retries(bed)
    sink = queue_three(bed)
    bed.postbusd.kill()
    bed.postbusd.start()
    wait_all(bed, sink)


def test_back_off_survives_restart(bed):
    """A restart is no reason to try again before the time."""
    bed.start()
    sink = queue_three(bed)
    tried = sink.count("RCPT")
    times = [row["Recipients"][0]["NextAttempt"] for row in bed.api.rows("Queue")]
    bed.postbusd.restart()
    rows = bed.api.rows("Queue")
    assert [row["Recipients"][0]["NextAttempt"] for row in rows] == times
    assert all(row["State"] == "deferred" for row in rows)
    assert sink.count("RCPT") == tried


def test_settings_and_lists_survive(bed):
    bed.start()
    bed.api.set("General", "MaxRecipients", "u", 77)
    bed.api.set("Delivery", "RelayServer", "s", "relay.example")
    revision = bed.api.get("Manager", "Revision")
    instance = bed.api.get("Manager", "InstanceId")
    rows = {kind: bed.api.rows(kind) for kind in ("LocalDomains", "Accounts", "TrustedList", "Aliases")}
    for stop in (bed.postbusd.stop, bed.postbusd.kill):
        stop()
        bed.postbusd.start()
        assert bed.api.get("General", "MaxRecipients") == 77
        assert bed.api.get("General", "Hostname") == "mail.local.example"
        assert bed.api.get("Delivery", "RelayServer") == "relay.example"
        assert bed.api.get("Manager", "Revision") == revision
        assert bed.api.get("Manager", "InstanceId") == instance
        for kind, before in rows.items():
            assert bed.api.rows(kind) == before


def test_set_is_safe_when_answered(bed):
    """A setting whose Set was answered is there after a kill at once."""
    bed.start()
    for value in range(101, 111):
        bed.api.set("General", "MaxRecipients", "u", value)
        bed.postbusd.kill()
        bed.postbusd.start()
        assert bed.api.get("General", "MaxRecipients") == value


def test_stop_says_421_and_ends(bed):
    bed.start()
    talk = bed.talk()
    talk.ehlo()
    bed.postbusd.stop()
    assert talk.at_end().startswith(b"421 4.3.2 ")


def test_ids_are_never_given_twice(bed):
    bed.start()
    seen = set()
    for _ in range(3):
        for _ in range(5):
            seen.add(bed.send("a@b.example", ["ann@local.example"], SMALL))
        bed.postbusd.kill()
        bed.postbusd.start()
    assert len(seen) == 15
    bed.wait_mails(bed.ann, 15)
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 15


def test_stop_cuts_off_a_message_without_end(bed):
    """A client that has stopped in the middle of its message is waited for, but not for ever."""
    bed.start()
    talk = bed.talk()
    talk.ehlo()
    talk.envelope("a@b.example", ["ann@local.example"])
    talk.expect("DATA", 354)
    talk.send(b"Subject: half of it\r\n")
    bed.postbusd.stop()
    assert talk.at_end().startswith(b"421 4.3.2 ")


def test_stop_while_a_sender_is_told(bed):
    """The attempt that the stop breaks off makes a notice of the delay due: too late, and no harm."""
    bed.start()
    bed.api.set("Queueing", "DelayWarning", "u", 1)
    sink = bed.relay_sink()
    sink.rule("CONNECT", HANG)
    bed.send("ann@local.example", ["far@away.example"], LARGE)
    due = time.time() + 2
    sink.wait_for(lambda s: s.connections, "an attempt")
    wait_for(lambda: time.time() > due, "the time of the notice")
    bed.postbusd.process.send_signal(signal.SIGTERM)
    wait_for(lambda: b"stopping" in bed.postbusd.stderr(), "the stop")
    bed.postbusd.stop()
    bed.postbusd.start()
    assert len(bed.api.rows("Queue")) == 1


def test_systemd_is_told(bed):
    """READY when mail is taken, the watchdog fed while all goes on, STOPPING at the end."""
    path = os.path.join(bed.folder, "notify")
    environment = bed.postbusd.environment()
    bed.postbusd.environment = lambda: {**environment, "NOTIFY_SOCKET": path, "WATCHDOG_USEC": "300000"}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        said = queue.Queue()

        def listen():
            """As systemd does, all the time: few messages fit into a socket, and who finds it full waits."""
            while octets := systemd.recv(4096):
                said.put(octets)
        threading.Thread(target=listen, daemon=True).start()

        def hear():
            return said.get(timeout=240)
        bed.start()
        assert hear() == b"READY=1"
        heard = []
        while heard.count(b"WATCHDOG=1") < 3:
            heard.append(hear())
        assert heard[0] == b"STATUS=Queue: 0 active, 0 deferred, 0 held; sessions: 0", heard
        with socket.create_connection(("127.0.0.1", bed.postbusd.port)):
            while not heard[-1].endswith(b"sessions: 1"):
                heard.append(hear())
        bed.postbusd.process.send_signal(signal.SIGHUP)
        while heard[-1] != b"RELOADING=1":
            heard.append(hear())
        while (ready := hear()) != b"READY=1":
            assert ready == b"WATCHDOG=1" or ready.startswith(b"STATUS="), ready
        told = [each for each in heard if each.startswith(b"STATUS=")]
        assert all(one != other for one, other in zip(told, told[1:])), "said without a change"
        bed.postbusd.stop()
        while not (told := hear()).startswith(b"STOPPING=1"):
            assert told == b"WATCHDOG=1" or told.startswith(b"STATUS="), told
        systemd.shutdown(socket.SHUT_RD)


def test_hangup_reads_the_files_again(bed):
    """A pair of files that is wrong is told of again; mail goes on."""
    chain, key = certificates.make_pair(bed.folder, "pair")
    bed.start()
    bed.api.call("Manager", "Apply", "(a{sa{sv}}a{sv})",
                 {"Tls": {"CertificateFile": GLib.Variant("s", chain), "KeyFile": GLib.Variant("s", key)}}, {})
    with open(chain + ".new", "w", encoding="utf-8") as file:
        file.write("nothing\n")
    os.replace(chain + ".new", chain)  # at one stroke: an empty file would be refused as well

    def refused():
        return bed.postbusd.stderr().count(b"certificate-refused")
    wait_for(lambda: refused() == 1, "the refusal of what was written")
    log_property(bed.api, "LogLevel", "warning")
    bed.postbusd.process.send_signal(signal.SIGHUP)
    wait_for(lambda: b"reloading" in bed.postbusd.stderr() and refused() == 2, "the refusal, told again")
    assert log_property(bed.api, "LogLevel") == "info"
    bed.send("a@b.example", ["ann@local.example"], SMALL)
    bed.wait_mails(bed.ann)


def test_damaged_mail_is_held_and_told(bed):
    """A body that is no longer what was taken: put aside, shown, signalled, never sent and never dropped."""
    bed.start()
    quick_retries(bed)
    sink = queue_three(bed)
    bed.postbusd.stop()
    database = sqlite3.connect(os.path.join(bed.state, "queue.db"))
    database.execute("UPDATE body SET data = CAST(replace(CAST(data AS TEXT), 'small', 'smell') AS BLOB)")
    database.commit()
    database.close()
    heard = []
    bed.api.connection.signal_subscribe(
        NAME, "org.freedesktop.DBus.Properties", "PropertiesChanged", PATH, NAME + ".Queue", 0,
        lambda *signal: heard.append(signal[5].unpack()))
    bed.postbusd.start()
    context = GLib.MainContext.default()
    wait_for(lambda: context.iteration(False) or heard, "PropertiesChanged")
    assert heard == [(NAME + ".Queue", {"Held": 1}, [])]
    sink.clear_rules()
    sink.wait_messages(1)
    [row] = wait_for(lambda: bed.api.rows("Queue", State="held"), "the held message")
    assert row["State"] == "held" and "damaged" in row["Recipients"][0]["LastReply"]
    bed.postbusd.restart()
    assert bed.api.get("Queue", "Held") == 1
    assert [strip_trace(message.body)[0] for message in sink.messages] == [LARGE]

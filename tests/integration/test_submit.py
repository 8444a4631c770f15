# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail from programs of this machine: Submission on the bus."""
import os
import socket
import subprocess
import sys
import tempfile

import scanner
from bus import NAME, PATH, BusError, variants
from gi.repository import Gio, GLib
from harness import skip, wait_for

MESSAGE = b"Subject: hello\n\nFrom a program.\n.\nA dot above.\n"


def descriptor(octets=MESSAGE):
    handle = os.memfd_create("message")
    os.write(handle, octets)
    return handle


def call(connection, method, arguments, handle=None):
    """Calls Submission with a descriptor; the reply and its descriptors."""
    handles = Gio.UnixFDList.new()
    if handle is not None:
        handles.append(handle)
    try:
        reply, out = connection.call_with_unix_fd_list_sync(
            NAME, PATH, f"{NAME}.Submission", method, arguments, None, Gio.DBusCallFlags.NONE, 240000, handles, None)
    except GLib.Error as error:
        name = Gio.DBusError.get_remote_error(error) or "none"
        raise BusError(name.removeprefix(NAME + ".Error."),
                       error.message.removeprefix(f"GDBus.Error:{name}: ")) from None
    return reply.unpack(), out


def send(bed, recipients, sender="", octets=MESSAGE, handle=None, **options):
    handle = descriptor(octets) if handle is None else handle
    try:
        return call(bed.api.connection, "Send",
                    GLib.Variant("(hsasa{sv})", (0, sender, recipients, variants(options))), handle)[0][0]
    finally:
        os.close(handle)


def refused(bed, *arguments, **options):
    try:
        send(bed, *arguments, **options)
    except BusError as error:
        return error.name, error.text
    raise AssertionError("was taken")


def run_as(bed, uid, *arguments):
    """This file as another user: what it prints."""
    if os.geteuid() != 0:
        skip("only root can be somebody else")
    os.chmod(bed.folder, 0o755)
    done = subprocess.run([sys.executable, __file__, bed.bus.address, *arguments], user=uid, group=uid, extra_groups=[],
                          capture_output=True, text=True, timeout=240, check=False,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_send(bed):
    """Taken, made whole, delivered, recorded; bare names are this machine's; lines may end with LF."""
    bed.start()
    identity = send(bed, ["ann@local.example", "ann"], octets=b"Bcc: eve@x.example\n" + MESSAGE)
    mails = bed.wait_mails(bed.ann, 2)
    for mail in mails:
        assert b"Return-Path: <root@mail.local.example>" in mail, mail
        assert b"by mail.local.example (Postbus, from uid %d)" % os.geteuid() in mail, mail
        assert b"\nMessage-ID: <" in mail and b"\nDate: " in mail and b"Bcc" not in mail
        assert mail.endswith(b"\r\n\r\nFrom a program.\r\n.\r\nA dot above.\r\n"), mail
    _, rows = bed.api.call("History", "Search", "(a{sv}uu)", variants({"Text": identity}), 0, 10)
    assert rows[0]["Client"] == "local" and rows[0]["Sender"] == "root@mail.local.example", rows


def test_relays_and_large(bed):
    """It may relay, as who has logged in; a large message goes through a file, byte for byte."""
    bed.start()
    relay = bed.relay_sink()
    body = b"Subject: large\r\n\r\n" + b"0123456789abcdef\r\n" * 100000
    send(bed, ["x@far.example"], sender="ann@local.example", octets=body)
    mail = wait_for(lambda: relay.messages and relay.messages[0], "the relay's copy")
    assert mail.sender == b"ann@local.example" and mail.recipients == [b"x@far.example"]
    assert mail.body.endswith(body.split(b"\r\n\r\n")[1]), len(mail.body)


def test_nobody_knows_the_recipient(bed):
    """It comes back as a notice; root's mail is the postmaster's while there is no root."""
    bed.start()
    send(bed, ["nobody-here", "root"], sender="ann@local.example")
    [notice] = bed.wait_mails(bed.ann)
    assert b"nobody-here@mail.local.example" in notice and b"5.1.1" in notice
    [mail] = bed.wait_mails("postmaster")
    assert b"From a program." in mail


def test_bad_arguments(bed):
    """Each is told by its place, and nothing is taken."""
    bed.start()
    assert refused(bed, []) == ("InvalidValue", "Submission.Send: recipients: must name one at least")
    for recipients, sender, place in ((["a@b", "@"], "", "recipients[1]"), (["a\r\nDATA@b.example"], "", "recipients[0]"),
                                      (["a@b.example"], "x@@", "sender"), (["<a@b.example>"], "", "recipients[0]")):
        name, text = refused(bed, recipients, sender)
        assert name == "InvalidValue" and text.startswith(f"Submission.Send: {place}: "), text
    name, text = refused(bed, ["x" * 2000])
    assert name == "InvalidValue" and "recipients" in text
    for options in ({"Notify": ["never", "delay"]}, {"Notify": []}, {"Notify": "never"}, {"Return": "all"},
                    {"EnvelopeId": ""}, {"EnvelopeId": "x" * 101}, {"EnvelopeId": "a\nb"}, {"Priority": "high"}):
        name, text = refused(bed, ["ann"], **options)
        assert name == "InvalidValue" and text.startswith(f"Submission.Send: {next(iter(options))}: "), text
    ends = os.pipe()
    os.close(ends[1])
    name, text = refused(bed, ["ann"], handle=ends[0])
    assert (name, text) == ("InvalidValue", "Submission.Send: message: must be a file on a local disk, or a memory file")
    name, text = refused(bed, ["ann"], handle=os.open("/proc/self/status", os.O_RDONLY))
    assert name == "InvalidValue" and "must be a file on a local disk" in text, text
    name, text = refused(bed, ["ann"], handle=os.open(bed.folder, os.O_RDONLY))
    assert (name, text) == ("InvalidValue", "Submission.Send: message: must be a file, or a memory file")
    with tempfile.NamedTemporaryFile() as file:
        assert refused(bed, ["ann"], handle=os.open(file.name, os.O_WRONLY))[0] == "InvalidValue"
    try:
        call(bed.api.connection, "Send", GLib.Variant("(hsasa{sv})", (7, "", ["ann"], {})), None)
    except BusError as error:
        assert error.name == "InvalidValue" and "no descriptor came" in error.text, error
    bed.api.set("General", "MaxMessageSize", "u", 1)
    name, text = refused(bed, ["ann"], octets=b"Subject: x\n\n" + b"y" * (2 << 20))
    assert name == "TooLarge" and "552" in text, text
    bed.api.set("General", "MaxRecipients", "u", 2)
    name, text = refused(bed, ["ann", "a@local.example", "b@local.example"])
    assert name == "TooLarge" and "452 4.5.3" in text, text
    assert bed.mails(bed.ann) == [] and bed.api.rows("Queue") == []


def test_notices(bed):
    """What is asked for of notices reaches the envelope."""
    bed.start()
    send(bed, ["ann"], sender="ann@local.example", Notify=["success"], Return="headers", EnvelopeId="order 7+1")
    mails = bed.wait_mails(bed.ann, 2)
    notice = next(mail for mail in mails if b"delivery-status" in mail)
    assert b"Original-Envelope-Id: order 7+1" in notice and b"A dot above" not in notice, notice


def test_other_user(bed):
    """A user sends as itself; AuthCheckSender holds it to its addresses, and root to none."""
    bed.start()
    assert run_as(bed, 65534, "ann@local.example", "")
    [mail] = bed.wait_mails(bed.ann)
    assert b"Return-Path: <nobody@mail.local.example>" in mail and b"from uid 65534" in mail, mail
    bed.api.set("General", "AuthCheckSender", "b", True)
    said = run_as(bed, 65534, "ann@local.example", "ann@local.example")
    assert said.startswith("NotAuthorized Submission.Send: sender: 553 5.7.1"), said
    assert run_as(bed, 65534, "ann@local.example", "nobody+x@local.example")
    bed.wait_mails(bed.ann, 2)
    send(bed, ["ann"], sender="ann@local.example")
    bed.wait_mails(bed.ann, 3)


def test_session(bed):
    """Open gives an SMTP session that is logged in; a user may have only so many."""
    bed.start()
    sessions = []
    for _ in range(20):
        reply, handles = call(bed.api.connection, "Open", None)
        sessions.append(socket.socket(fileno=handles.get(reply[0])))
    try:
        call(bed.api.connection, "Open", None)
        raise AssertionError("a 21st session")
    except BusError as error:
        assert error.name == "Busy" and "20" in error.text, error
    rows = bed.api.call("Statistics", "Sessions")[0]
    assert [row["Client"] for row in rows] == ["local"] * 20, rows
    file = sessions[0].makefile("rwb")
    assert file.readline().startswith(b"220 mail.local.example")
    for command, code in ((b"EHLO x", b"250"), (b"AUTH PLAIN AGEAYg==", b"503"), (b"STARTTLS", b"454"),
                          (b"MAIL FROM:<root@local.example>", b"250"), (b"RCPT TO:<ann@local.example>", b"250"),
                          (b"DATA", b"354"), (b"Subject: x\r\n\r\ny\r\n.", b"250"), (b"QUIT", b"221")):
        file.write(command + b"\r\n")
        file.flush()
        line = file.readline()
        while line[3:4] == b"-":
            line = file.readline()
        assert line.startswith(code), (command, line)
    bed.wait_mails(bed.ann)
    sessions.pop(0).close()
    wait_for(lambda: call_ok(bed), "room for another session")
    for session in sessions:
        session.close()


def call_ok(bed):
    try:
        reply, handles = call(bed.api.connection, "Open", None)
    except BusError as error:
        assert error.name == "Busy", error
        return False
    os.close(handles.get(reply[0]))
    return True


def test_calls_of_one_user_are_bounded(bed):
    """Of one user two messages are spoken for at a time, and no more calls pile up than a user may have; another's mail is taken at once."""
    bed.start()
    odd = scanner.Odd(bed, lambda got: None if b"A dot above" in got else b"stream: OK\0", stay=True)
    bed.api.set("Antivirus", "Address", "s", odd.address)
    bed.api.set("Antivirus", "Policy", "s", "enforce")
    ends, handles = [], Gio.UnixFDList.new()
    handle = descriptor()
    handles.append(handle)
    os.close(handle)

    def on_end(connection, result):
        try:
            connection.call_with_unix_fd_list_finish(result)
            ends.append("ok")
        except GLib.Error as error:
            ends.append(Gio.DBusError.get_remote_error(error))

    def start(count):
        for _ in range(count):
            bed.api.connection.call_with_unix_fd_list(
                NAME, PATH, f"{NAME}.Submission", "Send", GLib.Variant("(hsasa{sv})", (0, "", ["ann"], {})), None,
                Gio.DBusCallFlags.NONE, 600000, handles, None, on_end)

    def ended(count):
        while GLib.MainContext.default().iteration(False):
            pass
        return len(ends) >= count
    def scanned():
        return sum(b"A dot above" in got for got in odd.asked)
    start(4)
    wait_for(lambda: not ended(1) and scanned() == 2, "two messages before the scanner")
    start(60)
    wait_for(lambda: ended(44), "the refusals")
    assert ends == [f"{NAME}.Error.Busy"] * 44, ends
    if os.geteuid() == 0:
        assert " " not in run_as(bed, 65534, "ann", "", "Subject: other\n\nx\n")
        assert b"Subject: other" in bed.wait_mails(bed.ann)[0]
    assert scanned() == 2


def test_stop_under_way(bed):
    """A stop ends open sessions; what was answered is on disk."""
    bed.start()
    reply, handles = call(bed.api.connection, "Open", None)
    session = socket.socket(fileno=handles.get(reply[0]))
    session.recv(1000)
    bed.postbusd.restart()
    assert session.recv(1000).startswith(b"421 4.3.2")
    send(bed, ["ann"])
    bed.wait_mails(bed.ann)


if __name__ == "__main__":
    BUS = Gio.DBusConnection.new_for_address_sync(
        sys.argv[1], Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
    try:
        print(call(BUS, "Send", GLib.Variant("(hsasa{sv})", (0, sys.argv[3], [sys.argv[2]], {})),
                   descriptor(sys.argv[4].encode() if len(sys.argv) > 4 else MESSAGE))[0][0])
    except BusError as wrong:
        print(wrong.name, wrong.text)

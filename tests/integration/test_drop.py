# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of messages in the drop directory that the service, back again, refuses for good."""
import os
import pathlib
import socket

import said
import scanner
import stranger
import test_system_accounts
from harness import wait_for
from test_antivirus import scan_with
from test_sendmail import waiting

NOBODY = 65534
BROKEN = "a b@x.example"


def folder_of(bed):
    folder = pathlib.Path(bed.state, "drop")
    wait_for(folder.exists, "the drop directory")
    return folder


def drop(bed, name, text, owner=0):
    """As postbus-drop leaves it, of any owner."""
    folder = folder_of(bed)
    (folder / f"tmp-{name}").write_text(text)
    os.chown(folder / f"tmp-{name}", owner, -1)
    os.rename(folder / f"tmp-{name}", folder / f"new-{name}")


def dropped(recipients=(BROKEN,), sender="", more="", body="body of mine\n"):
    lines = "".join(f"recipient {recipient}\n" for recipient in recipients)
    return f"postbus-drop 1\nsender {sender}\n{lines}{more}\nSubject: my backup\nX-Mine: yes\n\n{body}"


def refused_alerts(bed):
    rows = [row for row in bed.api.call("Alerts", "List")[0] if row["Name"] == "drop-refused"]
    for row in rows:
        said.whole(row, "Text")
        said.whole(row, "Remedy")
    return rows


def only(bed, account, count=1):
    """The account's mail, once it has so many and all dropped files are dealt with."""
    wait_for(lambda: not [name for name in waiting(bed) if name.startswith("new-")], "the files' end")
    bed.queue_empty()
    mails = bed.mails(account)
    assert len(mails) == count, mails
    return mails


def test_author_is_told(bed):
    """The owner of the file gets a notice with the reason and the head of the message, whatever sender it names."""
    stranger.need_root()
    bed.start()
    other = bed.sink(bed.mx_port, bed.mx_hosts)
    account = bed.api.add("Accounts", Name="nobody", Addresses=["nobody@local.example"])
    bed.api.set("General", "MaxMessageSize", "u", 1)
    drop(bed, "1", dropped(), NOBODY)
    [mail] = only(bed, account)
    assert b"Return-Path: <>\r\n" in mail and b"From: Mail Delivery System <mailer-daemon@mail.local.example>" in mail, mail
    assert b"To: <nobody@mail.local.example>" in mail and b"multipart/report" in mail, mail
    assert b"Its subject: my backup" in mail and b"X-Mine: yes" in mail and b"body of mine" not in mail, mail
    assert b"must be an address, or a name of this machine" in mail.replace(b"=\r\n", b"").replace(b"\r\n   ", b""), mail
    assert b"Final-Recipient: rfc822; a b@x.example\r\nAction: failed\r\nStatus: 5.0.0\r\n" in mail, mail
    drop(bed, "2", dropped(["ann", "far@far.example"], "victim@far.example", body="x" * (2 << 20)), NOBODY)
    mail = [mail for mail in only(bed, account, 2) if b"552" in mail][0]
    assert mail.count(b"Status: 5.3.4\r\n") == 2 and b"to these 2 addresses" in mail, mail
    assert len(mail) < 10000 and not other.messages, "the sender it names has not been judged"
    assert waiting(bed) == ["refused-1", "refused-2"], waiting(bed)
    assert not bed.mails(bed.ann)


def test_postmaster_is_told(bed):
    """Of root's mail, and of who has no mailbox here."""
    stranger.need_root()
    bed.start()
    drop(bed, "1", dropped(), 0)
    drop(bed, "2", dropped(), NOBODY)
    wait_for(lambda: waiting(bed) == ["refused-1", "refused-2"], "the refusals")
    one, other = only(bed, "postmaster", 2)
    assert b"X-Mine: yes" in one and b"X-Mine: yes" in other
    assert b"To: <root@mail.local.example>" in one + other and b"To: <nobody@mail.local.example>" in one + other


def test_who_is_not_told(bed):
    """Of a message from nobody, of one that asks not to, and of what is no message."""
    bed.start()
    drop(bed, "1", dropped(sender="<>"))
    drop(bed, "2", dropped(more="notify NEVER\n"))
    drop(bed, "3", dropped(more="notify SUCCESS,DELAY\n"))
    drop(bed, "4", "no message\n")
    drop(bed, "5", dropped(more="notify SUCCESS,FAILURE\n"))
    [mail] = only(bed, "postmaster")
    assert b"X-Mine: yes" in mail
    assert len(waiting(bed)) == 5, waiting(bed)


def test_notices_are_bounded(bed):
    """Twenty an hour, whatever is dropped; the rest is in the log."""
    bed.start()
    for number in range(30):
        drop(bed, f"{number:02}", dropped())
    only(bed, "postmaster", 20)
    assert bed.wait_logged(b"was told of enough refused messages", 10).count(b"was told of enough refused messages") == 10


def test_many_recipients_and_a_head_without_end(bed):
    """The notice stays small."""
    bed.start()
    text = dropped([BROKEN] + [f"r{number}@far.example" for number in range(5000)])
    drop(bed, "1", text.replace("X-Mine: yes\n", "X-Mine: yes\n" + "X-Long: more\n" * 200000))
    [mail] = only(bed, "postmaster")
    assert mail.count(b"Final-Recipient:") == 100 and len(mail) < 200000, len(mail)


def test_told_after_a_stop(bed):
    """What is refused while the service cannot take the notice is refused again later, and told then."""
    bed.start()
    bed.postbusd.stop()
    drop(bed, "1", dropped())
    bed.postbusd.start()
    bed.wait_mails("postmaster")
    wait_for(lambda: waiting(bed) == ["refused-1"], "the refusal")


def test_stop_while_the_author_is_looked_up(bed):
    """The system's accounts do not answer: the service ends all the same, and tells later."""
    stranger.need_root()
    server = test_system_accounts.start(bed, started=False)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(server.path)
        silent.listen(10)
        silent.settimeout(240)
        drop(bed, "1", dropped(), NOBODY)
        with silent.accept()[0] as peer:
            assert peer.recv(100)
            bed.postbusd.stop()
    assert waiting(bed) == ["new-1"], waiting(bed)
    bed.postbusd.start()
    bed.api.set("Mailboxes", "AccountSource", "s", "internal")
    bed.postbusd.restart()
    [mail] = only(bed, "postmaster")
    assert b"X-Mine: yes" in mail and waiting(bed) == ["refused-1"], mail


def test_refused_files_are_bounded(bed):
    """A hundred, the latest; not more than 256 MiB but of one; an alert as long as there are any."""
    bed.start()
    for number in range(130):
        drop(bed, f"{number:03}", "no message\n")
    wait_for(lambda: waiting(bed) == [f"refused-{number:03}" for number in range(30, 130)], "the latest hundred")
    assert bed.wait_logged(b"drop-removed", 30).count(b"drop-removed") == 30
    wait_for(lambda: [alert["Text"][:25] for alert in refused_alerts(bed)] == ["100 messages of programs "], "the alert")
    folder = folder_of(bed)
    for name in ("200", "201"):
        (folder / f"tmp-{name}").write_text("no message\n")
        os.truncate(folder / f"tmp-{name}", 257 << 20)
        os.rename(folder / f"tmp-{name}", folder / f"new-{name}")
    wait_for(lambda: waiting(bed) == ["refused-201"], "the one that is large")
    os.unlink(folder / "refused-201")
    drop(bed, "300", dropped(["ann"]))
    wait_for(lambda: not refused_alerts(bed), "the alert's end")
    bed.postbusd.stop()
    for number in range(150):
        (folder / f"refused-{number:03}").write_text("x")
    bed.postbusd.start()
    wait_for(lambda: len(waiting(bed)) == 100, "the bound at a start")
    wait_for(lambda: refused_alerts(bed), "the alert")


def test_slow_mail_holds_up_its_owner_alone(bed):
    """While the scanner thinks about a file of one user, files of others are taken in, whatever order they came in."""
    stranger.need_root()
    bed.start()
    odd = scanner.Odd(bed, lambda got: None if b"slow" in got else b"stream: OK\0", stay=True)
    scan_with(bed, odd.address)
    for number in range(5):
        drop(bed, f"0-{number}", dropped(["ann"], body=f"slow {number}\n"), NOBODY)
    wait_for(lambda: any(b"slow 0" in got for got in odd.asked), "the first")
    for number in range(30):
        drop(bed, f"1-{number:02}", dropped(["ann"], body=f"quick {number}\n"))
    bed.wait_mails(bed.ann, 30)
    wait_for(lambda: waiting(bed) == [f"new-0-{number}" for number in range(5)], "the others' files")
    assert sum(b"slow" in got for got in odd.asked) == 1, "one of an owner at a time"
    odd.answer = b"stream: OK\0"
    bed.postbusd.restart()
    wait_for(lambda: waiting(bed) == [], "the rest")
    bodies = [mail.split(b"\r\n\r\n")[1] for mail in bed.wait_mails(bed.ann, 35)]
    assert len(bodies) == 35 and len(set(bodies)) == 35, bodies
    assert [body for body in bodies if b"slow" in body] == [b"slow %d\r\n" % number for number in range(5)], bodies


def test_many_of_one_owner(bed):
    """In order, once each, also those that came while others were under way."""
    bed.start()
    bed.postbusd.stop()
    for number in range(1500):
        drop(bed, f"{number:05}", dropped(["ann"], body=f"{number}\n"))
    bed.postbusd.start()
    for number in range(1500, 1600):
        drop(bed, f"{number:05}", dropped(["ann"], body=f"{number}\n"))
    wait_for(lambda: waiting(bed) == [], "all", 900)
    bed.queue_empty(900)
    bodies = sorted(int(mail.split(b"\r\n\r\n")[1]) for mail in bed.mails(bed.ann))
    assert bodies == list(range(1600)), len(bodies)

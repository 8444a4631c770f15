# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery into local Maildirs: mail/<account id>/new, byte-exact but for trace fields on top."""
from bus import variant
from harness import strip_trace
from smtp_talk import Talk

MESSAGE = (b"From: sender@there.example\r\nTo: ann@local.example\r\nSubject: hello\r\n"
           b"Message-ID: <1@there.example>\r\nDate: Tue, 1 Jul 2025 10:00:00 +0000\r\n\r\n"
           b"A line.\r\n.\r\n..two dots\r\n.leading dot\r\n\r\n  spaces at the end  \r\n"
           b"\tTab, and octets: \xc3\xa4 \xff\xfe\r\n" + b"x" * 5000 + b"\r\n\r\n\r\n")


def test_delivers_byte_exact(bed):
    bed.start()
    bed.send("sender@there.example", ["ann@local.example"], MESSAGE)
    [mail] = bed.wait_mails(bed.ann)
    body, trace = strip_trace(mail)
    assert body == MESSAGE
    lines = trace.split(b"\r\n")
    assert lines[0] == b"Return-Path: <sender@there.example>", lines
    assert trace.count(b"Received: ") == 1
    for part in (b"from client.example", b"127.0.0.1", b"by mail.local.example", b"with ESMTP",
                 b"id ", b"for <ann@local.example>"):
        assert part in trace, (part, trace)
    bed.queue_empty()


def test_leaves_no_leftovers(bed):
    bed.start()
    for number in range(5):
        bed.send("a@b.example", ["ann@local.example"], MESSAGE + b"x" * 50000 * number)
    bed.wait_mails(bed.ann, 5)
    bed.queue_empty()
    bed.postbusd.stop()
    maildir = bed.maildir(bed.ann)
    assert sorted(path.name for path in maildir.iterdir()) == ["cur", "new", "tmp"]
    assert not list((maildir / "tmp").iterdir())
    spool = maildir.parent.parent / "spool"
    assert not [path for path in spool.rglob("*") if path.is_file()]


def test_null_sender_and_helo(bed):
    bed.start()
    with bed.talk() as talk:
        talk.expect("HELO old.example", 250)
        talk.mail("", ["ann@local.example"], MESSAGE)
    [mail] = bed.wait_mails(bed.ann)
    assert mail.startswith(b"Return-Path: <>\r\n")
    assert b"with SMTP" in strip_trace(mail)[1]


def test_several_recipients_one_message(bed):
    bed.start()
    bob = bed.api.add("Accounts", Name="bob", Addresses=["bob@local.example", "robert@local.example"])
    bed.send("a@b.example", ["ann@local.example", "robert@local.example"], MESSAGE)
    for account in (bed.ann, bob):
        [mail] = bed.wait_mails(account)
        assert strip_trace(mail)[0] == MESSAGE
        assert b"for <" not in strip_trace(mail)[1], "one recipient must not see another"


def test_same_mailbox_twice_is_one_mail(bed):
    bed.start()
    bed.send("a@b.example", ["ann@local.example", "ann@LOCAL.example"], MESSAGE)
    bed.wait_mails(bed.ann)
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 1


def test_unknown_recipient(bed):
    bed.start()
    with bed.talk() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<a@b.example>", 250)
        talk.expect("RCPT TO:<nobody@local.example>", 550, "5.1.1")
        talk.expect("RCPT TO:<ann@local.example>", 250)
        assert talk.data(MESSAGE)[0] == 250
    assert len(bed.wait_mails(bed.ann)) == 1


def test_aliases_expand(bed):
    bed.start()
    bob = bed.api.add("Accounts", Name="bob", Addresses=["bob@local.example"])
    bed.api.add("Aliases", Address="team@local.example",
                Targets=["ann@local.example", "inner@local.example"])
    bed.api.add("Aliases", Address="inner@local.example",
                Targets=["bob@local.example", "team@local.example"])
    bed.send("a@b.example", ["team@local.example"], MESSAGE)
    for account in (bed.ann, bob):
        assert strip_trace(bed.wait_mails(account)[0])[0] == MESSAGE
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == len(bed.mails(bob)) == 1


def test_catch_all_and_subaddress(bed):
    bed.start()
    bed.api.add("LocalDomains", Name="all.example", CatchAll="ann@local.example")
    bed.send("a@b.example", ["whoever@all.example"], MESSAGE)
    bed.wait_mails(bed.ann, 1)
    bed.send("a@b.example", ["Ann+lists@Local.Example"], MESSAGE)
    bed.wait_mails(bed.ann, 2)


def test_postmaster_is_always_known(bed):
    bed.start()
    bed.send("a@b.example", ["postmaster@local.example"], MESSAGE)
    bed.wait_mails("postmaster", 1)
    with bed.talk() as talk:
        talk.ehlo()
        talk.mail("a@b.example", ["postmaster"], MESSAGE)
    bed.wait_mails("postmaster", 2)


def test_disabled_account_is_unknown(bed):
    bed.start()
    bed.api.call("Accounts", "Update", "(sa{sv})", bed.ann, {"Enabled": variant(False)})
    with bed.talk() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<a@b.example>", 250)
        talk.expect("RCPT TO:<ann@local.example>", 550, "5.1.1")


def test_large_message(bed):
    bed.start()
    large = MESSAGE + b"".join(b"%06d %s\r\n" % (n, b"0123456789" * 7) for n in range(40000))
    bed.send("a@b.example", ["ann@local.example"], large)
    assert strip_trace(bed.wait_mails(bed.ann)[0])[0] == large


def test_size_limit(bed):
    bed.start()
    bed.api.set("General", "MaxMessageSize", "u", 1)
    with bed.talk() as talk:
        assert "SIZE 1048576" in talk.ehlo()
        talk.expect("MAIL FROM:<a@b.example> SIZE=1048577", 552, "5.3.4")
        talk.envelope("a@b.example", ["ann@local.example"])
        code, text = talk.data(MESSAGE + (b"y" * 98 + b"\r\n") * 12000)
        assert code == 552 and "5.3.4" in text
        talk.mail("a@b.example", ["ann@local.example"], MESSAGE)
    assert len(bed.wait_mails(bed.ann)) == 1


def test_hop_limit(bed):
    bed.start()
    bed.api.set("General", "MaxHops", "u", 5)
    with bed.talk() as talk:
        talk.ehlo()
        talk.envelope("a@b.example", ["ann@local.example"])
        code, text = talk.data(b"Received: from a by b\r\n" * 5 + MESSAGE)
        assert code == 554 and "5.4.6" in text, (code, text)
        talk.mail("a@b.example", ["ann@local.example"], b"Received: from a by b\r\n" * 3 + MESSAGE)


def test_recipient_limit(bed):
    bed.start()
    bed.api.set("General", "MaxRecipients", "u", 3)
    with bed.talk() as talk:
        assert any(line.startswith("LIMITS") and "RCPTMAX=3" in line for line in talk.ehlo())
        talk.envelope("a@b.example", [f"ann+{n}@local.example" for n in range(3)])
        talk.expect("RCPT TO:<ann+4@local.example>", 452, "4.5.3")
        assert talk.data(MESSAGE)[0] == 250
    bed.wait_mails(bed.ann)


def test_smtputf8_mailbox(bed):
    bed.start()
    account = bed.api.add("Accounts", Name="joerg", Addresses=["jörg@local.example"])
    with bed.talk() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<a@b.example> SMTPUTF8", 250)
        talk.expect("RCPT TO:<jörg@local.example>", 250)
        assert talk.data(MESSAGE)[0] == 250
    assert strip_trace(bed.wait_mails(account)[0])[0] == MESSAGE


def test_pipelined_group(bed):
    bed.start()
    with bed.talk() as talk:
        assert "PIPELINING" in talk.ehlo()
        talk.send(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<ann@local.example>\r\n"
                  b"RCPT TO:<no@local.example>\r\nDATA\r\n")
        assert [talk.reply()[0] for _ in range(4)] == [250, 250, 550, 354]
        talk.send(MESSAGE.replace(b"\r\n.", b"\r\n..") + b".\r\n" + b"RSET\r\nMAIL FROM:<>\r\nQUIT\r\n")
        assert [talk.reply()[0] for _ in range(4)] == [250, 250, 250, 221]
        assert talk.at_end() == b""
    assert strip_trace(bed.wait_mails(bed.ann)[0])[0] == MESSAGE


def test_many_sessions_at_once(bed):
    bed.start()
    talks = [Talk(bed.port) for _ in range(40)]
    for talk in talks:
        talk.send(b"EHLO a.example\r\n")
    for talk in talks:
        assert talk.reply()[0] == 250
        talk.send(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<ann@local.example>\r\nDATA\r\n")
    for talk in talks:
        assert [talk.reply()[0] for _ in range(3)] == [250, 250, 354]
        talk.send(b"Subject: many\r\n\r\nx\r\n.\r\n")
    ids = {talk.reply()[1] for talk in talks}
    assert len(ids) == 40 and all("Queued as" in text for text in ids)
    bed.wait_mails(bed.ann, 40)
    for talk in talks:
        talk.close()


def test_aliases_in_a_circle(bed):
    """However long the circle: the sender is told, and nothing goes round."""
    bed.start()
    for number in range(30):
        bed.api.add("Aliases", Address=f"round{number}@local.example",
                    Targets=[f"round{(number + 1) % 30}@local.example"])
    bed.send("ann@local.example", ["round0@local.example"], MESSAGE)
    [mail] = bed.wait_mails(bed.ann)
    assert b"Final-Recipient: rfc822; round0@local.example" in mail and b"Status: 5.1.1" in mail, mail
    bed.queue_empty()
    assert b"forwarded" not in bed.postbusd.stderr()

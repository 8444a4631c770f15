# SPDX-License-Identifier: GPL-3.0-or-later
"""The README's ways to Dovecot, as they stand there, with the real one."""
import test_dmarc
from dovecot import Dovecot, block
from harness import wait_for

MESSAGE = b"From: a@b.example\r\nTo: ann@local.example\r\nSubject: by hand\r\n\r\nLine\r\n.dot\r\n"
PASSWORD = "correct horse"


def use_lmtp(bed):
    bed.api.set("Mailboxes", "LmtpAddress", "s", "unix:/run/dovecot/postbus")
    bed.api.set("Mailboxes", "Kind", "s", "lmtp")


def test_lmtp(bed):
    """Mail is filed by Dovecot under the account's name, with the sub-address the sender wrote, and read by IMAP."""
    dovecot = Dovecot(bed, "lmtp", {"ann": PASSWORD, "bob": PASSWORD}, "protocol lmtp {\n  lmtp_save_to_detail_mailbox = yes\n}\n"
                      "lda_mailbox_autocreate = yes\n").start()
    dovecot.start_postbusd()
    bed.api.add("Accounts", Name="bob", Addresses=["info@local.example"])
    use_lmtp(bed)
    bed.send("a@b.example", ["ann@local.example", "info@local.example"], MESSAGE)
    [text] = dovecot.wait_mail("ann", 1)
    assert text.count("Return-Path: <a@b.example>") == 1 and "\n.dot" in text, text
    [text] = dovecot.wait_mail("bob", 1)
    assert text.count("Return-Path: <a@b.example>") == 1, text
    bed.send("", ["Info+Lists@local.example"], MESSAGE)
    [text] = dovecot.wait_mail("bob", 1, "Lists")
    assert "Return-Path: <>" in text and "Delivered-To: bob+Lists@local.example" in text, text
    bed.queue_empty()
    said = dovecot.imap("ann@local.example", PASSWORD, "i.select('INBOX')", "print(i.fetch('1', '(BODY[])'))")
    assert "Subject: by hand" in said, said
    assert not bed.mails(bed.ann), "nothing is filed here as well"
    # Who wants to know that it arrived is told: this is where it ends.
    with bed.talk() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<ann@local.example>", 250)
        talk.expect("RCPT TO:<bob+x@local.example> NOTIFY=SUCCESS", 250)
        assert talk.data(MESSAGE)[0] == 250
    text = dovecot.wait_mail("ann", 2)[1]
    assert "Action: delivered" in text and "Final-Recipient: rfc822; bob+x@local.example" in text, text
    # The reserved mailbox is here all the same.
    bed.send("a@b.example", ["postmaster@local.example"], MESSAGE)
    bed.wait_mails("postmaster")


def test_lmtp_replies(bed):
    """One recipient in his mailbox, one whom Dovecot does not know, one over quota: each has his own answer."""
    quota = ("mail_plugins = $mail_plugins quota\nplugin {\n  quota = count:User quota\n  quota_vsizes = yes\n"
             "  quota_rule = *:storage=1M\n  quota_exceeded_message = Mailbox is full\n}\nquota_full_tempfail = yes\n")
    dovecot = Dovecot(bed, "lmtp", {"ann": PASSWORD, "full": PASSWORD, "sender": PASSWORD}, quota).start()
    dovecot.start_postbusd()
    for name in ("full", "ghost", "sender"):
        bed.api.add("Accounts", Name=name)
    use_lmtp(bed)
    large = MESSAGE + b"x" * 70 + b"\r\n"
    bed.send("sender@local.example", ["full@local.example"], large + b"y" * 76 * 9000)
    dovecot.wait_mail("full", 1)
    bed.send("sender@local.example", ["ann@local.example", "ghost@local.example", "full@local.example"], large + b"z" * 76 * 9000)
    dovecot.wait_mail("ann", 1)
    [text] = dovecot.wait_mail("sender", 1)
    assert "Final-Recipient: rfc822; ghost@local.example" in text and "5.1.1" in text, text
    assert text.count("Final-Recipient") == 1, text
    bed.wait_deferred()
    # The notice is there, and goes from the queue some moments later.
    [row] = wait_for(lambda: len(rows := bed.api.rows("Queue")) == 1 and rows, "the one that waits")
    assert "Mailbox is full" in repr(row), row


def test_quarantine_goes_to_junk(bed):
    """By the README's Sieve script: what DMARC puts aside, and nothing else."""
    dovecot = Dovecot(bed, "lmtp", {"ann": PASSWORD}, block("sieve-lmtp"), sieve=block("sieve")).start()
    dovecot.start_postbusd()
    use_lmtp(bed)
    test_dmarc.add_policies(bed)
    bed.api.set("MailAuth", "DmarcPolicy", "s", "enforce")
    assert test_dmarc.deliver(bed, test_dmarc.message("a@quarantine.example")) == test_dmarc.TAKEN
    assert test_dmarc.deliver(bed, test_dmarc.message("a@none.example")) == test_dmarc.TAKEN
    assert test_dmarc.deliver(bed, test_dmarc.message("a@none.example"), recipients=("ann+x@local.example",)) == test_dmarc.TAKEN
    [text] = dovecot.wait_mail("ann", 1, "Junk")
    assert "From: a@quarantine.example" in text, text
    texts = dovecot.wait_mail("ann", 2)
    assert all("From: a@none.example" in text and "X-Postbus-Quarantine" not in text for text in texts), texts
    bed.queue_empty()
    # The script was compiled by root: whoever delivers could not.
    assert "failed to" not in dovecot.log() and "rror" not in dovecot.log(), dovecot.log()


def test_lmtp_waits_while_dovecot_is_down(bed):
    dovecot = Dovecot(bed, "lmtp", {"ann": PASSWORD}).start()
    dovecot.start_postbusd()
    bed.api.set("Mailboxes", "Kind", "s", "lmtp")
    bed.send("a@b.example", ["ann@local.example"], MESSAGE)
    bed.wait_deferred()
    assert "no address is set" in repr(bed.api.rows("Queue")), bed.api.rows("Queue")
    bed.api.set("Mailboxes", "LmtpAddress", "s", "unix:/run/dovecot/nobody")
    wait_for(lambda: "nobody" in repr(bed.api.rows("Queue")), "another reason")
    # Another address moves the mail that waits.
    bed.api.set("Mailboxes", "LmtpAddress", "s", "unix:/run/dovecot/postbus")
    dovecot.wait_mail("ann", 1)
    bed.queue_empty()


def test_maildir(bed):
    """Dovecot finds the Maildir by an address, before any mail and after, and files in it what its reader files."""
    dovecot = Dovecot(bed, "maildir", {"ann@local.example": PASSWORD, "info@local.example": PASSWORD}).start()
    dovecot.start_postbusd()
    bed.api.add("Accounts", Name="bob", Addresses=["info@local.example"])
    wait_for(lambda: (bed.maildir("by-address") / "info@local.example").exists(), "the link")
    assert "[b'0']" in dovecot.imap("info@local.example", PASSWORD, "print(i.select('INBOX'))")
    bed.send("a@b.example", ["ann@local.example", "info@local.example"], MESSAGE)
    bed.queue_empty()
    said = dovecot.imap("Ann@Local.example", PASSWORD, "print(i.select('INBOX'))", "print(i.fetch('1', '(BODY[])'))",
                        "i.store('1', '+FLAGS', r'(\\Seen \\Flagged)')", "i.create('Kept')", "print(i.copy('1', 'Kept'))")
    assert "Return-Path: <a@b.example>" in said and "Delivered-To: ann@local.example" in said and ".dot" in said, said
    assert not bed.mails(bed.ann) and len(list((bed.maildir(bed.ann) / "cur").iterdir())) == 1
    assert len(list(bed.maildir(bed.ann).glob(".Kept/cur/*"))) == 1
    bed.send("a@b.example", ["ann@local.example"], MESSAGE)
    bed.wait_mails(bed.ann)
    assert len(dovecot.wait_mail("ann@local.example", 2)) == 2
    assert "[b'1']" in dovecot.imap("info@local.example", PASSWORD, "print(i.select('INBOX'))")
    assert "permission" not in dovecot.log().lower(), dovecot.log()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery status notifications: their shape (RFC 3464, RFC 6522), and when there is none."""
import email
import email.policy

MESSAGE = (b"From: ann@local.example\r\nTo: far@away.example\r\nSubject: the original\r\n"
           b"Message-ID: <orig@local.example>\r\n\r\nThe original's body\r\n")


def parse(mail):
    return email.message_from_bytes(mail, policy=email.policy.default)


def test_shape_of_a_failure(bed):
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550-5.1.1 No such\r\n550 5.1.1 user")
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    report = parse(bed.wait_mails(bed.ann)[0])
    assert report.get_content_type() == "multipart/report"
    assert report.get_content_type() and report.get_param("report-type") == "delivery-status"
    assert "ann@local.example" in report["To"] and report["Message-ID"] and report["Date"]
    assert report["Subject"] and "mail.local.example" in report["From"]
    assert report["Auto-Submitted"].startswith("auto-")
    text, status, original = report.iter_parts()
    assert text.get_content_type() == "text/plain" and "far@away.example" in text.get_content()
    assert status.get_content_type() == "message/delivery-status"
    of_message, of_recipient = status.get_payload()
    assert of_message["Reporting-MTA"] == "dns; mail.local.example" and of_message["Arrival-Date"]
    assert of_recipient["Final-Recipient"].replace(" ", "") == "rfc822;far@away.example"
    assert of_recipient["Action"] == "failed" and of_recipient["Status"] == "5.1.1"
    assert "127.0.0.1" in of_recipient["Remote-MTA"]
    assert of_recipient["Diagnostic-Code"].startswith("smtp;")
    assert "No such" in of_recipient["Diagnostic-Code"]
    assert original.get_content_type() in ("message/rfc822", "text/rfc822-headers")
    assert "the original" in original.as_string()


def test_one_report_for_one_attempt(bed):
    """Two recipients refused in one go are told in one report."""
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 No")
    bed.send("ann@local.example", ["one@away.example", "two@away.example"], MESSAGE)
    report = parse(bed.wait_mails(bed.ann)[0])
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 1
    parts = [part for part in report.walk() if part["Final-Recipient"]]
    assert sorted(part["Final-Recipient"].split(";")[1].strip() for part in parts) == [
        "one@away.example", "two@away.example"]


def test_null_sender_is_never_bounced(bed):
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 No")
    bed.send("", ["far@away.example"], MESSAGE)
    sink.wait_commands("RCPT")
    bed.queue_empty()
    assert not bed.mails(bed.ann) and not bed.mails("postmaster") and not sink.messages


def test_bounce_of_a_bounce_stops(bed):
    """The DSN goes out to a remote sender with the null sender; refused there, it ends."""
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 No")
    bed.send("remote@elsewhere.example", ["far@away.example"], MESSAGE)
    sink.wait_for(lambda s: any(b"remote@elsewhere.example" in line for c in s.connections
                                for line in c.commands if line.upper().startswith(b"RCPT")), "the DSN")
    bed.queue_empty()
    mails = [line for connection in sink.connections for line in connection.commands
             if line.upper().startswith(b"MAIL FROM:<>")]
    assert len(mails) == 1, mails


def test_dsn_is_sent_with_the_null_sender(bed):
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 No", rb"far@")
    bed.send("remote@elsewhere.example", ["far@away.example"], MESSAGE)
    [message] = sink.wait_messages(1)
    assert message.sender == b"" and message.recipients == [b"remote@elsewhere.example"]
    assert parse(message.body).get_content_type() == "multipart/report"
    raw = message.raw.replace(b"\r\n", b"")
    assert b"\n" not in raw and b"\r" not in raw


def test_hostile_reply_stays_in_its_field(bed):
    """What the remote server says cannot add fields or parts to the report."""
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550-5.1.1 x\r\n550-Action: delivered\r\n550-\r\n550 --boundary \x01\xff\xfe" + b"y" * 900)
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    mail = bed.wait_mails(bed.ann)[0]
    report = parse(mail)
    [of_recipient] = [part for part in report.walk() if part["Final-Recipient"]]
    assert of_recipient.get_all("Action") == ["failed"]
    assert len(list(report.iter_parts())) == 3
    assert max(len(line) for line in mail.split(b"\r\n")) <= 998


def test_end_of_lifetime(bed):
    """With no time left a deferral is a failure, told with what the server said last."""
    bed.start()
    bed.api.set("Queueing", "Lifetime", "u", 0)
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Later, perhaps")
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    report = parse(bed.wait_mails(bed.ann)[0])
    [of_recipient] = [part for part in report.walk() if part["Final-Recipient"]]
    assert of_recipient["Action"] == "failed" and "Later, perhaps" in of_recipient["Diagnostic-Code"]
    bed.queue_empty()


def test_delay_is_told_once(bed):
    bed.start()
    bed.api.set("Queueing", "MinBackoff", "u", 1)
    bed.api.set("Queueing", "MaxBackoff", "u", 1)
    bed.api.set("Queueing", "DelayWarning", "u", 1)
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Later")
    bed.send("ann@local.example", ["far@away.example"], MESSAGE)
    report = parse(bed.wait_mails(bed.ann)[0])
    [of_recipient] = [part for part in report.walk() if part["Final-Recipient"]]
    assert of_recipient["Action"] == "delayed" and of_recipient["Status"].startswith("4.")
    sink.wait_commands("RCPT", sink.count("RCPT") + 3)
    assert len(bed.mails(bed.ann)) == 1

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


def submit(bed, sender, recipients, mail="", message=MESSAGE):
    """recipients: (address, parameters)."""
    with bed.talk() as talk:
        assert "DSN" in talk.ehlo()
        talk.expect(f"MAIL FROM:<{sender}> {mail}".rstrip(), 250)
        for address, parameters in recipients:
            talk.expect(f"RCPT TO:<{address}> {parameters}".rstrip(), 250)
        code, text = talk.data(message)
        assert code == 250, text


def fields_of(mail):
    """(of the message, [of each recipient]) of a report."""
    blocks = parse(mail).get_payload()[1].get_payload()
    return blocks[0], blocks[1:]


def test_success_of_a_local_delivery(bed):
    """Told where it was asked for, with the envelope's id and the recipient as it was given; not where it was not."""
    bed.start()
    ben = bed.api.add("Accounts", Name="ben", Addresses=["ben@local.example"])
    submit(bed, "ann@local.example", [("ben@local.example", "NOTIFY=SUCCESS ORCPT=rfc822;Ben+2Bx@Old.example"),
                                      ("postmaster", "NOTIFY=FAILURE,DELAY")], "RET=HDRS ENVID=Q+2B1")
    bed.wait_mails(ben)
    bed.wait_mails("postmaster")
    [mail] = bed.wait_mails(bed.ann)
    message, [recipient] = fields_of(mail)
    assert message["Original-Envelope-Id"] == "Q+1"
    assert recipient["Action"] == "delivered" and recipient["Status"] == "2.0.0"
    assert recipient["Original-Recipient"] == "rfc822; Ben+x@Old.example"
    assert recipient["Final-Recipient"] == "rfc822; ben@local.example"
    assert b"The original's body" not in mail
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 1


def test_success_ends_at_a_host_without_dsn(bed):
    """Relayed to one that makes no notices: told so. NEVER and nothing said: not told."""
    bed.start()
    sink = bed.relay_sink()
    submit(bed, "ann@local.example", [("one@away.example", "NOTIFY=SUCCESS,FAILURE"), ("two@away.example", "NOTIFY=NEVER"),
                                      ("three@away.example", "")])
    sink.wait_messages(1)
    [mail] = bed.wait_mails(bed.ann)
    _, [recipient] = fields_of(mail)
    assert recipient["Action"] == "relayed" and recipient["Final-Recipient"] == "rfc822; one@away.example"
    assert "127.0.0.1" in recipient["Remote-MTA"]
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 1


def test_never_is_never(bed):
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 No")
    submit(bed, "ann@local.example", [("far@away.example", "NOTIFY=NEVER"), ("too@away.example", "NOTIFY=SUCCESS"),
                                      ("off@away.example", "NOTIFY=DELAY")])
    sink.wait_commands("RCPT", 3)
    bed.queue_empty()
    assert not bed.mails(bed.ann)


def test_full_and_headers(bed):
    """RET says how much of the message comes back, up to a cap."""
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 No")
    large = MESSAGE + b"y" * 70 + b"\r\n"
    large += (b"y" * 70 + b"\r\n") * 1000
    for mail, message, whole in (("RET=FULL", MESSAGE, True), ("RET=HDRS", MESSAGE, False), ("", MESSAGE, False),
                                 ("RET=FULL", large, False)):
        before = {*bed.mails(bed.ann)}
        submit(bed, "ann@local.example", [("far@away.example", "")], mail, message)
        [report] = {*bed.wait_mails(bed.ann, len(before) + 1)} - before
        original = parse(report).get_payload()[2]
        assert original.get_content_type() == ("message/rfc822" if whole else "text/rfc822-headers")
        assert (b"The original's body" in report) == whole and b"Subject: the original" in report


def test_alias_with_several_targets(bed):
    """Success is told once, of the alias; a target that fails is told as ever, as what the sender wrote to."""
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 No", rb"two@")
    bed.api.add("Aliases", Address="team@local.example", Targets=["one@away.example", "two@away.example"])
    bed.api.add("Aliases", Address="solo@local.example", Targets=["three@away.example"])
    submit(bed, "ann@local.example", [("team@local.example", "NOTIFY=SUCCESS,FAILURE")], "ENVID=team")
    sink.wait_messages(1)
    reports = [fields_of(mail) for mail in bed.wait_mails(bed.ann, 2)]
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 2 and all(message["Original-Envelope-Id"] == "team" for message, _ in reports)
    told = {recipients[0]["Action"]: recipients[0] for _, recipients in reports}
    assert told["expanded"]["Final-Recipient"] == "rfc822; team@local.example"
    assert told["failed"]["Final-Recipient"] == "rfc822; two@away.example"
    assert told["failed"]["Original-Recipient"] == "rfc822; team@local.example"
    # One target: its own success counts.
    submit(bed, "ann@local.example", [("solo@local.example", "NOTIFY=SUCCESS")])
    [_, _, mail] = bed.wait_mails(bed.ann, 3)
    assert b"Action: relayed" in mail or any(b"Action: relayed" in each for each in bed.mails(bed.ann))
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 3


def test_failed_notice_goes_to_the_postmaster(bed):
    """And a notice of success that nobody takes goes nowhere."""
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 No")
    submit(bed, "remote@elsewhere.example", [("far@away.example", "")], "RET=FULL")
    [mail] = bed.wait_mails("postmaster")
    report = parse(mail)
    assert report["To"] == "postmaster@mail.local.example" and b"Return-Path: <>" in mail
    _, [recipient] = fields_of(mail)
    assert recipient["Final-Recipient"] == "rfc822; remote@elsewhere.example"
    inner = report.get_payload()[2].get_payload()[0]
    assert inner.get_content_type() == "multipart/report" and b"The original's body" in mail
    submit(bed, "remote@elsewhere.example", [("ann@local.example", "NOTIFY=SUCCESS")])
    bed.wait_mails(bed.ann)
    sink.wait_commands("MAIL", 3)
    bed.queue_empty()
    assert len(bed.mails("postmaster")) == 1


def test_postmaster_who_is_not_there(bed):
    """The postmaster's mail goes elsewhere and is refused there: logged, and the end."""
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"550 5.1.1 No")
    bed.api.add("Aliases", Address="postmaster@mail.local.example", Targets=["pm@away.example"])
    submit(bed, "remote@elsewhere.example", [("far@away.example", "")])
    sink.wait_commands("MAIL", 3)
    bed.queue_empty()
    assert sink.count("MAIL") == 3 and not bed.mails("postmaster") and not bed.mails(bed.ann)
    bed.wait_logged(b"double-bounce ")

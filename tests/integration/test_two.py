# SPDX-License-Identifier: GPL-3.0-or-later
"""Two servers of ours, each the other's relay: what one says as a client the other understands as a server."""
from harness import Bed, strip_trace
from test_dsn import fields_of, submit


def start_two(bed):
    """The second server, with the domain other.example and the account ben."""
    other = Bed()

    def end():
        other.close()
        other.remove()
    bed.on_close(end)
    bed.start()
    other.postbusd.start()
    other.api.set("General", "Hostname", "s", "mail.other.example")
    other.api.add("LocalDomains", Name="other.example")
    other.ben = other.api.add("Accounts", Name="ben", Addresses=["ben@other.example"])
    other.api.add("TrustedList", Name="tests", Network="127.0.0.1")
    for one, two in ((bed, other), (other, bed)):
        one.api.set("Delivery", "RelayServer", "s", "127.0.0.1")
        one.api.set("Delivery", "RelayPort", "u", two.port)
        one.api.set("Delivery", "Mode", "s", "relay")
    return other


def test_success_is_told_by_the_last(bed):
    """Both know DSN: what was asked for goes along, and the one with the mailbox tells of it, alone."""
    other = start_two(bed)
    submit(bed, "ann@local.example", [("ben@other.example", "NOTIFY=SUCCESS ORCPT=rfc822;B+2Ben@away.example")],
           "RET=HDRS ENVID=two+2B1")
    other.wait_mails(other.ben)
    [mail] = bed.wait_mails(bed.ann)
    message, [recipient] = fields_of(mail)
    assert message["Reporting-MTA"] == "dns; mail.other.example" and message["Original-Envelope-Id"] == "two+1"
    assert recipient["Action"] == "delivered" and recipient["Original-Recipient"] == "rfc822; B+en@away.example"
    for one in (bed, other):
        one.queue_empty()
    assert len(bed.mails(bed.ann)) == 1


def test_failure_is_told_by_the_one_who_knows(bed):
    """Refused by the second: the first tells, once, with the second's words."""
    other = start_two(bed)
    submit(bed, "ann@local.example", [("nobody@other.example", "NOTIFY=SUCCESS,FAILURE")], "ENVID=two")
    message, [recipient] = fields_of(bed.wait_mails(bed.ann)[0])
    assert message["Reporting-MTA"] == "dns; mail.local.example" and recipient["Action"] == "failed"
    assert "Unknown recipient" in recipient["Diagnostic-Code"]
    for one in (bed, other):
        one.queue_empty()
    assert len(bed.mails(bed.ann)) == 1


def test_messages_of_all_sizes(bed):
    """By DATA or BDAT, as the client thinks best: the octets are the same."""
    other = start_two(bed)
    sent = []
    for size in (0, 1, 100, 5000, 70000, 3000000):
        body = b"Subject: %d\r\n\r\n.\r\n..\r\n" % size + (b"x" * 77 + b"\r\n") * (size // 79)
        sent.append(body)
        bed.send("ann@local.example", ["ben@other.example"], body)
    other.wait_mails(other.ben, len(sent))
    got = [strip_trace(mail)[0] for mail in other.mails(other.ben)]
    assert sorted(got) == sorted(sent)

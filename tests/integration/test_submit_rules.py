# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of this machine are trusted to relay, and to nothing else: the rules that bind all bind their mail."""
import os
import pwd

import scanner
import test_sendmail
from bus import BusError, variants
from clock import Clock
from harness import skip, wait_for
from test_antivirus import scan_with
from test_policy import count
from test_signing import add_key, fields, verify
from test_submit import refused, run_as, send

FROM_ANN = b"From: ann@local.example\nSubject: x\n\nbody\n"


def test_access_list(bed):
    """A blacklist rule for a recipient or a sender refuses, or discards, on the bus and in the drop directory."""
    bed.start()
    sink = bed.relay_sink()
    for kind, value in (("recipient", "no@far.example"), ("sender", "eve@local.example")):
        bed.api.add("AccessList", Name=value, List="blacklist", Kind=kind, Value=value)
    for arguments, place in (((["ann", "no@far.example"],), "recipients[1]"),
                             ((["ann"], "eve@local.example"), "recipients[0]")):
        name, text = refused(bed, *arguments)
        assert name == "InvalidValue" and text.startswith(f"Submission.Send: {place}: 554 5.7.1"), text
    assert "554 5.7.1" in test_sendmail.sendmail(bed, "no@far.example", status=test_sendmail.DATAERR)
    assert count(bed, "refused.access-envelope") == 3
    bed.api.add("AccessList", Name="lost", List="blacklist", Kind="recipient", Value="lost@far.example", Action="discard")
    send(bed, ["lost@far.example"])
    send(bed, ["yes@far.example"])
    [message] = sink.wait_messages(1)
    assert message.recipients == [b"yes@far.example"] and bed.mails(bed.ann) == []
    # Left behind while the service is away, it is judged when it comes: kept aside, and told.
    bed.postbusd.stop()
    test_sendmail.sendmail(bed, "no@far.example")
    bed.postbusd.start()
    wait_for(lambda: [name for name in test_sendmail.waiting(bed) if name.startswith("refused-")], "the refused file")
    bed.wait_logged(b"drop-refused")
    assert len(sink.messages) == 1


def test_antivirus(bed):
    """Infected mail is refused, whichever way it is handed over; held when it is to be; waits while there is no scanner."""
    bed.start()
    clamd = scanner.Clamd(bed)
    scan_with(bed, clamd.unix)
    for message in (scanner.PLAIN, scanner.large(3_000_000, True)):
        name, text = refused(bed, ["ann"], octets=message)
        assert name == "InvalidValue" and text.startswith("Submission.Send: message: 554 5.7.1") and scanner.NAME in text, text
    assert scanner.NAME in test_sendmail.sendmail(bed, "ann", text=scanner.PLAIN, status=test_sendmail.DATAERR)
    assert test_sendmail.waiting(bed) == [] and bed.mails(bed.ann) == []
    send(bed, ["ann"], octets=scanner.CLEAN)
    bed.wait_mails(bed.ann)
    bed.api.set("Antivirus", "OnInfected", "s", "quarantine")
    send(bed, ["ann"], octets=scanner.PLAIN)
    wait_for(lambda: bed.api.get("Queue", "Held") == 1, "one held")
    clamd.stop()
    name, text = refused(bed, ["ann"])
    assert name == "Busy" and " 451 " in text, text
    # To sendmail "not now" is no reason to lose it.
    assert "Left for the service" in test_sendmail.sendmail(bed, "-v", "ann")
    wait_for(lambda: len(test_sendmail.waiting(bed)) == 1, "the dropped file")
    clamd.start()
    bed.postbusd.restart()
    bed.wait_mails(bed.ann, 2)
    wait_for(lambda: test_sendmail.waiting(bed) == [], "the file's end")


def test_daily_limit(bed):
    """The account of a system user's name counts what that user sends, by the bus and by the drop directory."""
    if os.geteuid() != 0:
        skip("only root can be somebody else")
    Clock(bed).noon()
    bed.start()
    sink = bed.relay_sink()
    name = pwd.getpwuid(65534).pw_name
    bed.api.add("Accounts", Name=name, Addresses=[f"{name}@local.example"], DailyMessages=2)
    for number in range(3):
        said = run_as(bed, 65534, f"r{number}@away.example", "")
        assert " " not in said, said
    sink.wait_messages(2)
    wait_for(lambda: bed.api.get("Queue", "Held") == 1, "one held")
    [row] = bed.api.rows("Queue", State="held")
    [recipient] = row["Recipients"]
    assert recipient["HeldFor"] == "daily-limit" and recipient["LastReply"] == f"4.7.1 daily limit of account {name}", row
    folder = os.path.join(bed.state, "drop")
    wait_for(lambda: os.path.exists(folder), "the drop directory")
    with open(f"{folder}/tmp-0", "wb") as file:
        file.write(b"postbus-drop 1\nsender \nrecipient r9@away.example\n\n" + FROM_ANN)
    os.chown(f"{folder}/tmp-0", 65534, -1)
    os.rename(f"{folder}/tmp-0", f"{folder}/new-0")
    wait_for(lambda: bed.api.get("Queue", "Held") == 2, "two held")
    # Root is nobody's account.
    send(bed, ["root-may@away.example"])
    sink.wait_messages(3)


def test_disabled_account(bed):
    """A user of the system whose account is disabled sends nothing, by whatever way; root goes on."""
    if os.geteuid() != 0:
        skip("only root can be somebody else")
    bed.start()
    os.chmod(bed.folder, 0o755)
    name = pwd.getpwuid(65534).pw_name
    account = bed.api.add("Accounts", Name=name, Addresses=[f"{name}@local.example"], Enabled=False)
    assert run_as(bed, 65534, "ann", "") == f"NotAuthorized Submission: the account {name} is disabled"
    user = {"user": 65534, "group": 65534, "extra_groups": []}
    said = test_sendmail.sendmail(bed, "ann", status=test_sendmail.NOPERM, **user)
    assert "is disabled" in said, said
    assert "is disabled" in test_sendmail.sendmail(bed, "-bs", status=test_sendmail.TEMPFAIL, **user)
    folder = os.path.join(bed.state, "drop")
    wait_for(lambda: os.path.exists(folder), "the drop directory")
    with open(f"{folder}/tmp-0", "wb") as file:
        file.write(b"postbus-drop 1\nsender \nrecipient ann\n\n" + FROM_ANN)
    os.chown(f"{folder}/tmp-0", 65534, -1)
    os.rename(f"{folder}/tmp-0", f"{folder}/new-0")
    [mail] = bed.wait_mails("postmaster")
    assert b"is disabled" in mail, mail
    wait_for(lambda: test_sendmail.waiting(bed) == ["refused-0"], "the file to be put aside")
    send(bed, ["ann"])
    bed.wait_mails(bed.ann)
    assert bed.wait_logged(b"submission-refused user=nobody", 4).count(b"submission-refused user=nobody") == 4
    bed.api.call("Accounts", "Update", "(sa{sv})", account, variants({"Enabled": True}))
    assert " " not in run_as(bed, 65534, "ann", "")
    bed.wait_mails(bed.ann, 2)


def test_signed(bed):
    """It is signed as mail of people is, by the domain of From."""
    bed.start()
    sink = bed.relay_sink()
    add_key(bed)
    send(bed, ["far@away.example"], sender="ann@local.example", octets=FROM_ANN)
    test_sendmail.sendmail(bed, "-f", "ann@local.example", "far@away.example", bus="unix:path=/nonexistent/bus")
    for message in sink.wait_messages(2):
        assert verify(bed, message.body) == {"rsa-sha256": ("local.example", fields_selector(message.body))}, message.body


def fields_selector(body):
    [value] = fields(body, b"DKIM-Signature")
    return next(part.strip()[2:].decode() for part in value.split(b";") if part.strip().startswith(b"s="))


def test_from_must_be_own(bed):
    """AuthCheckSender looks at From as well, which no option of the call names."""
    bed.start()
    bed.api.set("General", "AuthCheckSender", "b", True)
    assert " " not in run_as(bed, 65534, "ann@local.example", "nobody@local.example")
    try:
        send(bed, ["ann"], octets=FROM_ANN)
    except BusError as error:
        raise AssertionError("root speaks for everybody") from error
    bed.wait_mails(bed.ann, 2)
    if os.geteuid() == 0:
        said = test_sendmail.sendmail(bed, "ann", text=FROM_ANN, status=test_sendmail.NOPERM, user=65534, group=65534,
                                      extra_groups=[])
        assert "553 5.7.1" in said, said

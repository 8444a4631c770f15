# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts of what is seen by looking: raised, worded, ended."""
import os
import pathlib
import subprocess
import time

import certificates
import clock
import said
import stranger
from bus import variants
from harness import skip, wait_for
from test_auth import plain, set_password, talk


def alerts(bed, name):
    rows = [row for row in bed.api.call("Alerts", "List")[0] if row["Name"] == name]
    for row in rows:
        assert row["Text"] and row["Remedy"] and row["Subject"], row
        said.whole(row, "Text")
        said.whole(row, "Remedy")
    return rows


def wait_alert(bed, name):
    return wait_for(lambda: alerts(bed, name), name)


def wait_over(bed, name):
    wait_for(lambda: not alerts(bed, name), f"the end of {name}")


def test_old_mail(bed):
    """A message that waits for hours is told of; gone, the alert is over. A held one waits for somebody's hand and does not count."""
    hours = clock.Clock(bed)
    bed.start()
    sink = bed.relay_sink()
    sink.stop()
    bed.send("ann@local.example", ["x@away.example"], b"Subject: waits\r\n\r\nBody\r\n")
    bed.wait_deferred()
    assert not alerts(bed, "queue-growing")
    hours.pass_time(7 * 3600)
    [alert] = wait_alert(bed, "queue-growing")
    assert "6 hours" in alert["Text"], alert
    assert b"553588ab9b6b456d96ace2308e8ce6b4" not in alert["Text"].encode()
    sink.start()
    hours.pass_time(2 * 3600)
    sink.wait_messages(1)
    wait_over(bed, "queue-growing")
    wait_for(lambda: b"alert over alert=queue-growing" in bed.postbusd.stderr(), "the log")
    bed.wait_logged(b"\nqueue-growing subject=")


def test_certificate_ends(bed):
    """14 days before its end, and behind it; with a clock that is set right the alert is over."""
    hours = clock.Clock(bed)
    bed.start()
    assert not alerts(bed, "certificate-ending")
    chain, key = map(pathlib.Path, certificates.make_pair(bed.folder, "short"))
    bed.api.call("Tls", "Import", "(ayay)", chain.read_bytes(), key.read_bytes())
    hours.pass_time(20 * clock.DAY)
    [alert] = wait_alert(bed, "certificate-ending")
    assert "ends on" in alert["Text"], alert
    hours.pass_time(20 * clock.DAY)
    wait_for(lambda: any("has ended" in row["Text"] for row in alerts(bed, "certificate-ending")), "its end")
    hours.set_wall(-39 * clock.DAY)
    wait_over(bed, "certificate-ending")


def test_disk_low(bed):
    """A small file system fills up: the alert comes, mail is put off; with room again it is over and mail is taken."""
    stranger.need_root()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "none", bed.state], check=False).returncode != 0:
        skip("no file system may be mounted here")
    bed.on_close(lambda: subprocess.run(["umount", "-l", bed.state], check=False))
    bed.start()
    bed.send("x@away.example", ["ann@local.example"], b"Subject: before\r\n\r\nBody\r\n")
    bed.wait_mails(bed.ann)
    assert not alerts(bed, "disk-low")
    filler = os.path.join(bed.state, "filler")
    with open(filler, "wb") as file:
        left = os.statvfs(bed.state)
        os.posix_fallocate(file.fileno(), 0, left.f_bavail * left.f_frsize - (1 << 20))
    [alert] = wait_alert(bed, "disk-low")
    assert alert["Subject"] == "state-directory" and "no new mail" in alert["Text"], alert
    with bed.talk() as session:
        session.ehlo()
        code, _ = session.command("MAIL FROM:<x@away.example>")
        assert code in (250, 452), code
        if code == 250:
            session.expect("RCPT TO:<ann@local.example>", 452)
    os.unlink(filler)
    wait_over(bed, "disk-low")
    bed.send("x@away.example", ["ann@local.example"], b"Subject: behind\r\n\r\nBody\r\n")
    bed.wait_mails(bed.ann, 2)


def send_many(bed, number, to="ann@local.example"):
    """So many messages of ann's account, in one session."""
    with talk(bed) as session:
        session.expect("AUTH PLAIN " + plain("ann", "sesame"), 235)
        for each in range(number):
            session.envelope("ann@local.example", [to])
            code, text = session.data(f"From: ann@local.example\r\nSubject: {each}\r\n\r\nBody\r\n".encode())
            assert code == 250, text


def into_hour(hours, seconds):
    """Goes on until so far behind the next full hour of the daemon's monotonic clock, by which bursts are counted."""
    now = time.monotonic() + hours.monotonic
    hours.pass_time(3600 - int(now) % 3600 + seconds)


def start_accounts(bed):
    bed.start()
    set_password(bed, b"sesame")
    bed.api.set("General", "AuthPlaintextNeedsTls", "b", False)


def test_account_bursting(bed):
    """An account that sends ten times what it does: told once an hour, over an hour behind the last; held mail counts too."""
    hours = clock.Clock(bed).noon()
    start_accounts(bed)
    send_many(bed, 9)
    hours.pass_time(25 * 3600)
    into_hour(hours, 600)
    bed.api.call("Accounts", "Update", "(sa{sv})", bed.ann, variants({"DailyMessages": 60}))
    send_many(bed, 110)
    [alert] = wait_alert(bed, "account-bursting")
    assert alert["Subject"] == bed.ann and "100 messages" in alert["Text"] and "more than 9." in alert["Text"], alert
    assert all(word in alert["Remedy"] for word in ("password", "hold", "daily limit")), alert
    wait_for(lambda: bed.api.get("Queue", "Held") == 50, "those past the limit")
    send_many(bed, 5)
    wait_for(lambda: bed.api.get("Queue", "Held") == 55, "those held")
    # What goes on is told again in the next hour, and not at each message.
    into_hour(hours, 0)
    send_many(bed, 100)
    wait_for(lambda: alerts(bed, "account-bursting") not in ([], [alert]), "the next hour's")
    [again] = alerts(bed, "account-bursting")
    assert again["Time"] == alert["Time"] and "more than 9." in again["Text"], again
    hours.pass_time(2 * 3600)
    wait_over(bed, "account-bursting")
    wait_for(lambda: b"alert over alert=account-bursting" in bed.postbusd.stderr(), "the log")
    assert bed.postbusd.stderr().count(b"\naccount-bursting subject=") == 2


def test_first_day(bed):
    """Behind a start nobody knows what is usual: 100 are no burst yet, 500 are. The daily limit's alert shows that accounts were looked at."""
    hours = clock.Clock(bed).noon()
    start_accounts(bed)
    into_hour(hours, 600)
    bed.api.call("Accounts", "Update", "(sa{sv})", bed.ann, variants({"DailyMessages": 1}))
    send_many(bed, 490)
    wait_alert(bed, "daily-limit")
    assert not alerts(bed, "account-bursting")
    send_many(bed, 10)
    [alert] = wait_alert(bed, "account-bursting")
    assert "500 messages" in alert["Text"] and "more than 0." in alert["Text"], alert
    bed.postbusd.restart()
    send_many(bed, 110)
    wait_alert(bed, "daily-limit")
    assert not alerts(bed, "account-bursting")

# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts of what is seen by looking: raised, worded, ended."""
import pathlib

import certificates
import clock
from harness import wait_for


def alerts(bed, name):
    rows = [row for row in bed.api.call("Alerts", "List")[0] if row["Name"] == name]
    for row in rows:
        assert row["Text"] and row["Remedy"] and row["Subject"], row
    return rows


def wait_alert(bed, name):
    return wait_for(lambda: alerts(bed, name), name)


def wait_over(bed, name):
    wait_for(lambda: not alerts(bed, name), f"the end of {name}")


def test_old_mail(bed):
    """A message that waits for hours is told of; gone, the alert is over. A held one waits for somebody's hand and does not count."""
    time = clock.Clock(bed)
    bed.start()
    sink = bed.relay_sink()
    sink.stop()
    bed.send("ann@local.example", ["x@away.example"], b"Subject: waits\r\n\r\nBody\r\n")
    bed.wait_deferred()
    assert not alerts(bed, "queue-growing")
    time.pass_time(7 * 3600)
    [alert] = wait_alert(bed, "queue-growing")
    assert "6 hours" in alert["Text"], alert
    assert b"553588ab9b6b456d96ace2308e8ce6b4" not in alert["Text"].encode()
    sink.start()
    time.pass_time(2 * 3600)
    sink.wait_messages(1)
    wait_over(bed, "queue-growing")
    assert b"queue-growing" in bed.postbusd.stderr() and b"alert over" in bed.postbusd.stderr()


def test_certificate_ends(bed):
    """14 days before its end, and behind it; with a clock that is set right the alert is over."""
    time = clock.Clock(bed)
    bed.start()
    assert not alerts(bed, "certificate-ending")
    chain, key = map(pathlib.Path, certificates.make_pair(bed.folder, "short"))
    bed.api.call("Tls", "Import", "(ayay)", chain.read_bytes(), key.read_bytes())
    time.pass_time(20 * clock.DAY)
    [alert] = wait_alert(bed, "certificate-ending")
    assert "ends on" in alert["Text"], alert
    time.pass_time(20 * clock.DAY)
    wait_for(lambda: any("has ended" in row["Text"] for row in alerts(bed, "certificate-ending")), "its end")
    time.set_wall(-39 * clock.DAY)
    wait_over(bed, "certificate-ending")

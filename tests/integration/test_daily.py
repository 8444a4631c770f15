# SPDX-License-Identifier: GPL-3.0-or-later
"""DailyMessages and DailyRecipients: past them mail is held, shown and told of, and lost never."""
import pathlib

import clock
from bus import variants
from harness import wait_for
from test_auth import plain, set_password, talk

HELD = "4.7.1 daily limit of account ann"


def submit(bed, number, recipients=1, user="ann"):
    """One message of the account; it is taken whatever the limit says."""
    with talk(bed) as session:
        session.expect("AUTH PLAIN " + plain(user, "sesame"), 235)
        session.envelope(f"{user}@local.example", [f"r{each}@away.example" for each in range(recipients)])
        return session.data(f"From: {user}@local.example\r\nSubject: {number}\r\n\r\nBody\r\n".encode())


def start(bed, hours=None, **limits):
    (hours or clock.Clock(bed)).noon()
    bed.start()
    set_password(bed, b"sesame")
    bed.api.set("General", "AuthPlaintextNeedsTls", "b", False)
    limit(bed, **limits)
    return bed.relay_sink()


def limit(bed, **limits):
    bed.api.call("Accounts", "Update", "(sa{sv})", bed.ann, variants(limits))


def held(bed, count):
    """Waits until so many are held, and returns their rows."""
    wait_for(lambda: bed.api.get("Queue", "Held") == count, f"{count} held")
    rows = bed.api.rows("Queue", State="held")
    assert len(rows) == count
    return rows


def alerts(bed):
    return [row for row in bed.api.call("Alerts", "List")[0] if row["Name"] == "daily-limit"]


def test_messages(bed):
    sink = start(bed, DailyMessages=2)
    for number in range(4):
        submit(bed, number)
    sink.wait_messages(2)
    rows = held(bed, 2)
    for row in rows:
        [recipient] = row["Recipients"]
        assert recipient["HeldFor"] == "daily-limit" and recipient["LastReply"] == HELD, row
    [alert] = wait_for(lambda: alerts(bed), "the alert")
    assert alert["Subject"] == bed.ann and "2 messages today, to 2 recipients" in alert["Text"] and alert["Remedy"], alert
    # Released over the bus they go, and are not counted or held again; others are held still.
    assert bed.api.call("Queue", "Release", "(a{sv})", variants({"State": "held"})) == (2,)
    assert len(sink.wait_messages(4)) == 4
    bed.queue_empty()
    submit(bed, 9)
    held(bed, 1)
    assert len(sink.messages) == 4


def test_recipients_whole(bed):
    """A message that is partly over is held whole; a smaller one still fits."""
    sink = start(bed, DailyRecipients=5)
    submit(bed, "three", 3)
    submit(bed, "too many", 3)
    submit(bed, "two", 2)
    messages = sink.wait_messages(2)
    assert sorted(len(message.recipients) for message in messages) == [2, 3]
    [row] = held(bed, 1)
    assert len(row["Recipients"]) == 3
    # 0 is no limit.
    limit(bed, DailyRecipients=0)
    submit(bed, "free", 9)
    sink.wait_messages(3)
    held(bed, 1)


def test_limit_raised_or_gone(bed):
    """An account that may send again has no alert, and one that is gone has none; what is held stays."""
    sink = start(bed, DailyMessages=1)
    submit(bed, 1)
    submit(bed, 2)
    sink.wait_messages(1)
    held(bed, 1)
    wait_for(lambda: alerts(bed), "the alert")
    limit(bed, DailyMessages=2)
    wait_for(lambda: not alerts(bed), "its end, as the limit is higher")
    submit(bed, 3)
    sink.wait_messages(2)
    # Lower than what was sent today already, and called otherwise: it is the same account.
    limit(bed, DailyMessages=1, Name="anna")
    set_password(bed, b"sesame")
    submit(bed, 4, user="anna")
    held(bed, 2)
    wait_for(lambda: any("account anna has sent 2 messages" in row["Text"] for row in alerts(bed)), "the alert of anna")
    bed.api.call("Accounts", "Remove", "(as)", [bed.ann])
    wait_for(lambda: not alerts(bed), "its end, as the account is gone")
    held(bed, 2)


def test_kept_over_restarts(bed):
    sink = start(bed, DailyMessages=1)
    submit(bed, 1)
    submit(bed, 2)
    sink.wait_messages(1)
    held(bed, 1)
    bed.postbusd.restart()
    held(bed, 1)
    submit(bed, 3)
    held(bed, 2)
    wait_for(lambda: alerts(bed), "the alert")
    # Killed once the counts are on disk.
    kept = pathlib.Path(bed.state, "daily-limits")
    wait_for(kept.exists, "the file")
    bed.postbusd.kill()
    bed.postbusd.start()
    submit(bed, 4)
    held(bed, 3)
    # A file that is damaged costs the counts, never mail.
    bed.postbusd.stop()
    kept.write_bytes(b"\xff\x00 damaged")
    bed.postbusd.start()
    submit(bed, 5)
    sink.wait_messages(2)
    held(bed, 3)


def test_file_not_written(bed):
    """Counts that could not be written are written as soon as they can be, without more mail."""
    sink = start(bed, DailyMessages=1)
    kept = pathlib.Path(bed.state, "daily-limits")
    kept.mkdir()
    submit(bed, 1)
    submit(bed, 2)
    sink.wait_messages(1)
    held(bed, 1)
    wait_for(lambda: b"daily-limits reason" in bed.postbusd.stderr(), "the line in the log")
    kept.rmdir()
    wait_for(kept.is_file, "the file")
    bed.postbusd.restart()
    submit(bed, 3)
    held(bed, 2)
    assert len(sink.messages) == 1


def test_midnight(bed):
    """The count begins anew at the local midnight and the alert ends; what is held stays held."""
    hours = clock.Clock(bed)
    environment = bed.postbusd.environment
    bed.postbusd.environment = lambda: {**environment(), "TZ": "Europe/Berlin"}
    sink = start(bed, hours, DailyMessages=1)
    submit(bed, 1)
    submit(bed, 2)
    sink.wait_messages(1)
    held(bed, 1)
    wait_for(lambda: alerts(bed), "the alert")
    # Set back by a day, the day is the same for whoever has sent already.
    hours.set_wall(-clock.DAY)
    submit(bed, 3)
    held(bed, 2)
    hours.set_wall(clock.DAY)
    hours.pass_time(25 * 3600)
    wait_for(lambda: not alerts(bed), "the end of the alert")
    held(bed, 2)
    submit(bed, 4)
    sink.wait_messages(2)
    submit(bed, 5)
    held(bed, 3)

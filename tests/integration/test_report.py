# SPDX-License-Identifier: GPL-3.0-or-later
"""The daily report: once a day at its time, over restarts; text, HTML and a chart that say what happened."""
import email
import email.policy
import os
import pathlib
import struct
import time
import zlib

import clock
from bus import BusError
from harness import wait_for

MESSAGE = b"From: a@b.example\r\nSubject: x\r\n\r\nx\r\n"


def hour_of(seconds):
    return time.strftime("%H:%M", time.localtime(seconds))


def date_of(seconds):
    return time.strftime("%Y-%m-%d\n", time.localtime(seconds))


def pixels(octets):
    """The rows of a PNG of 8-bit RGB, unfiltered."""
    assert octets[:8] == b"\x89PNG\r\n\x1a\n"
    at, data, size = 8, b"", None
    while at < len(octets):
        length, kind = struct.unpack(">I4s", octets[at:at + 8])
        body = octets[at + 8:at + 8 + length]
        if kind == b"IHDR":
            size = struct.unpack(">II", body[:8])
            assert body[8:10] == b"\x08\x02", body
        elif kind == b"IDAT":
            data += body
        at += 12 + length
    raw, width = zlib.decompress(data), size[0] * 3
    rows, above = [], bytes(width)
    for line in range(size[1]):
        kind, row = raw[line * (width + 1)], bytearray(raw[line * (width + 1) + 1:(line + 1) * (width + 1)])
        for i in range(width):
            left = row[i - 3] if i >= 3 else 0
            corner = above[i - 3] if i >= 3 else 0
            guess = left + above[i] - corner
            paeth = min((left, above[i], corner), key=lambda value: (abs(guess - value)))
            row[i] = (row[i] + (0, left, above[i], (left + above[i]) // 2, paeth)[kind]) & 255
        rows.append(bytes(row))
        above = bytes(row)
    return size, rows


def parse(mail):
    message = email.message_from_bytes(mail, policy=email.policy.default)
    assert not any(part.defects for part in message.walk()), [part.defects for part in message.walk()]
    text, related = message.iter_parts()
    html, picture = related.iter_parts()
    assert message.get_content_type() == "multipart/alternative" and related.get_content_type() == "multipart/related"
    assert f'src="cid:{picture["Content-ID"][1:-1]}"' in html.get_content()
    return message, text.get_content(), html.get_content(), picture.get_content()


def test_what_it_says(bed):
    """SendReport: the figures, the reasons, who, what needs attention; the chart has bars of both colours."""
    bed.start()
    bed.api.add("AccessList", Name="bad", List="blacklist", Kind="sender", Value="evil@x.example")
    for _ in range(3):
        bed.send("a@b.example", ["ann@local.example"], MESSAGE)
    with bed.talk() as talk:
        talk.expect("EHLO x", 250)
        talk.expect("MAIL FROM:<evil@x.example>", 250)
        talk.expect("RCPT TO:<ann@local.example>", 554)
    bed.wait_mails(bed.ann, 3)
    try:
        bed.api.call("Diagnostics", "SendReport")
        raise AssertionError("sent to nobody")
    except BusError as error:
        assert error.name == "InvalidValue" and "Reports.Recipients" in error.text, error
    bed.api.set("Reports", "Recipients", "as", ["ann@local.example", "postmaster@local.example"])
    for name, number in (("accepted", 3), ("delivered", 3), ("refused.access-envelope", 1)):
        # Each is looked at once a second.
        wait_for(lambda name=name, number=number: sum(
            value for _, value in bed.api.call("Statistics", "Series", "(suu)", name, 86400, 3600)[0]) == number, name)
    wait_for(lambda: any(row["Messages"] >= 3 for row in bed.api.call("Statistics", "Top", "(suu)", "senders", 86400, 10)[0]),
             "the history")
    assert len(bed.api.call("Diagnostics", "SendReport")[0]) == 13
    mails = bed.wait_mails(bed.ann, 4)
    [other] = bed.wait_mails("postmaster")
    message, text, html, picture = parse(next(mail for mail in mails if b"Mail report" in mail))
    assert message["To"] == "ann@local.example, postmaster@local.example" and message["Auto-Submitted"] == "auto-generated"
    assert message["From"] == '"Postbus at mail.local.example" <postmaster@mail.local.example>' and message["Message-ID"]
    for words in ("         3  messages accepted", "         3  deliveries", "         1  access-envelope", "  a@b.example",
                  "         4  ann@local.example", "  127.0.0.1"):
        assert words in text, (words, text)
    for words in ("<td class=\"n\">3</td><td>messages accepted</td>", "access-envelope", "3 messages accepted, 1 refused"):
        assert words in html, (words, html)
    assert "Missing" not in text and b"Mail report" in other
    size, rows = pixels(picture)
    assert size == (1280, 480)
    colours = {row[i:i + 3] for row in rows for i in range(0, len(row), 3)}
    for wanted in ((54, 133, 227), (224, 28, 36)):
        assert any(all(abs(a - b) <= 2 for a, b in zip(colour, wanted)) for colour in colours), (wanted, colours)
    if os.environ.get("POSTBUS_KEEP"):
        pathlib.Path(bed.folder, "chart.png").write_bytes(picture)


def test_once_a_day(bed):
    """At its time, once, over restarts and clocks that jump; one that was missed comes with the start; switched on late, tomorrow."""
    hours = clock.Clock(bed).noon()
    bed.start()
    now = hours.now()
    bed.api.set("Reports", "Recipients", "as", ["ann@local.example"])
    bed.api.set("Reports", "DailyTime", "s", hour_of(now - 60))
    bed.api.set("Reports", "DailyEnabled", "b", True)
    day = pathlib.Path(bed.state, "report-day")
    wait_for(lambda: day.exists() and day.read_text() == date_of(now), "today to be passed over")
    hours.pass_time(31)
    hours.pass_time(clock.DAY - 31)
    tomorrow = date_of(now + clock.DAY)
    bed.wait_mails(bed.ann, 1)
    wait_for(lambda: day.read_text() == tomorrow, "the day")
    bed.postbusd.restart()
    for _ in range(3):
        hours.pass_time(31)
    hours.set_wall(-clock.DAY)
    for _ in range(3):
        hours.pass_time(31)
    hours.set_wall(clock.DAY)
    bed.send("a@b.example", ["ann@local.example"], MESSAGE)
    bed.wait_mails(bed.ann, 2)
    assert sum(b"Mail report" in mail for mail in bed.mails(bed.ann)) == 1
    bed.postbusd.stop()
    hours.pass_time(clock.DAY)
    bed.postbusd.start()
    hours.pass_time(31)
    wait_for(lambda: sum(b"Mail report" in mail for mail in bed.mails(bed.ann)) == 2, "the one that was missed")


def test_clock_was_far_ahead(bed):
    """A day of years to come, or none at all, in the file does not end the reports."""
    hours = clock.Clock(bed).noon()
    bed.start()
    bed.api.set("Reports", "Recipients", "as", ["ann@local.example"])
    bed.api.set("Reports", "DailyTime", "s", "00:00")
    bed.api.set("Reports", "DailyEnabled", "b", True)
    day = pathlib.Path(bed.state, "report-day")

    def today():
        return date_of(hours.now())

    def reports():
        return sum(b"Mail report" in mail for mail in bed.mails(bed.ann))
    wait_for(lambda: day.exists() and day.read_text() == today(), "today to be passed over")
    bed.postbusd.stop()
    day.write_text("2999-01-01\n", encoding="ascii")
    bed.postbusd.start()
    hours.pass_time(31)
    wait_for(lambda: day.read_text() == today(), "the day to be put right")
    assert reports() == 0
    hours.pass_time(clock.DAY)
    wait_for(lambda: reports() == 1, "the report of the next day")
    wait_for(lambda: day.read_text() == today(), "its day")
    bed.postbusd.stop()
    day.write_text("no day, no\n", encoding="ascii")
    bed.postbusd.start()
    hours.pass_time(31)
    wait_for(lambda: reports() == 2, "a report in spite of the damage")
    bed.wait_logged(b"damaged")


def test_without_history(bed):
    """What cannot be told is said; mail goes on."""
    os.mkdir(os.path.join(bed.state, "history.db"))
    bed.start()
    bed.send("a@b.example", ["ann@local.example"], MESSAGE)
    bed.wait_mails(bed.ann)
    bed.api.set("Reports", "Recipients", "as", ["ann@local.example"])
    bed.api.call("Diagnostics", "SendReport")
    mails = bed.wait_mails(bed.ann, 2)
    _, text, html, _ = parse(next(mail for mail in mails if b"Mail report" in mail))
    assert "Missing from this report" in text and "who had most messages" in text, text
    assert "who had most messages" in html and "messages accepted" in text


def test_stop_under_way(bed):
    """A stop while one is written ends it and nothing else."""
    bed.start()
    bed.api.set("Reports", "Recipients", "as", ["ann@local.example"])
    for _ in range(5):
        bed.api.connection.call("org.postbus.Postbus1", "/org/postbus/Postbus1", "org.postbus.Postbus1.Diagnostics", "SendReport",
                                None, None, 0, 1000, None, None)
        bed.api.connection.flush_sync(None)
        bed.postbusd.restart()

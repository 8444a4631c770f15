# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes of mail in days, in a daemon for which days go by in seconds."""
import re
import time

from clock import DAY, Clock
from harness import wait_for
from test_dsn import MESSAGE, fields_of, parse

STEP = 4500  # seconds: longer than the longest pause between two attempts, with its jitter


def log(bed):
    return bed.postbusd.stderr().decode(errors="replace")


def told(bed, event):
    """queue id -> how many lines of that event there are."""
    counts = {}
    for queue_id in re.findall(rf"^(?:<\d>)?{event} queue-id=(\S+)", log(bed), re.MULTILINE):
        counts[queue_id] = counts.get(queue_id, 0) + 1
    return counts


def pass_slowly(clock):
    """For whoever polls: some seconds, so that a timer that was set between the two clocks' jumps runs out too; few, so that
    a machine that is slow does not let hours go by meanwhile."""
    if time.monotonic() > getattr(clock, "passed_at", 0) + 0.2:
        clock.passed_at = time.monotonic()
        clock.pass_time(1)


def wait_arrived(bed, clock, sink, count):
    """Lets the time pass and waits until so many messages came."""
    clock.pass_time(STEP)

    def arrived():
        bed.postbusd.check_alive()
        pass_slowly(clock)
        return len(sink.messages) >= count
    wait_for(arrived, f"{count} messages")


def step(bed, clock, ids, seconds=STEP):
    """Lets the time pass and waits until each message that still waits was looked at again."""
    before = told(bed, "deferred")
    clock.pass_time(seconds)

    def looked_at():
        bed.postbusd.check_alive()
        pass_slowly(clock)
        now, gone = told(bed, "deferred"), told(bed, "bounced") | told(bed, "delivered")
        return all(each in gone or now.get(each, 0) > before.get(each, 0) for each in ids)
    wait_for(looked_at, "every message to be tried again")


def queue_id(text):
    return text.rsplit(" ", 1)[1]


def reports(bed, action):
    return [mail for mail in bed.mails(bed.ann) if f"\r\nAction: {action}\r\n".encode() in mail]


def test_relay_dead_for_five_days(bed):
    """One notice of delay and one of failure for each message, whatever the number of its recipients."""
    clock = Clock(bed)
    bed.start()
    sink = bed.relay_sink()
    sink.stop()
    ids = [queue_id(bed.send("ann@local.example", to, MESSAGE)) for to in (
        ["one@away.example"], ["two@away.example", "three@away.example"], ["four@other.example"])]
    bed.wait_deferred(3)
    begun = clock.now()
    for number in range(1, (5 * DAY + 2 * STEP) // STEP + 1):
        step(bed, clock, ids)
        early, failed = bed.mails(bed.ann), reports(bed, "failed")
        age = clock.now() - begun  # more than the steps: what went by while they were waited for
        assert not early or age >= 4 * 3600  # DelayWarning
        assert not failed or age >= 5 * DAY
        if number == DAY // STEP:
            bed.postbusd.restart()  # what was told is not told again
    bed.queue_empty()
    wait_for(lambda: len(bed.mails(bed.ann)) == 6, "six reports")
    failed, delayed = reports(bed, "failed"), reports(bed, "delayed")
    assert len(failed) == 3 and len(delayed) == 3
    for mail in failed + delayed:
        _, recipients = fields_of(mail)
        expected = {"rfc822; two@away.example", "rfc822; three@away.example"}
        assert len(recipients) == 1 or {each["Final-Recipient"] for each in recipients} == expected
    assert all(fields_of(mail)[1][0]["Will-Retry-Until"] for mail in delayed)
    assert all(fields_of(mail)[1][0]["Status"] == "4.4.7" for mail in failed)


def test_last_word_is_told(bed):
    """Mail that was not tried again, since its destination is known to be dead, fails with what the server said last."""
    clock = Clock(bed)
    bed.start()
    bed.api.set("Queueing", "Lifetime", "u", 2 * STEP)
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Mailbox busy")
    with bed.talk() as talk:  # more of them than are under way at once, when the connection is refused
        talk.ehlo()
        ids = [queue_id(talk.mail("ann@local.example", [f"x{number}@away.example"], MESSAGE)) for number in range(200)]
    bed.wait_deferred(200)
    sink.stop()
    for _ in range(3):
        step(bed, clock, ids)  # one of them is tried at each, for all
    bed.queue_empty()
    wait_for(lambda: len(reports(bed, "failed")) == 200, "200 reports of failure")
    told_last = [fields_of(mail)[1][0] for mail in reports(bed, "failed")]
    assert all(each["Status"] == "4.4.7" for each in told_last)
    spoken = [each for each in told_last if each["Diagnostic-Code"]]
    assert len(spoken) >= 10, len(spoken)
    for each in spoken:
        assert each["Diagnostic-Code"] == "smtp; 450 4.2.0 Mailbox busy" and each["Remote-MTA"] == "dns; [127.0.0.1]", each


def test_dns_dead_for_a_day(bed):
    """Servers that fail, then servers that say nothing, for half a day each: mail waits; then it is delivered."""
    clock = Clock(bed)
    bed.start()
    sink = bed.mx_sink()
    for name in ("away.example", "other.example"):
        bed.dns.add(name, "MX", (10, "mx." + name))
        bed.dns.add("mx." + name, "A", "127.0.0.2")
    bed.dns.everything = "SERVFAIL"
    ids = [queue_id(bed.send("ann@local.example", [to], MESSAGE)) for to in ("one@away.example", "two@other.example")]
    bed.wait_deferred(2)
    for passed in range(0, DAY, STEP):
        if passed > DAY // 2:
            bed.dns.everything = "SILENCE"
            clock.pass_time(STEP)
            silence(bed, clock, ids)
        else:
            step(bed, clock, ids)
    assert not told(bed, "bounced") and not reports(bed, "failed") and len(reports(bed, "delayed")) == 2
    bed.dns.everything = None
    wait_arrived(bed, clock, sink, 2)
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 2


def silence(bed, clock, ids):
    """Time goes by in small steps until what was asked of silent servers was given up, for every message."""
    before = told(bed, "deferred")

    def given_up():
        bed.postbusd.check_alive()
        clock.pass_time(2)
        now = told(bed, "deferred")
        return all(now.get(each, 0) > before.get(each, 0) for each in ids)
    wait_for(given_up, "the servers' silence to be taken for one", tick=0.05)


def test_clock_set_back(bed):
    """By a month: nothing expires, nothing is told early, and no message waits for the old time to come again."""
    clock = Clock(bed)
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Later")
    first = queue_id(bed.send("ann@local.example", ["one@away.example"], MESSAGE))
    bed.wait_deferred(1)
    step(bed, clock, [first])
    clock.set_wall(-30 * DAY)
    wait_for(lambda: "clock-set " in log(bed) or clock.pass_time(5), "the daemon to see its clock", tick=0.05)
    second = queue_id(bed.send("ann@local.example", ["two@away.example"], MESSAGE))
    wait_for(lambda: second in told(bed, "deferred"), "the second to be tried")
    for _ in range(3):
        step(bed, clock, [first, second])
    wait_for(lambda: len(reports(bed, "delayed")) == 1, "the first's delay")  # its age counts on
    attempts = sink.count("RCPT")
    assert attempts <= 12, attempts
    assert not told(bed, "bounced") and len(bed.mails(bed.ann)) == 1
    sink.clear_rules()
    wait_arrived(bed, clock, sink, 2)
    bed.queue_empty()


def test_clock_set_forward(bed):
    """From where a machine without a battery begins to today: what waited is not years old for it."""
    clock = Clock(bed)
    clock.set_wall(-3000 * DAY)
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Later")
    waiting = queue_id(bed.send("ann@local.example", ["one@away.example"], MESSAGE))
    bed.wait_deferred(1)
    clock.set_wall(3000 * DAY)
    step(bed, clock, [waiting])
    assert not told(bed, "bounced") and not bed.mails(bed.ann)
    sink.clear_rules()
    wait_arrived(bed, clock, sink, 1)
    bed.queue_empty()
    assert parse(sink.messages[0].body)["Subject"] == "the original"

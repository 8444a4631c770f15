# SPDX-License-Identifier: GPL-3.0-or-later
"""What one client may do in a minute, in a day and in a session: how a window ends, and what counts as junk."""
import time

from clock import Clock
from test_policy import MESSAGE, OPEN, STRANGER, TRUSTED, count, judge


def mails(bed, number, source=STRANGER):
    """The codes of so many MAIL commands in one session."""
    with bed.talk(source=source) as talk:
        talk.ehlo()
        codes = []
        for _ in range(number):
            codes.append(talk.command("MAIL FROM:<a@ok.example>")[0])
            talk.expect("RSET", 250)
        return codes


def test_end_of_a_minute_of_messages(bed):
    """The window is fixed: it ends a minute after its first message, whatever was refused in it; then the next begins."""
    clock = Clock(bed)
    bed.start()
    bed.api.set("ConnectionPolicy", "MaxMessagesPerMinute", "u", 2)
    assert mails(bed, 4) == [250, 250, 450, 450]
    clock.pass_time(25)
    assert mails(bed, 1) == [450], "the window lasts"
    clock.pass_time(36)
    assert mails(bed, 3) == [250, 250, 450], "a new one, counted from nothing"
    clock.pass_time(61)
    with bed.talk(source=STRANGER) as talk:  # a session outlives the window
        talk.ehlo()
        for code in (250, 250, 450):
            assert talk.command("MAIL FROM:<a@ok.example>")[0] == code
            talk.expect("RSET", 250)
        clock.pass_time(61)
        talk.mail("a@ok.example", ["ann@local.example"], MESSAGE)
    assert count(bed, "refused.message-rate") == 5
    assert mails(bed, 5, TRUSTED) == [250] * 5, "exempt"
    for limit, codes in ((1, [250, 450]), (3, [250, 250, 250, 450]), (0, [250] * 6)):
        clock.pass_time(61)
        bed.api.set("ConnectionPolicy", "MaxMessagesPerMinute", "u", limit)
        assert mails(bed, len(codes)) == codes, limit


def greetings(bed, number, source=STRANGER):
    codes = []
    for _ in range(number):
        with bed.talk(source=source) as talk:
            codes.append(talk.greeting[0])
    return codes


def test_end_of_a_minute_of_connections(bed):
    clock = Clock(bed)
    bed.start()
    bed.api.set("ConnectionPolicy", "MaxConnectionsPerMinute", "u", 2)
    assert greetings(bed, 4) == [220, 220, 421, 421]
    clock.pass_time(25)
    assert greetings(bed, 1) == [421], "the window lasts"
    clock.pass_time(36)
    assert greetings(bed, 3) == [220, 220, 421], "a new one, counted from nothing"
    assert count(bed, "refused.connection-rate") == 4
    assert greetings(bed, 5, TRUSTED) == [220] * 5, "exempt"
    for limit, codes in ((1, [220, 421]), (3, [220, 220, 220, 421]), (0, [220] * 6)):
        clock.pass_time(61)
        bed.api.set("ConnectionPolicy", "MaxConnectionsPerMinute", "u", limit)
        assert greetings(bed, len(codes)) == codes, limit


def test_unknown_recipients_of_a_day(bed):
    """The block ends at midnight by itself, and with it what was tried; 0 counts nobody's."""
    clock = Clock(bed).noon()
    bed.start()

    def tries(*names):
        return [judge(bed, recipient=f"{name}@local.example") for name in names]

    unknown, blocked = "550 5.1.1", "421 4.7.0"
    assert tries(*"abcdef") == [unknown] * 6, "0 counts nobody's"
    bed.api.set("Advanced", "MaxUnknownRecipients", "u", 2)
    assert tries(*"abab", "A", "ann") == [unknown] * 5 + [OPEN], "the same are counted once, whom we know are not"
    assert tries("c") == [blocked]
    assert greetings(bed, 1) == [421]
    assert greetings(bed, 1, TRUSTED) == greetings(bed, 1, "127.0.0.8") == [220]
    clock.pass_time(25 * 3600)
    assert tries("c", "d", "ann") == [unknown, unknown, OPEN], "a new day"
    assert tries("e") == [blocked]


JUNK = ["NOOP", "RSET", "VRFY ann", "EXPN ann", "ETRN local.example", "HELP", "EHLO again.example", "HELO again.example"]


def test_each_junk_command(bed):
    """Each counts, and each alike: five are answered, the sixth is twice the limit of three."""
    bed.start()
    bed.api.set("Advanced", "MaxJunkCommands", "u", 3)
    for line in JUNK:
        with bed.talk(source=STRANGER) as talk:
            talk.ehlo()
            for _ in range(5):
                assert talk.command(line)[0] != 421, line
            code, text = talk.command(line)
            assert code == 421 and text.startswith("4.7.0 "), (line, code, text)
            assert talk.at_end() == b"", line
    assert count(bed, "refused.junk") == len(JUNK)
    with bed.talk(source=STRANGER) as talk:
        talk.ehlo()
        codes = [talk.command(line)[0] for line in (JUNK[:5])]
        assert 421 not in codes and talk.command("NOOP")[0] == 421, "all kinds together"
    with bed.talk(source=STRANGER) as talk:
        talk.ehlo()
        for _ in range(20):  # MAIL and RCPT are no junk
            talk.expect("MAIL FROM:<a@ok.example>", 250)
            talk.expect("RCPT TO:<ann@local.example>", 250)
            assert talk.data(MESSAGE)[0] == 250
    for limit in (1, 4):
        bed.api.set("Advanced", "MaxJunkCommands", "u", limit)
        with bed.talk(source=STRANGER) as talk:
            talk.ehlo()
            assert [talk.command("NOOP")[0] for _ in range(2 * limit)] == [250] * (2 * limit - 1) + [421], limit


def test_greeting_is_put_off(bed):
    """GreetDelay at each end: none, and one that a client waits out; the clock is put on instead of waiting."""
    clock = Clock(bed)
    bed.start()
    for delay in (0, 10):
        bed.api.set("Advanced", "GreetDelay", "u", delay)
        begun = time.monotonic()
        with bed.talk(source=STRANGER, greet=False) as talk:
            if delay:
                with bed.talk(source=TRUSTED) as exempt:  # who is not made to wait is greeted behind the stranger, and first
                    assert exempt.greeting[0] == 220
                talk.sock.setblocking(False)
                try:
                    early = talk.sock.recv(1)
                except BlockingIOError:
                    early = None
                assert early is None or time.monotonic() > begun + delay, "greeted before its time"
                talk.sock.settimeout(talk.seconds)
                clock.pass_time(delay)
            assert talk.reply()[0] == 220
            talk.ehlo()

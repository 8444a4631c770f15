# SPDX-License-Identifier: GPL-3.0-or-later
"""RejectUnauthorizedPipelining on the wire: each verb that must end a group (RFC 2920 3.1), before the greeting, in a HELO session;
off, watch and enforce, for strangers and for exempt clients, who are bound too: it is a matter of the protocol."""
from clock import Clock
from test_policy import STRANGER, TRUSTED, count

MAIL, RCPT = b"MAIL FROM:<a@ok.example>\r\n", b"RCPT TO:<ann@local.example>\r\n"
CONTENT = b"Subject: x\r\n\r\nx\r\n.\r\n"

# what comes before, one command at a time; the group; the codes of its replies where nobody minds
GROUPS = [
    ("EHLO", [], b"EHLO mail.ok.example\r\nNOOP\r\n", [250, 250]),
    ("HELO", [], b"HELO mail.ok.example\r\nNOOP\r\n", [250, 250]),
    ("DATA", [b"EHLO x.example\r\n", MAIL, RCPT], b"DATA\r\n" + CONTENT, [354, 250]),
    ("NOOP", [b"EHLO x.example\r\n"], b"NOOP\r\nRSET\r\n", [250, 250]),
    ("VRFY", [b"EHLO x.example\r\n"], b"VRFY ann\r\nRSET\r\n", [252, 250]),
    ("EXPN", [b"EHLO x.example\r\n"], b"EXPN ann\r\nRSET\r\n", [502, 250]),
    ("QUIT", [b"EHLO x.example\r\n"], b"QUIT\r\nRSET\r\n", [221]),
    ("AUTH", [b"EHLO x.example\r\n"], b"AUTH BANANA\r\nRSET\r\n", [504, 250]),
    ("RSET after HELO", [b"HELO x.example\r\n"], b"RSET\r\nRSET\r\n", [250, 250]),
    ("MAIL after HELO", [b"HELO x.example\r\n"], MAIL + RCPT, [250, 250]),
    ("the end of a longer group", [b"EHLO x.example\r\n"], MAIL + RCPT + b"DATA\r\n" + CONTENT, [250, 250, 354, 250]),
]
# Groups as they should be: nobody is refused, whatever the policy.
ALLOWED = [
    ([b"EHLO x.example\r\n"], MAIL + RCPT + b"DATA\r\n", [250, 250, 354]),
    ([b"EHLO x.example\r\n"], b"RSET\r\n" + MAIL + RCPT + b"NOOP\r\n", [250, 250, 250, 250]),
    ([b"EHLO x.example\r\n"], MAIL + RCPT + b"RSET\r\n" + MAIL + b"QUIT\r\n", [250, 250, 250, 250, 221]),
    ([b"HELO x.example\r\n", MAIL], RCPT, [250]),
]


def counted(bed):
    return {name: count(bed, f"{name}.pipelining") for name in ("watched", "refused")}


def play(bed, before, group, source):
    """Says what comes before and then the group in one segment. Returns: the open conversation."""
    talk = bed.talk(source=source)
    for line in before:
        talk.send(line)
        assert talk.reply()[0] == 250, line
    talk.send(group)
    return talk


def is_refused(talk):
    """Whether the last word is the refusal of pipelining, with nothing behind it."""
    return talk.at_end().endswith(b"554 5.5.0 Unauthorized pipelining, closing the connection\r\n")


def test_each_verb(bed):
    bed.start()
    for source in (STRANGER, TRUSTED):
        for mode in ("off", "watch", "enforce"):
            bed.api.set("Advanced", "RejectUnauthorizedPipelining", "s", mode)
            for name, before, group, codes in GROUPS:
                known = counted(bed)
                with play(bed, before, group, source) as talk:
                    if mode == "enforce":
                        assert is_refused(talk), (name, source)
                    else:
                        got = [talk.reply()[0] for _ in codes]
                        assert got == codes, (name, mode, source, got)
                known["watched"] += mode == "watch"
                known["refused"] += mode == "enforce"
                assert counted(bed) == known, (name, mode, source, counted(bed))
    # What was behind DATA or behind the end of a group is mail only where nobody minds.
    assert len(bed.wait_mails(bed.ann, 8)) == 8
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 8


def test_groups_as_they_should_be(bed):
    bed.start()
    for source in (STRANGER, TRUSTED):
        for mode in ("off", "watch", "enforce"):
            bed.api.set("Advanced", "RejectUnauthorizedPipelining", "s", mode)
            for before, group, codes in ALLOWED:
                with play(bed, before, group, source) as talk:
                    got = [talk.reply()[0] for _ in codes]
                    assert got == codes, (group, mode, source, got)
    assert counted(bed) == {"watched": 0, "refused": 0}


def test_starttls_is_an_attack_whatever_is_set(bed):
    """Behind STARTTLS in the clear there is no off (RFC 3207 4.2 is not ours to waive); it has a name of its own in the counters."""
    bed.start()
    for source in (STRANGER, TRUSTED):
        for number, mode in enumerate(("off", "watch", "enforce")):
            bed.api.set("Advanced", "RejectUnauthorizedPipelining", "s", mode)
            before, attacks = counted(bed), count(bed, "refused.starttls")
            with play(bed, [b"EHLO x.example\r\n"], b"STARTTLS\r\nNOOP\r\n", source) as talk:
                assert is_refused(talk), (mode, source)
            assert count(bed, "refused.starttls") == attacks + (mode != "enforce"), mode
            assert counted(bed) == {"watched": before["watched"] + (number == 1), "refused": before["refused"] + (number == 2)}, mode


def test_before_the_greeting(bed):
    """A stranger has to wait for the greeting; who talks first is let in, told of, or refused."""
    clock = Clock(bed)
    bed.start()
    bed.api.set("Advanced", "GreetDelay", "u", 10)
    for mode, first in (("off", b"220"), ("watch", b"220"), ("enforce", b"554")):
        bed.api.set("Advanced", "RejectUnauthorizedPipelining", "s", mode)
        known = counted(bed)
        with bed.talk(source=STRANGER, greet=False) as talk:
            talk.send(b"EHLO mail.ok.example\r\n")
            clock.pass_time(10)
            code, text = talk.reply()
            assert str(code).encode() == first, (mode, code, text)
            if mode == "enforce":
                assert text.startswith("5.5.0 ") and talk.at_end() == b"", text
            else:
                assert talk.reply()[0] == 250
        known["watched"] += mode == "watch"
        known["refused"] += mode == "enforce"
        assert counted(bed) == known, (mode, counted(bed))

# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input and too much of it: each malformed command has its 5xx and the session goes on; floods
end in 421; a lack of descriptors does not spin."""
import os
import resource
import select
import socket

from harness import wait_for
from smtp_talk import Talk

MALFORMED = [
    ("BANANA", 500, "5.5.1"), ("", 500, "5.5."), ("MAIL", 501, "5.5.4"), ("MAIL FROM", 501, "5.5.4"),
    ("MAIL FROM:", 501, "5."), ("MAIL FROM:<a@b.example", 501, "5.1.7"), ("MAIL FROM:<a@@b>", 501, "5.1.7"),
    ("MAIL FROM:<a b@c.example>", 501, "5.1.7"), ("MAIL FROM:<a@b.example> SIZE=x", 501, "5.5.4"),
    ("MAIL FROM:<a@b.example> SIZE=1 SIZE=1", 501, "5.5.4"), ("MAIL FROM:<a@b.example> FOO=1", 555, "5.5.4"),
    ("MAIL FROM:<a@b.example> BODY=9BIT", 501, "5.5.4"), ("RCPT TO:<ann@local.example>", 503, "5.5.1"),
    ("DATA", 503, "5.5.1"), ("RSET now", 501, "5.5.4"), ("EHLO", 501, "5.5.4"), ("HELO", 501, "5.5.4"),
    ("EHLO a\x00b", 500, "5.5.1"), ("MAIL FROM:<\u00e4@b.example>", 553, "5.6.7"), ("TURN", 500, "5.5.1"),
]


def test_malformed_commands(bed):
    bed.start()
    with bed.talk(source="127.0.0.7") as talk:
        talk.expect("MAIL FROM:<a@b.example>", 503, "5.5.1")
    # A few to a session: a client with many errors is delayed and sent away, which is another test.
    for start in range(0, len(MALFORMED), 4):
        with bed.talk(source="127.0.0.7") as talk:
            talk.ehlo()
            for line, code, status in MALFORMED[start:start + 4]:
                got, text = talk.command(line)
                assert got == code and text.startswith(status), (line, got, text)
            talk.mail("a@b.example", ["ann@local.example"], b"Subject: still here\r\n\r\n")
    bed.wait_mails(bed.ann)


def test_junk_ends_in_421(bed):
    bed.start()
    bed.api.set("Advanced", "MaxJunkCommands", "u", 4)
    with bed.talk(source="127.0.0.7") as talk:
        talk.ehlo()
        codes = []
        while not codes or codes[-1] not in (421, None):
            assert len(codes) < 50, codes
            codes.append(talk.command("NOOP")[0])
        assert codes[:4] == [250] * 4 and codes[-1] == 421 and len(codes) >= 8, codes
        assert talk.at_end() == b""
    bed.talk(source="127.0.0.7").close()


def test_unknown_commands_end_in_421(bed):
    bed.start()
    with bed.talk(source="127.0.0.7") as talk:
        talk.ehlo()
        codes = []
        while not codes or codes[-1] != 421:
            assert len(codes) < 1000, "no end after 1,000 unknown commands"
            codes.append(talk.command("GET / HTTP/1.1")[0])
        assert set(codes[:-1]) == {500} and len(codes) > 5
        assert talk.at_end() == b""


def test_pipelined_junk_flood(bed):
    """A client that never reads and sends a million commands is let go without harm."""
    bed.start()
    with bed.talk(source="127.0.0.7") as talk:
        talk.ehlo()
        try:
            for _ in range(100):
                talk.send(b"BANANA\r\n" * 10000)
        except OSError:
            pass
        rest = talk.at_end()
        assert len(rest) < 4 * 1024 * 1024
    bed.send("a@b.example", ["ann@local.example"], b"Subject: fine\r\n\r\n")
    bed.wait_mails(bed.ann)


def test_connection_limit_counts_right(bed):
    """So many at once and no fewer; those that have ended do not count."""
    bed.start()
    bed.api.set("ConnectionPolicy", "MaxConnections", "u", 3)
    for _ in range(5):
        talks = [bed.talk(source="127.0.0.7") for _ in range(3)]
        assert [talk.greeting[0] for talk in talks] == [220] * 3
        extra = bed.talk(source="127.0.0.7")
        assert extra.greeting[0] == 421 and "4.7.0" in extra.greeting[1]
        assert extra.at_end() == b""
        assert bed.talk(source="127.0.0.8").greeting[0] == 220
        for talk in talks:
            talk.expect("QUIT", 221)
            talk.at_end()


def resident_kib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as status:
        return int(next(line for line in status if line.startswith("VmRSS")).split()[1])


def test_long_lines(bed):
    bed.start()
    with bed.talk(source="127.0.0.7") as talk:
        talk.ehlo()
        talk.expect("NOOP " + "x" * 4000, 250)
        talk.expect("NOOP " + "x" * 5000, 500, "5.5.2")
        talk.expect("NOOP", 250)
        talk.expect("x" * 100000, 500, "5.5.2")
        talk.expect("RCPT TO:<" + "a" * 64 + "@" + "b" * 3000 + ".example>", 503)
        talk.mail("a@b.example", ["ann@local.example"], b"Subject: x\r\n\r\n" + b"y" * 200000 + b"\r\n")
    assert b"y" * 200000 + b"\r\n" in bed.wait_mails(bed.ann)[0]


def test_endless_line(bed):
    """Sixteen MiB without a line end: not kept, and answered in the end or cut off."""
    bed.start()
    before = resident_kib(bed.postbusd.process)
    with bed.talk(source="127.0.0.7") as talk:
        talk.ehlo()
        try:
            for _ in range(256):
                talk.send(b"z" * 65536)
            talk.send(b"\r\nNOOP\r\n")
        except OSError:
            pass
        grown = resident_kib(bed.postbusd.process) - before
        assert grown < 8 * 1024, f"grew by {grown} KiB"
        rest = talk.at_end() if select.select([talk.sock], [], [], talk.seconds)[0] and _peek(talk) == b"" else None
        if rest is None:
            assert talk.reply()[0] in (500, 421)
    bed.talk().close()


def _peek(talk):
    try:
        return talk.sock.recv(1, socket.MSG_PEEK)
    except ConnectionResetError:
        return b""


def test_recipient_flood(bed):
    bed.start()
    with bed.talk(source="127.0.0.7") as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<a@b.example>", 250)
        last = 0
        for _ in range(20):
            talk.send(b"RCPT TO:<ann@local.example>\r\n" * 500)
            codes = [talk.reply()[0] for _ in range(500)]
            assert set(codes) <= {250, 452}, set(codes)
            last = codes[-1]
        assert last == 452
        assert talk.data(b"Subject: x\r\n\r\n")[0] == 250
    bed.wait_mails(bed.ann)
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 1


def cpu_seconds(process):
    with open(f"/proc/{process.pid}/stat", encoding="ascii") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_no_spin_without_descriptors(bed):
    """RLIMIT_NOFILE 64 and 200 clients: accept pauses, sessions and the bus go on, and it recovers."""
    bed.postbusd.start(wrapper=("prlimit", "--nofile=64:64"))
    bed.api.add("LocalDomains", Name="local.example")
    ann = bed.api.add("Accounts", Name="ann", Addresses=["ann@local.example"])
    bed.api.set("ConnectionPolicy", "MaxConnections", "u", 0)
    first = bed.talk()
    first.ehlo()
    waiting = [Talk(bed.port, greet=False) for _ in range(200)]
    greeted = wait_for(lambda: len(select.select([talk.sock for talk in waiting], [], [], 1)[0]), "greetings")
    assert greeted < 200

    def idle():
        """Whether it was for two seconds of wall clock, the descriptors all used up; at first it has greetings to say."""
        before = cpu_seconds(bed.postbusd.process)
        assert not select.select([first.sock], [], [], 2)[0]
        return cpu_seconds(bed.postbusd.process) - before < 1
    wait_for(idle, "two seconds with less than one of CPU")
    first.expect("NOOP", 250)
    assert bed.api.get("Manager", "State") == "running"
    for talk in waiting:
        talk.close()
    bed.send("a@b.example", ["ann@local.example"], b"Subject: x\r\n\r\n")
    bed.wait_mails(ann)


def test_silent_clients_cost_nothing(bed):
    """A thousand clients that say nothing: the server answers others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    bed.start()
    bed.api.set("ConnectionPolicy", "MaxConnections", "u", 0)
    silent = [Talk(bed.port) for _ in range(min(1000, min(hard, 4096) - 200))]
    bed.send("a@b.example", ["ann@local.example"], b"Subject: x\r\n\r\n")
    bed.wait_mails(bed.ann)
    for talk in silent:
        talk.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_connection_lost_in_data(bed):
    """A client that goes away in the middle of DATA leaves nothing behind."""
    bed.start()
    for size in (10, 100000):
        with bed.talk() as talk:
            talk.ehlo()
            talk.envelope("a@b.example", ["ann@local.example"])
            talk.expect("DATA", 354)
            talk.send(b"Subject: x\r\n\r\n" + b"w" * size)
    bed.send("a@b.example", ["ann@local.example"], b"Subject: whole\r\n\r\n")
    assert b"Subject: whole" in bed.wait_mails(bed.ann)[0]
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 1
    bed.postbusd.stop()
    spool = bed.maildir(bed.ann).parent.parent / "spool"
    assert not [path for path in spool.rglob("*") if path.is_file()]

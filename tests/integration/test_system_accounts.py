# SPDX-License-Identifier: GPL-3.0-or-later
"""Mailboxes.AccountSource pam and both: users of the system as recipients, and as logins."""
import os
import socket
import threading

from auth_helper import Helper
from harness import strip_trace, wait_for

MESSAGE = b"From: a@b.example\r\nSubject: hello\r\n\r\nA line.\r\n"


def start(bed, source="both", started=True, **options):
    """postbusd over a helper with users of the test's own."""
    server = Helper(bed.folder, **options)
    bed.on_close(server.kill)
    arguments = bed.postbusd.arguments
    bed.postbusd.arguments = lambda: [*arguments(), "--auth-helper=" + server.path]
    bed.start()
    bed.api.set("Mailboxes", "AccountSource", "s", source)
    return server.start() if started else server


def rcpt(bed, *names):
    """The replies to RCPT for these names, by name."""
    found = {}
    with bed.talk() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<a@b.example>", 250)
        for name in names:
            found[name] = talk.command(f"RCPT TO:<{name}@local.example>")[0]
    return found


def test_users_get_mail(bed):
    start(bed)
    bed.send("a@b.example", ["wilma@local.example", "Fred+lists@LOCAL.example", "ann@local.example"], MESSAGE)
    for account in ("uid-1000", "uid-1001", bed.ann):
        [mail] = bed.wait_mails(account)
        assert strip_trace(mail)[0].endswith(b"A line.\r\n")
    bed.queue_empty()
    # An account of ours comes first, and root's mail goes to no directory of the system's users.
    assert not bed.mails("uid-1009") and not bed.mails("uid-0")


def test_who_is_a_recipient(bed):
    start(bed)
    wanted = {"wilma": 250, "WILMA": 250, "wilma+x": 250, "wilma+x+y+z+w": 250, "fred": 250, "a+b": 250, "a+b+x": 250,
              "postmaster": 250, "locked": 250, "root": 550, "daemon": 550, "service": 550, "nobody": 550, "noshell": 550,
              "oddshell": 550, "nosuch": 550, "+wilma": 550, "x%wilma": 550}
    found = {}
    for name in wanted:
        found.update(rcpt(bed, name))
    assert found == wanted, {name: code for name, code in found.items() if code != wanted[name]}


def test_source_decides(bed):
    start(bed, "internal")
    assert rcpt(bed, "ann", "wilma") == {"ann": 250, "wilma": 550}
    bed.api.set("Mailboxes", "AccountSource", "s", "pam")
    bed.api.add("Accounts", Name="inside", Addresses=["inside@local.example"])
    assert rcpt(bed, "inside", "wilma", "ann") == {"inside": 550, "wilma": 250, "ann": 250}
    bed.send("a@b.example", ["ann@local.example"], MESSAGE)
    bed.wait_mails("uid-1009")
    bed.api.set("Mailboxes", "AccountSource", "s", "both")
    assert rcpt(bed, "inside", "wilma") == {"inside": 250, "wilma": 250}


def test_helper_away_defers(bed):
    server = start(bed, started=False)
    with bed.talk() as talk:
        talk.ehlo()
        talk.expect("MAIL FROM:<a@b.example>", 250)
        talk.expect("RCPT TO:<wilma@local.example>", 451, "4.3.0")
        talk.expect("RCPT TO:<nosuch@local.example>", 451, "4.3.0")
        # Nobody else is troubled.
        talk.expect("RCPT TO:<ann@local.example>", 250)
        talk.expect("RCPT TO:<ann+x@local.example>", 250)
    server.start()
    assert rcpt(bed, "wilma", "nosuch") == {"wilma": 250, "nosuch": 550}
    server.kill()
    assert rcpt(bed, "fred") == {"fred": 451}
    # What was found out holds for a while.
    assert rcpt(bed, "wilma") == {"wilma": 250}


def test_helper_away_keeps_mail(bed):
    """Mail whose mailbox cannot be looked up at delivery waits, and comes when it can."""
    server = start(bed)
    bed.api.add("Aliases", Address="team@local.example", Targets=["wilma@local.example", "ann@local.example"])
    server.kill()
    bed.send("a@b.example", ["team@local.example"], MESSAGE)
    bed.wait_mails(bed.ann)
    bed.wait_deferred()
    assert not bed.mails("uid-1000")
    server.start()
    bed.api.set("Delivery", "RelayPort", "u", 26)  # wakes the queue
    bed.wait_mails("uid-1000")
    bed.queue_empty()


def test_catch_all_and_aliases(bed):
    start(bed)
    bed.api.add("LocalDomains", Name="all.example", CatchAll="ann@local.example")
    bed.api.add("Aliases", Address="fred@local.example", Targets=["fred@local.example", "wilma@local.example"])
    bed.send("a@b.example", ["wilma@all.example", "whoever@all.example"], MESSAGE)
    bed.wait_mails("uid-1000")
    bed.wait_mails(bed.ann)
    bed.send("a@b.example", ["fred@local.example"], MESSAGE)
    bed.wait_mails("uid-1001")
    bed.wait_mails("uid-1000", 2)
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) == 1


def test_user_who_left_bounces(bed):
    """Gone between RCPT and delivery: told as unknown, not kept for ever."""
    server = start(bed)
    bed.api.add("Aliases", Address="old@local.example", Targets=["nosuch@local.example"])
    bed.send("ann@local.example", ["old@local.example"], MESSAGE)
    [bounce] = bed.wait_mails(bed.ann)
    assert b"5.1.1" in bounce
    bed.queue_empty()
    server.stop()


def test_silent_helper(bed):
    """Something takes the connection and never answers: a look-up ends with its deadline, and nothing hangs."""
    server = start(bed, started=False)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(server.path)
        silent.listen(100)
        found = {}

        def ask(name):
            found.update(rcpt(bed, name))
        threads = [threading.Thread(target=ask, args=(name,)) for name in ("wilma", "fred", "wilma")]
        for thread in threads:
            thread.start()
        assert rcpt(bed, "ann") == {"ann": 250}
        for thread in threads:
            thread.join()
        assert found == {"wilma": 451, "fred": 451}, found
    os.unlink(server.path)
    server.start()
    assert rcpt(bed, "wilma") == {"wilma": 250}


def test_helper_that_talks_nonsense(bed):
    server = start(bed, started=False)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(server.path)
        listening.listen(10)
        for words in (b"", b"x", b"HTTP/1.1 200 OK\r\n\r\n", b"\0\0\0\2\1\7", b"\0\0\0\2\1\2more", b"\xff" * 5000):
            def answer(said=words):
                peer, _ = listening.accept()
                with peer:
                    peer.recv(100)
                    peer.sendall(said)
            thread = threading.Thread(target=answer)
            thread.start()
            assert rcpt(bed, "wilma") == {"wilma": 451}, words
            thread.join()


def test_stops_while_the_helper_is_silent(bed):
    """A look-up under way does not keep the daemon from ending."""
    server = start(bed, started=False)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(server.path)
        silent.listen(10)
        with bed.talk() as talk:
            talk.ehlo()
            talk.expect("MAIL FROM:<a@b.example>", 250)
            talk.send(b"RCPT TO:<wilma@local.example>\r\n")
            silent.settimeout(60)
            with silent.accept()[0] as peer:
                assert peer.recv(100)
                bed.postbusd.stop()


def wait_logged(bed, words):
    wait_for(lambda: words in bed.postbusd.stderr(), f"{words} in the log")


def test_log_tells_once(bed):
    server = start(bed, started=False)
    assert rcpt(bed, "wilma", "fred") == {"wilma": 451, "fred": 451}
    wait_logged(bed, b"auth-helper-unavailable")
    server.start()
    assert rcpt(bed, "wilma") == {"wilma": 250}
    wait_logged(bed, b"auth-helper-available")
    assert bed.postbusd.stderr().count(b"auth-helper-unavailable") == 1

# SPDX-License-Identifier: GPL-3.0-or-later
"""Mailboxes.AccountSource pam and both: users of the system as recipients, and as logins."""
import base64
import os
import pathlib
import socket
import threading

import test_submit
from auth_helper import PASSWORD, Helper, gated, open_gate
from harness import files_below, strip_trace, wait_for
from smtp_talk import Talk

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


def test_root_of_programs(bed):
    """Who root's mail is for is known though no user of the system was asked about yet, or the answer is too old."""
    start(bed)
    test_submit.send(bed, ["root", "wilma@local.example"])
    [mail] = bed.wait_mails("postmaster")
    assert b"From a program." in mail
    bed.wait_mails("uid-1000")
    bed.api.add("Aliases", Address="root", Targets=["ann@local.example"])
    test_submit.send(bed, ["root"])
    bed.wait_mails(bed.ann)


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
            silent.settimeout(240)
            with silent.accept()[0] as peer:
                assert peer.recv(100)
                bed.postbusd.stop()


def test_pipelined_recipients(bed):
    """Answers come in the order of the questions, whichever had to be waited for."""
    start(bed)
    names = ["wilma", "nosuch", "ann", "fred", "daemon", "wilma"]
    with bed.talk() as talk:
        talk.ehlo()
        lines = ["MAIL FROM:<a@b.example>", *(f"RCPT TO:<{name}@local.example>" for name in names), "DATA"]
        talk.send("".join(line + "\r\n" for line in lines).encode())
        codes = [talk.reply()[0] for _ in lines]
        assert codes == [250, 250, 550, 250, 250, 550, 250, 354], codes
        assert talk.command(MESSAGE + b".")[0] == 250
    for account in ("uid-1000", "uid-1001", bed.ann):
        bed.wait_mails(account)
    bed.queue_empty()
    assert len(bed.mails("uid-1000")) == 1


def test_client_leaves_while_the_helper_is_asked(bed):
    server = start(bed, started=False)
    with socket.socket(socket.AF_UNIX) as slow:
        slow.bind(server.path)
        slow.listen(10)
        slow.settimeout(240)
        for what in (b"RCPT TO:<wilma@local.example>\r\n", b"RCPT TO:<wilma@local.example>\r\n"):
            with bed.talk() as talk:
                talk.ehlo()
                talk.expect("MAIL FROM:<a@b.example>", 250)
                talk.send(what)
                peer = slow.accept()[0]
                assert peer.recv(100)
            # The answer comes when nobody is there to hear it.
            peer.sendall(b"\0\0\0\2\1\3")
            peer.close()
            assert rcpt(bed, "ann") == {"ann": 250}


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


# ---- logins ----

STRANGER = "127.0.0.9"  # not trusted: 127.0.0.1 is


def start_logins(bed, source="both", **options):
    server = start(bed, source, **options)
    bed.api.call("Accounts", "SetPassword", "(say)", bed.ann, b"sesame")
    bed.api.set("General", "AuthPlaintextNeedsTls", "b", False)
    return server


def auth(talk, user, password=PASSWORD):
    octets = b"\0" + user.encode() + b"\0" + password.encode()
    return talk.command("AUTH PLAIN " + base64.b64encode(octets).decode())


def stranger(bed):
    talk = Talk(bed.port, STRANGER)
    talk.ehlo()
    return talk


def login(bed, user, password=PASSWORD):
    with stranger(bed) as talk:
        return auth(talk, user, password)[0]


def logins(bed, *users):
    """The replies to AUTH, all at once."""
    found = {}

    def attempt(user, password):
        with stranger(bed) as talk:
            found[user] = auth(talk, user, password)
    threads = [threading.Thread(target=attempt, args=each) for each in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def test_logs_in_and_sends(bed):
    start_logins(bed)
    bed.api.set("General", "AuthCheckSender", "b", True)
    out = bed.relay_sink()
    with stranger(bed) as talk:
        assert auth(talk, "Wilma@local.example")[0] == 235
        talk.expect("MAIL FROM:<fred@local.example>", 250)
        talk.expect("RCPT TO:<you@far.example>", 553, "5.7.1")
        talk.expect("RSET", 250)
        assert talk.mail("wilma+x@local.example", ["you@far.example"], b"From: wilma@local.example\r\n\r\nhello\r\n")
    wait_for(lambda: out.messages, "the message at the relay")
    assert login(bed, "wilma") == 235
    # An account of ours has its own password, and the system's user of that name its own.
    assert login(bed, "ann", "sesame") == 235


def test_refusals_are_alike(bed):
    start_logins(bed)
    tries = [("wilma", "wrong"), ("nosuch", PASSWORD), ("root", PASSWORD), ("locked", PASSWORD), ("expired", PASSWORD),
             ("ann", "wrong"), ("-x", PASSWORD), ("../x", PASSWORD), ("x" * 255, PASSWORD), ("fred", PASSWORD * 30)]
    found = logins(bed, *tries)
    assert set(found) == {user for user, _ in tries} and len({str(reply) for reply in found.values()}) == 1, found
    assert found["wilma"][0] == 535


def test_disabled_account_stands_for_its_user(bed):
    """Who disables the account of a user of the system means that user: no login, no mail."""
    start_logins(bed)
    assert login(bed, "wilma") == 235 and rcpt(bed, "wilma", "fred") == {"wilma": 250, "fred": 250}
    account = bed.api.add("Accounts", Name="Wilma", Addresses=["wilma@other.example"], Enabled=False)
    assert login(bed, "wilma") == 535 and login(bed, "WILMA@local.example") == 535 and login(bed, "fred") == 235
    assert rcpt(bed, "wilma", "wilma+x", "fred") == {"wilma": 550, "wilma+x": 550, "fred": 250}
    bed.api.set("Mailboxes", "AccountSource", "s", "pam")
    assert login(bed, "wilma") == 235
    bed.api.set("Mailboxes", "AccountSource", "s", "both")
    bed.api.call("Accounts", "Remove", "(as)", [account])
    assert login(bed, "wilma") == 235 and rcpt(bed, "wilma") == {"wilma": 250}


def test_source_decides_logins(bed):
    start_logins(bed, "internal")
    assert (login(bed, "wilma"), login(bed, "ann", "sesame")) == (535, 235)
    bed.api.set("Mailboxes", "AccountSource", "s", "pam")
    assert (login(bed, "wilma"), login(bed, "ann", "sesame")) == (235, 535)
    with stranger(bed) as talk:
        assert not [line for line in talk.command("EHLO x.example")[1].splitlines() if "SCRAM" in line]


def test_login_while_the_helper_is_away(bed):
    server = start_logins(bed, started=False)
    with stranger(bed) as talk:
        code, text = auth(talk, "wilma")
        assert code == 454 and "4.7.0" in text, text
    assert login(bed, "ann", "sesame") == 235
    server.start()
    assert login(bed, "wilma") == 235


def test_helper_killed_under_way(bed):
    server = start_logins(bed, service="auth required pam_exec.so quiet /bin/sleep 300\naccount required pam_permit.so\n")
    with stranger(bed) as talk:
        octets = base64.b64encode(f"\0wilma\0{PASSWORD}".encode())
        talk.send(b"AUTH PLAIN " + octets + b"\r\n")
        wait_for(server.busy_children, "a child")
        # Mail goes on: look-ups have a lane of their own.
        assert rcpt(bed, "fred") == {"fred": 250}
        server.kill()
        assert talk.reply()[0] == 454
    pathlib.Path(server.path).unlink()
    assert rcpt(bed, "fred") == {"fred": 250}


def test_many_logins_at_once(bed):
    """Each gets an answer, and no more run at once than there may."""
    server = start_logins(bed, service=gated(bed.folder))
    talks = [stranger(bed) for _ in range(40)]
    for talk in talks:
        talk.send(b"AUTH PLAIN " + base64.b64encode(f"\0wilma\0{PASSWORD}".encode()) + b"\r\n")
    most = len(wait_for(server.busy_children, "the first of them"))
    open_gate(bed.folder)
    for talk in talks:
        most = max(most, len(server.children()))
        assert talk.reply()[0] == 235
        talk.close()
    assert 1 <= most <= 24, most


def test_strangers_are_not_the_systems_users(bed):
    server = start(bed)
    bed.api.set("General", "AuthCheckSender", "b", True)
    for sender, code in (("wilma", 553), ("Wilma+x", 553), ("ann", 553), ("nosuch", 250)):
        with stranger(bed) as talk:
            talk.expect(f"MAIL FROM:<{sender}@local.example>", 250)
            talk.expect("RCPT TO:<fred@local.example>", code)
    server.kill()
    with stranger(bed) as talk:
        talk.expect("MAIL FROM:<locked@local.example>", 250)
        talk.expect("RCPT TO:<fred@local.example>", 451, "4.3.0")


def test_password_is_nowhere(bed):
    server = start_logins(bed)
    assert login(bed, "wilma") == 235
    assert login(bed, "fred", PASSWORD + "x") == 535
    canaries = [PASSWORD.encode(), base64.b64encode(PASSWORD.encode())[:20], b"Canary-7f3a91"]
    texts = [bed.postbusd.stderr(), server.stderr()]
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            texts.append(b"" if int(path.name) == os.getpid() else (path / "cmdline").read_bytes())
        except OSError:
            continue
    texts += [content for _, content in files_below(bed.folder)]
    assert not [each for each in canaries for text in texts if each in text]

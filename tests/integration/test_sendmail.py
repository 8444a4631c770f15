# SPDX-License-Identifier: GPL-3.0-or-later
"""/usr/sbin/sendmail as the programs of a machine use it, and the drop directory for when the service is away."""
import os
import pathlib
import resource
import signal
import stat
import subprocess
import sys
import threading
import time

from harness import skip, wait_for

TOOLS = pathlib.Path(os.environ.get("POSTBUSD", "build/test/daemon/postbusd")).parent / "sendmail"
USAGE, DATAERR, TEMPFAIL, NOPERM = 64, 65, 75, 77


def sendmail(bed, *arguments, text="Subject: x\n\nHello.\n", name="sendmail", status=0, **options):
    """Runs it against the test's bus; what it printed on both."""
    octets = text if isinstance(text, bytes) else text.encode()
    environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": options.pop("bus", bed.bus.address),
                   "POSTBUS_DROP_PROGRAM": str(TOOLS / "postbus-drop"),
                   "POSTBUS_DROP_DIRECTORY": os.path.join(bed.state, "drop")}
    done = subprocess.run([name, *arguments], executable=TOOLS / "sendmail", input=octets, capture_output=True, check=False,
                          timeout=240, env=environment, **options)
    assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
    return done.stdout.decode() + done.stderr.decode()


def waiting(bed):
    folder = pathlib.Path(bed.state, "drop")
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def test_as_cron_sends(bed):
    """cron's own call: a bare name, a full name, no From but one that is not an address' alone."""
    bed.start()
    bed.api.add("Aliases", Address="root", Targets=["ann@local.example"])
    sendmail(bed, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root",
             text="To: root\nSubject: Cron <root@nas> df\n\nall full\n.\nreally\n")
    [mail] = bed.wait_mails(bed.ann)
    assert b"\nFrom: \"CronDaemon\" <root@mail.local.example>\r\n" in mail, mail
    assert mail.endswith(b"\r\n\r\nall full\r\n.\r\nreally\r\n"), mail
    assert b"\nDate: " in mail and b"\nMessage-ID: " in mail


def test_recipients_from_the_message(bed):
    """-t takes To, Cc and Bcc; nobody sees Bcc; a lone dot ends it; what cannot be read goes to nobody."""
    bed.start()
    relay = bed.relay_sink()
    sendmail(bed, "-t", text="To: ann@local.example, far@far.example\nBcc: hidden@far.example\nSubject: x\n\nbody\n.\nlost\n")
    [mail] = bed.wait_mails(bed.ann)
    assert b"hidden" not in mail and mail.endswith(b"\r\n\r\nbody\r\n"), mail
    wait_for(lambda: sorted(sum((message.recipients for message in relay.messages), []))
             == [b"far@far.example", b"hidden@far.example"], "the others")
    said = sendmail(bed, "-t", text="To: ann@local.example, <broken\n\nx\n", status=DATAERR)
    assert "To: " in said and "no list of addresses" in said, said
    assert "no recipients" in sendmail(bed, "-t", status=USAGE)
    assert "-t takes them" in sendmail(bed, status=USAGE)
    assert "no option -Z" in sendmail(bed, "-Z", "ann", status=USAGE)
    assert len(bed.mails(bed.ann)) == 1


def test_recipients_as_cron_hands_them_on(bed):
    """MAILTO=ann,bob@x.example is one word; so are <...> and a name before it."""
    bed.start()
    relay = bed.relay_sink()
    for words in (["ann@local.example,one@far.example"], ["<two@far.example>", "Three <three@far.example>, four@far.example"]):
        sendmail(bed, *words)
    wait_for(lambda: sorted(sum((message.recipients for message in relay.messages), []))
             == [b"four@far.example", b"one@far.example", b"three@far.example", b"two@far.example"], "the others")
    bed.wait_mails(bed.ann)


# What programs start it with: mutt, PHP's mail(), msmtp's users, git, mailx, cron, smartd, logcheck, exim's and Postfix's own.
WAYS = [["-oem", "-oi", "-f", "bob@local.example", "--", "ann@local.example"], ["-oem", "-oi", "--", "ann@local.example"],
        ["-t", "-i"], ["-ti"], ["-t", "-i", "-f", "bob@local.example"], ["-t", "-i", "-fbob@local.example"], ["-ti", "-r", "bob@local.example"],
        ["-oi", "-t", "-B8BITMIME"], ["-B", "8BITMIME", "-oi", "-t"], ["-i", "-F", "Some Body", "ann"], ["-FSome Body", "-i", "ann"],
        ["-N", "success,delay", "-R", "hdrs", "-V", "id=1", "-t"], ["-Nnever", "-Rfull", "-t", "-oi"], ["-bm", "-odb", "-oi", "ann"],
        ["-odi", "-oem", "-om", "ann"], ["-em", "-m", "-n", "-t"], ["-O", "DeliveryMode=b", "-U", "-t"], ["-G", "-L", "tag", "-t"],
        ["-h", "3", "-p", "ESMTP:here", "-t"], ["-A", "c", "-X", "/dev/null", "-t"], ["-C", "/dev/null", "-t"], ["-v", "-t"], ["-Am", "-t", "-oi", "-f", "<>"]]


def test_ways_of_programs(bed):
    """The command lines that programs use: each sends, and the text is all there but what -i decides."""
    bed.start()
    for number, way in enumerate(WAYS):
        sendmail(bed, *way, text=f"To: ann@local.example\nSubject: {number}\n\nü\n.\nend\n")
    mails = {int(mail.split(b"Subject: ")[1].split(b"\r")[0]): mail
             for mail in bed.wait_mails(bed.ann, len(WAYS)) if b"multipart/report" not in mail}
    assert len(mails) == len(WAYS), sorted(mails)
    for number, way in enumerate(WAYS):
        mail, whole = mails[number], any(word in ("-i", "-oi", "-ti") for word in way)
        assert mail.endswith("ü\r\n.\r\nend\r\n".encode() if whole else "ü\r\n".encode()), (way, mail)
        bob = any("bob@" in word for word in way)
        assert (b"Return-Path: <bob@local.example>" in mail) == bob and (b"Return-Path: <>" in mail) == ("<>" in way), (way, mail)
        assert (b"\"Some Body\" <" in mail or b"Some Body <" in mail) == any("Some Body" in word for word in way), (way, mail)
    bed.queue_empty()
    for way in (["-q30m"], ["-bd"], ["-bv", "ann"], ["-bt"], ["-f"], ["-N", "often", "ann"], ["-R", "half", "ann"], ["-V", "a\tb", "ann"]):
        said = sendmail(bed, *way, status=USAGE)
        assert said.startswith("sendmail: ") and said.count("\n") == 1, (way, said)


def test_senders(bed):
    """-f names the sender, of the envelope and, where there is none, of From; the null sender is one."""
    bed.start()
    for option, path in ((["-f", "bob@local.example"], b"<bob@local.example>"), (["-f", "bob"], b"<bob@mail.local.example>"),
                         (["-f", "<>"], b"<>"), ([], b"<root@mail.local.example>")):
        sendmail(bed, *option, "ann", text="From: somebody@x.example\n\nx\n")
        mail = bed.wait_mails(bed.ann, len(bed.mails(bed.ann)) or 1)
        wait_for(lambda want=path: any(b"Return-Path: " + want in mail for mail in bed.mails(bed.ann)), path)
    del mail


def test_verdicts(bed):
    """A refusal is told with the service's words and an exit status that says what it is."""
    bed.start()
    bed.api.set("General", "MaxMessageSize", "u", 1)
    assert "552" in sendmail(bed, "ann", text="x" * (2 << 20), status=DATAERR)
    assert "recipients[0]" in sendmail(bed, "a b@x.example", status=DATAERR)
    assert sendmail(bed, "-v", "ann").startswith("Queued as ")
    assert waiting(bed) == []
    if os.geteuid() == 0:
        os.chmod(bed.folder, 0o755)
        bed.api.set("General", "AuthCheckSender", "b", True)
        said = sendmail(bed, "-f", "ann@local.example", "ann", status=NOPERM, user=65534, group=65534, extra_groups=[])
        assert "553 5.7.1" in said, said


def test_service_away(bed):
    """What comes while the service is down waits on disk, whole, and is delivered once at its start."""
    bed.start()
    bed.postbusd.stop()
    sendmail(bed, "-f", "bob@local.example", "-N", "never", "ann", text="Subject: one\n\n" + "line\n" * 100000)
    assert "Left for the service" in sendmail(bed, "-v", "ann")
    assert "Left for the service" in sendmail(bed, "-v", "ann", bus="unix:path=/nonexistent/bus")
    files = waiting(bed)
    assert len(files) == 3 and all(name.startswith("new-") for name in files), files
    for name in files:
        status = os.stat(os.path.join(bed.state, "drop", name))
        assert stat.S_IMODE(status.st_mode) == 0o440 and status.st_uid == os.geteuid()
    bed.postbusd.start()
    mails = bed.wait_mails(bed.ann, 3)
    wait_for(lambda: waiting(bed) == [], "the files' end")
    assert sum(b"Return-Path: <bob@local.example>" in mail for mail in mails) == 1
    assert sum(b"Return-Path: <root@mail.local.example>" in mail for mail in mails) == 2
    bed.postbusd.restart()
    assert len(bed.mails(bed.ann)) == 3


def test_dropped_while_running(bed):
    """The service notices by itself, also after a kill -9 in the middle of many."""
    bed.start()
    for _ in range(20):
        sendmail(bed, "ann", bus="unix:path=/nonexistent/bus")
    bed.postbusd.kill()
    for _ in range(5):
        sendmail(bed, "ann")
    bed.postbusd.start()
    wait_for(lambda: waiting(bed) == [], "all files")
    bed.queue_empty()
    assert len(bed.mails(bed.ann)) in (25, 26), "at most the one under way comes twice"


def test_hostile_files(bed):
    """What is no message is kept aside and said; links are not followed; a half one is nobody's."""
    bed.start()
    folder = pathlib.Path(bed.state, "drop")
    wait_for(folder.exists, "the drop directory")
    secret = pathlib.Path(bed.folder, "secret")
    secret.write_text("postbus-drop 1\nsender \nrecipient ann\n\nSubject: secret\n\nx\n")
    os.symlink(secret, folder / "tmp-link")
    os.rename(folder / "tmp-link", folder / "new-0-link")
    os.link(secret, folder / "tmp-hard")
    os.rename(folder / "tmp-hard", folder / "new-1-hard")
    for name, octets in (("2", b""), ("3", b"\0" * 1000), ("4", b"postbus-drop 1\nsender x\n\n"),
                         ("5", b"postbus-drop 1\nsender x@@\nrecipient ann\n\nSubject: y\n\nz\n")):
        (folder / f"tmp-{name}").write_bytes(octets)
        os.rename(folder / f"tmp-{name}", folder / f"new-{name}")
    (folder / "tmp-half").write_bytes(b"postbus-drop 1\n")
    sendmail(bed, "ann", bus="unix:path=/nonexistent/bus")
    wait_for(lambda: {"refused-1-hard", "refused-2", "refused-3", "refused-4", "refused-5"} <= set(waiting(bed)),
             "the refused files")
    assert "tmp-half" in waiting(bed)
    os.unlink(folder / "new-0-link")
    bed.postbusd.restart()
    [mail] = bed.wait_mails(bed.ann)
    assert b"Hello." in mail
    bed.wait_logged(b"drop-refused")
    bed.wait_logged(b"drop-unreadable")


def test_closed_descriptors(bed):
    """What is opened first must not take the place of standard input or error."""
    bed.start()
    environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bed.bus.address}
    for closed, status in (("<&-", 74), ("<&- >&- 2>&-", 74), (">&- 2>&-", 0)):
        done = subprocess.run(["sh", "-c", f"exec '{TOOLS / 'sendmail'}' ann {closed}"], input=b"Subject: x\n\nHello.\n",
                              check=False, timeout=240, env=environment, capture_output=True)
        assert done.returncode == status, (closed, done)
    done = subprocess.run(["sh", "-c", f"exec '{TOOLS / 'sendmail'}' 'a b@x' 2>&-"], input=b"Subject: x\n\nHello.\n",
                          check=False, timeout=240, env=environment)
    assert done.returncode == DATAERR, done
    [mail] = bed.wait_mails(bed.ann)
    assert mail.endswith(b"\r\n\r\nHello.\r\n") and waiting(bed) == [], mail


def test_killed_while_dropping(bed):
    """The end of sendmail is not taken for the end of the message."""
    bed.start()
    bed.postbusd.stop()
    wrapper = pathlib.Path(bed.folder, "wrapper")
    wrapper.write_text(f"#!/bin/sh\nkill -9 $PPID\nexec {TOOLS / 'postbus-drop'} \"$@\"\n")
    wrapper.chmod(0o755)
    text = "Subject: large\n\n" + "0123456789\n" * 500000
    done = subprocess.run([TOOLS / "sendmail", "ann"], input=text.encode(), check=False, timeout=240, capture_output=True,
                          env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bed.bus.address, "POSTBUS_DROP_PROGRAM": str(wrapper),
                               "POSTBUS_DROP_DIRECTORY": os.path.join(bed.state, "drop")})
    assert done.returncode == -signal.SIGKILL, done
    wait_for(lambda: any(name.startswith("new-") for name in waiting(bed)), "the file")
    bed.postbusd.start()
    [mail] = bed.wait_mails(bed.ann)
    assert mail.replace(b"\r\n", b"\n").endswith(b"\n\n" + text.split("\n\n")[1].encode()), len(mail)


def test_drop_leaves_nothing_half(bed):
    """A signal, an alarm set before it was started, a limit on files: it says so by its status, and nothing is there."""
    folder = pathlib.Path(bed.folder, "there")
    folder.mkdir()
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGALRM, signal.SIGUSR1, signal.SIGXCPU):
        with subprocess.Popen([TOOLS / "postbus-drop", folder], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            process.stdin.write(b"x" * 100000)
            process.stdin.flush()
            wait_for(lambda: list(folder.iterdir()), "its file")
            process.send_signal(number)
            assert process.wait(240) == TEMPFAIL, number
        assert not list(folder.iterdir()), number
    done = subprocess.run([TOOLS / "postbus-drop", folder], input=b"x" * 100000, check=False, timeout=240, capture_output=True,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    assert done.returncode == 74 and b"File too large" in done.stderr and not list(folder.iterdir()), done
    done = subprocess.run(["sh", "-c", f"exec '{TOOLS / 'postbus-drop'}' '{folder}' <&-"], check=False, timeout=240, capture_output=True)
    assert done.returncode == 74 and not list(folder.iterdir()), done
    done = subprocess.run([TOOLS / "postbus-drop", folder], input=b"x", check=True, timeout=240, umask=0o777)
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o440 and file.read_bytes() == b"x", done


def test_drop_keeps_a_reserve(bed):
    """A message that would fill the disk is given back in its midst."""
    if os.geteuid() != 0:
        skip("only root can mount a small file system")
    folder = pathlib.Path(bed.folder, "small")
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", folder], check=False).returncode != 0:
        skip("nothing can be mounted here")
    try:
        done = subprocess.run([TOOLS / "postbus-drop", folder], input=b"x" * (60 << 20), check=False, timeout=240, capture_output=True)
        assert done.returncode == TEMPFAIL and b"No space" in done.stderr and not list(folder.iterdir()), done
        subprocess.run([TOOLS / "postbus-drop", folder], input=b"x" * (20 << 20), check=True, timeout=240)
        assert len(list(folder.iterdir())) == 1
    finally:
        subprocess.run(["umount", folder], check=True)


def test_stop_while_many_send(bed):
    """The service ends, in order and by kill -9, in the midst of large messages: every sendmail that said 0 is delivered."""
    bed.start()
    for end in (bed.postbusd.stop, bed.postbusd.kill):
        pace = threading.Event()
        said, running = {}, []

        def keep_sending(who, said=said, pace=pace, end=end):
            for number in range(100):
                name = f"{end.__name__}-{who}-{number}"
                sendmail(bed, "ann", text=f"Subject: {name}\n\n" + "0123456789abcdef\n" * 30000)
                said[name] = True
                if pace.is_set():
                    return
        for who in range(5):
            running.append(threading.Thread(target=keep_sending, args=(who,)))
            running[-1].start()
        wait_for(lambda said=said: len(said) >= 5, "five that were taken")
        end()
        pace.set()
        for thread in running:
            thread.join(240)
            assert not thread.is_alive()
        bed.postbusd.start()
        wait_for(lambda: waiting(bed) == [], "the files' end")
        bed.queue_empty()
        mails = b"".join(mail.split(b"\r\n\r\n")[0] + b"\r\n" for mail in bed.mails(bed.ann))
        missing = [name for name in said if f"Subject: {name}\r\n".encode() not in mails]
        assert len(said) >= 10 and not missing, (len(said), missing)
        assert all(len(mail) > 30000 * 18 for mail in bed.mails(bed.ann)), "a half one"


HOLD_SESSIONS = """import os, sys
from gi.repository import Gio
bus = Gio.DBusConnection.new_for_address_sync(sys.argv[1], Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
                                              | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
held = [bus.call_with_unix_fd_list_sync("org.postbus.Postbus1", "/org/postbus/Postbus1", "org.postbus.Postbus1.Submission",
                                        "Open", None, None, 0, 240000, None, None) for _ in range(20)]
print("held", flush=True)
sys.stdin.read()
"""


def test_one_user_holds_up_no_other(bed):
    """Who has all its sessions open leaves a message first in line: it waits alone, and comes when they end."""
    if os.geteuid() != 0:
        skip("only root can be somebody else")
    bed.start()
    os.chmod(bed.folder, 0o755)
    folder = pathlib.Path(bed.state, "drop")
    wait_for(folder.exists, "the drop directory")
    with subprocess.Popen([sys.executable, "-c", HOLD_SESSIONS, bed.bus.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          user=65534, group=65534, extra_groups=[]) as holder:
        assert holder.stdout.readline() == b"held\n"
        (folder / "tmp-0-first").write_text("postbus-drop 1\nsender \nrecipient ann\n\nSubject: first\n\nx\n")
        os.chown(folder / "tmp-0-first", 65534, -1)
        os.rename(folder / "tmp-0-first", folder / "new-0-first")
        sendmail(bed, "ann", bus="unix:path=/nonexistent/bus")
        [mail] = bed.wait_mails(bed.ann)
        assert b"Hello." in mail, mail
        wait_for(lambda: waiting(bed) == ["new-0-first"], "the file of the other to be gone")
        holder.stdin.close()
        holder.wait(240)
    bed.postbusd.restart()
    assert any(b"Subject: first" in mail for mail in bed.wait_mails(bed.ann, 2))
    wait_for(lambda: waiting(bed) == [], "the file's end")


def test_many_that_cannot_be_taken(bed):
    """More than a look takes: the folder is gone through to its end, once, and then again after a while only."""
    bed.start()
    bed.postbusd.stop()
    folder = pathlib.Path(bed.state, "drop")
    for number in range(2500):
        os.symlink("nowhere", folder / f"new-0-{number}")
    sendmail(bed, "ann", bus="unix:path=/nonexistent/bus")
    bed.postbusd.start()
    bed.wait_mails(bed.ann)
    wait_for(lambda: len(waiting(bed)) == 2500, "the one file that is a message")
    # A round that begins anew at its own end would never let its thread rest.
    wait_for(lambda: threads_rest(bed, "drop"), "a thread with nothing to do")


def threads_rest(bed, name):
    """No thread of that name is given the processor in a second."""
    def switches():
        found = []
        for task in pathlib.Path(f"/proc/{bed.postbusd.process.pid}/task").iterdir():
            try:
                if (task / "comm").read_text().startswith(name):
                    found += [line for line in (task / "status").read_text().splitlines() if "ctxt_switches" in line]
            except (FileNotFoundError, ProcessLookupError):
                continue  # a thread of another name that ended
        assert found, "there is no such thread"
        return found
    before = switches()
    time.sleep(1)
    return switches() == before


def test_queue_and_session(bed):
    """mailq, -q, newaliases, -bs."""
    bed.start()
    assert sendmail(bed, name="mailq") == "Mail queue is empty\n"
    bed.api.set("Delivery", "RelayServer", "s", "127.0.0.1")
    bed.api.set("Delivery", "RelayPort", "u", bed.ports.take())
    bed.api.set("Delivery", "Mode", "s", "relay")
    sendmail(bed, "-f", "ann@local.example", "far@far.example")
    bed.wait_deferred()
    said = sendmail(bed, "-bp")
    assert "ann@local.example" in said and "far@far.example" in said and "in 1 Request." in said, said
    sendmail(bed, "-q")
    assert sendmail(bed, name="newaliases") == ""
    said = sendmail(bed, "-bs", text="EHLO x\r\nMAIL FROM:<ann@local.example>\r\nRCPT TO:<ann@local.example>\r\nDATA\r\n")
    assert said.startswith("220 mail.local.example") or "554 5.5.0" in said, said
    with subprocess.Popen(["sendmail", "-bs"], executable=TOOLS / "sendmail", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bed.bus.address}) as process:
        assert process.stdout.readline().startswith(b"220 ")
        for line, code in ((b"HELO x", b"250"), (b"MAIL FROM:<ann@local.example>", b"250"),
                           (b"RCPT TO:<ann@local.example>", b"250"), (b"DATA", b"354"), (b"\r\nx\r\n.", b"250"),
                           (b"QUIT", b"221")):
            process.stdin.write(line + b"\r\n")
            process.stdin.flush()
            assert process.stdout.readline().startswith(code), line
    bed.wait_mails(bed.ann)
    assert "421 4.3.0" in sendmail(bed, "-bs", bus="unix:path=/nonexistent/bus", status=TEMPFAIL)
    if os.geteuid() == 0:
        os.chmod(bed.folder, 0o755)
        assert "not allowed" in sendmail(bed, name="mailq", status=NOPERM, user=65534, group=65534, extra_groups=[])


def test_with_git(bed):
    """git send-email, where it is, through it: a patch comes out of the mail as it went in."""
    if not os.path.exists("/usr/lib/git-core/git-send-email"):
        skip("git-email is not installed")
    bed.start()
    relay = bed.relay_sink()
    wrapper = pathlib.Path(bed.folder, "wrapper")
    wrapper.write_text(f"#!/bin/sh\necho \"$@\" >>{bed.folder}/arguments\nexec {TOOLS / 'sendmail'} \"$@\"\n")
    wrapper.chmod(0o755)
    where = pathlib.Path(bed.folder, "repository")
    where.mkdir()
    environment = {**os.environ, "HOME": str(where), "GIT_CONFIG_NOSYSTEM": "1", "DBUS_SYSTEM_BUS_ADDRESS": bed.bus.address,
                   "EMAIL": "ann@local.example", "GIT_AUTHOR_NAME": "Änne Ä", "GIT_COMMITTER_NAME": "Änne Ä"}

    def git(*arguments, cwd=where):
        return subprocess.run(["git", *arguments], cwd=cwd, env=environment, check=True, timeout=60, capture_output=True).stdout
    git("init", "-q", "-b", "main")
    git("commit", "-q", "--allow-empty", "-m", "First")
    text = "From the start\n.\n..\n" + "ü and a long line " * 80 + "\n"
    (where / "file").write_text(text)
    git("add", "file")
    git("commit", "-q", "-m", "Add a file for Ünne\n\nWith ü, and a line with a dot:\n.\nthe end")
    git("send-email", "--quiet", f"--sendmail-cmd={wrapper}", "--envelope-sender=auto", "--confirm=never", "--to=ann@local.example", "--cc=Far Ä <far@far.example>",
        "--suppress-cc=self", "--8bit-encoding=UTF-8", "-1")
    [mail] = bed.wait_mails(bed.ann)
    [message] = relay.wait_messages(1)
    assert message.sender == b"ann@local.example" and message.recipients == [b"far@far.example"], message.sender
    assert pathlib.Path(bed.folder, "arguments").read_text() == "-f ann@local.example -i ann@local.example far@far.example\n"
    other = pathlib.Path(bed.folder, "other")
    git("clone", "-q", str(where), str(other))
    git("reset", "-q", "--hard", "HEAD^", cwd=other)
    (other / "mail").write_bytes(mail.replace(b"\r\n", b"\n"))
    git("am", "-q", "mail", cwd=other)
    assert (other / "file").read_text() == text
    assert git("show", "-s", "--format=%an %s%n%b", "HEAD", cwd=other) == git("show", "-s", "--format=%an %s%n%b", "HEAD")


def test_with_mail(bed):
    """mail(1), where there is one, through it."""
    program = next((path for path in ("/usr/bin/bsd-mailx", "/usr/bin/s-nail") if os.path.exists(path)), None)
    if program is None:
        skip("there is no mail(1) here")
    bed.start()
    wrapper = pathlib.Path(bed.folder, "wrapper")
    wrapper.write_text(f"#!/bin/sh\nexec {TOOLS / 'sendmail'} \"$@\"\n")
    wrapper.chmod(0o755)
    rc = pathlib.Path(bed.folder, "mailrc")
    rc.write_text(f"set sendmail={wrapper}\nset mta={wrapper}\n")
    subprocess.run([program, "-s", "from mail", "ann@local.example"], input=b"typed\n", check=True, timeout=240,
                   env={**os.environ, "MAILRC": str(rc), "DBUS_SYSTEM_BUS_ADDRESS": bed.bus.address})
    [mail] = bed.wait_mails(bed.ann)
    assert b"Subject: from mail" in mail and b"typed" in mail, mail

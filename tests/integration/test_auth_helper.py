# SPDX-License-Identifier: GPL-3.0-or-later
"""postbus-auth-helper by itself, with real PAM: who gets a yes, who gets no answer at all, what holds it up."""
import os
import pathlib
import socket
import struct
import subprocess
import sys
import threading

import auth_helper
from auth_helper import NO, PASSWORD, TROUBLE, YES, Helper
from harness import skip, wait_for

HANGING = "auth required pam_exec.so quiet /bin/sleep 300\naccount required pam_permit.so\n"


def helper(bed, **options):
    made = Helper(bed.folder, **options)
    bed.on_close(made.kill)
    return made.start()


def test_right_and_wrong(bed):
    server = helper(bed)
    assert server.authenticate("wilma") == (YES, 1000, True, "wilma")
    assert server.authenticate("WILMA") == (YES, 1000, True, "wilma")
    # Whoever is refused hears the same.
    users = ["wilma", "nosuch", "root", "daemon", "service", "nobody", "locked", "expired", "stale", "nopassword"]
    tries = [(user, PASSWORD if user != "wilma" else "wrong") for user in users]
    tries += [("nopassword", ""), ("root", "wrong"), ("wilma", ""), ("postbus.no.such.user", PASSWORD)]
    answers = {}

    def attempt(each):
        answers[each] = server.authenticate(*each)
    threads = [threading.Thread(target=attempt, args=(each,)) for each in tries]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {each: (NO,) for each in tries}, answers
    server.stop()


def test_works_without_capabilities(bed):
    """As the unit runs it: uid 0, which owns /etc/shadow, and no right beside that."""
    made = Helper(bed.folder)
    bed.on_close(made.kill)
    server = made.start(("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"))
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status, status
    assert server.authenticate("wilma") == (YES, 1000, True, "wilma")
    assert server.authenticate("wilma", "wrong") == server.authenticate("expired") == (NO,)
    server.stop()


def test_looks_up(bed):
    server = helper(bed)
    assert server.lookup("wilma") == (YES, 1000, True, "wilma")
    assert server.lookup("Fred") == (YES, 1001, True, "fred")
    assert server.lookup("root") == (YES, 0, True, "root")
    assert server.lookup("noshell") == (YES, 1005, False, "noshell")
    assert server.lookup("oddshell") == (YES, 1006, False, "oddshell")
    assert server.lookup("nosuch") == (NO,)
    server.stop()


def test_garbage_gets_no_answer(bed):
    server = helper(bed)
    right = auth_helper.lookup("wilma")
    wrong = [b"GET / HTTP/1.0\r\n\r\n", b"\0" * 64, b"\xff" * 4000, right + b"x", right + right,
             auth_helper.frame(auth_helper.LOOKUP, auth_helper.texts("wilma"), version=2),
             auth_helper.frame(9, auth_helper.texts("wilma")), auth_helper.frame(auth_helper.LOOKUP, b"\xff\xff"),
             struct.pack(">I", 0x7fffffff), struct.pack(">I", 0),
             *(auth_helper.lookup(name) for name in ("", "../passwd", "a\0b", "a\nb", "a:b", "-a", "x" * 257, b"\xff", "a\u0085b")),
             auth_helper.authenticate("wilma", "x" * 1025), auth_helper.authenticate("wilma", "a\0b"),
             auth_helper.authenticate("wilma", remote="a b"), auth_helper.authenticate("wilma", service="x\ny")]
    for octets in wrong:
        assert server.ask(octets) is None, octets
    # Half a request holds nobody up.
    with server.connect() as slow:
        slow.sendall(right[:7])
        assert server.ask(right)[0] == YES
        slow.sendall(right[7:])
        assert auth_helper.read_answer(slow)[0] == YES
    wait_for(lambda: server.stderr().count(b"is no request") == len(wrong), "a line for each")
    server.stop()


def test_other_users_are_refused(bed):
    server = helper(bed)
    os.chmod(bed.folder, 0o755)
    for path in (server.path, server.folder):
        os.chmod(path, 0o777)
    script = ("import socket, sys\npeer = socket.socket(socket.AF_UNIX)\npeer.connect(sys.argv[1])\n"
              "try:\n  peer.sendall(bytes.fromhex(sys.argv[2]))\n  got = peer.recv(100)\n"
              "except OSError:\n  got = b''\nprint(got.hex() or 'nothing')\n")
    said = {}
    for uid in (0, 65534):
        run = subprocess.run(["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", sys.executable, "-c", script,
                              server.path, auth_helper.lookup("wilma").hex()], capture_output=True, text=True, check=False)
        said[uid] = run.stdout.strip() + run.stderr
    assert said[65534] == "nothing" and said[0].startswith("000000"), said
    wait_for(lambda: b"refused a peer of uid 65534" in server.stderr(), "the line of the log")
    server.stop()


def test_two_hundred_at_once_are_bounded(bed):
    server = helper(bed, service=auth_helper.gated(bed.folder))
    peers = [server.connect() for _ in range(200)]
    for peer in peers:
        peer.sendall(auth_helper.authenticate("wilma"))
    most = len(wait_for(lambda: server.children()[1:] and server.children(), "some at once"))
    auth_helper.open_gate(bed.folder)
    for peer in peers:
        most = max(most, len(server.children()))
        assert auth_helper.read_answer(peer) == (YES, 1000, True, "wilma")
        peer.close()
    assert 2 <= most <= 40, most
    wait_for(lambda: not server.children(), "the children's end")
    server.stop()


def test_a_hanging_module_is_killed(bed):
    server = helper(bed, service=HANGING)
    with server.connect() as peer:
        peer.sendall(auth_helper.authenticate("wilma"))
        # Others are served meanwhile.
        assert server.lookup("fred")[0] == YES
        assert auth_helper.read_answer(peer) is None
    wait_for(lambda: b"no answer in time" in server.stderr(), "the line of the log")
    wait_for(lambda: not server.children(), "the child's end")
    server.stop()


def test_pam_that_is_not_there_is_trouble(bed):
    server = helper(bed, service="auth required pam_no_such_module.so\naccount required pam_permit.so\n")
    assert server.authenticate("wilma") == (TROUBLE,)
    server.stop()


def test_other_modules_stand_in_front(bed):
    echo = ("auth required pam_echo.so hello\nauth optional pam_exec.so expose_authtok quiet /bin/true\n"
            "auth required pam_unix.so\naccount required pam_unix.so\n")
    server = helper(bed, service=echo)
    assert server.authenticate("wilma") == (YES, 1000, True, "wilma"), server.stderr()
    server.stop()


def test_ends_with_its_children(bed):
    server = helper(bed, service=HANGING)
    with server.connect() as peer:
        peer.sendall(auth_helper.authenticate("wilma"))
        [child] = wait_for(server.busy_children, "a child")
        server.stop()
        assert auth_helper.read_answer(peer) is None
    wait_for(lambda: not pathlib.Path(f"/proc/{child}").exists(), "the child's end")
    assert not os.path.exists(server.path)


def test_password_is_nowhere(bed):
    """Neither in a command line, an environment, the log, nor in what the helper writes."""
    server = helper(bed, service="auth required pam_exec.so quiet /bin/sleep 1\nauth required pam_unix.so use_first_pass\n"
                                 "account required pam_unix.so\n")
    canary = b"Canary-7f3a91"
    with server.connect() as peer:
        peer.sendall(auth_helper.authenticate("wilma"))
        wait_for(server.busy_children, "a child")
        for path in pathlib.Path("/proc").glob("[0-9]*"):
            if int(path.name) == os.getpid():
                continue
            for name in ("cmdline", "environ"):
                try:
                    assert canary not in (path / name).read_bytes(), path
                except OSError:
                    continue
        assert auth_helper.read_answer(peer) is not None
    assert canary not in server.stderr()
    assert not [path for path in pathlib.Path(bed.folder).rglob("*") if path.is_file() and canary in path.read_bytes()]
    # Nor is it left to a core image: the process forbids one.
    limits = pathlib.Path(f"/proc/{server.process.pid}/limits").read_text(encoding="ascii")
    assert [line.split()[4:6] for line in limits.splitlines() if "core file" in line] == [["0", "0"]], limits
    server.stop()


def test_activation_and_options(bed):
    if not os.access(auth_helper.HELPER, os.X_OK):
        skip("built without PAM")

    def run(*words):
        return subprocess.run([auth_helper.HELPER, *words], capture_output=True, text=True, check=False, timeout=240)
    assert run("--version").stdout.startswith("postbus-auth-helper ")
    assert run().returncode == 1 and "no socket" in run().stderr
    assert run("--nonsense").returncode == 1 and run("more").returncode == 1
    assert run("--socket=" + "x" * 200).returncode == 1
    # As systemd passes a socket.
    path = os.path.join(bed.folder, "activated")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen(5)
        script = 'exec env LISTEN_PID=$$ LISTEN_FDS=1 "$1"'
        process = subprocess.Popen(["sh", "-c", script, "sh", auth_helper.HELPER], close_fds=False,
                                   preexec_fn=lambda: os.dup2(listening.fileno(), 3))
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(240)
            peer.connect(path)
            peer.sendall(auth_helper.lookup("root"))
            assert auth_helper.read_answer(peer)[:2] == (YES, 0)
        process.terminate()
        assert process.wait(240) == 0
    assert os.path.exists(path), "a socket of systemd's was removed"

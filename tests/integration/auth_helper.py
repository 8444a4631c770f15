# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs postbus-auth-helper over users of a test's own: in a mount namespace where /etc/passwd, /etc/shadow
and /etc/pam.d are the test's, so that the machine's accounts are neither asked about nor touched."""
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess

from harness import PROGRAM, ROOT, skip, wait_for

HELPER = os.environ.get("POSTBUS_AUTH_HELPER", str(pathlib.Path(PROGRAM).parent / "auth-helper/postbus-auth-helper"))
VERSION = 1
AUTHENTICATE, LOOKUP = 1, 2
YES, NO, TROUBLE = 1, 2, 3
PASSWORD = "Canary-7f3a91 mit Umlaut ä"
PASSWD = """root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
messagebus:x:100:107::/nonexistent:/usr/sbin/nologin
service:x:999:999::/:/bin/bash
nobody:x:65534:65534:nobody:/nonexistent:/bin/bash
wilma:x:1000:1000::/home/wilma:/bin/bash
fred:x:1001:1001::/home/fred:/bin/sh
locked:x:1002:1002::/:/bin/bash
expired:x:1003:1003::/:/bin/bash
stale:x:1004:1004::/:/bin/bash
noshell:x:1005:1005::/:/usr/sbin/nologin
oddshell:x:1006:1006::/:/opt/not-in-etc-shells
nopassword:x:1007:1007::/:/bin/bash
a+b:x:1008:1008::/:/bin/bash
ann:x:1009:1009::/:/bin/bash
"""
# name: what stands behind the hash in /etc/shadow. expired: the account's last day was in 1970; stale: the password's age.
SHADOW = {"expired": ":19000:0:99999:7::1:", "stale": ":1:0:10:7:2::"}


def gated(folder):
    """A service of PAM that says yes once the gate is open."""
    path = pathlib.Path(folder, "gate")
    path.write_text(f"#!/bin/sh\nwhile [ ! -e {path}-open ]; do sleep 0.1; done\n", encoding="ascii")
    path.chmod(0o755)
    return f"auth required pam_exec.so quiet {path}\naccount required pam_permit.so\n"


def open_gate(folder):
    pathlib.Path(folder, "gate-open").touch()


def crypt(password):
    run = subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password.encode(), capture_output=True, check=True)
    return run.stdout.decode().strip()


def write_users(folder, extra=""):
    """passwd and shadow in the folder; every user's password is PASSWORD."""
    hashed = crypt(PASSWORD)
    lines = []
    for line in (PASSWD + extra).splitlines():
        name = line.split(":")[0]
        field = {"locked": "!" + hashed, "nopassword": ""}.get(name, hashed)
        lines.append(name + ":" + field + SHADOW.get(name, ":19000:0:99999:7:::"))
    for name, text in (("passwd", PASSWD + extra), ("shadow", "\n".join(lines) + "\n")):
        # Written over, not replaced: the file is mounted.
        pathlib.Path(folder, name).write_text(text, encoding="utf-8")
    pathlib.Path(folder, "shadow").chmod(0o640)


def children_of(pid):
    try:
        return [int(each) for each in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]
    except (FileNotFoundError, ProcessLookupError):
        return []  # it is gone


class Helper:
    """One helper on a socket in the folder."""

    def __init__(self, folder, service=None, extra=""):
        if not os.access(HELPER, os.X_OK):
            skip("built without PAM")
        if os.geteuid() != 0:
            skip("needs root, for a mount namespace with users of its own")
        if not shutil.which("unshare") or not shutil.which("openssl"):
            skip("needs unshare and openssl")
        self.folder = pathlib.Path(folder, "users")
        self.folder.mkdir(exist_ok=True)
        self.path = str(self.folder / "socket")
        self.stderr_path = self.folder / "stderr"
        write_users(self.folder, extra)
        shutil.copytree("/etc/pam.d", self.folder / "pam.d", dirs_exist_ok=True)
        text = service or (ROOT / "data/pam.d/postbus").read_text(encoding="utf-8")
        (self.folder / "pam.d/postbus").write_text(text, encoding="utf-8")
        self.process = None

    def start(self, wrapper=()):
        script = "".join(f"mount --bind {self.folder}/{name} /etc/{name} && " for name in ("passwd", "shadow", "pam.d"))
        words = ["unshare", "--mount", "--propagation=private", "sh", "-c", script + 'exec "$@"', "sh",
                 *wrapper, HELPER, "--socket=" + self.path]
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen(words, stderr=stderr, stdin=subprocess.DEVNULL)

        def listening():
            if self.process.poll() is not None:
                if b"mount" in self.stderr() or b"unshare" in self.stderr():
                    skip("a mount namespace cannot be made here")
                raise AssertionError(f"the helper ended with {self.process.returncode}: {self.stderr()}")
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(self.path) == 0
        wait_for(listening, "the helper's socket")
        return self

    def stderr(self):
        return self.stderr_path.read_bytes()

    def children(self):
        return children_of(self.process.pid)

    def busy_children(self):
        """Those whose module runs a program: the look whether the helper listens has a child for a moment, too."""
        return [child for child in self.children() if children_of(child)]

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def stop(self):
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        status = self.process.wait(240)
        assert status == 0 and b"Sanitizer" not in self.stderr() and b"runtime error" not in self.stderr(), (
            status, self.stderr())

    def connect(self):
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(240)
        peer.connect(self.path)
        return peer

    def ask(self, octets):
        """Returns the answer: verdict, and of YES uid, login shell and name. None: closed without one."""
        with self.connect() as peer:
            peer.sendall(octets)
            return read_answer(peer)

    def authenticate(self, user, password=PASSWORD):
        return self.ask(authenticate(user, password))

    def lookup(self, user):
        return self.ask(lookup(user))


def texts(*values):
    octets = [value if isinstance(value, bytes) else value.encode() for value in values]
    return b"".join(struct.pack(">H", len(each)) + each for each in octets)


def frame(kind, body, version=VERSION):
    return struct.pack(">IBB", len(body) + 2, version, kind) + body


def authenticate(user, password=PASSWORD, remote="192.0.2.1", service="smtp"):
    return frame(AUTHENTICATE, texts(user, password, remote, service))


def lookup(user):
    return frame(LOOKUP, texts(user))


def read_answer(peer):
    octets = b""
    while True:
        try:
            more = peer.recv(4096)
        except ConnectionResetError:
            more = b""
        if not more:
            break
        octets += more
    if not octets:
        return None
    length, version, verdict = struct.unpack(">IBB", octets[:6])
    assert length == len(octets) - 4 and version == VERSION, octets
    if verdict != YES:
        assert len(octets) == 6, octets
        return (verdict,)
    uid, flags, name_length = struct.unpack(">IBH", octets[6:13])
    assert name_length == len(octets) - 13, octets
    return verdict, uid, bool(flags), octets[13:].decode()

# SPDX-License-Identifier: GPL-3.0-or-later
"""The other computer: a real sshd on loopback with keys of its own, and behind it systemd-stdio-bridge to
the bed's bus, as ../far-bed.c has it for the tests without a window. The window's ssh is the real one with a
configuration of the test's, found first in PATH."""
import os
import pwd
import shutil
import socket
import subprocess

import harness

# What an administrator's shell has in its PATH.
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"
PROGRAMS = ("sshd", "ssh", "ssh-keygen", "systemd-stdio-bridge")

BRIDGE = """#!/bin/sh
case $SSH_ORIGINAL_COMMAND in
  systemd-stdio-bridge) ;;
  *) exit 99 ;;
esac
exec systemd-stdio-bridge --bus-path='{bus}'
"""

SSHD = """ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host
PidFile none
AuthorizedKeysFile {folder}/authorized
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
ForceCommand {folder}/bridge
LogLevel ERROR
"""

SSH = """Host *
  IdentityFile {folder}/user
  IdentitiesOnly yes
  IdentityAgent none
  UserKnownHostsFile {folder}/known
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking ask
  CheckHostIP no
"""


class Far:
    """For as long as a with block lasts. address is what a user types."""

    def __init__(self, ui):
        for program in PROGRAMS:
            if shutil.which(program, path=PATH) is None:
                harness.skip(f"{program} is not installed")
        # sshd's own, where it runs as root and no system service has made it.
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.folder = os.path.join(ui.bed.folder, "far")
        self.port = ui.bed.ports.take()
        self.address = f"{pwd.getpwuid(os.getuid()).pw_name}@127.0.0.1:{self.port}"
        self.sshd = None
        os.makedirs(os.path.join(self.folder, "bin"))
        words = {"folder": self.folder, "port": self.port, "bus": ui.bed.bus.address}
        self.write("bridge", BRIDGE.format(**words), 0o755)
        self.write("sshd.conf", SSHD.format(**words))
        self.write("ssh.conf", SSH.format(**words))
        ssh = shutil.which("ssh", path=PATH)
        self.write("bin/ssh", f"#!/bin/sh\nexec {ssh} -F '{self.folder}/ssh.conf' \"$@\"\n", 0o755)
        self.make_key("host")
        self.make_key("user")
        self.authorize("user")

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_trouble):
        self.stop()

    def environment(self):
        """What the client is to be started with."""
        return {"PATH": os.path.join(self.folder, "bin") + ":" + PATH}

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text, mode=0o600):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.path(name), mode)

    def make_key(self, name):
        for old in (self.path(name), self.path(name + ".pub")):
            if os.path.exists(old):
                os.remove(old)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path(name)], check=True,
                       timeout=120)

    def fingerprint(self):
        """The host key's, as its administrator would read it out."""
        told = subprocess.run(["ssh-keygen", "-lf", self.path("host.pub")], check=True, capture_output=True,
                              text=True, timeout=120)
        return told.stdout.split()[1]

    def authorize(self, name):
        shutil.copy(self.path(name + ".pub"), self.path("authorized"))

    def listens(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def start(self):
        # With its whole path, which it runs again for each connection.
        self.sshd = subprocess.Popen([shutil.which("sshd", path=PATH), "-D", "-e", "-f", self.path("sshd.conf")],
                                     stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.wait_for(self.listens, "sshd")

    def stop(self):
        if self.sshd is None:
            return
        sshd, self.sshd = self.sshd, None
        sshd.terminate()
        sshd.wait(60)

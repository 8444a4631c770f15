# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Dovecot, set up by the lines of the README in a mount and network namespace of its own, beside postbusd."""
import os
import pathlib
import re
import shutil
import subprocess
import time

from harness import ROOT, skip, wait_for

SETUP = r"""
set -eu
cp -a /etc "$1/etc"
mount --bind "$1/etc" /etc
# A uid that the bus knows, which sees no namespace.
grep -q ^postbus: /etc/passwd || {
  groupadd --system postbus
  useradd --non-unique --uid "$(id -u daemon)" --gid postbus --no-create-home postbus
}
grep -q ^postbus-mail: /etc/group || groupadd --system postbus-mail
chown postbus:postbus "$2"
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
mkdir /run/dovecot /var/lib/dovecot /var/lib/postbus
mount --bind "$2" /var/lib/postbus
ip link set lo up
. "$1/setup.sh"
cp "$1/local.conf" /etc/dovecot/local.conf
# Where the package made no certificate, nobody can ask for one.
[ -e /etc/dovecot/private/dovecot.pem ] || {
  sed -i "s/^ssl_/#&/" /etc/dovecot/conf.d/10-ssl.conf
  echo ssl = no >>/etc/dovecot/local.conf
}
while IFS=: read -r user password; do
  echo "$user:$(doveadm pw -s SHA512-CRYPT -p "$password")::::::" >>/etc/dovecot/postbus-users
done <"$1/users"
[ ! -e "$1/postbus.sieve" ] || {
  cp "$1/postbus.sieve" /etc/dovecot/postbus.sieve
  sievec /etc/dovecot/postbus.sieve
}
echo log_path = "$1/dovecot.log" >>/etc/dovecot/local.conf
exec dovecot -F
"""


def block(name):
    """The fenced lines of that name in the README."""
    [text] = re.findall(rf"^```{name}\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return text


class Dovecot:
    """Runs from start() to the end of the test; enter() runs a command where it is, postbusd may start there, too."""

    def __init__(self, bed, recipe, users, extra="", sieve=None):
        if os.geteuid() != 0 or not all(map(shutil.which, ("dovecot", "unshare", "nsenter", "setpriv", "useradd", "ip"))):
            skip("needs root, and dovecot")
        if not os.path.exists("/usr/lib/dovecot/imap") or not os.path.exists("/usr/lib/dovecot/lmtp"):
            skip("needs dovecot-imapd and dovecot-lmtpd")
        if subprocess.run(["unshare", "--mount", "--net", "true"], check=False).returncode != 0:
            skip("needs namespaces")
        self.bed = bed
        self.folder = pathlib.Path(bed.folder, "dovecot")
        self.folder.mkdir()
        os.chmod(bed.folder, 0o711)
        os.chmod(bed.state, 0o711)
        # The packages are there already.
        (self.folder / "setup.sh").write_text(block("setup").replace("apt install", ": apt install"))
        (self.folder / "local.conf").write_text(block(recipe) + extra)
        if sieve is not None:
            if not os.path.exists("/usr/bin/sievec"):
                skip("needs dovecot-sieve")
            (self.folder / "postbus.sieve").write_text(sieve)
        (self.folder / "users").write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
        self.process = None
        bed.on_close(self.stop)

    def start(self):
        with open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen(["unshare", "--mount", "--net", "sh", "-c", SETUP, "sh", self.folder, self.bed.state],
                                            stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        wait_for(self.is_up, "Dovecot")
        return self

    def is_up(self):
        assert self.process.poll() is None, (self.folder / "output").read_text()
        return self.enter("doveadm", "service", "status", check=False).returncode == 0

    def stop(self):
        if self.process is not None:
            process, self.process = self.process, None
            process.terminate()
            process.wait(240)

    def log(self):
        path = self.folder / "dovecot.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def enter(self, *command, check=True):
        done = subprocess.run(["nsenter", f"--target={self.process.pid}", "--mount", "--net", *command], capture_output=True, text=True,
                              timeout=240, check=False, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, (command, done, self.log()[-3000:])
        return done

    def start_postbusd(self):
        """The bed's daemon sees the same files, on the test's network, as the user and with the umask that the service has."""
        start = self.bed.postbusd.start
        self.bed.postbusd.start = lambda: start(wrapper=(
            "nsenter", f"--target={self.process.pid}", "--mount", "setpriv", "--reuid=postbus", "--regid=postbus", "--groups=postbus-mail",
            "sh", "-c", 'umask 027; exec "$0" "$@"'))
        self.bed.start()

    def imap(self, user, password, *commands):
        """A session of IMAP by these lines of Python on the connection `i`; what they print."""
        lines = ["import imaplib, sys", "i = imaplib.IMAP4('127.0.0.1', 143)", "i.login(sys.argv[1], sys.argv[2])", *commands, "i.logout()"]
        return self.enter("/usr/bin/python3", "-c", "\n".join(lines), user, password).stdout

    def wait_mail(self, user, count, mailbox="INBOX", seconds=240):
        """The texts of that many messages of the user, by doveadm."""
        deadline = time.monotonic() + seconds
        while True:
            done = self.enter("doveadm", "-f", "pager", "fetch", "-u", user, "text", "mailbox", mailbox, check=False)
            texts = re.split(r"^\f?text:\n", done.stdout, flags=re.MULTILINE)[1:]
            if len(texts) >= count:
                assert len(texts) == count, texts
                return texts
            assert time.monotonic() < deadline, f"{user} has {len(texts)} messages in {mailbox}: {done} {self.log()[-3000:]}"
            time.sleep(0.05)

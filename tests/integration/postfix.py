# SPDX-License-Identifier: GPL-3.0-or-later
"""A Postfix of a test's own as a relay host: STARTTLS, and logins that a Dovecot of its own judges. What it takes it hands to
a sink. Nothing of the machine's own mail system is touched."""
import os
import pwd
import shutil
import subprocess

from harness import skip, wait_for

MAIN_CF = """\
compatibility_level = 3.6
config_directory = {home}/etc
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/log/mail.log
maillog_file_prefixes = {home}/log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example
mydestination =
mynetworks =
relayhost = [127.0.0.1]:{sink}
alias_maps =
alias_database =
append_dot_mydomain = no
local_header_rewrite_clients =
biff = no
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {home}/dovecot/auth
smtpd_sasl_authenticated_header = yes
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = {certificate}
smtpd_tls_key_file = {key}
smtpd_tls_received_header = yes
message_size_limit = 20480000
"""

SERVICES = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

DOVECOT = """\
base_dir = {home}/dovecot
state_dir = {home}/dovecot
log_path = {home}/log/dovecot.log
protocols =
ssl = no
auth_mechanisms = {mechanisms}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {home}/users
}}
userdb {{
  driver = static
  args = uid=postfix gid=postfix home=/nonexistent
}}
service auth {{
  unix_listener {home}/dovecot/auth {{
    mode = 0666
  }}
}}
"""


class Postfix:
    """Started at once; ended with the test."""

    def __init__(self, bed, sink, certificate, key, mechanisms="scram-sha-256 plain login"):
        if os.geteuid() != 0 or not all(map(shutil.which, ("postfix", "dovecot"))):
            skip("needs root, Postfix and Dovecot")
        self.home = os.path.join(bed.folder, "postfix")
        self.port = bed.ports.take()
        values = {"home": self.home, "sink": sink.port, "port": self.port, "certificate": certificate, "key": key,
                  "mechanisms": mechanisms}
        for folder in ("etc", "queue", "data", "log", "dovecot"):
            os.makedirs(os.path.join(self.home, folder))
        # Its services run as "postfix" and have to get there.
        os.chmod(bed.folder, 0o755)
        os.chown(os.path.join(self.home, "data"), *self.owner())
        for name, text in (("etc/main.cf", MAIN_CF), ("etc/master.cf", SERVICES), ("etc/dovecot.conf", DOVECOT)):
            with open(os.path.join(self.home, name), "w", encoding="utf-8") as file:
                file.write(text.format(**values))
        for name in ("dynamicmaps.cf", "postfix-files"):
            shutil.copy(os.path.join("/etc/postfix", name), os.path.join(self.home, "etc"))
        self.dovecot = subprocess.Popen(["dovecot", "-F", "-c", os.path.join(self.home, "etc/dovecot.conf")],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.running = False
        bed.on_close(self.stop)
        wait_for(lambda: os.path.exists(os.path.join(self.home, "dovecot/auth")), "Dovecot")
        self.control("start")
        self.running = True
        wait_for(self.is_up, "Postfix")

    @staticmethod
    def owner():
        entry = pwd.getpwnam("postfix")
        return entry.pw_uid, entry.pw_gid

    def control(self, verb):
        done = subprocess.run(["postfix", "-c", os.path.join(self.home, "etc"), verb], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"postfix {verb}: {done.stdout}{done.stderr}"

    def is_up(self):
        path = os.path.join(self.home, "log/mail.log")
        if not os.path.exists(path):
            return False
        with open(path, encoding="utf-8", errors="replace") as file:
            return "daemon started" in file.read()

    def add_user(self, name, password):
        with open(os.path.join(self.home, "users"), "ab") as file:
            file.write(name.encode() + b":{PLAIN}" + password + b"\n")

    def stop(self):
        """Each by what ends just the one that was started here."""
        if self.running:
            self.running = False
            self.control("stop")
        self.dovecot.terminate()
        self.dovecot.wait(240)

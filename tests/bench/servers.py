# SPDX-License-Identifier: GPL-3.0-or-later
"""The two servers of the benchmark, each in a private instance that relays to one sink.

Both offer the same: start(), stop(), port, sink, pids(), cpu_ns(), queued(). Neither touches
the machine's own mail system, bus or configuration.
"""

import os
import pwd
import re
import resource
import shutil
import subprocess

from procs import BenchError, answers, children, free_port, stat_fields, tree_cpu_ns, wait_for

POSTFIX_MASTER_CF = ("/usr/share/postfix/master.cf.dist", "/etc/postfix/master.cf.proto")

POSTFIX_MAIN_CF = """\
# Debian's defaults (compatibility level, process and concurrency limits, durability) stand.
compatibility_level = 3.6
config_directory = {home}/etc
queue_directory = {home}/queue
data_directory = {home}/data
maillog_file = {home}/log/mail.log
maillog_file_prefixes = {home}/log
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.bench.example
mydestination =
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:{relay}
alias_maps =
alias_database =
append_dot_mydomain = no
biff = no
readme_directory = no
"""

BUS_CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""

BUS_NAME = "org.postbus.Postbus1"
BUS_PATH = "/org/postbus/Postbus1"


class Sink:
    """smtp-sink, which takes all and keeps a running count of what it took."""

    COUNT = re.compile(rb"mesg=(\d+)")

    def __init__(self, crew, work, name):
        # In memory where possible: the count is written at every message.
        folder = "/dev/shm" if os.path.isdir("/dev/shm") else work
        path = os.path.join(folder, f"postbus-bench-{os.getpid()}-{name}.count")
        self.port = free_port()
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self.output = open(path, "w+b", buffering=0)  # pylint: disable=consider-using-with
        os.unlink(path)
        self.process = crew.spawn(
            ["smtp-sink", *user, "-c", f"127.0.0.1:{self.port}", "1024"], stdout=self.output)
        wait_for("smtp-sink", lambda: answers(self.port), 5)

    def count(self):
        """Messages taken since the start: everything up to the dot, not what was only begun."""
        if self.process.poll() is not None:
            raise BenchError(f"smtp-sink ended with status {self.process.returncode}")
        size = os.fstat(self.output.fileno()).st_size
        found = self.COUNT.findall(os.pread(self.output.fileno(), 200, max(0, size - 200)))
        return int(found[-1]) if found else 0


class Postfix:
    """Debian's Postfix with its own configuration, queue, data and log."""

    name = "Postfix"

    def __init__(self, crew, work):
        self.crew = crew
        self.home = os.path.join(work, "postfix")
        self.port = free_port()
        self.sink = Sink(crew, work, "postfix")
        self.master = 0

    def _configure(self):
        source = next((path for path in POSTFIX_MASTER_CF if os.path.exists(path)), None)
        if not source:
            raise BenchError(f"none of {', '.join(POSTFIX_MASTER_CF)} exists")
        with open(source, encoding="utf-8") as file:
            services, replaced = re.subn(r"(?m)^smtp(\s+inet\s)", f"127.0.0.1:{self.port}\\1", file.read(),
                                         count=1)
        if not replaced:
            raise BenchError(f"no smtp service in {source}")
        if not re.search(r"(?m)^postlog\s", services):
            services += "postlog unix-dgram n - n - 1 postlogd\n"
        for folder in ("etc", "queue", "data", "log"):
            os.makedirs(os.path.join(self.home, folder))
        owner = pwd.getpwnam("postfix")
        os.chown(os.path.join(self.home, "data"), owner.pw_uid, owner.pw_gid)
        with open(os.path.join(self.home, "etc/master.cf"), "w", encoding="utf-8") as file:
            file.write(services)
        with open(os.path.join(self.home, "etc/main.cf"), "w", encoding="utf-8") as file:
            file.write(POSTFIX_MAIN_CF.format(home=self.home, relay=self.sink.port))
        for name in ("dynamicmaps.cf", "postfix-files"):
            if os.path.exists(os.path.join("/etc/postfix", name)):
                shutil.copy(os.path.join("/etc/postfix", name), os.path.join(self.home, "etc"))

    def _control(self, verb):
        done = subprocess.run(["postfix", "-c", os.path.join(self.home, "etc"), verb],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, check=False)
        if done.returncode:
            raise BenchError(f"postfix {verb}: {done.stdout.strip()}")

    def start(self):
        self._configure()
        self.crew.at_end(self.stop)
        self._control("start")
        with open(os.path.join(self.home, "queue/pid/master.pid"), encoding="utf-8") as file:
            self.master = int(file.read())
        wait_for("Postfix's greeting", lambda: answers(self.port), 20)

    def stop(self):
        if not self.master:
            return
        kept = [self.master, *children(self.master)]
        self.master = 0
        try:
            self._control("stop")
            wait_for("Postfix to end", lambda: not any(stat_fields(pid) for pid in kept), 15)
        except BenchError:
            for pid in kept:
                if stat_fields(pid):
                    os.kill(pid, 9)
            raise

    def pids(self):
        return [self.master, *children(self.master)]

    def cpu_ns(self):
        return tree_cpu_ns(self.master)

    def queued(self):
        folders = [os.path.join(self.home, "queue", name)
                   for name in ("maildrop", "incoming", "active", "deferred")]
        return sum(len(files) for folder in folders for _, _, files in os.walk(folder))

    def version(self):
        return subprocess.run(["postconf", "-d", "-h", "mail_version"], capture_output=True,
                              text=True, check=True).stdout.strip()


class Postbus:
    """postbusd on a private bus, set up over that bus."""

    name = "postbusd"

    def __init__(self, crew, work, binary, trusted=True):
        self.crew = crew
        self.binary = binary
        self.home = os.path.join(work, "postbus")
        self.trusted = trusted
        self.port = free_port()
        self.sink = Sink(crew, work, "postbus")
        self.process = self.bus = self.gio = self.glib = None

    def _open_bus(self):
        # Only here, so that Postfix alone can be measured without PyGObject.
        from gi.repository import Gio, GLib  # pylint: disable=import-outside-toplevel
        self.gio, self.glib = Gio, GLib
        path = os.path.join(self.home, "bus")
        config = os.path.join(self.home, "bus.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(BUS_CONFIG.format(path=path))
        with open(os.path.join(self.home, "bus.log"), "wb") as log:
            self.crew.spawn(["dbus-daemon", f"--config-file={config}", "--nofork", "--nopidfile"],
                            stderr=log)
        wait_for("dbus-daemon", lambda: os.path.exists(path), 5)
        flags = Gio.DBusConnectionFlags
        self.bus = Gio.DBusConnection.new_for_address_sync(
            f"unix:path={path}", flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
        return f"unix:path={path}"

    def _call(self, interface, method, arguments=None):
        return self.bus.call_sync(BUS_NAME, BUS_PATH, interface, method, arguments, None,
                                  self.gio.DBusCallFlags.NO_AUTO_START, 10_000, None).unpack()

    def get(self, area, name):
        return self._call("org.freedesktop.DBus.Properties", "Get",
                          self.glib.Variant("(ss)", (f"{BUS_NAME}.{area}", name)))[0]

    def set(self, area, name, kind, value):
        self._call("org.freedesktop.DBus.Properties", "Set", self.glib.Variant(
            "(ssv)", (f"{BUS_NAME}.{area}", name, self.glib.Variant(kind, value))))

    def _is_running(self):
        if self.process.poll() is not None:
            raise BenchError(f"postbusd ended with status {self.process.returncode}: {self.last_words()}")
        try:
            return self.get("Manager", "State") == "running" and answers(self.port)
        except self.glib.Error:
            return False

    def last_words(self):
        with open(os.path.join(self.home, "postbusd.log"), encoding="utf-8", errors="replace") as file:
            return "".join(file.readlines()[-3:]).strip()

    def _raise_limits(self):
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, soft))

    def start(self):
        os.makedirs(os.path.join(self.home, "state"), mode=0o700)
        address = self._open_bus()
        with open(os.path.join(self.home, "postbusd.log"), "wb") as log:
            self.process = self.crew.spawn(
                [self.binary, f"--bus={address}", f"--state-directory={self.home}/state",
                 f"--listen=smtp:127.0.0.1:{self.port}"],
                stdout=log, stderr=log, preexec_fn=self._raise_limits)
        wait_for("postbusd to be running", self._is_running, 20)
        try:
            self.set("Delivery", "RelayServer", "s", "127.0.0.1")
            self.set("Delivery", "RelayPort", "u", self.sink.port)
            self.set("Delivery", "Mode", "s", "relay")
            if self.trusted:
                row = {"Name": self.glib.Variant("s", "Bench"),
                       "Network": self.glib.Variant("s", "127.0.0.0/8")}
                self._call(f"{BUS_NAME}.TrustedList", "Add", self.glib.Variant("(a{sv})", (row,)))
        except self.glib.Error as error:
            raise BenchError(f"setting up postbusd: {error.message}") from error

    def stop(self):
        if self.process and self.process.poll() is None:
            status = self.crew.end(self.process)
            if status:
                raise BenchError(f"postbusd ended with status {status}: {self.last_words()}")

    def pids(self):
        return [self.process.pid]

    def cpu_ns(self):
        return tree_cpu_ns(self.process.pid)

    def queued(self):
        return sum(self.get("Queue", name) for name in ("Active", "Deferred", "Held"))

    def version(self):
        return subprocess.run([self.binary, "--version"], capture_output=True, text=True,
                              check=True).stdout.strip()

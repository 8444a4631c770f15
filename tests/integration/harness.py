#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one integration test: a private bus, a stub DNS server, postbusd with a state folder of its
own, and sinks; all on loopback, all gone afterwards.

    harness.py test_local:test_delivers_into_new

A test is a function test_*(bed) of a file test_*.py. It fails by an exception, and also when a
daemon did not end cleanly on SIGTERM or a sanitizer spoke. SystemExit(77) skips. $POSTBUSD names
the daemon's program; POSTBUS_KEEP=1 keeps the folder and names it.
"""
import importlib
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

import bus
import sink
import smtp_talk
import stub_dns

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("POSTBUSD", str(ROOT / "build/test/daemon/postbusd"))
TESTDATA = pathlib.Path(os.environ.get("POSTBUS_TESTDATA", ROOT / "../shared/testdata")).resolve()
SKIP = 77
PATIENCE = 240  # seconds for what is to come: a machine may be slow, and others may have it
TRACE_FIELDS = (b"return-path:", b"received:", b"delivered-to:", b"x-original-to:", b"authentication-results:",
                b"received-spf:")
SANITIZER = re.compile(rb"ERROR: \w+Sanitizer|runtime error:|-CRITICAL \*\*")


def wait_for(predicate, what, seconds=PATIENCE, tick=0.02):
    """Polls until predicate() gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = predicate()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        select.select([], [], [], tick)


def skip(reason):
    print("skipped:", reason)
    raise SystemExit(SKIP)


def strip_trace(message):
    """The message without the trace fields on its top, and those fields."""
    at = 0
    while message[at:at + 32].lower().startswith(TRACE_FIELDS):
        end = message.index(b"\r\n", at) + 2
        while message[end:end + 1] in (b" ", b"\t"):
            end = message.index(b"\r\n", end) + 2
        at = end
    return message[at:], message[:at]


def files_below(folder):
    """(path, content) of the files in a folder that is in use: one may go while it is looked at."""
    for path in pathlib.Path(folder).rglob("*"):
        try:
            if path.is_file():
                yield path, path.read_bytes()
        except FileNotFoundError:
            continue


class Ports:
    """Ports below the kernel's ephemeral range, in blocks of 20 that are one process' each, so that tests can
    run side by side and a port stays free while its server is down. An abstract socket marks a block: it goes
    with the process, and is seen just where the ports are."""

    def __init__(self):
        self.marks = []
        self.block = os.getpid() % 1000
        self.left = self.claim()

    def claim(self):
        """The ports of a block that is nobody's yet."""
        mark = socket.socket(socket.AF_UNIX)
        while True:
            try:
                mark.bind(f"\0postbus-test-ports-{self.block}")
                break
            except OSError:
                self.block = (self.block + 1) % 1000
        self.marks.append(mark)
        return iter(range(10000 + self.block * 20, 10020 + self.block * 20))

    def take(self, hosts=("127.0.0.1",)):
        while True:
            for port in self.left:
                if all(self.free(host, port) for host in hosts):
                    return port
            self.left = self.claim()

    @staticmethod
    def free(host, port):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
                if kind == socket.SOCK_STREAM:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError:
                    return False
        return True


class Postbusd:
    """One postbusd: started, stopped and killed as often as a test wants, on the same state."""

    def __init__(self, bed, state):
        self.bed = bed
        self.state = state
        self.port = bed.ports.take()
        self.process = None
        self.stderr_path = os.path.join(bed.folder, "stderr")
        self.starts = 0

    def arguments(self):
        return [PROGRAM, "--bus=" + self.bed.bus.address, "--state-directory=" + self.state,
                f"--listen=smtp:127.0.0.1:{self.port}",
                f"--dns-server=127.0.0.1:{self.bed.dns.address[1]}", f"--mx-port={self.bed.mx_port}"]

    def environment(self):
        return {**os.environ, "G_DEBUG": "fatal-criticals"}

    def start(self, wrapper=(), wait=True):
        """Starts it and waits until it is running. wrapper is put in front (prlimit and such)."""
        with open(self.stderr_path, "ab") as stderr:
            self.process = subprocess.Popen([*wrapper, *self.arguments()], stderr=stderr,
                                            stdin=subprocess.DEVNULL, env=self.environment())
        self.starts += 1
        if wait:
            self.bed.api.wait_running(self.check_alive)
        return self

    def stderr(self):
        with open(self.stderr_path, "rb") as file:
            return file.read()

    def check_alive(self):
        status = self.process.poll()
        if status is not None:
            raise AssertionError(f"postbusd ended with {status}")

    def stop(self, seconds=PATIENCE):
        """SIGTERM; the exit must be clean and no sanitizer may have spoken."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.terminate()
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"postbusd did not stop within {seconds} s of SIGTERM") from None
        assert status == 0, f"postbusd ended with {status} on SIGTERM"

    def kill(self):
        """kill -9."""
        process, self.process = self.process, None
        process.send_signal(signal.SIGKILL)
        process.wait()

    def restart(self):
        self.stop()
        return self.start()


class Bed:
    """What a test gets: bus, api, dns, postbusd, ports, and the common ways to use them."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="postbus-")
        self.state = os.path.join(self.folder, "state")
        os.mkdir(self.state)
        self.ports = Ports()
        self.mx_hosts = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
        self.mx_port = self.ports.take(self.mx_hosts)
        self.sinks = []
        self.closing = []
        self.dns = stub_dns.StubDns(self.ports.take()).start()
        self.bus = bus.PrivateBus(self.folder)
        self.api = bus.Api(self.bus.address)
        self.postbusd = Postbusd(self, self.state)

    @property
    def port(self):
        return self.postbusd.port

    def on_close(self, function):
        """What is to be called when all is taken down, whatever became of the test."""
        self.closing.append(function)

    def close(self):
        """Takes all down; raises if the daemon did not end well."""
        try:
            self.postbusd.stop()
            if os.path.exists(self.postbusd.stderr_path):
                found = SANITIZER.search(self.postbusd.stderr())
                assert not found, f"the daemon's stderr has {found.group().decode()}"
        finally:
            if self.postbusd.process is not None:
                self.postbusd.kill()
            for each in self.sinks:
                each.stop()
            for function in self.closing:
                function()
            self.dns.stop()
            self.api.close()
            self.bus.stop()

    def remove(self):
        if os.environ.get("POSTBUS_KEEP"):
            print("kept", self.folder, file=sys.stderr)
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def start(self):
        """postbusd with the domain local.example, the account ann and 127.0.0.1 trusted."""
        self.postbusd.start()
        self.api.set("General", "Hostname", "s", "mail.local.example")
        self.api.add("LocalDomains", Name="local.example")
        self.ann = self.api.add("Accounts", Name="ann", Addresses=["ann@local.example"])
        self.api.add("TrustedList", Name="tests", Network="127.0.0.1")
        return self

    def sink(self, port=None, hosts=("127.0.0.1",), **options):
        server = sink.Sink(port or self.ports.take(hosts), hosts, **options).start()
        self.sinks.append(server)
        return server

    def relay_sink(self, **options):
        """A sink, and Delivery set to relay everything to it."""
        server = self.sink(**options)
        self.api.set("Delivery", "RelayServer", "s", "127.0.0.1")
        self.api.set("Delivery", "RelayPort", "u", server.port)
        self.api.set("Delivery", "Mode", "s", "relay")
        return server

    def mx_sink(self, **options):
        """A sink on the addresses and the port that direct delivery ends at."""
        return self.sink(self.mx_port, self.mx_hosts, **options)

    def talk(self, **options):
        return smtp_talk.Talk(self.port, **options)

    def send(self, sender, recipients, message, **options):
        return smtp_talk.send_mail(self.port, sender, recipients, message, **options)

    def maildir(self, account):
        return pathlib.Path(self.state, "mail", account)

    def mails(self, account):
        """The messages in an account's new/, in order of their names, with CRLF lines."""
        folder = self.maildir(account) / "new"
        if not folder.is_dir():
            return []
        contents = [path.read_bytes() for path in sorted(folder.iterdir())]
        return [text if b"\r\n" in text else text.replace(b"\n", b"\r\n") for text in contents]

    def wait_mails(self, account, count=1, seconds=PATIENCE):
        """Waits for that many messages in the account's new/ and returns them."""
        def enough():
            self.postbusd.check_alive()
            mails = self.mails(account)
            return mails if len(mails) >= count else None
        return wait_for(enough, f"{count} messages in {account}/new", seconds)

    def queue_empty(self, seconds=PATIENCE):
        """Waits until the queue holds nothing."""
        def empty():
            self.postbusd.check_alive()
            # One number: of three that are asked for behind each other each may miss what moves between them.
            return self.api.call("Queue", "List", "(a{sv}uu)", {}, 0, 1)[0] == 0
        wait_for(empty, "an empty queue", seconds)

    def wait_deferred(self, count=1, seconds=PATIENCE):
        def deferred():
            self.postbusd.check_alive()
            return self.api.get("Queue", "Deferred") >= count
        wait_for(deferred, f"{count} deferred", seconds)

    def wait_logged(self, words, count=1):
        """Waits until the log has these words so many times, and returns it: it is written by a thread of its own,
        some milliseconds behind what it tells of."""
        def logged():
            log = self.postbusd.stderr()
            return log if log.count(words) >= count else None
        return wait_for(logged, f"{words} in the log")


def run(name):
    """Runs one case; returns the exit status."""
    module_name, function_name = name.split(":")
    function = getattr(importlib.import_module(module_name), function_name)
    bed = Bed()
    status = 0
    try:
        try:
            function(bed)
        finally:
            bed.close()
    except SystemExit as leave:
        status = leave.code
    except BaseException:  # whatever it was, the daemon's words belong beside it
        traceback.print_exc()
        if os.path.exists(bed.postbusd.stderr_path):
            sys.stderr.write("--- the daemon's stderr, its end:\n")
            sys.stderr.write(bed.postbusd.stderr()[-6000:].decode(errors="replace"))
        status = 1
    bed.remove()
    return status


if __name__ == "__main__":
    # The cases import this module by its name; both must be one.
    sys.modules["harness"] = sys.modules["__main__"]
    sys.exit(run(sys.argv[1]))

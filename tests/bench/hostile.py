# SPDX-License-Identifier: GPL-3.0-or-later
"""What hostile input costs: memory under each kind of it, and an honest client beside ten thousand slow ones; see README.md.
Started by hostile.sh."""

import argparse
import os
import select
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time

import idle
from procs import BenchError, Crew, rss_bytes, wait_for
from servers import Postbus, Postfix

MIB = 1 << 20
GOAL_GROWTH = 64 * MIB
GOAL_RATIO = 2.0
ROUNDS = 200
MAIL, RCPT = b"MAIL FROM:<a@sender.example>\r\n", b"RCPT TO:<b@away.example>\r\n"
NOTE = b"Subject: honest\r\n\r\nA line.\r\n.\r\n"


def options():
    parser = argparse.ArgumentParser(prog="hostile.sh", description=__doc__)
    parser.add_argument("--slow", type=int, default=10_000, help="clients that send an octet every ten seconds")
    parser.add_argument("--only", choices=("postbusd", "postfix"), help="one server alone")
    parser.add_argument("--binary", required=True, help="the postbusd to measure")
    parser.add_argument("--work", default="/var/tmp", help="where the state lies")
    return parser.parse_args()


class Client:
    """A connection that sends without waiting for answers, and reads what comes unless told not to."""

    def __init__(self, port, reads=True, source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), 60, (source, 0))
        self.reads, self.sent, self.heard = reads, 0, b""
        self.expect(b"220")
        self.say(b"EHLO client.example\r\n", b"250")

    def expect(self, code):
        while not (self.heard.endswith(b"\n") and self.heard.rstrip(b"\r\n").rpartition(b"\n")[2][3:4] == b" "):
            more = self.socket.recv(65536)
            if not more:
                raise BenchError(f"closed; heard {self.heard[-200:]!r}")
            self.heard = (self.heard + more)[-65536:]
        if not self.heard.rstrip(b"\r\n").rpartition(b"\n")[2].startswith(code):
            raise BenchError(f"wanted {code.decode()}, heard {self.heard[-200:]!r}")
        self.heard = b""

    def say(self, octets, code):
        self.socket.sendall(octets)
        self.expect(code)

    def envelope(self):
        self.say(MAIL, b"250")
        self.say(RCPT, b"250")
        self.say(b"DATA\r\n", b"354")

    def push(self, octets, seconds=2):
        """Sends while the server takes it. Returns: FALSE when it closed, or took nothing for so many seconds."""
        view = memoryview(octets)
        self.socket.setblocking(False)
        while view:
            readable, writable, _ = select.select([self.socket] if self.reads else [], [self.socket], [], seconds)
            try:
                if readable:
                    more = self.socket.recv(65536)
                    if not more:
                        return False
                    self.heard = (self.heard + more)[-200:]
                if writable:
                    taken = self.socket.send(view[:262144])
                    self.sent += taken
                    view = view[taken:]
            except OSError:
                return False
            if not readable and not writable:
                return False
        return True

    def finish(self, octets=b""):
        """Sends the last octets and waits for the answer. Returns: its first words, or what became of it."""
        if not self.push(octets, 60):
            return self.last_words()
        self.socket.settimeout(120)
        try:
            while b"\n" not in self.heard:
                more = self.socket.recv(65536)
                if not more:
                    break
                self.heard += more
        except OSError:
            pass
        return self.last_words()

    def last_words(self):
        lines = self.heard.decode(errors="replace").strip().splitlines()
        return lines[-1][:40] if lines else "no answer"


# ---- the inputs: each sends, and returns (octets sent, how it ended) ----

def endless_line(port):
    client = Client(port)
    piece = b"x" * MIB
    for _ in range(256):
        if not client.push(piece):
            break
    return client.sent, client.finish(b"\r\n")


def endless_data_line(port):
    client = Client(port)
    client.envelope()
    piece = b"x" * MIB
    for _ in range(45):
        if not client.push(piece):
            break
    return client.sent, client.finish(b"\r\n.\r\n")


def many_headers(port):
    client = Client(port)
    client.envelope()
    fields = b"".join(b"X-Field-%d: value\r\n" % number for number in range(100_000))
    client.push(fields)
    return client.sent, client.finish(b"\r\nbody\r\n.\r\n")


def million_recipients(port):
    sent, clients, words, until = 0, 0, "", time.monotonic() + 60
    group = b"".join(b"RCPT TO:<r%06d@away.example>\r\n" % number for number in range(1000))
    while sent < 1000 * len(group) and time.monotonic() < until:
        client = Client(port)
        clients += 1
        client.say(MAIL, b"250")
        while sent + client.sent < 1000 * len(group) and client.push(group):
            pass
        sent += client.sent
        words = client.last_words()
        client.socket.close()
    return sent, f"{sent * 1000 // len(group)} on {clients} connections, the last: {words}"


def never_reads(port):
    clients = []
    group = b"RSET\r\n" + MAIL + RCPT
    for _ in range(100):
        client = Client(port, reads=False)
        client.push(group * 20_000, 0.2)
        clients.append(client)
    return sum(each.sent for each in clients), "100 connections, left as they are", clients


def large_message(port, number=1):
    clients = [Client(port) for _ in range(number)]
    line = b"y" * 76 + b"\r\n"
    piece = line * (MIB // len(line))
    for client in clients:
        client.envelope()
    for _ in range(31):
        for client in clients:
            client.push(piece, 30)
    words = [client.finish(b".\r\n") for client in clients]
    return sum(each.sent for each in clients), words[0]


def ten_large_messages(port):
    return large_message(port, 10)


def unknown_commands(port):
    client = Client(port)
    client.push(b"BANANA\r\n" * 1_000_000)
    return client.sent, client.last_words()


INPUTS = [("a command line of 256 MiB", endless_line), ("a line of 45 MiB in a message", endless_data_line),
          ("100,000 header fields", many_headers), ("a million recipients, or a minute", million_recipients),
          ("clients that never read", never_reads), ("a message of 31 MiB", large_message),
          ("ten of them at once", ten_large_messages), ("a million unknown commands", unknown_commands)]


# ---- memory ----

class Watch(threading.Thread):
    """The most memory that the server's processes ever have together, looked at every few milliseconds."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server, self.done = server, threading.Event()
        self.peak = 0

    @staticmethod
    def now(server):
        total = 0
        for pid in server.pids():
            try:
                total += rss_bytes(pid)
            except (OSError, IndexError):
                pass
        return total

    def run(self):
        while not self.done.wait(0.02):
            self.peak = max(self.peak, self.now(self.server))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.join()
        self.peak = max(self.peak, self.now(self.server))


def measure_inputs(server):
    good = True
    print(f"  {'input':33} {'sent':>9} {'RSS before':>11} {'peak':>9} {'growth':>9} {'took':>7}  end")
    for name, attack in INPUTS:
        before = Watch.now(server)
        begun = time.monotonic()
        with Watch(server) as watch:
            sent, words, *kept = attack(server.port)
        took = time.monotonic() - begun
        del kept
        growth = watch.peak - before
        good &= growth <= GOAL_GROWTH
        print(f"  {name:33} {sent / MIB:5.1f} MiB {before / 1024:7.0f} KiB {watch.peak / 1024:5.0f} KiB {growth / 1024:5.0f} KiB "
              f"{took:5.1f} s  {words}", flush=True)
        time.sleep(1)
    return good


# ---- slow clients ----

def honest(port):
    """Seconds from connect to the 250 behind a message."""
    begun = time.perf_counter()
    client = Client(port, source="127.9.9.9")
    client.envelope()
    client.say(NOTE, b"250")
    client.socket.close()
    return time.perf_counter() - begun


def latencies(port):
    """(median, the slowest of a hundred) in milliseconds."""
    times = []
    for _ in range(ROUNDS):
        times.append(honest(port) * 1000)
        time.sleep(0.1)
    return statistics.median(times), statistics.quantiles(times, n=100)[98]


class Tricklers(threading.Thread):
    """Sends each of the connections one octet every ten seconds, evenly."""

    LINE = b"NOOP and so on, one octet at a time, until the end of time"

    def __init__(self, connections):
        super().__init__(daemon=True)
        self.connections, self.done = connections, threading.Event()
        self.rounds, self.lost = 0, 0

    def run(self):
        share = max(1, len(self.connections) // 1000)  # every 10 ms
        while not self.done.is_set():
            octet = self.LINE[self.rounds % len(self.LINE):][:1]
            for start in range(0, len(self.connections), share):
                for connection in self.connections[start:start + share]:
                    try:
                        connection.send(octet)
                    except OSError:
                        self.lost += 1
                if self.done.wait(0.01):
                    return
            self.rounds += 1


def measure_slow(server, number):
    pid = server.pids()[0]
    honest(server.port)
    alone, base = latencies(server.port), idle.settled_rss(pid)
    slow = idle.connect(server.port, 0, number)
    trickle = Tricklers(slow)
    trickle.start()
    wait_for("every slow client to have sent two octets", lambda: trickle.rounds >= 2, 120)
    ticks, begun = server.cpu_ns(), time.monotonic()
    among, full = latencies(server.port), rss_bytes(pid)
    spent = (server.cpu_ns() - ticks) / (time.monotonic() - begun) / 1e6
    trickle.done.set()
    trickle.join()
    if trickle.lost:
        raise BenchError(f"{trickle.lost} octets of slow clients were not taken")
    print(f"  {number} clients at an octet every 10 s: {base / 1024:.0f} KiB before, {full / 1024:.0f} KiB with them "
          f"({(full - base) / number:.0f} bytes each); {spent:.0f} ms of CPU a second, the honest client's {ROUNDS} messages with it")
    print(f"  an honest message alone {alone[0]:.2f} ms (p99 {alone[1]:.2f}), beside them {among[0]:.2f} ms (p99 {among[1]:.2f}): "
          f"ratio {among[0] / alone[0]:.2f} (goal {GOAL_RATIO})", flush=True)
    for each in slow:
        each.close()
    return among[0] / alone[0] <= GOAL_RATIO


def measure(crew, work, arguments):
    good = True
    if arguments.only != "postfix":
        server = Postbus(crew, work, arguments.binary)
        server.start()
        server.set("ConnectionPolicy", "MaxConnections", "u", 0)
        print(server.version(), flush=True)
        good &= measure_slow(server, arguments.slow)
        good &= measure_inputs(server)
        if not honest(server.port):
            raise BenchError("no more mail is taken")
        server.stop()
    if arguments.only != "postbusd" and os.geteuid() == 0 and shutil.which("postfix"):
        server = Postfix(crew, work)
        server.start()
        print(f"Postfix {server.version()}, all its processes together", flush=True)
        measure_inputs(server)
        server.stop()
    return good


def main():
    arguments = options()
    crew = Crew()
    work = tempfile.mkdtemp(prefix="postbus-hostile.", dir=arguments.work)
    os.chmod(work, 0o755)
    try:
        idle.raise_limit(arguments.slow + 500)
        return 0 if measure(crew, work, arguments) else 2
    except (BenchError, OSError) as error:
        print(f"hostile.sh: {error}", file=sys.stderr)
        return 1
    finally:
        crew.end_all()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

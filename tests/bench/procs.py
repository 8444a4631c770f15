# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes, ports and clocks of the benchmark.

Everything that is started goes through a Crew, which ends what it started, by process id, when
the benchmark leaves: at its end, on an error, on SIGINT and on SIGTERM.
"""

import os
import signal
import socket
import subprocess
import sys
import time

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """Something that ends the run with one line on stderr."""


def wait_for(what, condition, seconds, pause=0.01):
    """Polls condition until it gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise BenchError(f"waited {seconds} s in vain: {what}")
        time.sleep(pause)


class Crew:
    """The processes of one run."""

    def __init__(self):
        self.processes = []
        self.closers = []
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.on_signal)

    @staticmethod
    def on_signal(number, _frame):
        # Raises in the main flow, so that the finally of main() does the cleaning.
        raise BenchError(f"ended by {signal.Signals(number).name}")

    def spawn(self, argv, **options):
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, **options)
        self.processes.append(process)
        return process

    def end(self, process, number=signal.SIGTERM, seconds=10):
        """Ends one process and waits for it; a deaf one is killed."""
        if process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self.processes:
            self.processes.remove(process)
        return process.returncode

    def at_end(self, closer):
        self.closers.append(closer)

    def end_all(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for closer in reversed(self.closers):
            try:
                closer()
            except (BenchError, OSError, subprocess.SubprocessError) as error:
                print(f"while cleaning up: {error}", file=sys.stderr)
        for process in reversed(list(self.processes)):
            self.end(process)


_next_port = 20000 + os.getpid() % 5000


def free_port():
    """A free loopback port outside of the range the kernel gives to outgoing connections."""
    global _next_port
    while _next_port < 32000:
        _next_port += 1
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", _next_port))
            except OSError:
                continue
            return _next_port
    raise BenchError("no free loopback port")


def answers(port):
    """True when something greets with 220 on that loopback port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as probe:
            return probe.recv(512).startswith(b"220")
    except OSError:
        return False


def stat_fields(pid):
    """/proc/PID/stat from the state (field 3) on, or None when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(") ")[2].split()
    except OSError:
        return None


def children(parent):
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            fields = stat_fields(entry)
            if fields and int(fields[1]) == parent:
                found.append(int(entry))
    return found


def _own_ns(pid):
    """CPU time of all threads of a process, those that have ended too, to the nanosecond."""
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)
    except OSError:
        fields = stat_fields(pid)  # A zombie has no clock any more, but still its ticks.
        return (int(fields[11]) + int(fields[12])) * TICK_NS if fields else 0


def _reaped_ns(pid):
    fields = stat_fields(pid)
    if not fields:
        raise BenchError(f"process {pid} has died")
    return (int(fields[13]) + int(fields[14])) * TICK_NS


def tree_cpu_ns(parent):
    """CPU time of a process, its living children, and all children it has reaped."""
    for _ in range(20):
        reaped = _reaped_ns(parent)
        total = sum(_own_ns(pid) + _reaped_ns_or_0(pid) for pid in [*children(parent), parent])
        # A child reaped in between would be counted twice, or not at all.
        if _reaped_ns(parent) == reaped:
            return total
    raise BenchError(f"the children of process {parent} do not hold still")


def _reaped_ns_or_0(pid):
    fields = stat_fields(pid)
    return (int(fields[13]) + int(fields[14])) * TICK_NS if fields else 0


def threads(pid):
    """(thread id, name, user ns, system ns) of each living thread."""
    rows = []
    for task in os.listdir(f"/proc/{pid}/task"):
        fields = stat_fields(f"{pid}/task/{task}")
        if not fields:
            continue
        with open(f"/proc/{pid}/task/{task}/comm", encoding="utf-8") as file:
            name = file.read().strip()
        rows.append((int(task), name, int(fields[11]) * TICK_NS, int(fields[12]) * TICK_NS))
    return rows


def rss_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="utf-8") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

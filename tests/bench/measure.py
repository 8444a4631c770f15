# SPDX-License-Identifier: GPL-3.0-or-later
"""One load on one server, and what it cost."""

import re
import statistics
import subprocess
import time
from dataclasses import dataclass

from procs import BenchError, wait_for

SYNCS = ("fsync", "fdatasync", "sync_file_range", "syncfs", "sync")


@dataclass
class Load:
    """How smtp-source sends: so many sessions at once, a connection a message or not."""

    sessions: int
    keep_open: bool

    @classmethod
    def parse(cls, word):
        found = re.fullmatch(r"([1-9]\d*)(d?)", word)
        if not found:
            raise BenchError(f"--load: '{word}' is not a number of sessions, such as 10, 50 or 100d")
        return cls(int(found[1]), bool(found[2]))

    def __str__(self):
        return f"-s {self.sessions}" + (" -d" if self.keep_open else "")


@dataclass
class Result:
    """What one load cost."""

    rate: float         # messages a second, from the first connection to the last at the sink
    taken_rate: float   # messages a second until the sender had its last 250
    cpu_ms: float       # CPU time of the server a message, milliseconds


def settle(server):
    """Waits until the queue is empty and the server does nothing more for this load."""
    wait_for(f"the queue of {server.name} to drain", lambda: server.queued() == 0, 60, 0.05)
    before = server.cpu_ns()
    for _ in range(20):
        time.sleep(0.15)
        after = server.cpu_ns()
        if after - before < 2_000_000:
            return after
        before = after
    return before


def send(server, load, messages, size):
    """Sends and returns (seconds until the last 250, seconds until the sink had them all)."""
    target = server.sink.count() + messages
    argv = ["smtp-source", "-s", str(load.sessions), "-l", str(size), "-m", str(messages),
            "-f", "sender@sender.example", "-t", "recipient@recipient.example"]
    argv += ["-d"] if load.keep_open else []
    begin = time.monotonic()
    deadline = begin + 60 + messages / 10
    taken = None
    with subprocess.Popen([*argv, f"127.0.0.1:{server.port}"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as source:
        try:
            while server.sink.count() < target or taken is None:
                now = time.monotonic()
                if taken is None and source.poll() is not None:
                    taken = now - begin
                    if source.returncode:
                        said = source.stdout.read().decode(errors="replace").strip()
                        raise BenchError(f"smtp-source to {server.name}: {said}")
                if now > deadline:
                    missing = target - server.sink.count()
                    raise BenchError(f"{server.name}: {missing} of {messages} messages never came")
                time.sleep(0.002)
            seen = time.monotonic() - begin
        finally:
            if source.poll() is None:
                source.kill()
    return taken, seen


def run(server, load, messages, size):
    settle(server)
    before = server.cpu_ns()
    count = server.sink.count()
    taken, seen = send(server, load, messages, size)
    after = settle(server)
    extra = server.sink.count() - count - messages
    if extra:
        raise BenchError(f"{server.name}: the sink has {extra} messages too many")
    return Result(messages / seen, messages / taken, (after - before) / 1e6 / messages)


def _attached(server, argv, begun):
    """Starts a tracer on all processes of the server and waits until it holds them."""
    tracer = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    try:
        wait_for(f"{argv[0]} to attach to {server.name}",
                 lambda: tracer.poll() is not None or begun(tracer), 10)
        if tracer.poll() is not None:
            said = tracer.stdout.read().decode(errors="replace").strip()
            raise BenchError(f"{argv[0]}: {said}")
    except BenchError:
        tracer.kill()
        tracer.wait()
        raise
    return tracer


def _is_traced(server):
    def traced(pid):
        try:
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                return "TracerPid:\t0\n" not in file.read()
        except OSError:
            return True
    return all(traced(pid) for pid in server.pids())


def strace_counts(server, load, messages, size, calls=SYNCS):
    """System calls by name during one load, as strace counts them (it slows the server down)."""
    output = f"/tmp/postbus-bench-strace.{server.pids()[0]}"
    argv = ["strace", "-f", "-c", "-U", "calls,name", "-o", output]
    argv += ["-e", "trace=" + ",".join(calls)] if calls else []
    for pid in server.pids():
        argv += ["-p", str(pid)]
    tracer = _attached(server, argv, lambda _: _is_traced(server))
    try:
        send(server, load, messages, size)
        settle(server)
    finally:
        tracer.terminate()
        tracer.wait(20)
    with open(output, encoding="utf-8") as file:
        rows = re.findall(r"(?m)^\s*(\d+)\s+(?:\d+\s+)?([a-z_0-9]+)\s*$", file.read())
    subprocess.run(["rm", "-f", output], check=False)
    return {name: int(number) for number, name in rows if name != "total"}


def perf_counts(server, load, messages, size):
    """The same counts by the kernel's trace points, which hardly disturb; None without them."""
    events = ["raw_syscalls:sys_enter", *(f"syscalls:sys_enter_{name}" for name in SYNCS)]
    listed = subprocess.run(["perf", "stat", "-x", ",", "-e", ",".join(events), "true"],
                            capture_output=True, text=True, check=False)
    if listed.returncode or "not supported" in listed.stderr:
        return None
    pids = ",".join(str(pid) for pid in server.pids())
    tracer = subprocess.Popen(["perf", "stat", "-x", ",", "-e", ",".join(events), "-p", pids],
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(0.5)  # perf does not say when it has attached.
        send(server, load, messages, size)
        settle(server)
    finally:
        tracer.send_signal(2)
        said = tracer.communicate(timeout=20)[1]
    counts = {}
    for line in said.splitlines():
        fields = line.split(",")
        if len(fields) > 2 and fields[0].isdigit():
            counts[fields[2].rpartition("sys_enter")[2].lstrip("_") or "all"] = int(fields[0])
    return counts


def spread(values, digits=1):
    """'median (lowest-highest)'."""
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f}-{max(values):.{digits}f})")

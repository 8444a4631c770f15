# SPDX-License-Identifier: GPL-3.0-or-later
"""Where postbusd's time goes under one load: threads, system calls, symbols."""

import os
import subprocess
import time

from measure import run, send, settle, strace_counts
from procs import threads


def _by_thread(server, load, arguments):
    pid = server.pids()[0]
    before = {task: (user, system) for task, _, user, system in threads(pid)}
    result = run(server, load, arguments.messages, arguments.size)
    print(f"\n{load}: {result.rate:.0f} messages/s end to end, {result.cpu_ms:.3f} ms of CPU a message")
    print("  ms a message    user  system  thread")
    for task, name, user, system in sorted(threads(pid), key=lambda row: -row[2] - row[3]):
        old = before.get(task, (0, 0))
        user, system = ((now - then) / 1e6 / arguments.messages
                        for now, then in zip((user, system), old))
        if user + system > 0:
            print(f"  {user + system:12.3f} {user:7.3f} {system:7.3f}  {name}")


def _by_call(server, load, arguments):
    number = min(arguments.messages, 1000)
    counted = strace_counts(server, load, number, arguments.size, calls=None)
    print(f"\n{load}: {sum(counted.values()) / number:.1f} system calls a message under strace:")
    for name, value in sorted(counted.items(), key=lambda row: -row[1])[:30]:
        print(f"  {value / number:9.3f}  {name}")


def _report(data, *more):
    done = subprocess.run(["perf", "report", "--stdio", "-i", data, "--no-inline",
                           "--percent-limit", "0.2", *more], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    if done.returncode:
        return [f"perf report: {done.stderr.strip()}"]
    return [line.rstrip(" -") for line in done.stdout.splitlines()
            if line.strip() and not line.startswith("#")]


def _by_symbol(crew, server, load, arguments):
    data = os.path.join(server.home, "perf.data")
    recorder = crew.spawn(["perf", "record", "--call-graph", "dwarf,8192", "-F", "999", "-o", data,
                           "-p", str(server.pids()[0])], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)  # perf does not say when it has attached.
    if recorder.poll() is not None:
        print(f"\nno perf record here: {recorder.stderr.read().strip()}")
        return
    send(server, load, arguments.messages, arguments.size)
    settle(server)
    recorder.send_signal(2)
    recorder.communicate(timeout=60)
    crew.end(recorder)
    print(f"\n{load}: by thread and object, % of the samples")
    print("\n".join(_report(data, "--no-children", "-g", "none", "--sort", "comm,dso")[:20]))
    print(f"\n{load}: the top 40 symbols by thread, % of the samples")
    print("\n".join(_report(data, "--no-children", "-g", "none", "--sort", "comm,dso,symbol")[:40]))
    print(f"\n{load}: the top 60 functions with all they call, % of the samples")
    print("\n".join(_report(data, "--children", "-g", "none",
                            "--sort", "comm,symbol")[:60]))
    print(f"\n{load}: the hottest symbols and what called them")
    print("\n".join(_report(data, "--no-children", "-g", "caller,3,callee,function,percent",
                            "--sort", "comm,symbol")[:80]))


def profile(crew, server, load, arguments):
    """Prints all three views of one load."""
    _by_thread(server, load, arguments)
    _by_call(server, load, arguments)
    _by_symbol(crew, server, load, arguments)

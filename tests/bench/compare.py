# SPDX-License-Identifier: GPL-3.0-or-later
"""Postfix and postbusd side by side; see README.md. Started by compare.sh."""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import profile_postbus
from measure import Load, perf_counts, run, spread, strace_counts
from procs import BenchError, Crew
from servers import Postbus, Postfix

GOALS = {10: (8, 20), 50: (13, 30)}


def options():
    parser = argparse.ArgumentParser(prog="compare.sh", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=3000, help="messages a load and round")
    parser.add_argument("--size", type=int, default=4096, help="octets a message")
    parser.add_argument("--load", default="10 50",
                        help="sessions at once, 'd' behind: many messages a connection ('10 50 100d')")
    parser.add_argument("--only", choices=("postfix", "postbusd"), help="one server alone")
    parser.add_argument("--no-counts", action="store_true", help="leave out the counting of system calls")
    parser.add_argument("--profile", action="store_true", help="postbusd alone: where its time goes")
    parser.add_argument("--binary", help="the postbusd to measure")
    parser.add_argument("--work", default="/var/tmp", help="where queues and state lie (a real disk)")
    parser.add_argument("--json", help="write all figures to this file")
    return parser.parse_args()


def describe(work, servers):
    kind = subprocess.run(["stat", "-f", "-c", "%T", work], capture_output=True, text=True,
                          check=True).stdout.strip()
    names = ", ".join(f"{server.name} {server.version()}" for server in servers)
    print(f"{names}; {os.cpu_count()} CPUs, Linux {os.uname().release}, queues on {kind}")
    if kind in ("tmpfs", "ramfs"):
        print(f"WARNING: {work} lies in memory: an fsync costs nothing there. Use --work.")


def show(result):
    return (f"{result.rate:7.0f}/s  taken {result.taken_rate:7.0f}/s  "
            f"CPU {result.cpu_ms:6.3f} ms")


def measure_rounds(servers, load, arguments):
    """{server name: [Result a round]}; who goes first changes from round to round."""
    results = {server.name: [] for server in servers}
    for number in range(arguments.rounds):
        for server in servers if number % 2 == 0 else servers[::-1]:
            results[server.name].append(run(server, load, arguments.messages, arguments.size))
        with open("/proc/loadavg", encoding="utf-8") as file:
            busy = file.read().split()[0]
        for name, rows in results.items():
            print(f"{str(load):9} round {number + 1}  {name:9} {show(rows[-1])}  (load average {busy})",
                  flush=True)
        if len(servers) == 2:
            first, second = (results[server.name][-1] for server in servers)
            print(f"{str(load):9} round {number + 1}  ratio     {second.rate / first.rate:6.2f} times the "
                  f"rate, 1/{first.cpu_ms / second.cpu_ms:.1f} of the CPU", flush=True)
    return results


def summarize(servers, load, results):
    print(f"\n{load}, medians (lowest-highest):")
    for name, rows in results.items():
        print(f"  {name:9} {spread([row.rate for row in rows], 0)} messages/s end to end, "
              f"{spread([row.cpu_ms for row in rows], 3)} ms of CPU a message")
    if len(servers) == 2:
        pairs = list(zip(*(results[server.name] for server in servers)))
        rate = [second.rate / first.rate for first, second in pairs]
        cost = [first.cpu_ms / second.cpu_ms for first, second in pairs]
        print(f"  pair by pair: {spread(rate)} times Postfix's rate; CPU a message 1 / {spread(cost)}")
        goal = GOALS.get(load.sessions) if not load.keep_open else None
        if goal:
            verdict = ["reached" if statistics.median(have) >= want else "missed"
                       for have, want in zip((rate, cost), goal)]
            print(f"  goals: {goal[0]} times the rate: {verdict[0]}; 1/{goal[1]} of the CPU: {verdict[1]}")
    print(flush=True)


def count_calls(servers, load, arguments):
    """fsyncs and system calls a message, in runs of their own."""
    found = {}
    number = min(arguments.messages, 1000)
    print(f"{load}, system calls a message ({number} messages, runs of their own):")
    for server in servers:
        counted = perf_counts(server, load, number, arguments.size)
        if counted is not None:
            found[f"{server.name} perf"] = counted
            syncs = sum(value for name, value in counted.items() if name != "all")
            print(f"  {server.name:9} {syncs / number:.3f} fsyncs, "
                  f"{counted.get('all', 0) / number:.1f} system calls in all (trace points)")
        counted = strace_counts(server, load, number, arguments.size)
        found[f"{server.name} strace"] = counted
        detail = ", ".join(f"{name} {value}" for name, value in sorted(counted.items())) or "none"
        print(f"  {server.name:9} {sum(counted.values()) / number:.3f} fsyncs under strace ({detail})",
              flush=True)
    print()
    return found


def make_servers(crew, work, arguments):
    servers = []
    if arguments.only != "postbusd" and not arguments.profile:
        servers.append(Postfix(crew, work))
    if arguments.only != "postfix":
        if arguments.binary:
            servers.append(Postbus(crew, work, arguments.binary))
        elif arguments.profile or arguments.only:
            raise BenchError("there is no postbusd to measure")
        else:
            print("postbusd is not built: Postfix alone")
    for server in servers:
        server.start()
    return servers


def compare(servers, arguments):
    record = {}
    loads = [Load.parse(word) for word in arguments.load.split()]
    for server in servers:
        run(server, Load(10, False), 200, arguments.size)  # Not counted: files and caches get warm.
    for load in loads:
        results = measure_rounds(servers, load, arguments)
        summarize(servers, load, results)
        record[str(load)] = {name: [vars(row) for row in rows] for name, rows in results.items()}
        if not arguments.no_counts:
            record[str(load)]["counts"] = count_calls(servers, load, arguments)
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)


def main():
    arguments = options()
    crew = Crew()
    work = tempfile.mkdtemp(prefix="postbus-bench.", dir=arguments.work)
    os.chmod(work, 0o755)  # Postfix's processes are not root.
    try:
        servers = make_servers(crew, work, arguments)
        describe(work, servers)
        if arguments.profile:
            for word in arguments.load.split():
                profile_postbus.profile(crew, servers[0], Load.parse(word), arguments)
        else:
            compare(servers, arguments)
    except BenchError as error:
        print(f"compare.sh: {error}", file=sys.stderr)
        return 1
    finally:
        crew.end_all()
        shutil.rmtree(work, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

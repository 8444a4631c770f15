# SPDX-License-Identifier: GPL-3.0-or-later
"""What a silent plaintext session costs postbusd in RSS; see README.md. Started by idle.sh."""

import argparse
import os
import resource
import select
import shutil
import socket
import sys
import tempfile
import time

from procs import BenchError, Crew, rss_bytes, wait_for
from servers import Postbus

PER_ADDRESS = 40  # Under the default of ConnectionPolicy.MaxConnections, 50 a client.
GOAL_BYTES = 2048


def options():
    parser = argparse.ArgumentParser(prog="idle.sh", description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--binary", required=True, help="the postbusd to measure")
    parser.add_argument("--work", default="/var/tmp", help="where the state lies")
    return parser.parse_args()


def raise_limit(wanted):
    """Room for that many descriptors here and in what is started from here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
        except (ValueError, OSError) as error:
            raise BenchError(f"cannot open {wanted} files (hard limit {hard}): {error}") from error
    elif soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def source_address(number):
    """127.1.0.1 and on: a fresh loopback address for every few connections."""
    block = number // PER_ADDRESS
    return f"127.1.{block // 250}.{block % 250 + 1}"


def await_line(connections, code, seconds=60):
    """Reads one reply line starting with the code from every connection."""
    poller = select.epoll()
    waiting = {}
    for connection in connections:
        waiting[connection.fileno()] = [connection, b""]
        poller.register(connection.fileno(), select.EPOLLIN)
    deadline = time.monotonic() + seconds
    while waiting:
        if time.monotonic() > deadline:
            raise BenchError(f"{len(waiting)} of {len(connections)} sessions got no {code.decode()}")
        for descriptor, _ in poller.poll(1):
            entry = waiting[descriptor]
            entry[1] += entry[0].recv(4096)
            last = entry[1].rstrip(b"\r\n").rpartition(b"\n")[2]
            if not entry[1] or not entry[1].startswith(code):
                raise BenchError(f"a session got '{entry[1].decode(errors='replace').strip()}'")
            if entry[1].endswith(b"\n") and last[3:4] == b" ":
                poller.unregister(descriptor)
                del waiting[descriptor]
    poller.close()


def connect(port, first, number):
    """Opens connections by the hundred, so that no listen backlog overflows."""
    opened = []
    for start in range(first, first + number, 100):
        batch = []
        for index in range(start, min(start + 100, first + number)):
            connection = socket.socket()
            connection.bind((source_address(index), 0))
            connection.connect(("127.0.0.1", port))
            batch.append(connection)
        await_line(batch, b"220")
        opened += batch
    return opened


def settled_rss(pid):
    """RSS once it has not moved for half a second."""
    last = [rss_bytes(pid), time.monotonic()]

    def still():
        now = rss_bytes(pid)
        if now != last[0]:
            last[0], last[1] = now, time.monotonic()
        return time.monotonic() - last[1] > 0.5
    wait_for("the memory of postbusd to settle", still, 30, 0.05)
    return last[0]


def report(what, base, now, number):
    each = (now - base) / number
    verdict = "within" if each <= GOAL_BYTES else "OVER"
    print(f"  {what:32} {now / 1024:9.0f} KiB   {each:7.0f} bytes a session  "
          f"({verdict} the goal of {GOAL_BYTES})", flush=True)
    return each <= GOAL_BYTES


def measure(crew, work, arguments):
    server = Postbus(crew, work, arguments.binary, trusted=False)
    server.start()
    pid = server.pids()[0]
    number = arguments.connections
    # First dialogues allocate what every later one finds there: listeners, tables, arenas.
    for connection in connect(server.port, number, 20):
        connection.close()
    base = settled_rss(pid)
    print(f"{server.version()}, {number} silent plaintext sessions, {PER_ADDRESS} an address")
    print(f"  {'before':32} {base / 1024:9.0f} KiB")
    sessions = connect(server.port, 0, number)
    good = report("greeted, nothing said", base, settled_rss(pid), number)
    for start in range(0, number, 100):
        for session in sessions[start:start + 100]:
            session.sendall(b"EHLO client.example\r\n")
        await_line(sessions[start:start + 100], b"250")
    good &= report("after EHLO", base, settled_rss(pid), number)
    ticks = server.cpu_ns()
    time.sleep(5)
    spent = (server.cpu_ns() - ticks) / 5e6
    print(f"  CPU while all are silent: {spent:.2f} ms a second")
    for session in sessions:
        session.close()
    print(f"  {'all closed':32} {settled_rss(pid) / 1024:9.0f} KiB")
    server.stop()
    return good


def main():
    arguments = options()
    crew = Crew()
    work = tempfile.mkdtemp(prefix="postbus-idle.", dir=arguments.work)
    os.chmod(work, 0o755)
    try:
        raise_limit(arguments.connections + 500)
        return 0 if measure(crew, work, arguments) else 2
    except BenchError as error:
        print(f"idle.sh: {error}", file=sys.stderr)
        return 1
    finally:
        crew.end_all()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

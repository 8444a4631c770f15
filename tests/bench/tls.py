# SPDX-License-Identifier: GPL-3.0-or-later
"""What TLS costs postbusd: RSS of an idle session, and an honest client's time among silent ones; see README.md. Started by tls.sh."""

import argparse
import os
import shutil
import socket
import ssl
import statistics
import sys
import tempfile
import time

import idle
from procs import BenchError, Crew
from servers import Postbus

GOAL_BYTES = 20 * 1024
GOAL_RATIO = 1.5
ROUNDS = 60


def options():
    parser = argparse.ArgumentParser(prog="tls.sh", description=__doc__)
    parser.add_argument("--sessions", type=int, default=1000, help="idle TLS sessions")
    parser.add_argument("--silent", type=int, default=900, help="clients that stop amid the handshake")
    parser.add_argument("--binary", required=True, help="the postbusd to measure")
    parser.add_argument("--work", default="/var/tmp", help="where the state lies")
    return parser.parse_args()


def context():
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def ready_for_tls(port, first, number):
    """Connections whose server has said 220 to STARTTLS."""
    opened = idle.connect(port, first, number)
    for start in range(0, number, 100):
        batch = opened[start:start + 100]
        for said, code in ((b"EHLO client.example\r\n", b"250"), (b"STARTTLS\r\n", b"220")):
            for each in batch:
                each.sendall(said)
            idle.await_line(batch, code)
    return opened


def idle_sessions(port, first, number):
    made = context()
    secured = [made.wrap_socket(each) for each in ready_for_tls(port, first, number)]
    for each in secured:
        each.sendall(b"EHLO client.example\r\n")
        if not each.recv(4096).startswith(b"250"):
            raise BenchError("no 250 under TLS")
    return secured


def session_time(port, source):
    """Seconds from connect to the answer under TLS."""
    begun = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), source_address=(source, 0)) as plain:
        for said in (b"", b"EHLO client.example\r\n", b"STARTTLS\r\n"):
            plain.sendall(said)
            plain.recv(4096)
        with context().wrap_socket(plain) as secured:
            secured.sendall(b"NOOP\r\n")
            secured.recv(4096)
    return time.perf_counter() - begun


def median_time(port):
    return statistics.median(session_time(port, f"127.2.0.{number + 1}") for number in range(ROUNDS))


def measure_memory(server, number):
    pid = server.pids()[0]
    for each in idle_sessions(server.port, number, 20):
        each.close()
    base = idle.settled_rss(pid)
    sessions = idle_sessions(server.port, 0, number)
    each = (idle.settled_rss(pid) - base) / number
    print(f"  {number} idle TLS sessions: {each:.0f} bytes of RSS each (goal {GOAL_BYTES})", flush=True)
    for session in sessions:
        session.close()
    return each <= GOAL_BYTES


def measure_silence(server, number):
    alone = median_time(server.port)
    silent = ready_for_tls(server.port, 0, number)
    for each in silent[::2]:
        each.sendall(b"\x16\x03\x01\x02")
    among = median_time(server.port)
    for each in silent:
        each.close()
    print(f"  a TLS session alone {alone * 1000:.2f} ms, among {number} silent ones {among * 1000:.2f} ms: "
          f"ratio {among / alone:.2f} (goal {GOAL_RATIO})", flush=True)
    return among / alone <= GOAL_RATIO


def main():
    arguments = options()
    crew = Crew()
    work = tempfile.mkdtemp(prefix="postbus-tls.", dir=arguments.work)
    os.chmod(work, 0o755)
    try:
        idle.raise_limit(arguments.sessions + arguments.silent + 500)
        server = Postbus(crew, work, arguments.binary, trusted=False)
        server.start()
        print(server.version(), flush=True)
        good = measure_memory(server, arguments.sessions)
        good &= measure_silence(server, arguments.silent)
        server.stop()
        return 0 if good else 2
    except BenchError as error:
        print(f"tls.sh: {error}", file=sys.stderr)
        return 1
    finally:
        crew.end_all()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

# SPDX-License-Identifier: GPL-3.0-or-later
"""How soon a postbusd with a large queue listens after kill -9, and what memory it takes. Called by queue.sh.
Exit status 2 when a goal is missed."""
import argparse
import os
import pathlib
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration"))

GOAL_SECONDS = 1.0
GOAL_MIB = 64


def greeted(port, start, seconds=120):
    """Seconds from start until the server says 220."""
    while time.monotonic() - start < seconds:
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as client:
                client.settimeout(60)
                if client.recv(3) == b"220":
                    return time.monotonic() - start
        except OSError:
            time.sleep(0.002)
    raise AssertionError(f"no greeting in {seconds} s")


def memory(pid):
    """(now, most) resident, MiB."""
    fields = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines())
    return tuple(int(fields[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM"))


def fill(bed, options, due):
    before = time.monotonic()
    subprocess.run([options.fill, bed.state, str(options.messages), str(options.octets), str(options.destinations), str(due)],
                   check=True)
    size = sum(os.path.getsize(os.path.join(bed.state, name)) for name in os.listdir(bed.state) if name.startswith("queue.db"))
    print(f"{options.messages} messages of {options.octets} octets in {time.monotonic() - before:.0f} s, "
          f"queue.db {size / 2**20:.0f} MiB", flush=True)


def measure(options, name, due):
    """One state of the queue; returns the worst time and the most memory."""
    import harness
    bed = harness.Bed()
    times, most = [], 0
    try:
        bed.start()
        bed.api.set("Delivery", "RelayServer", "s", "127.0.0.1")
        bed.api.set("Delivery", "RelayPort", "u", bed.ports.take())  # nobody there
        bed.api.set("Delivery", "Mode", "s", "relay")
        bed.postbusd.stop()
        fill(bed, options, due)
        for ended in ["stop"] + ["kill -9"] * options.rounds:
            start = time.monotonic()
            bed.postbusd.start(wait=False)
            times.append(greeted(bed.port, start))
            # Mail goes on coming, and what is due is tried meanwhile; then the next end without a warning.
            deadline = time.monotonic() + options.seconds
            while time.monotonic() < deadline:
                bed.send("a@sender.example", ["b@d1.example"], b"Subject: x\r\n\r\nx\r\n")
                time.sleep(0.1)
            now, peak = memory(bed.postbusd.process.pid)
            most = max(most, peak)
            print(f"{name}: after {ended} listening in {times[-1]:.3f} s, {now:.1f} MiB resident, {peak:.1f} at most", flush=True)
            bed.postbusd.kill()
        bed.postbusd.start()
    finally:
        bed.close()
        bed.remove()
    return max(times[1:]), most


def main():
    parser = argparse.ArgumentParser(prog="queue.sh", description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--fill", required=True)
    parser.add_argument("--messages", type=int, default=1_000_000)
    parser.add_argument("--octets", type=int, default=1000)
    parser.add_argument("--destinations", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--state", choices=("deferred", "new", "both"), default="both")
    options = parser.parse_args()
    os.environ["POSTBUSD"] = options.binary
    missed = False
    for name, due in (("deferred", 7200), ("new", 0)):
        if options.state in (name, "both"):
            seconds, mib = measure(options, name, due)
            missed |= seconds > GOAL_SECONDS or mib > GOAL_MIB
    print("goals missed" if missed else f"within {GOAL_SECONDS} s and {GOAL_MIB} MiB")
    return 2 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

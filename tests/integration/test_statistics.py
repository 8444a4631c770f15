# SPDX-License-Identifier: GPL-3.0-or-later
"""Statistics: figures that go on over restarts and kills, series, subscriptions, who is connected and
who has most to do with mail; and that none of it can be made to stop mail or to grow."""
import os
import signal
import socket
import subprocess
import sys
import time

import bus
import clock
import mock_polkit
import stranger
from bus import NAME, PATH, BusError
from clock import DAY
from gi.repository import Gio, GLib
from harness import skip, wait_for

FILE_SIZE = 14843328


def fault_of(function, *arguments):
    try:
        function(*arguments)
    except BusError as error:
        return error
    raise AssertionError(f"{arguments} was let through")


def series(bed, name, span, step):
    return bed.api.call("Statistics", "Series", "(suu)", name, span, step)[0]


def send(bed, count=1, recipient="ann@local.example", sender="bob@far.example"):
    for _ in range(count):
        bed.send(sender, [recipient], b"Subject: figures\r\n\r\nText\r\n")


def total(points):
    return sum(value for _, value in points)


def state_file(bed):
    return os.path.join(bed.state, "statistics")


class Subscriber:
    """A connection of its own that has subscribed; gathers what comes."""

    def __init__(self, bed):
        self.api = bus.Api(bed.bus.address)
        self.updates = []
        self.others = []
        self.api.connection.signal_subscribe(NAME, f"{NAME}.Statistics", "Update", PATH, None,
                                             Gio.DBusSignalFlags.NONE, self.on_update)
        self.api.call("Statistics", "Subscribe")

    def on_update(self, connection, sender, path, interface, signal, parameters):
        self.updates.append((time.monotonic(), parameters.unpack()[0]))

    def wait(self, predicate, what):
        context = GLib.MainContext.default()

        def turn():
            while context.iteration(False):
                pass
            return predicate(self.updates)
        return wait_for(turn, what, tick=0.01)


def test_series_of_seconds(bed):
    hours = clock.Clock(bed).noon()
    bed.start()
    send(bed, 3)
    wait_for(lambda: total(series(bed, "accepted", 3600, 1)) == 3, "three messages in the seconds")
    points = series(bed, "accepted", 3600, 1)
    assert all(now % 1 == 0 for now, _ in points) and [now for now, _ in points] == sorted({now for now, _ in points})
    assert abs(points[-1][0] - hours.now()) < 300
    assert total(series(bed, "accepted", 3600, 60)) == 3
    assert total(series(bed, "accepted", 86400, 3600)) == 3
    assert total(series(bed, "bytes.in", 3600, 3600)) == bed.api.statistics()["bytes.in"]
    assert total(series(bed, "delivered", 63158400, 3600)) <= 3
    # A gauge is a mean, not a sum.
    with socket.create_connection(("127.0.0.1", bed.port)):
        wait_for(lambda: bed.api.statistics()["sessions"] >= 1, "the session")
        wait_for(lambda: series(bed, "sessions", 5, 1)[-1][1] == 1, "a second with a session")
    assert 0 < series(bed, "sessions", 3600, 3600)[-1][1] <= 1


def test_series_says_what_is_wrong(bed):
    bed.start()
    error = fault_of(series, bed, "nonsense", 60, 1)
    assert error.name == "InvalidValue" and "accepted" in error.text and "queue.size" in error.text, error
    for span, step, word in ((60, 0, "step"), (0, 1, "span"), (3601, 1, "span"), (604801, 60, "span"),
                             (63158401, 3600, "span"), (2**32 - 1, 2**32 - 1, "span")):
        error = fault_of(series, bed, "accepted", span, step)
        assert error.name == "InvalidValue" and error.text.startswith(f"Series.{word}: "), error
    for kind, span, limit in (("nobody", 60, 5), ("senders", 0, 5), ("senders", 60, 0), ("hosts", 60, 101),
                              ("recipients", 2**32 - 1, 5)):
        error = fault_of(bed.api.call, "Statistics", "Top", "(suu)", kind, span, limit)
        assert error.name == "InvalidValue" and error.text.startswith("Top."), error


def test_figures_go_on_over_restart_and_kill(bed):
    bed.start()
    send(bed, 4)
    before = bed.api.statistics()
    bed.postbusd.restart()
    after = bed.api.statistics()
    for name in ("connections", "accepted", "bytes.in"):
        assert after[name] == before[name] > 0, (name, before, after)
    assert os.path.getsize(state_file(bed)) == FILE_SIZE
    assert total(series(bed, "accepted", 86400, 3600)) == 4
    assert total(series(bed, "accepted", 86400, 60)) == 4
    send(bed, 2)
    stamp = os.stat(state_file(bed)).st_mtime_ns

    def written():
        return os.stat(state_file(bed)).st_mtime_ns > stamp
    wait_for(written, "a write of the statistics")
    # The write may have begun before the second message: wait until another is through.
    send(bed, 1)
    stamp = os.stat(state_file(bed)).st_mtime_ns
    wait_for(written, "another write")
    stamp = os.stat(state_file(bed)).st_mtime_ns
    send(bed, 1)
    wait_for(written, "a third write")
    bed.postbusd.kill()
    bed.postbusd.start()
    assert 7 <= bed.api.statistics()["accepted"] <= 8, bed.api.statistics()
    assert 7 <= total(series(bed, "accepted", 86400, 60)) <= 8
    assert total(series(bed, "accepted", 86400, 60)) == total(series(bed, "accepted", 86400, 3600))
    assert os.path.getsize(state_file(bed)) == FILE_SIZE


def test_damaged_file_starts_anew(bed):
    bed.start()
    send(bed, 2)
    bed.postbusd.stop()
    for spoiled in (b"", b"x", b"nonsense" * 5000, open(state_file(bed), "rb").read()[:20000]):
        with open(state_file(bed), "wb") as file:
            file.write(spoiled)
        bed.postbusd.start()
        assert bed.api.statistics()["accepted"] == 0
        send(bed)
        wait_for(lambda: os.path.getsize(state_file(bed)) == FILE_SIZE, "the file")
        wait_for(lambda: bed.api.get("Statistics", "State") == "ok", "the state")
        bed.postbusd.stop()
    assert bed.wait_logged(b"statistics begun anew", 4).count(b"statistics begun anew") == 4
    # What a later version wrote is not touched.
    with open(state_file(bed), "r+b") as file:
        file.seek(8)
        file.write(b"\2")
    kept = open(state_file(bed), "rb").read()
    bed.postbusd.start()
    assert bed.api.get("Statistics", "State") == "not-kept"
    assert "later version" in bed.api.get("Statistics", "Trouble")
    send(bed)
    assert bed.api.statistics()["accepted"] == 1
    bed.postbusd.stop()
    assert open(state_file(bed), "rb").read() == kept


def test_file_taken_away_under_way(bed):
    bed.start()
    send(bed, 2)
    wait_for(lambda: os.path.exists(state_file(bed)), "the file")
    while True:
        os.unlink(state_file(bed))
        try:
            os.mkdir(state_file(bed))
            break
        except FileExistsError:  # written anew between the two
            pass
    send(bed, 2)
    wait_for(lambda: bed.api.get("Statistics", "State") == "not-kept", "the state")
    assert "statistics" in bed.api.get("Statistics", "Trouble")
    send(bed, 2)
    assert bed.api.statistics()["accepted"] == 6
    os.rmdir(state_file(bed))
    wait_for(lambda: bed.api.get("Statistics", "State") == "ok", "the state after that")
    assert bed.api.get("Statistics", "Trouble") == ""
    bed.postbusd.restart()
    assert bed.api.statistics()["accepted"] == 6
    assert total(series(bed, "accepted", 86400, 3600)) == 6


def test_subscription(bed):
    bed.start()
    one, other = Subscriber(bed), bus.Api(bed.bus.address)
    seen = []
    other.connection.signal_subscribe(NAME, f"{NAME}.Statistics", "Update", PATH, None,
                                      Gio.DBusSignalFlags.NONE, lambda *_: seen.append(1))
    one.wait(len, "the first update")
    first = one.updates[0][1]
    assert {"connections", "accepted", "bytes.in", "queue.active", "queue.size", "sessions"} <= set(first)
    send(bed, 2)
    one.wait(lambda all: sum(1 for _, each in all if each.get("accepted") == 2), "the second message")
    # Long enough for questions whether it still reads.
    for count in range(3, 18):
        send(bed)
        one.wait(lambda all, want=count: all[-1][1].get("accepted", want) == want and any(
            each.get("accepted") == want for _, each in all), f"message {count}")
    later = [each for _, each in one.updates[1:]]
    assert all("tls.in" not in each for each in later), later
    one.api.call("Statistics", "Unsubscribe")
    one.api.call("Statistics", "Unsubscribe")
    one.wait(lambda all: True, "what was said before that")
    count = len(one.updates)
    third = Subscriber(bed)
    third.wait(len, "an update of another")
    send(bed)
    third.wait(lambda all: any(each.get("accepted") == 18 for _, each in all), "the last message")
    one.wait(lambda all: True, "nothing")
    assert len(one.updates) == count and not seen


def test_bus_lost_while_subscribed(bed):
    """Subscriptions end with the bus that they were made on; on the next one there are new ones."""
    bed.bus.address = bed.bus.address.split(",guid=")[0]
    bed.start()
    before = [Subscriber(bed) for _ in range(20)]
    before[0].wait(len, "the first update")
    bed.bus.stop()
    wait_for(lambda: b"bus-lost" in bed.postbusd.stderr(), "the loss to be seen")
    bed.bus = bus.PrivateBus(bed.folder)
    bed.api = bus.Api(bed.bus.address)
    bed.api.wait_running(bed.postbusd.check_alive)
    after = Subscriber(bed)
    after.wait(len, "an update on the next bus")
    send(bed)
    after.wait(lambda all: any(each.get("accepted") == 1 for _, each in all), "the message")


def test_too_many_subscribers(bed):
    """One user has so many places, which are not all; the error says what is allowed."""
    stranger.need_root()
    polkit = mock_polkit.MockPolkit(bed.bus.address)
    bed.on_close(polkit.stop)
    bed.start()
    held, busy = [], []
    for _ in range(60):
        held.append(bus.Api(bed.bus.address))
        try:
            held[-1].call("Statistics", "Subscribe")
        except BusError as error:
            assert error.name == "Busy", error
            busy.append(error.text)
    assert busy == ["Subscribe: at most 50 subscribers of a user, and 200 in all; there are 50 and 50"] * 10, busy
    for _ in range(50):
        held.append(stranger.connect(bed))
        held[-1].call("Statistics", "Subscribe")
    held.append(stranger.connect(bed))
    assert refused_busy(held[-1])
    # One that subscribes again takes no place, and who leaves gives his back.
    held[0].call("Statistics", "Subscribe")
    held[60].close()
    wait_for(lambda: not refused_busy(held[-1]), "a place")
    for api in held[:60] + held[61:]:
        api.close()


def refused_busy(api):
    try:
        api.call("Statistics", "Subscribe")
    except BusError as error:
        assert error.name == "Busy", error
        return True
    return False


def test_sessions(bed):
    bed.start()
    assert bed.api.call("Statistics", "Sessions")[0] == []
    with socket.create_connection(("127.0.0.1", bed.port)) as one, \
            socket.create_connection(("127.0.0.1", bed.port)) as other, one.makefile("rb") as reader:
        reader.readline()
        for line in (b"HELO client.example\r\n", b"MAIL FROM:<bob@far.example>\r\n", b"RCPT TO:<ann@local.example>\r\n"):
            one.sendall(line)
            assert reader.readline().startswith(b"250"), line
        other.recv(100)
        rows = bed.api.call("Statistics", "Sessions")[0]
        assert len(rows) == 2, rows
        [row] = [each for each in rows if "Sender" in each]
        [idle] = [each for each in rows if "Sender" not in each]
        assert row["Client"] == "127.0.0.1" and row["Role"] == "smtp" and row["State"] == "rcpt"
        assert row["Helo"] == "client.example" and row["Sender"] == "bob@far.example" and row["Recipients"] == 1
        assert row["Tls"] == "" and row["BytesIn"] > 60 and row["BytesOut"] > 60
        assert abs(row["Since"] - time.time()) < 60
        assert idle["State"] == "greeted" and idle["BytesIn"] == 0 and "Helo" not in idle
    wait_for(lambda: bed.api.call("Statistics", "Sessions")[0] == [], "the end of both")


def test_top(bed):
    bed.start()
    send(bed, 3, sender="bob@far.example")
    send(bed, 1, sender="eve@far.example")
    senders = bed.api.call("Statistics", "Top", "(suu)", "senders", 3600, 10)[0]
    assert [(row["Name"], row["Messages"], row["Refused"]) for row in senders] == [
        ("bob@far.example", 3, 0), ("eve@far.example", 1, 0)], senders
    assert sum(row["Octets"] for row in senders) == bed.api.statistics()["bytes.in"]
    assert [row["Name"] for row in bed.api.call("Statistics", "Top", "(suu)", "senders", 3600, 1)[0]] == ["bob@far.example"]
    [row] = bed.api.call("Statistics", "Top", "(suu)", "recipients", 3600, 10)[0]
    assert row["Name"] == "ann@local.example" and row["Messages"] == 4
    [row] = bed.api.call("Statistics", "Top", "(suu)", "hosts", 3600, 10)[0]
    assert row["Name"] == "127.0.0.1" and row["Messages"] == 4


def memory(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        [line] = [line for line in file if line.startswith("VmRSS:")]
    return int(line.split()[1])


NEVER_READS = """
import sys
sys.path.insert(0, {here!r})
import bus
api = bus.Api({address!r})
api.call("Statistics", "Subscribe")
print("subscribed", flush=True)
sys.stdin.read()
"""


def test_subscriber_that_never_reads(bed):
    moving = clock.Clock(bed)
    bed.start()
    script = NEVER_READS.format(here=os.path.dirname(__file__), address=bed.bus.address)
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        try:
            assert child.stdout.readline() == b"subscribed\n"
            child.send_signal(signal.SIGSTOP)
            begun = time.monotonic()
            other = Subscriber(bed)
            other.wait(len, "an update for who reads")
            sizes = (memory(bed.postbusd.process.pid), memory(bed.bus.process.pid))
            # Each second brings something to tell; of the one that does not read ten at most are kept.
            for count in range(1, 16):
                send(bed)
                other.wait(lambda all, want=count: any(each.get("accepted") == want for _, each in all), f"message {count}")
            # Dropped for its silence of a minute, not for what is kept for it.
            assert time.monotonic() > begun + 50 or b"subscriber dropped" not in bed.postbusd.stderr()
            moving.pass_time(120)
            wait_for(lambda: b"subscriber dropped" in bed.postbusd.stderr(), "the end of the subscription")
            send(bed)
            other.wait(lambda all: any(each.get("accepted") == 16 for _, each in all), "a message after that")
            after = (memory(bed.postbusd.process.pid), memory(bed.bus.process.pid))
            assert after[0] < sizes[0] + 20000 and after[1] < sizes[1] + 5000, (sizes, after)
        finally:
            child.kill()
    assert bed.postbusd.stderr().count(b"subscriber dropped") == 1


def test_ten_thousand_subscriptions(bed):
    environment = bed.postbusd.environment
    # What was freed is not to be counted: the sanitizer keeps it back.
    bed.postbusd.environment = lambda: {
        **environment(), "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=8"}
    bed.start()
    held = [bus.Api(bed.bus.address) for _ in range(50)]
    for api in held:
        api.call("Statistics", "Subscribe")
    before = memory(bed.postbusd.process.pid)
    other = bus.Api(bed.bus.address)
    ends = []

    def on_end(connection, result):
        try:
            connection.call_finish(result)
            ends.append("ok")
        except GLib.Error as error:
            ends.append(Gio.DBusError.get_remote_error(error))
    context = GLib.MainContext.default()
    begun = 0
    while len(ends) < 10000:
        while begun < 10000 and begun - len(ends) < 100:
            other.connection.call(NAME, PATH, f"{NAME}.Statistics", "Subscribe", None, None, 0, 240000, None, on_end)
            begun += 1
        context.iteration(True)
    assert set(ends) == {f"{NAME}.Error.Busy"}, set(ends)
    # Those who come and go leave nothing behind.
    for api in held:
        api.close()
    for _ in range(1000):
        brief = bus.Api(bed.bus.address)
        refused_busy(brief)
        brief.close()
    send(bed)
    assert bed.api.statistics()["accepted"] == 1
    assert memory(bed.postbusd.process.pid) < before + 60000, (before, memory(bed.postbusd.process.pid))


def test_clock_jumps(bed):
    moving = clock.Clock(bed)
    bed.start()
    accepted = 0
    subscriber = Subscriber(bed)
    for jump in (0, -DAY, 3 * DAY, -DAY, 400 * DAY, -600 * DAY, 3600, -3600, 198 * DAY):
        moving.set_wall(jump)
        send(bed)
        accepted += 1
        subscriber.wait(lambda all, want=accepted: any(each.get("accepted") == want for _, each in all), f"the look after {jump}")
        assert total(series(bed, "accepted", 60, 1)) >= 1, jump
        assert total(series(bed, "accepted", 3600, 60)) >= 1, jump
        assert total(series(bed, "accepted", 7200, 3600)) >= 1, jump
        for span, step in ((3600, 1), (604800, 60), (63158400, 3600)):
            points = series(bed, "accepted", span, step)
            assert len(points) <= span // step + 1 and total(points) <= accepted, (jump, points)
    assert bed.api.statistics()["accepted"] == accepted
    # The monotonic clock drives the writing: let it.
    moving.pass_time(10)
    wait_for(lambda: os.path.exists(state_file(bed)), "the file")
    bed.postbusd.restart()
    assert bed.api.statistics()["accepted"] == accepted
    # All that happened lies within two years of each other, and is found from the last point in time.
    assert total(series(bed, "accepted", 63158400, 3600)) >= 1
    assert os.path.getsize(state_file(bed)) == FILE_SIZE


def test_days_of_minutes(bed):
    """A week and more goes by: minutes of before are gone, hours are still there, the file is as large as ever."""
    moving = clock.Clock(bed).noon()
    bed.start()
    for day in range(9):
        send(bed)
        wait_for(lambda want=day + 1: total(series(bed, "accepted", 63158400, 3600)) == want, f"day {day}")
        moving.pass_time(DAY)
    send(bed)
    wait_for(lambda: total(series(bed, "accepted", 63158400, 3600)) == 10, "the last message")
    assert total(series(bed, "accepted", 604800, 60)) in (7, 8)
    assert total(series(bed, "accepted", 63158400, 86400)) == 10
    assert [value for _, value in series(bed, "accepted", 63158400, 86400)] == [1] * 10
    wait_for(lambda: os.path.exists(state_file(bed)) and os.path.getsize(state_file(bed)) == FILE_SIZE, "the file")


def test_full_disk(bed):
    """A small file system fills up and the file is taken away: no room of the mail's is taken for it."""
    stranger.need_root()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "none", bed.state], check=False).returncode != 0:
        skip("no file system may be mounted here")
    bed.on_close(lambda: subprocess.run(["umount", "-l", bed.state], check=False))
    bed.start()
    send(bed, 2)
    wait_for(lambda: os.path.exists(state_file(bed)), "the file")
    filler = os.path.join(bed.state, "filler")
    with open(filler, "wb") as file:
        left = os.statvfs(bed.state)
        os.posix_fallocate(file.fileno(), 0, left.f_bavail * left.f_frsize - (1 << 20))
    wait_for(lambda: bed.api.get("Manager", "State") == "low-space", "low space")
    # The file that is there has its room.
    stamp = os.stat(state_file(bed)).st_mtime_ns
    with socket.create_connection(("127.0.0.1", bed.port)):
        wait_for(lambda: os.stat(state_file(bed)).st_mtime_ns > stamp, "a write")
    assert bed.api.get("Statistics", "State") == "ok"
    os.unlink(state_file(bed))
    with socket.create_connection(("127.0.0.1", bed.port)):
        wait_for(lambda: bed.api.get("Statistics", "State") == "not-kept", "the state")
    assert "room is for mail" in bed.api.get("Statistics", "Trouble")
    assert not os.path.exists(state_file(bed)) and not os.path.exists(state_file(bed) + ".new")
    assert bed.api.statistics()["accepted"] == 2
    os.unlink(filler)
    wait_for(lambda: bed.api.get("Manager", "State") == "running", "room")
    send(bed)
    wait_for(lambda: bed.api.get("Statistics", "State") == "ok", "the state with room")
    assert os.path.getsize(state_file(bed)) == FILE_SIZE
    bed.postbusd.restart()
    assert bed.api.statistics()["accepted"] == 3

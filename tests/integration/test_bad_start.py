# SPDX-License-Identifier: GPL-3.0-or-later
"""What postbusd cannot start from: one clear line, an exit status, nothing overwritten."""
import hashlib
import os
import pathlib
import socket
import sqlite3

from harness import Postbusd, skip

DATABASES = ("queue.db", "settings.db")


def refused(bed, *words, wrapper=(), any_of=("",)):
    """Starts another one; it must end by itself with one line that has all the words, and one of
    any_of. Its standard error is a file of its own."""
    daemon = Postbusd(bed, bed.state)
    daemon.port = bed.port
    daemon.arguments = bed.postbusd.arguments
    daemon.stderr_path = os.path.join(bed.folder, "stderr-refused")
    pathlib.Path(daemon.stderr_path).unlink(missing_ok=True)
    daemon.start(wrapper=wrapper, wait=False)
    try:
        status = daemon.process.wait(240)
    finally:
        daemon.kill()
    text = daemon.stderr().decode()
    # The certificate of a first start is told of before the bus is looked for.
    lines = [line for line in text.splitlines() if not line.startswith("certificate from=self-signed")]
    assert status > 0, f"it ended with {status}: {text}"
    assert len(lines) == 1, text
    assert all(word in text for word in words) and any(word in text for word in any_of), (words, text)


def digests(folder):
    """What must not change. Empty write-ahead logs and their indexes may come and go."""
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in pathlib.Path(folder).rglob("*")
            if path.is_file() and path.stat().st_size > 0 and not path.name.endswith("-shm")}


def filled(bed):
    """A state folder with mail in the queue and settings, closed cleanly."""
    bed.start()
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Later")
    bed.send("ann@local.example", ["far@away.example"], b"Subject: x\r\n\r\nx\r\n")
    bed.wait_deferred()
    bed.postbusd.stop()


def test_taken_port(bed):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", bed.port))
        holder.listen()
        refused(bed, f"127.0.0.1:{bed.port}", "in use")


def test_state_is_a_file(bed):
    os.rmdir(bed.state)
    pathlib.Path(bed.state).write_text("precious", encoding="utf-8")
    refused(bed, bed.state)
    assert pathlib.Path(bed.state).read_text(encoding="utf-8") == "precious"


def test_unreadable_state(bed):
    filled(bed)
    wrapper = ()
    if os.getuid() == 0:
        # Root reads everything; another user does not.
        os.chmod(bed.folder, 0o755)
        os.chmod(os.path.join(bed.folder, "bus"), 0o666)
        wrapper = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        if not os.access("/", os.X_OK):
            skip("no way to become another user")
    os.chmod(bed.state, 0o000)
    before = digests(bed.state) if os.getuid() == 0 else None
    refused(bed, bed.state, "ermission denied", wrapper=wrapper)
    os.chmod(bed.state, 0o700)
    assert before is None or before == digests(bed.state)


def test_newer_schema(bed):
    filled(bed)
    for name in DATABASES:
        path = os.path.join(bed.state, name)
        database = sqlite3.connect(path)
        [[version]] = database.execute("PRAGMA user_version").fetchall()
        assert version > 0
        database.execute("PRAGMA user_version = 99999")
        database.close()
        before = digests(bed.state)
        refused(bed, name, "newer")
        assert before == digests(bed.state), f"{name}: {before} {digests(bed.state)}"
        database = sqlite3.connect(path)
        database.execute(f"PRAGMA user_version = {version:d}")
        database.close()
    bed.postbusd.start()
    assert bed.api.get("Queue", "Deferred") == 1


def test_corrupt_database(bed):
    filled(bed)
    for name in DATABASES:
        path = pathlib.Path(bed.state, name)
        good = path.read_bytes()
        for bad in (b"This is no database. " * 500, b"\0" * len(good), good[:1000] + b"\xff" * (len(good) - 1000)):
            path.write_bytes(bad)
            before = digests(bed.state)
            refused(bed, name, any_of=("corrupt", "damaged", "malformed", "not a database"))
            assert before == digests(bed.state), f"{name} was overwritten"
        path.write_bytes(good)
    bed.postbusd.start()
    assert bed.api.get("Queue", "Deferred") == 1
    assert bed.api.get("General", "Hostname") == "mail.local.example"


def test_state_in_use(bed):
    """Two daemons never work on one state folder."""
    bed.start()
    port, bed.postbusd.port = bed.postbusd.port, bed.ports.take()
    refused(bed, bed.state, "another")
    bed.postbusd.port = port
    bed.send("a@b.example", ["ann@local.example"], b"Subject: x\r\n\r\n")
    bed.wait_mails(bed.ann)


def test_bad_command_line(bed):
    for argument in ("--listen=banana", "--listen=smtp:127.0.0.1:99999", "--dns-server=banana:x",
                     "--mx-port=0", "--no-such-option", "--listen=smtp:127.0.0.1", "--state-directory="):
        arguments = bed.postbusd.arguments
        bed.postbusd.arguments = lambda: arguments() + [argument]
        refused(bed, argument.split("=")[0].lstrip("-"))
        bed.postbusd.arguments = arguments


def test_no_bus(bed):
    arguments = bed.postbusd.arguments()
    arguments[1] = "--bus=unix:path=/nonexistent/bus"
    bed.postbusd.arguments = lambda: arguments
    refused(bed, "bus")

# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics.Address: figures for Prometheus, found good by promtool, and a little server that nothing can
swell or hold up; and org.freedesktop.LogControl1."""
import os
import shutil
import socket
import subprocess
import time

import stranger
from bus import BusError
from gi.repository import GLib
from harness import skip, wait_for

MESSAGE = b"Subject: figures\r\n\r\nText\r\n"
LOG = "org.freedesktop.LogControl1"


def set_address(bed, address):
    bed.api.set("Metrics", "Address", "s", address)


def state(bed):
    return bed.api.get("Statistics", "MetricsState")


def connect(address):
    if isinstance(address, str):
        client = socket.socket(socket.AF_UNIX)
    else:
        client = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    client.settimeout(240)
    client.connect(address)
    return client


def ask(address, request=b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"):
    """The status code, the head and the body."""
    with connect(address) as client:
        client.sendall(request)
        answer = b""
        while chunk := client.recv(65536):
            answer += chunk
    head, body = answer.split(b"\r\n\r\n", 1)
    return int(head.split()[1]), head.decode(), body.decode()


def listen(bed, host="127.0.0.1"):
    address = (host, bed.ports.take((host,)))
    set_address(bed, f"[{host}]:{address[1]}" if ":" in host else f"{host}:{address[1]}")
    assert state(bed) == "listening", bed.api.get("Statistics", "MetricsTrouble")
    return address


def test_promtool_is_content(bed):
    if shutil.which("promtool") is None:
        skip("there is no promtool")
    bed.start()
    address = listen(bed)
    for number in range(3):
        bed.send("bob@far.example", ["ann@local.example"], MESSAGE)
    bed.wait_mails(bed.ann, 3)
    bed.queue_empty()
    with bed.talk() as talk:
        talk.expect("HELO client.example", 250)
        talk.expect("MAIL FROM:<bob@far.example>", 250)
        talk.expect("RCPT TO:<nobody@local.example>", 550)
    code, head, body = ask(address)
    assert code == 200 and "Content-Type: text/plain; version=0.0.4" in head and f"Content-Length: {len(body)}" in head
    checked = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True, text=True, timeout=240,
                             check=False)
    assert checked.returncode == 0 and checked.stdout + checked.stderr == "", (checked, body)
    values = dict(line.rsplit(" ", 1) for line in body.splitlines() if not line.startswith("#"))
    figures = bed.api.statistics()
    assert values["postbus_accepted_total"] == "3" and values["postbus_received_bytes_total"] == str(figures["bytes.in"])
    assert values['postbus_refused_total{check="recipient"}'] == "1"
    assert {f'postbus_queue_messages{{state="{name}"}}' for name in ("active", "deferred", "held")} <= set(values)
    assert "postbus_sessions" in values and any(name.startswith("postbus_info{") for name in values)
    # Every figure of the bus is there.
    assert len(values) == len(bed.api.statistics()) + 1, (values, figures)


def test_addresses(bed):
    bed.start()
    assert state(bed) == "off"
    one = listen(bed)
    assert ask(one)[0] == 200
    six = listen(bed, "::1")
    assert ask(six)[0] == 200
    try:
        ask(one)
        raise AssertionError("the old port still answers")
    except ConnectionRefusedError:
        pass
    path = os.path.join(bed.folder, "metrics")
    set_address(bed, "unix:" + path)
    assert state(bed) == "listening" and ask(path)[0] == 200
    assert os.stat(path).st_mode & 0o777 == 0o660
    # Left by a kill: taken over. It goes with an orderly end.
    bed.postbusd.kill()
    assert os.path.exists(path)
    bed.postbusd.start()
    assert state(bed) == "listening" and ask(path)[0] == 200
    bed.postbusd.stop()
    assert not os.path.exists(path)
    # What is no socket, or somebody else's, is not touched.
    with open(path, "w", encoding="ascii") as file:
        file.write("precious")
    bed.postbusd.start()
    assert state(bed) == "failed" and "in use" in bed.api.get("Statistics", "MetricsTrouble")
    assert open(path, encoding="ascii").read() == "precious"
    bed.send("bob@far.example", ["ann@local.example"], MESSAGE)
    set_address(bed, "")
    assert state(bed) == "off" and bed.api.get("Statistics", "MetricsTrouble") == ""


def test_address_changes_under_scrapes(bed):
    """Scrapes under way are cut off, no socket is left, and the last address answers."""
    bed.start()
    address = listen(bed)
    half = [connect(address) for _ in range(3)]
    for client in half:
        client.sendall(b"GET /metrics HTTP/1.1\r\nHo")
    path = os.path.join(bed.folder, "metrics")
    for _ in range(10):
        for each in ("", "unix:" + path, f"{address[0]}:{address[1]}"):
            set_address(bed, each)
            assert state(bed) == ("listening" if each else "off") and os.path.exists(path) == each.startswith("unix:")
    for client in half:
        try:
            assert client.recv(1) == b""
        except ConnectionResetError:
            pass
        client.close()
    assert ask(address)[0] == 200


def test_port_in_use(bed):
    bed.start()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = other.getsockname()
        set_address(bed, f"127.0.0.1:{address[1]}")
        assert state(bed) == "failed" and "in use" in bed.api.get("Statistics", "MetricsTrouble")
        wait_for(lambda: b"metrics-failed" in bed.postbusd.stderr(), "the line in the log")
        bed.send("bob@far.example", ["ann@local.example"], MESSAGE)
    # By itself, once it is free.
    wait_for(lambda: state(bed) == "listening", "another try")
    assert ask(address)[0] == 200


def test_bad_requests(bed):
    bed.start()
    address = listen(bed)
    for request, code in ((b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404), (b"POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405),
                          (b"nonsense\r\n", 400), (b"\0\0\n", 400), (b"GET /metrics HTTP/2.0\r\n\r\n", 505),
                          (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 1000, 431), (b"x" * 100000, 431),
                          (b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 1000, 200)):
        assert ask(address, request)[0] == code, request[:40]
    code, head, body = ask(address, b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert code == 200 and body == "" and "Content-Length: 0" not in head
    # In single octets.
    with connect(address) as client:
        for octet in b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n":
            client.sendall(bytes([octet]))
        assert client.recv(12) == b"HTTP/1.1 200"


def memory(bed):
    with open(f"/proc/{bed.postbusd.process.pid}/status", encoding="ascii") as file:
        [line] = [line for line in file if line.startswith("VmRSS:")]
    return int(line.split()[1])


def descriptors(bed):
    return len(os.listdir(f"/proc/{bed.postbusd.process.pid}/fd"))


def test_a_thousand_connections(bed):
    bed.start()
    address = listen(bed)
    assert ask(address)[0] == 200
    before, opened = memory(bed), descriptors(bed)
    held = []
    for _ in range(1000):
        client = socket.socket()
        client.settimeout(240)
        client.connect(address)
        held.append(client)
    # Slow, silent and never reading: sixteen are kept, for ten seconds; the others are closed at once.
    for client in held:
        try:
            client.sendall(b"GET /metrics HTTP/1.1\r\n")
        except OSError:
            pass
    def is_closed(client):
        client.setblocking(False)
        try:
            return client.recv(1) == b""
        except BlockingIOError:
            return False
        except OSError:
            return True

    def most_are_closed():
        assert descriptors(bed) <= opened + 20, descriptors(bed)
        return sum(map(is_closed, held)) >= 900
    wait_for(most_are_closed, "all but some to be closed")
    bed.send("bob@far.example", ["ann@local.example"], MESSAGE)
    assert memory(bed) < before + 20000, (before, memory(bed))

    def answers():
        try:
            return ask(address)[0] == 200
        except (OSError, ValueError):
            return False
    wait_for(answers, "an answer once the others are given up")
    for client in held:
        client.close()


def log_property(api, name, value=None):
    properties = "org.freedesktop.DBus.Properties"
    if value is not None:
        arguments = GLib.Variant("(ssv)", (LOG, name, GLib.Variant("s", value)))
    else:
        arguments = GLib.Variant("(ss)", (LOG, name))
    reply = api.connection.call_sync("org.postbus.Postbus1", "/org/freedesktop/LogControl1", properties,
                                     "Set" if value is not None else "Get", arguments, None, 0, 240000, None)
    return None if value is not None else reply.unpack()[0]


def test_log_control(bed):
    bed.start()
    assert log_property(bed.api, "LogLevel") == "info" and log_property(bed.api, "LogTarget") == "console"
    assert log_property(bed.api, "SyslogIdentifier") == "postbusd"
    log_property(bed.api, "LogLevel", "warning")
    assert log_property(bed.api, "LogLevel") == "warning"
    bed.send("bob@far.example", ["ann@local.example"], MESSAGE)
    bed.wait_mails(bed.ann, 1)
    assert b"accepted" not in bed.postbusd.stderr()
    log_property(bed.api, "LogLevel", "info")
    log_property(bed.api, "LogTarget", "null")
    assert log_property(bed.api, "LogTarget") == "null"
    bed.send("bob@far.example", ["ann@local.example"], MESSAGE)
    bed.wait_mails(bed.ann, 2)
    log_property(bed.api, "LogTarget", "auto")
    bed.send("bob@far.example", ["ann@local.example"], MESSAGE)
    bed.wait_mails(bed.ann, 3)
    wait_for(lambda: b"accepted" in bed.postbusd.stderr(), "the line of the third message")
    assert bed.postbusd.stderr().count(b"accepted queue-id=") == 1
    for target in ("journal", "console", "auto") * 20:
        log_property(bed.api, "LogTarget", target)
    for name, value in (("LogLevel", "loud"), ("LogLevel", ""), ("LogTarget", "syslog"), ("LogTarget", "")):
        try:
            log_property(bed.api, name, value)
            raise AssertionError(f"{name} {value} was let through")
        except GLib.Error as error:
            assert "InvalidValue" in error.message and "must be" in error.message, error


def test_log_control_by_busctl(bed):
    if shutil.which("busctl") is None:
        skip("there is no busctl")
    bed.start()
    base = ["busctl", "--address=" + bed.bus.address]
    where = ["org.postbus.Postbus1", "/org/freedesktop/LogControl1", LOG]
    subprocess.run([*base, "set-property", *where, "LogLevel", "s", "debug"], check=True, timeout=240)
    read = subprocess.run([*base, "get-property", *where, "LogLevel", "LogTarget", "SyslogIdentifier"], check=True,
                          timeout=240, capture_output=True, text=True)
    assert read.stdout.split() == ["s", '"debug"', "s", '"console"', "s", '"postbusd"'], read.stdout


def test_log_control_refuses_a_stranger(bed):
    stranger.need_root()
    bed.start()
    api = stranger.connect(bed)
    assert log_property(api, "LogLevel") == "info"
    try:
        log_property(api, "LogLevel", "emerg")
        raise AssertionError("a stranger changed what is logged")
    except GLib.Error as error:
        assert "NotAuthorized" in error.message, error
    assert log_property(bed.api, "LogLevel") == "info"

# SPDX-License-Identifier: GPL-3.0-or-later
"""What SPF, DKIM and DMARC of a 10 KiB message cost, and signing one; see README.md. Started by mailauth.sh."""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# A file beside this one is called as a module of Python's that dkim wants.
HERE = sys.path.pop(0)
import dkim  # noqa: E402  pylint: disable=wrong-import-position

sys.path[:0] = [HERE, os.path.join(HERE, "..", "integration")]

import stub_dns  # noqa: E402  pylint: disable=wrong-import-position
from measure import settle  # noqa: E402  pylint: disable=wrong-import-position
from procs import BenchError, Crew, free_port  # noqa: E402  pylint: disable=wrong-import-position
from servers import Postbus  # noqa: E402  pylint: disable=wrong-import-position

GOAL_MESSAGES = 2500   # a second, on one core
GOAL_HEADER_MS = 100   # 100,000 fields
DOMAIN = "bench.example"
SIZE = 10 * 1024


def options():
    parser = argparse.ArgumentParser(prog="mailauth.sh", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of each kind over SMTP")
    parser.add_argument("--messages", type=int, default=2000, help="a round")
    parser.add_argument("--no-smtp", action="store_true", help="in-process alone")
    parser.add_argument("--binary", required=True, help="the postbusd to measure")
    parser.add_argument("--bench", required=True, help="mailauth-bench")
    parser.add_argument("--work", default="/var/tmp", help="where the state lies")
    return parser.parse_args()


def signed_message(private):
    head = (f"From: A <a@{DOMAIN}>\r\nTo: ann@local.example\r\nSubject: a message\r\n"
            f"Date: Tue, 1 Jul 2025 10:00:00 +0000\r\nMessage-ID: <1@{DOMAIN}>\r\n\r\n").encode()
    line = b"Some words of a body, neither few nor many, that stand in a line.\r\n"
    text = head + line * ((SIZE - len(head) - 700) // len(line))
    return dkim.sign(text, b"s", DOMAIN.encode(), private, canonicalize=(b"relaxed", b"relaxed")) + text


def zone(public):
    """A server whose answers may be kept for an hour."""
    import dnslib  # pylint: disable=import-outside-toplevel
    server = stub_dns.StubDns(free_port())
    key = "v=DKIM1; k=rsa; p=" + "".join(public.decode().split("\n")[1:-2])
    for name, text in ((DOMAIN, "v=spf1 ip4:127.0.0.1 -all"), (f"_dmarc.{DOMAIN}", "v=DMARC1; p=reject"),
                       (f"s._domainkey.{DOMAIN}", key)):
        data = dnslib.TXT([text[at:at + 255] for at in range(0, len(text), 255)])
        server.records[name] = [("TXT", dnslib.RR(name, dnslib.QTYPE.TXT, rdata=data, ttl=3600))]
    return server.start()


def in_process(arguments, dns, file):
    said = subprocess.run([arguments.bench, f"127.0.0.1:{dns.address[1]}", DOMAIN, file],
                          stdout=subprocess.PIPE, text=True, check=True).stdout
    print(said, end="", flush=True)
    return {name: float(value) for name, value in (line.split() for line in said.splitlines())}


def send(server, file, messages):
    """Returns (messages a second until the last 250, milliseconds of CPU a message)."""
    before = server.cpu_ns()
    begin = time.monotonic()
    said = subprocess.run(["smtp-source", "-s", "10", "-d", "-m", str(messages), "-F", file, "-f", f"a@{DOMAIN}",
                           "-t", "ann@local.example", f"127.0.0.1:{server.port}"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    seconds = time.monotonic() - begin
    if said.returncode:
        raise BenchError(f"smtp-source: {said.stdout.decode(errors='replace').strip()}")
    return messages / seconds, (settle(server) - before) / messages / 1e6


def add_row(server, area, **columns):
    made = {name: server.glib.Variant(kind, value) for name, (kind, value) in columns.items()}
    server._call(f"org.postbus.Postbus1.{area}", "Add", server.glib.Variant("(a{sv})", (made,)))  # pylint: disable=protected-access


def call(server, method, signature, *values):
    return server._call("org.postbus.Postbus1.MailAuth", method, server.glib.Variant(signature, values))  # pylint: disable=protected-access


def rounds(arguments, server, file, what, switch):
    """Rounds without and with something, in turn: switch(on) sets it."""
    rates, costs = {False: [], True: []}, {False: [], True: []}
    for number in range(arguments.rounds + 1):
        for is_on in (False, True) if number % 2 else (True, False):
            switch(is_on)
            rate, cost = send(server, file, arguments.messages if number else 200)
            if number:
                rates[is_on].append(rate)
                costs[is_on].append(cost)
    for is_on, words in ((False, "without"), (True, "with")):
        print(f"smtp-{words}-{what}-messages-a-second {statistics.median(rates[is_on]):.0f}")
        print(f"smtp-{words}-{what}-cpu-ms-a-message {statistics.median(costs[is_on]):.3f}")
    ratio = statistics.median(a / b for a, b in zip(rates[True], rates[False]))
    print(f"smtp-with-to-without-{what} {ratio:.3f}", flush=True)


def start_server(arguments, work, crew, trusted):
    server = Postbus(crew, work, arguments.binary, trusted=trusted)
    server.start()
    add_row(server, "LocalDomains", Name=("s", "local.example"))
    add_row(server, "Accounts", Name=("s", "ann"), Addresses=("as", ["ann@local.example"]))
    return server


def checks_over_smtp(arguments, dns, file, work, crew):
    server = start_server(arguments, work, crew, False)
    server.set("Dns", "Servers", "as", [f"127.0.0.1:{dns.address[1]}"])

    def switch(is_on):
        for policy in ("SpfPolicy", "DkimPolicy", "DmarcPolicy"):
            server.set("MailAuth", policy, "s", "enforce" if is_on else "off")
    rounds(arguments, server, file, "checks", switch)
    server.stop()


def signing_over_smtp(arguments, file, work, crew):
    """By an RSA key and an Ed25519 key, each alone."""
    server = start_server(arguments, work, crew, True)
    add_row(server, "LocalDomains", Name=("s", DOMAIN))
    for algorithm in ("rsa", "ed25519"):
        [key] = call(server, "CreateKey", "(sss)", DOMAIN, "", algorithm)
        call(server, "ActivateKey", "(sb)", key, True)
        rounds(arguments, server, file, f"signing-{algorithm}", lambda is_on: server.set("MailAuth", "SignEnabled", "b", is_on))
        call(server, "RemoveKey", "(s)", key)
    server.stop()


def measure(arguments, work, crew):
    private = subprocess.run(["openssl", "genrsa", "2048"], capture_output=True, check=True).stdout
    public = subprocess.run(["openssl", "rsa", "-pubout"], input=private, capture_output=True, check=True).stdout
    message = signed_message(private)
    wire, lines = os.path.join(work, "wire"), os.path.join(work, "lines")
    for file, text in ((wire, message), (lines, message.replace(b"\r\n", b"\n"))):
        with open(file, "wb") as out:
            out.write(text)
    dns = zone(public)
    figures = in_process(arguments, dns, wire)
    if not arguments.no_smtp:
        for name in ("checks", "signing"):
            os.mkdir(os.path.join(work, name), 0o755)
        checks_over_smtp(arguments, dns, lines, os.path.join(work, "checks"), crew)
        signing_over_smtp(arguments, lines, os.path.join(work, "signing"), crew)
    missed = figures["messages-a-second"] < GOAL_MESSAGES or any(
        value > GOAL_HEADER_MS for name, value in figures.items() if name.startswith("header-"))
    if missed:
        print("a goal is missed")
    return 2 if missed else 0


def main():
    arguments = options()
    crew = Crew()
    work = tempfile.mkdtemp(prefix="postbus-mailauth.", dir=arguments.work)
    os.chmod(work, 0o755)
    try:
        return measure(arguments, work, crew)
    except BenchError as error:
        print(f"mailauth.sh: {error}", file=sys.stderr)
        return 1
    finally:
        crew.end_all()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())

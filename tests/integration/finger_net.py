# SPDX-License-Identifier: GPL-3.0-or-later
"""Run by test_dane.py in namespaces of its own, where port 53 and 25 and /etc/resolv.conf are nobody else's: asks
posttls-finger what it makes of each row. In: a folder, and lines of JSON (pair, offers, records); out: a line of JSON
each: whether it took the server for proven, and what it said."""
import json
import os
import subprocess
import sys

import dnslib

from login_relay import Relay
from stub_dns import StubDns


class Validated(StubDns):
    """Says what a resolver says that has validated it."""

    def _answer(self, packet):
        reply = dnslib.DNSRecord.parse(super()._answer(packet))
        reply.header.ad = 1
        return reply.pack()


def main(folder):
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    resolv = os.path.join(folder, "resolv.conf")
    with open(resolv, "w", encoding="ascii") as file:
        file.write("nameserver 127.0.0.1\noptions trust-ad\n")
    subprocess.run(["mount", "--bind", resolv, "/etc/resolv.conf"], check=True)
    dns = Validated(53).start()
    for line in sys.stdin:
        row = json.loads(line)
        dns.records.clear()
        dns.add("signed.example", "MX", (10, "mx1.signed.example"))
        dns.add("mx1.signed.example", "A", "127.0.0.2")
        for record in row["records"]:
            usage, selector, matching, data = record.split()
            dns.records.setdefault("_25._tcp.mx1.signed.example", []).append(("TLSA", dnslib.RR(
                "_25._tcp.mx1.signed.example", 52, ttl=1,
                rdata=dnslib.RD(bytes([int(usage), int(selector), int(matching)]) + bytes.fromhex(data)))))
        relay = Relay(25, row["pair"], host="127.0.0.2")
        relay.offers = [each.encode() for each in row["offers"]]
        done = subprocess.run(["/usr/sbin/posttls-finger", "-c", "-L", "summary", "-l", "dane", "-o",
                               "inet_protocols=ipv4", "signed.example"], capture_output=True, check=False)
        relay.stop()
        print(json.dumps({"verified": b"Verified TLS" in done.stdout + done.stderr,
                          "said": (done.stdout + done.stderr).decode()}), flush=True)


main(sys.argv[1])

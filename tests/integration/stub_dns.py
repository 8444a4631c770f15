# SPDX-License-Identifier: GPL-3.0-or-later
"""A DNS server for the tests: a small zone in a dict, trouble on demand, all queries kept."""
import socket
import struct
import threading
import time

import dnslib

SERVFAIL = "SERVFAIL"
SILENCE = "SILENCE"
TYPES = {"A": dnslib.A, "AAAA": dnslib.AAAA, "TXT": dnslib.TXT, "PTR": dnslib.PTR, "CNAME": dnslib.CNAME}


class StubDns:
    """Names it does not know are NXDOMAIN, names without the asked type have no data."""

    def __init__(self, port, host="127.0.0.1"):
        self.address = (host, port)
        self.records = {}
        self.trouble = {}  # name, or (name, kind) -> what comes instead
        self.everything = None
        self.upstream = {}  # zone -> port of the server on 127.0.0.1 that knows it, and signs it
        self.strip = False  # as many routers do: no signatures are asked for, so none come
        self.strip_denials = False  # as some caches do: nothing comes with what says that there is nothing
        self.forgeries = {}  # (name, kind) -> (octets, others in their place)
        self.queries = []
        self.changed = threading.Condition()
        self.udp = self.tcp = None

    def start(self):
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(self.address)
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.tcp.bind(self.address)
        self.tcp.listen(16)
        threading.Thread(target=self._serve_udp, daemon=True).start()
        threading.Thread(target=self._serve_tcp, daemon=True).start()
        return self

    def stop(self):
        self.udp.close()
        self.tcp.close()

    def add(self, name, kind, value):
        """add("a.example", "MX", (10, "mx.a.example")), ("x.example", "A", "127.0.0.2")."""
        data = dnslib.MX(value[1], value[0]) if kind == "MX" else TYPES[kind](value)
        record = dnslib.RR(name, getattr(dnslib.QTYPE, kind), rdata=data, ttl=1)
        with self.changed:
            self.records.setdefault(name.lower(), []).append((kind, record))

    def wait_query(self, name, seconds=240):
        """Waits until someone asked for the name."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while not any(query[0] == name for query in self.queries):
                left = deadline - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError(f"nobody asked for {name} in {seconds} s; asked: {self.queries}")

    def _answer(self, packet):
        request = dnslib.DNSRecord.parse(packet)
        name = str(request.q.qname).rstrip(".").lower()
        kind = dnslib.QTYPE[request.q.qtype]
        with self.changed:
            self.queries.append((name, kind))
            self.changed.notify_all()
            trouble = self.everything or self.trouble.get(name) or self.trouble.get((name, kind))
            known = self.records.get(name, [])
            parent = any(other.endswith("." + name) for other in self.records) or name == ""
        if trouble == SILENCE:
            return None
        port = next((port for zone, port in self.upstream.items() if ("." + name).endswith("." + zone)), None)
        # What it knows itself is said as a router says it of its own network, whatever is signed above.
        if port is not None and trouble is None and not known:
            return self._pass_on(packet, request, name, kind, port)
        reply = request.reply(ra=1, aa=1)
        if trouble == SERVFAIL:
            reply.header.rcode = dnslib.RCODE.SERVFAIL
            return reply.pack()
        for record_kind, record in known:
            if record_kind in (kind, "CNAME"):
                reply.add_answer(record)
        if not known and not parent:
            reply.header.rcode = dnslib.RCODE.NXDOMAIN
        if not reply.rr:
            zone = name.rsplit(".", 1)[-1] or "."
            reply.add_auth(dnslib.RR(zone, dnslib.QTYPE.SOA, ttl=1, rdata=dnslib.SOA(
                ("ns." + zone).rstrip("."), ("hostmaster." + zone).rstrip("."), (1, 60, 60, 60, 1))))
        return reply.pack()

    def _pass_on(self, packet, request, name, kind, port):
        """What the server of the zone says, with or without its signatures, or what somebody on the line makes of it."""
        if self.strip:
            packet = dnslib.DNSRecord(dnslib.DNSHeader(id=request.header.id, rd=1), q=request.q).pack()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(5)
            asking.sendto(packet, ("127.0.0.1", port))
            answer = asking.recv(65535)
        reply = dnslib.DNSRecord.parse(answer)
        if self.strip_denials and not reply.rr:
            reply.auth = [record for record in reply.auth if record.rtype == dnslib.QTYPE.SOA]
            return reply.pack()
        true, forged = self.forgeries.get((name, kind), (b"", b""))
        return answer.replace(true, forged) if true else answer

    def _serve_udp(self):
        while True:
            try:
                packet, peer = self.udp.recvfrom(4096)
                answer = self._answer(packet)
                if answer:
                    self.udp.sendto(answer, peer)
            except OSError:
                return

    def _serve_tcp(self):
        while True:
            try:
                client, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_client, args=(client,), daemon=True).start()

    def _serve_client(self, client):
        with client, client.makefile("rwb") as stream:
            while len(head := stream.read(2)) == 2:
                answer = self._answer(stream.read(struct.unpack("!H", head)[0]))
                if answer is None:
                    return
                stream.write(struct.pack("!H", len(answer)) + answer)
                stream.flush()

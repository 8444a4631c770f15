# SPDX-License-Identifier: GPL-3.0-or-later
"""A domain that publishes an MTA-STS policy: its record in the stub DNS, its web server with HTTPS, its mail exchangers."""
import socket
import ssl
import threading

import dnslib
from certificates import Authority
from login_relay import Relay

WEB, DOMAIN = "127.0.0.5", "dest.example"


def policy(mode="enforce", mx=("mx1.dest.example",), max_age=604800, more=""):
    lines = ["version: STSv1", "mode: " + mode, *("mx: " + each for each in mx), f"max_age: {max_age}"]
    return "\r\n".join(lines) + "\r\n" + more


class WebServer:
    """Answers every request with `answer`, octets, or waits for `hold` first. `requests` has what was asked, `hosts` by which names."""

    def __init__(self, port, pair):
        self.port = port
        self.answer = b""
        self.hold = None
        self.requests, self.hosts = [], []
        self.changed = threading.Condition()
        self.use(pair)
        self.listener = None
        self.start()

    def use(self, pair):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        context.sni_callback = lambda sock, name, given: self.hosts.append(name)
        self.context = context

    def serve(self, body, status="200 OK", kind="text/plain", fields=()):
        """`body` from now on."""
        octets = body.encode() if isinstance(body, str) else body
        lines = ["HTTP/1.1 " + status, f"Content-Length: {len(octets)}", *fields]
        if kind:
            lines.append("Content-Type: " + kind)
        self.answer = "\r\n".join(lines).encode() + b"\r\n\r\n" + octets

    def start(self):
        self.listener = socket.create_server((WEB, self.port))
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def stop(self):
        if self.listener is not None:
            self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.listener = None

    def accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(sock,), daemon=True).start()

    def talk(self, sock):
        try:
            with self.context.wrap_socket(sock, server_side=True) as stream:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    chunk = stream.recv(4096)
                    if not chunk:
                        return
                    asked += chunk
                with self.changed:
                    self.requests.append(asked)
                    self.changed.notify_all()
                if self.hold is not None:
                    self.hold.wait()
                stream.sendall(self.answer)
                stream.unwrap()
        except OSError:
            pass
        finally:
            sock.close()

    def wait(self, count, seconds=240):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.requests) >= count, seconds), f"{len(self.requests)} requests, not {count}"


class Domain:
    """dest.example with mx1 (and mx2, where asked for), before the daemon is started."""

    def __init__(self, bed, n_mx=1, authority=True):
        self.bed = bed
        self.authority = Authority(bed.folder)
        self.web_port = bed.ports.take((WEB,))
        self.web = WebServer(self.web_port, self.authority.issue("web", ["mta-sts." + DOMAIN]))
        bed.on_close(self.web.stop)
        self.web.serve(policy())
        bed.dns.add("mta-sts." + DOMAIN, "A", WEB)
        self.record("1")
        self.mx = [self.exchanger(number) for number in range(1, n_mx + 1)]
        arguments, environment = bed.postbusd.arguments, bed.postbusd.environment
        bed.postbusd.arguments = lambda: [*arguments(), f"--mta-sts-port={self.web_port}"]
        if authority:
            bed.postbusd.environment = lambda: {**environment(), "SSL_CERT_FILE": self.authority.path}

    def exchanger(self, number, pair=None):
        name = f"mx{number}.{DOMAIN}"
        relay = Relay(self.bed.mx_port, pair or self.authority.issue(f"mx{number}", [name]), host=f"127.0.0.{number + 1}")
        relay.offers = [b"STARTTLS"]
        self.bed.on_close(relay.stop)
        self.bed.dns.add(DOMAIN, "MX", (10 * number, name))
        self.bed.dns.add(name, "A", relay.host)
        return relay

    def show(self, number, pair):
        """Another certificate at an exchanger."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        self.mx[number - 1].context = context

    def record(self, *ids, texts=None):
        """The TXT records at _mta-sts, in place of those before."""
        name = "_mta-sts." + DOMAIN
        texts = [f"v=STSv1; id={each};" for each in ids] if texts is None else texts
        with self.bed.dns.changed:
            self.bed.dns.records[name] = [("TXT", dnslib.RR(name, dnslib.QTYPE.TXT, rdata=dnslib.TXT(text), ttl=1)) for text in texts]

    @staticmethod
    def stranger(bed):
        """An authority that the daemon does not know."""
        return Authority(bed.folder, "stranger")

    def known(self):
        """The bus's rows, by domain."""
        _, rows = self.bed.api.call("MtaSts", "List", "(a{sv}uu)", {}, 0, 500)
        return {row["Domain"]: row for row in rows}

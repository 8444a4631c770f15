# SPDX-License-Identifier: GPL-3.0-or-later
"""A relay host for the tests: an SMTP server that wants TLS and a login, and keeps what it was told: the logins, the messages,
and every octet, of each connection, in the clear and under TLS."""
import base64
import ssl
import socket
import threading
import time


class Relay:
    """On one loopback address. `pair` is the paths of (chain, key); `passwords` name -> octets; offers and answers are changed at will."""

    def __init__(self, port, pair, host="127.0.0.1", implicit=False, passwords=None):
        self.port = port
        self.host = host
        self.implicit = implicit
        self.passwords = passwords or {}
        self.offers = [b"STARTTLS", b"AUTH PLAIN LOGIN"]
        self.answers = {}  # verb -> reply in place of the usual one; None: no answer at all
        self.logins, self.messages, self.octets = [], [], []
        self.recipients = []  # (the RCPT line, whether under TLS)
        self.open = 0  # connections
        self.changed = threading.Condition()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*pair)
        self.listener = socket.create_server((host, port))
        self.running = True
        threading.Thread(target=self.accept, daemon=True).start()

    def stop(self):
        self.running = False
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        while self.running:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        with self.changed:
            self.open += 1
        try:
            Session(self, sock).run()
        except (OSError, EOFError):
            pass
        finally:
            sock.close()
            with self.changed:
                self.open -= 1

    def note(self, what, value):
        with self.changed:
            what.append(value)
            self.changed.notify_all()

    def wait(self, what, count=1, seconds=240):
        """Until so many are in self.logins or self.messages; returns them."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while len(what) < count:
                if not self.changed.wait(max(0, deadline - time.monotonic())):
                    raise AssertionError(f"waited {seconds} s in vain for {count} of {what!r}")
            return list(what)

    def heard(self):
        with self.changed:
            return b"".join(self.octets)


class Session:
    def __init__(self, relay, sock):
        self.relay = relay
        self.sock = sock
        self.secure = False
        self.buffer = b""
        self.user = None
        if relay.implicit:
            self.secure_now()

    def secure_now(self):
        self.sock = self.relay.context.wrap_socket(self.sock, server_side=True)
        self.secure = True

    def read_line(self):
        while b"\r\n" not in self.buffer:
            chunk = self.sock.recv(65536)
            if not chunk:
                raise EOFError
            self.relay.note(self.relay.octets, chunk)
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def say(self, *lines):
        for at, line in enumerate(lines):
            if at + 1 < len(lines):
                line = line[:3] + b"-" + line[4:]
            self.sock.sendall(line + b"\r\n")

    def run(self):
        if self.relay.answers.get(b"CONNECT", b"") is None:
            self.read_line()
        self.say(self.relay.answers.get(b"CONNECT", b"220 relay.example ESMTP"))
        while True:
            line = self.read_line()
            verb = line.split(b" ")[0].upper()
            if verb in self.relay.answers:
                if self.relay.answers[verb] is not None:
                    self.say(self.relay.answers[verb])
                continue
            if verb == b"EHLO":
                offers = [each for each in self.relay.offers if not (self.secure and each == b"STARTTLS")]
                self.say(*[b"250 " + each for each in [b"relay.example", *offers]])
            elif verb == b"STARTTLS":
                self.say(b"220 go on")
                self.secure_now()
            elif verb == b"AUTH":
                self.log_in(line)
            elif verb == b"DATA":
                self.take_message()
            elif verb == b"QUIT":
                self.say(b"221 bye")
                return
            elif verb == b"MAIL" and self.relay.passwords and self.user is None:
                self.say(b"530 5.7.0 log in first")
            else:
                if verb == b"RCPT":
                    self.relay.note(self.relay.recipients, (line, self.secure))
                self.say(b"250 2.0.0 Ok")

    def ask(self, prompt):
        self.say(b"334 " + base64.b64encode(prompt))
        return base64.b64decode(self.read_line())

    def log_in(self, line):
        words = line.split(b" ")
        if words[1].upper() == b"PLAIN":
            given = base64.b64decode(words[2]) if len(words) > 2 else self.ask(b"")
            _, user, password = given.split(b"\0")
        else:
            user, password = self.ask(b"Username:"), self.ask(b"Password:")
        right = self.relay.passwords.get(user.decode()) == password
        self.user = user if right else None
        self.relay.note(self.relay.logins, (user, password, right))
        self.say(b"235 2.7.0 welcome" if right else b"535 5.7.8 Authentication credentials invalid")

    def take_message(self):
        self.say(b"354 go on")
        lines = []
        while (line := self.read_line()) != b".":
            lines.append(line)
        self.relay.note(self.relay.messages, b"\r\n".join(lines) + b"\r\n")
        self.say(b"250 2.0.0 taken")

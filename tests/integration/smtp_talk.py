# SPDX-License-Identifier: GPL-3.0-or-later
"""An SMTP client for the tests that sends exactly the octets it is given."""
import socket
import time


class Talk:
    """One connection. Replies are (code, text): text has the lines without code and separator."""

    def __init__(self, port, source="127.0.0.1", host="127.0.0.1", seconds=240, greet=True):
        self.seconds = seconds
        self.sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.sock.settimeout(seconds)
        if source != host:
            self.sock.bind((source, 0))
        self.sock.connect(socket.getaddrinfo(host, port, self.sock.family)[0][4])  # which knows of scopes: fe80::1%eth0
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.greeting = self.reply() if greet else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, octets):
        self.sock.sendall(octets)

    def _line(self):
        deadline = time.monotonic() + self.seconds
        while b"\r\n" not in self.buffer:
            if time.monotonic() > deadline:
                raise AssertionError(f"no whole reply line in {self.seconds} s: {self.buffer!r}")
            chunk = self.sock.recv(65536)
            if not chunk:
                raise EOFError(f"closed by the server; left over: {self.buffer!r}")
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def reply(self):
        lines = []
        while True:
            line = self._line()
            assert len(line) >= 3 and line[:3].isdigit(), f"no reply line: {line!r}"
            lines.append(line[4:].decode("utf-8"))
            if line[3:4] != b"-":
                return int(line[:3]), "\n".join(lines)

    def command(self, line):
        """Sends one line (str or bytes) and returns its reply."""
        self.send((line.encode("utf-8") if isinstance(line, str) else line) + b"\r\n")
        return self.reply()

    def expect(self, line, code, *words):
        """As command, but the code must be this and the text must hold the words."""
        got, text = self.command(line)
        assert got == code and all(word in text for word in words), \
            f"{line!r}: wanted {code} {words}, got {got} {text}"
        return text

    def ehlo(self, name="client.example"):
        return self.expect(f"EHLO {name}", 250).split("\n")[1:]

    def at_end(self, seconds=240):
        """Reads until the server closes and returns what still came; fails if it does not close."""
        self.sock.settimeout(seconds)
        rest, self.buffer = self.buffer, b""
        try:
            while chunk := self.sock.recv(65536):
                rest += chunk
        except ConnectionResetError:
            pass
        return rest

    def envelope(self, sender, recipients, parameters=""):
        """MAIL and RCPTs, each of which must be taken."""
        self.expect(f"MAIL FROM:<{sender}>{parameters}", 250)
        for recipient in recipients:
            self.expect(f"RCPT TO:<{recipient}>", 250)

    def data(self, message):
        """DATA with the message dot-stuffed; returns the reply to its end."""
        self.expect("DATA", 354)
        self.send(stuff(message) + b".\r\n")
        return self.reply()

    def mail(self, sender, recipients, message):
        """One whole message; returns the text of the 250, in which the queue id stands."""
        self.envelope(sender, recipients)
        code, text = self.data(message)
        assert code == 250, f"the message was not taken: {code} {text}"
        return text


def stuff(message):
    """Dot-stuffs a message with CRLF lines and ends its last line."""
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    if stuffed.startswith(b"."):
        stuffed = b"." + stuffed
    return stuffed if stuffed.endswith(b"\r\n") or not stuffed else stuffed + b"\r\n"


def send_mail(port, sender, recipients, message, source="127.0.0.1", host="127.0.0.1"):
    """A session of its own for one message; returns the text of the 250."""
    with Talk(port, source, host) as talk:
        talk.ehlo()
        text = talk.mail(sender, recipients, message)
        talk.expect("QUIT", 221)
    return text

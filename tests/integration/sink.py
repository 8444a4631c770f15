# SPDX-License-Identifier: GPL-3.0-or-later
"""An SMTP server for the tests that keeps every octet it was sent.

It listens on several loopback addresses at one port, answers by rules and records each message
with the raw octets of its DATA. It is strict: only CRLF.CRLF ends DATA for it, so what it
recorded is what a strict server would have understood.
"""
import re
import socket
import threading
import time

PATIENCE = 240  # seconds
HANG = object()
CLOSE = object()

EHLO = [b"PIPELINING", b"8BITMIME", b"SMTPUTF8", b"ENHANCEDSTATUSCODES", b"SIZE 104857600"]
DEFAULTS = {
    b"CONNECT": b"220 sink.example ESMTP",
    b"HELO": b"250 sink.example",
    b"MAIL": b"250 2.1.0 Ok",
    b"RCPT": b"250 2.1.5 Ok",
    b"DATA": b"354 Go on",
    b".": b"250 2.0.0 Taken",
    b"RSET": b"250 2.0.0 Ok",
    b"NOOP": b"250 2.0.0 Ok",
    b"QUIT": b"221 2.0.0 Bye",
}


def unstuff(raw):
    """The message inside the raw octets of a DATA: without the end and the doubled dots."""
    body = raw[:-3]
    if body.startswith(b"."):
        body = body[1:]
    return body.replace(b"\r\n.", b"\r\n")


class Message:
    """One message that the sink took: sender and recipients as bytes, raw and body as bytes."""

    def __init__(self, host, connection, sender, mail_line, recipients, raw):
        self.host = host
        self.connection = connection
        self.sender = sender
        self.mail_line = mail_line
        self.recipients = recipients
        self.raw = raw
        self.body = unstuff(raw)


class Connection:
    """One client's connection: all octets it sent, and the commands among them."""

    def __init__(self, host, number, sock):
        self.host = host
        self.number = number
        self.sock = sock
        self.rules = None  # those of the transaction under way
        self.received = b""
        self.commands = []
        self.buffer = b""

    def read_more(self):
        chunk = self.sock.recv(65536)
        self.received += chunk
        self.buffer += chunk
        return bool(chunk)

    def take(self, length):
        taken, self.buffer = self.buffer[:length], self.buffer[length:]
        return taken

    def read_line(self):
        """The next command line without CRLF; None at the end."""
        while b"\r\n" not in self.buffer:
            if not self.read_more():
                return None
        line = self.take(self.buffer.index(b"\r\n") + 2)[:-2]
        self.commands.append(line)
        return line

    def read_data(self):
        """The raw octets of a DATA with its end; None if the client went away before it."""
        scanned = 0
        while True:
            if self.buffer.startswith(b".\r\n"):
                return self.take(3)
            end = self.buffer.find(b"\r\n.\r\n", max(0, scanned - 5))
            if end >= 0:
                return self.take(end + 5)
            scanned = len(self.buffer)
            if not self.read_more():
                return None


class Sink:
    """Rules are (verb, pattern, reply); the first that matches the command line answers. clear_rules() counts from the
    next MAIL on: a transaction is not answered half by the rules that were.

    Verbs are those of SMTP, `CONNECT` for the greeting and `.` for the end of data (whose line is
    the last accepted recipient's). A reply is bytes without CRLF, CLOSE, HANG, or a
    threading.Event: then the usual reply is given once that is set.
    """

    def __init__(self, port, hosts=("127.0.0.1",), extensions=None):
        self.port = port
        self.hosts = hosts
        self.extensions = EHLO if extensions is None else extensions
        self.rules = []
        self.messages = []
        self.connections = []
        self.open = self.most_open = 0
        self.changed = threading.Condition()
        self.listeners = []
        self.running = False

    def start(self):
        self.running = True
        for host in self.hosts:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((host, self.port))
            listener.listen(128)
            self.listeners.append(listener)
            threading.Thread(target=self._accept, args=(listener, host), daemon=True).start()
        return self

    def stop(self):
        """Closes everything; start() opens the same port again."""
        self.running = False
        with self.changed:
            listeners, self.listeners = self.listeners, []
        for listener in listeners:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self.changed:
            for connection in self.connections:
                try:
                    connection.sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def rule(self, verb, reply, pattern=rb".*", times=None):
        """Adds a rule in front of the others; it holds for `times` uses, or for good."""
        with self.changed:
            self.rules.insert(0, [verb.encode(), re.compile(pattern, re.IGNORECASE), reply, times])

    def clear_rules(self):
        with self.changed:
            self.rules = []

    def wait_for(self, predicate, what, seconds=PATIENCE):
        """Waits until predicate(self) holds; it is asked again at every event."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while not predicate(self):
                left = deadline - time.monotonic()
                if left <= 0 or not self.changed.wait(left):
                    raise AssertionError(f"the sink waited {seconds} s in vain for {what}; "
                                         f"it has {len(self.messages)} messages")

    def wait_messages(self, count, seconds=PATIENCE):
        """Waits for that many messages and returns them."""
        self.wait_for(lambda sink: len(sink.messages) >= count, f"{count} messages", seconds)
        return list(self.messages)

    def wait_commands(self, verb, count=1, seconds=PATIENCE):
        """Waits until that many commands of the verb came in."""
        self.wait_for(lambda sink: sink.count(verb) >= count, f"{count} times {verb}", seconds)

    def count(self, verb):
        """How many commands of the verb came in so far; CONNECT counts the connections."""
        if verb == "CONNECT":
            return len(self.connections)
        word = verb.encode()
        return sum(1 for connection in self.connections for line in connection.commands
                   if line.split(b" ")[0].upper() == word)

    def _accept(self, listener, host):
        while self.running:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            with self.changed:
                if listener not in self.listeners:  # it was stopped meanwhile
                    sock.close()
                    return
                connection = Connection(host, len(self.connections), sock)
                self.connections.append(connection)
                self.changed.notify_all()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with self.changed:
            self.open += 1
            self.most_open = max(self.most_open, self.open)
            self.changed.notify_all()
        try:
            self._talk(connection)
        except OSError:
            pass
        finally:
            with self.changed:
                self.open -= 1
                self.changed.notify_all()
            connection.sock.close()

    def _reply(self, connection, verb, line, message=None):
        """Answers by the first fitting rule; returns the reply's first digit, or None to stop. A message that it takes is
        kept before the client can know, and told of when the client can."""
        reply = DEFAULTS.get(verb, b"500 5.5.1 Unknown")
        with self.changed:
            if verb == b"MAIL":
                connection.rules = self.rules
            for rule in self.rules if connection.rules is None else connection.rules:
                if rule[0] == verb and rule[3] != 0 and rule[1].search(line):
                    reply = rule[2]
                    if rule[3] is not None:
                        rule[3] -= 1
                    break
        if isinstance(reply, threading.Event):
            reply.wait()
            reply = DEFAULTS[verb]
        if reply is HANG:
            while connection.read_more():
                pass
            return None
        if reply is CLOSE:
            return None
        if verb == b"EHLO" and reply == DEFAULTS.get(verb, b"500 5.5.1 Unknown"):
            lines = [b"sink.example"] + self.extensions
            reply = b"\r\n".join(b"250" + (b" " if n == len(lines) - 1 else b"-") + text
                                 for n, text in enumerate(lines))
        if verb in (b".", b"RSET", b"EHLO", b"HELO", b"QUIT"):
            connection.rules = None
        if message is not None and reply.startswith(b"2"):
            with self.changed:
                self.messages.append(message)
                connection.sock.sendall(reply + b"\r\n")
                self.changed.notify_all()
        else:
            connection.sock.sendall(reply + b"\r\n")
        return reply[:1]

    def _talk(self, connection):
        if self._reply(connection, b"CONNECT", b"") is None:
            return
        sender, mail_line, recipients = None, b"", []
        while True:
            line = connection.read_line()
            if line is None:
                return
            verb = line.split(b" ")[0].upper()
            with self.changed:
                self.changed.notify_all()
            if verb == b"DATA" and not recipients:
                connection.sock.sendall(b"554 5.5.1 No recipients\r\n")
                continue
            digit = self._reply(connection, verb, line)
            if digit is None or verb == b"QUIT":
                return
            if verb == b"MAIL" and digit == b"2":
                sender, mail_line, recipients = line[line.index(b"<") + 1:line.rindex(b">")], line, []
            elif verb == b"RCPT" and digit == b"2":
                recipients.append(line[line.index(b"<") + 1:line.rindex(b">")])
            elif verb in (b"RSET", b"EHLO", b"HELO"):
                sender, recipients = None, []
            elif verb == b"DATA" and digit == b"3":
                raw = connection.read_data()
                if raw is None:
                    return
                message = Message(connection.host, connection, sender, mail_line, recipients, raw)
                if self._reply(connection, b".", recipients[-1], message) is None:
                    return
                sender, recipients = None, []

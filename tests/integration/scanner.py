# SPDX-License-Identifier: GPL-3.0-or-later
"""Scanners to test with: a real clamd that knows one signature, and one that misbehaves as told."""
import base64
import io
import os
import pathlib
import shutil
import socket
import subprocess
import tempfile
import threading
import zipfile

from harness import skip, wait_for

# The harmless file that every scanner knows; in two parts, so that none takes offence at this one.
EICAR = b"X5O!P%@AP[4\\PZX54(P^)7CC)7}$" + b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
NAME = "Eicar-Test.UNOFFICIAL"
HEAD = (b"From: a@b.example\r\nSubject: s\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: application/octet-stream; name=x\r\nContent-Transfer-Encoding: ")


def encoded(octets):
    return HEAD + b"base64\r\n\r\n" + base64.encodebytes(octets).replace(b"\n", b"\r\n")


def zipped(octets):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.com", octets)
    return packed.getvalue()


CLEAN = HEAD + b"7bit\r\n\r\nnothing\r\n"
PLAIN = HEAD + b"7bit\r\n\r\n" + EICAR + b"\r\n"
INFECTED = {"plain": PLAIN, "base64": encoded(EICAR), "zip": encoded(zipped(EICAR))}


def large(octets, infected):
    """A message of some @octets, the EICAR string, if any, at its end."""
    lines = b"%s\r\n" % (b"x" * 76) * (octets // 78)
    return HEAD + b"7bit\r\n\r\n" + lines + (EICAR if infected else b"") + b"\r\n"


class Clamd:
    """A real clamd on a unix socket and a port of 127.0.0.1."""

    def __init__(self, bed, options=""):
        program = shutil.which("clamd", path=os.environ["PATH"] + ":/usr/sbin")
        if program is None:
            skip("clamd is not installed")
        # Not in the bed's folder: the path of a unix socket is short.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="clamd-"))
        self.log = self.folder / "log"
        self.port = bed.ports.take()
        (self.folder / "db").mkdir()
        (self.folder / "db/test.ndb").write_text(f"Eicar-Test:0:*:{EICAR.hex()}\n")
        config = self.folder / "clamd.conf"
        config.write_text(f"DatabaseDirectory {self.folder}/db\nLocalSocket {self.folder}/clamd.sock\nForeground yes\n"
                          f"TCPSocket {self.port}\nTCPAddr 127.0.0.1\nLogFile {self.log}\nFixStaleSocket yes\n{options}")
        config.chmod(0o644)
        self.command = [program, "--config-file", str(config)]
        self.process = None
        bed.on_close(self.close)
        self.start()

    @property
    def unix(self):
        return f"unix:{self.folder}/clamd.sock"

    @property
    def tcp(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        self.log.unlink(missing_ok=True)
        # The output is its own file: a pipe that nobody reads would fill up.
        with open(self.folder / "output", "wb") as output:
            self.process = subprocess.Popen(self.command, stdout=output, stderr=subprocess.STDOUT)
        wait_for(lambda: self.log.exists() and "Self checking" in self.log.read_text(encoding="utf-8"), "clamd to start")

    def stop(self):
        self.process.terminate()
        self.process.wait(240)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Odd:
    """What looks like clamd and is not well: reads a whole request, says @answer (octets, or what makes them of the request;
    nothing: None), then closes, or waits for the other to."""

    def __init__(self, bed, answer, stay=False):
        self.answer = answer
        self.stay = stay
        self.asked = []
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.lock = threading.Lock()
        self.open = []
        threading.Thread(target=self.serve, daemon=True).start()
        bed.on_close(self.close)

    @property
    def address(self):
        return f"127.0.0.1:{self.socket.getsockname()[1]}"

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with self.lock:
                self.open.append(peer)
            threading.Thread(target=self.answer_one, args=(peer,), daemon=True).start()

    @staticmethod
    def read_request(stream):
        """A command with its NUL, and of a stream what is in its chunks."""
        got = b""
        while not got.endswith(b"\0"):
            octet = stream.read(1)
            if not octet:
                return got
            got += octet
        while got.startswith(b"zINSTREAM\0"):
            length = int.from_bytes(stream.read(4), "big")
            if length == 0:
                break
            got += stream.read(length)
        return got

    def answer_one(self, peer):
        try:
            got = self.read_request(peer.makefile("rb"))
            self.asked.append(got)
            answer = self.answer(got) if callable(self.answer) else self.answer
            if answer:
                peer.sendall(answer)
            while self.stay and peer.recv(65536):
                pass
        except OSError:
            pass
        finally:
            peer.close()

    def close(self):
        self.socket.close()
        with self.lock:
            for peer in self.open:
                try:
                    peer.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

# SPDX-License-Identifier: GPL-3.0-or-later
"""A signed DNS zone for the tests: a real knotd that signs it, behind the stub, and its key as a trust anchor."""
import hashlib
import os
import shutil
import ssl
import subprocess

import dnslib

from harness import skip, wait_for

CONFIG = """
server:
    rundir: "{folder}"
    listen: 127.0.0.1@{port}
database:
    storage: "{folder}"
log:
  - target: stderr
    any: warning
policy:
  - id: test
    algorithm: ECDSAP256SHA256
    single-type-signing: on
zone:
  - domain: {zone}
    storage: "{folder}"
    file: "zone"
    dnssec-signing: on
    dnssec-policy: test
    zonefile-load: whole
    zonefile-sync: -1
    journal-content: none
"""


class SignedZone:
    """The lines of the zone are its own to change; load() has them served. postbusd, started later, trusts its key."""

    def __init__(self, bed, zone="signed.example"):
        if not shutil.which("knotd", path="/usr/sbin:/usr/bin"):
            skip("there is no knotd")
        self.zone = zone
        self.folder = os.path.join(bed.folder, "knot")
        os.mkdir(self.folder)
        self.port = bed.ports.take()
        self.serial = 0
        self.lines = []
        self.config = os.path.join(self.folder, "knot.conf")
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(folder=self.folder, port=self.port, zone=zone))
        self.write()
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(["/usr/sbin/knotd", "-c", self.config], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        bed.on_close(self.stop)
        wait_for(lambda: self.answers_serial(), "knotd to serve the zone")
        self.anchor = os.path.join(self.folder, "anchor")
        with open(self.anchor, "wb") as file:
            subprocess.run(["/usr/sbin/keymgr", "-c", self.config, zone, "dnskey"], stdout=file, check=True)
        bed.dns.upstream[zone] = self.port
        arguments = bed.postbusd.arguments
        bed.postbusd.arguments = lambda: [*arguments(), "--dns-trust-anchor=" + self.anchor]

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def answers_serial(self):
        try:
            reply = dnslib.DNSRecord.parse(dnslib.DNSRecord.question(self.zone, "SOA").send(
                "127.0.0.1", self.port, timeout=2))
        except OSError:
            return False
        # Signing counts too.
        return any(rr.rtype == dnslib.QTYPE.SOA and rr.rdata.times[0] >= self.serial for rr in reply.rr)

    def write(self):
        self.serial += 100
        with open(os.path.join(self.folder, "zone"), "w", encoding="utf-8") as file:
            file.write("\n".join([f"$ORIGIN {self.zone}.", "$TTL 1",
                                  f"@ SOA ns hostmaster {self.serial} 3600 600 86400 1",
                                  "@ NS ns", "ns A 127.0.0.1", *self.lines, ""]))

    def load(self, *lines):
        """Serves these records, and waits until it does."""
        self.lines = list(lines)
        self.write()
        subprocess.run(["/usr/sbin/knotc", "-c", self.config, "zone-reload", self.zone], check=True,
                       stdout=subprocess.DEVNULL)
        wait_for(self.answers_serial, "the new records")


def digest(certificate, selector=1, matching=1):
    """The data of a TLSA record for the certificate in a PEM file, in hexadecimal."""
    with open(certificate, encoding="ascii") as file:
        data = ssl.PEM_cert_to_DER_cert(file.read().strip())
    if selector == 1:
        key = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], check=True,
                             capture_output=True).stdout
        data = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key, check=True,
                              capture_output=True).stdout
    if matching:
        data = (hashlib.sha256 if matching == 1 else hashlib.sha512)(data).digest()
    return data.hex()

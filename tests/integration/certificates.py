# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates for the tests, by the openssl program."""
import atexit
import os
import shutil
import subprocess
import tempfile


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def make_pair(folder, name, kind=("ec", "ec_paramgen_curve:P-256"), files=None):
    """A certificate and key in folder; returns their paths."""
    chain, key = (os.path.join(folder, each) for each in files or (name + ".crt", name + ".key"))
    algorithm, parameter = kind
    openssl("req", "-x509", "-newkey", algorithm, "-pkeyopt", parameter, "-nodes", "-keyout", key, "-out", chain,
            "-subj", f"/CN={name}.example", "-days", "30", "-addext", f"subjectAltName=DNS:{name}.example")
    return chain, key


def lasting_pair(files=None):
    """A pair that is there until the process ends."""
    folder = tempfile.mkdtemp(prefix="postbus-pair-")
    atexit.register(shutil.rmtree, folder, True)
    return make_pair(folder, "pair", files=files)


class Authority:
    """Who vouches for the certificates of a test: `path` is for SSL_CERT_FILE."""

    def __init__(self, folder, name="authority"):
        self.folder = folder
        self.path, self.key = (os.path.join(folder, name + end) for end in (".crt", ".key"))
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.key, "-out", self.path,
                "-subj", f"/CN=The {name} of a test", "-days", "3650", "-addext", "basicConstraints=critical,CA:TRUE")

    def issue(self, file, names=(), common="", days=3650):
        """A pair as make_pair() has it, for these DNS names; with days=-1 one that has run out."""
        chain, key, request, extra = (os.path.join(self.folder, file + end) for end in (".crt", ".key", ".csr", ".ext"))
        with open(extra, "w", encoding="ascii") as out:
            out.write("subjectAltName=" + ",".join("DNS:" + name for name in names) + "\n" if names else "basicConstraints=CA:FALSE\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request,
                "-subj", f"/CN={common or 'none'}")
        openssl("x509", "-req", "-in", request, "-CA", self.path, "-CAkey", self.key, "-CAcreateserial", "-extfile", extra,
                "-days", str(days), "-out", chain)
        return chain, key

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

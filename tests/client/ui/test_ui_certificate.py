# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate on the general page: what is said of it, and another one brought from files."""
import os
import subprocess

from ui import WITH_FILE_CHOOSER

SAID = "Certificate in use, "


def make_pair(folder, name):
    """A self-signed pair with a name of its own; the paths of certificate and key."""
    chain, key = os.path.join(folder, name + ".crt"), os.path.join(folder, name + ".key")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "90", "-subj", f"/CN={name}.example", "-addext", f"subjectAltName=DNS:{name}.example",
                    "-keyout", key, "-out", chain], check=True, capture_output=True)
    return chain, key


def choose(ui, button, path):
    chooser = ui.find("button", button).window().path
    ui.key("Control+l", "Control+a")
    ui.screen.type(path)
    ui.press(button)
    ui.wait(lambda: all(window.path != chooser for window in ui.tree().children), "the file chooser to go")


def bring(ui, chain, key):
    ui.click(ui.find("button", "Import…"))
    choose(ui, "Next", chain)
    choose(ui, "Import", key)


def test_imported(ui):
    ui.start("general", **WITH_FILE_CHOOSER)
    ui.find("list item", text=SAID, where=lambda node: "made it itself" in node.name)
    chain, key = make_pair(ui.bed.folder, "brought")
    bring(ui, chain, key)
    ui.find("list item", text=SAID, where=lambda node: "CN=brought.example" in node.name)
    ui.find("list item", "Names, brought.example")
    assert ui.bed.api.get("Certificate", "Source") == "imported"


def test_refused(ui):
    """A key that belongs to another certificate: said, and nothing changes."""
    ui.start("general", **WITH_FILE_CHOOSER)
    before = ui.bed.api.get("Certificate", "Fingerprint")
    bring(ui, make_pair(ui.bed.folder, "one")[0], make_pair(ui.bed.folder, "two")[1])
    ui.find("label", text="key")
    ui.find("list item", text="Fingerprint (SHA-256), " + before)
    assert ui.bed.api.get("Certificate", "Fingerprint") == before

# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages Mail Authentication, Blocklists and Antivirus: signing keys from their creation to their removal, a blocklist
that is ill, and the scanner tried step by step."""
import os
import pathlib

import harness
import scanner
from test_ui_names import nameless


def picture(ui, name):
    """For people to look at, beside those of test_screenshots."""
    place = pathlib.Path(os.environ["POSTBUS_SCREENSHOTS"]) / "security"
    place.mkdir(parents=True, exist_ok=True)
    ui.picture(place / f"{name}.png")


def keys(ui):
    return ui.api.call("MailAuth", "ListKeys")[0]


def said(ui, text):
    return ui.find("label", text=text)


def create(ui, selector):
    ui.press("Create Key…")
    entry = ui.find("text box", "Selector")
    ui.reader.set_text(ui.name, entry, selector)
    ui.press("Create")


def test_signing_keys(ui):
    """Made, its record copied from, activated, and removed after a question."""
    ui.bed.start()
    ui.api.add("LocalDomains", Name="verein.example")
    ui.start("mail-authentication", daemon=False)
    said(ui, "No Signing Keys")
    picture(ui, "no-keys")
    ui.press("Create Key…")
    ui.find("text box", "Selector")
    picture(ui, "new-key")
    assert not list(nameless(ui, ui.tree())), list(nameless(ui, ui.tree()))
    ui.key("Escape")
    ui.gone("text box", "Selector")
    create(ui, "nas_1")
    said(ui, "Must be letters, digits and hyphens, such as nas2026")
    ui.reader.set_text(ui.name, ui.find("text box", "Selector"), "nas1")
    ui.press("Create")
    ui.wait(lambda: keys(ui), "the key")
    key, = keys(ui)
    assert (key["Selector"], key["Algorithm"], key["Active"]) == ("nas1", "rsa", False), key
    said(ui, "Publish this record at the provider")
    # Its row is open, for the record is what comes next.
    ui.find("label", f"Name, {key['RecordName']}")
    ui.find("label", f"Value, {key['Record']}")
    for name in ("Copy the Name", "Copy the Type", "Copy the Value", "Copy Line for a Zone File"):
        ui.find("button", name)
    picture(ui, "new-record")
    ui.press(f"Activate: nas1, {key['Domain']}")
    ui.wait(lambda: keys(ui)[0]["Active"], "the key to sign")
    said(ui, "Mail of this domain is signed")
    picture(ui, "active")
    ui.resize(360, 1800)
    ui.wait(ui.folded, "a narrow window")
    picture(ui, "keys-360")
    ui.press(f"Remove…: nas1, {key['Domain']}")
    said(ui, f"Remove the Key nas1, {key['Domain']}?")
    picture(ui, "remove")
    ui.press("Cancel")
    ui.gone("label", text="Remove the Key nas1, ")
    ui.press(f"Remove…: nas1, {key['Domain']}")
    said(ui, "Remove the Key nas1, ")
    ui.press("Remove")
    ui.wait(lambda: not keys(ui), "the key to go")
    said(ui, "No Signing Keys")


def test_keys_changed_elsewhere(ui):
    """What others do with keys is seen, and what is open stays open."""
    ui.bed.start()
    domain = ui.api.get("General", "Hostname")
    first, = ui.api.call("MailAuth", "CreateKey", "(sss)", domain, "one", "ed25519")
    ui.start("mail-authentication", daemon=False)
    row = ui.find("list item", text="one, Ed25519. Not active")
    ui.reveal(row)
    ui.click(row)
    said(ui, "Publish this record")
    ui.api.call("MailAuth", "ActivateKey", "(sb)", first, True)
    ui.find("list item", text="one, Ed25519. Signs mail")
    said(ui, "Mail of this domain is signed")
    second, = ui.api.call("MailAuth", "CreateKey", "(sss)", domain, "two", "ed25519")
    ui.api.call("MailAuth", "ActivateKey", "(sb)", second, True)
    ui.find("list item", text="two, Ed25519. Signs mail")
    ui.find("list item", text="one, Ed25519. Replaced by a newer key")
    assert not list(nameless(ui, ui.tree())), list(nameless(ui, ui.tree()))
    ui.api.set("MailAuth", "SignEnabled", "b", False)
    ui.find("list item", text="two, Ed25519. Active, but signing is off")
    picture(ui, "off")


def test_ill_blocklist(ui):
    """A list whose test addresses are answered wrongly is named, with the reason, where the lists are set."""
    ui.bed.start()
    # One that is parked answers everything.
    for name in ("2.0.0.127", "1.0.0.127"):
        ui.bed.dns.add(f"{name}.ill.example", "A", "192.0.2.80")
    ui.api.add("DnsblZones", Zone="ill.example")
    ui.api.set("Dnsbl", "Policy", "s", "watch")
    harness.wait_for(lambda: ui.api.call("Alerts", "List")[0], "the alert")
    ui.start("blocklists", daemon=False)
    ui.find("list item", "Warning: ill.example is not asked")
    said(ui, "The blocklist ill.example ")
    said(ui, "1 list")
    assert not list(nameless(ui, ui.tree())), list(nameless(ui, ui.tree()))
    picture(ui, "ill")
    ui.resize(360, 760)
    picture(ui, "ill-360")
    ui.click(said(ui, "Blocklist zones"))
    ui.wait(lambda: ui.title() == "Blocklist Zones", "the lists")


def test_scanner(ui):
    """Tried as it is set on the server: each step with what the scanner said; then without one."""
    ui.bed.start()
    ui.start("antivirus", daemon=False)
    said(ui, "Enter the scanner’s address first")
    ui.find("button", "Test Connection", where=lambda node: not node.has("sensitive"))
    clamd = scanner.Clamd(ui.bed)
    ui.api.set("Antivirus", "Address", "s", clamd.tcp)
    ui.press("Test Connection")
    said(ui, "Mail can be scanned")
    for step in ("Connect", "Answer", "Version and signatures", "Harmless message", "Test virus EICAR", "Largest message"):
        ui.find("list item", where=lambda node, step=step: node.name.startswith(f"Passed: {step}, "))
    ui.find("list item", text="Not tried: Handing over of files")
    assert not list(nameless(ui, ui.tree())), list(nameless(ui, ui.tree()))
    picture(ui, "scanner")
    clamd.stop()
    ui.press("Test Again")
    said(ui, "Mail cannot be scanned as it is set")
    picture(ui, "scanner-away")

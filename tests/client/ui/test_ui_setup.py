# SPDX-License-Identifier: GPL-3.0-or-later
"""Setup Check: how the service looks from outside, what to publish, and that what was put right is seen as such."""
import os
import pathlib
import socket

import said
from harness import wait_for
from test_ui_names import nameless
from test_ui_pages import press_within


def picture(ui, name):
    """For people to look at, beside those of test_screenshots."""
    place = pathlib.Path(os.environ["POSTBUS_SCREENSHOTS"]) / "setup"
    place.mkdir(parents=True, exist_ok=True)
    ui.picture(place / f"{name}.png")


def test_seen_from_outside(ui):
    """A missing record is told with the record to publish; once it is there, the check passes."""
    ui.bed.start()
    dns = ui.bed.dns
    dns.add("mail.local.example", "A", "192.0.2.25")
    dns.add("local.example", "MX", (10, "mail.local.example"))
    dns.add("local.example", "TXT", "v=spf1 a:mail.local.example -all")
    ui.start("setup-check", daemon=False)
    ui.find("list item", text="DMARC of local.example, ")
    record, = [row for row in ui.api.call("Diagnostics", "CheckSetup")[0] if row["Name"] == "dmarc"]
    assert record["Record"].startswith("_dmarc.local.example. "), record
    ui.find("label", "Name, _dmarc.local.example")
    ui.find("label", text="Value, v=DMARC1;")
    ui.find("list item", text="SPF of local.example, ")
    ui.find("label", "Cannot Be Told from Here")
    assert not list(nameless(ui, ui.tree())), list(nameless(ui, ui.tree()))
    picture(ui, "wide")
    ui.resize(1100, 2300)
    picture(ui, "whole")
    ui.resize(360, 2400)
    ui.wait(ui.folded, "a narrow window")
    picture(ui, "narrow")
    dns.add("_dmarc.local.example", "TXT", "v=DMARC1; p=reject")
    ui.press("Check Again")
    ui.gone("label", "Name, _dmarc.local.example")
    ui.find("list item", text="DMARC of local.example, ")


def test_leads_to_what_mends_it(ui):
    """The domain without a key: from there to the page of the keys."""
    ui.bed.start()
    ui.start("setup-check", daemon=False)
    press_within(ui, "DKIM of local.example", "Show Keys: DKIM of local.example")
    ui.wait(lambda: ui.title() == "Mail Authentication", "the page of the keys")


def fragments(sentence):
    """What stands between the places of a sentence."""
    return [part.strip() for part in said.PLACE.split(sentence)[::2] if " " in part.strip()]


def sentences(value):
    """All sentences of what a row says, with those in its places."""
    if isinstance(value, tuple) and len(value) == 3:
        yield value[:2]
        for inner in value[2].values():
            yield from sentences(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from sentences(inner)


def in_german(ui, row, key, seen):
    """Nothing of what @row says is shown in English, and if it has to be @seen it is there in German. Returns: how much is."""
    text = ui.tree().dump()
    found = 0
    for one, many in sentences(row.get(f"{key}Words")):
        if one == said.ALONE or one not in said.marked():
            continue
        english, german = fragments(many or one), [] if many else fragments(ui.translate(one))
        assert english == [] or many or ui.translate(one) != one, one
        for part in english:
            assert part in german or part not in text and part[0].upper() + part[1:] not in text, (part, text)
        for part in german:
            part = part.removesuffix(".")
            there = part in text or part[0].upper() + part[1:] in text
            assert there or not seen, (part, text)
            found += there
    return found


def test_nothing_in_english(ui):
    """What the service says itself comes in the user's language: each row of the check, and an alert of the overview."""
    ui.bed.start()
    ui.bed.dns.add("mail.local.example", "A", "192.0.2.25")
    ui.bed.dns.add("local.example", "TXT", "v=spf1 ip4:198.51.100.1 -all")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ui.api.set("Antivirus", "Address", "s", f"127.0.0.1:{closed.getsockname()[1]}")
        ui.api.set("Antivirus", "Policy", "s", "enforce")
        alert, = wait_for(lambda: ui.api.call("Alerts", "List")[0], "the alert")
        ui.start("setup-check", daemon=False, **ui.speak("de", "DE"))
        ui.find("list item", text="DMARC von local.example")
        rows = ui.api.call("Diagnostics", "CheckSetup")[0]
        assert len(rows) > 12, rows
        for row in rows:
            in_german(ui, row, "Evidence", True)
        # Of those that are folded in nothing is shown at all.
        assert sum(in_german(ui, row, "Remedy", False) for row in rows) > 1, rows
        picture(ui, "german")
        ui.go(ui.translate("Overview"))
        ui.find("label", text="Der Virenscanner antwortet nicht")
        in_german(ui, alert, "Text", True)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Setup Check: how the service looks from outside, what to publish, and that what was put right is seen as such."""
import os
import pathlib

from test_ui_names import nameless


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
    ui.press("Show Keys: DKIM of local.example")
    ui.wait(lambda: ui.title() == "Mail Authentication", "the page of the keys")

# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of every page, for people to look at: in $POSTBUS_SCREENSHOTS, a folder a kind, with an
index.html that shows them side by side. What is tested is that every page fits a window of 360 pixels."""
import os
import pathlib
import re

import screen
from test_ui_pages import defer_all

WIDE = (1100, 760)
# As high as a page of settings needs, so that all of it is on the picture.
NARROW = (360, 2400)

HEAD = """<!DOCTYPE html>
<meta charset="utf-8">
<title>postbus-admin, page by page</title>
<style>body { font-family: sans-serif } img { border: 1px solid #999; vertical-align: top; max-width: 550px }</style>
"""


def folder():
    return pathlib.Path(os.environ["POSTBUS_SCREENSHOTS"])


def fill(ui):
    """Something to see on every page."""
    api = ui.api
    for name, network in (("Printer", "192.168.1.9"), ("Office", "192.168.10.0/24"), ("Scanner", "2001:db8::17")):
        api.add("TrustedList", Name=name, Network=network)
    for name in ("club.example", "verein.example"):
        api.add("DomainList", Name=name, Domain=name)
        api.add("LocalDomains", Name="local." + name)
    api.add("RelayExceptions", Name="Partner", Kind="recipient", Targets=["partner.example"],
            Server="relay.partner.example")
    api.add("RelayExceptions", Name="Newsletters", Kind="sender", Targets=["news@local.example"],
            Server="bulk.example.net", Port=587)
    for name, sort, kind, value in (("Bank", "whitelist", "domain", "bank.example"),
                                    ("Branch office", "whitelist", "network", "198.51.100.0/24"),
                                    ("Lottery", "blacklist", "sender", "win@lottery.example")):
        api.add("AccessList", Name=name, List=sort, Kind=kind, Value=value)
    for row in ({"Name": "ben", "Addresses": ["ben@local.example", "b.miller@local.example"]},
                {"Name": "archive", "Addresses": ["archive@local.example"]}):
        api.add("Accounts", **row)
    api.add("Aliases", Address="info@local.example", Targets=["ann@local.example", "ben@local.example"])
    api.add("Aliases", Address="sales@local.example", Targets=["ben@local.example"])
    message = b"From: ann@local.example\r\nSubject: Offer\r\n\r\nDear customer\r\n"
    ui.bed.send("ann@local.example", ["ben@local.example"], message)
    # Nobody listens where these go to: they wait.
    defer_all(ui)
    ui.bed.send("ann@local.example", ["carol@elsewhere.example", "dave@elsewhere.example"], message)
    ui.bed.wait_deferred()


def enliven(ui):
    """Something for the chart, which begins with the window."""
    for _ in range(4):
        ui.bed.send("ann@local.example", ["ben@local.example"], b"Subject: Tea\r\n\r\nNow?\r\n")
    with ui.bed.talk(source="127.0.0.9") as talk:
        talk.ehlo()
        talk.command("MAIL FROM:<spam@elsewhere.example>")
        for name in ("nobody", "noone"):
            talk.command(f"RCPT TO:<{name}@local.example>")
    # Those that fill() sent are counted with them.
    ui.find("label", "6")


def save(ui, kind, name, width, height):
    """The upper left of the screen, once it rests."""
    place = folder() / kind
    place.mkdir(parents=True, exist_ok=True)
    pixels = ui.still(width, height)
    assert len(set(pixels[at:at + 4] for at in range(0, len(pixels), 4 * 97))) > 3, f"{name} shows nothing"
    screen.write_png(place / f"{name}.png", width, height, pixels)


def shoot_dialog(ui, name, button):
    """What stands in front, which has that button."""
    ui.find("button", button)
    # No window is asked about while one comes or goes.
    ui.still(400, 400)
    window, size = ui.windows()[-1]
    assert window != ui.window, f"no dialog {name}"
    ui.screen.place(window, 0, 0, size.width, size.height)
    save(ui, "dialogs", name, size.width - 10, size.height - 10)
    ui.key("Escape")
    ui.gone("button", button)


def shoot(ui, kind, name, size, folds=True):
    """folds: whether there is a sidebar that makes room when narrow."""
    ui.resize(*size)
    if folds:
        ui.wait(lambda: ui.folded() == (size == NARROW), f"{name} to be laid out for {size}")
    ui.screen.rest_mouse()
    save(ui, kind, name, *size)
    if folds:
        # Wider than its window it would be cut off.
        right = sum(ui.box(ui.page())[::2])
        assert right <= size[0], f"{name} ends at {right} of {size[0]}"


def file_name(number, title, entry):
    words = re.sub(r"\W+", "-", f"{entry or ''} {title}".strip().lower())
    return f"{number:02}-{words}"


def shoot_all(ui, kinds, **environment):
    """kinds: {folder: size}."""
    ui.bed.start()
    fill(ui)
    ui.start("overview", daemon=False, **environment)
    enliven(ui)
    for number, (title, entry) in enumerate(ui.unfold(), 1):
        ui.go(title, entry)
        for kind, size in kinds.items():
            shoot(ui, kind, file_name(number, title, entry), size)
        ui.resize(*WIDE)
    write_index()


def write_index():
    """Kinds side by side, a line a page; written whole, as several tests may."""
    kinds = sorted(path for path in folder().iterdir() if path.is_dir())
    lines = []
    for kind in kinds:
        pictures = sorted(kind.glob("*.png"))
        lines.append(f"<h2>{kind.name}</h2>")
        lines += [f'<img src="{kind.name}/{path.name}" title="{path.stem}" loading="lazy">' for path in pictures]
    new = folder() / f"index.{os.getpid()}.tmp"
    new.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    new.replace(folder() / "index.html")


def test_light(ui):
    shoot_all(ui, {"light": WIDE, "light-narrow": NARROW})


def test_dark(ui):
    shoot_all(ui, {"dark": WIDE}, ADW_DEBUG_COLOR_SCHEME="prefer-dark")


def test_german(ui):
    shoot_all(ui, {"german": WIDE, "german-narrow": NARROW}, **ui.speak("de", "DE"))


def shoot_narrow(ui, kind, language, territory):
    shoot_all(ui, {kind: NARROW}, **ui.speak(language, territory))


def test_spanish(ui):
    shoot_narrow(ui, "spanish-narrow", "es", "ES")


def test_french(ui):
    shoot_narrow(ui, "french-narrow", "fr", "FR")


def test_japanese(ui):
    shoot_narrow(ui, "japanese-narrow", "ja", "JP")


def test_simplified_chinese(ui):
    shoot_narrow(ui, "simplified-chinese-narrow", "zh", "CN")


def test_traditional_chinese(ui):
    shoot_narrow(ui, "traditional-chinese-narrow", "zh", "TW")


def test_dialogs(ui):
    ui.bed.start()
    fill(ui)
    ui.start("accounts", daemon=False)
    ui.press("Create")
    shoot_dialog(ui, "account", "Save")
    ui.go("Relay Exceptions", "Delivery")
    ui.press("Create")
    shoot_dialog(ui, "exception", "Save")
    ui.go("Blacklist and Whitelist", "Security")
    ui.act(ui.find("page tab", "Whitelist"))
    ui.press("Create")
    shoot_dialog(ui, "whitelist-rule", "Save")
    ui.go("Queue")
    ui.click(ui.find("list item", text="2 recipients"))
    ui.key("Return")
    shoot_dialog(ui, "queued", "Copy Queue ID")
    ui.go("Messages")
    ui.click(ui.find("list item", text="2 recipients"))
    shoot_dialog(ui, "message", "Copy Queue ID")
    write_index()


def test_connect_page(ui):
    ui.open()
    ui.find("button", "Connect")
    shoot(ui, "light", "00-connect", WIDE, folds=False)
    shoot(ui, "light-narrow", "00-connect", NARROW, folds=False)
    write_index()

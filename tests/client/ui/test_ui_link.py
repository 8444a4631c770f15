# SPDX-License-Identifier: GPL-3.0-or-later
"""The window and its connection: no daemon, a daemon that goes and comes back, a second start."""
import os
import subprocess
import sys

import ui as harness_of_windows
from test_ui_settings import HOPS, applied, number, said, set_number


def test_no_daemon(ui):
    """The sentence says what to do."""
    ui.open(f"--bus={ui.bed.bus.address}")
    said(ui, "Start it with “systemctl start postbus”.")
    ui.find("button", "Connect")


def test_no_bus(ui):
    ui.open(f"--bus=unix:path={ui.bed.folder}/nowhere")
    said(ui, "The mail server cannot be reached.")
    ui.find("button", "Connect")


def test_denied(ui):
    """Who may not even look is told so, in words."""
    fake = subprocess.Popen(
        [sys.executable, os.environ["POSTBUS_TEST_FAKE"], "--bus", ui.bed.bus.address, "--denied",
         "--interfaces", *os.environ["POSTBUS_TEST_INTERFACES"].split(":")], stdout=subprocess.PIPE)
    try:
        assert fake.stdout.readline() == b"ready\n"
        ui.open(f"--bus={ui.bed.bus.address}", "--page=messages")
        ui.find("label", "The Messages Cannot Be Shown")
        ui.find("label", "You may not do this. Ask an administrator of the server")
        ui.find("button", "Try Again")
    finally:
        fake.terminate()
        fake.wait(60)
        fake.stdout.close()


def test_entry_opens_its_first_page(ui):
    """--page may name an entry of the sidebar that has no page of its own, or none at all."""
    ui.start("delivery")
    assert ui.title() == "Relay Settings", ui.title()
    ui.quit()
    ui.open(f"--bus={ui.bed.bus.address}", "--page=nonsense")
    ui.wait(lambda: ui.title() == "Overview", "the first page")


def test_killed_while_editing(ui):
    """What was edited stays, and can be applied once the daemon is back."""
    ui.start()
    set_number(ui, HOPS, 50)
    said(ui, "1 change")
    ui.bed.postbusd.kill()
    said(ui, "What you changed here is kept")
    assert number(ui, HOPS) == 50
    # It is edited on while nobody is there.
    set_number(ui, "Max recipients per message", 700)
    ui.bed.postbusd.start()
    ui.gone("label", text="What you changed here is kept")
    assert number(ui, HOPS) == 50 and number(ui, "Max recipients per message") == 700
    said(ui, "2 changes")
    ui.press("Apply")
    applied(ui)
    assert ui.api.get("General", "MaxHops") == 50
    assert ui.api.get("General", "MaxRecipients") == 700


def test_changed_while_away(ui):
    """A restart with other settings is a change elsewhere."""
    ui.start()
    set_number(ui, HOPS, 50)
    said(ui, "1 change")
    ui.bed.postbusd.stop()
    said(ui, "What you changed here is kept")
    ui.bed.postbusd.start()
    ui.gone("label", text="What you changed here is kept")
    ui.press("Discard")
    ui.wait(lambda: number(ui, HOPS) == 100, "the daemon's number")


def test_second_start(ui):
    """It hands its command line to the first one, which opens another window, and ends."""
    ui.start()
    second = ui.run_admin(f"--bus={ui.bed.bus.address}", "--page=antivirus")
    assert second.wait(120) == 0
    ui.wait(lambda: len(windows(ui)) == 2, "a second window")
    ui.wait(lambda: any(window.find("group", "Antivirus") for window in windows(ui)), "its page")
    assert any(window.find("group", "General") for window in windows(ui))


def windows(ui):
    return [node for node in ui.tree().children if node.role == "window"]


def test_version(ui):
    """Without a screen and without a bus."""
    done = subprocess.run([harness_of_windows.ADMIN, "--version"], capture_output=True, text=True, timeout=120,
                          env={"LC_ALL": "C.UTF-8", "LSAN_OPTIONS": os.environ.get("LSAN_OPTIONS", "")}, check=False)
    assert done.returncode == 0 and done.stdout.startswith("postbus-admin "), done

# SPDX-License-Identifier: GPL-3.0-or-later
"""The relay in the window, with a relay host that wants TLS and a login: tested step by step, its certificate pinned, its refusal
shown, and its password asked for."""
import os

import clock
from gi.repository import Gio, GLib
from test_relay_login import MESSAGE, alerts, lead_to, login_relay, turn
from test_secrets import canary, set_secret
from test_ui_lists import fill_in, rule, save
from test_ui_relay import Keyring
from test_ui_rules import edit
from test_ui_settings import said, sensitive

NOTIFICATIONS = """<node><interface name="org.freedesktop.Notifications">
<method name="Notify"><arg type="s" direction="in"/><arg type="u" direction="in"/><arg type="s" direction="in"/><arg type="s" direction="in"/>
<arg type="s" direction="in"/><arg type="as" direction="in"/><arg type="a{sv}" direction="in"/><arg type="i" direction="in"/>
<arg type="u" direction="out"/></method>
<method name="CloseNotification"><arg type="u" direction="in"/></method>
<signal name="ActionInvoked"><arg type="u"/><arg type="s"/></signal></interface></node>"""
PICTURES = os.environ.get("POSTBUS_SCREENSHOTS")


def picture(ui, name):
    if PICTURES:
        os.makedirs(PICTURES, exist_ok=True)
        ui.picture(os.path.join(PICTURES, name + ".png"))


def send(ui):
    ui.bed.send("ann@local.example", ["bob@far.example"], MESSAGE)


def test_tested_and_pinned(ui):
    """A certificate that nobody vouches for: found by the test, compared, pinned, applied; then mail goes."""
    secret = canary()
    ui.bed.start()
    relay = login_relay(ui.bed, passwords={"nas": secret})
    lead_to(ui.bed, relay)
    ui.api.set("Delivery", "RelayVerify", "s", "auto")
    ui.api.set("Delivery", "RelayFingerprint", "s", "")
    set_secret(ui.api, secret)
    ui.start("relay-settings", daemon=False)
    ui.press("Test")
    said(ui, "Mail cannot go over this relay host as it is set")
    for step in ("Find the server", "Connect", "Greeting", "Encryption", "Login", "Sender", "Recipient"):
        ui.find("list item", where=lambda node, step=step: step in (node.name or ""))
    picture(ui, "relay-test-failed")
    ui.press("Pin Certificate…")
    said(ui, "Pin This Certificate?")
    spelled = " ".join(relay.fingerprint[at:at + 4] for at in range(0, 64, 4))
    said(ui, spelled)
    picture(ui, "relay-pin")
    ui.press("Pin")
    said(ui, "2 changes")
    assert not relay.logins
    ui.press("Apply")
    ui.wait(lambda: not sensitive(ui, "Apply"), "nothing left to apply")
    assert ui.api.get("Delivery", "RelayFingerprint") == relay.fingerprint
    assert ui.api.get("Delivery", "RelayVerify") == "fingerprint"
    # Where the pin was missing, the password belongs to what was there before.
    set_secret(ui.api, secret)
    ui.press("Test")
    said(ui, "Mail can go over this relay host")
    picture(ui, "relay-test-passed")
    assert relay.logins == [(b"nas", secret, True)]


def test_refusal_is_shown(ui):
    ui.bed.start()
    relay = login_relay(ui.bed, passwords={"nas": canary()})
    lead_to(ui.bed, relay)
    set_secret(ui.api, b"wrong")
    ui.start("relay-settings", daemon=False)
    send(ui)
    ui.wait(lambda: alerts(ui.bed), "the alert")
    said(ui, "The relay host refuses the login")
    picture(ui, "relay-refused")
    ui.go("Overview")
    said(ui, "A relay host refuses the login")
    picture(ui, "overview-refused")
    ui.press("Show Relay Settings: A relay host refuses the login")
    ui.wait(lambda: ui.title() == "Relay Settings", "the page that mends it")


def test_password_is_asked_for(ui):
    """Nothing is kept on the server: the window asks, the keyring keeps it, and the mail that waited goes."""
    secret = "correct horse " + canary().decode()
    ui.bed.start()
    relay = login_relay(ui.bed, passwords={"nas": secret.encode()})
    lead_to(ui.bed, relay, "agent")
    send(ui)
    ui.bed.wait_deferred()
    with Keyring(ui) as keyring:
        ui.start("relay-settings", daemon=False)
        said(ui, "Relay Password")
        picture(ui, "relay-password")
        entry = ui.find(None, "Password", where=lambda node: node.can("EditableText") and node.window().index != 0)
        ui.reader.set_text(ui.name, entry, secret)
        ui.press("Send Mail")
        relay.wait(relay.messages)
        assert relay.logins == [(b"nas", secret.encode(), True)]
        ui.wait(keyring.items, "the keyring to have it")
        (attributes, kept), = keyring.items()
        assert kept == secret.encode() and attributes["user"] == "nas" and attributes["port"] == str(relay.port), attributes
        # From now on nobody is asked.
        ui.bed.postbusd.restart()
        send(ui)
        relay.wait(relay.messages, 2)
        assert ui.api.get("Delivery", "RelaySecretState") == "none"


def test_asked_each_time_and_not_kept(ui):
    secret = "battery staple"
    ui.bed.start()
    relay = login_relay(ui.bed, passwords={"nas": secret.encode()})
    lead_to(ui.bed, relay, "ask")
    with Keyring(ui) as keyring:
        ui.start("relay-settings", daemon=False)
        send(ui)
        said(ui, "Relay Password")
        ui.press("Not Now")
        ui.gone(None, "Relay Password")
        ui.bed.wait_deferred()
        ui.bed.postbusd.restart()
        send(ui)
        said(ui, "Relay Password")
        entry = ui.find(None, "Password", where=lambda node: node.can("EditableText") and node.window().index != 0)
        ui.reader.set_text(ui.name, entry, secret)
        ui.press("Send Mail")
        relay.wait(relay.messages, 2)
        assert not keyring.items()


def test_exception_is_tested(ui):
    """What is saved of an exception is tested; a pin goes into its fields, and is saved with the rest."""
    secret = canary()
    ui.bed.start()
    relay = login_relay(ui.bed, passwords={"bank": secret})
    row = ui.api.add("RelayExceptions", Name="Bank", Kind="recipient", Targets=["bank.example"], Server="127.0.0.1",
                     Port=relay.port, Tls="starttls", Auth=True, User="bank")
    set_secret(ui.api, secret, row)
    ui.start("relay-exceptions", daemon=False)
    edit(ui, "Bank")
    ui.find("button", "Test", where=lambda node: node.has("sensitive"))
    picture(ui, "exception-dialog")
    fill_in(ui, "Name", "The Bank")
    ui.find("button", "Test", where=lambda node: not node.has("sensitive"))
    fill_in(ui, "Name", "Bank")
    ui.press("Test")
    said(ui, "Mail cannot go over this relay host as it is set")
    picture(ui, "exception-test")
    ui.press("Pin Certificate…")
    ui.press("Pin")
    said(ui, "Save to trust this certificate from now on")
    picture(ui, "exception-pinned")
    save(ui)
    cells = ui.api.call("RelayExceptions", "Get", "(s)", row)[0]
    assert (cells["Verify"], cells["Fingerprint"]) == ("fingerprint", relay.fingerprint), cells


def test_narrow(ui):
    """At 360 pixels the test is read by scrolling down only."""
    ui.bed.start()
    relay = login_relay(ui.bed, passwords={"nas": canary()})
    lead_to(ui.bed, relay)
    ui.start("relay-settings", daemon=False)
    ui.resize(360, 700)
    ui.press("Test")
    said(ui, "Mail cannot go over this relay host as it is set")
    picture(ui, "relay-test-360")
    button = ui.find("button", "Test Again")
    assert button.has("sensitive")


class Desktop:
    """Whoever shows notifications on the session bus."""

    def __init__(self, ui):
        self.shown, self.closed = [], []
        self.bus = Gio.DBusConnection.new_for_address_sync(
            ui.session.environment()["DBUS_SESSION_BUS_ADDRESS"], Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        self.bus.register_object("/org/freedesktop/Notifications", Gio.DBusNodeInfo.new_for_xml(NOTIFICATIONS).interfaces[0],
                                 self.on_call, None, None)
        self.bus.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                           GLib.Variant("(su)", ("org.freedesktop.Notifications", 4)), None, 0, -1, None)

    def on_call(self, _bus, _sender, _path, _interface, method, parameters, invocation):
        if method == "Notify":
            self.shown.append(parameters.unpack())
            invocation.return_value(GLib.Variant("(u)", (len(self.shown),)))
        else:
            self.closed += parameters.unpack()
            invocation.return_value(None)

    def choose(self, number, action):
        self.bus.emit_signal(None, "/org/freedesktop/Notifications", "org.freedesktop.Notifications", "ActionInvoked",
                             GLib.Variant("(us)", (number, action)))


def test_desktop_is_told(ui):
    """Of a refused login, once, while nobody looks; the notification leads to where it is mended, and goes with its cause."""
    ui.bed.start()
    secret = canary()
    relay = login_relay(ui.bed, passwords={"nas": secret})
    lead_to(ui.bed, relay)
    set_secret(ui.api, b"wrong")
    desktop = Desktop(ui)
    ui.start("overview", daemon=False)
    ui.screen.focus(ui.screen.root)
    send(ui)
    turn(lambda: desktop.shown, "the notification")
    words = str(desktop.shown[0])
    assert "A relay host refuses the login" in words and "535" in words, words
    set_secret(ui.api, secret)
    turn(lambda: desktop.closed == [1], "the notification to go")
    relay.wait(relay.messages)
    assert len(desktop.shown) == 1
    relay.passwords = {"nas": b"another"}
    ui.bed.postbusd.restart()
    ui.wait(lambda: ui.page() is not None, "the window to be connected again")
    send(ui)
    turn(lambda: len(desktop.shown) == 2, "the second notification")
    desktop.choose(2, "default")
    turn(lambda: ui.title() == "Relay Settings", "the page that mends it")
    desktop.bus.close_sync(None)


def test_desktop_is_told_of_stuck_mail(ui):
    """Of mail that waits for hours, once; the notification goes when the mail does, and leads to the queue."""
    hours = clock.Clock(ui.bed)
    ui.bed.start()
    sink = ui.bed.relay_sink()
    desktop = Desktop(ui)
    ui.start("overview", daemon=False)
    ui.screen.focus(ui.screen.root)

    def get_stuck(count):
        sink.stop()
        send(ui)
        ui.bed.wait_deferred()
        hours.pass_time(7 * 3600)
        turn(lambda: len(desktop.shown) == count, "the notification")
        words = str(desktop.shown[-1])
        assert "Mail is stuck in the queue" in words and "6 hours" in words and "Show Queue" in words, words
    get_stuck(1)
    sink.start()
    hours.pass_time(2 * 3600)
    sink.wait_messages(1)
    turn(lambda: desktop.closed == [1], "the notification to go")
    get_stuck(2)
    desktop.choose(2, "default")
    turn(lambda: ui.title() == "Queue", "the page that mends it")
    desktop.bus.close_sync(None)

# SPDX-License-Identifier: GPL-3.0-or-later
"""A private bus and the daemon's interfaces on it."""
import os
import select
import subprocess
import time

from gi.repository import Gio, GLib

NAME = "org.postbus.Postbus1"
PATH = "/org/postbus/Postbus1"
PATIENCE = 240  # seconds: a machine may be slow, and others may have it

CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"""


class BusError(Exception):
    """An error reply: name is the part behind the bus prefix, text the one string of its body."""

    def __init__(self, name, text):
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


class PrivateBus:
    """A dbus-daemon of our own in the given folder; text: its configuration."""

    def __init__(self, folder, text=CONFIG):
        config = os.path.join(folder, "bus.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(text.format(folder=folder))
        self.process = subprocess.Popen(
            ["dbus-daemon", "--config-file=" + config, "--nofork", "--print-address=1"],
            stdout=subprocess.PIPE)
        if not select.select([self.process.stdout], [], [], PATIENCE)[0]:
            raise AssertionError(f"dbus-daemon did not come up in {PATIENCE} s")
        self.address = self.process.stdout.readline().decode().strip()

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


class Api:
    """The daemon as seen from the bus. Values come back as plain Python."""

    def __init__(self, address):
        self.connection = Gio.DBusConnection.new_for_address_sync(
            address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        self.connection.set_exit_on_close(False)

    def close(self):
        self.connection.close_sync(None)

    def raw_call(self, interface, method, arguments=None, seconds=PATIENCE):
        """Calls and returns the reply's GVariant tuple; raises BusError."""
        try:
            return self.connection.call_sync(NAME, PATH, interface, method, arguments, None,
                                             Gio.DBusCallFlags.NO_AUTO_START, seconds * 1000, None)
        except GLib.Error as error:
            name = Gio.DBusError.get_remote_error(error) or "none"
            text = error.message.removeprefix(f"GDBus.Error:{name}: ")
            raise BusError(name.removeprefix(NAME + ".Error."), text) from None

    def call(self, interface, method, signature="()", *arguments):
        reply = self.raw_call(f"{NAME}.{interface}", method, GLib.Variant(signature, arguments))
        return reply.unpack()

    def get(self, interface, name):
        reply = self.raw_call("org.freedesktop.DBus.Properties", "Get",
                              GLib.Variant("(ss)", (f"{NAME}.{interface}", name)))
        return reply.unpack()[0]

    def get_all(self, interface):
        return self.raw_call("org.freedesktop.DBus.Properties", "GetAll",
                             GLib.Variant("(s)", (f"{NAME}.{interface}",))).unpack()[0]

    def set(self, interface, name, kind, value):
        self.raw_call("org.freedesktop.DBus.Properties", "Set",
                      GLib.Variant("(ssv)", (f"{NAME}.{interface}", name, GLib.Variant(kind, value))))

    def add(self, kind, **row):
        """Adds a row to a list; the types follow from the Python values. Returns its id."""
        return self.call(kind, "Add", "(a{sv})", variants(row))[0]

    def rows(self, kind, offset=0, limit=500, **row_filter):
        """The rows of a list (or of Queue) as dicts."""
        return self.call(kind, "List", "(a{sv}uu)", variants(row_filter), offset, limit)[-1]

    def statistics(self):
        return self.call("Statistics", "Snapshot")[0]

    def wait_running(self, alive, seconds=PATIENCE):
        """Waits until Manager.State is running; alive() raises when the daemon is gone."""
        deadline = time.monotonic() + seconds
        state = "absent"
        while state != "running":
            alive()
            if time.monotonic() > deadline:
                raise AssertionError(f"postbusd was not running after {seconds} s, but {state}")
            try:
                state = self.get("Manager", "State")
            except BusError as error:
                if error.name not in ("org.freedesktop.DBus.Error.ServiceUnknown",
                                      "org.freedesktop.DBus.Error.NameHasNoOwner",
                                      "org.freedesktop.DBus.Error.UnknownMethod",
                                      "org.freedesktop.DBus.Error.UnknownObject",
                                      "org.freedesktop.DBus.Error.UnknownInterface",
                                      "org.freedesktop.DBus.Error.NoReply"):
                    raise
            if state != "running":
                select.select([], [], [], 0.02)


def variant(value):
    if isinstance(value, GLib.Variant):
        return value
    if isinstance(value, bool):
        return GLib.Variant("b", value)
    if isinstance(value, int):
        return GLib.Variant("u", value)
    if isinstance(value, (list, tuple)):
        return GLib.Variant("as", value)
    return GLib.Variant("s", value)


def variants(row):
    return {key: variant(value) for key, value in row.items()}

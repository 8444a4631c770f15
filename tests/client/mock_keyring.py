#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A keyring on the session bus that does as it is told: the freedesktop.org Secret Service with one collection, sessions
in the clear, and a control interface. For what a real one cannot be made to do without a person: being locked, and having
its prompt answered or dismissed.

    mock_keyring.py        on $DBUS_SESSION_BUS_ADDRESS; prints "ready" when it owns the name

Control, on the service's object: org.postbus.MockKeyring.Lock (b the prompt is dismissed), Unlock, and
Items -> a(a{ss}says) of attributes, label, secret and content type.
"""
import sys

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

NAME = "org.freedesktop.secrets"
ROOT = "/org/freedesktop/secrets"
COLLECTION = ROOT + "/collection/login"
SESSION = ROOT + "/session/1"
XML = """<node>
<interface name="org.freedesktop.Secret.Service">
  <method name="OpenSession"><arg type="s" direction="in"/><arg type="v" direction="in"/>
    <arg type="v" direction="out"/><arg type="o" direction="out"/></method>
  <method name="ReadAlias"><arg type="s" direction="in"/><arg type="o" direction="out"/></method>
  <method name="SearchItems"><arg type="a{ss}" direction="in"/>
    <arg type="ao" direction="out"/><arg type="ao" direction="out"/></method>
  <method name="Unlock"><arg type="ao" direction="in"/><arg type="ao" direction="out"/><arg type="o" direction="out"/></method>
  <method name="GetSecrets"><arg type="ao" direction="in"/><arg type="o" direction="in"/>
    <arg type="a{o(oayays)}" direction="out"/></method>
  <property name="Collections" type="ao" access="read"/>
</interface>
<interface name="org.postbus.MockKeyring">
  <method name="Lock"><arg type="b" direction="in"/></method>
  <method name="Unlock"/>
  <method name="Items"><arg type="a(a{ss}says)" direction="out"/></method>
</interface>
<interface name="org.freedesktop.Secret.Collection">
  <method name="CreateItem"><arg type="a{sv}" direction="in"/><arg type="(oayays)" direction="in"/>
    <arg type="b" direction="in"/><arg type="o" direction="out"/><arg type="o" direction="out"/></method>
  <method name="SearchItems"><arg type="a{ss}" direction="in"/><arg type="ao" direction="out"/></method>
  <property name="Items" type="ao" access="read"/><property name="Label" type="s" access="read"/>
  <property name="Locked" type="b" access="read"/><property name="Created" type="t" access="read"/>
  <property name="Modified" type="t" access="read"/>
</interface>
<interface name="org.freedesktop.Secret.Item">
  <method name="GetSecret"><arg type="o" direction="in"/><arg type="(oayays)" direction="out"/></method>
  <method name="Delete"><arg type="o" direction="out"/></method>
  <property name="Locked" type="b" access="read"/><property name="Attributes" type="a{ss}" access="read"/>
  <property name="Label" type="s" access="read"/><property name="Created" type="t" access="read"/>
  <property name="Modified" type="t" access="read"/>
</interface>
<interface name="org.freedesktop.Secret.Prompt">
  <method name="Prompt"><arg type="s" direction="in"/></method><method name="Dismiss"/>
  <signal name="Completed"><arg type="b"/><arg type="v"/></signal>
</interface>
</node>"""


class Refusal(Exception):
    pass


class Keyring:
    def __init__(self, bus):
        self.bus, self.items, self.locked, self.dismiss, self.made = bus, {}, False, False, 0
        self.info = {item.name.rsplit(".", 1)[1]: item for item in Gio.DBusNodeInfo.new_for_xml(XML).interfaces}
        self.place(ROOT, "Service", "MockKeyring")
        self.place(COLLECTION, "Collection")
        self.place(ROOT + "/aliases/default", "Collection")

    def place(self, path, *interfaces):
        return [self.bus.register_object(path, self.info[name], self.on_call, self.on_get, None) for name in interfaces]

    def on_get(self, _bus, _sender, path, _interface, name):
        item = self.items.get(path)
        values = {"Collections": ("ao", [COLLECTION]), "Items": ("ao", list(self.items)), "Locked": ("b", self.locked),
                  "Created": ("t", 0), "Modified": ("t", 0),
                  "Label": ("s", item["label"] if item else "Login"),
                  "Attributes": ("a{ss}", item["attributes"] if item else {})}
        return GLib.Variant(*values[name])

    def on_call(self, _bus, _sender, path, interface, method, parameters, invocation):
        try:
            reply = getattr(self, f"{interface.rsplit('.', 1)[1]}_{method}".lower())(path, *parameters.unpack())
        except Refusal as refusal:
            invocation.return_dbus_error(*refusal.args)
        else:
            invocation.return_value(reply)

    def find(self, wanted):
        return [path for path, item in self.items.items() if wanted.items() <= item["attributes"].items()]

    def secret_of(self, path):
        item = self.items[path]
        return (SESSION, b"", item["secret"], item["type"])

    def service_opensession(self, _path, algorithm, _input):
        if algorithm != "plain":
            raise Refusal("org.freedesktop.DBus.Error.NotSupported", "only in the clear here")
        return GLib.Variant("(vo)", (GLib.Variant("s", ""), SESSION))

    def service_readalias(self, _path, _name):
        return GLib.Variant("(o)", (COLLECTION,))

    def service_searchitems(self, _path, wanted):
        found = self.find(wanted)
        return GLib.Variant("(aoao)", ([], found) if self.locked else (found, []))

    def service_unlock(self, _path, paths):
        if not self.locked:
            return GLib.Variant("(aoo)", (paths, "/"))
        self.made += 1
        prompt = f"{ROOT}/prompt/p{self.made}"
        self.place(prompt, "Prompt")
        self.asked = paths
        return GLib.Variant("(aoo)", ([], prompt))

    def service_getsecrets(self, _path, paths, _session):
        if self.locked:
            return GLib.Variant("(a{o(oayays)})", ({},))
        return GLib.Variant("(a{o(oayays)})", ({path: self.secret_of(path) for path in paths},))

    def prompt_prompt(self, path, _window):
        paths = [] if self.dismiss else self.asked
        self.locked = self.dismiss
        GLib.idle_add(lambda: self.bus.emit_signal(
            None, path, "org.freedesktop.Secret.Prompt", "Completed",
            GLib.Variant("(bv)", (self.dismiss, GLib.Variant("ao", paths)))) and False)

    def prompt_dismiss(self, _path):
        pass

    def collection_createitem(self, _path, properties, secret, replace):
        if self.locked:
            raise Refusal("org.freedesktop.Secret.Error.IsLocked", "the keyring is locked")
        attributes = properties["org.freedesktop.Secret.Item.Attributes"]
        same = [path for path in self.find(attributes) if self.items[path]["attributes"] == attributes]
        if not (replace and same):
            self.made += 1
            same = [f"{COLLECTION}/i{self.made}"]
            self.place(same[0], "Item")
        self.items[same[0]] = {"attributes": attributes, "label": properties["org.freedesktop.Secret.Item.Label"],
                               "secret": bytes(secret[2]), "type": secret[3]}
        return GLib.Variant("(oo)", (same[0], "/"))

    def collection_searchitems(self, _path, wanted):
        return GLib.Variant("(ao)", (self.find(wanted),))

    def item_getsecret(self, path, _session):
        if self.locked:
            raise Refusal("org.freedesktop.Secret.Error.IsLocked", "the keyring is locked")
        return GLib.Variant("((oayays))", (self.secret_of(path),))

    def item_delete(self, path):
        del self.items[path]
        return GLib.Variant("(o)", ("/",))

    def mockkeyring_lock(self, _path, dismiss):
        self.locked, self.dismiss = True, dismiss

    def mockkeyring_unlock(self, _path):
        self.locked = False

    def mockkeyring_items(self, _path):
        return GLib.Variant("(a(a{ss}says))", ([
            (item["attributes"], item["label"], item["secret"], item["type"]) for item in self.items.values()],))


def main():
    bus = Gio.bus_get_sync(Gio.BusType.SESSION)
    loop = GLib.MainLoop()
    bus.set_exit_on_close(False)
    bus.connect("closed", lambda *_: loop.quit())
    keyring = Keyring(bus)
    Gio.bus_own_name_on_connection(bus, NAME, Gio.BusNameOwnerFlags.NONE,
                                   lambda *_: print("ready", flush=True), lambda *_: loop.quit())
    loop.run()
    return 0 if keyring else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""polkit as an agent sees it: takes its registration, and asks it when told to.

    mock_authority.py --bus ADDRESS         prints "ready" when it owns the name

Control, on the authority's object: org.postbus.MockAuthority.Ask (cookie s, uids au) -> s, "" when the agent answered
well, else the name of its error; Cancel (cookie s); Registered -> (sa{sv}), s, s: subject, owner and path of the agent, once there is one.
"""
import argparse
import sys

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

NAME = "org.freedesktop.PolicyKit1"
PATH = "/org/freedesktop/PolicyKit1/Authority"
AGENT = NAME + ".AuthenticationAgent"
XML = """<node><interface name="org.freedesktop.PolicyKit1.Authority">
  <method name="RegisterAuthenticationAgent"><arg type="(sa{sv})" direction="in"/>
    <arg type="s" direction="in"/><arg type="s" direction="in"/></method>
</interface><interface name="org.postbus.MockAuthority">
  <method name="Ask"><arg type="s" direction="in"/><arg type="au" direction="in"/><arg type="s" direction="out"/></method>
  <method name="Cancel"><arg type="s" direction="in"/></method>
  <method name="Registered"><arg type="(sa{sv})" direction="out"/><arg type="s" direction="out"/>
    <arg type="s" direction="out"/></method>
</interface></node>"""


class Authority:
    def __init__(self, bus):
        self.bus, self.agent, self.waiting = bus, None, []
        for info in Gio.DBusNodeInfo.new_for_xml(XML).interfaces:
            bus.register_object(PATH, info, self.on_call, None, None)

    def on_call(self, _bus, sender, _path, _interface, method, parameters, invocation):
        if method == "RegisterAuthenticationAgent":
            subject, _, path = parameters.get_child_value(0), None, parameters.get_child_value(2).get_string()
            self.agent = (sender, path, subject)
            invocation.return_value(None)
            for waiting in self.waiting:
                self.tell(waiting)
        elif method == "Registered":
            # Waits until there is one.
            if self.agent is None:
                self.waiting.append(invocation)
            else:
                self.tell(invocation)
        elif method == "Cancel":
            self.bus.call(*self.agent[:2], AGENT, "CancelAuthentication", parameters, None, 0, -1, None, None)
            invocation.return_value(None)
        else:
            self.ask(invocation, *parameters.unpack())

    def tell(self, invocation):
        sender, path, subject = self.agent
        invocation.return_value(GLib.Variant.new_tuple(subject, GLib.Variant("s", sender), GLib.Variant("s", path)))

    def ask(self, invocation, cookie, uids):
        def on_answer(bus, result):
            try:
                bus.call_finish(result)
                said = ""
            except GLib.Error as error:
                said = Gio.DBusError.get_remote_error(error)
            invocation.return_value(GLib.Variant("(s)", (said,)))
        identities = [("unix-user", {"uid": GLib.Variant("u", uid)}) for uid in uids]
        self.bus.call(*self.agent[:2], AGENT, "BeginAuthentication", GLib.Variant(
            "(sssa{ss}sa(sa{sv}))", ("org.postbus.Postbus1.modify-settings", "Settings are to be changed", "", {},
                                     cookie, identities)), None, 0, 120_000, None, on_answer)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bus", required=True)
    flags = Gio.DBusConnectionFlags
    bus = Gio.DBusConnection.new_for_address_sync(
        parser.parse_args().bus, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
    loop = GLib.MainLoop()
    bus.set_exit_on_close(False)
    bus.connect("closed", lambda *_: loop.quit())
    authority = Authority(bus)
    Gio.bus_own_name_on_connection(bus, NAME, Gio.BusNameOwnerFlags.NONE,
                                   lambda *_: print("ready", flush=True), lambda *_: loop.quit())
    loop.run()
    return 0 if authority else 1


if __name__ == "__main__":
    sys.exit(main())

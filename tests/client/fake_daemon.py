#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for postbusd on a bus of the caller's: the interfaces as the contract prints them, settings and
lists in memory, everything allowed. For what the real one cannot be made to do: being newer, older, slow.

    fake_daemon.py --bus ADDRESS --interfaces org.postbus.Postbus1.xml --manager Manager.xml...
                   [--newer | --old | --without=INTERFACE,... | --challenge | --denied | --queue=MESSAGES]

Prints "ready" when it owns the name. Ends with the bus or on SIGTERM.
"""
import argparse
import pathlib
import sys
import uuid

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

NAME = "org.postbus.Postbus1"
PATH = "/org/postbus/Postbus1"
PREFIX = NAME + "."
ERROR = PREFIX + "Error."
MAX_PAGE = 500

NEWER = """<interface name="org.postbus.Postbus1.Future">
  <property name="Level" type="u" access="readwrite">
    <annotation name="org.postbus.Default" value="3"/><annotation name="org.postbus.Minimum" value="1"/>
    <annotation name="org.postbus.Maximum" value="9"/><annotation name="org.postbus.Unit" value="levels"/>
    <annotation name="org.postbus.Group" value="From the future"/><annotation name="org.postbus.Title" value="Warp level"/>
    <annotation name="org.postbus.Help" value="How fast mail may go."/>
    <annotation name="org.postbus.Effective" value="true"/></property>
  <property name="Mode" type="s" access="readwrite">
    <annotation name="org.postbus.Default" value="calm"/><annotation name="org.postbus.Choices" value="calm|bold"/>
    <annotation name="org.postbus.Group" value="From the future"/><annotation name="org.postbus.Title" value="Temper"/>
    <annotation name="org.postbus.Help" value=""/><annotation name="org.postbus.Effective" value="true"/></property>
</interface>"""


class Refusal(Exception):
    def __init__(self, name, text):
        super().__init__(text)
        self.name = name


def annotation(info, name, otherwise=None):
    for item in info.annotations or []:
        if item.key == "org.postbus." + name:
            return item.value
    return otherwise


def default_of(info):
    text = annotation(info, "Default", "")
    if info.signature == "s":
        return GLib.Variant("s", text or ("vm.localdomain" if info.name == "Hostname" else ""))
    # What the daemon works out has no default.
    text = text or {"b": "false", "as": "[]"}.get(info.signature, "0")
    return GLib.Variant.parse(GLib.VariantType(info.signature), text, None, None)


class Rows:
    """One list: rows in order, as a{sv} of Python's."""

    def __init__(self, info):
        self.info, self.rows = info, []
        self.types = {}
        for item in info.annotations or []:
            if item.key.startswith("org.postbus.Column."):
                self.types[item.key.rsplit(".", 1)[1]] = item.value.split("type ")[1].split(";")[0]

    def find(self, row_id):
        for row in self.rows:
            if row["Id"].get_string() == row_id:
                return row
        raise Refusal("NotFound", f"{self.info.name.rsplit('.', 1)[1]}: no such row")

    def with_positions(self, rows):
        places = {row["Id"].get_string(): index for index, row in enumerate(self.rows)}
        return [dict(row, Position=GLib.Variant("u", places[row["Id"].get_string()])) for row in rows]

    def search(self, text):
        if not text:
            return self.rows
        return [row for row in self.rows if any(text.lower() in value.print_(False).lower() for value in row.values())]


def variants(vardict):
    return {vardict.get_child_value(i).get_child_value(0).get_string():
            vardict.get_child_value(i).get_child_value(1).get_variant() for i in range(vardict.n_children())}


class Daemon:
    def __init__(self, bus, options):
        self.bus, self.revision, self.options, self.caller = bus, 1, options, None
        text = "".join(path.read_text() for path in options.interfaces)
        self.node = self.read(text + (NEWER if options.newer else ""))
        self.settings, self.lists = {}, {}
        self.instance = str(uuid.uuid4())
        for info in self.node:
            if options.old and info.name.endswith(".Manager"):
                info = Gio.DBusNodeInfo.new_for_xml(
                    f'<node><interface name="{info.name}"><property name="Version" type="s" access="read"/>'
                    '</interface></node>').interfaces[0]
            short = info.name[len(PREFIX):]
            if short in options.without.split(","):
                continue
            for item in info.properties or []:
                if annotation(item, "Title"):
                    self.settings[(short, item.name)] = (item, default_of(item))
            if any(item.name == "Changed" and item.args for item in info.signals or []):
                self.lists[short] = Rows(info)
            bus.register_object(PATH, info, self.on_call, self.on_get, self.on_set)

    @staticmethod
    def read(text):
        """The files are whole documents: their interfaces are taken out of them."""
        found = []
        for part in text.split("<interface ")[1:]:
            xml = "<node><interface " + part.split("</interface>")[0] + "</interface></node>"
            found.append(Gio.DBusNodeInfo.new_for_xml(xml).interfaces[0])
        return found

    # ---- properties ----

    def on_get(self, _bus, _sender, _path, interface, name):
        short = interface[len(PREFIX):]
        fixed = {"Version": GLib.Variant("s", "9.9"), "State": GLib.Variant("s", "running"),
                 "Revision": GLib.Variant("t", self.revision), "InstanceId": GLib.Variant("s", self.instance),
                 "Listening": GLib.Variant("a(ssu)", [("smtp", "127.0.0.1", 25)])}
        if name == "RelaySecretState":
            return GLib.Variant("s", "none")
        if (short, name) in self.settings:
            return self.settings[(short, name)][1]
        if short == "Manager":
            return fixed[name]
        if short == "History":
            return GLib.Variant("s", "behind") if name == "State" else GLib.Variant("t", 7)
        if short == "Queue" and name in ("Active", "Deferred", "Held"):
            state = ("Active", "Deferred", "Held").index(name)
            return GLib.Variant("t", len(range(state, self.options.queue, 3)))
        return GLib.Variant("t", 0)

    def on_set(self, _bus, _sender, _path, interface, name, value):
        self.change({(interface[len(PREFIX):], name): value})
        return True

    def judge(self, key, value):
        if key not in self.settings:
            raise Refusal("UnknownSetting", f"{key[0]}.{key[1]}: there is no such setting")
        info = self.settings[key][0]
        most = annotation(info, "Maximum")
        if most is not None and value.get_uint32() > int(most):
            raise Refusal("InvalidValue", f"{key[0]}.{key[1]}: must be between {annotation(info, 'Minimum')} and {most}")
        if key == ("Delivery", "RelayUser") and value.get_string() == "nobody":
            raise Refusal("InvalidValue", "Delivery.RelayUser: must not be empty")

    def change(self, changes):
        for key, value in changes.items():
            self.judge(key, value)
        self.revision += 1
        for key, value in changes.items():
            self.settings[key] = (self.settings[key][0], value)
            private = annotation(self.settings[key][0], "Private") == "true"
            self.emit("org.freedesktop.DBus.Properties", "PropertiesChanged", GLib.Variant(
                "(sa{sv}as)", (PREFIX + key[0], {} if private else {key[1]: value}, [key[1]] if private else [])))
        self.emit_revision()

    def emit_revision(self):
        self.emit("org.freedesktop.DBus.Properties", "PropertiesChanged", GLib.Variant(
            "(sa{sv}as)", (PREFIX + "Manager", {"Revision": GLib.Variant("t", self.revision)}, [])))

    def emit(self, interface, name, parameters):
        self.bus.emit_signal(None, PATH, interface, name, parameters)

    # ---- methods ----

    def on_call(self, _bus, sender, _path, interface, method, parameters, invocation):
        short = interface[len(PREFIX):]
        self.caller = sender
        try:
            self.judge_viewer(short, method, invocation)
            if short in self.lists:
                reply = getattr(self, "list_" + method.lower())(short, parameters)
            else:
                reply = getattr(self, f"{short.lower()}_{method.lower()}")(parameters)
        except Refusal as refusal:
            invocation.return_dbus_error(ERROR + refusal.name, str(refusal))
        except AttributeError as missing:
            invocation.return_dbus_error("org.freedesktop.DBus.Error.UnknownMethod", str(missing))
        else:
            invocation.return_value(reply)

    def manager_apply(self, parameters):
        options = variants(parameters.get_child_value(1))
        if "IfRevision" in options and options["IfRevision"].get_uint64() != self.revision:
            raise Refusal("Conflict", f"Apply.IfRevision: the revision is {self.revision}")
        changes = {}
        given = parameters.get_child_value(0)
        for i in range(given.n_children()):
            name = given.get_child_value(i).get_child_value(0).get_string()
            for key, value in variants(given.get_child_value(i).get_child_value(1)).items():
                changes[(name, key)] = value
        self.change(changes)
        return GLib.Variant("(t)", (self.revision,))

    def manager_getpermissions(self, _parameters):
        actions = ("view", "modify-settings", "manage-queue", "manage-accounts", "set-secrets")
        answers = {PREFIX + action: "yes" for action in actions}
        answers[PREFIX + "set-secrets"] = "no"
        answers[PREFIX + "manage-queue"] = "challenge"
        return GLib.Variant("(a{ss})", (answers,))

    def manager_registersecretagent(self, _parameters):
        """With --asking the agent is asked at once, and everybody hears how long its answer was."""
        if self.options.asking:
            details = {"Server": GLib.Variant("s", "relay.example.net"), "Port": GLib.Variant("u", 587), "User": GLib.Variant("s", "nas"),
                       "Instance": GLib.Variant("s", self.instance), "Storage": GLib.Variant("s", "ask"), "Refused": GLib.Variant("s", "")}
            self.bus.call(self.caller, PATH + "/SecretAgent", PREFIX + "SecretAgent", "GetRelaySecret",
                          GLib.Variant("(sa{sv})", ("general", details)), None, 0, 60000, None, self.on_said)

    def on_said(self, bus, result):
        self.emit("org.postbus.Test", "Said", GLib.Variant("(u)", (len(bus.call_finish(result).unpack()[0]),)))

    def manager_authorize(self, _parameters):
        return None

    def judge_viewer(self, short, method, invocation):
        """--challenge: looking takes a password, so whoever may not be asked is refused. --denied: always."""
        looks = method == "List" or (short, method) in (("Statistics", "Snapshot"), ("Manager", "Validate"),
                                                           ("History", "Search"))
        asks = invocation.get_message().get_flags() & Gio.DBusMessageFlags.ALLOW_INTERACTIVE_AUTHORIZATION
        if looks and (self.options.denied or (self.options.challenge and not asks)):
            raise Refusal("NotAuthorized", f"{PREFIX}view needs an administrator's password")

    def statistics_snapshot(self, _parameters):
        return GLib.Variant("(a{st})", ({"accepted": 12, "refused.relay": 3, "refused.helo": 7},))

    def manager_validate(self, _parameters):
        return GLib.Variant("(a(sss))", ([],))

    @staticmethod
    def message(number):
        """Every third one is held, every third one is deferred."""
        state = ("active", "deferred", "held")[number % 3]
        recipient = {"Address": GLib.Variant("s", f"rcpt{number}@example.net"), "State": GLib.Variant("s", state),
                     "Attempts": GLib.Variant("u", number % 3), "NextAttempt": GLib.Variant("t", 1 << 40),
                     "LastReply": GLib.Variant("s", "451 4.7.1 Greylisted" if state == "deferred" else "")}
        return {"Id": GLib.Variant("s", f"Q{number:06}"), "Sender": GLib.Variant("s", "ann@local.example"),
                "Arrival": GLib.Variant("t", 1000 + number), "Size": GLib.Variant("t", 1000),
                "State": GLib.Variant("s", state), "Client": GLib.Variant("s", "[192.0.2.1]"),
                "Recipients": GLib.Variant("aa{sv}", [recipient])}

    def queue_list(self, parameters):
        wanted, offset, limit = parameters.unpack()
        if limit > MAX_PAGE:
            raise Refusal("TooLarge", f"Queue.List: at most {MAX_PAGE} a call")
        found = [row for row in map(self.message, range(self.options.queue))
                 if row["State"].get_string() == wanted.get("State", row["State"].get_string())
                 and wanted.get("Search", "") in str(row)]
        return GLib.Variant("(uaa{sv})", (len(found), found[offset:offset + limit]))

    def queue_act(self, parameters):
        """Counts what is meant, and changes nothing."""
        selector = parameters.get_child_value(0).unpack()
        if not selector or len(selector.get("Ids", ())) > 10000:
            raise Refusal("InvalidValue" if not selector else "TooLarge", "Queue: the selector")
        if len(parameters.unpack()) > 1 and parameters.unpack()[1] == "no host":
            raise Refusal("InvalidValue", "Queue.Reroute: the target must be a host")
        found = [row for row in map(self.message, range(self.options.queue))
                 if row["State"].get_string() == selector.get("State", row["State"].get_string())
                 and selector.get("Search", "") in str(row)]
        self.emit(PREFIX + "Queue", "Changed", None)
        return GLib.Variant("(u)", (len(selector["Ids"]) if "Ids" in selector else len(found),))

    queue_hold = queue_release = queue_retry = queue_remove = queue_reroute = queue_act

    @staticmethod
    def queue_read(parameters):
        _, offset, length = parameters.unpack()
        text = b"Subject: long\r\n\r\n" + b"\xc3\xa9" * 100000
        return GLib.Variant("(tay)", (len(text), text[offset:offset + length]))

    @staticmethod
    def past(number):
        """Every seventh one was refused."""
        event = "refused" if number % 7 == 0 else "delivered"
        recipient = {"Address": GLib.Variant("s", f"m{number}@example.net"), "Original": GLib.Variant("s", ""),
                     "Event": GLib.Variant("s", event), "Check": GLib.Variant("s", "relay" if number % 7 == 0 else ""),
                     "Reply": GLib.Variant("s", "")}
        return {"Id": GLib.Variant("s", f"M{number}"), "Time": GLib.Variant("t", 1000 + number), "Event": GLib.Variant("s", event),
                "Client": GLib.Variant("s", "192.0.2.1"), "Sender": GLib.Variant("s", "ann@local.example"),
                "Recipients": GLib.Variant("aa{sv}", [recipient]), "RecipientCount": GLib.Variant("u", 1),
                "Size": GLib.Variant("t", 1000), "Check": recipient["Check"], "Reply": GLib.Variant("s", "")}

    def history_search(self, parameters):
        wanted, offset, limit = parameters.unpack()
        if limit > MAX_PAGE:
            raise Refusal("TooLarge", f"History.Search: at most {MAX_PAGE} a call")
        found = [row for row in map(self.past, range(1199, -1, -1))
                 if row["Event"].get_string() == wanted.get("Event", row["Event"].get_string())
                 and row["Check"].get_string() == wanted.get("Check", row["Check"].get_string())
                 and wanted.get("Text", "") in str(row)]
        return GLib.Variant("(uaa{sv})", (len(found), found[offset:offset + limit]))

    @staticmethod
    def history_trail(_parameters):
        line = {"Stage": GLib.Variant("s", "rcpt"), "Check": GLib.Variant("s", "relay"), "Outcome": GLib.Variant("s", "refused")}
        return GLib.Variant("(aa{sv})", ([line],))

    def changed(self, name):
        self.revision += 1
        self.emit(PREFIX + name, "Changed", GLib.Variant("(t)", (self.revision,)))
        self.emit_revision()

    def list_list(self, name, parameters):
        rows = self.lists[name]
        wanted, offset, limit = parameters.unpack()
        if limit > MAX_PAGE:
            raise Refusal("TooLarge", f"{name}.List: at most {MAX_PAGE} a call")
        found = rows.search(wanted.get("Search", ""))
        return GLib.Variant("(tuaa{sv})",
                            (self.revision, len(found), rows.with_positions(found[offset:offset + limit])))

    def list_get(self, name, parameters):
        rows = self.lists[name]
        return GLib.Variant("(a{sv})", rows.with_positions([rows.find(parameters.unpack()[0])]))

    def list_add(self, name, parameters):
        row = variants(parameters.get_child_value(0))
        if row.get("Name") and row["Name"].get_string() == "refused":
            raise Refusal("InvalidValue", f"{name}[new].Network: must be an IP address")
        row["Id"] = GLib.Variant("s", str(uuid.uuid4()))
        self.lists[name].rows.append(row)
        self.changed(name)
        return GLib.Variant("(s)", (row["Id"].get_string(),))

    def list_update(self, name, parameters):
        self.lists[name].find(parameters.get_child_value(0).get_string()).update(
            variants(parameters.get_child_value(1)))
        self.changed(name)

    def list_remove(self, name, parameters):
        rows = self.lists[name]
        gone = [rows.find(row_id) for row_id in parameters.unpack()[0]]
        rows.rows = [row for row in rows.rows if row not in gone]
        self.changed(name)

    def list_move(self, name, parameters):
        row_id, position = parameters.unpack()
        rows = self.lists[name]
        row = rows.find(row_id)
        rows.rows.remove(row)
        rows.rows.insert(position, row)
        self.changed(name)

    def list_replace(self, name, parameters):
        given = parameters.get_child_value(0)
        rows = [variants(given.get_child_value(i)) for i in range(given.n_children())]
        for row in rows:
            row.setdefault("Id", GLib.Variant("s", str(uuid.uuid4())))
        self.lists[name].rows = rows
        self.changed(name)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--bus", required=True)
    parser.add_argument("--interfaces", required=True, nargs="+", type=pathlib.Path)
    parser.add_argument("--newer", action="store_true")
    parser.add_argument("--old", action="store_true")
    parser.add_argument("--without", default="", metavar="INTERFACE,...")
    parser.add_argument("--challenge", action="store_true")
    parser.add_argument("--denied", action="store_true")
    parser.add_argument("--asking", action="store_true")
    parser.add_argument("--queue", type=int, default=0, metavar="MESSAGES")
    options = parser.parse_args()
    flags = Gio.DBusConnectionFlags
    bus = Gio.DBusConnection.new_for_address_sync(
        options.bus, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
    loop = GLib.MainLoop()
    bus.set_exit_on_close(False)
    bus.connect("closed", lambda *_: loop.quit())
    daemon = Daemon(bus, options)
    Gio.bus_own_name_on_connection(bus, NAME, Gio.BusNameOwnerFlags.NONE,
                                   lambda *_: print("ready", flush=True), lambda *_: loop.quit())
    loop.run()
    return 0 if daemon else 1


if __name__ == "__main__":
    sys.exit(main())

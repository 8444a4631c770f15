# SPDX-License-Identifier: GPL-3.0-or-later
"""The application as a screen reader gets it: AT-SPI spoken over its own bus.

GTK answers one call with all it shows (role, name, description, states, parent of each widget), so a
test looks at a whole tree at a time; libatspi's cache, which can be behind, is not used.
"""
import collections

from gi.repository import Gio, GLib

A11Y = "org.a11y.atspi."
ROOT = "/org/a11y/atspi/accessible/root"
REGISTRY = A11Y + "Registry"
# dbus-daemon refuses more than 128 calls that wait for their answer.
MOST_UNDER_WAY = 100

# From AT-SPI's AtspiStateType: those that are looked at here. GTK 4.8 says "invalid" (0) where "invalid
# entry" (36) is meant.
STATES = {"active": 1, "checked": 4, "editable": 7, "enabled": 8, "expandable": 9, "expanded": 10,
          "focusable": 11, "focused": 12, "pressed": 20, "selectable": 22, "selected": 23, "sensitive": 24,
          "showing": 25, "visible": 30, "invalid": 0}
# GTK's roles as AT-SPI's numbers: a switch is a check box there, an entry a text.
ROLES = {7: "switch", 11: "combo box", 16: "dialog", 23: "window", 27: "image", 29: "label", 31: "list",
         32: "list item", 33: "menu", 35: "menu item", 37: "page tab", 39: "group", 40: "password", 42: "progress bar",
         43: "button", 44: "radio button", 48: "scroll bar", 49: "scroll pane", 50: "separator",
         52: "spin button", 61: "text box", 62: "toggle button", 69: "window", 75: "application",
         79: "search box", 20: "widget"}


def is_gone(error):
    """Whether that GLib.Error says that the widget that was called is not there any more, so that nothing was done."""
    return any(error.matches(Gio.dbus_error_quark(), code) for code in (Gio.DBusError.UNKNOWN_METHOD, Gio.DBusError.UNKNOWN_OBJECT))


class Node:
    """A widget as it was when the tree was read."""

    def __init__(self, item):
        (_, self.path), _, (_, self.parent_path), self.index, self.n_children, self.interfaces, self.name, role, \
            self.description, states = item
        self.role_number = role
        self.bits = states[0] | states[1] << 32
        self.parent, self.children = None, []
        self.look = None  # finds it again, None while it is not there; set by who found it
        self.role = ROLES.get(role, str(role))

    def has(self, state):
        return bool(self.bits >> STATES[state] & 1)

    def can(self, interface):
        return A11Y + interface in self.interfaces

    def ancestors(self):
        node = self.parent
        while node is not None:
            yield node
            node = node.parent

    def window(self):
        """The window or dialog it is in."""
        node = self
        while node.parent is not None and node.parent.role != "application":
            node = node.parent
        return node

    def descendants(self):
        """In the order of the tree, itself first."""
        waiting = collections.deque([self])
        while waiting:
            node = waiting.popleft()
            yield node
            waiting.extendleft(reversed(node.children))

    def find(self, role=None, name=None, text=None):
        """Those below it of that role, of exactly that name, or with that text in the name."""
        return [node for node in self.descendants()
                if (role is None or node.role == role) and (name is None or node.name == name)
                and (text is None or text in node.name)]

    def words(self):
        """All labels below it, in order."""
        return [node.name for node in self.descendants() if node.role == "label"]

    def dump(self, depth=0):
        states = " ".join(name for name in STATES if self.has(name))
        lines = [f"{'  ' * depth}{self.role} {self.name!r} {self.description!r} {states}"]
        return "\n".join(lines + [child.dump(depth + 1) for child in self.children])

    def __repr__(self):
        return f"<{self.role} {self.name!r}>"


class Reader:
    """Reads the trees of the applications on an accessibility bus, and acts on their widgets."""

    def __init__(self, address):
        flags = Gio.DBusConnectionFlags
        self.bus = Gio.DBusConnection.new_for_address_sync(
            address, flags.AUTHENTICATION_CLIENT | flags.MESSAGE_BUS_CONNECTION, None, None)
        self.bus.set_exit_on_close(False)
        self.stirred = False
        self.bus.signal_subscribe(None, None, None, None, None, Gio.DBusSignalFlags.NONE, self.on_signal)

    def close(self):
        self.bus.close_sync(None)

    def on_signal(self, *_signal):
        self.stirred = True

    def call(self, destination, path, interface, method, arguments=None):
        return self.bus.call_sync(destination, path, interface, method, arguments, None,
                                  Gio.DBusCallFlags.NO_AUTO_START, 120_000, None).unpack()

    def listen(self):
        """Tells the registry that events are wanted; false while it is not there yet."""
        owned, = self.call("org.freedesktop.DBus", "/", "org.freedesktop.DBus", "NameHasOwner",
                           GLib.Variant("(s)", (REGISTRY,)))
        if owned:
            for kind in ("object:", "window:"):
                self.call(REGISTRY, "/org/a11y/atspi/registry", REGISTRY, "RegisterEvent",
                          GLib.Variant("(sass)", (kind, [], "")))
        return owned

    def applications(self):
        """The bus names of the applications that have come."""
        kids, = self.call(REGISTRY, ROOT, A11Y + "Accessible", "GetChildren")
        return [name for name, _ in kids]

    def toplevels(self, name):
        """The application's windows in their order, without what they show."""
        items = self.read_items(name).values()
        return sorted((node for node in items if node.parent_path == ROOT), key=lambda node: node.index)

    def children(self, name, path):
        """Those of one widget, as nodes that know their ancestors but not what is below them; None while
        it is not there. Far cheaper than the whole tree."""
        try:
            kids = [child for _, child in self.call(name, path, A11Y + "Accessible", "GetChildren")[0]]
        except GLib.Error:
            return None
        items = self.read_items(name)
        for node in items.values():
            node.parent = items.get(node.parent_path)
        return [items[child] for child in kids] if all(child in items for child in kids) else None

    def read(self, name):
        """The application's tree; None while it has none."""
        known_children = {}
        while True:
            nodes = self.read_items(name)
            if ROOT not in nodes:
                return None
            # GTK lists the widgets that somebody has asked for, hidden ones among them. So each is asked
            # who its children are, which makes those that were missing.
            # Of those that have any: to ask every label doubles the time.
            unasked = [path for path, node in nodes.items()
                       if path not in known_children and (node.n_children > 0 or path == ROOT)]
            answers = self.call_all(name, unasked, A11Y + "Accessible", "GetChildren")
            known_children.update({path: [child for _, child in children] for path, (children,) in answers.items()})
            if all(child in nodes for path in answers for child in known_children[path]):
                break
        for path, children in known_children.items():
            if path in nodes:
                nodes[path].children = [nodes[child] for child in children if child in nodes]
                for child in nodes[path].children:
                    child.parent = nodes[path]
        return nodes[ROOT]

    def read_items(self, name):
        try:
            items, = self.call(name, "/org/a11y/atspi/cache", A11Y + "Cache", "GetItems")
        except GLib.Error:
            return {}
        return {item[0][1]: Node(item) for item in items}

    def call_all(self, name, paths, interface, method):
        """The same call to many widgets, many on their way at once; those that are gone are left out."""
        answers, waiting, under_way = {}, collections.deque(paths), 0

        def on_answer(connection, result, path):
            nonlocal under_way
            under_way -= 1
            try:
                answers[path] = connection.call_finish(result).unpack()
            except GLib.Error:
                pass
        while waiting or under_way > 0:
            while waiting and under_way < MOST_UNDER_WAY:
                path = waiting.popleft()
                under_way += 1
                self.bus.call(name, path, interface, method, None, None, Gio.DBusCallFlags.NO_AUTO_START, 120_000,
                              None, on_answer, path)
            GLib.MainContext.default().iteration(True)
        return answers

    def wait(self, predicate, what, seconds=120):
        """Until predicate() gives something true, which is returned. Looked at anew whenever something
        stirs on the bus, and from time to time, since GTK does not tell of everything."""
        context = GLib.MainContext.default()
        end = GLib.get_monotonic_time() + seconds * 1_000_000
        while True:
            self.stirred = False
            value = predicate()
            if value:
                return value
            if GLib.get_monotonic_time() > end:
                raise AssertionError(f"waited {seconds} s in vain for {what}")
            timer = GLib.timeout_source_new(250)
            timer.set_callback(self.on_signal)
            timer.attach(context)
            while not self.stirred:
                context.iteration(True)
            timer.destroy()
            # One look for a burst of signals.
            while context.iteration(False):
                pass

    # ---- acting ----

    def act(self, name, node, index=0):
        done, = self.call(name, node.path, A11Y + "Action", "DoAction", GLib.Variant("(i)", (index,)))
        assert done, f"{node} did not act"

    def actions(self, name, node):
        return self.call(name, node.path, A11Y + "Action", "GetActions")[0]

    def set_text(self, name, node, text):
        done, = self.call(name, node.path, A11Y + "EditableText", "SetTextContents", GLib.Variant("(s)", (text,)))
        assert done, f"{node} did not take the text"

    def text(self, name, node):
        return self.call(name, node.path, A11Y + "Text", "GetText", GLib.Variant("(ii)", (0, 1 << 20)))[0]

    def value(self, name, node):
        return self.call(name, node.path, "org.freedesktop.DBus.Properties", "Get",
                         GLib.Variant("(ss)", (A11Y + "Value", "CurrentValue")))[0]

    def set_value(self, name, node, value):
        self.call(name, node.path, "org.freedesktop.DBus.Properties", "Set",
                  GLib.Variant("(ssv)", (A11Y + "Value", "CurrentValue", GLib.Variant("d", value))))

    def extents(self, name, node):
        """(x, y, width, height) in its window; one that is gone takes no room."""
        in_window = 1
        try:
            return self.call(name, node.path, A11Y + "Component", "GetExtents", GLib.Variant("(u)", (in_window,)))[0]
        except GLib.Error as error:
            if not is_gone(error):
                raise
            return 0, 0, 0, 0

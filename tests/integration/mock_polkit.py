# SPDX-License-Identifier: GPL-3.0-or-later
"""A polkit authority whose answers, delays and silences a test decides, in a thread of its own."""
import threading

from gi.repository import Gio, GLib

NAME = "org.freedesktop.PolicyKit1"
PATH = "/org/freedesktop/PolicyKit1/Authority"

INTERFACE = """<node><interface name="org.freedesktop.PolicyKit1.Authority">
  <method name="CheckAuthorization">
    <arg name="subject" type="(sa{sv})" direction="in"/><arg name="action_id" type="s" direction="in"/>
    <arg name="details" type="a{ss}" direction="in"/><arg name="flags" type="u" direction="in"/>
    <arg name="cancellation_id" type="s" direction="in"/>
    <arg name="result" type="(bba{ss})" direction="out"/>
  </method>
  <method name="CancelCheckAuthorization"><arg name="cancellation_id" type="s" direction="in"/></method>
</interface></node>"""

YES = (True, False)
NO = (False, False)
CHALLENGE = (False, True)
ERROR = "error"
SILENCE = "silence"


class Question:
    """One CheckAuthorization as it came in."""

    def __init__(self, parameters, invocation):
        (self.kind, details), self.action, _, self.flags, self.cancellation = parameters.unpack()
        self.caller = details.get("name")
        self.interactive = bool(self.flags & 1)
        self.invocation = invocation
        self.gone_at_answer = None


class MockPolkit:
    """decide(question) returns an answer, or (answer, milliseconds). All of it runs in the thread."""

    def __init__(self, address, decide=lambda question: YES):
        self.address = address
        self.decide = decide
        self.questions = []
        self.cancelled = []
        self.gone = set()
        self.context = GLib.MainContext.new()
        self.loop = GLib.MainLoop.new(self.context, False)
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        assert self.ready.wait(240), "the authority did not come up"

    def run(self):
        self.context.push_thread_default()
        self.connection = Gio.DBusConnection.new_for_address_sync(
            self.address, Gio.DBusConnectionFlags.AUTHENTICATION_CLIENT
            | Gio.DBusConnectionFlags.MESSAGE_BUS_CONNECTION, None, None)
        self.connection.set_exit_on_close(False)
        self.connection.signal_subscribe("org.freedesktop.DBus", "org.freedesktop.DBus", "NameOwnerChanged",
                                         "/org/freedesktop/DBus", None, 0, self.on_owner_changed)
        interface = Gio.DBusNodeInfo.new_for_xml(INTERFACE).interfaces[0]
        self.connection.register_object(PATH, interface, self.on_call, None, None)
        self.connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                                  "RequestName", GLib.Variant("(su)", (NAME, 4)), None, 0, -1, None)
        self.ready.set()
        self.loop.run()
        self.connection.close_sync(None)
        self.context.pop_thread_default()

    def on_owner_changed(self, *arguments):
        name, _, new_owner = arguments[5].unpack()
        if not new_owner:
            self.gone.add(name)

    def on_call(self, _connection, _sender, _path, _interface, method, parameters, invocation):
        if method == "CancelCheckAuthorization":
            self.cancelled.append(parameters.unpack()[0])
            invocation.return_value(None)
            return
        question = Question(parameters, invocation)
        answer = self.decide(question)
        delay = 0
        if isinstance(answer, tuple) and not isinstance(answer[0], bool):
            answer, delay = answer
        self.questions.append(question)
        if answer == SILENCE:
            return
        if delay:
            self.later(delay, self.answer, question, answer)
        else:
            self.answer(question, answer)

    def later(self, delay, function, *arguments):
        source = GLib.timeout_source_new(delay)
        source.set_callback(lambda *_: function(*arguments) and False)
        source.attach(self.context)

    def answer(self, question, answer):
        question.gone_at_answer = question.caller in self.gone
        if answer == ERROR:
            question.invocation.return_dbus_error("org.freedesktop.PolicyKit1.Error.Failed", "out of order")
        else:
            question.invocation.return_value(GLib.Variant("((bba{ss}))", ((*answer, {}),)))

    def answer_all(self, answer):
        """Answers what was met with silence so far; returns when all of it is sent."""
        done = threading.Event()

        def run():
            for question in self.questions:
                if question.gone_at_answer is None:
                    self.answer(question, answer)
            self.connection.flush_sync(None)
            done.set()
        self.later(1, run)
        assert done.wait(240)

    def stop(self):
        """Leaves the bus, whatever is still unanswered."""
        if self.thread.is_alive():
            self.loop.quit()
            self.thread.join(240)

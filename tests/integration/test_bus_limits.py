# SPDX-License-Identifier: GPL-3.0-or-later
"""What the bus may bring that it should not: each is answered by its named error in one line, nothing
has changed, and the daemon goes on. Also changes that must be confirmed, and many callers at once."""
import json
import os
import pathlib
import re
import socket
import time

import bus
import mock_polkit
import stranger
from bus import NAME, PATH, BusError, variants
from clock import Clock
from gi.repository import Gio, GLib
from harness import PROGRAM, wait_for

MIB = 1024 * 1024
APPLY = "(a{sa{sv}}a{sv})"


def state_of(bed):
    """All that a refused call must leave as it was."""
    [text] = bed.api.call("Manager", "Export")
    return bed.api.get("Manager", "Revision"), text


def refused(bed, name, text, function, *arguments, **options):
    """The call gives this error, its one line begins with text, and nothing has changed."""
    before = state_of(bed)
    try:
        function(*arguments, **options)
    except BusError as error:
        assert error.name == name, (error.name, error.text[:500])
        assert error.text.startswith(text) and "\n" not in error.text and len(error.text) < 500, error.text[:500]
        bed.postbusd.check_alive()
        assert state_of(bed) == before
        return error.text
    raise AssertionError(f"{text}: was let through")


def apply(bed, changes, **options):
    kinds = {bool: "b", str: "s", list: "as", int: "u"}
    values = {interface: {name: GLib.Variant(kinds[type(value)], value) for name, value in names.items()}
              for interface, names in changes.items()}
    return bed.api.call("Manager", "Apply", APPLY, values, options)[0]


def u(value):
    return GLib.Variant("u", value)


def t(value):
    return GLib.Variant("t", value)


def test_unknown_keys(bed):
    bed.start()
    for changes, text in (({"General": {"NoSuch": 1}}, "General.NoSuch: "), ({"NoSuch": {"MaxHops": 50}}, "NoSuch"),
                          ({"General": {"": 1}}, "General."), ({"Manager": {"Revision": 1}}, "Manager"),
                          ({"": {"": 1}}, ""), ({"General": {"MaxHops\nx": 1}}, "General."),
                          ({"TrustedList": {"Network": "::1"}}, "TrustedList")):
        refused(bed, "UnknownSetting", text, apply, bed, changes)
    for option in ({"NoSuch": t(1)}, {"IfRevision": u(1)}, {"DryRun": u(1)}, {"ConfirmTimeout": t(9)}, {"ConfirmTimeout": u(3601)}):
        refused(bed, "InvalidValue", "Apply.", apply, bed, {"General": {"MaxHops": 50}}, **option)
    refused(bed, "InvalidValue", "TrustedList.List: ", bed.api.rows, "TrustedList", NoSuch="x")
    refused(bed, "InvalidValue", "Queue.List.", bed.api.rows, "Queue", NoSuch="x")


def test_one_bad_of_two_changes_nothing(bed):
    bed.start()
    refused(bed, "InvalidValue", "General.MaxHops: must be between 5 and 255", apply, bed,
            {"General": {"MaxRecipients": 500, "MaxHops": 4}})
    refused(bed, "InvalidValue", "Delivery.Mode: ", apply, bed, {"General": {"MaxHops": 50}, "Delivery": {"Mode": "banana"}})
    refused(bed, "UnknownSetting", "General.NoSuch: ", apply, bed, {"General": {"MaxHops": 50, "NoSuch": 1}})
    good, bad = variants({"Name": "x", "Network": "192.0.2.1"}), variants({"Name": "x", "Network": "banana"})
    refused(bed, "InvalidValue", "TrustedList[", bed.api.call, "TrustedList", "Replace", "(aa{sv})", [good, bad])
    [row] = bed.api.rows("TrustedList")
    refused(bed, "NotFound", "TrustedList[", bed.api.call, "TrustedList", "Remove", "(as)", [row["Id"], "no such row"])
    text = json.dumps({"Format": "postbus-settings", "Version": 1, "Settings": {"General": {"MaxHops": 50}},
                       "Lists": {"TrustedList": [{"Name": "x", "Network": "banana"}]}})
    refused(bed, "InvalidValue", "TrustedList[", bed.api.call, "Manager", "Import", "(sa{sv})", text, {})


def test_cross_checks(bed):
    """What would harm is refused, in whichever order it comes; what is merely wrong is reported."""
    bed.start()
    refused(bed, "InvalidValue", "Delivery.RelayTls: ", apply, bed, {"Delivery": {"RelayAuth": True, "RelayTls": "off"}})
    bed.api.set("Delivery", "RelayAuth", "b", True)
    refused(bed, "InvalidValue", "Delivery.RelayTls: ", bed.api.set, "Delivery", "RelayTls", "s", "off")
    bed.api.set("Delivery", "RelayAuth", "b", False)
    bed.api.set("Delivery", "RelayTls", "s", "off")
    refused(bed, "InvalidValue", "Delivery.RelayTls: ", bed.api.set, "Delivery", "RelayAuth", "b", True)
    long_name = ".".join(["x" * 60] * 4)
    refused(bed, "InvalidValue", "General.Banner: ", apply, bed, {"General": {"Hostname": long_name, "Banner": "x" * 400}})

    def findings():
        return {(place, severity) for place, severity, _ in bed.api.call("Manager", "Validate")[0]}
    quiet = findings()
    apply(bed, {"Delivery": {"Mode": "relay"}, "General": {"MaxRecipients": 50}, "Antivirus": {"Policy": "watch"}})
    assert findings() - quiet >= {("Delivery.RelayServer", "problem"), ("General.MaxRecipients", "warning"),
                                  ("Antivirus.Address", "problem")}, findings()
    revision = bed.api.get("Manager", "Revision")
    assert apply(bed, {"General": {"MaxHops": 50}}, DryRun=GLib.Variant("b", True)) == revision
    assert bed.api.get("General", "MaxHops") == 100 and bed.api.get("Manager", "Revision") == revision
    refused(bed, "InvalidValue", "General.MaxHops: ", apply, bed, {"General": {"MaxHops": 4}}, DryRun=GLib.Variant("b", True))


def test_stale_revision(bed):
    bed.start()
    old = bed.api.get("Manager", "Revision")
    bed.api.set("General", "MaxHops", "u", 50)
    for revision in (old, old - 1, old + 2, 2**64 - 1):
        refused(bed, "Conflict", "IfRevision: ", apply, bed, {"General": {"MaxHops": 60}}, IfRevision=t(revision))
    text = bed.api.call("Manager", "Export")[0].replace('"MaxHops" : 50', '"MaxHops" : 51')
    refused(bed, "Conflict", "IfRevision: ", bed.api.call, "Manager", "Import", "(sa{sv})", text, {"IfRevision": t(old)})
    apply(bed, {"General": {"MaxHops": 60}}, IfRevision=t(old + 1))
    for revision in (old + 3, 2**64 - 1):
        refused(bed, "NotFound", "Revert: ", bed.api.call, "Manager", "Revert", "(t)", revision)


def test_huge_arguments(bed):
    """31 MiB in every place that takes a string: refused in a line that does not repeat it."""
    bed.start()
    huge = "x" * (31 * MIB)
    refused(bed, "InvalidValue", "General.Banner: must", bed.api.set, "General", "Banner", "s", huge)
    refused(bed, "UnknownSetting", "", apply, bed, {huge: {"MaxHops": 50}})
    refused(bed, "UnknownSetting", "General.", apply, bed, {"General": {huge: 50}})
    refused(bed, "InvalidValue", "General.ExternalPostmasters: ", apply, bed, {"General": {"ExternalPostmasters": [huge]}})
    refused(bed, "InvalidValue", "TrustedList[", bed.api.add, "TrustedList", Name=huge, Network="192.0.2.1")
    refused(bed, "InvalidValue", "TrustedList[", bed.api.add, "TrustedList", Name="x", Network="192.0.2.1", **{huge: 1})
    refused(bed, "NotFound", "TrustedList[", bed.api.call, "TrustedList", "Get", "(s)", huge)
    refused(bed, "NotFound", "TrustedList[", bed.api.call, "TrustedList", "Move", "(su)", huge, 0)
    refused(bed, "InvalidValue", "TrustedList.", bed.api.rows, "TrustedList", **{huge: "x"})
    refused(bed, "InvalidValue", "Authorize: ", bed.api.call, "Manager", "Authorize", "(as)", [huge])
    refused(bed, "TooLarge", "Import: ", bed.api.call, "Manager", "Import", "(sa{sv})", huge, {})
    assert bed.api.rows("TrustedList", Search=huge) == []


def test_bad_imports(bed):
    bed.start()
    [text] = bed.api.call("Manager", "Export")

    def load(name, place, wrong):
        return refused(bed, name, place, bed.api.call, "Manager", "Import", "(sa{sv})", wrong, {})

    for length in range(0, len(text) - 2, max(1, len(text) // 60)):
        load("InvalidValue", "Import: ", text[:length])
    for wrong in ("null", "[]", "3", "{}", '{"Format": "other", "Version": 1}', '{"Format": "postbus-settings", "Version": 2}',
                  '{"Format": "postbus-settings", "Version": 1, "Settings": []}', "[" * 5 * MIB, '{"a":' * MIB,
                  '/*"*/' + "[" * 5 * MIB, "'\"'" + "[" * 5 * MIB, '//"\n' + "[" * 5 * MIB, '#"\n' + "[" * 5 * MIB,
                  '{"Format": "postbus-settings", "Version": 1, "Extra": 1}', '{"Format": null}'):
        load("InvalidValue", "Import: ", wrong)
    head = '{"Format": "postbus-settings", "Version": 1, '
    load("UnknownSetting", "General.NoSuch: ", head + '"Settings": {"General": {"NoSuch": 1}}}')
    load("UnknownSetting", "NoSuch", head + '"Settings": {"NoSuch": {"MaxHops": 1}}}')
    load("UnknownSetting", "NoSuch: ", head + '"Lists": {"NoSuch": []}}')
    load("UnknownSetting", "TrustedList[0].Colour: ", head + '"Lists": {"TrustedList": [{"Colour": "red"}]}}')
    for value in ('"50"', "50.5", "-1", "4294967296", "1e2", "null", "[50]", "true", "99999999999999999999999"):
        load("InvalidValue", "General.MaxHops: ", head + '"Settings": {"General": {"MaxHops": ' + value + "}}}")
    load("InvalidValue", "General.MaxHops: must be between 5 and 255", head + '"Settings": {"General": {"MaxHops": 4}}}')
    for control in ("\x01", "\x1b", "\x7f", "\u0085", "\u2028"):
        words = load("InvalidValue", "Import: ", head + control + "nosuch" + control)
        assert control not in words and words.isprintable(), words
    for value in ("a\\u0000b", "a\\r\\nb", "\\u0007", "\\ud800", "\\udc00\\ud800", "\\u2028", "\\u00e9"):
        load("InvalidValue", "", head + '"Settings": {"General": {"Banner": "' + value + '"}}}')
    load("InvalidValue", "", head + '"Settings": {"General": {"Ban\\u0000ner": "x"}}}')
    twice = '{"Id": "11111111-1111-4111-8111-111111111111", "Name": "a", "Network": "192.0.2.1"}'
    load("Conflict", "TrustedList[", head + '"Lists": {"TrustedList": [' + twice + ", " + twice + "]}}")


def memory(bed):
    """The daemon's resident set in octets."""
    with open(f"/proc/{bed.postbusd.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_million_rows(bed):
    """Refused, and the memory they took is there for the next such call, or for others."""
    # AddressSanitizer keeps freed memory back, as much of it as chance has it, which is no leak: have it give that back at once.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + (
        ":quarantine_size_mb=1:thread_local_quarantine_size_kb=64:allocator_release_to_os_interval_ms=100")
    os.environ["G_SLICE"] = "always-malloc"  # as the unit file has it
    bed.start()
    quiet = memory(bed)
    row = GLib.Variant("a{sv}", {"N": GLib.Variant("s", "x")})
    rows = GLib.Variant.new_tuple(GLib.Variant.new_array(GLib.VariantType.new("a{sv}"), [row] * 1000000))
    del row
    ids = GLib.Variant("(as)", (["x"] * 1000000,))
    refused(bed, "TooLarge", "TrustedList.Remove: at most 10000", bed.api.raw_call, NAME + ".TrustedList", "Remove", ids,
            seconds=250)

    def send():
        refused(bed, "TooLarge", "TrustedList.Replace: at most 10000", bed.api.raw_call, NAME + ".TrustedList", "Replace", rows,
                seconds=250)
        return memory(bed)
    send()
    send()
    # What a call took (half a gigabyte and more) is freed behind its answer, sooner or later; what leaks stays.
    wait_for(lambda: memory(bed) < quiet + 384 * MIB, "the memory of two calls to be freed")
    if b"__asan_init" not in pathlib.Path(PROGRAM).read_bytes():
        wait_for(lambda: memory(bed) < quiet + 64 * MIB, "the memory to be given back")
    refused(bed, "TooLarge", "TrustedList.List: at most 500", bed.api.rows, "TrustedList", 0, 501)
    assert bed.api.rows("TrustedList", 4294967295, 500) == []


def raw_connection(bed):
    """A socket that has said Hello to the bus, and its unique name's reply read."""
    path = re.search(r"path=([^,]*)", bed.bus.address).group(1)
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(240)
    link.connect(path)
    link.sendall(b"\0AUTH EXTERNAL " + str(os.getuid()).encode().hex().encode() + b"\r\n")
    assert link.recv(4096).startswith(b"OK ")
    link.sendall(b"BEGIN\r\n")
    hello = Gio.DBusMessage.new_method_call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello")
    hello.set_serial(1)
    link.sendall(bytes(hello.to_blob(Gio.DBusCapabilityFlags.NONE)))
    assert link.recv(4096)
    return link


def test_invalid_utf8(bed):
    """The bus cuts off who sends it; the daemon never sees it."""
    bed.start()
    before = state_of(bed)
    for broken in (b"\xff\xfe\xfd\xfc", b"\xc0\x80\xc0\x80", b"\xed\xa0\x80x", b"a\x00bc", b"\xf5\x80\x80\x80"):
        for method, arguments in (("Add", GLib.Variant("(a{sv})", (variants({"Name": "QQQQ", "Network": "192.0.2.1"}),))),
                                  ("Get", GLib.Variant("(s)", ("QQQQ",)))):
            link = raw_connection(bed)
            message = Gio.DBusMessage.new_method_call(NAME, PATH, NAME + ".TrustedList", method)
            message.set_serial(2)
            message.set_body(arguments)
            link.sendall(bytes(message.to_blob(Gio.DBusCapabilityFlags.NONE)).replace(b"QQQQ", broken))
            received = b""
            try:
                while chunk := link.recv(65536):
                    received += chunk
            except ConnectionResetError:
                pass
            assert b"Error" not in received or NAME.encode() + b".Error" not in received, received
            link.close()
            bed.postbusd.check_alive()
    assert state_of(bed) == before


def test_apply_waits_for_confirm(bed):
    bed.start()
    first = bed.api.get("Manager", "Revision")
    waiting = apply(bed, {"General": {"MaxHops": 50}}, ConfirmTimeout=u(600))
    assert waiting > first and bed.api.get("General", "MaxHops") == 50
    refused(bed, "Busy", "Apply: ", apply, bed, {"General": {"MaxHops": 60}})
    refused(bed, "Busy", "", apply, bed, {"General": {"MaxHops": 60}}, ConfirmTimeout=u(9))
    refused(bed, "NotFound", "Confirm: ", bed.api.call, "Manager", "Confirm", "(t)", first)
    refused(bed, "NotFound", "Confirm: ", bed.api.call, "Manager", "Confirm", "(t)", waiting + 1)
    bed.api.call("Manager", "Confirm", "(t)", waiting)
    assert bed.api.get("General", "MaxHops") == 50
    refused(bed, "NotFound", "Confirm: ", bed.api.call, "Manager", "Confirm", "(t)", waiting)
    bed.api.set("General", "MaxHops", "u", 60)
    bed.postbusd.kill()
    bed.postbusd.start()
    assert bed.api.get("General", "MaxHops") == 60


def test_confirmed_is_kept_over_a_restart(bed):
    clock = Clock(bed)
    bed.start()
    waiting = apply(bed, {"General": {"MaxHops": 50}, "Delivery": {"RelayPort": 2525}}, ConfirmTimeout=u(600))
    bed.api.call("Manager", "Confirm", "(t)", waiting)
    # The timer must not act: one that is due behind it does.
    apply(bed, {"General": {"MaxRecipients": 77}}, ConfirmTimeout=u(1200))
    clock.pass_time(1201)
    wait_for(lambda: bed.api.get("General", "MaxRecipients") != 77, "the roll-back of what came later")
    assert bed.api.get("General", "MaxHops") == 50
    bed.postbusd.restart()
    assert bed.api.get("General", "MaxHops") == 50 and bed.api.get("Delivery", "RelayPort") == 2525


def test_unconfirmed_is_taken_back_by_the_timer(bed):
    bed.start()
    apply(bed, {"General": {"MaxHops": 50, "ExternalPostmasters": ["a@example.org"]}}, ConfirmTimeout=u(1))
    wait_for(lambda: bed.api.get("General", "MaxHops") == 100, "the roll-back")
    assert bed.api.get("General", "ExternalPostmasters") == []
    [row] = bed.api.call("Manager", "Revisions", "(uu)", 0, 1)[1]
    assert row["What"] == "rolled back, not confirmed" and "General.MaxHops" in row["Changes"], row
    bed.api.set("General", "MaxHops", "u", 60)
    bed.postbusd.restart()
    assert bed.api.get("General", "MaxHops") == 60


def test_unconfirmed_is_taken_back_by_a_restart(bed):
    bed.start()
    for stop in (bed.postbusd.kill, bed.postbusd.stop):
        apply(bed, {"General": {"MaxHops": 50}, "Delivery": {"RelayServer": "192.0.2.1", "Mode": "relay"}}, ConfirmTimeout=u(600))
        stop()
        bed.postbusd.start()
        wait_for(lambda: bed.api.get("General", "MaxHops") == 100, "the roll-back")
        assert bed.api.get("Delivery", "Mode") == "direct" and bed.api.get("Delivery", "RelayServer") == ""
        apply(bed, {"General": {"MaxHops": 60}})
        apply(bed, {"General": {"MaxHops": 100}})


def test_fifty_callers_at_once(bed):
    """All are taken, one after the other: each gets a revision of its own, and the last one holds."""
    bed.start()
    context = GLib.MainContext.default()
    first = bed.api.get("Manager", "Revision")
    callers = [bus.Api(bed.bus.address) for _ in range(50)]
    revisions, announced = {}, []
    bed.api.connection.signal_subscribe(
        NAME, "org.freedesktop.DBus.Properties", "PropertiesChanged", PATH, NAME + ".Manager", 0,
        lambda *arguments: announced.append(arguments[-1].unpack()[1].get("Revision")))
    for number, api in enumerate(callers):
        changes = {"General": {"MaxRecipients": u(2000 + number)}, "Delivery": {"RelayPort": u(3000 + number)}}
        api.connection.call(NAME, PATH, NAME + ".Manager", "Apply", GLib.Variant(APPLY, (changes, {})), None, 0, 240000, None,
                            lambda connection, result, number=number:
                            revisions.__setitem__(number, connection.call_finish(result).unpack()[0]))
    wait_for(lambda: context.iteration(False) and False or len(revisions) == 50, "fifty answers", tick=0.001)
    assert sorted(revisions.values()) == list(range(first + 1, first + 51)), sorted(revisions.values())
    last = max(revisions, key=revisions.get)
    assert bed.api.get("General", "MaxRecipients") == 2000 + last and bed.api.get("Delivery", "RelayPort") == 3000 + last
    assert bed.api.get("Manager", "Revision") == first + 50
    wait_for(lambda: context.iteration(False) and False or (first + 50) in announced, "the last announcement", tick=0.001)
    assert announced == sorted(announced), announced
    kept = [row["Revision"] for row in bed.api.call("Manager", "Revisions", "(uu)", 0, 100)[1]]
    assert kept[:50] == list(range(first + 50, first, -1)), kept
    for api in callers:
        api.close()


def test_a_hundred_revisions_are_kept(bed):
    bed.start()
    for number in range(120):
        bed.api.set("General", "MaxRecipients", "u", 1001 + number)
    last = bed.api.get("Manager", "Revision")
    total, rows = bed.api.call("Manager", "Revisions", "(uu)", 0, 4294967295)
    assert total == 100 and [row["Revision"] for row in rows] == list(range(last, last - 100, -1))
    assert {row["Who"] for row in rows} == {f"uid {os.getuid()}"}
    assert all(row["Changes"] == ["General.MaxRecipients"] and abs(row["Time"] - time.time()) < 600 for row in rows)
    assert bed.api.call("Audit", "List", "(uu)", 0, 100) == (100, rows)
    assert bed.api.call("Manager", "Revisions", "(uu)", 99, 10) == (100, rows[99:])
    assert bed.api.call("Manager", "Revisions", "(uu)", 4294967295, 10) == (100, [])
    bed.api.call("Manager", "Revert", "(t)", last - 50)
    assert bed.api.get("General", "MaxRecipients") == 1001 + 119 - 50
    refused(bed, "NotFound", "Revert: ", bed.api.call, "Manager", "Revert", "(t)", last - 110)


class Waiting:
    """Calls of a user with no rights, whose polkit says nothing; what becomes of each is kept."""

    def __init__(self, bed):
        stranger.need_root()
        polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: mock_polkit.SILENCE)
        bed.on_close(polkit.stop)
        self.apis = [stranger.connect(bed) for _ in range(6)]  # the bus itself has a bound for one connection
        self.called = 0
        self.ends = []

    def call(self, interface, method, arguments, descriptors=()):
        self.called += 1
        self.call_on(self.apis[self.called % len(self.apis)], interface, method, arguments, descriptors)

    def call_on(self, api, interface, method, arguments, descriptors=()):
        handles = Gio.UnixFDList.new()
        for each in descriptors:
            handles.append(each)
        api.connection.call_with_unix_fd_list(
            NAME, PATH, f"{NAME}.{interface}", method, arguments, None, Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION,
            600000, handles, None, self.on_end)

    def on_end(self, connection, result):
        try:
            connection.call_with_unix_fd_list_finish(result)
            self.ends.append("ok")
        except GLib.Error as error:
            self.ends.append((Gio.DBusError.get_remote_error(error) or "none").removeprefix(NAME + ".Error."))

    def settle(self, busy=0):
        """Returns when the daemon has looked at all that was called: the bus keeps the order. Of callers that it has yet to
        ask the bus about it looks at other calls later: then so many must have been refused as well."""
        count = self.ends.count("ok") + len(self.apis)
        for api in self.apis:
            self.call_on(api, "Manager", "Authorize", GLib.Variant("(as)", ([],)))
        context = GLib.MainContext.default()

        def seen():
            while context.iteration(False):
                pass
            return self.ends.count("ok") == count and self.ends.count("Busy") >= busy
        wait_for(seen, "the answer to a call that needs no right")


def descriptors_of(bed):
    return len(os.listdir(f"/proc/{bed.postbusd.process.pid}/fd"))


def test_descriptors_of_calls_that_wait(bed):
    """What comes along with a call that takes no descriptor is closed, also while its caller's right is asked for."""
    bed.start()
    waiting = Waiting(bed)
    waiting.settle()
    before = descriptors_of(bed)
    with open("/dev/null", "rb") as null:
        for _ in range(30):
            waiting.call("Queue", "Hold", GLib.Variant("(a{sv})", ({},)), [null.fileno()] * 16)
        waiting.settle()
    assert descriptors_of(bed) < before + 16, (before, descriptors_of(bed))
    assert set(waiting.ends) == {"ok"}, waiting.ends


def test_calls_that_wait_are_bounded(bed):
    """One user may have so many calls before polkit, and of large ones few; others are served."""
    bed.start()
    waiting = Waiting(bed)
    large = GLib.Variant("(as)", (["x" * 1000] * 600,))
    for _ in range(9):
        waiting.call("Aliases", "Remove", large)
    waiting.settle(8)
    waiting.settle()
    assert waiting.ends.count("Busy") == 8, waiting.ends
    for _ in range(600):
        waiting.call("Queue", "Hold", GLib.Variant("(a{sv})", ({},)))
    waiting.settle()
    assert waiting.ends.count("Busy") == 8 + 101 and set(waiting.ends) == {"ok", "Busy"}, set(waiting.ends)
    bed.api.set("General", "MaxHops", "u", 50)
    # Who leaves takes along what it had waiting.
    for api in waiting.apis:
        api.close()
    again = stranger.connect(bed)

    def fits():
        try:
            again.raw_call(f"{NAME}.Queue", "Hold", GLib.Variant("(a{sv})", ({},)), seconds=1)
        except BusError as error:
            return error.name != "Busy"
        raise AssertionError("was let through")
    wait_for(fits, "room for another call")
    again.close()

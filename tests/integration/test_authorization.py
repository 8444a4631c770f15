# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: every member of the bus object, walked as a stranger, and every way in which
polkit may answer. A member that is added without a check fails here."""
import os
import pwd
import random
import re
import subprocess
import sys

import bus
import certificates
import mock_polkit
import stranger
from bus import NAME, PATH, BusError, PrivateBus
from gi.repository import Gio, GLib
from harness import skip, wait_for
from mock_polkit import CHALLENGE, ERROR, NO, SILENCE, YES

PROPERTIES = "org.freedesktop.DBus.Properties"
# What everyone may call: it is about the caller alone, or sends its own mail.
OPEN_METHODS = {("Manager", "GetPermissions"), ("Manager", "Authorize"), ("Manager", "UnregisterSecretAgent"),
                ("Submission", "Open"), ("Submission", "Send")}
ACTIONS = {f"{NAME}.{name}" for name in ("view", "modify-settings", "manage-queue", "manage-accounts", "set-secrets")}
INTERACTIVE = Gio.DBusCallFlags.ALLOW_INTERACTIVE_AUTHORIZATION
# Values that stand in private settings and in lists; none may reach a stranger.
SENTINEL = "sentinel"


def set_hops(api, value, interactive=False, seconds=240):
    """General.MaxHops by Properties.Set; raises BusError."""
    arguments = GLib.Variant("(ssv)", (NAME + ".General", "MaxHops", GLib.Variant("u", value)))
    try:
        api.connection.call_sync(NAME, PATH, PROPERTIES, "Set", arguments, None,
                                 INTERACTIVE if interactive else 0, seconds * 1000, None)
    except GLib.Error as error:
        name = Gio.DBusError.get_remote_error(error) or "none"
        raise BusError(name.removeprefix(NAME + ".Error."), error.message) from None


def refusal(function, *arguments):
    try:
        function(*arguments)
    except BusError as error:
        return error
    raise AssertionError(f"{arguments} was let through")


def asynchronous(api, interface, method, arguments, flags=0):
    """Starts a call and returns the list that its end is put into: ("ok" or error name)."""
    ends = []

    def on_end(connection, result):
        try:
            connection.call_finish(result)
            ends.append("ok")
        except GLib.Error as error:
            ends.append(Gio.DBusError.get_remote_error(error) or "none")
    api.connection.call(NAME, PATH, interface, method, arguments, None, flags, 600000, None, on_end)
    return ends


def iterate_until(predicate, what, seconds=240):
    context = GLib.MainContext.default()

    def turn():
        while context.iteration(False):
            pass
        return predicate()
    return wait_for(turn, what, seconds, 0.005)


def start_hops(api, value, interactive=False):
    arguments = GLib.Variant("(ssv)", (NAME + ".General", "MaxHops", GLib.Variant("u", value)))
    return asynchronous(api, PROPERTIES, "Set", arguments, INTERACTIVE if interactive else 0)


def walk_refused(api, described):
    """Calls every method and writes every property; all but OPEN_METHODS must be refused."""
    let_in, methods, writes = set(), 0, 0
    for interface, element in described.items():
        for method in element.findall("method"):
            methods += 1
            try:
                api.raw_call(f"{NAME}.{interface}", method.get("name"), stranger.arguments(method))
                let_in.add((interface, method.get("name")))
            except BusError as error:
                if error.name == "InvalidValue" and interface == "Submission":
                    let_in.add((interface, method.get("name")))
                    continue
                assert error.name == "NotAuthorized", (interface, method.get("name"), error)
        for each in element.findall("property"):
            value = GLib.Variant("v", stranger.anything(each.get("type")))
            arguments = GLib.Variant.new_tuple(GLib.Variant("s", f"{NAME}.{interface}"),
                                               GLib.Variant("s", each.get("name")), value)
            error = refusal(api.raw_call, PROPERTIES, "Set", arguments)
            writes += each.get("access") == "readwrite"
            allowed = ("NotAuthorized",) if each.get("access") == "readwrite" else (
                "org.freedesktop.DBus.Error.InvalidArgs", "org.freedesktop.DBus.Error.PropertyReadOnly")
            assert error.name in allowed, (interface, each.get("name"), error)
    assert let_in == OPEN_METHODS, let_in
    assert methods > 60 and writes > 60, (methods, writes)


def test_stranger_is_refused_everywhere_without_polkit(bed):
    stranger.need_root()
    bed.start()
    described = stranger.interfaces(bed.api)
    before = (bed.api.get("Manager", "Revision"), bed.api.call("Manager", "Export"))
    walk_refused(stranger.connect(bed), described)
    assert (bed.api.get("Manager", "Revision"), bed.api.call("Manager", "Export")) == before


def test_stranger_is_refused_everywhere_by_polkit(bed):
    stranger.need_root()
    bed.start()
    described = stranger.interfaces(bed.api)
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: NO)
    before = (bed.api.get("Manager", "Revision"), bed.api.call("Manager", "Export"))
    walk_refused(stranger.connect(bed), described)
    assert (bed.api.get("Manager", "Revision"), bed.api.call("Manager", "Export")) == before
    assert {question.action for question in polkit.questions} <= ACTIONS
    assert {question.kind for question in polkit.questions} == {"system-bus-name"}
    polkit.stop()


def test_each_member_asks_for_its_action(bed):
    """Reads ask for view, writes for what they write: the action that polkit is asked for, by member."""
    stranger.need_root()
    bed.start()
    described = stranger.interfaces(bed.api)
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: NO)
    api = stranger.connect(bed)

    def asked(function, *arguments):
        count = len(polkit.questions)
        refusal(function, *arguments)
        [question] = polkit.questions[count:]
        return question.action.removeprefix(NAME + ".")

    readers = {"List", "ListKeys", "Get", "Snapshot", "Validate", "Revisions", "Export", "Read", "Attempts", "Search", "Trail",
               "Explain", "Replay", "TestScanner", "Series", "Subscribe", "Unsubscribe", "Sessions", "Top", "CheckSetup"}
    for interface, element in described.items():
        for method in element.findall("method"):
            name = method.get("name")
            if (interface, name) in OPEN_METHODS:
                continue
            action = asked(api.raw_call, f"{NAME}.{interface}", name, stranger.arguments(method))
            writes = {"Accounts": "manage-accounts", "Queue": "manage-queue"}.get(interface, "modify-settings")
            if "Secret" in name or (interface, name) == ("Tls", "Import"):
                writes = "set-secrets"
            assert action == ("view" if name in readers else writes), (interface, name, action)
        for each in element.findall("property"):
            if stranger.is_private(each):
                assert asked(api.get, interface, each.get("name")) == "view"
            if each.get("access") == "readwrite":
                value = stranger.anything(each.get("type"))
                assert asked(api.set, interface, each.get("name"), each.get("type"), value.unpack()) == "modify-settings"
    polkit.stop()


def test_import_asks_for_all_that_it_changes(bed):
    stranger.need_root()
    bed.start()
    granted = {f"{NAME}.modify-settings"}
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: YES if question.action in granted else NO)
    api = stranger.connect(bed)
    head = '{"Format": "postbus-settings", "Version": 1, '
    both = head + ('"Settings": {"General": {"MaxHops": 77}}, "Lists": {"Accounts": [{"Name": "eve"}]}}')
    error = refusal(api.call, "Manager", "Import", "(sa{sv})", both, {})
    assert error.name == "NotAuthorized" and "manage-accounts" in error.text, error
    assert bed.api.get("General", "MaxHops") == 100 and bed.api.rows("Accounts")[0]["Name"] == "ann"
    granted.add(f"{NAME}.manage-accounts")
    api.call("Manager", "Import", "(sa{sv})", both, {})
    assert bed.api.get("General", "MaxHops") == 77 and bed.api.rows("Accounts")[0]["Name"] == "eve"
    granted.clear()
    granted.add(f"{NAME}.manage-accounts")
    one = head + '"Settings": {"General": {"MaxHops": 78}}}'
    assert refusal(api.call, "Manager", "Import", "(sa{sv})", one, {}).name == "NotAuthorized"
    assert bed.api.get("General", "MaxHops") == 77
    polkit.stop()


CHAIN, KEY = certificates.lasting_pair(("sentinel5", "sentinel6"))

# A change of every private setting and a row of every list, each with a word to look for.
PRIVATE_VALUES = (
    ("General", "LocalNetworks", "as", ["203.0.113.0/24"]),
    ("General", "ExternalPostmasters", "as", ["sentinel1@example.org"]),
    ("Delivery", "RelayServer", "s", "sentinel2.example.org"),
    ("Delivery", "RelayFallback", "as", ["sentinel3.example.org:26"]),
    ("Delivery", "RelayUser", "s", "sentinel4"),
    ("Tls", "CertificateFile", "s", CHAIN),
    ("Tls", "KeyFile", "s", KEY),
    ("Antivirus", "Address", "s", "unix:/sentinel7"),
    ("Mailboxes", "LmtpAddress", "s", "unix:/sentinel8"),
    ("Dns", "Servers", "as", ["203.0.113.9"]),
    ("Reports", "Recipients", "as", ["sentinel9@example.org"]),
    ("Metrics", "Address", "s", "unix:/sentinel18/metrics"),
)
ROWS = (
    ("TrustedList", {"Name": "sentinel10", "Network": "203.0.113.7"}),
    ("DomainList", {"Name": "sentinel11", "Domain": "sentinel11.example", "Target": "sentinel11.example.net"}),
    ("RelayExceptions", {"Name": "sentinel12", "Kind": "recipient", "Targets": ["sentinel12.example"],
                         "Server": "sentinel12.example.net"}),
    ("AccessList", {"Name": "sentinel13", "List": "blacklist", "Kind": "sender", "Value": "sentinel13@example.org"}),
    ("LocalDomains", {"Name": "sentinel14.example"}),
    ("Accounts", {"Name": "sentinel15", "Addresses": ["sentinel15@local.example"]}),
    ("Aliases", {"Address": "sentinel16@local.example", "Targets": ["sentinel16@example.org"]}),
    ("DnsblZones", {"Zone": "sentinel17.example"}),
)
SECRET = re.compile(SENTINEL + r"|203\.0\.113\.|127\.0\.0\.1'|ann@|'ann'")


def write_secrets(bed):
    """Sets them all, and checks that the lists above leave out nothing that is private."""
    described = stranger.interfaces(bed.api)
    private = {(interface, each.get("name")) for interface, element in described.items()
               for each in element.findall("property") if stranger.is_private(each) and each.get("access") == "readwrite"}
    listed = {(interface, name) for interface, name, _, _ in PRIVATE_VALUES}
    assert listed == private, f"say in PRIVATE_VALUES what to look for: {listed ^ private}"
    lists = {interface for interface, element in described.items()
             if any(method.get("name") == "Replace" for method in element.findall("method"))}
    assert {kind for kind, _ in ROWS} == lists
    for interface, name, kind, value in PRIVATE_VALUES:
        bed.api.set(interface, name, kind, value)
    return [(kind, bed.api.add(kind, **row)) for kind, row in ROWS]


def test_stranger_reads_nothing_private(bed):
    stranger.need_root()
    bed.start()
    write_secrets(bed)
    api = stranger.connect(bed)
    shown = 0
    for interface, element in stranger.interfaces(api).items():
        properties = element.findall("property")
        all_of_it = api.get_all(interface) if properties else {}
        assert set(all_of_it) == {each.get("name") for each in properties if not stranger.is_private(each)}
        # A listener's own address is no secret: who could not see it could not connect.
        open_part = {name: value for name, value in all_of_it.items() if name != "Listening"}
        assert not SECRET.search(repr(open_part)), open_part
        for each in properties:
            if stranger.is_private(each):
                error = refusal(api.get, interface, each.get("name"))
                assert error.name == "NotAuthorized" and not SECRET.search(error.text), error
            else:
                assert api.get(interface, each.get("name")) == all_of_it[each.get("name")]
                shown += 1
    assert shown > 60
    assert not SECRET.search(api.raw_call("org.freedesktop.DBus.Introspectable", "Introspect").unpack()[0])


def test_signals_hold_nothing_private(bed):
    stranger.need_root()
    bed.start()
    api = stranger.connect(bed)
    heard = []
    api.connection.signal_subscribe(
        None, None, None, PATH, None, 0,
        lambda _c, _s, _p, interface, signal, parameters: heard.append((interface, signal, parameters.print_(True))))
    api.get("Manager", "State")
    ids = write_secrets(bed)
    bed.api.set("General", "MaxHops", "u", 66)
    for kind, row_id in ids:
        bed.api.call(kind, "Move", "(su)", row_id, 0)
        bed.api.call(kind, "Remove", "(as)", [row_id])
    bed.send("sentinel18@example.org", ["ann@local.example"], b"Subject: sentinel\r\n\r\nsentinel\r\n")
    bed.wait_mails(bed.ann)
    bed.api.set("General", "MaxHops", "u", 67)
    iterate_until(lambda: any("67" in text and "MaxHops" in text for _, _, text in heard), "the last signal")
    assert not any(SECRET.search(text) for _, _, text in heard), heard
    invalidated = [text for _, signal, text in heard if signal == "PropertiesChanged"]
    for interface, name, _, _ in PRIVATE_VALUES:
        assert any(f"{NAME}.{interface}'" in text and re.search(rf"\[[^{{}}]*'{name}'[^{{}}]*\]", text) for text in invalidated), name
    changed = {interface for interface, signal, _ in heard if signal == "Changed"}
    assert changed == {f"{NAME}.{kind}" for kind, _ in ROWS} | {f"{NAME}.Queue"}, changed


def test_polkit_says_yes_no_challenge_error(bed):
    stranger.need_root()
    bed.start()
    answers = {}
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: answers["now"])
    api = stranger.connect(bed)
    for value, (answer, words) in enumerate(((NO, "not allowed"), (CHALLENGE, "password"), (ERROR, "could be asked")), 30):
        answers["now"] = answer
        for interactive in (False, True):
            error = refusal(set_hops, api, value, interactive)
            assert error.name == "NotAuthorized" and words in error.text and "modify-settings" in error.text, error
        assert bed.api.get("General", "MaxHops") == 100
    answers["now"] = YES
    set_hops(api, 40)
    assert bed.api.get("General", "MaxHops") == 40
    assert [question.interactive for question in polkit.questions] == [False, True] * 3 + [False]
    assert {question.caller for question in polkit.questions} == {api.connection.get_unique_name()}
    [row] = bed.api.call("Manager", "Revisions", "(uu)", 0, 1)[1]
    assert row["Who"] == f"uid {stranger.NOBODY}", row
    polkit.stop()


def test_polkit_is_silent(bed):
    """The call is refused in the end, others are served meanwhile, and a late yes changes nothing."""
    stranger.need_root()
    bed.start()
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: SILENCE)
    ends = start_hops(stranger.connect(bed), 33)
    iterate_until(lambda: polkit.questions, "the question")
    bed.api.set("General", "MaxHops", "u", 44)
    assert not ends
    iterate_until(lambda: ends, "the refusal")
    assert ends == [NAME + ".Error.NotAuthorized"]
    polkit.answer_all(YES)
    assert bed.api.get("General", "MaxHops") == 44
    polkit.stop()


def test_silent_polkit_holds_up_no_shutdown(bed):
    stranger.need_root()
    bed.start()
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: SILENCE)
    ends = start_hops(stranger.connect(bed), 33, True)
    iterate_until(lambda: polkit.questions, "the question")
    bed.postbusd.stop()
    iterate_until(lambda: ends, "the end of the call")
    assert ends != ["ok"]
    bed.postbusd.start()
    assert bed.api.get("General", "MaxHops") == 100
    polkit.stop()


def test_polkit_vanishes(bed):
    stranger.need_root()
    bed.start()
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: SILENCE)
    api = stranger.connect(bed)
    ends = start_hops(api, 33, True)
    iterate_until(lambda: polkit.questions, "the question")
    polkit.stop()
    iterate_until(lambda: ends, "the refusal")
    assert ends == [NAME + ".Error.NotAuthorized"] and bed.api.get("General", "MaxHops") == 100
    # It comes back, and is asked again.
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: YES)
    set_hops(api, 34, True)
    assert bed.api.get("General", "MaxHops") == 34
    polkit.stop()


def test_interactive_yes_is_kept(bed):
    stranger.need_root()
    bed.start()
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: YES)
    api = stranger.connect(bed)
    for value in (50, 51, 52):
        set_hops(api, value, True)
    set_hops(api, 53)
    assert len(polkit.questions) == 1
    assert bed.api.get("General", "MaxHops") == 53
    # Kept for this caller and this action alone.
    assert api.get("Delivery", "RelayServer") == ""
    assert [question.action.removeprefix(NAME + ".") for question in polkit.questions] == ["modify-settings", "view"]
    set_hops(stranger.connect(bed), 54, True)
    assert len(polkit.questions) == 3
    polkit.decide = lambda question: NO
    set_hops(api, 55)
    assert refusal(set_hops, stranger.connect(bed), 56, True).name == "NotAuthorized"
    polkit.stop()


def test_silent_yes_is_not_kept(bed):
    stranger.need_root()
    bed.start()
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: YES)
    api = stranger.connect(bed)
    set_hops(api, 50)
    set_hops(api, 51)
    assert len(polkit.questions) == 2
    polkit.decide = lambda question: NO
    assert refusal(set_hops, api, 52).name == "NotAuthorized"
    assert bed.api.get("General", "MaxHops") == 51
    polkit.stop()


def test_same_question_at_once_is_asked_once(bed):
    stranger.need_root()
    bed.start()
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: SILENCE)
    api = stranger.connect(bed)
    calls = [start_hops(api, value, True) for value in range(60, 70)]
    iterate_until(lambda: polkit.questions, "the question")
    assert api.get("Manager", "State") == "running"
    polkit.answer_all(YES)
    iterate_until(lambda: all(calls), "all ends")
    assert calls == [["ok"]] * 10 and len(polkit.questions) == 1
    assert bed.api.get("General", "MaxHops") == 69
    polkit.stop()


def test_get_permissions_and_authorize(bed):
    stranger.need_root()
    bed.start()
    table = {"view": YES, "modify-settings": CHALLENGE, "manage-queue": NO, "manage-accounts": ERROR, "set-secrets": NO}
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: table[question.action.removeprefix(NAME + ".")])
    api = stranger.connect(bed)
    words = {action.removeprefix(NAME + "."): word for action, word in api.call("Manager", "GetPermissions")[0].items()}
    assert words == {"view": "yes", "modify-settings": "challenge", "manage-queue": "no", "manage-accounts": "no",
                     "set-secrets": "no"}, words
    assert not any(question.interactive for question in polkit.questions)
    assert set(bed.api.call("Manager", "GetPermissions")[0].values()) == {"yes"}
    polkit.questions.clear()
    ask = GLib.Variant("(as)", ([NAME + ".view", NAME + ".modify-settings"],))
    ends = asynchronous(api, NAME + ".Manager", "Authorize", ask, INTERACTIVE)
    iterate_until(lambda: ends, "the refusal")
    assert ends == [NAME + ".Error.NotAuthorized"]
    table["modify-settings"] = YES
    ends = asynchronous(api, NAME + ".Manager", "Authorize", ask, INTERACTIVE)
    iterate_until(lambda: ends, "the yes")
    assert ends == ["ok"]
    asked = len(polkit.questions)
    set_hops(api, 50)
    assert len(polkit.questions) == asked
    for wrong in ([NAME + ".no-such"], ["org.freedesktop.policykit.exec"], [NAME + ".view"] * 6):
        error = refusal(api.call, "Manager", "Authorize", "(as)", wrong)
        assert error.name in ("InvalidValue", "TooLarge") and error.text.startswith("Authorize: "), error
    polkit.stop()


def test_caller_vanishes_while_polkit_thinks(bed):
    """Callers leave at some time around polkit's yes, until 1,000 questions have been answered. Who was
    gone before the yes changed nothing."""
    stranger.need_root()
    bed.start()
    chance = random.Random(20)
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: (YES, chance.randrange(1, 150)))
    asked, answered_late, wave = 0, 0, 0
    while asked < 1000 or not 100 < answered_late < asked - 100:
        assert wave < 50, (asked, answered_late)
        wave += 1
        polkit.questions.clear()
        callers = {}
        for number, api in enumerate([stranger.connect(bed) for _ in range(100)]):
            name = f"w{wave}n{number}.example"
            row = GLib.Variant("(a{sv})", ({"Name": GLib.Variant("s", name)},))
            ends = asynchronous(api, NAME + ".LocalDomains", "Add", row)
            callers[api.connection.get_unique_name()] = (name, ends)
            # Every tenth stays to the end; the others leave when it suits them.
            if number % 10:
                GLib.timeout_add(chance.randrange(1, 250), lambda api=api: api.connection.close(None, None) and False)
            else:
                callers[api.connection.get_unique_name()] += (api,)
        iterate_until(lambda: all(ends for _, ends, *_ in callers.values()), "all ends")
        iterate_until(lambda: all(question.gone_at_answer is not None for question in list(polkit.questions)),
                      "all answers")
        # The daemon answers in order: behind this, all that was said yes to is committed.
        bed.api.set("General", "MaxHops", "u", 10 + wave)
        present = {row["Name"] for row in bed.api.rows("LocalDomains")}
        for question in polkit.questions:
            name, ends, *_ = callers[question.caller]
            asked += 1
            answered_late += question.gone_at_answer
            assert not (question.gone_at_answer and name in present), f"{name} was added for a caller that was gone"
            assert not (ends == ["ok"] and name not in present), f"{name} was promised, and is not there"
        for name, ends, *stays in callers.values():
            if stays:
                assert ends == ["ok"] and name in present, name
                stays[0].close()
        bed.api.call("LocalDomains", "Replace", "(aa{sv})", [])
    assert polkit.cancelled, "polkit was never told that a caller is gone"
    polkit.stop()


def test_polkit_is_told_to_stop(bed):
    stranger.need_root()
    bed.start()
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: SILENCE)
    api = stranger.connect(bed)
    start_hops(api, 33, True)
    iterate_until(lambda: polkit.questions, "the question")
    api.close()
    iterate_until(lambda: polkit.cancelled, "the cancellation")
    assert polkit.cancelled == [polkit.questions[0].cancellation]
    polkit.answer_all(YES)
    assert bed.api.get("General", "MaxHops") == 100
    polkit.stop()


def test_bus_is_lost_while_polkit_thinks(bed):
    """Names on the next bus are others: what waits for an answer on the old one is refused."""
    stranger.need_root()
    bed.bus.address = bed.bus.address.split(",guid=")[0]
    bed.start()
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: SILENCE)
    api = stranger.connect(bed)
    ends = [start_hops(api, 33, True),
            asynchronous(api, NAME + ".Manager", "GetPermissions", None),
            asynchronous(api, NAME + ".Manager", "Authorize", GLib.Variant("(as)", ([NAME + ".view"],)), INTERACTIVE)]
    iterate_until(lambda: len(polkit.questions) == 3, "the questions")
    bed.bus.stop()
    polkit.stop()
    iterate_until(lambda: all(ends), "the ends of the calls")
    bed.bus = PrivateBus(bed.folder)
    bed.api = bus.Api(bed.bus.address)
    bed.api.wait_running(bed.postbusd.check_alive)
    assert bed.api.get("General", "MaxHops") == 100
    assert refusal(set_hops, stranger.connect(bed), 35).name == "NotAuthorized"


def test_root_and_own_user_pass_unasked(bed):
    """The daemon as an ordinary user: that user and root pass, others are asked about."""
    stranger.need_root()
    own = pwd.getpwnam("daemon").pw_uid
    stranger.open_to_all(bed)
    os.chown(bed.state, own, own)
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: NO)
    bed.postbusd.start(wrapper=("setpriv", f"--reuid={own}", f"--regid={own}", "--clear-groups"))
    api = stranger.connect(bed, own)
    set_hops(api, 50)
    api.add("LocalDomains", Name="own.example")
    assert api.get("Delivery", "RelayServer") == "" and api.call("Manager", "Export")
    set_hops(bed.api, 51)
    assert not polkit.questions
    assert refusal(set_hops, stranger.connect(bed), 52).name == "NotAuthorized"
    assert [question.action for question in polkit.questions] == [NAME + ".modify-settings"]
    rows = bed.api.call("Manager", "Revisions", "(uu)", 0, 10)[1]
    assert {row["Who"] for row in rows} >= {f"uid {own}", "uid 0"}, rows
    polkit.stop()


def test_dbusmock_polkitd(bed):
    """The same against the authority that python-dbusmock brings."""
    stranger.need_root()
    try:
        import dbusmock  # noqa: F401
    except ImportError:
        skip("needs python3-dbusmock")
    bed.start()
    mock = subprocess.Popen([sys.executable, "-m", "dbusmock", "--system", "--template", "polkitd"],
                            env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bed.bus.address},
                            stdout=subprocess.DEVNULL)
    try:
        def steer(method, arguments):
            return bed.api.connection.call_sync(mock_polkit.NAME, mock_polkit.PATH, "org.freedesktop.DBus.Mock", method,
                                                arguments, None, 0, 240000, None)

        def is_there():
            reply = bed.api.connection.call_sync(
                "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
                GLib.Variant("(s)", (mock_polkit.NAME,)), None, 0, 240000, None)
            return reply.unpack()[0]
        wait_for(is_there, "dbusmock's polkitd")
        api = stranger.connect(bed)
        assert refusal(set_hops, api, 50).name == "NotAuthorized"
        steer("SetAllowed", GLib.Variant("(as)", ([NAME + ".modify-settings"],)))
        set_hops(api, 51)
        assert refusal(api.get, "Delivery", "RelayServer").name == "NotAuthorized"
        assert refusal(api.add, "Accounts").name == "NotAuthorized"
        steer("AllowUnknown", GLib.Variant("(b)", (True,)))
        assert api.get("Delivery", "RelayServer") == ""
        assert bed.api.get("General", "MaxHops") == 51
    finally:
        mock.terminate()
        mock.wait(240)

# SPDX-License-Identifier: GPL-3.0-or-later
"""Relay passwords over the bus: set, stale, forgotten, refused; through restarts and kill -9; under
other master keys; and nowhere to be found, on the disk or in the memory of the daemon."""
import os
import pathlib
import random
import re
import resource
import signal
import subprocess

import mock_polkit
import stranger
from bus import NAME, PATH, BusError, variants
from gi.repository import GLib
from harness import files_below, wait_for
from mock_polkit import NO, YES
from test_bad_start import refused as start_refused

MIB = 1 << 20
RELAY = {"RelayServer": ("s", "relay.example.org"), "RelayUser": ("s", "nas"), "RelayTls": ("s", "starttls")}
ROW = {"Name": "R", "Kind": "recipient", "Targets": ["far.example"], "Server": "relay.example.org", "User": "nas"}
NO_ROW = "5bd3be4e-2b5c-4e9f-9a3e-2a9d1f0c7b11"


def canary():
    """A password that is nowhere else. Freed memory loses its first octets, so its end tells as well."""
    return b"canary-" + os.urandom(16).hex().encode()


def set_secret(api, octets, relay="general"):
    api.call("Manager", "SetRelaySecret", "(say)", relay, octets)


def refusal(function, *arguments):
    try:
        function(*arguments)
    except BusError as error:
        return error
    raise AssertionError(f"{arguments} was let through")


def general(bed):
    return bed.api.get("Delivery", "RelaySecretState")


def row_state(bed, row):
    return bed.api.call("RelayExceptions", "Get", "(s)", row)[0]["SecretState"]


def apply(bed, options=None, **delivery):
    changes = {"Delivery": {name: GLib.Variant(*value) for name, value in delivery.items()}}
    return bed.api.call("Manager", "Apply", "(a{sa{sv}}a{sv})", changes, options or {})[0]


def start(bed):
    """Running, with a relay that asks for a login."""
    bed.start()
    apply(bed, **RELAY)
    return bed


class Ear:
    """Hears the broadcast signals of the daemon: PropertiesChanged as (interface, name, value), others by their names."""

    def __init__(self, api):
        self.heard = []
        self.api = api
        api.connection.signal_subscribe(None, None, None, PATH, None, 0, self.on_signal)

    def on_signal(self, connection, sender, path, interface, member, parameters):
        if member == "PropertiesChanged":
            interface, changed, _ = parameters.unpack()
            self.heard += [(interface.removeprefix(NAME + "."), name, value) for name, value in changed.items()]
        else:
            self.heard.append((interface.removeprefix(NAME + "."), member, parameters.unpack()))

    def take(self):
        """What was said up to now: signals come before the reply of the call that is behind them."""
        self.api.get("Manager", "State")
        while GLib.MainContext.default().iteration(False):
            pass
        heard, self.heard = self.heard, []
        return heard


def test_set_replace_forget(bed):
    start(bed)
    ear = Ear(bed.api)
    for octets, state in ((canary(), "present"), (canary(), "present"), (b"", "none")):
        ear.take()
        set_secret(bed.api, octets)
        assert general(bed) == state
        heard = ear.take()
        revision = bed.api.get("Manager", "Revision")
        # Each makes a revision, and says so: whoever bases the next change on the last one known must not be refused.
        assert ("Manager", "Revision", revision) in heard and ("Delivery", "RelaySecretState", state) in heard, heard
        rows = bed.api.call("Manager", "Revisions", "(uu)", 0, 1)[1]
        assert rows[0]["Revision"] == revision and rows[0]["Changes"] == [], rows
        assert rows[0]["What"] == f"password of relay general {'set' if octets else 'forgotten'}", rows
    # What is not there can be forgotten, and nothing has changed.
    set_secret(bed.api, b"\0")
    assert not ear.take() and bed.api.get("Manager", "Revision") == revision
    assert "RelaySecretState" in bed.api.get_all("Delivery")
    for refused in (refusal(bed.api.set, "Delivery", "RelaySecretState", "s", "present"),
                    refusal(lambda: apply(bed, RelaySecretState=("s", "present")))):
        assert refused.name in ("UnknownSetting", "org.freedesktop.DBus.Error.InvalidArgs"), refused


def test_what_is_no_password(bed):
    start(bed)
    kept = canary()
    set_secret(bed.api, kept)
    longest = b"x" * 1024
    bad = "SetRelaySecret: the password must not have line breaks or NUL in it"
    wrong = (
        (b"a\0b", "general", "InvalidValue", bad), (b"\0\0", "general", "InvalidValue", bad),
        (b"a\nb", "general", "InvalidValue", bad), (b"ab\r\n", "general", "InvalidValue", bad),
        (longest + b"x", "general", "TooLarge", "SetRelaySecret: the password must have at most 1024 octets"),
        (b"x" * 64 * 1024, "general", "TooLarge", "SetRelaySecret: the password must have at most 1024 octets"),
        (kept, NO_ROW, "NotFound",
         f"RelayExceptions[{NO_ROW}]: there is no such row; the relay of Delivery is general"),
        (b"", NO_ROW, "NotFound", f"RelayExceptions[{NO_ROW}]: there is no such row; the relay of Delivery is general"),
        (kept, "", "NotFound", "RelayExceptions[?]: there is no such row; the relay of Delivery is general"),
        (kept, "General\n", "NotFound", "RelayExceptions[?]: there is no such row; the relay of Delivery is general"),
        (kept, "general.before", "NotFound", "RelayExceptions[?]: there is no such row; the relay of Delivery is general"),
        (kept, bed.ann, "NotFound", f"RelayExceptions[{bed.ann}]: there is no such row; the relay of Delivery is general"),
    )
    revision = bed.api.get("Manager", "Revision")
    for octets, relay, name, text in wrong:
        error = refusal(set_secret, bed.api, octets, relay)
        assert (error.name, error.text) == (name, text), error
        assert kept.decode() not in error.text
    assert bed.api.get("Manager", "Revision") == revision and general(bed) == "present"
    for good in (longest, longest + b"\0", b" ", b"\xff\xfe", "päß".encode()):
        set_secret(bed.api, good)
        assert general(bed) == "present"


def test_from_a_shell(bed):
    """As the two tools write octets: gdbus with a NUL behind them, busctl one by one."""
    start(bed)
    gdbus = ["gdbus", "call", "--address", bed.bus.address, "-d", NAME, "-o", PATH, "-m", f"{NAME}.Manager.SetRelaySecret"]
    subprocess.run([*gdbus, "general", "b'hunter2'"], check=True, timeout=240, stdout=subprocess.DEVNULL)
    assert general(bed) == "present"
    subprocess.run([*gdbus, "general", "b''"], check=True, timeout=240, stdout=subprocess.DEVNULL)
    assert general(bed) == "none"
    subprocess.run(["busctl", "--address=" + bed.bus.address, "call", NAME, PATH, f"{NAME}.Manager", "SetRelaySecret", "say",
                    "general", "3", "0x61", "0x62", "0x63"], check=True, timeout=240)
    assert general(bed) == "present"


def missing(bed):
    return [row for row in bed.api.call("Alerts", "List")[0] if row["Name"] == "relay-password-missing"]


def test_stale_is_told_at_once(bed):
    """A pin makes the password stale: the alert says so before mail waits, over a restart, and until it is set anew or not wanted."""
    start(bed)
    apply(bed, RelayAuth=("b", True), Mode=("s", "relay"))
    set_secret(bed.api, canary())
    assert not missing(bed)
    bed.api.set("Delivery", "RelayFingerprint", "s", "0f" * 32)
    [alert] = missing(bed)
    assert alert["Subject"] == "general" and "must be set anew" in alert["Text"], alert
    bed.postbusd.restart()
    assert [row["Subject"] for row in missing(bed)] == ["general"]
    set_secret(bed.api, canary())
    assert general(bed) == "present" and not missing(bed)
    bed.api.set("Delivery", "RelayFingerprint", "s", "")
    assert missing(bed)
    bed.api.set("Delivery", "Mode", "s", "direct")
    assert general(bed) == "stale" and not missing(bed), "nothing goes there"
    bed.api.set("Delivery", "Mode", "s", "relay")
    assert missing(bed)
    rule = bed.api.add("RelayExceptions", Name="x", Kind="recipient", Targets=["x.example"], Server="x.example.org", Port=25, Tls="starttls",
                       Auth=True, User="me")
    bed.api.call("Manager", "SetRelaySecret", "(say)", rule, b"sesame")
    bed.api.call("RelayExceptions", "Update", "(sa{sv})", rule, variants({"Fingerprint": "0f" * 32}))
    assert {row["Subject"] for row in missing(bed)} == {"general", rule}
    bed.api.call("RelayExceptions", "Remove", "(as)", [rule])
    assert [row["Subject"] for row in missing(bed)] == ["general"]


def test_stale_when_it_leads_elsewhere(bed):
    start(bed)
    set_secret(bed.api, canary())
    ear = Ear(bed.api)
    ways = (("RelayServer", "s", "evil.example.org", "relay.example.org"), ("RelayPort", "u", 26, 25),
            ("RelayFallback", "as", ["evil.example.org"], []), ("RelayUser", "s", "root", "nas"),
            ("RelayTls", "s", "opportunistic", "starttls"), ("RelayVerify", "s", "none", "auto"),
            ("RelayFingerprint", "s", "0f" * 32, ""))
    for name, kind, away, back in ways:
        ear.take()
        bed.api.set("Delivery", name, kind, away)
        assert general(bed) == "stale", name
        assert ("Delivery", "RelaySecretState", "stale") in ear.take(), name
        bed.api.set("Delivery", name, kind, back)
        assert general(bed) == "present", name
    # By every other way that settings change.
    before = bed.api.get("Manager", "Revision")
    exported = bed.api.call("Manager", "Export")[0]
    bed.api.call("Manager", "Import", "(sa{sv})", exported.replace("relay.example.org", "evil.example.org"), {})
    assert general(bed) == "stale"
    bed.api.call("Manager", "Revert", "(t)", before)
    assert general(bed) == "present"
    apply(bed, {"ConfirmTimeout": GLib.Variant("u", 600)}, RelayServer=("s", "evil.example.org"))
    assert general(bed) == "stale"
    bed.postbusd.kill()
    bed.postbusd.start()
    wait_for(lambda: general(bed) == "present", "the settings before to be back")


def test_trial_keeps_the_old_one(bed):
    """A password set for a relay on trial goes with it; the one before is back with the relay before."""
    start(bed)
    set_secret(bed.api, canary())
    trial = {"ConfirmTimeout": GLib.Variant("u", 600)}
    for end in (bed.postbusd.kill, bed.postbusd.stop):
        apply(bed, trial, RelayServer=("s", "other.example.org"))
        set_secret(bed.api, canary())
        assert general(bed) == "present"
        end()
        bed.postbusd.start()
        wait_for(lambda: bed.api.get("Delivery", "RelayServer") == "relay.example.org", "the relay before")
        wait_for(lambda: general(bed) == "present", "its password")
    revision = apply(bed, trial, RelayServer=("s", "other.example.org"))
    set_secret(bed.api, canary())
    ear = Ear(bed.api)
    bed.api.call("Manager", "Confirm", "(t)", revision)
    assert ("Manager", "Revision", bed.api.get("Manager", "Revision")) in ear.take()
    assert general(bed) == "present"
    bed.api.set("Delivery", "RelayServer", "s", "relay.example.org")
    assert general(bed) == "stale"


def test_exceptions(bed):
    start(bed)
    one, two = bed.api.add("RelayExceptions", **ROW), bed.api.add("RelayExceptions", **ROW)
    ear = Ear(bed.api)
    set_secret(bed.api, canary(), one)
    heard = ear.take()
    assert ("RelayExceptions", "Changed", (bed.api.get("Manager", "Revision"),)) in heard, heard
    assert [row["SecretState"] for row in bed.api.rows("RelayExceptions")] == ["present", "none"]
    assert general(bed) == "none"
    assert [row["Id"] for row in bed.api.rows("RelayExceptions", SecretState="present")] == [one]
    # What List showed may come back, and says nothing about passwords.
    bed.api.call("RelayExceptions", "Update", "(sa{sv})", two, {"SecretState": GLib.Variant("s", "present")})
    assert row_state(bed, two) == "none"
    bed.api.call("RelayExceptions", "Move", "(su)", one, 1)
    bed.api.call("RelayExceptions", "Update", "(sa{sv})", one, {"Name": GLib.Variant("s", "S")})
    assert row_state(bed, one) == "present"
    bed.api.call("RelayExceptions", "Update", "(sa{sv})", one, {"Server": GLib.Variant("s", "evil.example.org")})
    assert row_state(bed, one) == "stale"
    bed.api.call("RelayExceptions", "Update", "(sa{sv})", one, {"Server": GLib.Variant("s", "relay.example.org")})
    assert row_state(bed, one) == "present"
    # It goes with its row, and does not come back with it.
    before = bed.api.get("Manager", "Revision")
    bed.api.call("RelayExceptions", "Remove", "(as)", [one])
    assert refusal(set_secret, bed.api, b"x", one).name == "NotFound"
    bed.api.call("Manager", "Revert", "(t)", before)
    assert row_state(bed, one) == "none"
    set_secret(bed.api, canary(), one)
    exported = bed.api.call("Manager", "Export")[0]
    assert "SecretState" not in exported
    bed.api.call("RelayExceptions", "Replace", "(aa{sv})", [])
    bed.api.call("Manager", "Import", "(sa{sv})", exported, {})
    assert row_state(bed, one) == "none"


def test_survives_restart_and_kill9(bed):
    start(bed)
    row = bed.api.add("RelayExceptions", **ROW)
    set_secret(bed.api, canary())
    set_secret(bed.api, canary(), row)
    chance = random.Random(7)
    for number in range(8):
        # Answered: there for good. Not answered: one or the other, and the daemon comes up.
        ends = []
        for _ in range(10):
            bed.api.connection.call(NAME, PATH, NAME + ".Manager", "SetRelaySecret",
                                    GLib.Variant("(say)", ("general", canary())), None, 0, 240000, None,
                                    lambda connection, result: ends.append(result))
        wanted = chance.randrange(10)
        wait_for(lambda: GLib.MainContext.default().iteration(False) or len(ends) >= wanted, "answers", tick=0.001)
        if number % 2:
            bed.postbusd.kill()
        else:
            bed.postbusd.stop()
        bed.postbusd.start()
        assert (general(bed), row_state(bed, row)) == ("present", "present")
    set_secret(bed.api, b"")
    set_secret(bed.api, b"", row)
    bed.postbusd.kill()
    bed.postbusd.start()
    assert (general(bed), row_state(bed, row)) == ("none", "none")


def test_master_key(bed):
    start(bed)
    set_secret(bed.api, canary())
    path = pathlib.Path(bed.state, "master.key")
    assert path.stat().st_mode & 0o777 == 0o600 and path.stat().st_size == 32
    wait_for(lambda: f"master-key from={path}" in bed.postbusd.stderr().decode(), "the log")
    key = path.read_bytes()
    bed.postbusd.stop()
    # A file that cannot be it ends the start; nothing is made in its place.
    path.chmod(0o640)
    start_refused(bed, str(path), "must have mode 0600")
    path.chmod(0o600)
    path.write_bytes(key[:31])
    start_refused(bed, str(path), "must be of 32 octets")
    path.unlink()
    path.symlink_to("elsewhere")
    start_refused(bed, str(path), "must be a plain file")
    path.unlink()
    if os.getuid() == 0:
        path.write_bytes(key)
        path.chmod(0o600)
        os.chown(path, stranger.NOBODY, stranger.NOBODY)
        start_refused(bed, str(path), "belongs to another user")
        path.unlink()
    # Lost: a new one is made, and what the old one sealed is stale, and said.
    bed.postbusd.start()
    assert general(bed) == "stale" and path.read_bytes() != key
    bed.wait_logged(b"relay password stale relay=general")
    bed.postbusd.stop()
    # Found again, and moved into the service manager's keeping.
    folder = pathlib.Path(bed.folder, "credentials")
    folder.mkdir()
    (folder / "postbus-master-key").write_bytes(key)
    (folder / "postbus-master-key").chmod(0o440)
    path.unlink()
    environment = bed.postbusd.environment()
    bed.postbusd.environment = lambda: {**environment, "CREDENTIALS_DIRECTORY": str(folder)}
    bed.postbusd.start()
    assert general(bed) == "present" and not path.exists()
    wait_for(lambda: f"master-key from={folder}/postbus-master-key" in bed.postbusd.stderr().decode(), "the log")


def test_strangers_need_their_own_action(bed):
    stranger.need_root()
    start(bed)
    kept = canary()
    set_secret(bed.api, kept)
    granted = {"view", "modify-settings", "manage-queue", "manage-accounts"}
    polkit = mock_polkit.MockPolkit(
        bed.bus.address, lambda question: YES if question.action.removeprefix(NAME + ".") in granted else NO)
    api = stranger.connect(bed)
    revision = bed.api.get("Manager", "Revision")
    for octets in (canary(), b"", b"x" * 2000):
        error = refusal(set_secret, api, octets)
        assert error.name == "NotAuthorized" and (not octets or octets.decode() not in error.text), error
    assert bed.api.get("Manager", "Revision") == revision and general(bed) == "present"
    assert {question.action.removeprefix(NAME + ".") for question in polkit.questions} == {"set-secrets"}
    # That action is enough, and is none to change settings by.
    granted.clear()
    granted.add("set-secrets")
    set_secret(api, canary())
    assert refusal(api.set, "Delivery", "RelayServer", "s", "evil.example.org").name == "NotAuthorized"
    # Whom nobody has let do anything sees that there is one, and nothing of it.
    granted.clear()
    assert api.get("Delivery", "RelaySecretState") == "present"
    polkit.stop()


def secret_traces(bed, passwords):
    """Which of the passwords are in a file of the test's folder: state, log, bus."""
    found = []
    for path, content in files_below(bed.folder):
        found += [(path.name, password) for password in passwords if password[7:] in content
                  or password[7:].hex().encode() in content.lower()]
    return found


def test_shown_nowhere(bed):
    stranger.need_root()
    start(bed)
    polkit = mock_polkit.MockPolkit(bed.bus.address, lambda question: NO)
    row = bed.api.add("RelayExceptions", **ROW)
    passwords = [canary() for _ in range(5)]
    listener = Ear(stranger.connect(bed))
    set_secret(bed.api, passwords[0])
    set_secret(bed.api, passwords[1], row)
    refusals = [refusal(set_secret, bed.api, passwords[2], NO_ROW), refusal(set_secret, bed.api, passwords[3] + b"\n"),
                refusal(set_secret, listener.api, passwords[4])]
    shown = [repr(refusals), repr(listener.take()), bed.api.call("Manager", "Export")[0],
             repr(bed.api.call("Manager", "Revisions", "(uu)", 0, 100)), repr(bed.api.call("Manager", "Validate")),
             repr(bed.api.rows("RelayExceptions")), repr(bed.api.get_all("Delivery")), repr(bed.api.get_all("Manager")),
             bed.api.raw_call("org.freedesktop.DBus.Introspectable", "Introspect").unpack()[0]]
    for text in shown:
        assert not [password for password in passwords if password[7:].decode() in text], text
    assert not secret_traces(bed, passwords)
    bed.postbusd.kill()
    assert not secret_traces(bed, passwords)
    bed.postbusd.start()
    assert general(bed) == "present"
    polkit.stop()


AREA = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *(.*)")


def present_pages(pid):
    """The runs of pages that are there. Shadow memory of sanitizers, of gigabytes with hardly a page in them, holds no data."""
    page = os.sysconf("SC_PAGE_SIZE")
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/pagemap", "rb", 0) as pagemap:
        for line in maps:
            start, end, access, name = AREA.match(line).groups()
            start, end = int(start, 16), int(end, 16)
            if "r" not in access or name.startswith("[v") or end - start >= 1 << 30:
                continue
            flags = os.pread(pagemap.fileno(), (end - start) // page * 8, start // page * 8)[7::8]
            for run in re.finditer(rb"[\x40-\x7f\xc0-\xff\x80-\xbf]+", flags):
                yield start + run.start() * page, start + run.end() * page


def look_in_memory(pid, words):
    """Which of the words are in the process' memory."""
    found = set()
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end in present_pages(pid):
            for at in range(start, end, 16 * MIB):
                try:
                    data = os.pread(memory.fileno(), min(16 * MIB + 64, end - at), at)
                except OSError:
                    continue  # given back meanwhile
                found |= {word for word in words if word in data}
    return found


def test_memory_forgets_them(bed):
    """Once a call is answered its password is nowhere in the daemon's memory, freed or not: accepted, refused, not authorized."""
    stranger.need_root()  # only root may look
    start(bed)
    control = canary()
    bed.api.set("General", "Banner", "s", control.decode())
    granted = set()
    polkit = mock_polkit.MockPolkit(
        bed.bus.address, lambda question: YES if question.action.removeprefix(NAME + ".") in granted else NO)
    api = stranger.connect(bed)
    row = bed.api.add("RelayExceptions", **ROW)
    passwords = []

    def password(length=0):
        passwords.append(canary())
        return b"x" * length + passwords[-1]

    for length in (0, 200, 900):
        set_secret(bed.api, password(length))
        set_secret(bed.api, password(length), row)
        refusal(set_secret, bed.api, password(length), NO_ROW)
        refusal(set_secret, bed.api, password(length) + b"\n")
        refusal(set_secret, api, password(length))
        granted.add("set-secrets")
        set_secret(api, password(length))
        granted.clear()
    refusal(set_secret, bed.api, password(2000))
    set_secret(bed.api, password())
    # A re-pointed relay is judged by opening what it has.
    bed.api.set("Delivery", "RelayPort", "u", 26)
    bed.api.set("Delivery", "RelayPort", "u", 25)
    assert general(bed) == "present"
    ends = {each[-12:] for each in passwords}
    assert len(ends) == len(passwords)
    pid = bed.postbusd.process.pid
    assert look_in_memory(pid, {control[-12:]}), "the search does not find what is there"
    # The last message is over when the one behind it has been read.
    wait_for(lambda: not look_in_memory(pid, ends), "the passwords to be gone from memory")
    polkit.stop()


def end_by_quit(process):
    """How a process ends by a signal that leaves a core image where it may."""
    process.send_signal(signal.SIGQUIT)
    end = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    process.wait()
    return end.si_code, end.si_status


def test_no_core_and_no_neighbour(bed):
    """No core image, and no other process of the same user looks into the memory."""
    stranger.need_root()
    if "ASAN_OPTIONS" in os.environ:
        print("to end a process by SIGQUIT under AddressSanitizer takes minutes: run this with a plain build")
        raise SystemExit(77)
    stranger.open_to_all(bed)
    os.chown(bed.state, stranger.NOBODY, stranger.NOBODY)
    wrapper = ("env", "--chdir=" + bed.state, "setpriv", f"--reuid={stranger.NOBODY}", f"--regid={stranger.NOBODY}",
               "--clear-groups")
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":disable_coredump=0"
    bed.postbusd.start(wrapper=wrapper)
    process = bed.postbusd.process
    with subprocess.Popen([*wrapper, "sleep", "600"]) as other:
        def look(pid):
            return subprocess.run([*wrapper, "cat", f"/proc/{pid}/environ"], capture_output=True, check=False, timeout=240)
        wait_for(lambda: look(other.pid).returncode == 0, "the user's own process to be open to the user")
        assert b"Permission denied" in look(process.pid).stderr
        how, _ = end_by_quit(other)
    bed.postbusd.process = None
    assert end_by_quit(process) == (os.CLD_KILLED, signal.SIGQUIT)
    if how != os.CLD_DUMPED:
        print("this machine leaves no core images at all")

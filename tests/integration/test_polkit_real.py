# SPDX-License-Identifier: GPL-3.0-or-later
"""The real polkitd on a private bus of system type, with our action, rule and bus policy files, and
postbusd running as the unprivileged user postbus. All inside a mount namespace of its own, where
/etc/passwd and /etc/group know the users that the test needs."""
import grp
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys

import bus
import stranger
from bus import NAME, PATH, BusError, PrivateBus
from gi.repository import Gio, GLib
from harness import ROOT, skip, wait_for
from test_relay_login import AGENT_PATH, Agent, lead_to, login_relay, turn

POLKITD = "/usr/lib/polkit-1/polkitd"
INSIDE = "POSTBUS_TEST_INSIDE"
POLKIT_NAME = "org.freedesktop.PolicyKit1"
# name, uid; members of postbus-admin end in -admin.
USERS = (("postbus", 64001), ("pb-admin", 64002), ("pb-other", 64003))

SYSTEM_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={folder}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.PolicyKit1"/>
  </policy>
  <policy user="polkitd">
    <allow own="org.freedesktop.PolicyKit1"/>
    <allow send_interface="org.freedesktop.PolicyKit1.AuthenticationAgent"/>
  </policy>
  <include>{policy}</include>
</busconfig>
"""

ENTER = """set -eu
mount --make-rprivate /
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
mount --bind "$1/actions" /usr/share/polkit-1/actions
mount --bind "$1/rules.d" /usr/share/polkit-1/rules.d
mount -t tmpfs tmpfs /etc/polkit-1/rules.d
chmod 755 /etc/polkit-1/rules.d
shift
exec "$@"
"""


def need_polkit():
    stranger.need_root()
    if not os.path.exists(POLKITD) or "polkitd" not in [entry.pw_name for entry in pwd.getpwall()]:
        skip("needs polkitd")
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode != 0:
        skip("unshare -m is not permitted here")


def write_surroundings(folder, change_policy):
    """What the namespace sees: users, and the project's files where a system has them."""
    for name in ("actions", "rules.d"):
        (folder / name).mkdir()
    policy = (ROOT / "data/org.postbus.Postbus1.policy").read_text(encoding="utf-8")
    (folder / "actions/org.postbus.Postbus1.policy").write_text(change_policy(policy), encoding="utf-8")
    shutil.copy(ROOT / "data/org.postbus.Postbus1.rules", folder / "rules.d")
    shutil.copy(ROOT / "data/org.postbus.Postbus1.conf", folder)
    taken = {entry.pw_uid for entry in pwd.getpwall()} | {entry.gr_gid for entry in grp.getgrall()}
    passwd = pathlib.Path("/etc/passwd").read_text(encoding="utf-8")
    groups = pathlib.Path("/etc/group").read_text(encoding="utf-8")
    for name, uid in USERS:
        assert uid not in taken, uid
        passwd = re.sub(rf"^{name}:.*\n", "", passwd, flags=re.MULTILINE)
        groups = re.sub(rf"^{name}:.*\n", "", groups, flags=re.MULTILINE)
        passwd += f"{name}:x:{uid}:{uid}::/nonexistent:/usr/sbin/nologin\n"
        groups += f"{name}:x:{uid}:\n"
    groups = re.sub(r"^postbus-admin:.*\n", "", groups, flags=re.MULTILINE) + "postbus-admin:x:64009:pb-admin\n"
    (folder / "passwd").write_text(passwd, encoding="utf-8")
    (folder / "group").write_text(groups, encoding="utf-8")
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


def enter(bed, case, change_policy=lambda text: text):
    """Runs the case again inside the namespace; True when this is already inside."""
    if INSIDE in os.environ:
        return True
    need_polkit()
    os.chmod(bed.folder, 0o755)
    folder = pathlib.Path(bed.folder, "surroundings")
    folder.mkdir()
    write_surroundings(folder, change_policy)
    harness = str(pathlib.Path(__file__).with_name("harness.py"))
    run = subprocess.run(["unshare", "-m", "sh", "-c", ENTER, "enter", str(folder), sys.executable, harness,
                          f"test_polkit_real:{case}"],
                         env={**os.environ, INSIDE: str(folder)}, timeout=900, check=False)
    assert run.returncode == 0, run.returncode
    return False


class SystemBus(PrivateBus):
    """A bus of system type with our own policy file in it."""

    def __init__(self, folder):
        place = os.path.join(folder, "system")
        os.mkdir(place)
        os.chmod(place, 0o755)
        text = SYSTEM_CONFIG.replace("{policy}", os.path.join(os.environ[INSIDE], "org.postbus.Postbus1.conf"))
        super().__init__(place, text)


def start(bed):
    """The system bus, polkitd on it, and postbusd as user postbus. Returns polkitd's process."""
    os.chmod(bed.folder, 0o755)
    bed.api.close()
    bed.bus.stop()
    bed.bus = SystemBus(bed.folder)
    bed.api = bus.Api(bed.bus.address)
    polkitd = subprocess.Popen([POLKITD, "--no-debug"], stdout=subprocess.DEVNULL,
                               env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": bed.bus.address})

    def is_there():
        assert polkitd.poll() is None, "polkitd ended"
        return bed.api.connection.call_sync(
            "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "NameHasOwner",
            GLib.Variant("(s)", (POLKIT_NAME,)), None, 0, 240000, None).unpack()[0]
    wait_for(is_there, "polkitd")
    own = pwd.getpwnam("postbus")
    os.chown(bed.state, own.pw_uid, own.pw_gid)
    bed.postbusd.start(wrapper=("setpriv", f"--reuid={own.pw_uid}", f"--regid={own.pw_gid}", "--clear-groups",
                                "--no-new-privs"))
    return polkitd


def end(polkitd):
    polkitd.terminate()
    polkitd.wait(240)


def caller(bed, name):
    with stranger.user(pwd.getpwnam(name).pw_uid):
        return bus.Api(bed.bus.address)


def refusal(function, *arguments):
    try:
        function(*arguments)
    except BusError as error:
        return error
    raise AssertionError(f"{arguments} was let through")


def test_members_pass_others_are_refused(bed):
    if not enter(bed, "test_members_pass_others_are_refused"):
        return
    polkitd = start(bed)
    admin, other = caller(bed, "pb-admin"), caller(bed, "pb-other")
    admin.set("General", "MaxHops", "u", 50)
    admin.add("TrustedList", Name="x", Network="192.0.2.1")
    admin.add("Accounts", Name="ann")
    assert admin.get("Delivery", "RelayServer") == "" and len(admin.rows("Accounts")) == 1
    assert set(admin.call("Manager", "GetPermissions")[0].values()) == {"yes"}
    admin.call("Manager", "Authorize", "(as)", [NAME + ".modify-settings", NAME + ".set-secrets"])
    for call in ((other.set, "General", "MaxHops", "u", 51), (other.get, "Delivery", "RelayServer"),
                 (other.rows, "Accounts"), (other.rows, "Queue"), (other.call, "Manager", "Export"),
                 (other.call, "Manager", "Authorize", "(as)", [NAME + ".view"])):
        error = refusal(*call)
        assert error.name == "NotAuthorized" and "password" in error.text, (call, error)
    assert other.get("General", "MaxHops") == 50 and "RelayServer" not in other.get_all("Delivery")
    # Nobody is there who could give the password, but one would do.
    assert set(other.call("Manager", "GetPermissions")[0].values()) == {"challenge"}
    bed.api.set("General", "MaxHops", "u", 52)
    own = caller(bed, "postbus")
    own.set("General", "MaxHops", "u", 53)
    [row] = bed.api.call("Manager", "Revisions", "(uu)", 0, 1)[1]
    assert row["Who"] == f"uid {pwd.getpwnam('postbus').pw_uid}"
    end(polkitd)
    # Without the authority no one but root and the daemon's user gets in, members neither.
    assert refusal(admin.set, "General", "MaxHops", "u", 54).name == "NotAuthorized"
    assert bed.api.get("General", "MaxHops") == 53


def test_owner_annotation_is_what_lets_the_daemon_ask(bed):
    """Without it polkitd refuses the question of a daemon that is not root, and so the daemon refuses."""
    line = re.compile(r"^ *<annotate key=\"org\.freedesktop\.policykit\.owner\">.*\n", re.MULTILINE)

    def without(text):
        changed, count = line.subn("", text)
        assert count == 5, count
        return changed
    if not enter(bed, "test_owner_annotation_is_what_lets_the_daemon_ask", without):
        return
    polkitd = start(bed)
    error = refusal(caller(bed, "pb-admin").set, "General", "MaxHops", "u", 50)
    assert error.name == "NotAuthorized" and "could be asked" in error.text, error
    bed.api.set("General", "MaxHops", "u", 51)
    end(polkitd)


def test_only_the_service_owns_the_name(bed):
    """The bus policy: another user can neither take the name nor talk as it."""
    if not enter(bed, "test_only_the_service_owns_the_name"):
        return
    end(start(bed))
    bed.postbusd.stop()
    other = caller(bed, "pb-other")
    try:
        other.connection.call_sync("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "RequestName",
                                   GLib.Variant("(su)", (NAME, 4)), None, 0, 240000, None)
    except GLib.Error as error:
        assert "AccessDenied" in error.message, error
    else:
        raise AssertionError("a stranger took the name")


def test_agents_are_asked_on_the_system_bus(bed):
    """A member's client is a secret agent: the bus policy lets the service call it, and nobody else; a stranger is no agent."""
    if not enter(bed, "test_agents_are_asked_on_the_system_bus"):
        return
    polkitd = start(bed)
    relay = login_relay(bed, passwords={"nas": b"sesame"})
    lead_to(bed, relay, "agent")
    other = caller(bed, "pb-other")
    assert refusal(other.call, "Manager", "RegisterSecretAgent").name == "NotAuthorized"
    agent = Agent(bed, b"sesame", caller(bed, "pb-admin")).register()
    ends = []
    bed.api.connection.call(NAME, PATH, NAME + ".Manager", "TestRelay", GLib.Variant("(s)", ("general",)), None, 0, 240000, None,
                            lambda connection, result: ends.append(connection.call_finish(result).unpack()[0]))
    turn(lambda: ends, "the test to end")
    assert {step["State"] for step in ends[0]} == {"ok"} and relay.logins == [(b"nas", b"sesame", True)], ends
    assert len(agent.asked) == 1
    try:
        other.connection.call_sync(agent.api.connection.get_unique_name(), AGENT_PATH, NAME + ".SecretAgent", "GetRelaySecret",
                                   GLib.Variant("(sa{sv})", ("general", {})), None, 0, 240000, None)
    except GLib.Error as error:
        assert "AccessDenied" in error.message, error
    else:
        raise AssertionError("a stranger asked the agent")
    end(polkitd)


def test_figures_and_log_on_the_system_bus(bed):
    """The bus policy lets the service ask a subscriber whether it reads, and a member change what is logged."""
    if not enter(bed, "test_figures_and_log_on_the_system_bus"):
        return
    polkitd = start(bed)
    member, other = caller(bed, "pb-admin"), caller(bed, "pb-other")
    assert refusal(other.call, "Statistics", "Subscribe").name == "NotAuthorized"
    updates, pings = [], []

    def on_message(connection, message, incoming):
        if incoming and message.get_member() == "Ping":
            pings.append(message.get_sender())
        return message
    member.connection.add_filter(on_message)
    member.connection.signal_subscribe(NAME, NAME + ".Statistics", "Update", PATH, None, Gio.DBusSignalFlags.NONE,
                                       lambda *arguments: updates.append(arguments[5].unpack()[0]))
    member.call("Statistics", "Subscribe")
    turn(lambda: updates, "an update")
    assert pings and "accepted" in updates[0], (pings, updates)

    def set_level(api, level):
        arguments = GLib.Variant("(ssv)", ("org.freedesktop.LogControl1", "LogLevel", GLib.Variant("s", level)))
        api.connection.call_sync(NAME, "/org/freedesktop/LogControl1", "org.freedesktop.DBus.Properties", "Set", arguments, None,
                                 0, 240000, None)
    set_level(member, "debug")
    try:
        set_level(other, "emerg")
    except GLib.Error as error:
        assert "NotAuthorized" in error.message, error
    else:
        raise AssertionError("a stranger changed what is logged")
    end(polkitd)

# SPDX-License-Identifier: GPL-3.0-or-later
"""What `meson install` puts where, and whether systemd, D-Bus and polkit can make something of it."""
import os
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree

import bus
from bus import NAME
from gi.repository import Gio
from harness import PROGRAM, ROOT, skip

BUILD = pathlib.Path(PROGRAM).parents[1]
POLKIT_DTD = "/usr/share/polkit-1/policyconfig-1.dtd"
# Path under the prefix, and mode.
FILES = (
    ("libexec/postbusd", 0o755),
    *((f"lib/systemd/system/{name}", 0o644) for name in ("postbusd.service", "postbus-master-key.service", "postbusd-smtp.socket",
                                                         "postbusd-submission.socket", "postbusd-submissions.socket")),
    ("share/bash-completion/completions/postbusd", 0o644),
    ("lib/sysusers.d/postbus.conf", 0o644),
    (f"share/dbus-1/system.d/{NAME}.conf", 0o644),
    (f"share/dbus-1/system-services/{NAME}.service", 0o644),
    (f"share/polkit-1/actions/{NAME}.policy", 0o644),
    (f"share/polkit-1/rules.d/{NAME}.rules", 0o644),
    (f"share/dbus-1/interfaces/{NAME}.xml", 0o644),
    *((f"share/dbus-1/interfaces/{NAME}.{name}.xml", 0o644) for name in ("Audit", "Certificate", "History", "Manager", "Queue", "Statistics")),
    (f"share/man/man5/{NAME}.5", 0o644),
    ("share/man/man7/postbus.7", 0o644),
    ("share/man/man8/postbusd.8", 0o644),
)


# With libpam only.
HELPER_FILES = (
    ("libexec/postbus-auth-helper", 0o755),
    ("lib/systemd/system/postbus-auth-helper.service", 0o644),
    ("lib/systemd/system/postbus-auth-helper.socket", 0o644),
    ("lib/pam.d/postbus", 0o644),
    ("share/man/man8/postbus-auth-helper.8", 0o644),
)


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, timeout=240, check=False, **options)


def install(bed):
    """Installs into a folder of the test's. Returns that, and where the prefix lies in it."""
    if not shutil.which("meson") or not (BUILD / "build.ninja").is_file():
        skip("needs meson and its build folder")
    place = pathlib.Path(bed.folder, "installed")
    done = run("meson", "install", "-C", str(BUILD), "--no-rebuild", "--destdir", str(place))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    [program] = place.glob("**/libexec/postbusd")
    return place, program.parents[1]


def test_installs_all_files(bed):
    place, prefix = install(bed)
    with_helper = (prefix / HELPER_FILES[0][0]).exists()
    for name, mode in FILES + (HELPER_FILES if with_helper else ()):
        path = prefix / name
        assert path.is_file() and path.stat().st_mode & 0o777 == mode, (name, path.exists() and oct(path.stat().st_mode))
    stray = [str(path) for path in place.rglob("*") if path.is_file() and prefix not in path.parents]
    assert not stray, stray
    text = "".join(path.read_text(encoding="utf-8") for path in place.rglob("*.service"))
    assert "@" not in re.sub(r"@[a-z-]+$", "", text, flags=re.MULTILINE), "a placeholder was not filled in"
    version = run(str(prefix / "libexec/postbusd"), "--version")
    assert version.returncode == 0 and re.match(r"postbusd? \d+\.\d+\.\d+\n$", version.stdout), version


def values(path, key):
    return re.findall(rf"^{key}=(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)


def test_unit_and_activation_fit_together(bed):
    place, prefix = install(bed)
    unit = prefix / "lib/systemd/system/postbusd.service"
    [start], [user], [name] = values(unit, "ExecStart"), values(unit, "User"), values(unit, "BusName")
    assert (place / start.lstrip("/")).samefile(prefix / "libexec/postbusd"), start
    assert name == NAME
    activation = prefix / f"share/dbus-1/system-services/{NAME}.service"
    assert values(activation, "SystemdService") == [unit.name]
    assert values(activation, "Name") == [NAME] and values(activation, "User") == [user]
    owners = xml.etree.ElementTree.parse(prefix / f"share/dbus-1/system.d/{NAME}.conf").findall("policy[@user]")
    assert {each.get("user") for each in owners if each.find("allow").get("own") == NAME} == {user, "root"}
    actions = xml.etree.ElementTree.parse(prefix / f"share/polkit-1/actions/{NAME}.policy")
    assert {each.text for each in actions.iter("annotate")} == {f"unix-user:{user}"}
    pages = re.findall(r"man:(\S+)\((\d)\)", values(unit, "Documentation")[0])
    assert len(pages) == 3
    for page in pages:
        assert (prefix / f"share/man/man{page[1]}/{page[0]}.{page[1]}").is_file(), page
    assert values(unit, "CapabilityBoundingSet") == values(unit, "AmbientCapabilities") == [""]
    assert values(unit, "LimitCORE") == ["0"] and values(unit, "LimitNOFILE") == ["65536"]
    ports = {}
    for path in unit.parent.glob("postbusd-*.socket"):
        assert values(path, "Service") == [unit.name]
        for key in ("Wants", "After"):
            assert path.name in " ".join(values(unit, key)).split(), (key, path.name)
        [role], [port] = values(path, "FileDescriptorName"), values(path, "ListenStream")
        ports[role] = port
    assert ports == {"smtp": "25", "submission": "587", "submissions": "465"}


def exposure(unit):
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=100", str(unit))
    [found] = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    return float(found)


def test_systemd_accepts_the_units(bed):
    if not shutil.which("systemd-analyze") or not os.path.exists("/lib/systemd/system/sysinit.target"):
        skip("needs systemd-analyze and systemd's units")
    place, prefix = install(bed)
    units = [path for path in (prefix / "lib/systemd/system").iterdir() if "auth-helper" not in path.name]
    assert len(units) == 5
    for unit in units:
        text = unit.read_text(encoding="utf-8")
        unit.write_text(text.replace(f"ExecStart={prefix.relative_to(place)}".replace("=", "=/"), f"ExecStart={prefix}"), encoding="utf-8")
    [service] = [path for path in units if path.name == "postbusd.service"]

    def verify():
        done = run("systemd-analyze", "verify", "--man=no", *map(str, units))
        return done.returncode, done.stdout + done.stderr
    assert verify() == (0, ""), verify()
    assert exposure(service) <= 1.5
    service.write_text(service.read_text(encoding="utf-8").replace("ExecStart=", "ExecStrat="), encoding="utf-8")
    assert verify()[1], "a wrong unit was let through"
    service.write_text("[Service]\nExecStart=/bin/true\n", encoding="utf-8")
    assert exposure(service) > 9, "any unit is let through"


def test_shells_complete(bed):
    """What bash offers behind a word, and that all of the program's options are among it."""
    if not shutil.which("bash"):
        skip("needs bash")
    _, prefix = install(bed)

    def offered(program, *words):
        script = prefix / f"share/bash-completion/completions/{program}"
        done = run("bash", "-euc", 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); "_${1//-/_}"; printf "%s\n" "${COMPREPLY[@]}"',
                   "bash", str(script), program, *words)
        assert done.returncode == 0 and not done.stderr, done
        return done.stdout.split()
    helped = run(str(prefix / "libexec/postbusd"), "--help").stdout
    options = set(re.findall(r"--[a-z-]+", helped))
    assert options <= {each.rstrip("=") for each in offered("postbusd", "--")}, options
    assert offered("postbusd", "--ver") == ["--version"]
    assert offered("postbusd", "--bus", "=", "s") == ["system", "session"]
    assert offered("postbusd", "--listen", "=") == ["smtp:", "submission:", "submissions:"]
    if (prefix / "share/bash-completion/completions/postbus-admin").exists():
        assert offered("postbus-admin", "--page", "=", "relay-s") == ["relay-settings"]
        pages = set(re.findall(r'\{ \.id = "([a-z-]+)"', (ROOT / "client-gtk/pages/pages.c").read_text(encoding="utf-8")))
        assert set(offered("postbus-admin", "--page", "=")) <= pages


def test_helper_unit_is_sound(bed):
    """The one unit that runs as root: what systemd makes of it, and how exposed it is."""
    if not shutil.which("systemd-analyze") or not os.path.exists("/lib/systemd/system/sysinit.target"):
        skip("needs systemd-analyze and systemd's units")
    place, prefix = install(bed)
    if not (prefix / "libexec/postbus-auth-helper").exists():
        skip("built without PAM")
    units = []
    for name in ("postbus-auth-helper.service", "postbus-auth-helper.socket"):
        path = prefix / "lib/systemd/system" / name
        path.write_text(path.read_text(encoding="utf-8").replace("ExecStart=/", f"ExecStart={place}/"), encoding="utf-8")
        units.append(path)
    service, listening = units
    done = run("systemd-analyze", "verify", "--man=no", *map(str, units))
    assert (done.returncode, done.stdout + done.stderr) == (0, ""), done
    assert exposure(service) <= 1.0
    assert values(service, "CapabilityBoundingSet") == values(service, "AmbientCapabilities") == [""]
    assert values(listening, "SocketMode") == ["0660"] and values(listening, "SocketGroup") == ["postbus"]


def test_sysusers_makes_the_users(bed):
    if not shutil.which("systemd-sysusers"):
        skip("needs systemd-sysusers")
    place, prefix = install(bed)
    (place / "etc").mkdir()
    done = run("systemd-sysusers", f"--root={place}", str(prefix / "lib/sysusers.d/postbus.conf"))
    assert done.returncode == 0, done.stderr
    passwd = [line.split(":") for line in (place / "etc/passwd").read_text(encoding="utf-8").splitlines()]
    groups = {line.split(":")[0] for line in (place / "etc/group").read_text(encoding="utf-8").splitlines()}
    [user] = [line for line in passwd if line[0] == "postbus"]
    assert user[5] == "/var/lib/postbus" and user[6].endswith("nologin"), user
    assert {"postbus", "postbus-admin", "postbus-mail"} <= groups, groups


def test_policies_and_interfaces_are_valid(bed):
    _, prefix = install(bed)
    policy = prefix / f"share/polkit-1/actions/{NAME}.policy"
    if shutil.which("xmllint") and os.path.exists(POLKIT_DTD):
        done = run("xmllint", "--nonet", "--noout", "--dtdvalid", POLKIT_DTD, str(policy))
        # It also tries the address in the file, which --nonet forbids.
        assert done.returncode == 0 and "does not follow" not in done.stderr, done.stderr
    assert len(xml.etree.ElementTree.parse(policy).findall("action")) == 5
    # A bus that has our policy in its configuration comes up; one with a wrong element in it does not.
    own = (prefix / f"share/dbus-1/system.d/{NAME}.conf").read_text(encoding="utf-8")
    for name, text in (("right", own), ("wrong", own.replace("<allow own=", "<alow own="))):
        folder = pathlib.Path(bed.folder, name)
        folder.mkdir()
        (folder / "own.conf").write_text(text, encoding="utf-8")
        config = bus.CONFIG.replace("</busconfig>", f"<include>{folder}/own.conf</include></busconfig>")
        other = bus.PrivateBus(str(folder), config)
        came_up = bool(other.address)
        if came_up:
            other.stop()
        else:
            other.process.wait(240)
            other.process.stdout.close()
        assert came_up == (name == "right"), name


def test_interfaces_are_those_of_the_bus(bed):
    """The installed XML says of each interface what introspection says."""
    _, prefix = install(bed)
    bed.start()
    reply = bed.api.raw_call("org.freedesktop.DBus.Introspectable", "Introspect").unpack()[0]

    def shape(text):
        found = {}
        for each in Gio.DBusNodeInfo.new_for_xml(text).interfaces:
            def arguments(infos):
                return [(info.name, info.signature) for info in infos or []]

            def notes(infos):
                return {note.key: note.value for note in infos or []}
            found[each.name] = (
                {method.name: (arguments(method.in_args), arguments(method.out_args)) for method in each.methods or []},
                {signal.name: arguments(signal.args) for signal in each.signals or []},
                {info.name: (info.signature, int(info.flags), notes(info.annotations)) for info in each.properties or []},
                notes(each.annotations))
        return {name: value for name, value in found.items() if name.startswith(NAME)}
    installed = {}
    for path in (prefix / "share/dbus-1/interfaces").glob(f"{NAME}*.xml"):
        more = shape(path.read_text(encoding="utf-8"))
        assert not set(more) & set(installed), path
        installed.update(more)
    # The one that clients export.
    del installed[f"{NAME}.SecretAgent"]
    assert installed == shape(reply)


def test_packages_fit_the_tree(bed):
    """The packages have the program's version, and want to build what our own list installs for it."""
    folder = ROOT / "data/debian"
    [version] = re.findall(r"\Apostbus \(([0-9.]+)\) ", (folder / "changelog").read_text(encoding="utf-8"))
    assert run(PROGRAM, "--version").stdout.split() == ["postbusd", version]
    listed = {}
    for line in (ROOT / "data/debian-packages.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            purpose, package = line.split()[:2]
            listed.setdefault(package, set()).add(purpose)
    control = (folder / "control").read_text(encoding="utf-8")
    [wanted] = re.findall(r"^Build-Depends:(.*?)^$", control, re.MULTILINE | re.DOTALL)
    for word in wanted.split(","):
        package = word.split("(")[0].strip().removesuffix(":any")
        if package.startswith(("debhelper-compat", "dh-sequence-")):
            package = "debhelper"
        assert listed.get(package, set()) & {"build", "client", "deb"}, package
    packages = re.findall(r"^Package: (\S+)", control, re.MULTILINE)
    assert sorted(packages) == ["postbus", "postbus-admin", "postbus-sendmail"]
    assert all((folder / f"{package}.install").is_file() for package in packages)

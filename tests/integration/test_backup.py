# SPDX-License-Identifier: GPL-3.0-or-later
"""The README's recipes for what must outlive the machine: a backup brought back, a server moved whole, a container."""
import os
import pathlib
import re
import shutil
import subprocess

from bus import NAME, PATH
from harness import PROGRAM, ROOT, skip, wait_for

SMALL = b"Subject: small\r\n\r\nsmall\r\n"
LARGE = b"Subject: large\r\n\r\n" + (b"z" * 76 + b"\r\n") * 4000


def block(name):
    [text] = re.findall(rf"^```{name}\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return text


def follow(bed, name, **environment):
    """Runs a block of the README, with the folders of the test in place of the machine's and nobody's own user."""
    text = block(name).replace("/var/lib/postbus", bed.state).replace("-o postbus -g postbus ", "")
    text = text.replace("-C /var/lib ", f"-C {os.path.dirname(bed.state)} ").replace("/srv/backup", bed.folder + "/backup")
    text = re.sub(r"\bpostbus$", os.path.basename(bed.state), text, flags=re.MULTILINE) if name == "move" else text
    os.makedirs(bed.folder + "/backup", exist_ok=True)
    done = subprocess.run(["sh", "-euxc", text], cwd="/", env={**os.environ, **environment}, capture_output=True, text=True,
                          timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return done


def test_backup_comes_back(bed):
    """Taken while the server runs; after all is lost, settings, accounts, passwords and mail are there again."""
    if not shutil.which("sqlite3"):
        skip("needs sqlite3")
    bed.start()
    bed.api.set("General", "MaxHops", "u", 42)
    bed.api.add("Aliases", Address="info@local.example", Targets=["ann@local.example"])
    bed.api.call("Accounts", "SetPassword", "(say)", bed.ann, b"correct horse")
    bed.send("a@b.example", ["ann@local.example"], SMALL)
    bed.send("a@b.example", ["ann@local.example"], LARGE)
    before = sorted(bed.wait_mails(bed.ann, 2))
    fingerprint = bed.api.get("Certificate", "Fingerprint")
    follow(bed, "backup")
    for path in pathlib.Path(bed.folder, "backup").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, f"{path} is readable by others"
    # What came since is lost, and only that.
    bed.api.set("General", "MaxHops", "u", 43)
    bed.postbusd.stop()
    key = pathlib.Path(bed.state, "master.key").read_bytes()
    shutil.rmtree(bed.state)

    bed.postbusd.start()
    assert bed.api.get("General", "MaxHops") != 42
    bed.postbusd.stop()
    pathlib.Path(bed.state, "master.key").write_bytes(key)
    follow(bed, "restore")
    bed.postbusd.start()
    assert bed.api.get("General", "MaxHops") == 42
    assert bed.api.get("Certificate", "Fingerprint") == fingerprint
    assert sorted(bed.mails(bed.ann)) == before
    [account] = [row for row in bed.api.rows("Accounts") if row["Id"] == bed.ann]
    assert account["PasswordSet"]
    bed.send("a@b.example", ["info@local.example"], SMALL)
    bed.wait_mails(bed.ann, 3)


def test_moved_whole(bed):
    """Stopped, packed, unpacked elsewhere: what waited is delivered, once, large and small."""
    bed.start()
    bed.api.set("Queueing", "MinBackoff", "u", 1)
    sink = bed.relay_sink()
    sink.rule("RCPT", b"450 4.2.0 Later")
    bed.send("ann@local.example", ["one@away.example"], SMALL)
    bed.send("ann@local.example", ["two@away.example"], LARGE)
    bed.wait_deferred(2)
    bed.postbusd.stop()
    follow(bed, "move")
    shutil.rmtree(bed.state)
    follow(bed, "arrive")
    sink.clear_rules()
    bed.postbusd.start()
    bed.queue_empty()
    assert sorted(message.recipients for message in sink.wait_messages(2)) == [[b"one@away.example"], [b"two@away.example"]]


def test_container(bed):
    """The lines for a container, by a user without any right: mail is taken, and a change is made on the bus."""
    needed = [tool for tool in ("setpriv", "dbus-daemon", "busctl") if not shutil.which(tool)]
    if needed or os.getuid() != 0:
        skip(f"needs root and {needed}")
    place = pathlib.Path(bed.folder, "container")
    place.mkdir()
    bed_ports = [bed.ports.take() for _ in range(3)]
    text = block("container").replace("/usr/libexec/postbusd", PROGRAM).replace("/data", f"{place}/data").replace("/tmp/postbus-bus", f"{place}/bus")
    for written, port in zip(("2525", "2587", "2465"), bed_ports):
        text = text.replace("*:" + written, f"127.0.0.1:{port}")
    text = text.replace("--nopidfile", f"--nopidfile --print-pid=3 3>{place}/dbus.pid")
    # Nothing above the program's folder is in that user's way.
    (place / "data").mkdir()
    for path in (pathlib.Path(bed.folder), place, place / "data"):
        os.chmod(path, 0o755)
    for path in (place, place / "data"):
        os.chown(path, 65534, 65534)
    right = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    if subprocess.run([*right, PROGRAM, "--version"], capture_output=True, check=False).returncode:
        skip("the program is in a folder that others cannot enter")
    with open(place / "log", "wb") as log:
        server = subprocess.Popen([*right, "sh", "-euc", text], stderr=log, stdout=log, stdin=subprocess.DEVNULL)
    try:
        def greeted():
            assert server.poll() is None, (place / "log").read_text()
            return (place / "log").read_text().count("listening role=") == 3
        wait_for(greeted, "the ports")
        address = f"unix:path={place}/bus"
        busctl = [*right, "busctl", f"--address={address}"]
        where = [NAME, PATH, NAME + ".General", "MaxHops"]
        subprocess.run([*busctl, "set-property", *where, "u", "42"], check=True, timeout=240)
        told = subprocess.run([*busctl, "get-property", *where], check=True, timeout=240, capture_output=True, text=True).stdout
        assert told == "u 42\n", told
        bed.postbusd.port = bed_ports[0]
        bed.send("a@b.example", ["postmaster"], SMALL)
        wait_for(lambda: list((place / "data/mail/postmaster/new").glob("*")), "the message")
    finally:
        server.terminate()
        status = server.wait(240)
        os.kill(int((place / "dbus.pid").read_text()), 15)
    assert status == 0, (place / "log").read_text()

# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell lines of the README work as they stand, in the surroundings that quickstart.sh makes."""
import os
import re
import shutil
import subprocess

from bus import variants
from harness import ROOT, Ports, skip, strip_trace

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_shell_lines(bed):
    if not shutil.which("swaks") or not shutil.which("busctl"):
        skip("needs swaks and busctl")
    if not Ports.free("127.0.0.1", 2525) or not Ports.free("127.0.0.1", 2626):
        skip("the README's ports 2525 and 2626 are taken here")
    blocks = BLOCK.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(blocks) > 3
    bed.postbusd.port = 2525
    bed.start()
    bed.api.add("LocalDomains", Name="home.example")
    bed.api.call("Accounts", "Update", "(sa{sv})", bed.ann, variants({"Addresses": ["ann@home.example"]}))
    sink = bed.sink(2626)
    place = os.path.join(bed.folder, "place")
    os.makedirs(os.path.join(place, "build/quickstart"))
    os.symlink(os.path.join(bed.folder, "bus"), os.path.join(place, "build/quickstart/bus"))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBUS_")}
    environment["LC_ALL"] = "C.UTF-8"
    run = subprocess.run(["sh", "-eux", "-c", "".join(blocks)], cwd=place, env=environment, text=True,
                         capture_output=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert len(bed.wait_mails(bed.ann, 2)) == 2
    [message] = sink.wait_messages(1)
    assert message.recipients == [b"someone@example.org"]
    assert b"From: ann@home.example" in strip_trace(message.body)[0]
    assert bed.api.get("General", "MaxHops") == 50 and bed.api.get("General", "MaxRecipients") == 500


def test_setting_names_exist(bed):
    """Each setting that the README names by its interface or in its limits is on the bus."""
    bed.start()
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for interface, name in (("General", "MaxRecipients"), ("General", "MaxHops"),
                            ("General", "MaxMessageSize"), ("ConnectionPolicy", "MaxConnections"),
                            ("Advanced", "MaxJunkCommands"), ("Queueing", "Lifetime")):
        assert name in text
        assert f"{bed.api.get(interface, name):,}" in text or name == "Lifetime", name

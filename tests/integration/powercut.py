# SPDX-License-Identifier: GPL-3.0-or-later
"""Power cuts under load: what was acknowledged is on the disk, not only in the kernel's memory.

kill -9 cannot catch a missing fsync. Here the state lies on ext4 in an image file on XFS, and the image is
cloned (FICLONE) under load: the clone holds what the disk would have held at that moment. Each clone is
mounted, a postbusd is started on it, and every message that had its 250 before the cut must lie in the
Maildir, once and whole. With POSTBUS_UNSYNCED=1 syncs do nothing: then mail must be missing, which shows that
the method would notice. Wants root, loop devices and mkfs.xfs; run-powercut.sh calls it, meson does not.
"""
import contextlib
import fcntl
import os
import random
import shutil
import subprocess

from harness import skip, wait_for
from smtp_talk import stuff
from test_kill9 import SENDERS, Load, audit

CUTS = int(os.environ.get("POSTBUS_CUTS", "10"))
UNSYNCED = os.environ.get("POSTBUS_UNSYNCED") == "1"
FICLONE = 0x40049409
NO_SYNC = "int fsync (int fd) { return 0; } int fdatasync (int fd) { return 0; }"


class LocalLoad(Load):
    """As the load of the kills, but all of it for the local mailbox."""

    def send_one(self, talk):
        number, self.sequence = self.sequence, self.sequence + SENDERS
        talk.envelope("load@local.example", ["ann@local.example"])
        talk.expect("DATA", 354)
        talk.send(stuff(self.message(number)) + b".\r\n")
        code, text = talk.reply()
        if code == 250:
            self.ledger.add(number)
        else:
            self.refused.append((code, text))


def run(*command):
    subprocess.run(command, check=True)


@contextlib.contextmanager
def mounted(image, folder):
    os.makedirs(folder, exist_ok=True)
    run("mount", "-o", "loop", image, folder)
    try:
        yield folder
    finally:
        run("umount", folder)


def clone(image, copy):
    with open(image, "rb") as source, open(copy, "wb") as target:
        fcntl.ioctl(target.fileno(), FICLONE, source.fileno())


def preload(bed):
    """Lets the daemon's syncs do nothing."""
    library = os.path.join(bed.folder, "nosync.so")
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", library, "-"], input=NO_SYNC.encode(), check=True)
    environment = {**bed.postbusd.environment(), "LD_PRELOAD": library}
    bed.postbusd.environment = lambda: environment


def use(bed, state):
    bed.state = bed.postbusd.state = state


def cut_under_load(bed, image):
    """Returns a ledger for each clone: what had been acknowledged before it was made."""
    ledger, ledgers = set(), []
    loads = [LocalLoad(bed.port, number, ledger) for number in range(SENDERS)]
    for load in loads:
        load.start()
    chance = random.Random(7)
    for cut in range(CUTS):
        wanted = len(ledger) + chance.randrange(5, 40)
        wait_for(lambda: len(ledger) >= wanted, "progress under load", seconds=240, tick=0.0005)
        ledgers.append(set(ledger))
        clone(image, f"{image}.{cut}")
    for load in loads:
        load.stopping.set()
    for load in loads:
        load.join(240)
        assert not load.refused, load.refused[:3]
    return ledgers


def lost_on(bed, image, folder, ledger):
    """How many messages of the ledger are missing on the clone once its queue has drained."""
    with mounted(image, folder):
        use(bed, os.path.join(folder, "state"))
        bed.postbusd.start()
        try:
            if not UNSYNCED:
                bed.queue_empty(120)
            found = audit(bed.mails(bed.ann))
        finally:
            bed.postbusd.stop()
    twice = [number for number, times in found.items() if times > 1]
    assert not twice, f"delivered twice into the Maildir: {twice[:10]}"
    return len([number for number in ledger if not found[number]])


def test_acknowledged_mail_survives_power_cuts(bed):
    if os.getuid() != 0 or not shutil.which("mkfs.xfs") or not os.path.exists("/dev/loop-control"):
        skip("wants root, loop devices and mkfs.xfs")
    place = {name: os.path.join(bed.folder, name) for name in ("disk", "xfs", "ext4", "clone")}
    run("truncate", "-s", "2G", place["disk"])
    run("mkfs.xfs", "-q", "-m", "reflink=1", place["disk"])
    with mounted(place["disk"], place["xfs"]):
        image = os.path.join(place["xfs"], "image")
        run("truncate", "-s", "400M", image)
        run("mkfs.ext4", "-q", image)
        with mounted(image, place["ext4"]):
            use(bed, os.path.join(place["ext4"], "state"))
            os.mkdir(bed.state)
            bed.start()
            os.sync()
            if UNSYNCED:
                plain = bed.postbusd.environment
                preload(bed)
                bed.postbusd.restart()
                bed.postbusd.environment = plain
            ledgers = cut_under_load(bed, image)
            bed.postbusd.stop()
        lost = [lost_on(bed, f"{image}.{cut}", place["clone"], ledger) for cut, ledger in enumerate(ledgers)]
    print(f"{CUTS} power cuts, {len(ledgers[-1])} acknowledged before the last, lost: {lost}")
    assert (sum(lost) > 0) == UNSYNCED, lost

# SPDX-License-Identifier: GPL-3.0-or-later
"""mail/by-address/: links from addresses to mailboxes, kept up with the accounts, and readable by postbus-mail."""
import os
import pathlib
import shutil
import stat
import subprocess

from bus import variants
from harness import skip, wait_for

MESSAGE = b"From: a@b.example\r\nSubject: x\r\n\r\nBody\r\n"
DOMAINS = ("local.example", "mail.local.example")


def links(bed, *others):
    folder = pathlib.Path(bed.state, "mail/by-address")
    names = os.listdir(folder) if folder.is_dir() else []
    try:
        return {name: os.readlink(folder / name) for name in names if name not in (".new", *others)}
    except FileNotFoundError:
        return None  # one went meanwhile


def wait_links(bed, **accounts):
    """Waits until just these accounts' addresses have links."""
    wanted = {address: "../" + account for account, addresses in accounts.items() for address in addresses}
    try:
        wait_for(lambda: links(bed) == wanted, "the links", seconds=240)
    except AssertionError:
        raise AssertionError(f"{links(bed)} instead of {wanted}") from None


def named(name, *more, domains=DOMAINS):
    return {f"{name}@{domain}" for domain in domains} | set(more)


def update(bed, kind, row, **cells):
    bed.api.call(kind, "Update", "(sa{sv})", row, variants(cells))


def test_links_follow_accounts(bed):
    """Each address leads to its mailbox, which is there before any mail, by way of every change."""
    bed.start()
    wait_links(bed, **{bed.ann: named("ann")})
    assert {each.name for each in bed.maildir(bed.ann).iterdir()} == {"cur", "new", "tmp"}
    bob = bed.api.add("Accounts", Name="Bob", Addresses=["info@local.example", "Sales@Local.Example", "x@else.example"])
    wait_links(bed, **{bed.ann: named("ann"),
                       bob: named("bob", "info@local.example", "sales@local.example", "x@else.example")})
    update(bed, "Accounts", bob, Name="rob", Addresses=["info@local.example"])
    wait_links(bed, **{bed.ann: named("ann"), bob: named("rob", "info@local.example")})
    update(bed, "Accounts", bed.ann, Addresses=["rob@local.example"])
    wait_links(bed, **{bed.ann: named("ann", "rob@local.example"), bob: {"rob@mail.local.example", "info@local.example"}})
    update(bed, "Accounts", bob, Enabled=False)
    wait_links(bed, **{bed.ann: named("ann", "rob@local.example")})
    update(bed, "Accounts", bob, Enabled=True)
    update(bed, "Accounts", bed.ann, Addresses=[])
    wait_links(bed, **{bed.ann: named("ann"), bob: named("rob", "info@local.example")})
    whole = bed.api.add("Accounts", Name="whole@local.example")
    domain = bed.api.add("LocalDomains", Name="second.example")
    third = (*DOMAINS, "second.example")
    wait_links(bed, **{bed.ann: named("ann", domains=third), bob: named("rob", "info@local.example", domains=third),
                       whole: {"whole@local.example"}})
    bed.api.call("LocalDomains", "Remove", "(as)", [domain])
    bed.api.set("General", "Hostname", "s", "mx.local.example")
    third = ("local.example", "mx.local.example")
    wait_links(bed, **{bed.ann: named("ann", domains=third), bob: named("rob", "info@local.example", domains=third),
                       whole: {"whole@local.example"}})
    bed.api.call("Accounts", "Remove", "(as)", [bob, whole])
    wait_links(bed, **{bed.ann: named("ann", domains=third)})
    bed.send("a@b.example", ["ann@local.example"], MESSAGE)
    bed.wait_mails(bed.ann)
    [path] = pathlib.Path(bed.state, "mail/by-address/ann@local.example/new").iterdir()
    assert b"Body" in path.read_bytes()
    for setting, value in (("AccountSource", "pam"), ("Kind", "lmtp")):
        before = bed.api.get("Mailboxes", setting)
        bed.api.set("Mailboxes", setting, "s", value)
        wait_links(bed)
        bed.api.set("Mailboxes", setting, "s", before)
        wait_links(bed, **{bed.ann: named("ann", domains=third)})


def test_start_mends_what_is_there(bed):
    """Wrong, stale and missing links are put right; what is none of ours stays, and nothing leads outside."""
    bed.start()
    wait_links(bed, **{bed.ann: named("ann")})
    bed.postbusd.stop()
    folder = pathlib.Path(bed.state, "mail/by-address")
    outside = pathlib.Path(bed.folder, "outside")
    outside.mkdir()
    (folder / "ann@local.example").unlink()
    (folder / "ann@local.example").symlink_to("../nobody")
    (folder / "ann@mail.local.example").unlink()
    (folder / "stale@local.example").symlink_to("../" + bed.ann)
    (folder / "foreign").symlink_to(outside)
    (folder / ".new").symlink_to(outside)
    (folder / "note").write_text("of the administrator")
    bed.postbusd.start()
    wanted = {f"ann@{domain}": "../" + bed.ann for domain in DOMAINS}
    wait_for(lambda: links(bed, "note", "foreign") == wanted, "the links")
    assert (folder / "note").read_text() == "of the administrator" and os.readlink(folder / "foreign") == str(outside)
    assert not any(outside.iterdir())
    # A link in place of the folder is not followed.
    bed.postbusd.stop()
    shutil.rmtree(folder)
    folder.symlink_to(outside)
    bed.postbusd.start()
    bed.api.add("Accounts", Name="bob")
    bed.send("a@b.example", ["bob@local.example"], MESSAGE)
    bed.queue_empty()
    wait_for(lambda: b"by-address" in bed.postbusd.stderr(), "a warning")
    assert not any(outside.iterdir())


def test_addresses_that_are_no_file_names(bed):
    """They get their mail and no link; the others of the account have theirs."""
    bed.start()
    hostile = ["a/b@local.example", "a/../../c@local.example".replace("..", "x"), "ü@local.example", "%2e%2e%2f@local.example",
               "x" * 64 + "@" + ".".join(["y" * 58] * 3) + ".example", "-rf@local.example", "*@local.example"]
    evil = bed.api.add("Accounts", Name="evil", Addresses=hostile)
    expected = {address for address in hostile if "/" not in address}
    assert len(max(expected, key=len)) > 240
    wait_links(bed, **{bed.ann: named("ann"), evil: named("evil", *expected)})
    for address in hostile[:2]:
        bed.send("a@b.example", [address], MESSAGE)
    bed.wait_mails(evil, 2)
    assert set(os.listdir(bed.state + "/mail")) == {bed.ann, evil, "by-address"}


def test_many_accounts(bed):
    """A thousand at one time, and their end."""
    bed.start()
    rows = [variants({"Name": f"user{number}", "Addresses": [f"u{number}@else.example"]}) for number in range(1000)]
    bed.api.call("Accounts", "Replace", "(aa{sv})", rows)
    wait_for(lambda: len(links(bed) or ()) == 3000, "3000 links")
    ids = {row["Name"]: row["Id"] for row in bed.api.rows("Accounts", 0, 500)}
    found = links(bed)
    assert all(found[f"{name}@local.example"] == found[f"u{name[4:]}@else.example"] == "../" + ids[name] for name in ids)
    bed.api.call("Accounts", "Replace", "(aa{sv})", [])
    wait_for(lambda: links(bed) == {}, "no links")


def test_group_reads_mail(bed):
    """Where the group postbus-mail is, what is made below mail/ is its, for reading and filing, in spite of the umask."""
    if os.geteuid() != 0 or not shutil.which("unshare"):
        skip("needs root, for a group of its own")
    groups = pathlib.Path(bed.folder, "group")
    groups.write_text("root:x:0:\npostbus-mail:x:4242:\n")
    probe = subprocess.run(["unshare", "--mount", "true"], check=False)
    if probe.returncode != 0:
        skip("needs mount namespaces")
    start = bed.postbusd.start
    bed.postbusd.start = lambda: start(wrapper=("unshare", "--mount", "sh", "-c",
                                                f'umask 027; mount --bind {groups} /etc/group && exec "$0" "$@"'))
    bed.start()
    wait_links(bed, **{bed.ann: named("ann")})
    bed.send("a@b.example", ["ann@local.example", "postmaster@local.example"], MESSAGE)
    bed.wait_mails(bed.ann)
    bed.wait_mails("postmaster")
    mail = pathlib.Path(bed.state, "mail")
    for path, mode in ((mail, 0o770), (mail / "by-address", 0o750), (mail / bed.ann, 0o770), (mail / bed.ann / "cur", 0o770),
                       (mail / "postmaster/new", 0o770), (next((mail / bed.ann / "new").iterdir()), 0o660)):
        status = path.stat()
        assert (status.st_gid, stat.S_IMODE(status.st_mode)) == (4242, mode), (path, status)

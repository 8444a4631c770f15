# SPDX-License-Identifier: GPL-3.0-or-later
"""Antivirus on the wire, with a real clamd, and with some that are not well."""
import threading

import scanner
from harness import wait_for
from test_authorization import refusal

STEPS = ["connect", "ping", "version", "clean", "infected", "descriptors", "size"]


# ---- TestScanner ----

def tried(bed):
    steps = bed.api.call("Diagnostics", "TestScanner", "()")[0]
    assert [step["Step"] for step in steps] == STEPS
    return {step["Step"]: step for step in steps}, {step["Step"]: step["State"] for step in steps}


def test_scanner_that_is_well(bed):
    bed.start()
    clamd = scanner.Clamd(bed)
    for address in (clamd.unix, clamd.tcp):
        bed.api.set("Antivirus", "Address", "s", address)
        steps, states = tried(bed)
        handed = address == clamd.unix
        assert states == {**dict.fromkeys(STEPS, "ok"), "size" if handed else "descriptors": "skipped"}, steps
        assert steps["infected"]["Detail"] == scanner.NAME and steps["version"]["Detail"].startswith("ClamAV "), steps


def test_scanner_with_limits(bed):
    """What clamd does not take is told before mail has to tell it."""
    bed.start()
    clamd = scanner.Clamd(bed, "StreamMaxLength 1M\n")
    bed.api.set("Antivirus", "Address", "s", clamd.tcp)
    steps, states = tried(bed)
    assert states["size"] == "warning" and "StreamMaxLength" in steps["size"]["Detail"], steps
    bed.api.set("General", "MaxMessageSize", "u", 1)
    assert tried(bed)[1]["size"] == "ok"


def test_scanner_that_is_none(bed):
    """Each fault is told by the step that meets it, and what is behind it is passed over."""
    bed.start()
    assert refusal(bed.api.call, "Diagnostics", "TestScanner").name == "InvalidValue"
    old = b"ClamAV 1.0.9/27000/Mon Nov 10 09:12:33 2003\0"
    rows = [
        (b"", "ping", "closed in the middle"), (b"250 mail.example\r\n", "ping", "closed in the middle"),
        (b"x" * 2000, "ping", "does not end"), (b"NO\0", "ping", "this is not clamd"),
        (lambda got: b"PONG\0" if got == b"zPING\0" else b"", "version", "closed in the middle"),
        (lambda got: b"PONG\0" if got == b"zPING\0" else old if got == b"zVERSION\0" else b"stream: Bad FOUND\0", "clean",
         "Bad is found in a harmless message"),
        (lambda got: b"PONG\0" if got == b"zPING\0" else old if got == b"zVERSION\0" else b"no memory ERROR\0", "clean",
         "clamd says: no memory ERROR"),
    ]
    for answer, place, words in rows:
        odd = scanner.Odd(bed, answer)
        bed.api.set("Antivirus", "Address", "s", odd.address)
        steps, states = tried(bed)
        assert states[place] == "failed" and words in steps[place]["Detail"], (place, steps)
        assert {states[step] for step in STEPS[STEPS.index(place) + 1:]} == {"skipped"}, steps
    assert states["version"] == "warning" and steps["version"]["SignatureTime"] == 1068455553, steps
    odd = scanner.Odd(bed, lambda got: b"PONG\0" if got == b"zPING\0" else b"ClamAV 1.0.9\0" if got == b"zVERSION\0"
                      else b"stream: OK\0")
    bed.api.set("Antivirus", "Address", "s", odd.address)
    steps, states = tried(bed)
    assert states["infected"] == "warning" and states["size"] == "ok" and "SignatureTime" not in steps["version"], steps
    for address in (f"127.0.0.1:{bed.ports.take()}", f"unix:{bed.folder}/none.sock", f"unix:/{'x' * 200}", "no.such.host.invalid:3310"):
        bed.api.set("Antivirus", "Address", "s", address)
        assert tried(bed)[1]["connect"] == "failed", address


def test_scanner_test_is_cut_short(bed):
    """One at a time; the server's end does not wait for a scanner that says nothing."""
    bed.start()
    odd = scanner.Odd(bed, None, stay=True)
    bed.api.set("Antivirus", "Address", "s", odd.address)
    ends = []
    caller = threading.Thread(target=lambda: ends.append(refusal(bed.api.call, "Diagnostics", "TestScanner").name))
    caller.start()
    wait_for(lambda: odd.asked, "the scanner to be asked")
    assert refusal(bed.api.call, "Diagnostics", "TestScanner").name == "Busy"
    bed.postbusd.stop()
    caller.join(60)
    assert ends == ["Unavailable"], ends

# SPDX-License-Identifier: GPL-3.0-or-later
"""Callers that are neither root nor the daemon's user, and what introspection says can be called."""
import contextlib
import os
import xml.etree.ElementTree

import bus
from gi.repository import GLib
from harness import skip

NOBODY = 65534
BASIC = {"y": 0, "b": False, "n": 0, "q": 0, "i": 0, "u": 0, "x": 0, "t": 0, "d": 0.0, "s": "", "o": "/",
         "g": "", "h": 0}


def need_root():
    if os.getuid() != 0:
        skip("needs root to become another user")


@contextlib.contextmanager
def user(uid):
    """Connections made inside are that user's."""
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


def open_to_all(bed):
    os.chmod(bed.folder, 0o755)
    os.chmod(os.path.join(bed.folder, "bus"), 0o666)


def connect(bed, uid=NOBODY):
    open_to_all(bed)
    with user(uid):
        return bus.Api(bed.bus.address)


def node(api):
    reply = api.raw_call("org.freedesktop.DBus.Introspectable", "Introspect")
    return xml.etree.ElementTree.fromstring(reply.unpack()[0])


def interfaces(api):
    """The daemon's own interfaces: short name to XML element."""
    found = {each.get("name").removeprefix(bus.NAME + "."): each for each in node(api).findall("interface")
             if each.get("name").startswith(bus.NAME + ".")}
    assert len(found) > 20, sorted(found)
    return found


def notes(element):
    return {note.get("name").removeprefix("org.postbus."): note.get("value")
            for note in element.findall("annotation")}


def is_private(element):
    return notes(element).get("Private") == "true"


def end_of_type(signature, start):
    """Where the complete type that begins at start ends (D-Bus specification, type system)."""
    if signature[start] == "a":
        return end_of_type(signature, start + 1)
    if signature[start] not in "({":
        return start + 1
    closing = {"(": ")", "{": "}"}[signature[start]]
    at = start + 1
    while signature[at] != closing:
        at = end_of_type(signature, at)
    return at + 1


def split_types(signature):
    found, at = [], 0
    while at < len(signature):
        end = end_of_type(signature, at)
        found.append(signature[at:end])
        at = end
    return found


def anything(signature):
    """Some value of that one complete type."""
    if signature in BASIC:
        return GLib.Variant(signature, BASIC[signature])
    if signature == "v":
        return GLib.Variant("v", GLib.Variant("s", ""))
    if signature.startswith("a"):
        return GLib.Variant.new_array(GLib.VariantType.new(signature[1:]), [])
    assert signature.startswith("("), signature
    return GLib.Variant.new_tuple(*[anything(each) for each in split_types(signature[1:-1])])


def arguments(method):
    """The arguments for a method's XML element, with nothing in them."""
    inner = "".join(arg.get("type") for arg in method.findall("arg") if arg.get("direction", "in") == "in")
    return anything(f"({inner})")

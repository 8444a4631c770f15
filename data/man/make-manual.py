#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the manual page org.postbus.Postbus1(5) from introspection XML.

    make-manual.py VERSION OUTPUT XML...

Interfaces with fixed members are described by the comments of their XML (name: words, as
gdbus-codegen reads them); settings and lists by the annotations that their tables give.
"""
import re
import sys
import xml.etree.ElementTree as tree

RELEASED = "2026-11-24"
WIDTH = 78
PREFIX = "org.postbus."
INTERFACE_PREFIX = "org.postbus.Postbus1."

INTRO = """\
.SH NAME
org.postbus.Postbus1 \\- the D\\-Bus interface of the mail server postbusd
.SH SYNOPSIS
.nf
bus name    org.postbus.Postbus1 (system bus)
object      /org/postbus/Postbus1
interfaces  org.postbus.Postbus1.<Name>, one an area
.fi
.SH DESCRIPTION
.BR postbusd (8)
is steered over D\\-Bus: every setting is a property, every list an interface of one shape.
A change is checked, authorized and committed before the call is answered.
Times are Unix seconds UTC (t), durations seconds (u), ids UUIDs.
.PP
Properties marked
.B private
need the polkit action
.IR org.postbus.Postbus1.view ;
private properties are left out of GetAll and are only invalidated, never sent, in PropertiesChanged.
.SH AUTHORIZATION
The user root and the server's own user may do everything. For all others polkit is asked, and only its yes
lets a call through; one that somebody was asked for is kept for the caller for five minutes. A rule lets members of the group
.I postbus\\-admin
pass without a password.
"""

ERRORS_INTRO = """\
.SH ERRORS
Error names begin with
.IR org.postbus.Postbus1.Error. ;
the text begins with the place, as in \\(lqGeneral.MaxHops: must be between 5 and 255\\(rq.
"""

ACTIONS = (
    ("view", "Private settings, lists, mail in the queue, counters, revisions, Validate and Export."),
    ("modify-settings", "Settings, and every list but Accounts: Set, Apply, Confirm, Revert, Import, and writes of lists; blocks: Lift, Extend."),
    ("manage-queue", "Mail in the queue."),
    ("manage-accounts", "Writes of the list Accounts, the accounts' passwords, and an Import that holds accounts."),
    ("set-secrets", "Passwords of relays: SetRelaySecret, RegisterSecretAgent. The certificate and its key: Tls.Import."),
)

ERRORS = (
    ("InvalidValue", "A value is out of range, malformed, or of the wrong kind; the text says what is allowed."),
    ("UnknownSetting", "No setting has this name."),
    ("Conflict", "The settings have changed since the revision that was given."),
    ("NotFound", "No row, message or revision has this id."),
    ("NotAuthorized", "polkit did not say yes, or could not be asked."),
    ("TooLarge", "An argument is larger than is taken."),
    ("StoreFailed", "The disk failed; the journal says what to do."),
    ("Busy", "Try again shortly."),
    ("Unavailable", "This cannot be done now; the text says why."),
)


def roff(text):
    """Plain words as roff input."""
    text = " ".join(text.split())
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def annotations(node):
    return {note.get("name").removeprefix(PREFIX): note.get("value") for note in node.findall("annotation")}


def comments_of(path):
    """The doc comments of an XML file: member or interface name to {"": words, "@argument": words}."""
    described = {}
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for comment in re.findall(r"<!--(.*?)-->", text, re.DOTALL):
        match = re.match(r"\s*([\w.]+):(.*)", comment, re.DOTALL)
        if not match or match.group(1).startswith("SPDX"):
            continue
        words = {"": []}
        key = ""
        for line in match.group(2).replace("&lt;", "<").replace("&gt;", ">").splitlines():
            argument = re.match(r"\s*(@\w+):\s*(.*)", line)
            if argument:
                key = argument.group(1)
                words[key] = [argument.group(2)]
            elif not line.strip():
                key = ""
            else:
                words.setdefault(key, []).append(line.strip())
        described[match.group(1)] = {name: " ".join(lines) for name, lines in words.items()}
    return described


def property_lines(node, notes, words):
    access = node.get("access")
    marks = [f"type {node.get('type')}"]
    if access == "read":
        marks.append("read\\-only")
    if notes.get("Default") is not None:
        marks.append(f"default {roff(notes['Default']) or 'empty'}")
    if notes.get("Minimum") is not None:
        marks.append(f"{notes['Minimum']} to {notes['Maximum']}")
    if notes.get("Choices"):
        marks.append("one of " + roff(notes["Choices"].replace("|", ", ")))
    if notes.get("Form"):
        marks.append(("each " if node.get("type") == "as" else "") + roff(notes["Form"]))
    if notes.get("Unit"):
        marks.append(roff(notes["Unit"]))
    marks += [f"\\fB{mark.lower()}\\fR" for mark in ("Private", "Secret", "Restart") if notes.get(mark) == "true"]
    yield ".TP"
    yield f".B {roff(node.get('name'))}"
    yield f"({'; '.join(marks)})"
    title = notes.get("Title")
    if title:
        yield ".br"
        yield f"\\fI{roff(title)}\\fR. {roff(notes.get('Help', ''))}"
    elif words:
        yield ".br"
        yield roff(words.get("", ""))
    if notes.get("Effective") == "false":
        yield ".br"
        yield "Kept and shown, but not obeyed yet."


def signature(node):
    """name (in arguments) -> out arguments."""
    ins, outs = [], []
    for argument in node.findall("arg"):
        side = outs if argument.get("direction") == "out" else ins
        side.append(f"{argument.get('type')} {argument.get('name')}")
    text = f"{node.get('name')} ({', '.join(ins)})"
    return text + (f" -> ({', '.join(outs)})" if outs else "")


def method_lines(node, notes, words):
    yield ".TP"
    yield f".B {roff(signature(node))}"
    said = [words.get("", "")] if words else []
    if notes.get("Help"):
        said.append(notes["Help"])
    yield roff(" ".join(said)) or "\\&"
    for argument in node.findall("arg"):
        about = (words or {}).get("@" + argument.get("name"))
        if about:
            yield ".br"
            yield f"\\fI{roff(argument.get('name'))}\\fR: {roff(about)}"


def interface_lines(node, described):
    name = node.get("name")
    notes = annotations(node)
    yield f'.SS {roff(name.removeprefix(INTERFACE_PREFIX))}'
    about = described.get(name, {})
    lead = [about.get("@short_description", ""), about.get("", ""), notes.get("Help", "")]
    yield roff(". ".join(part.rstrip(".") for part in lead if part) + ".") if any(lead) else "\\&"
    if notes.get("Effective") == "false":
        yield "Kept and shown, but not obeyed yet."
    for key, value in notes.items():
        if key.startswith("Column."):
            yield ".TP"
            yield f".B {roff(key.removeprefix('Column.'))}"
            yield f"(column) {roff(value)}"
    for member in node:
        words = described.get(member.get("name"), {})
        if member.tag == "property":
            yield from property_lines(member, annotations(member), words)
        elif member.tag in ("method", "signal"):
            yield from method_lines(member, annotations(member), words)


ANNOTATIONS = (
    ("Title", "the setting's name in words"), ("Help", "what it does, in one sentence"),
    ("Default", "the default, as GVariant text"), ("Minimum", "the least value"),
    ("Maximum", "the greatest value"), ("Choices", "the values it may have, separated by |"),
    ("Form", "what a text, or each text of several, must be"),
    ("Unit", "what a number counts"), ("Group", "the heading it stands under"),
    ("Private", "true: reading needs the view action"),
    ("Secret", "true: as private, and left out of Export"),
    ("Restart", "true: a change acts from the next start of the service"),
    ("Effective", "false: nothing obeys it yet; a column says so in its words"),
    ("Column.<Name>", "what a list's column holds"),
)


def wrapped(line):
    """Words in lines of source that mandoc does not find too long; none begins as a request would."""
    if line.startswith((".", "'")) or len(line) <= WIDTH:
        return [line]
    lines = []
    for word in line.split(" "):
        if lines and (len(lines[-1]) + 1 + len(word) <= WIDTH or word.startswith((".", "'")) or lines[-1].endswith("\\")):
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def entry_lines(prefix, rows):
    return [line for name, words in rows for line in (".TP", f".B {prefix}{roff(name)}", roff(words))]


def main(version, output, *paths):
    lines = [f'.TH ORG.POSTBUS.POSTBUS1 5 "{RELEASED}" "Postbus {version}" "Postbus Manual"', INTRO.rstrip("\n")]
    lines += entry_lines(INTERFACE_PREFIX, ACTIONS)
    lines.append(ERRORS_INTRO.rstrip("\n"))
    lines += entry_lines("", ERRORS)
    lines += [".SH ANNOTATIONS", "Introspection explains itself: annotations org.postbus.<Name> say of a setting or list"]
    lines += entry_lines(PREFIX, ANNOTATIONS)
    lines.append(".SH INTERFACES")
    for path in paths:
        described = comments_of(path)
        for node in tree.parse(path).getroot().findall("interface"):
            lines += list(interface_lines(node, described))
    lines += [".SH SEE ALSO", ".BR postbusd (8),", ".BR busctl (1),", ".BR gdbus (1)"]
    text = "\n".join(lines).split("\n")  # the introduction is many lines
    with open(output, "w", encoding="utf-8") as file:
        file.write("".join(part + "\n" for line in text for part in wrapped(line)))


if __name__ == "__main__":
    main(*sys.argv[1:])

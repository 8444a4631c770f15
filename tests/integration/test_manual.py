# SPDX-License-Identifier: GPL-3.0-or-later
"""The manual pages: org.postbus.Postbus1(5) names all that the running daemon has on the bus, and the
pages render without a complaint."""
import os
import pathlib
import re
import shutil
import subprocess

import bus
import stranger
from harness import PROGRAM, ROOT, skip

BUILD = pathlib.Path(PROGRAM).parents[1]
MANUAL = pathlib.Path(os.environ.get("POSTBUS_MANUAL", BUILD / "data/org.postbus.Postbus1.5"))
PAGES = (MANUAL, *sorted((ROOT / "data/man").glob("*.[1-8]")))
# What every page on every system knows.
STANDARD = ("org.freedesktop.DBus.",)


def unroff(text):
    text = re.sub(r"\\f[BIRP]|\\&", "", text)
    return text.replace("\\-", "-").replace("\\(lq", "“").replace("\\(rq", "”").replace("\\e", "\\")


def entries(text):
    """A section of the page: what stands behind each .TP, its name to all of its words."""
    found = {}
    for part in text.split("\n.TP\n")[1:]:
        head, _, body = part.partition("\n")
        assert head.startswith(".B "), head
        assert head not in found, f"{head} stands twice"
        found[unroff(head[3:])] = " ".join(unroff(body).split())
    return found


def sections():
    """The page's interfaces, by short name, and the part before them."""
    head, _, rest = MANUAL.read_text(encoding="utf-8").partition("\n.SH INTERFACES\n")
    rest = rest[:rest.index("\n.SH SEE ALSO")]
    found = {}
    for part in ("\n" + rest).split("\n.SS ")[1:]:
        name, _, body = part.partition("\n")
        assert name not in found, name
        found[unroff(name)] = "\n" + body
    return head, found


def method_head(method):
    sides = {"in": [], "out": []}
    for argument in method.findall("arg"):
        sides[argument.get("direction", "in")].append(f"{argument.get('type')} {argument.get('name')}")
    head = f"{method.get('name')} ({', '.join(sides['in'])})"
    return head + (f" -> ({', '.join(sides['out'])})" if sides["out"] else "")


def check_property(element, words):
    notes = stranger.notes(element)
    assert f"(type {element.get('type')}" in words
    wanted = [notes.get(name) for name in ("Minimum", "Maximum", "Title", "Help", "Form", "Unit")]
    wanted += notes.get("Choices", "").split("|")
    if "Default" in notes:
        wanted.append("default " + (notes["Default"] or "empty"))
    if stranger.is_private(element):
        wanted.append("; private")
    if element.get("access") == "read":
        wanted.append("read-only")
    for each in filter(None, wanted):
        assert " ".join(each.split()) in words, (each, words)
    assert ("not obeyed yet" in words) == (notes.get("Effective") == "false"), words
    assert len(words) > len(f"(type {element.get('type')})") + 20, words


def check_interface(element, text):
    """Every member, argument and column of the interface has its entry, and there is no other."""
    found = entries(text)
    wanted = set()
    for each in element.findall("property"):
        wanted.add(each.get("name"))
        check_property(each, found[each.get("name")])
    for each in [*element.findall("method"), *element.findall("signal")]:
        head = method_head(each)
        wanted.add(head)
        assert re.match(r"[A-Z].{12,}\.", found[head]), f"{head}: {found[head]!r} says nothing"
        for argument in each.findall("arg"):
            # The lists' methods are of one shape, in which the arguments' names say enough.
            if not any(name.startswith("Column.") for name in stranger.notes(element)):
                assert f"{argument.get('name')}: " in found[head], (head, argument.get("name"))
    for name, words in stranger.notes(element).items():
        if name.startswith("Column."):
            wanted.add(name.removeprefix("Column."))
            assert words in found[name.removeprefix("Column.")], name
    assert set(found) == wanted, set(found) ^ wanted


def test_names_all_of_the_bus(bed):
    bed.start()
    described = stranger.interfaces(bed.api)
    _, texts = sections()
    # One interface is a client's: what a secret agent offers.
    assert set(texts) == set(described) | {"SecretAgent"}, set(texts) ^ set(described)
    for name, element in described.items():
        if element.findall("property") and element.findall("property")[0].get("access") == "readwrite":
            members = len(element.findall("property")) + len(element.findall("method"))
            assert members == len(entries(texts[name])), name
        # A list may have a column of the name of a method, whose entry also has the arguments.
        check_interface(element, texts[name])


def test_names_all_annotations_and_errors(bed):
    bed.start()
    head, _ = sections()
    known = entries(head)
    used = {note.get("name") for note in stranger.node(bed.api).iter("annotation")}
    for name in used:
        if name.startswith(STANDARD):
            continue
        name = re.sub(r"Column\..*", "Column.<Name>", name)
        assert known.get(name), f"{name} is not described"
    errors = re.findall(r"\[PB_ERROR_\w+\] = [^\"]*\"(\w+)\"|\{ PB_ERROR_\w+, PB_ERROR_PREFIX \"(\w+)\"",
                        (ROOT / "dbus/errors.c").read_text(encoding="utf-8"))
    names = {first or second for first, second in errors}
    assert len(names) >= 9, names
    assert all(known.get(name) for name in names), names - set(known)
    policy = (ROOT / "data/org.postbus.Postbus1.policy").read_text(encoding="utf-8")
    actions = re.findall(r'<action id="([^"]+)">', policy)
    assert len(actions) == 5 and all(known.get(action) for action in actions), actions
    assert bus.PATH in head


def complaints(*words):
    """What the tool says about the page; a page without a date says it is one of no day, not that it is wrong."""
    run = subprocess.run(words, capture_output=True, text=True, timeout=240, check=False)
    lines = (run.stdout + run.stderr).splitlines()
    assert run.returncode < 5, lines
    return [line for line in lines if "missing date" not in line]


def test_pages_render_without_complaint(bed):
    tools = (("groff", "-man", "-Tutf8", "-ww", "-z"), ("mandoc", "-Tlint", "-Wwarning"))
    there = [tool for tool in tools if shutil.which(tool[0])]
    if not there:
        skip("needs groff or mandoc")
    for page in PAGES:
        for tool in there:
            said = complaints(*tool, str(page))
            assert not said, (tool, said[:5])
    wrong = pathlib.Path(bed.folder, "wrong.5")
    wrong.write_text(MANUAL.read_text(encoding="utf-8").replace(".SS General", ".nosuch General\n\\fQ"), encoding="utf-8")
    for tool in there:
        assert complaints(*tool, str(wrong)), tool


def test_order_of_judgement(bed):
    """postbus(7) has every check, in the order in which they are asked, with its reply and its setting."""
    del bed
    source = (ROOT / "daemon/policy/rows.c").read_text(encoding="utf-8")
    replies = {name: f"{code} {status}" for name, code, status in re.findall(
        r'^PB_REPLY \((\w+), (\d+), "([^"]+)"', (ROOT / "daemon/protocol/reply.def").read_text(encoding="utf-8"), re.M)}
    settings = {field: f"{group}.{name}" for group, name, field in re.findall(
        r"^PB_SETTING_\w+ \((\w+),\s*(\w+),\s*(\w+),", (ROOT / "dbus/settings.def").read_text(encoding="utf-8"), re.M)}
    stages = {}
    for row in source[source.index("static const PbPolicyRow rows"):].split("{ ROW (")[1:]:
        stage, name, reply = re.match(r'(\w+), "([^"]+)", (\w+),', row).groups()
        setting = re.search(r"\.setting = setting_(\w+)", row)
        stages.setdefault(stage, []).append((name, replies[reply], setting and settings[setting[1]]))
    page = unroff((ROOT / "data/man/postbus.7").read_text(encoding="utf-8"))
    parts = dict(part.split("\n", 1) for part in page.split("\n.SS ")[1:])
    for stage, title in (("CONNECT", "At the connection"), ("MAIL", "At MAIL")):
        assert re.findall(r"\(([\w-]+)\)", parts[title]) == [name for name, _, _ in stages.pop(stage)], title
    for stage, title in (("RCPT", "At RCPT, for each recipient"), ("END_OF_DATA", "At the end of the data")):
        table = [line.split("\t") for line in parts[title][:parts[title].index(".TE")].splitlines() if line.count("\t") == 2][1:]
        rows = stages.pop(stage)
        assert [name for name, _, _ in table] == [name for name, _, _ in rows], title
        for (name, setting, reply), (_, wanted, obeyed) in zip(table, rows):
            assert reply.startswith(wanted), (name, reply, wanted)
            assert obeyed is None or setting == obeyed, (name, setting, obeyed)
            assert re.match(r"\(|Access List: |Domain List: ", setting) or setting in settings.values(), (name, setting)
    assert not stages, stages

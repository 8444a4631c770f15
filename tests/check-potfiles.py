#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of the catalogues: po/POTFILES.in names every file that holds words to translate, once,
in order of names, and no other; no .ui file shows words that are not marked as such; no macro stands
within them in C, where only the compiler would see it. Prints one line a violation and exits 1 if there
was one.

    tests/check-potfiles.py [--root FOLDER] [--list]

--list prints what POTFILES.in should hold.
"""
import argparse
import pathlib
import re
import sys

TOP_FOLDERS = ("client-gtk", "daemon", "data", "dbus")
MARKED_C = re.compile(r'\b(?:_|N_|C_|NC_|Q_|n?gettext|g_dn?gettext|g_dpgettext2?|pb_say(?:_count)?)'
                      r'\s*\((?:\s|\w+\s*,)*"')
MARKED_XML = re.compile(r'\btranslatable="(?:yes|true|1)"')
DESKTOP_KEY = re.compile(r"^_?(?:Name|GenericName|Comment|Keywords)\s*=", re.MULTILINE)
# xgettext sees the words before the macro alone.
BROKEN_C = re.compile(r'\b(?:_|N_|C_|NC_|n?gettext|pb_say(?:_count)?) \((?:[^()";]*"(?:[^"\\]|\\.)*")+\s*[A-Z]\w+')
# What the setup check and the alerts say (dbus/say.h): a sentence there is marked, or no catalogue gets it.
SAYING = ("daemon/service/setup-*.c", "daemon/service/alerts.c", "daemon/service/*-keeper.c", "daemon/service/health-watch.c")
SAYS = re.compile(r'\b(?:pb_setup_add|pb_setup_step_end|pb_alerts_raise|spf_end|reverse_end) \(')
LITERAL = re.compile(r'"(?:[^"\\]|\\.)*"')
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
MARKS = {
    ".c": MARKED_C, ".h": MARKED_C, ".def": MARKED_C, ".inc": MARKED_C, ".ui": MARKED_XML,
    ".desktop.in": DESKTOP_KEY, ".metainfo.xml.in": re.compile(r"<(?:name|summary|p|li|caption)>"),
}
# Properties whose text people read.
SHOWN = re.compile(r'<(?:property|attribute) name="(?:label|title|subtitle|caption|description|tooltip-text|'
                   r'placeholder-text|accessible-name)"([^>]*)>([^<]*)</')


def holds_words(path):
    for suffix, mark in MARKS.items():
        if path.name.endswith(suffix):
            text = path.read_text(encoding="utf-8")
            return mark.search(COMMENT.sub(" ", text) if mark is MARKED_C else text) is not None
    return False


def wanted_files(root):
    return [str(path.relative_to(root)) for top in TOP_FOLDERS
            for path in sorted((root / top).rglob("*")) if path.is_file() and holds_words(path)]


def unmarked_words(root):
    for path in sorted((root / "client-gtk").rglob("*.ui")):
        for match in SHOWN.finditer(path.read_text(encoding="utf-8")):
            if "translatable=" not in match.group(1) and re.search(r"[^\W\d_]", match.group(2)):
                yield f'{path.relative_to(root)}: "{match.group(2)}" is not marked translatable'


def broken_words(root):
    for top in TOP_FOLDERS:
        for path in sorted((root / top).rglob("*.[ch]")):
            for match in BROKEN_C.finditer(path.read_text(encoding="utf-8")):
                yield f"{path.relative_to(root)}: a macro within words to translate: {' '.join(match.group(0).split())}"


def call_at(text, start):
    """The arguments of a call whose bracket opens just before @start, without what other calls in them hold."""
    depth, outer = 1, []
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[()]|[^"()]+', text[start:]):
        piece = found.group(0)
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if depth == 0:
            break
        if depth == 1:
            outer.append(piece)
    return "".join(outer)


def unsaid_words(root):
    for path in sorted({path for pattern in SAYING for path in root.glob(pattern)}):
        text = path.read_text(encoding="utf-8")
        for match in SAYS.finditer(text):
            for literal in LITERAL.findall(call_at(text, match.end())):
                if " " in literal:
                    yield f"{path.relative_to(root)}: a sentence without pb_say(): {literal}"
        for literal in re.findall(r'pb_say(?:_words)? \([^"()]*\?[^"();]*("[^"]* [^"]*")', text):
            yield f"{path.relative_to(root)}: a sentence without N_(): {literal}"


def violations(root):
    wanted = wanted_files(root)
    lines = (root / "po/POTFILES.in").read_text(encoding="utf-8").splitlines()
    listed = [line for line in lines if line and not line.startswith("#")]
    for name in wanted:
        if name not in listed:
            yield f"po/POTFILES.in: {name} holds words to translate and is not listed"
    for name in sorted(set(listed)):
        if name not in wanted:
            yield f"po/POTFILES.in: {name} is listed and holds no words to translate"
        if listed.count(name) > 1:
            yield f"po/POTFILES.in: {name} is listed {listed.count(name)} times"
    if listed != sorted(listed):
        yield "po/POTFILES.in: the names are not in order"
    yield from unmarked_words(root)
    yield from broken_words(root)
    yield from unsaid_words(root)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(sorted(wanted_files(arguments.root))))
        return 0
    found = list(violations(arguments.root))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

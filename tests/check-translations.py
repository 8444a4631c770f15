#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether every catalogue in po/ is whole: msgfmt -c has nothing to say, and each of the words that
xgettext finds in the sources of today is translated, none is fuzzy, and mnemonics and how they end (full
stop, ellipsis, colon) and named places are kept. Prints one line a catalogue and trouble, naming the words.

    tests/check-translations.py [--root FOLDER] [ARGUMENT FOR xgettext]...

The arguments are those of po/meson.build.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

SHOWN = 8  # words a line names at most
MNEMONIC = re.compile(r"(?:^|[\s(])_(?=\w)")
PLACE = re.compile(r"\{[a-z-]+\}")  # dbus/say.h
ENDS = {" ": (" ", "、"), "…": ("…",), ":": (":", "："), ".": (".", "。"), "\n": ("\n",)}


def run(*command, check=True):
    return subprocess.run([str(word) for word in command], check=check, capture_output=True, encoding="utf-8",
                          env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"})


def extract(root, arguments, folder):
    pot = folder / "words.pot"
    run("xgettext", "--from-code=UTF-8", "--directory", root, "--files-from", root / "po/POTFILES.in",
        "--output", pot, *arguments)
    return pot


def unquote(text):
    escapes = {"n": "\n", "t": "\t", '"': '"', "\\": "\\"}
    return re.sub(r"\\(.)", lambda match: escapes.get(match.group(1), match.group(1)), text)


def entries(text):
    """Yields (msgid, translations) of a catalogue that msgmerge or msgattrib wrote, without its head."""
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        fields = {}
        for line in lines:
            match = re.match(r'(?:(msg\S+) )?"(.*)"$', line)
            if match is None:
                continue
            key = match.group(1) or key
            fields[key] = fields.get(key, "") + unquote(match.group(2))
        if fields.get("msgid"):
            yield fields["msgid"], [value for name, value in fields.items() if name.startswith("msgstr")]


def keeps_form(source, translation):
    if MNEMONIC.search(source) and translation.count("_") != 1:
        return False
    # A plural may leave out its count, as "one" does.
    if set(PLACE.findall(source)) - {"{n}"} != set(PLACE.findall(translation)) - {"{n}"}:
        return False
    return all(not source.endswith(end) or translation.endswith(kept) for end, kept in ENDS.items())


def line(language, trouble, words):
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return f"{language}: {trouble}: " + ", ".join(f"“{word}”" for word in words[:SHOWN]) + more


def judge(language, po, pot, folder):
    whole = folder / f"{language}.po"
    compiled = run("msgfmt", "-c", "-o", "/dev/null", po, check=False)
    if compiled.returncode != 0 or compiled.stderr.strip():
        yield f"{language}: msgfmt -c says: {compiled.stderr.strip()}"
        return
    run("msgmerge", "--quiet", "--no-fuzzy-matching", "--no-wrap", "--output-file", whole, po, pot)
    for trouble, choice in (("untranslated", "--untranslated"), ("fuzzy", "--only-fuzzy")):
        words = [word for word, _ in entries(run("msgattrib", "--no-wrap", "--no-obsolete", choice, whole).stdout)]
        if words:
            yield line(language, f"{len(words)} {trouble}", words)
    bent = [word for word, translations in entries(run("msgattrib", "--no-wrap", "--translated", whole).stdout)
            if not all(keeps_form(word, text) for text in translations)]
    if bent:
        yield line(language, f"{len(bent)} with another mnemonic, place or end", bent)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    arguments, for_xgettext = parser.parse_known_args()
    found = []
    languages = (arguments.root / "po/LINGUAS").read_text(encoding="utf-8").split()
    with tempfile.TemporaryDirectory() as name:
        pot = extract(arguments.root, for_xgettext, pathlib.Path(name))
        total = sum(1 for _ in entries(pot.read_text(encoding="utf-8")))
        for language in languages:
            found += judge(language, arguments.root / "po" / f"{language}.po", pot, pathlib.Path(name))
    print("\n".join(found) if found else f"{len(languages)} catalogues of {total} words are whole")
    return 1 if found else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failure:
        sys.exit(f"{failure.cmd[0]} says: {failure.stderr.strip()}")

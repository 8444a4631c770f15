#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the desktop knows of the client: the desktop file and the AppStream metainfo pass their
validators, agree with each other and speak every language of po/LINGUAS; the icons are drawings of our
own that can be shown at any size, the symbolic one in one colour.

    check-desktop.py DESKTOP-FILE METAINFO-FILE ICON-FOLDER LINGUAS-FILE

Exits 77 with one line when a validator is not there.
"""
import configparser
import pathlib
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree

ID = "org.postbus.Admin"
SVG = "{http://www.w3.org/2000/svg}"
LANG = "{http://www.w3.org/XML/1998/namespace}lang"


def validate(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False,
                          env={"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"})
    if done.returncode != 0 or done.stderr:
        yield f"{' '.join(command)}: {done.stdout}{done.stderr}"


def check_desktop(path, languages):
    yield from validate("desktop-file-validate", str(path))
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str
    parser.read(path, encoding="utf-8")
    entry = parser["Desktop Entry"]
    for key, wanted in (("Icon", ID), ("Exec", "postbus-admin")):
        if entry.get(key) != wanted:
            yield f"{path.name}: {key} is {entry.get(key)}"
    for language in languages:
        for key in ("Comment", "Keywords"):
            if f"{key}[{language}]" not in entry:
                yield f"{path.name}: no {key} in {language}"


def check_metainfo(path, languages):
    yield from validate("appstreamcli", "validate", "--no-net", str(path))
    root = xml.etree.ElementTree.parse(path).getroot()
    if root.findtext("id") != ID or root.findtext("launchable") != f"{ID}.desktop":
        yield f"{path.name}: another application"
    for language in languages:
        if language not in [summary.get(LANG) for summary in root.findall("summary")]:
            yield f"{path.name}: no summary in {language}"


def check_icon(path, size, one_colour):
    root = xml.etree.ElementTree.parse(path).getroot()
    if root.tag != SVG + "svg" or root.get("viewBox") != f"0 0 {size} {size}":
        yield f"{path.name}: no drawing of {size} x {size}"
    for element in root.iter():
        if element.tag in (SVG + "image", SVG + "text", SVG + "script", SVG + "foreignObject"):
            yield f"{path.name}: has a {element.tag.removeprefix(SVG)}"
    text = path.read_text(encoding="utf-8")
    if re.search(r'\bhref="(?!#)', text):
        yield f"{path.name}: needs another file"
    colours = set(re.findall(r'(?:fill|stroke|stop-color)[=:]"?(#[0-9a-fA-F]+)', text))
    if one_colour and len(colours) > 1:
        yield f"{path.name}: has {len(colours)} colours"


def main():
    desktop, metainfo, icons, linguas = map(pathlib.Path, sys.argv[1:])
    for tool in ("desktop-file-validate", "appstreamcli"):
        if shutil.which(tool) is None:
            print(f"skipped: no {tool}")
            return 77
    languages = re.sub(r"#.*", "", linguas.read_text(encoding="utf-8")).split()
    faults = [*check_desktop(desktop, languages), *check_metainfo(metainfo, languages),
              *check_icon(icons / f"{ID}.svg", 128, False), *check_icon(icons / f"{ID}-symbolic.svg", 16, True)]
    print("\n".join(faults) or "all well")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of the house: folders are floors.

A file includes its own floor and the floors named for it below, never one above; no include
circle exists anywhere; project headers are included with their folder ("store/store.h", from the
root "dbus/names.h"); an x-private.h stays on its floor; a floor's meson.build links no floor that
it may not include. Prints one line a violation and exits 1 if there was one.

    tests/check-layers.py [--root FOLDER]
"""
import argparse
import pathlib
import re
import sys

# Floor -> floors it may include beside itself. Every daemon floor may include COMMON too.
COMMON = {"dbus", "util"}
DAEMON_FLOORS = {
    "util": set(),
    "protocol": set(),
    "net": set(),
    "store": {"protocol"},
    "settings": {"store"},
    "mailauth": {"net", "protocol"},
    "policy": {"mailauth", "settings", "store", "net", "protocol"},
    "delivery": {"mailauth", "settings", "store", "net", "protocol"},
    "queue": {"delivery", "mailauth", "settings", "store", "protocol"},
    "session": {"queue", "policy", "settings", "store", "net", "protocol"},
    "service": {"session", "queue", "delivery", "policy", "mailauth", "settings", "store", "net",
                "protocol", "auth-helper"},
    "main": {"service", "net"},
    "auth-helper": set(),
    "sendmail": {"protocol"},
}
CLIENT_FLOORS = {
    "client-model": set(),
    "client-widgets": {"client-model"},
    "client-pages": {"client-model", "client-widgets"},
    "client": {"client-model", "client-widgets", "client-pages"},
}
ALLOWED = {"dbus": set()}
ALLOWED.update({floor: below | COMMON for floor, below in DAEMON_FLOORS.items()})
ALLOWED["util"] = {"dbus"}
ALLOWED.update({floor: below | {"dbus"} for floor, below in CLIENT_FLOORS.items()})

TOP_FOLDERS = ("dbus", "daemon", "client-gtk", "tests")
SUFFIXES = {".c", ".h", ".def", ".inc"}
GENERATED = {"config.h", "service/bus-info.h"}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
DEPENDENCY = re.compile(r"\b(\w+)_dep\b")


def floor_of(path):
    """The floor a file stands on, by its path from the root; None for tests."""
    parts = path.parts
    if parts[0] == "dbus":
        return "dbus"
    if parts[0] == "daemon":
        return parts[1] if len(parts) > 2 else "main"
    if parts[0] == "client-gtk":
        return "client-" + parts[1] if len(parts) > 2 else "client"
    return None


def source_files(root):
    for top in TOP_FOLDERS:
        for path in sorted((root / top).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                yield path.relative_to(root)


def read_without_comments(path):
    text = path.read_text(encoding="utf-8", errors="replace")
    return COMMENT.sub(lambda m: "\n" * m.group(0).count("\n"), text)


def resolve(root, source, name):
    """Returns (file or None, whether the name was written with its folder)."""
    bases = [root]
    if source.parts[0] in ("daemon", "tests"):
        bases.append(root / "daemon")
    if source.parts[0] in ("client-gtk", "tests"):
        bases.append(root / "client-gtk")
    for base in bases:
        if (base / name).is_file() and "/" in name and ".." not in name:
            return (base / name).relative_to(root), True
    beside = (root / source.parent / name).resolve()
    if beside.is_file() and root in beside.parents:
        return beside.relative_to(root), False
    return None, True


def is_generated(root, name):
    """Whether the meson.build of the header's folder makes it: a contract's interfaces and the like."""
    folder, _, base = name.rpartition("/")
    for top in (root, root / "daemon", root / "client-gtk"):
        rules = top / folder / "meson.build"
        if folder and rules.is_file() and f"output: '{base}'" in rules.read_text(encoding="utf-8"):
            return True
    return name in GENERATED


def looks_like_ours(name):
    first = name.split("/")[0]
    return "/" in name and (first in DAEMON_FLOORS or first in ("dbus", "daemon", "client-gtk"))


def check_include(root, source, quote, name, problems):
    """Judges one include; returns the project file it names, for the graph."""
    target, qualified = resolve(root, source, name)
    if target is None:
        floor, other = floor_of(source), name.split("/")[0]
        if quote == '"' and not is_generated(root, name):
            problems.append(f'includes "{name}", which is no file of the project')
        elif floor is not None and other in ALLOWED and other not in ALLOWED[floor] | {floor}:
            problems.append(f'{floor} includes "{name}" of {other}, which it may not')
        return None
    if quote == "<":
        problems.append(f"includes <{name}>: project headers stand in quotes")
    floor, other = floor_of(source), floor_of(target)
    if not qualified and (floor is not None or target.parent != source.parent):
        problems.append(f'includes "{name}" without its folder')
    if floor is None:
        return target
    if other is None:
        problems.append(f'includes "{name}" of the tests')
    elif other != floor and other not in ALLOWED.get(floor, set()):
        problems.append(f'{floor} includes "{name}" of {other}, which it may not')
    elif other != floor and target.stem.endswith("-private"):
        problems.append(f'includes "{name}", which is private to {other}')
    return target


def find_circle(graph):
    """Returns one circle as a list of files, or None."""
    done, way = set(), []

    def walk(node):
        if node in way:
            return way[way.index(node):] + [node]
        if node in done:
            return None
        way.append(node)
        for other in sorted(graph.get(node, ())):
            circle = walk(other)
            if circle:
                return circle
        way.pop()
        done.add(node)
        return None

    for start in sorted(graph):
        circle = walk(start)
        if circle:
            return circle
    return None


def check_links(root):
    """A floor's meson.build names no library of a floor that the floor may not include."""
    for floor, below in DAEMON_FLOORS.items():
        path = root / "daemon" / floor / "meson.build"
        if floor == "main" or not path.is_file():
            continue
        for line_number, line in enumerate(path.read_text().splitlines(), 1):
            for name in DEPENDENCY.findall(line.split("#")[0]):
                other = name.replace("_", "-")
                if other in DAEMON_FLOORS and other not in below | COMMON | {floor}:
                    yield f"daemon/{floor}/meson.build:{line_number}: {floor} links {other}, which it may not"


def check(root):
    violations, graph = [], {}
    for source in source_files(root):
        floor = floor_of(source)
        if floor is not None and floor not in ALLOWED:
            violations.append(f"{source}: the folder is no floor of the house; add it to the table")
            continue
        text = read_without_comments(root / source)
        for match in INCLUDE.finditer(text):
            quote, name = match.groups()
            if quote == "<" and not looks_like_ours(name):
                continue
            problems = []
            target = check_include(root, source, quote, name, problems)
            line = text.count("\n", 0, match.start()) + 1
            violations += [f"{source}:{line}: {problem}" for problem in problems]
            if target is not None:
                graph.setdefault(source.as_posix(), set()).add(target.as_posix())
    circle = find_circle(graph)
    if circle:
        violations.append("include circle: " + " -> ".join(circle))
    violations += check_links(root)
    return violations


def main():
    parser = argparse.ArgumentParser(description="Checks that includes go down the house only.")
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent)
    root = parser.parse_args().root.resolve()
    violations = check(root)
    print("\n".join(violations) if violations else "layers: no violation")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())

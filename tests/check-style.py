#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The law of the files: small, plain, and each able to stand alone.

    600 lines a file, 60 a C function (from its opening to its closing brace), nesting 4;
    no default: in a switch over an enum of ours (the compiler must see a missing case);
    no SQL put together from strings; every header has #pragma once and compiles alone;
    an SPDX line at the top, no leftover marks, no space at a line's end.

Prints one line a violation and exits 1 if there was one.

    tests/check-style.py [--root FOLDER] [--build FOLDER]
"""
import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import re
import shlex
import subprocess
import sys

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 60
MAX_NESTING = 4

FOLDERS = ("dbus", "daemon", "client-gtk", "data", "tests", ".ci")
C_SUFFIXES = {".c", ".h", ".def", ".inc"}
CODE_SUFFIXES = C_SUFFIXES | {".py", ".sh"}
TEXT_SUFFIXES = CODE_SUFFIXES | {".build", ".xml", ".ui", ".md", ".service", ".css", ".supp"}
SPDX = "SPDX-License-Identifier: GPL-3.0-or-later"
LEFTOVERS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b")
# In this order: a quote inside a comment is no string, and the other way round.
OPAQUE = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
TOKEN = re.compile(r"[A-Za-z_]\w*|[{}();:?]|[^\sA-Za-z_{}();:?]+")
BUILDERS = re.compile(r"\b(g_strdup_v?printf|g_string_(?:append_|prepend_)?v?printf|g_string_append|"
                      r"g_string_new|g_strconcat|g_strjoinv?|g_v?snprintf|v?s?n?printf|"
                      r"v?asprintf|sqlite3_v?s?n?mprintf|sqlite3_str_appendf|strcat|stpcpy)\s*\(")
SQL = re.compile(r"\b(SELECT\b.*|INSERT\s+(OR\s+\w+\s+)?INTO|REPLACE\s+INTO|UPDATE\s+\S+\s+SET|DELETE\s+FROM|"
                 r"WHERE\s+\S|ORDER\s+BY|(CREATE|DROP|ALTER)\s+(TABLE|INDEX))")
PACKAGES = ["glib-2.0", "gobject-2.0", "gio-2.0", "gio-unix-2.0", "sqlite3", "libcrypto", "libsystemd",
            "json-glib-1.0"]
CLIENT_PACKAGES = PACKAGES + ["libadwaita-1", "libsecret-1"]


def blank(match):
    """Keeps the lines and leaves nothing that could be taken for code."""
    text = match.group(0)
    kept = '""' if text[0] == '"' else "0" if text[0] == "'" else " "
    return kept + "\n" * text.count("\n")


def tokens_of(text):
    """The code of a C file as (token, line), without comments, strings and directives."""
    text = DIRECTIVE.sub(blank, OPAQUE.sub(blank, text))
    tokens, line, at = [], 1, 0
    for match in TOKEN.finditer(text):
        line += text.count("\n", at, match.start())
        at = match.start()
        tokens.append((match.group(0), line))
    return tokens


class Function:
    """Walks the statements of one function body and keeps what the law asks about."""

    def __init__(self, tokens, start):
        self.tokens, self.at = tokens, start
        self.first_line = tokens[start][1]
        self.deepest, self.deepest_line = 0, self.first_line
        self.enum_defaults = []
        self.switches = []
        self.statement(0)
        self.last_line = tokens[min(self.at, len(tokens)) - 1][1]

    def peek(self, ahead=0):
        index = self.at + ahead
        return self.tokens[index][0] if index < len(self.tokens) else ""

    def enter(self, depth):
        if depth > self.deepest:
            self.deepest, self.deepest_line = depth, self.tokens[min(self.at, len(self.tokens) - 1)][1]

    def skip_group(self, opening, closing):
        depth = 0
        while self.at < len(self.tokens):
            token = self.peek()
            self.at += 1
            depth += token.count(opening) - token.count(closing)
            if depth <= 0:
                return

    def skip_expression(self):
        while self.at < len(self.tokens):
            token = self.peek()
            if token == ";":
                self.at += 1
                return
            if token == "}":
                return
            if token == "(":
                self.skip_group("(", ")")
            elif token == "{":
                self.skip_group("{", "}")
            else:
                self.at += 1

    def block(self, depth):
        self.at += 1
        while self.at < len(self.tokens) and self.peek() != "}":
            self.statement(depth)
        self.at += 1

    def label(self):
        """A case, default or goto label; what follows it is a statement of the same depth."""
        line, words = self.tokens[self.at][1], []
        while self.at < len(self.tokens) and self.peek() != ":":
            words.append(self.peek())
            self.at += 1
        self.at += 1
        if not self.switches:
            return
        switch = self.switches[-1]
        if words[0] == "default":
            switch["default"] = line
        elif words[0] == "case" and words[1].startswith("PB_"):
            switch["enum"] = True

    def switch(self, depth):
        self.switches.append({"enum": False, "default": None})
        self.statement(depth)
        switch = self.switches.pop()
        if switch["enum"] and switch["default"]:
            self.enum_defaults.append(switch["default"])

    def statement(self, depth):
        token = self.peek()
        if token == "{":
            self.block(depth)
        elif token in ("if", "for", "while", "switch"):
            self.at += 1
            self.skip_group("(", ")")
            self.enter(depth + 1)
            (self.switch if token == "switch" else self.statement)(depth + 1)
            if token == "if" and self.peek() == "else":
                self.at += 1
                self.statement(depth if self.peek() == "if" else depth + 1)
        elif token == "do":
            self.at += 1
            self.enter(depth + 1)
            self.statement(depth + 1)
            self.skip_expression()
        elif token in ("case", "default") or (self.peek(1) == ":" and token.isidentifier()):
            self.label()
        else:
            self.skip_expression()


def functions_of(tokens):
    """Yields (name, Function) for each function definition of the file."""
    at, name, depth = 0, "?", 0
    while at < len(tokens):
        token = tokens[at][0]
        if token == "{" and depth == 0 and at > 0 and tokens[at - 1][0] == ")":
            function = Function(tokens, at)
            yield name, function
            at = function.at
            continue
        if depth == 0 and token == "(" and at > 0 and tokens[at - 1][0].isidentifier():
            name = tokens[at - 1][0]
        depth += token.count("{") - token.count("}")
        at += 1


def check_functions(text):
    for name, function in functions_of(tokens_of(text)):
        lines = function.last_line - function.first_line + 1
        if lines > MAX_FUNCTION_LINES:
            yield function.first_line, f"{name} has {lines} lines, {MAX_FUNCTION_LINES} are allowed"
        if function.deepest > MAX_NESTING:
            yield function.deepest_line, f"{name} nests {function.deepest} deep, {MAX_NESTING} is allowed"
        for line in function.enum_defaults:
            yield line, f"{name} has a default: in a switch over an enum"


def balanced_end(text, start):
    """The end of the argument list that opens at start; strings may hold parentheses."""
    depth, at = 0, start
    while at < len(text):
        opaque = OPAQUE.match(text, at)
        if opaque:
            at = opaque.end()
            continue
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        at += 1
        if depth == 0:
            break
    return at


def check_sql(text):
    for match in BUILDERS.finditer(text):
        arguments = text[match.end() - 1:balanced_end(text, match.end() - 1)]
        literals = " ".join(literal for literal in OPAQUE.findall(arguments) if literal[0] == '"')
        if SQL.search(literals):
            yield text.count("\n", 0, match.start()) + 1, f"SQL put together by {match.group(1)}"


def check_text(path, text):
    lines = text.split("\n")
    if path.suffix in CODE_SUFFIXES:
        count = len(lines) - (lines[-1] == "")
        if count > MAX_FILE_LINES:
            yield count, f"the file has {count} lines, {MAX_FILE_LINES} are allowed"
        if count > 0 and not any(SPDX in line for line in lines[:3]):
            yield 1, "no SPDX line at the top"
        for number, line in enumerate(lines, 1):
            if LEFTOVERS.search(line):
                yield number, "a leftover mark"
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield number, "space at the end of the line"
    if path.suffix in C_SUFFIXES:
        yield from check_functions(text)
        yield from check_sql(text)
    if path.suffix == ".h" and "#pragma once" not in lines:
        yield 1, "a header without #pragma once"


def files_of(root):
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            golden = path.is_relative_to(root / "tests" / "golden") or "corpus" in path.parts
            if path.is_file() and path.suffix in TEXT_SUFFIXES and not golden:
                yield path.relative_to(root)


def package_flags(packages):
    found = subprocess.run(["pkg-config", "--cflags", *packages], capture_output=True, text=True,
                           check=False)
    return shlex.split(found.stdout) if found.returncode == 0 else None


def compile_alone(root, header, flags):
    inner = header.relative_to(header.parts[0]).as_posix() if header.parts[0] != "dbus" else header.as_posix()
    command = shlex.split(os.environ.get("CC", "cc"))
    command += ["-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-x", "c", *flags, "-"]
    run = subprocess.run(command, input=f'#include "{inner}"\n', capture_output=True, text=True,
                         cwd=root, check=False)
    errors = [line for line in run.stderr.splitlines() if "error" in line]
    return (errors or [run.stderr.strip()])[0] if run.returncode else None


def reach(root, header, seen):
    """Adds the header and the project's files it includes, directly or not, to seen."""
    if header in seen:
        return
    seen.add(header)
    for name in INCLUDE.findall((root / header).read_text(encoding="utf-8", errors="replace")):
        for top in ("", "daemon", "client-gtk"):
            if (root / top / name).is_file():
                reach(root, pathlib.Path(top, name), seen)


def fingerprint(root, header, flags):
    """What the compiler's verdict on a header depends on: all it reaches, the flags, the compiler."""
    seen = set()
    reach(root, header, seen)
    digest = hashlib.sha256(repr((os.environ.get("CC"), flags)).encode())
    for path in sorted(seen):
        digest.update(path.as_posix().encode() + b"\0" + (root / path).read_bytes())
    return digest.hexdigest()


class Verdicts:
    """The headers found good before, by fingerprint, kept in the build folder: compiling them all
    takes most of this check's time, and few change between two runs."""

    def __init__(self, folder):
        self.path = folder / "headers-that-compile.txt"
        self.known = set(self.path.read_text().split()) if self.path.is_file() else set()
        self.good = set()

    def save(self):
        if self.good != self.known:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.path.write_text("\n".join(sorted(self.good)) + "\n")


def check_headers(root, build):
    """Yields (header, problem). A floor whose libraries are not installed is left out, and said."""
    folders = [root, root / "daemon", root / "client-gtk"] + ([build, build / "daemon"] if build else [])
    includes = [f"-I{folder}" for folder in folders]
    flags = {"daemon": package_flags(PACKAGES), "client-gtk": package_flags(CLIENT_PACKAGES)}
    verdicts = Verdicts(build or root / "build")
    jobs = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for header in files_of(root):
            if header.suffix != ".h" or header.parts[0] not in ("dbus", "daemon", "client-gtk"):
                continue
            packages = flags["client-gtk" if header.parts[0] == "client-gtk" else "daemon"]
            if packages is None:
                print(f"{header}: not compiled, its libraries are not installed")
                continue
            mark = fingerprint(root, header, includes + packages)
            if mark in verdicts.known:
                verdicts.good.add(mark)
            else:
                job = pool.submit(compile_alone, root, header, includes + packages)
                jobs.append((header, mark, job))
        for header, mark, job in jobs:
            problem = job.result()
            if problem:
                yield f"{header}: does not compile alone: {problem}"
            else:
                verdicts.good.add(mark)
    verdicts.save()


def main():
    parser = argparse.ArgumentParser(description="Checks the law of the files.")
    parser.add_argument("--root", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--build", type=pathlib.Path, help="where generated headers are")
    options = parser.parse_args()
    root = options.root.resolve()
    violations = []
    for path in files_of(root):
        text = (root / path).read_text(encoding="utf-8", errors="replace")
        violations += [f"{path}:{line}: {problem}" for line, problem in check_text(path, text)]
    violations += check_headers(root, options.build)
    print("\n".join(violations) if violations else "style: no violation")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())

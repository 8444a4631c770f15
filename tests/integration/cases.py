#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the cases of the given test files, `file:function` a line, in the order they stand."""
import ast
import pathlib
import sys

for argument in sys.argv[1:]:
    path = pathlib.Path(argument)
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            print(f"{path.stem}:{node.name}")

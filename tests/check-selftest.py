#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows that the laws bite: each case plants one violation in a small tree of its own and expects
the check to name it, and the clean tree to pass. Prints TAP."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = "/* SPDX-License-Identifier: GPL-3.0-or-later */\n"
HEADER = TOP + "#pragma once\n"
CLEAN = {
    "dbus/names.h": HEADER + "#define PB_BUS_NAME \"x\"\n",
    "daemon/util/log.h": HEADER + "#include <glib.h>\nvoid pb_log (const char *text);\n",
    "daemon/store/store.h": HEADER + "#include <glib.h>\n#include \"util/log.h\"\n",
    "daemon/store/store.c": TOP + "#include \"store/store.h\"\n#include \"dbus/names.h\"\n",
    "daemon/queue/queue.h": HEADER + "#include \"store/store.h\"\n",
    "daemon/policy/policy.h": HEADER,
    "daemon/delivery/delivery.h": HEADER,
    "daemon/store/meson.build": "x = [protocol_dep, util_dep]\n",
    "po/POTFILES.in": "",
    "po/LINGUAS": "de\n",
}


def function(body):
    return TOP + "int\nf (int a)\n{\n" + body + "\n}\n"


NESTED = "if (a)\n  for (;;)\n    while (a)\n      if (a)\n        {\n          %s\n        }\n"
ENUM = "switch (a)\n  {\n  case PB_ONE:\n    return 1;\n  %s\n    return 2;\n  }\nreturn 0;"
LAYERS = [
    ("upward include", {"daemon/store/store.c": '#include "queue/queue.h"\n'}, "store includes"),
    ("policy includes delivery", {"daemon/policy/p.c": '#include "delivery/delivery.h"\n'}, "policy includes"),
    ("delivery includes policy", {"daemon/delivery/d.c": '#include "policy/policy.h"\n'}, "delivery includes"),
    ("util includes store", {"daemon/util/log.c": '#include "store/store.h"\n'}, "util includes"),
    ("contract includes a floor", {"dbus/x.c": '#include "daemon/util/log.h"\n'}, "dbus includes"),
    ("client includes the daemon", {"client-gtk/model/m.c": '#include "daemon/util/log.h"\n'}, "client-model includes"),
    ("model includes a page", {"client-gtk/pages/p.h": HEADER,
                               "client-gtk/model/m.c": '#include "pages/p.h"\n'}, "client-model includes"),
    ("include without folder", {"daemon/store/store.c": '#include "store.h"\n'}, "without its folder"),
    ("angle brackets", {"daemon/store/store.c": "#include <util/log.h>\n"}, "stand in quotes"),
    ("include of nothing", {"daemon/store/store.c": '#include "store/gone.h"\n'}, "no file of the project"),
    ("private header of another", {"daemon/store/s-private.h": HEADER,
                                   "daemon/queue/q.c": '#include "store/s-private.h"\n'}, "private to store"),
    ("circle", {"daemon/store/a.h": '#include "store/b.h"\n', "daemon/store/b.h": '#include "store/a.h"\n'}, "circle"),
    ("unknown floor", {"daemon/attic/a.c": TOP}, "no floor of the house"),
    ("generated header of a floor above", {
        "daemon/queue/meson.build": "custom_target('g', output: 'made.h')\n",
        "daemon/store/store.c": '#include "queue/made.h"\n'}, "store includes"),
    ("upward link", {"daemon/store/meson.build": "x = [queue_dep]\n"}, "store links queue"),
]
STYLE = [
    ("long file", {"daemon/util/l.c": TOP + "\n" * 600}, "601 lines"),
    ("long function", {"daemon/util/l.c": function("a++;\n" * 58 + "return a;")}, "f has 61 lines"),
    ("deep nesting", {"daemon/util/l.c": function(NESTED % "if (a)\n            return 1;")}, "nests 5 deep"),
    ("default over an enum", {"daemon/util/l.c": function(ENUM % "default:")}, "default:"),
    ("SQL by printf", {"daemon/util/l.c": function(
        'g_strdup_printf ("SELECT %s FROM t /* ) */", x);')}, "SQL put together by g_strdup_printf"),
    ("SQL by append", {"daemon/util/l.c": function('g_string_append (s,\n " WHERE id=1");')}, "SQL put together"),
    ("header not alone", {"daemon/util/l.h": HEADER + "GBytes *f (void);\n"}, "does not compile alone"),
    ("no pragma", {"daemon/util/l.h": TOP}, "without #pragma once"),
    ("no licence", {"daemon/util/l.c": "int a;\n"}, "no SPDX line"),
    ("leftover", {"daemon/util/l.c": TOP + "/* TO" + "DO: later */\n"}, "leftover mark"),
    ("trailing space", {"daemon/util/l.c": TOP + "int a; \n"}, "space at the end"),
]
POTFILES = [
    ("file not listed", {"client-gtk/p.c": 'f (_ ("Word"));\n'}, "p.c holds words to translate and is not"),
    ("table not listed", {"dbus/s.def": 'X (1, N_("Word"))\n'}, "s.def holds words to translate and is not"),
    ("listed for nothing", {"po/POTFILES.in": "dbus/names.h\n"}, "holds no words"),
    ("listed twice", {"po/POTFILES.in": "dbus/a.c\ndbus/a.c\n", "dbus/a.c": 'f (_ ("Word"));\n'}, "2 times"),
    ("shown and not marked", {"client-gtk/p.ui": '<property name="label">Word</property>\n'}, "not marked"),
    ("macro within", {"po/POTFILES.in": "dbus/a.c\n",
                      "dbus/a.c": 'f (_ ("Word %" G_GUINT64_FORMAT " more"));\n'}, "a macro within"),
    ("sentence not said", {"daemon/service/setup-x.c": 'pb_setup_add (run, "x", say ("{a} b"), "Do it now.", NULL);\n'},
     'without pb_say(): "Do it now."'),
    ("sentence not marked", {"po/POTFILES.in": "daemon/service/x-keeper.c\n",
                             "daemon/service/x-keeper.c": 'a (pb_say ("a b"), pb_say (c ? "It is so." : d));\n'},
     'without N_(): "It is so."'),
]
PO = ('msgid ""\nmsgstr "Project-Id-Version: x\\nPO-Revision-Date: x\\nLast-Translator: x\\nLanguage-Team: x\\n'
      'Language: de\\nMIME-Version: 1.0\\nContent-Type: text/plain; charset=UTF-8\\n'
      'Content-Transfer-Encoding: 8bit\\nPlural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n')


def catalogue(source, *entries):
    text = PO + "".join(f"{mark}msgid \"{source_text}\"\nmsgstr \"{translation}\"\n\n"
                        for mark, source_text, translation in entries)
    return {"po/POTFILES.in": "dbus/a.c\n", "dbus/a.c": f'f (gettext ("{source}"));\n', "po/de.po": text}


CATALOGUES = [
    ("untranslated", catalogue("Word"), "1 untranslated: “Word”"),
    ("fuzzy", catalogue("Word", ("#, fuzzy\n", "Word", "Wort")), "1 fuzzy: “Word”"),
    ("mnemonic lost", catalogue("_Word", ("", "_Word", "Wort")), "1 with another mnemonic"),
    ("full stop lost", catalogue("A word.", ("", "A word.", "Ein Wort")), "1 with another mnemonic, place or end"),
    ("place lost", catalogue("{name} is gone", ("", "{name} is gone", "{Name} ist weg")), "1 with another mnemonic, place or end"),
    ("other format", catalogue("%u words", ("#, c-format\n", "%u words", "%s Wörter")), "msgfmt -c says"),
]
# What looks like a violation and is none.
PASSES = [
    ("check-layers.py", "generated header", {
        "daemon/queue/meson.build": "custom_target('g', output: 'made.h')\n",
        "daemon/queue/q.c": '#include "queue/made.h"\n'}),
    ("check-style.py", "60 lines, 4 deep, chain of else if", {"daemon/util/l.c": function(
        NESTED % "return 1;" + "else if (a)\n  a++;\n" * 20 + "a++;\n" * 10 + "return a;")}),
    ("check-style.py", "default over numbers", {"daemon/util/l.c": function(
        "switch (a)\n  {\n  case 1:\n    return 1;\n  default:\n    return 2;\n  }")}),
    ("check-style.py", "enum without default", {"daemon/util/l.c": function(ENUM % "case PB_TWO:")}),
    ("check-style.py", "braces in strings and comments", {"daemon/util/l.c": function(
        "const char *s = \"{{{{{\"; /* {{{{{ */\nchar c = '{';\nreturn a;")}),
    ("check-style.py", "SQL as one literal", {"daemon/util/l.c": function(
        'prepare (db, "SELECT a " "FROM t WHERE b = ?");')}),
]


def run_check(script, files):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**CLEAN, **files}.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        run = subprocess.run([sys.executable, HERE / script, "--root", folder], text=True,
                             capture_output=True, env=os.environ, check=False)
        return run.returncode, run.stdout + run.stderr


def main():
    cases = [("check-layers.py", "clean tree", {}, None), ("check-style.py", "clean tree", {}, None)]
    cases += [("check-layers.py", *case) for case in LAYERS]
    cases += [("check-style.py", *case) for case in STYLE]
    cases += [("check-potfiles.py", "clean tree", {}, None)]
    cases += [("check-potfiles.py", *case) for case in POTFILES]
    if shutil.which("msgmerge"):
        whole = catalogue("_Word…", ("", "_Word…", "W_ort…"))
        more = catalogue("Word", ("", "Word", "Wort"), ("", "Gone", "Weg"))
        cases += [("check-translations.py", "whole catalogue", whole, None)]
        cases += [("check-translations.py", "word that is gone", more, None)]
        cases += [("check-translations.py", *case) for case in CATALOGUES]
    cases += [(*case, None) for case in PASSES]
    failed = 0
    print(f"1..{len(cases)}")
    for number, (script, name, files, expected) in enumerate(cases, 1):
        code, output = run_check(script, files)
        good = code == 0 if expected is None else code == 1 and expected in output
        failed += not good
        print(f"{'ok' if good else 'not ok'} {number} - {script}: {name}")
        if not good:
            print("".join(f"# {line}\n" for line in output.splitlines()), end="")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

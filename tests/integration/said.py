# SPDX-License-Identifier: GPL-3.0-or-later
"""What the service says to people (dbus/say.h): that a row's English words are its sentence with the places filled,
that none is left open, and that the client's catalogues are given the sentence."""
import functools
import os
import pathlib
import re
import subprocess
import tempfile

ROOT = pathlib.Path(os.environ["POSTBUS_SOURCE_ROOT"])
PLACE = re.compile(r"\{([a-z-]+)\}")
ALONE = "{value}"  # what it says is its value


@functools.cache
def marked():
    """All sentences that xgettext finds in the service's sources."""
    files = [line for line in (ROOT / "po/POTFILES.in").read_text(encoding="utf-8").split() if line.startswith("daemon/")]
    with tempfile.TemporaryDirectory() as folder:
        pot = pathlib.Path(folder) / "words.pot"
        subprocess.run(["xgettext", "--from-code=UTF-8", "--no-wrap", "--language=C", "--keyword=N_",
                        "--keyword=pb_say", "--keyword=pb_say_count:1,2", f"--directory={ROOT}", f"--output={pot}", *files],
                       check=True, capture_output=True)
        text = re.sub(r'"\n"', "", pot.read_text(encoding="utf-8"))
    return {re.sub(r"\\(.)", r"\1", found) for found in re.findall(r'^msgid(?:_plural)? "(.*)"$', text, re.MULTILINE) if found}


def value_text(value):
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return ", ".join(fill(part) for part in value)
    if len(value) == 1:  # a setting's key
        assert re.fullmatch(r"[A-Z]\w+(\.[A-Z]\w+)?", value[0]), value
        return value[0]
    return value[1] if len(value) == 2 else fill(value)


def fill(said):
    one, many, places = said
    sentence = many if many and places["n"] != 1 else one
    for name in PLACE.findall(sentence):
        assert name in places, (name, said)
    # Words that hold others' words have no places, and may be in no catalogue.
    assert one in marked() or one == ALONE or not places, f"no catalogue gets: {one}"
    assert not many or many in marked(), f"no catalogue gets: {many}"
    return PLACE.sub(lambda match: value_text(places[match.group(1)]), sentence)


def whole(row, key):
    """@row, unpacked, says @key in English and as a sentence, and both are the same."""
    if row[key] == "":
        assert f"{key}Words" not in row, row
        return
    one, _, places = said = row[f"{key}Words"]
    assert one in marked() or (one == ALONE and set(places) == {"value"}), f"no catalogue gets: {one}"
    assert fill(said) == row[key], (fill(said), row[key])

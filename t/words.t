#!/usr/bin/python3
"""Names of functions that one file has for itself: in the rooms that keep, read and
serve, each says what it works on (HACKING.md, "What every function does alike")."""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import tap
from tap import is_, ok

TOP = pathlib.Path(__file__).resolve().parent.parent

# base and score speak of numbers and texts, where one word (bearing, leap) is the term.
ROOMS = ("store", "driver", "answer", "service", "host")
STATIC = re.compile(r"^static [\w ]*?[ *](\w+)\(", re.M)


def bare(text):
    """The names in a file that are a single word: a verb without what it is done to."""
    return [name for name in STATIC.findall(text) if "_" not in name]


with tap.subtest("the rule itself sees what is wrong"):
    is_(bare("static bool judge(int x)\n{"), ["judge"], "a bare verb")
    is_(bare("static enum status *settle(\n    int x)"), ["settle"], "over two lines")
    is_(bare("static inline const char *skip(int x)"), ["skip"], "inline, a pointer")
    is_(bare("static bool reply_judged(int x)\n{\n    take(x);"), [], "with its noun")
    is_(bare("bool settle(int x)\n{"), [], "not a static one")

with tap.subtest("the house keeps it"):
    files = [f for room in ROOMS for f in sorted((TOP / "core" / room).glob("*.c"))]
    ok(len(files) > 100, "the sources are there")
    is_([f"{f.relative_to(TOP)}: {name}" for f in files for name in bare(f.read_text())],
        [], "no static function is a bare word")

tap.done()

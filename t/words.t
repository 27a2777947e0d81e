#!/usr/bin/python3
"""Names of functions that one file has for itself: in the rooms that keep, read and
serve, each says what it works on, and in all of core no two have one name (HACKING.md,
"What every function does alike")."""

import collections
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

# What has a body: not one that is declared before, nor a table.
DEFINED = re.compile(r"^static [\w ]*?[ *](\w+)\((?=[^;{}]*\)\n\{)", re.M)


def shared(files):
    """files: {path: text}. The names that stand for functions of several files."""
    places = collections.defaultdict(list)
    for path, text in files.items():
        for name in DEFINED.findall(text):
            places[name].append(path)
    return [f"{name}: {', '.join(where)}"
            for name, where in places.items() if len(where) > 1]


with tap.subtest("the rule itself sees what is wrong"):
    is_(bare("static bool judge(int x)\n{"), ["judge"], "a bare verb")
    is_(bare("static enum status *settle(\n    int x)"), ["settle"], "over two lines")
    is_(bare("static inline const char *skip(int x)"), ["skip"], "inline, a pointer")
    is_(bare("static bool reply_judged(int x)\n{\n    take(x);"), [], "with its noun")
    is_(bare("bool settle(int x)\n{"), [], "not a static one")
    judge = "static bool reply_judged(int x)\n{\n}\n"
    is_(shared({"a.c": judge, "b.c": judge}), ["reply_judged: a.c, b.c"], "in two files")
    is_(shared({"a.c": "static bool reply_judged(int x);\n\n" + judge}), [],
        "declared before")
    is_(shared({"a.c": judge, "b.c": "static const int a[] = {\n    b(1)};\n"}), [],
        "a table")

with tap.subtest("the house keeps it"):
    files = [f for room in ROOMS for f in sorted((TOP / "core" / room).glob("*.c"))]
    ok(len(files) > 100, "the sources are there")
    is_([f"{f.relative_to(TOP)}: {name}" for f in files for name in bare(f.read_text())],
        [], "no static function is a bare word")
    is_(shared({str(f.relative_to(TOP)): f.read_text()
                for f in sorted((TOP / "core").glob("*/*.[ch]"))}),
        [], "no two of core have one name")

tap.done()

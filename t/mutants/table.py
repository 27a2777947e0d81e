"""table.py - the tables of mutants (*.table), and where their texts are in the sources.

A table has blocks, and comments beginning with '#' between them:

    mutant  what is changed, in words: those of t/RULES.md where there is a clause
    clause  the row of t/RULES.md that it breaks; left out for a border of one unit
    test    unit/spool: durable_entries
    file    spool.c
    from
        if (fsync(t->fd))
    to
        if (false)

`test` names the program and, behind the colon, what fails in it: a part of the
point's line or of the group's. `file`, `from` and `to` may come several times, and `to`
may be empty. A text is found whatever white space is between its tokens, and in
another file, too, when the named one does not have it any more: but in one place alone.
"""

import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.path.dirname(os.path.dirname(HERE))
ROOMS = ("core", "fcgi", "ctl")

TOKEN = re.compile(r"\w+|[^\w\s]")
KEYS = ("mutant", "clause", "test", "file", "from", "to")


class Wrong(Exception):
    """A table that cannot be read, or a mutant that does not apply."""


class Edit:
    def __init__(self, file):
        self.file, self.old, self.new = file, None, None


class Mutant:
    def __init__(self, where, words):
        self.where, self.words = where, words
        self.clause, self.test, self.part = "", "", ""
        self.edits = []

    def named(self):
        return f"{self.clause}: {self.words}" if self.clause else self.words


def _blocks(path):
    """(line number, key, text) of one table; a text that is indented may be long."""
    key, at, lines = None, 0, []
    with open(path) as f:
        for number, line in enumerate(f, 1):
            if line.startswith("#"):
                continue
            if line.startswith((" ", "\t")) or not line.strip():
                lines.append(line)
                continue
            if key:
                yield at, key, "".join(lines).strip()
            key, _, rest = line.partition(" ")
            key, at, lines = key.strip(), number, [rest]
            if key not in KEYS:
                raise Wrong(f"{path}:{number}: there is no key {key}")
    if key:
        yield at, key, "".join(lines).strip()


def _take(mutant, where, key, text):
    edit = mutant.edits[-1] if mutant.edits else None
    if key == "clause":
        mutant.clause = text
    elif key == "test":
        mutant.test, _, mutant.part = (s.strip() for s in text.partition(":"))
    elif key == "file":
        mutant.edits.append(Edit(text))
    elif not edit or (edit.old is None) != (key == "from"):
        raise Wrong(f"{where}: {key} is out of place")
    elif key == "from":
        edit.old = text
    else:
        edit.new = text
        # A further pair may follow in the same file.
        mutant.edits.append(Edit(edit.file))


def read(path):
    mutants = []
    for number, key, text in _blocks(path):
        where = f"{os.path.relpath(path, SRC)}:{number}"
        if key == "mutant":
            mutants.append(Mutant(where, text))
        elif not mutants:
            raise Wrong(f"{where}: {key} before the first mutant")
        else:
            _take(mutants[-1], where, key, text)
    for m in mutants:
        m.edits = [e for e in m.edits if e.old is not None]
        if not m.test or not m.edits or any(not e.old or e.new is None for e in m.edits):
            raise Wrong(f"{m.where}: it lacks a test, or a from and to")
    return mutants


def read_all():
    names = sorted(n for n in os.listdir(HERE) if n.endswith(".table"))
    return [m for n in names for m in read(os.path.join(HERE, n))]


def sources(top):
    """{path below top: text} of what can be mutated."""
    found = {}
    for room in ROOMS:
        for folder, _, names in os.walk(os.path.join(top, room)):
            for name in names:
                if name.endswith((".c", ".h", ".def")):
                    path = os.path.join(folder, name)
                    with open(path) as f:
                        found[os.path.relpath(path, top)] = f.read()
    return found


def _places(text, pattern):
    return [m.span() for m in pattern.finditer(text)]


def _find(files, edit, where):
    """(path, from, to) of the one place."""
    pattern = re.compile(r"\s*".join(re.escape(t) for t in TOKEN.findall(edit.old)))
    named = [p for p in files if os.path.basename(p) == edit.file]
    for group in (named, list(files)):
        hits = [(p, *span) for p in group for span in _places(files[p], pattern)]
        if len(hits) == 1:
            return hits[0]
        if hits:
            raise Wrong(f"{where}: {len(hits)} places have the text for {edit.file}")
    raise Wrong(f"{where}: no place has the text for {edit.file}: {edit.old.splitlines()[0]}")


def changed(files, mutant):
    """{path: new text} of what the mutant changes. Wrong: it does not apply."""
    now = {}
    for edit in mutant.edits:
        path, start, end = _find({**files, **now}, edit, mutant.where)
        text = now.get(path, files[path])
        now[path] = text[:start] + edit.new + text[end:]
    return now


ROW = re.compile(r"^\| (?!\*\*|Clause|-)(.*?) \| (.*?) \| (.*?) \|$", re.M)


def rules():
    """[(clause, mutation, tests)] of t/RULES.md."""
    with open(os.path.join(SRC, "t/RULES.md")) as f:
        return ROW.findall(f.read())

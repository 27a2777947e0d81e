#!/usr/bin/python3
"""What code, tests and documents cite is there: rules, sections, documents with their
headings, links, and the places and tests that a document names (HACKING.md,
"Documents")."""

import glob
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import tap
from tap import is_, ok

TOP = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ("core", "fcgi", "ctl", "nginx", "packaging", "t", "doc")
TEXTS = {".c", ".h", ".def", ".py", ".t", ".md", ".in", ".sh", ".pml", ".awk", ".conf", ""}

RULES = "doc/consistency.md"
SECTIONS = "doc/scoring.md"
# What is said exactly; every other page of doc/ is an idea's.
EXACT = {"doc/additions.md", "doc/consistency.md", "doc/wire.md", "doc/storage.md", "doc/scoring.md",
         "doc/words.md", "doc/takeover.md", "doc/servers.md"}
IDEA = ["Problem", "Decision", "Price", "Where in the code"]
# Rules that the code does not keep yet, or not wholly: their text says so.
UNBUILT = {8}

NUMBERS = r"(\d+(?:(?:, | and | to )\d+)*)"
OTHERS = re.compile(r"(RFC|specification)[^;]{0,20}$")  # whose sections these are
PLACE = re.compile(r"((?:`\w+`(?:, | and ))*`\w+`) in `([\w./-]+)`")
NAMED = re.compile(r"`((?:%s)/[\w./*-]+)`" % "|".join(FOLDERS))


# ---- what there is ----

def read_all():
    """{path under the top: text} of all that may cite."""
    found = {p.name: p.read_text() for p in TOP.glob("*.md")}
    for name in ("Makefile.am", "configure.ac"):
        found[name] = (TOP / name).read_text()
    for folder in FOLDERS:
        for p in (TOP / folder).rglob("*"):
            if p.suffix in TEXTS and p.is_file() and "__pycache__" not in p.parts:
                data = p.read_bytes()
                if b"\0" not in data:
                    found[str(p.relative_to(TOP))] = data.decode()
    return found


def plain(text):
    """One line, without what begins the lines of a comment."""
    return re.sub(r"\s+", " ", re.sub(r"\n[ \t]*(?:\*(?!/)|#|//)?[ \t]*", "\n", text))


def headings(text):
    without_code = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return re.findall(r"^#+ (.*)$", without_code, re.M)


def parts(text):
    """{heading of the second level: what stands below it}, in order."""
    cut = re.split(r"^## (.*)$", text, flags=re.M)
    return dict(zip(cut[1::2], cut[2::2]))


def rule_numbers(files):
    return [int(n) for h in headings(files.get(RULES, ""))
            for n in re.findall(r"^Rule (\d+):", h)]


def section_numbers(files):
    return {int(n) for h in headings(files.get(SECTIONS, ""))
            for n in re.findall(r"^(\d+)\. ", h)}


def numbers(cited):
    found = [int(n) for n in re.findall(r"\d+", cited)]
    for low, high in re.findall(r"(\d+) to (\d+)", cited):
        found += range(int(low), int(high))
    return found


# ---- what is cited ----

def wrong_numbers(path, text, files):
    rules, sections = set(rule_numbers(files)), section_numbers(files)
    for cited in re.findall(r"\b[Rr]ules? " + NUMBERS, text):
        for n in numbers(cited):
            if n not in rules:
                yield f"{path}: there is no rule {n}"
    for m in re.finditer(r"\b[Ss]ections? " + NUMBERS, text):
        if OTHERS.search(text[max(0, m.start() - 80):m.start()]):
            continue
        for n in numbers(m.group(1)):
            if n not in sections:
                yield f"{path}: there is no section {n}"


def document(path, name, files):
    """The document that `name` means in the file `path`, or None."""
    beside = str(pathlib.PurePosixPath(path).parent / name)
    return name if name in files else beside if beside in files else None


def wrong_documents(path, text, files):
    text = re.sub(r"\[[^\]]*\]\(([^)\s]+)\)", r"\1", text)  # a link's words may be shorter
    for name, heading in re.findall(r'([\w./-]+\.md)\b`?(?:, "([^"]+)")?', text):
        found = document(path, name, files)
        if not found:
            yield f"{path}: there is no {name}"
        elif heading and heading not in headings(files[found]):
            yield f'{path}: {name} has no "{heading}"'


def wrong_links(path, text, files):
    for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", text)):
        if re.match(r"[a-z]+:", target):
            continue
        if not (TOP / path).parent.joinpath(target.partition("#")[0]).exists():
            yield f"{path}: the link {target} leads nowhere"


def wrong_places(path, text, files):
    """`name` in `file`: the file is there and has that name."""
    for names, place in PLACE.findall(text):
        if place not in files:
            yield f"{path}: there is no {place}"
            continue
        for name in re.findall(r"`(\w+)`", names):
            if not re.search(rf"\b{name}\b", files[place]):
                yield f"{path}: {place} has no {name}"
    for name in NAMED.findall(text):
        if not glob.glob(name, root_dir=TOP):
            yield f"{path}: there is no {name}"


def wrong_citations(path, files):
    text = plain(files[path])
    found = list(wrong_numbers(path, text, files))
    found += wrong_documents(path, text, files)
    if path.endswith(".md"):
        found += wrong_links(path, files[path], files)
        found += wrong_places(path, text, files)
    return found


# ---- documents of a form ----

def wrong_rules(files):
    if rule_numbers(files) != list(range(1, 11)):
        yield f"{RULES}: the rules are {rule_numbers(files)}"
    for heading, text in parts(files.get(RULES, "")).items():
        number = int(re.findall(r"\d+", heading)[0])
        text = plain(text)
        where, _, tests = text.partition("Where: ")[2].partition("Tests: ")
        if not PLACE.search(where):
            yield f"rule {number} names no place in the code"
        if not re.search(r"`t/[\w/]+\.(t|c)`", tests):
            yield f"rule {number} names no test"
        if ("No code yet" in text) != (number in UNBUILT):
            yield f"rule {number}: it must say whether there is code"


def idea_pages(files):
    return sorted(p for p in files if p.startswith("doc/") and p not in EXACT)


def wrong_idea(path, text):
    if list(parts(text)) != IDEA:
        yield f"{path}: its headings are {list(parts(text))}"
    elif not PLACE.search(plain(parts(text)[IDEA[-1]])):
        yield f"{path}: no place in the code"


def unlisted(files):
    """Pages that DESIGN.md does not lead to."""
    links = re.findall(r"\]\(([^)\s]+)\)", files["DESIGN.md"])
    return sorted(p for p in files if p.startswith("doc/") and p not in links)


# ---- t/RULES.md: each line's test is there ----

def test_names(text):
    """What a test calls its parts: every string in it, joined where it was cut."""
    return re.findall(r'"([^"\n]+)"', re.sub(r'"\s*\n\s*f?"', "", text))


def is_named(name, string):
    """`{...}` in the string of a test is anything, and so is what follows `…`."""
    head, cut, _ = name.partition("…")
    if head.strip() in string:
        return True
    pattern = re.sub(r"\\{.*?\\}", ".+", re.escape(string))
    return not cut and "{" in string and re.fullmatch(pattern, name) is not None


def has_name(path, name, files):
    if path.endswith(".c"):
        return re.search(rf"\b{re.escape(name)}\b", files[path]) is not None
    return any(is_named(name, string) for string in test_names(files[path]))


def wrong_row(cell, files):
    path = None
    for item in cell.split("; "):
        m = re.match(r"(unit/\w+|\w+\.t)(?:, |$)", item)
        if m:
            path = "t/" + m.group(1) + (".c" if m.group(1).startswith("unit/") else "")
        if path not in files:
            yield f"t/RULES.md: no test {item}"
            return
        for name in re.findall(r"\*([^*]+)\*", item):
            if not has_name(path, name, files):
                yield f"t/RULES.md: {path} has no {name}"


def wrong_rows(files):
    for line in files["t/RULES.md"].splitlines():
        cells = [c.strip() for c in line.strip("| ").split(" | ")]
        if len(cells) == 3 and not cells[0].startswith(("**", "Clause", "---")):
            yield from wrong_row(cells[2], files)


# ---- the tests ----

FILES = read_all()

with tap.subtest("the rule itself sees what is wrong"):
    def wrong(text, path="core/base/a.c"):
        return len(wrong_citations(path, {**FILES, path: text}))

    rule, section, sections = "ru" "le", "sec" "tion", "sec" "tions"
    is_(wrong(f"/* {rule} 4 */"), 0, "a rule")
    is_(wrong(f"/* {rule} 11 */"), 1, "no such rule")
    is_(wrong(f"/* {rule}s 2 to 6 and 12 */"), 1, "one of several")
    is_(wrong(f"/* doc/consistency.md, {rule}\n * 11 */"), 1, "over two lines")
    is_(wrong(f"/* {section} 11 */"), 0, "a section")
    is_(wrong(f"/* {sections} 3 and 14 */"), 1, "no such section")
    is_(wrong(f"/* FastCGI specification 1.0, {sections} 13 and 15 */"), 0, "another's")
    is_(wrong("/* doc/wire" '.md, "Times" */'), 0, "a heading")
    is_(wrong("/* doc/wire" '.md,\n * "Tides" */'), 1, "no such heading")
    is_(wrong("/* doc/wires" ".md */"), 1, "no such document")
    is_(wrong("[a](doc/wire.md) [b](https://example.org/)", "README.md"), 0, "a link")
    is_(wrong("[a](doc/wire.txt)", "README.md"), 1, "it leads nowhere")
    is_(wrong("`arena_new` in `core/base/arena.c`", "README.md"), 0, "a place")
    is_(wrong("`arena_old` in `core/base/arena.c`", "README.md"), 1, "no such name there")
    is_(wrong("`arena_new` and\n`b` in `core/base/b.c`", "README.md"), 2, "no such file")

    def broken(old, new):
        text = FILES[RULES]
        assert old in text, old
        return len(list(wrong_rules({**FILES, RULES: text.replace(old, new, 1)})))

    is_(broken("## Rule 3:", "## Regel 3:"), 1, "a rule is missing")
    is_(broken("\nTests: `t/finalize.t`", "\nNo test"), 1, "a rule without a test")
    is_(broken("\nWhere:\n", "\nThere:\n"), 2, "a rule without a place (nor a test)")
    is_(broken("No code yet", "Soon"), 1, "a rule that does not say that it has none")
    is_(len(list(wrong_idea("a", "## Problem\n## Price\n"))), 1, "an idea of another form")
    is_(len(list(wrong_idea("a", "".join(f"## {h}\nx\n" for h in IDEA)))), 1,
        "an idea without a place")
    is_(len(list(wrong_row("reading.t, *no such part*", FILES))), 1, "no such test")
    is_(len(list(wrong_row("finalize.t, *killed at …*; unit/spool, *tokens*", FILES))), 0,
        "tests that are there")

with tap.subtest("what is cited is there"):
    ok(len(FILES) > 300, "the files are there")
    is_([w for path in sorted(FILES) for w in wrong_citations(path, FILES)], [],
        "rules, sections, documents, links, places")

with tap.subtest("the ten rules have their places and tests"):
    is_(list(wrong_rules(FILES)), [], "each of them")
    is_(list(wrong_rows(FILES)), [], "and the tests of t/RULES.md are there")

with tap.subtest("each idea has a page of one form"):
    ok(len(idea_pages(FILES)) > 15, "the pages are there")
    is_([w for p in idea_pages(FILES) for w in wrong_idea(p, FILES[p])], [], "four parts")
    is_(unlisted(FILES), [], "DESIGN.md leads to every page")

tap.done()

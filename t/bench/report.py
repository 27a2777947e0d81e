"""report.py - rows of results (figures.py) as a table and as JSON."""

import json
import os
import platform
import subprocess
import sys
import tempfile
import time

import harness

BESIDE_DISK = ("tmpfs", "ramfs")  # where a sync costs nothing

# Title, member of a row, how it is printed. Of each comparison of a row:
COMPARED = (
    ("against", "with", "{}"),
    ("its req/s", "rps", "{:,.0f}"),
    ("its p50 ms", "p50_ms", "{:,.2f}"),
    ("its CPU us", "cpu_us", "{:,.0f}"),
    ("figure", "number", "{}"),
    ("is", "of", "{}"),
    ("goal", "goal", "{}"),
    ("met", "met", "{}"),
)
# Of the row itself, before and behind those:
BEFORE = (
    ("what", "what", "{}"),
    ("trips", "trips", "{:,}"),
    ("KB", "kb", "{:,.1f}"),
    ("req/s", "rps", "{:,.0f}"),
    ("p50 ms", "p50_ms", "{:,.2f}"),
    ("p99 ms", "p99_ms", "{:,.2f}"),
    ("CPU us", "cpu_us", "{:,.0f}"),
    ("nginx+service+redis", "parts", "{}"),
    ("hits", "hits", "{:.1%}"),
    ("calls", "calls", "{:,}"),
    ("in a row", "in_a_row", "{:,}"),
)
BEHIND = (("note", "note", "{}"),)
COLUMNS = BEFORE + COMPARED + BEHIND
TEXT = ("what", "with", "of", "note")


def _printable(row):
    """With the members that are made of others."""
    row = dict(row)
    if "cpu_by" in row:
        row["parts"] = "+".join(f"{us:.0f}" for us in row["cpu_by"].values())
    if "figure" in row:
        figure = row["figure"]
        row["number"] = f"{figure:,}" if isinstance(figure, int) else f"{figure:,.2f}"
    for member, sign in (("least", ">="), ("most", "<=")):
        if member in row:
            row["goal"] = f"{sign} {row[member]:g}"
            row["met"] = "yes" if row["met"] else "NO"
    return row


def _cells(row, columns):
    return [form.format(row[member]) if row.get(member) is not None else ""
            for _, member, form in columns]


def _lines(row):
    """A line a comparison; the row's own cells in the first."""
    row = _printable(row)
    own = _cells(row, BEFORE), _cells(row, BEHIND)
    for i, other in enumerate(row.get("against") or [{}]):
        before, behind = ([""] * len(part) if i else part for part in own)
        yield before + _cells(_printable(other), COMPARED) + behind


def table(rows):
    """The rows in columns; columns that no row has are left out."""
    lines = [line for row in rows for line in _lines(row)]
    return grid([(title, member in TEXT) for title, member, _ in COLUMNS], lines)


def grid(columns, lines):
    """Lines of cells under columns [(title, whether it is text)], as Markdown reads them
    too; without columns that have no cell."""
    used = [i for i in range(len(columns)) if any(line[i] for line in lines)]
    titles = [columns[i][0] for i in used]
    lines = [[line[i] for i in used] for line in lines]
    widths = [max(map(len, column)) for column in zip(titles, *lines)]
    left = [columns[i][1] for i in used]

    def joined(cells):
        return "| " + " | ".join(
            c.ljust(w) if at_left else c.rjust(w)
            for c, w, at_left in zip(cells, widths, left)) + " |"

    rule = "|" + "|".join("-" * (w + 1) + ("-" if at_left else ":")
                          for w, at_left in zip(widths, left)) + "|"
    return "\n".join([joined(titles), rule] + [joined(line) for line in lines])


def check_build():
    """Numbers of a build for tests would mislead."""
    harness.program("driveguard-fcgi")
    if harness.sanitized() or harness.faults_built():
        sys.exit(f"{harness.BUILD} is a build for tests: configure one without "
                 "--enable-sanitize and --enable-faults")


def check_disk():
    """A commit is what is compared: it has to reach a disk."""
    kind = subprocess.run(["stat", "-f", "-c", "%T", tempfile.gettempdir()], check=True,
                          text=True, capture_output=True).stdout.strip()
    if kind in BESIDE_DISK:
        sys.exit(f"{tempfile.gettempdir()} is {kind}: let TMPDIR name a folder on a disk")


def machine():
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True)
    return {"cpus": os.cpu_count(), "kernel": platform.release(),
            "nginx": nginx.stderr.strip().rpartition("/")[2],
            "load": os.getloadavg()[0]}


def result(of, rows, options, began):
    """What plot.py draws. of: the command; options: what it was told; began: the machine
    before it."""
    return {"of": of, "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": began, "options": options, "rows": rows}


def keep(its_result, json_path=None, svg_path=None, picture=None):
    """Into the files that have a name."""
    if json_path:
        with open(json_path, "w") as f:
            json.dump(its_result, f, indent=1)
            f.write("\n")
    if svg_path:
        with open(svg_path, "w") as f:
            f.write(picture(its_result))

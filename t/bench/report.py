"""report.py - rows of results (figures.py) as a table and as JSON."""

import json
import os
import platform
import subprocess
import time

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
    """The rows in columns, as Markdown reads them too; columns that no row has are
    left out."""
    lines = [line for row in rows for line in _lines(row)]
    used = [i for i in range(len(COLUMNS)) if any(line[i] for line in lines)]
    titles = [COLUMNS[i][0] for i in used]
    lines = [[line[i] for i in used] for line in lines]
    widths = [max(map(len, column)) for column in zip(titles, *lines)]
    left = [COLUMNS[i][1] in TEXT for i in used]

    def joined(cells):
        return "| " + " | ".join(
            c.ljust(w) if at_left else c.rjust(w)
            for c, w, at_left in zip(cells, widths, left)) + " |"

    rule = "|" + "|".join("-" * (w + 1) + ("-" if at_left else ":")
                          for w, at_left in zip(widths, left)) + "|"
    return "\n".join([joined(titles), rule] + [joined(line) for line in lines])


def machine():
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True)
    return {"cpus": os.cpu_count(), "kernel": platform.release(),
            "nginx": nginx.stderr.strip().rpartition("/")[2],
            "load": os.getloadavg()[0]}


def write(path, rows, options, began):
    """options: what the command was told; began: the machine before it."""
    with open(path, "w") as f:
        json.dump({"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                   "machine": began, "options": options, "rows": rows}, f, indent=1)
        f.write("\n")

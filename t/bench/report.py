"""report.py - rows of results as a table and as JSON."""

import json
import os
import platform
import subprocess
import time

# Title, member of a row, how it is printed.
COLUMNS = (
    ("what", "what", "{}"),
    ("trips", "trips", "{:,}"),
    ("KB", "kb", "{:,.1f}"),
    ("req/s", "rps", "{:,.0f}"),
    ("p50 ms", "p50_ms", "{:.2f}"),
    ("p99 ms", "p99_ms", "{:.2f}"),
    ("CPU us", "cpu_us", "{:,.0f}"),
    ("nginx+service+redis", "parts", "{}"),
    ("file req/s", "file_rps", "{:,.0f}"),
    ("file us", "file_us", "{:,.0f}"),
    ("file/ours", "ratio", "{:.2f}"),
    ("goal", "goal", "{:.2f}"),
    ("sendfile us", "sendfile_us", "{:,.0f}"),
    ("sendfile/ours", "sendfile_ratio", "{:.2f}"),
    ("note", "note", "{}"),
)
TEXT = ("what", "note")


def _cell(row, member, form):
    value = row.get(member)
    if member == "parts" and "cpu_by" in row:
        value = "+".join(f"{us:.0f}" for us in row["cpu_by"].values())
    return "" if value is None else form.format(value)


def table(rows):
    """The rows in columns, as Markdown reads them too."""
    lines = [[_cell(row, member, form) for _, member, form in COLUMNS]
             for row in rows]
    titles = [title for title, *_ in COLUMNS]
    widths = [max(len(line[i]) for line in lines + [titles])
              for i in range(len(COLUMNS))]
    left = [member in TEXT for _, member, _ in COLUMNS]

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


def write(path, rows, rounds, seconds):
    with open(path, "w") as f:
        json.dump({"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                   "machine": machine(), "rounds": rounds, "seconds": seconds,
                   "rows": rows}, f, indent=1)
        f.write("\n")

#!/usr/bin/python3
"""plot.py - what `run`, `compare` or `scale` measured (--json FILE) as a picture.

    plot.py FILE.json >results.svg

Of `run` the hot and the cold answers, a line a case, on scales of powers of ten: hot,
the processor time of this service and of nginx with the same bytes as a file; cold, the
time of this service, of the bare fetch and of the plan's Python reader. The mark shows
the goal: left of it, it is met.
"""

import json
import math
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "lib"))
import picture_compare  # noqa: E402
import picture_scale  # noqa: E402
from svg import (GRID, INK, OURS, PLAN, REFERENCE, SOFT, dot, line, page,  # noqa: E402
                 taken, text)

WIDTH, LEFT, RIGHT = 890, 160, 250
STEP, HEAD, AXIS = 26, 46, 34


class Scale:
    """Values to places between the margins."""

    def __init__(self, values):
        self.first = math.floor(math.log10(min(values)))
        self.last = math.ceil(math.log10(max(values)))

    def __call__(self, value):
        share = (math.log10(value) - self.first) / (self.last - self.first)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def ticks(self):
        return [10 ** e for e in range(self.first, self.last + 1)]


def sign(comparison):
    """The figure with its goal."""
    for member, least_or_most in (("least", "\N{GREATER-THAN OR EQUAL TO}"),
                                  ("most", "\N{LESS-THAN OR EQUAL TO}")):
        if member in comparison:
            return (f"{comparison['figure']:.3g} "
                    f"(goal {least_or_most} {comparison[member]:g})")
    return f"{comparison['figure']:.3g}"


class Case:
    """One line: dots [(value, color)], where the goal ends, words."""

    def __init__(self, row, member, others):
        self.label = (f"{row['what'].partition(', ')[2]}, "
                      f"{row['trips']:,} trips")
        self.dots = [(c[member], color) for c, color in others]
        self.dots.append((row[member], OURS))
        self.words = ", ".join(sign(c) for c, _ in others)
        limits = [c[member] / c["least"] for c, _ in others if "least" in c]
        limits += [c[member] * c["most"] for c, _ in others if "most" in c]
        self.goal = min(limits, default=None)

    def draw(self, scale, y):
        places = [scale(value) for value, _ in self.dots]
        yield text(LEFT - 12, y + 4, self.label, "end")
        yield line(min(places), y, max(places), y, GRID, 3)
        for place, (_, color) in zip(places, self.dots):
            yield dot(place, y, color)
        if self.goal:
            yield line(scale(self.goal), y - 8, scale(self.goal), y + 8, INK, 2)
        yield text(WIDTH - RIGHT + 16, y + 4, self.words, size=11, color=SOFT)


class Panel:
    def __init__(self, title, figures, unit, names, cases):
        self.title, self.figures, self.unit = title, figures, unit
        self.names, self.cases = names, cases
        self.height = HEAD + STEP * len(cases) + AXIS

    def draw(self, top):
        scale = Scale([v for c in self.cases for v, _ in c.dots] +
                      [c.goal for c in self.cases if c.goal])
        bottom = top + HEAD + STEP * len(self.cases)
        yield text(16, top + 14, self.title, size=14, weight="bold")
        yield text(WIDTH - RIGHT + 16, top + 14, self.figures, size=11, color=SOFT)
        x = LEFT
        for name, color in self.names:
            yield dot(x, top + 30, color)
            yield text(x + 10, top + 34, name)
            x += 30 + 6.5 * len(name)
        yield line(x, top + 23, x, top + 37, INK, 2)
        yield text(x + 8, top + 34, "goal: DriveGuard to the left of it")
        for value in scale.ticks():
            yield line(scale(value), top + HEAD, scale(value), bottom)
            yield text(scale(value), bottom + 15, self.unit(value), "middle", 11, SOFT)
        for i, case in enumerate(self.cases):
            yield from case.draw(scale, top + HEAD + STEP * i + STEP / 2)


def _hot(rows):
    return [Case(r, "cpu_us", [(r["against"][0], REFERENCE)])
            for r in rows if r["what"].startswith("hot, ")]


def _cold(rows):
    def timed(row):
        return [c for c in row["against"] if "p50_ms" in c]

    return [Case(r, "p50_ms", list(zip(timed(r), (REFERENCE, PLAN))))
            for r in rows if r["what"] in ("cold, identity", "cold, gzip")]


def microseconds(us):
    return f"{us / 1000:g} ms" if us >= 1000 else f"{us:g} \N{MICRO SIGN}s"


def milliseconds(ms):
    return f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:g} ms"


def picture(result):
    rows = result["rows"]
    panels = [Panel(*p) for p in (
        ("Hot: processor time of all server processes, a request",
         "file / DriveGuard (304: the file of 4 trips)", microseconds,
         (("DriveGuard", OURS), ("nginx, the same bytes as a file", REFERENCE)),
         _hot(rows)),
        ("Cold: time of a read with the stores 20 ms away",
         "DriveGuard / fetch, Python / DriveGuard", milliseconds,
         (("DriveGuard", OURS), ("bare fetch of the objects", REFERENCE),
          ("the plan's Python reader", PLAN)), _cold(rows))) if p[-1]]
    if not panels:
        sys.exit("plot.py: neither hot nor cold answers in this file")
    parts, top = [], 16
    for panel in panels:
        parts += panel.draw(top)
        top += panel.height + 10
    parts.append(text(16, top + 6, taken(result), size=11, color=SOFT))
    return page(WIDTH, top + 20, parts)


# By the command; a result that names none is of an older `run`.
PICTURES = {None: picture, "run": picture, "compare": picture_compare.picture,
            "scale": picture_scale.picture}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1]) as f:
        result = json.load(f)
    sys.stdout.write(PICTURES[result.get("of")](result))


if __name__ == "__main__":
    main()

"""picture_scale.py - what `scale` measured, as a table and as a picture."""

import math
import sys

import report
from svg import INK, OURS, PLAN, REFERENCE, SOFT, dot, line, page, path, taken, text

LEFT, TOP, CHART, HIGH, GAP, UNDER = 84, 60, 262, 124, 40, 34
LETTERS = 10  # height of a line of them
COLORS = {"uploads": OURS, "finalizes": REFERENCE, "hot reads": PLAN}
AXES = {"workers": "workers", "trips": "trips of one driver", "drivers": "drivers"}
# Member, words, how a value is printed.
FIGURES = (("rps", "calls a second", "{:,.0f}"), ("p99_ms", "p99, ms", "{:,.1f}"),
           ("cpu_us", "CPU a call, \N{MICRO SIGN}s", "{:,.0f}"),
           ("worker_mb", "largest worker, MB", "{:,.1f}"))

COLUMNS = (("along", "axis", "{}"), ("at", "at", "{:,}"), ("call", "call", "{}"),
           ("req/s", "rps", "{:,.0f}"), ("p50 ms", "p50_ms", "{:,.2f}"),
           ("p99 ms", "p99_ms", "{:,.2f}"), ("CPU us", "cpu_us", "{:,.0f}"),
           ("nginx+service+redis", "parts", "{}"), ("worker MB", "worker_mb", "{:,.1f}"),
           ("service MB", "service_mb", "{:,.1f}"), ("Redis MB", "redis_mb", "{:,.1f}"),
           ("hits", "hits", "{:.1%}"), ("failed", "failed", "{:,}"))
WORDS = ("axis", "call")


def table(rows):
    lines = []
    for row in rows:
        row = dict(row, parts="+".join(f"{us:.0f}" for us in row["cpu_by"].values()))
        if not row["failed"]:
            del row["failed"]  # no column for none
        lines.append([form.format(row[member]) if member in row else ""
                      for _, member, form in COLUMNS])
    return report.grid([(title, member in WORDS) for title, member, _ in COLUMNS], lines)


class Scale:
    """Values to places from `first` to `last`, by powers of ten."""

    def __init__(self, values, first, last):
        self.low, self.high = (math.log10(v) for v in (min(values), max(values)))
        self.high = max(self.high, self.low + 0.1)
        self.first, self.last = first, last

    def __call__(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.first + share * (self.last - self.first)


def _round_outwards(values):
    """From and to 1, 2 or 5 of a power of ten."""
    steps = [m * 10.0 ** e for e in range(-3, 9) for m in (1, 2, 5)]
    return (max(s for s in steps if s <= min(values)),
            min(s for s in steps if s >= max(values)))


def _ticks(low, high):
    steps = [10.0 ** e for e in range(-3, 9) if low <= 10.0 ** e <= high]
    return sorted({low, high, *steps})


def _plain(value):
    return f"{value:,.0f}" if value >= 1 else f"{value:g}"


class Chart:
    """One figure along one axis: a line a call. low, high: of the figure on all axes."""

    def __init__(self, rows, figure, low, high):
        self.rows = rows
        self.member, _, self.form = figure
        self.low, self.high = low, high

    def draw(self, left, top):
        x = Scale([r["at"] for r in self.rows], left + 16, left + CHART - 60)
        y = Scale([self.low, self.high], top + HIGH, top)
        for value in _ticks(self.low, self.high):
            yield line(left, y(value), left + CHART - 30, y(value))
            yield text(left - 6, y(value) + 4, _plain(value), "end", 10, SOFT)
        for at in sorted({r["at"] for r in self.rows}):
            yield text(x(at), top + HIGH + 16, f"{at:,}", "middle", 10, SOFT)
        ends = []
        for call, color in COLORS.items():
            its = [r for r in self.rows if r["call"] == call]
            places = [(x(r["at"]), y(max(r[self.member], self.low))) for r in its]
            yield path(places, color)
            for place in places:
                yield dot(*place, color, 3)
            ends.append((places[-1][1], its[-1][self.member], color))
        yield from self._values(ends, x(max(r["at"] for r in self.rows)) + 6)

    def _values(self, ends, x):
        """Of the lines' last places, none above another."""
        last = -math.inf
        for y, value, color in sorted(ends):
            last = max(y + 4, last + LETTERS)
            yield text(x, last, self.form.format(value), size=10, color=color)


def picture(result):
    """A column an axis, a row a figure."""
    rows = result["rows"]
    axes = [a for a in AXES if any(r["axis"] == a for r in rows)]
    if not axes:
        sys.exit("nothing to draw: no axis in this result")
    parts, x = [], LEFT
    for call, color in COLORS.items():
        parts += [dot(x, 20, color), text(x + 10, 24, call)]
        x += 110
    for column, axis in enumerate(axes):
        parts.append(text(LEFT + column * (CHART + GAP), TOP - 14, f"along {AXES[axis]}",
                          size=13, weight="bold"))
    top = TOP
    for figure in FIGURES:
        member = figure[0]
        low, high = _round_outwards([r[member] for r in rows if r[member] > 0])
        parts.append(text(LEFT - 68, top - 2, figure[1], size=11, color=INK))
        for column, axis in enumerate(axes):
            chart = Chart([r for r in rows if r["axis"] == axis], figure, low, high)
            parts += chart.draw(LEFT + column * (CHART + GAP), top + 8)
        top += HIGH + UNDER + 14
    parts.append(text(16, top + 8, "Both scales by powers of ten. " + taken(result), size=11,
                      color=SOFT))
    return page(LEFT + len(axes) * (CHART + GAP), top + 22, parts)

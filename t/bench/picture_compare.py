"""picture_compare.py - what `compare` measured, as a table and as a picture."""

import sys

import report
from figures import OURS
from svg import REFERENCE, SOFT, bar, line, page, taken, text
from svg import OURS as OURS_COLOR

# Two panels beside each other. In one: where the names end, the bars begin, the longest
# ends, and the two figures behind it end.
PANEL, NAMES, BARS, LONGEST, P99, CPU = 470, 136, 142, 290, 392, 456
STEP, HEAD, FOOT = 18, 44, 16
OTHERS = "#b8b8b8"

COLUMNS = (("what", True), ("who", True), ("req/s", False), ("p50 ms", False),
           ("p99 ms", False), ("CPU us", False), ("nginx+server+redis", False),
           ("failed", False), ("ours better by", True), ("ours worse in", True))
PARTS = (("nginx",), ("service", "server"), ("redis",))


# ---- the table ----

def _parts(by):
    return "+".join(next((f"{by[n]:.0f}" for n in names if n in by), "-")
                    for names in PARTS)


def _cells(row):
    def figure(member, form):
        return form.format(row[member]) if member in row else ""

    ratios = row.get("ratios", {})
    return [row["what"], row["who"], figure("rps", "{:,.0f}"), figure("p50_ms", "{:,.2f}"),
            figure("p99_ms", "{:,.2f}"), figure("cpu_us", "{:,.0f}"),
            _parts(row["cpu_by"]) if "cpu_by" in row else "",
            f"{row['failed']:,}" if row.get("failed") else "",
            ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items()),
            ", ".join(row.get("lost", ()))]


def table(rows):
    return report.grid(COLUMNS, [_cells(row) for row in rows])


# ---- the picture ----

class Panel:
    """One contest: a bar a side. more: whether more is better."""

    def __init__(self, title, member, form, more, rows):
        self.title, self.member, self.form, self.more = title, member, form, more
        self.rows = rows
        self.height = HEAD + STEP * len(rows) + FOOT

    def _figures(self, row, left, y):
        """Those that have no bar."""
        for name, words, end in (("p99", milliseconds(row["p99_ms"]), P99),
                                 ("CPU", microseconds(row["cpu_us"]), CPU)):
            yield text(left + end, y, words, "end", 11, _color(row, name, SOFT))

    def _bar(self, row, left, y, scale):
        ours, value = row["who"] == OURS, row[self.member]
        weight = "bold" if ours else "normal"
        name = "p50" if row["alone"] else "rate"
        failed = f", {row['failed']:,} failed" if row["failed"] else ""
        yield text(left + NAMES, y + 10, row["who"], "end", 11, weight=weight)
        yield bar(left + BARS, y, max(1.0, value * scale), STEP - 5,
                  OURS_COLOR if ours else _color(row, name, OTHERS))
        yield text(left + BARS + value * scale + 5, y + 10, self.form(value) + failed,
                   size=11, weight=weight)

    def draw(self, left, top):
        scale = (LONGEST - BARS) / max(r[self.member] for r in self.rows)
        yield text(left + 8, top + 14, self.title, size=13, weight="bold")
        yield text(left + BARS, top + 31, "more is better" if self.more else
                   "less is better", size=11, color=SOFT)
        for name, end in (("p99", P99), ("CPU", CPU)):
            yield text(left + end, top + 31, name, "end", 11, SOFT)
        for i, row in enumerate(self.rows):
            y = top + HEAD - 6 + STEP * i
            yield from self._bar(row, left, y, scale)
            yield from self._figures(row, left, y + 10)
        yield line(left + BARS, top + HEAD - 10, left + BARS,
                   top + HEAD - 8 + STEP * len(self.rows))


def _color(row, name, else_color):
    return REFERENCE if name in row.get("lost", ()) else else_color


def microseconds(us):
    return f"{us / 1000:,.1f} ms" if us >= 9_999.5 else f"{us:,.0f} \N{MICRO SIGN}s"


def milliseconds(ms):
    return f"{ms:,.0f} ms" if ms >= 10 else f"{ms:.2g} ms"


def a_second(value):
    return f"{value:,.0f}/s"


def _panel(what, rows):
    title = (what[0].upper() + what[1:]).replace("1 conn.", "one after another")
    title = title.replace("conn.", "connections").replace("S3", "S3 20 ms away")
    if rows[0]["alone"]:
        return Panel(title + ": time", "p50_ms", milliseconds, False, rows)
    return Panel(title + ": a second", "rps", a_second, True, rows)


def picture(result):
    """Each contest in the order of the rows, so uploads first; two a line."""
    rows = [r for r in result["rows"] if "cpu_by" in r]
    panels = [_panel(what, [r for r in rows if r["what"] == what])
              for what in dict.fromkeys(r["what"] for r in rows)]
    if not panels:
        sys.exit("nothing to draw: no contest in this result")
    parts, top = [], 16
    for i in range(0, len(panels), 2):
        for left, panel in zip((8, 8 + PANEL), panels[i:i + 2]):
            parts += panel.draw(left, top)
        top += max(panel.height for panel in panels[i:i + 2])
    parts.append(text(16, top + 4, "Orange: better than DriveGuard. Times are medians; CPU: "
                      "of all server processes, a call. " + taken(result), size=11,
                      color=SOFT))
    return page(2 * PANEL + 16, top + 18, parts)

#!/usr/bin/python3
"""plot.py - the hot answers of `http --json FILE` as a picture.

    plot.py FILE.json >hot.svg

A line a case, on a scale of powers of ten: the processor time of this service
and of nginx with the same bytes as a file; between them the factor.
"""

import json
import math
import sys
from xml.sax.saxutils import escape

LEFT, RIGHT, TOP, STEP, BELOW = 170, 60, 64, 34, 60
WIDTH = 760
OURS, FILE, GREY, INK = "#0b6e99", "#d9730d", "#c8c8c8", "#333333"


class Scale:
    """Microseconds to a place between the margins."""

    def __init__(self, values):
        self.first = math.floor(math.log10(min(values)))
        self.last = math.ceil(math.log10(max(values)))

    def __call__(self, us):
        share = (math.log10(us) - self.first) / (self.last - self.first)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def ticks(self):
        return [10 ** e for e in range(self.first, self.last + 1)]


def text(x, y, words, anchor="start", size=13, color=INK):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" '
            f'font-size="{size}" fill="{color}">{escape(words)}</text>')


def line(x1, y1, x2, y2, color=GREY, width=1):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{color}" stroke-width="{width}"/>')


def dot(x, y, color):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{color}"/>'


def grid(scale, bottom):
    parts = []
    for us in scale.ticks():
        parts.append(line(scale(us), TOP - 12, scale(us), bottom))
        words = f"{us / 1000:g} ms" if us >= 1000 else f"{us:g} us"
        parts.append(text(scale(us), bottom + 18, words, "middle", 12))
    return parts


def case(scale, y, row):
    ours, file = scale(row["cpu_us"]), scale(row["file_us"])
    kind = row["what"].removeprefix("hot, ")
    return [text(LEFT - 14, y + 5, f"{kind}, {row['trips']} trips", "end"),
            line(file, y, ours, y, GREY, 3), dot(file, y, FILE), dot(ours, y, OURS),
            text(max(file, ours) + 12, y + 5,
                 f"{row['cpu_us'] / row['file_us']:.1f} x", size=12)]


def picture(result):
    rows = [r for r in result["rows"] if r["what"].startswith("hot, ")]
    if not rows:
        sys.exit("plot.py: no hot answers in this file")
    scale = Scale([r[name] for r in rows for name in ("cpu_us", "file_us")])
    bottom = TOP + STEP * len(rows) - 10
    parts = [f'<rect width="{WIDTH}" height="{bottom + BELOW}" fill="white"/>',
             text(16, 24, "Processor time of all server processes a request", size=15),
             dot(WIDTH - 330, 20, OURS), text(WIDTH - 318, 25, "DriveGuard, hot"),
             dot(WIDTH - 195, 20, FILE), text(WIDTH - 183, 25, "nginx, a file")]
    parts += grid(scale, bottom)
    for i, row in enumerate(rows):
        parts += case(scale, TOP + STEP * i + 8, row)
    m = result["machine"]
    parts.append(text(16, bottom + BELOW - 12,
                      f"{m['cpus']} processors, nginx {m['nginx']}; medians of "
                      f"{result['rounds']} rounds, {result['when'][:10]}", size=11))
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{bottom + BELOW}" font-family="sans-serif">\n'
            + "\n".join(parts) + "\n</svg>\n")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1]) as f:
        sys.stdout.write(picture(json.load(f)))


if __name__ == "__main__":
    main()

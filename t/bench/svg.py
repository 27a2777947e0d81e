"""svg.py - what the pictures of results are drawn with."""

from xml.sax.saxutils import escape

# A picture brings its own background, so it looks the same on a dark page.
PAPER, INK, SOFT, GRID = "#ffffff", "#222222", "#666666", "#dddddd"
OURS, REFERENCE, PLAN = "#0b6e99", "#d9730d", "#8a63a8"


def text(x, y, words, anchor="start", size=12, color=INK, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" '
            f'font-weight="{weight}" fill="{color}">{escape(words)}</text>')


def line(x1, y1, x2, y2, color=GRID, width=1):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{color}" stroke-width="{width}"/>')


def path(places, color, width=2):
    """A line through all of them."""
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return (f'<polyline points="{points}" fill="none" stroke="{color}" '
            f'stroke-width="{width}"/>')


def dot(x, y, color, radius=5):
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{color}"/>'


def bar(x, y, width, height, color):
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'fill="{color}"/>')


def page(width, height, parts):
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" font-family="sans-serif">\n'
            f'<rect width="{width}" height="{height}" rx="6" fill="{PAPER}"/>\n'
            + "\n".join(parts) + "\n</svg>\n")


def taken(result):
    """Where and when a result was taken, for the foot of its picture."""
    m, o = result["machine"], result["options"]
    return (f"{m['cpus']} processors, nginx {m['nginx']}; rounds: {o['rounds']}, "
            f"{result['when'][:10]}")

"""figures.py - what is made of measurements: the members of a row.

    what, trips, kb       the case; size of the answer's body as sent
    rps, p50_ms, p99_ms   as clients saw it
    cpu_us, cpu_by        a request, of all server processes; by program
    hits                  share of reads that the cache answered
    calls, in_a_row       to the stores, a read; the most that waited for each other
    against               a list of compared()
    note
"""

import statistics

OURS = "DriveGuard"  # among those that are compared


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def quantiles(seconds):
    return {"p50_ms": percentile(seconds, 50) * 1e3,
            "p99_ms": percentile(seconds, 99) * 1e3}


def pace(result):
    """Of load.hammer's result."""
    return {"rps": result["requests"] / result["seconds"],
            "p50_ms": result["p50_us"] / 1e3, "p99_ms": result["p99_us"] / 1e3}


def cpu(by):
    return {"cpu_by": by, "cpu_us": sum(by.values())}


def median_by(samples):
    """Of dicts with the same names, name by name."""
    return {name: statistics.median(s[name] for s in samples)
            for name in samples[0]}


def compared(with_what, figure, of, least=None, most=None, **its):
    """One comparison: the figure, what it is, the goal it has, and what the other
    side took (rps, p50_ms, cpu_us)."""
    row = {"with": with_what, "figure": figure, "of": of, **its}
    if least is not None:
        row.update(least=least, met=figure >= least)
    if most is not None:
        row.update(most=most, met=figure <= most)
    return row


def hit_rate(before, after):
    """Share of the reads between two stats() that the cache answered."""
    hits, misses = (after["counters"][name] - before["counters"][name]
                    for name in ("cache_hits", "cache_misses"))
    return hits / max(1, hits + misses)

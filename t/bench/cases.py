"""cases.py - the measurements: each function gives rows of the table."""

import gzip
import itertools
import json
import os
import random
import statistics
import time

import fleet
import harness
import load

SIZES = (4, 100, 500)
GZIP = {"Accept-Encoding": "gzip"}

# File's CPU time by ours, at least.
GOALS = {"identity": {4: 0.15, 100: 0.45, 500: 0.60},
         "gzip": {4: 0.15, 100: 0.22, 500: 0.35},
         "304": {4: 0.15, 100: 0.15, 500: 0.15}}

# nginx copies a file into its buffers unless told otherwise; the goals are set
# against that. With sendfile the kernel passes the file's own pages on.
STATIC = """
location ^~ /bench-copied/ {
    alias %(dir)s/files/;
    sendfile off;
    default_type application/json;
    gzip_static on;
}
location ^~ /bench-sendfile/ {
    alias %(dir)s/files/;
    sendfile on;
    default_type application/json;
    gzip_static on;
}
"""


class Bench:
    """The running stack, the drivers made so far, and the options."""

    def __init__(self, stack, options):
        self.stack = stack
        self.o = options
        self.meter = load.Meter(stack)
        stack.nginx.more = STATIC % {"dir": stack.dir}
        os.makedirs(os.path.join(stack.dir, "files"))
        stack.start()
        self.fleet = fleet.Fleet(stack)
        self.drivers = {}

    def driver(self, trips):
        """The driver with so many trips, made when first asked for."""
        if trips not in self.drivers:
            user_id, = self.fleet.new_users(1)
            self.drivers[trips] = self.fleet.driver(user_id, trips)
        return self.drivers[trips]

    def answer(self, trips, headers=None):
        """The driver's answer, which must be whole."""
        r = self.stack.get(fleet.path_of(self.driver(trips)), headers)
        body = r.body
        if r.header("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if r.status != 200 or body.count(b'"behavior_score"') != trips:
            raise RuntimeError(f"{trips} trips: {r}")
        return r, body

    def url(self, path):
        return self.stack.url + path

    def hammer(self, path, headers=None, **kw):
        """One measurement: (what wrk says, CPU microseconds a request by
        program)."""
        kw = {"seconds": self.o.seconds, "connections": self.o.connections, **kw}
        before = self.meter.read()
        result = load.hammer(self.url(path), headers=headers, **kw)
        return result, self.meter.since(before, result["requests"])

    def forget(self):
        """Empties the cache, tokens included."""
        self.stack.redis("FLUSHALL")


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def quantiles(seconds):
    return {"p50_ms": percentile(seconds, 50) * 1e3,
            "p99_ms": percentile(seconds, 99) * 1e3}


def pace(result):
    """Of wrk's result."""
    return {"rps": result["requests"] / result["seconds"],
            "p50_ms": result["p50_us"] / 1e3, "p99_ms": result["p99_us"] / 1e3}


def cpu(by):
    return {"cpu_by": by, "cpu_us": sum(by.values())}


def median_by(samples):
    """Of dicts with the same names, name by name."""
    return {name: statistics.median(s[name] for s in samples)
            for name in samples[0]}


# ---- hot: everything is in the cache ----

def _static_files(bench, trips, body):
    """The same bytes as files; gzip as one would prepare them."""
    path = os.path.join(bench.stack.dir, "files", f"{trips}.json")
    with open(path, "wb") as f:
        f.write(body)
    with open(path + ".gz", "wb") as f:
        f.write(gzip.compress(body, 6))


class Pair:
    """One kind of hot answer, and the file that it is measured against."""

    def __init__(self, bench, kind, trips, headers, file_trips=None):
        self.kind = kind
        self.path = fleet.path_of(bench.driver(trips))
        self.headers = headers
        self.file = f"{file_trips or trips}.json"
        self.file_headers = headers if kind == "gzip" else None
        r = bench.stack.get(self.path, headers)
        if r.status != (304 if kind == "304" else 200):
            raise RuntimeError(f"{kind} {trips}: {r}")
        self.row = {"what": f"hot, {kind}", "trips": trips,
                    "kb": len(r.body) / 1000, "goal": GOALS[kind][trips]}
        if file_trips:
            self.row["note"] = f"against the file of {file_trips} trips"
        if kind == "gzip" and r.header("Content-Encoding") != "gzip":
            self.row["note"] = "answered as identity"

    def measure(self, bench):
        """One round: ours, then the file in both ways; (figures, CPU by
        program)."""
        ours, by = bench.hammer(self.path, self.headers)
        copied, copied_by = bench.hammer("/bench-copied/" + self.file,
                                         self.file_headers)
        _, sent_by = bench.hammer("/bench-sendfile/" + self.file,
                                  self.file_headers)
        total = sum(by.values())
        file_us, sendfile_us = sum(copied_by.values()), sum(sent_by.values())
        return {**pace(ours), "cpu_us": total,
                "file_rps": copied["requests"] / copied["seconds"],
                "file_us": file_us, "ratio": file_us / total,
                "sendfile_us": sendfile_us,
                "sendfile_ratio": sendfile_us / total}, by


def _pairs(bench):
    found = []
    for trips in SIZES:
        r, body = bench.answer(trips)
        _static_files(bench, trips, body)
        found.append(Pair(bench, "identity", trips, {}))
        found.append(Pair(bench, "gzip", trips, GZIP))
        if r.header("ETag"):
            found.append(Pair(bench, "304", trips,
                              {"If-None-Match": r.header("ETag")}, SIZES[0]))
    return sorted(found, key=lambda p: list(GOALS).index(p.kind))


def _floor(bench):
    """A FastCGI call that needs no store and no cache."""
    samples = [bench.hammer("/nothing-here", refused=True)
               for _ in range(bench.o.rounds)]
    return {"what": "a call that does nothing (404)",
            **median_by([pace(result) for result, _ in samples]),
            **cpu(median_by([by for _, by in samples]))}


def hot(bench):
    pairs = _pairs(bench)
    rounds = [[pair.measure(bench) for pair in pairs]
              for _ in range(bench.o.rounds)]
    rows = []
    for pair, samples in zip(pairs, zip(*rounds)):
        rows.append({**pair.row, **median_by([s for s, _ in samples]),
                     "cpu_by": median_by([by for _, by in samples])})
    return rows + [_floor(bench)]


# ---- cold: the cache is emptied before every request ----

def _cold_row(bench, trips, count):
    path = fleet.path_of(bench.driver(trips))
    bench.answer(trips)  # the first read writes the summary
    ours, plan = [], []
    before = bench.meter.read()
    with bench.stack.client() as c:
        for _ in range(count):
            bench.forget()
            began = time.perf_counter()
            r = c.http("GET", path)
            ours.append(time.perf_counter() - began)
            if r.status != 200:
                raise RuntimeError(f"cold {trips}: {r}")
            if bench.fleet.folder:
                began = time.perf_counter()
                fleet.plan_reader(bench.fleet.folder, bench.driver(trips))
                plan.append(time.perf_counter() - began)
    row = {"what": "cold", "trips": trips, "kb": len(r.body) / 1000,
           **quantiles(ours), **cpu(bench.meter.since(before, count))}
    if plan:
        reader = percentile(plan, 50)
        row["plan_reader_ms"] = reader * 1e3
        row["note"] = (f"the plan's Python reader {reader * 1e3:.1f} ms: "
                       f"{reader / percentile(ours, 50):.1f} x")
    return row


def cold(bench):
    count = 10 if bench.o.quick else 40 * bench.o.rounds
    return [_cold_row(bench, trips, count) for trips in SIZES]


# ---- finalize ----

def finalize(bench):
    """Of 1,000 points in 40 uploads, for a driver who has 100 trips."""
    count = 20 if bench.o.quick else 100 * bench.o.rounds
    user_id, = bench.fleet.new_users(1)
    bench.fleet.driver(user_id, 100)
    trips = [bench.fleet.trip_of(user_id, n, 1000) for n in range(count)]
    bench.fleet.upload(trips)
    times = []
    with bench.stack.client() as c:
        before = bench.meter.read()
        for trip in trips:
            began = time.perf_counter()
            r = c.http("POST", "/finalize-trip", trip["finalize"])
            times.append(time.perf_counter() - began)
            if r.status != 200 or r.json()["analysis"]["status"] != "stored":
                raise RuntimeError(f"finalize: {r}")
        by = bench.meter.since(before, count)
    return [{"what": "finalize, 1,000 points", "trips": 100, **quantiles(times),
             **cpu(by), "note": f"{count} calls one after another"}]


# ---- a mix of many drivers ----

MIX_SEED = 20
MIX_POINTS = 300
FINALIZES = 0.05


def _mix_sequence(drivers, calls):
    """(kind, driver): Zipf with exponent 1 over drivers, for both kinds."""
    rng = random.Random(MIX_SEED)
    weights = list(itertools.accumulate(1 / (i + 1) for i in range(drivers)))
    who = rng.choices(range(drivers), cum_weights=weights, k=calls)
    return [("finalize" if rng.random() < FINALIZES else "read", i) for i in who]


def _mix_drivers(bench, count):
    """Most have few trips, some have hundreds: 21 on average."""
    rng = random.Random(MIX_SEED)
    ids = bench.fleet.new_users(count)
    for user_id in ids:
        bench.fleet.driver(user_id, min(400, round(rng.lognormvariate(2.5, 1.0)) + 1))
    return ids


def _mix_lists(bench, ids, sequence, clients):
    """Writes each client's list; uploads what they will finalize."""
    folder = os.path.join(bench.stack.dir, "mix")
    os.makedirs(folder)
    lists = [[] for _ in range(clients)]
    trips = []
    for n, (kind, driver) in enumerate(sequence):
        if kind == "read":
            line = "read " + fleet.path_of(ids[driver])
        else:
            trip = bench.fleet.trip_of(ids[driver], n, MIX_POINTS)
            trips.append(trip)
            line = "finalize " + json.dumps(trip["finalize"])
        lists[n % clients].append(line)
    bench.fleet.upload(trips)
    for i, lines in enumerate(lists):
        with open(os.path.join(folder, f"list.{i}"), "w") as f:
            f.write("\n".join(lines) + "\n")
    return folder


def mix(bench):
    drivers, calls = (100, 1000) if bench.o.quick else (1000, 10000)
    ids = _mix_drivers(bench, drivers)
    sequence = _mix_sequence(drivers, calls)
    folder = _mix_lists(bench, ids, sequence, bench.o.connections)
    bench.forget()
    counted, before = bench.stack.stats(), bench.meter.read()
    done = load.work_off(bench.stack.url, folder, bench.o.connections)
    by = bench.meter.since(before, calls)
    if len(done) != calls:
        raise RuntimeError(f"{calls - len(done)} calls were not answered")
    return _mix_rows(done, by, _hit_rate(counted, bench.stack.stats()), drivers)


def _hit_rate(before, after):
    hits, misses = (after["counters"][name] - before["counters"][name]
                    for name in ("cache_hits", "cache_misses"))
    return hits / max(1, hits + misses)


def _mix_rows(done, by, hit_rate, drivers):
    wrong = [call for call in done if call[1] != 200]
    if wrong:
        raise RuntimeError(f"{len(wrong)} calls failed, the first: {wrong[0]}")
    took = max(call[3] for call in done) - min(call[2] for call in done)
    rows = []
    for kind in ("read", "finalize"):
        times = [(end - start) / 1e6 for k, _, start, end in done if k == kind]
        rows.append({"what": f"mix, {kind}s", **quantiles(times),
                     "note": f"{len(times):,} calls"})
    rows[0].update(rps=len(done) / (took / 1e6), hit_rate=hit_rate, **cpu(by))
    rows[0]["note"] += (f" to {drivers:,} drivers, {hit_rate:.1%} from the cache; "
                        "rate and CPU with the finalizes")
    return rows


# ---- starvation ----

CLIENTS = 64


def fair(bench):
    """Each of many clients should get its share; the worst round counts."""
    path = fleet.path_of(bench.driver(SIZES[0]))
    bench.answer(SIZES[0])
    rounds = []
    for _ in range(bench.o.rounds):
        r = load.hammer(bench.url(path), bench.o.seconds, CLIENTS, threads=CLIENTS)
        rounds.append((min(r["answers"]) / statistics.mean(r["answers"]), r))
    share, worst = min(rounds, key=lambda pair: pair[0])
    return [{"what": f"fair, {CLIENTS} clients", "trips": SIZES[0],
             **pace(worst), "share": share,
             "note": f"least client's answers {share:.2f} of the mean "
                     f"({bench.o.workers} workers; goal 0.50)"}]


# ---- memory ----

MEMORY_SIZES = (500, 10_000)


def _memory_row(bench, trips):
    stack = bench.stack
    stack.service.stop()  # new workers: the peak is of these requests
    stack.service.start()
    bench.driver(trips)
    bench.forget()
    began = time.perf_counter()
    r, _ = bench.answer(trips)
    first = time.perf_counter() - began
    path = fleet.path_of(bench.driver(trips))
    # Answers of 50 MB: few clients, and time enough for some from each worker.
    gentle = {"seconds": max(5, bench.o.seconds), "connections": bench.o.workers}
    result, by = bench.hammer(path, **gentle)
    bench.hammer(path, GZIP, **gentle)
    rss, peak = bench.meter.largest_worker_mb()
    return {"what": "memory, then hot", "trips": trips, "kb": len(r.body) / 1000,
            **pace(result), **cpu(by), "rss_mb": rss, "peak_mb": peak, "first_ms": first * 1e3,
            "note": f"largest worker {rss:.1f} MB now, {peak:.1f} MB at most "
                    f"(goal 64); first read {first * 1e3:,.0f} ms"}


def memory(bench):
    sizes = MEMORY_SIZES if bench.fleet.folder else MEMORY_SIZES[:1]
    return [_memory_row(bench, trips) for trips in sizes]

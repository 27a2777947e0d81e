"""cases.py - the measurements: each function gives rows of the table."""

import gzip
import itertools
import json
import os
import pathlib
import random
import statistics
import time

import fleet
import load
from figures import compared, cpu, hit_rate, median_by, pace, percentile, quantiles

SIZES = (4, 100, 500)
GZIP = {"Accept-Encoding": "gzip"}

# File's CPU time by ours, at least.
GOALS = {"identity": {4: 0.15, 100: 0.45, 500: 0.60},
         "gzip": {4: 0.15, 100: 0.22, 500: 0.35},
         "304": {4: 0.15, 100: 0.15, 500: 0.15}}

FILES = {"copied": "nginx, a file", "sendfile": "the same, sendfile on"}

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
        self.meter = load.Meter(stack.hosts[0])
        stack.nginx.more = STATIC % {"dir": stack.dir}
        os.makedirs(os.path.join(stack.dir, "files"))
        stack.start()
        self.fleet = fleet.Fleet(stack)
        self.drivers = {}

    def driver(self, trips):
        """The driver with so many trips, made when first asked for."""
        if trips not in self.drivers:
            self.drivers[trips] = self.fleet.driver(trips)
        return self.drivers[trips]

    def answer(self, trips, headers=None):
        """The driver's answer, which must be whole; what it leaves to be done is done
        when this returns."""
        r = self.stack.get(fleet.path_of(self.driver(trips)), headers)
        load.wait_idle(self.stack.hosts[0])
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
        self.goal = GOALS[kind][trips]
        self.row = {"what": f"hot, {kind}", "trips": trips, "kb": len(r.body) / 1000}
        if file_trips:
            self.row["note"] = f"against the file of {file_trips} trips"
        if kind == "gzip" and r.header("Content-Encoding") != "gzip":
            self.row["note"] = "answered as identity"

    def measure(self, bench):
        """One round: ours, then the file in both ways. (Each one's figures, ours
        by program.)"""
        ours, by = bench.hammer(self.path, self.headers)
        taken = {"ours": (pace(ours), sum(by.values()))}
        for way in FILES:
            result, its_by = bench.hammer(f"/bench-{way}/{self.file}",
                                          self.file_headers)
            taken[way] = pace(result), sum(its_by.values())
        return {name: {**figures, "cpu_us": us, "ratio": us / taken["ours"][1]}
                for name, (figures, us) in taken.items()}, by

    def result(self, rounds):
        """The row, of all rounds."""
        def median(name):
            figures = median_by([taken[name] for taken, _ in rounds])
            return figures.pop("ratio"), figures

        against = []
        for way, words in FILES.items():
            ratio, its = median(way)
            goal = self.goal if way == "copied" else None
            against.append(compared(words, ratio, "CPU, its / ours", least=goal, **its))
        return {**self.row, **median("ours")[1], "against": against,
                "cpu_by": median_by([by for _, by in rounds])}


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
    return [pair.result(of_pair) for pair, of_pair in zip(pairs, zip(*rounds))] \
        + [_floor(bench)]


# ---- cold, folder: the cache is emptied before every request ----

def _plan_reader(bench, user_id):
    """Over the same objects, as files: seconds."""
    began = time.perf_counter()
    folder = os.path.join(bench.stack.stores.objects, fleet.trips_prefix(user_id))
    fleet.plan_answer(user_id, (pathlib.Path(e.path).read_bytes()
                                for e in os.scandir(folder)))
    return time.perf_counter() - began


def _folder_row(bench, trips, count):
    user_id = bench.driver(trips)
    bench.answer(trips)  # the first read writes what is derived
    ours, plan, used = [], [], []
    with bench.stack.client() as c:
        for _ in range(count):
            load.wait_idle(bench.stack.hosts[0])
            bench.forget()
            before = bench.meter.read()
            began = time.perf_counter()
            r = c.http("GET", fleet.path_of(user_id))
            ours.append(time.perf_counter() - began)
            if r.status != 200:
                raise RuntimeError(f"cold {trips}: {r}")
            used.append(bench.meter.since(before, 1))
            plan.append(_plan_reader(bench, user_id))
    reader = percentile(plan, 50)
    by = {name: statistics.mean(u[name] for u in used) for name in used[0]}
    return {"what": "cold, folder", "trips": trips, "kb": len(r.body) / 1000,
            **quantiles(ours), **cpu(by), "against": [compared(
                "the plan's Python reader", reader / percentile(ours, 50),
                "time, its / ours", p50_ms=reader * 1e3)]}


def folder(bench):
    count = 5 if bench.o.quick else 20 * bench.o.rounds
    return [_folder_row(bench, trips, count) for trips in SIZES]


# ---- finalize ----

def finalize(bench):
    """Of 1,000 points in 40 uploads, for a driver who has 100 trips."""
    count = 10 if bench.o.quick else 50 * bench.o.rounds
    user_id = bench.fleet.driver(100)
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
        bench.fleet.give(user_id, min(400, round(rng.lognormvariate(2.5, 1.0)) + 1))
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
    return _mix_rows(done, by, hit_rate(counted, bench.stack.stats()), drivers)


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
    rows[0].update(rps=len(done) / (took / 1e6), hits=hit_rate, **cpu(by))
    rows[0]["note"] += f" to {drivers:,} drivers; rate and CPU with the finalizes"
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
             **pace(worst), "note": f"{bench.o.workers} workers",
             "against": [compared("", share, "answers, least client's / mean",
                                  least=0.5)]}]


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
    gentle = {"seconds": max(3, bench.o.seconds), "connections": bench.o.workers}
    result, by = bench.hammer(path, **gentle)
    bench.hammer(path, GZIP, **gentle)
    rss, peak = bench.meter.largest_worker_mb()
    return {"what": "memory, then hot", "trips": trips, "kb": len(r.body) / 1000,
            **pace(result), **cpu(by),
            "against": [compared("", peak, "MB at most, largest worker", most=64)],
            "note": f"{rss:.1f} MB at the end; first read {first * 1e3:,.0f} ms"}


def memory(bench):
    sizes = MEMORY_SIZES[:1] if bench.o.quick else MEMORY_SIZES
    return [_memory_row(bench, trips) for trips in sizes]

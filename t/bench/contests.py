"""contests.py - what the sides (sides.py) are compared in: each function gives rows, one a
side.

    what, who            the contest and the side
    rps, p50_ms, p99_ms, cpu_us, cpu_by    as in figures.py; medians over the rounds
    failed               calls of all rounds that were not answered with 200
    alone                whether one call came after another: then its time is compared,
                         else the rate
    ratios, lost         against ours: compared_to()
"""

import itertools
import json
import os
import statistics
import time

import fleet
import load
from figures import OURS, median_by, quantiles

DRIVERS = 500    # of whom the uploads are
FINALIZES = 200  # a round, each of another driver, who has FEW trips before
FEW, MANY = 4, 100
POINTS = 1000    # a trip, in 40 uploads
READ_CONNECTIONS = 16
NOISE = 1.05     # what is worse by less than this is no loss
_WORDS = itertools.count(1)


def word():
    """One that no earlier id has."""
    return f"w{next(_WORDS)}-"


# ---- rounds ----

def rounds_of(box, rounds, measure):
    """{side: [what measure(side) gave]}: all in turn within each round, and each round
    begins with another one. One more round comes first, in which programs warm up; it
    counts only where it is the only one."""
    taken = {side: [] for side in box.sides}
    for n in range(rounds + 1 if rounds > 1 else 1):
        first = n % len(box.sides)
        for side in box.sides[first:] + box.sides[:first]:
            side.settle()
            os.sync()  # what another one left to be written
            taken[side].append(measure(side))
    return {side: samples[-rounds:] for side, samples in taken.items()}


def load_figures(result, by):
    """Of load.wrk's result; failed calls are no rate."""
    failed = result["refused"] + result["lost"]
    answered = result["requests"] - result["refused"]
    return {"rps": answered / result["seconds"], "p50_ms": result["p50_us"] / 1e3,
            "p99_ms": result["p99_us"] / 1e3, "failed": failed, "cpu_by": by}


def hammered(side, path, seconds, connections, script="wrk.lua", args=(), threads=1):
    """What a script here gave with that side, and what it cost."""
    before = side.costs.read()
    result = load.wrk(side.url + path, seconds, connections, script, args,
                      threads=min(threads, connections))
    if result["requests"] <= result["refused"]:
        raise RuntimeError(f"{side.name}: {path}: nothing but failures: {result}")
    side.settle()
    return load_figures(result, side.costs.since(
        before, result["requests"] - result["refused"]))


def row_of(what, side, samples, alone):
    figures = median_by([{k: v for k, v in s.items() if k not in ("cpu_by", "failed")}
                         for s in samples])
    by = median_by([s["cpu_by"] for s in samples])
    return {"what": what, "who": side.name, "alone": alone, **figures, "cpu_by": by,
            "cpu_us": sum(by.values()), "failed": sum(s["failed"] for s in samples)}


def compared_to(ours, row):
    """The row of another side with ratios, above 1 where ours is better, and the names of
    those in which it is worse."""
    ratios = {"p50": row["p50_ms"] / ours["p50_ms"]} if row["alone"] \
        else {"rate": ours["rps"] / row["rps"]}
    ratios["p99"] = row["p99_ms"] / ours["p99_ms"]
    if ours["cpu_us"]:  # a few calls may take less than the kernel's step
        ratios["CPU"] = row["cpu_us"] / ours["cpu_us"]
    return {**row, "ratios": ratios,
            "lost": [name for name, ratio in ratios.items() if ratio * NOISE < 1]}


def rows_of(what, taken, alone):
    """The sides' rows, ours first."""
    rows = [row_of(what, side, samples, alone) for side, samples in taken.items()]
    ours, = (r for r in rows if r["who"] == OURS)
    return [ours] + [compared_to(ours, r) for r in rows if r is not ours]


# ---- uploads ----

def uploads(box, o):
    def measure(connections):
        return lambda side: hammered(side, "/store-trajectory-batch", o.seconds, connections,
                                     "uploads.lua", (word(), DRIVERS))

    return [row for connections in (o.connections, 1)
            for row in rows_of(f"uploads, {connections} conn.",
                               rounds_of(box, o.rounds, measure(connections)),
                               connections == 1)]


# ---- finalizes ----

def _bodies(template, trips):
    return [dict(template["finalize"], user_id=user_id, trip_id=trip_id)
            for user_id, trip_id in trips]


def write_lists(folder, clients, lines):
    """What mix.lua works off: the clients' lists, from these lines in turn."""
    os.makedirs(folder, exist_ok=True)
    for i in range(clients):
        with open(os.path.join(folder, f"list.{i}"), "w") as f:
            f.writelines(line + "\n" for line in lines[i::clients])
        times = os.path.join(folder, f"times.{i}")
        if os.path.exists(times):
            os.unlink(times)


class Finalizes:
    """So many of trips of 1,000 points in 40 uploads, by these users in turn."""

    def __init__(self, box, count, clients, users):
        self.box, self.count, self.clients = box, count, min(clients, count)
        self.users = users
        owner, = box.fleet.new_users(1)
        self.template = box.fleet.trip_of(owner, 1, POINTS)
        self.folder = os.path.join(box.stack.dir, "finalizes")

    def measure(self, side):
        label = word()
        trips = [(user_id, f"trip_{user_id}_{label}{n}") for n, user_id in
                 zip(range(self.count), itertools.cycle(self.users))]
        side.prepare(self.template, trips)
        write_lists(self.folder, self.clients, [
            f"finalize {json.dumps(body)}" for body in _bodies(self.template, trips)])
        side.settle()
        os.sync()
        before = side.costs.read()
        done = load.work_off(side.url, self.folder, self.clients)
        side.settle()
        by = side.costs.since(before, self.count)
        return self._figures(side, label, done, by)

    def _figures(self, side, label, done, by):
        good = [(began, ended) for _, status, began, ended in done if status == 200]
        # A 200 may also say that the trip is scored later: that is not what is measured.
        stored = min(len(good), side.finalized(label))
        if not stored:
            raise RuntimeError(f"{side.name}: of {self.count} finalizes {len(good)} were "
                               "answered and none is stored")
        took = max(call[3] for call in done) - min(call[2] for call in done)
        return {"rps": stored / (took / 1e6), "failed": self.count - stored,
                "cpu_by": by, **quantiles([(end - start) / 1e6 for start, end in good])}


def _finalizers(box, count):
    """Users, each of whom finalizes one trip a round."""
    users = box.fleet.new_users(count)
    for user_id in users:
        box.give(user_id, FEW)
    return users


def finalizes(box, o):
    rows = []
    for count, clients in ((FINALIZES, o.connections), (FINALIZES // 5, 1)):
        count = count // 4 if o.quick else count
        contest = Finalizes(box, count, clients, _finalizers(box, count))
        rows += rows_of(f"finalizes, {clients} conn.",
                        rounds_of(box, o.rounds, contest.measure), clients == 1)
    return rows


# ---- reads ----

def whole(side, path, trips):
    """Reads an answer, which must have all trips; seconds."""
    c, before = side.client()
    with c:
        c.conn.connect()
        began = time.perf_counter()
        r = c.http("GET", before + path)
        took = time.perf_counter() - began
    if r.status != 200 or r.body.count(b'"behavior_score"') != trips:
        raise RuntimeError(f"{side.name}: {trips} trips: {r}")
    return took


def hot(box, o):
    rows = []
    for trips in (FEW, MANY):
        path = fleet.path_of(box.driver(trips))

        def measure(side):
            # Each side has its own kind of answer in the Redis that all share.
            box.forget()
            whole(side, path, trips)
            side.settle()
            return hammered(side, path, o.seconds, READ_CONNECTIONS)

        rows += rows_of(f"hot reads, {trips} trips", rounds_of(box, o.rounds, measure),
                        alone=False)
    return rows


def _cold(box, what, trips, rounds, reads):
    """One read after the other, each with an empty Redis."""
    path = fleet.path_of(box.driver(trips))
    times = {side: [] for side in box.sides}
    for side in box.sides:  # what a first read leaves to be written is there then
        for _ in range(2):
            whole(side, path, trips)
            side.settle()

    def measure(side):
        took, before = [], side.costs.read()
        for _ in range(reads):
            box.forget()
            took.append(whole(side, path, trips))
            side.settle()
        times[side] += took
        return {"failed": 0, "cpu_by": side.costs.since(before, reads)}

    taken = rounds_of(box, rounds, measure)
    for side, samples in taken.items():
        figures = quantiles(times[side])  # of all rounds: a few reads have no p99
        for sample in samples:
            sample.update(figures)
            sample["cpu_by"] = {name: statistics.mean(s["cpu_by"][name] for s in samples)
                                for name in sample["cpu_by"]}
    return rows_of(f"cold reads, {trips} trips{what}", taken, alone=True)


def cold(box, o):
    return [row for trips in (FEW, MANY)
            for row in _cold(box, "", trips, o.rounds, 3 if o.quick else 30)]


# ---- analyses in S3 ----

def far(box, o):
    rows = _cold(box, ", S3", MANY, o.rounds, 2 if o.quick else 6)
    count = 5 if o.quick else 20
    contest = Finalizes(box, count, 1, _finalizers(box, count))
    return rows + rows_of("finalizes, 1 conn., S3",
                          rounds_of(box, o.rounds, contest.measure), alone=True)

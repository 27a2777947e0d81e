"""fleet.py - drivers with as many trips as a measurement wants.

A few simulated trips (packaging/simulate.py), longer and with more turns than the
quickstart's so that an analysis has the usual 5 KB, go through the service as the app
sends them. What it stored of them is then copied under other drivers, trip ids
and days, straight into the store: 10,000 trips in seconds, in the service's own
form. The first read of such a driver writes what is derived of them.
"""

import concurrent.futures
import gzip
import json
import os
import sys

import client
import copies
import harness

sys.path.append(os.path.join(harness.SRC, "packaging"))
import simulate  # noqa: E402

ORIGINALS = 24
MINUTES = (36, 54)  # in town
SENDERS = 4
CYCLE_DAYS = 7     # the originals fill a few days; copies follow each other
DELTAS_A_CALL = 1000


def _of_trip(trip):
    f = trip["finalize"]
    return copies.Original(json.dumps(trip), f["user_id"], f["trip_id"],
                           f["start_timestamp"], f["end_timestamp"])


def _deltas(trip):
    return [d for b in trip["batches"] for d in b["deltas"]]


def cut(trip, points, a_call=simulate.BATCH):
    """The trip's first points, in uploads of a_call."""
    deltas = _deltas(trip)[:points]
    ids = {name: trip["finalize"][name] for name in ("user_id", "trip_id")}
    batches = []
    for first in range(0, len(deltas), a_call):
        part = deltas[first:first + a_call]
        batches.append(dict(
            trip["batches"][0], **ids, batch_number=first // a_call + 1,
            batch_size=len(part), deltas=part,
            first_point_timestamp=part[0]["timestamp"],
            last_point_timestamp=part[-1]["timestamp"]))
    return {**ids, "batches": batches,
            "finalize": dict(trip["finalize"],
                             end_timestamp=deltas[-1]["timestamp"])}


def _errands(car, _kind):
    simulate.city(car, car.rng.randint(*MINUTES))
    car.stop(5)


def _simulated():
    drivers = simulate.DRIVERS
    return [simulate.trip(drivers[n % len(drivers)], "errands",
                          n // len(drivers), "bench", _errands)
            for n in range(ORIGINALS)]


class Fleet:
    """Makes drivers for a running stack. analyses: another fleet's, which need not
    be made again."""

    def __init__(self, stack, analyses=None):
        self.stack = stack
        self.trips = _simulated()
        self.users = 0
        self.analyses = analyses or self._first_analyses()

    # ---- users ----

    def new_users(self, count):
        """Takes in so many; their ids."""
        users = []
        for _ in range(count):
            self.users += 1
            users.append(dict(
                simulate.user(simulate.DRIVERS[self.users % len(simulate.DRIVERS)]),
                user_id=f"be9c0000-0000-4000-8000-{self.users:012x}",
                email=f"driver{self.users}@example.com"))
        self.stack.users(users)
        return [u["user_id"] for u in users]

    # ---- through the service ----

    def upload(self, trips):
        """All batches of these, from several senders."""
        with concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:
            for _ in pool.map(self.stack.upload, trips):
                pass

    def finalize(self, trip):
        r = self.stack.finalize(trip)
        if r.status != 200 or r.json()["analysis"]["status"] != "stored":
            raise RuntimeError(f"finalize: {r}")

    def trip_of(self, user_id, number, points, a_call=simulate.BATCH):
        """A new trip's requests."""
        long = next(t for t in self.trips if len(_deltas(t)) >= points)
        original = _of_trip(cut(long, points, a_call))
        return json.loads(original.copy(user_id, number, number)[2])

    def _first_analyses(self):
        """What the service stores of the simulated trips."""
        self.stack.users([simulate.user(d) for d in simulate.DRIVERS])
        whole = [cut(t, len(_deltas(t)), DELTAS_A_CALL) for t in self.trips]
        self.upload(whole)
        for trip in whole:
            self.finalize(trip)
        return [original for user_id, *_ in simulate.DRIVERS
                for original in copies.stored(self.stack, user_id)]

    # ---- drivers with trips ----

    def driver(self, trips):
        """A new driver with so many trips; the id."""
        user_id, = self.new_users(1)
        self.give(user_id, trips)
        return user_id

    def analyses_of(self, user_id, trips):
        """So many of a driver's, each as copies.Original.copy gives it."""
        def copy(number):
            cycle, which = divmod(number, len(self.analyses))
            return self.analyses[which].copy(user_id, number, cycle * CYCLE_DAYS)

        return map(copy, range(trips))

    def give(self, user_id, trips):
        """So many trips to a driver who has none."""
        copies.put(self.stack, user_id, self.analyses_of(user_id, trips))


def trips_prefix(user_id):
    return f"users/{user_id}/trips/"


def path_of(user_id):
    return "/analyze-driver" + client.query(user_id=user_id)


def plan_answer(user_id, bodies):
    """What the service replaces, as its plan has it in Python: decompress and parse
    each object as it comes, aggregate, print."""
    analyses = [json.loads(gzip.decompress(body).decode("utf-8")) for body in bodies]
    analyses.sort(key=lambda x: x.get("end_timestamp", ""), reverse=True)
    distance = sum(t.get("total_distance_miles", 0) for t in analyses)
    score = sum(t.get("behavior_score", 0) * t.get("total_distance_miles", 0)
                for t in analyses) / (distance or 1)
    return json.dumps({
        "user_id": user_id, "total_trips": len(analyses),
        "total_distance_miles": distance,
        "overall_behavior_score": round(score, 1), "trips": analyses})

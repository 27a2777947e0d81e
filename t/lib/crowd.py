"""crowd.py - drivers, readers and a prober at once, who know what was acknowledged.

    with Crowd(s, writers=3, readers=2) as crowd:
        with crowd.during() as seen:
            ...                       # something goes wrong
        seen.requests, seen.failures, seen.back_s
    crowd.wrong                       # lost, doubled, changed, a forbidden status

A writer uploads a trip and finalizes it until both are answered 200, then takes the next.
A reader compares each answer with the trips that were acknowledged before it asked.
"""

import collections
import contextlib
import http.client
import threading
import time

import client
import trips
from process import wait_for

PAUSE_S = 0.05   # before a call is tried again
PROBE_S = 0.1    # between two probes
PROBE_LIMIT_S = 5
POINTS = 20


class Seen:
    """What a fault did: requests, failures by kind, seconds until the first good probe."""

    def __init__(self):
        self.requests = 0
        self.failures = collections.Counter()
        self.back_s = None


class Driver:
    def __init__(self, number):
        self.id = f"crowd-{number}"
        self.known = set()     # acknowledged as stored: every later answer has them
        self.begun = set()     # whatever may be in an answer
        self.owed = set()      # acknowledged as pending: there in the end


class Crowd:
    def __init__(self, stack, writers=3, readers=2, timeout=30):
        self.s, self.timeout = stack, timeout
        self.drivers = [Driver(n) for n in range(writers)]
        self.score = None
        self.wrong = []
        self.over = False
        self.lock = threading.Lock()
        self.seen = Seen()
        self.good_probe = time.monotonic()
        stack.users([trips.user(d.id, f"{d.id}@example.com") for d in self.drivers])
        self.writers = [threading.Thread(target=self._write, args=(n,))
                        for n in range(writers)]
        self.others = [threading.Thread(target=self._read, args=(n,))
                       for n in range(readers)]
        self.others.append(threading.Thread(target=self._probe))

    def __enter__(self):
        for t in self.writers:
            t.start()
        wait_for("each driver to have a trip", lambda: all(d.known for d in self.drivers))
        for t in self.others:
            t.start()
        return self

    def __exit__(self, *_):
        self.over = True
        for t in self.writers + self.others:
            t.join()

    @contextlib.contextmanager
    def during(self, back_limit_s=20):
        """Counts from the block's beginning until a probe is good again after its end."""
        with self.lock:
            self.seen = seen = Seen()
        yield seen
        end = time.monotonic()
        wait_for("a good probe", lambda: self.good_probe > end, back_limit_s, 0.01)
        seen.back_s = self.good_probe - end

    # ---- calls ----

    def _failed(self, kind):
        with self.lock:
            self.seen.failures[kind] += 1

    def _note(self, what):
        with self.lock:
            self.wrong.append(what)

    def _call(self, c, method, path, body=None):
        """The answer if it is 200. What else may be is counted; what may not, noted."""
        with self.lock:
            self.seen.requests += 1
        try:
            r = c.http(method, path, body)
        except TimeoutError:
            return self._failed("timeout")
        except (OSError, http.client.HTTPException):
            return self._failed("cut")
        if r.status == 200:
            return r
        self._failed(str(r.status))
        if r.status != 503 or not r.header("Retry-After"):
            self._note(f"{method} {path}: {r!r} Retry-After {r.header('Retry-After')}")
        return None

    def _until(self, c, method, path, body):
        while not self.over:
            r = self._call(c, method, path, body)
            if r:
                return r
            time.sleep(PAUSE_S)
        return None

    def _write(self, number):
        d, n = self.drivers[number], 0
        with self.s.client(self.timeout) as c:
            while not self.over:
                n += 1
                trip = trips.trip(n, user_id=d.id, points=POINTS)
                d.begun.add(trip["trip_id"])
                if not all(self._until(c, "POST", "/store-trajectory-batch", b)
                           for b in trip["batches"]):
                    return
                r = self._until(c, "POST", "/finalize-trip", trip["finalize"])
                if r:
                    self._acknowledged(d, trip["trip_id"], r)

    def _acknowledged(self, d, trip_id, r):
        status = r.json()["analysis"]["status"]
        if status == "stored":
            d.known.add(trip_id)
        elif status == "pending":
            self._failed("pending")
            d.owed.add(trip_id)
        else:
            self._note(f"{trip_id}: finalized as {status}")

    def _read(self, number):
        turn = number
        with self.s.client(self.timeout) as c:
            while not self.over:
                d = self.drivers[turn % len(self.drivers)]
                turn += 1
                known = set(d.known)
                r = self._call(c, "GET", "/analyze-driver" + client.query(user_id=d.id))
                if r:
                    self._compare(d, known, r.json())
                else:
                    time.sleep(PAUSE_S)

    def _compare(self, d, known, answer):
        ids = [t["trip_id"] for t in answer["trips"]]
        scores = {t["behavior_score"] for t in answer["trips"]}
        if len(set(ids)) != len(ids) or answer["total_trips"] != len(ids):
            self._note(f"{d.id}: {len(ids)} trips, {len(set(ids))} different, "
                       f"total {answer['total_trips']}")
        if known - set(ids):
            self._note(f"{d.id}: lost {sorted(known - set(ids))}")
        if set(ids) - d.begun:
            self._note(f"{d.id}: nobody's {sorted(set(ids) - d.begun)}")
        if ids:  # all trips are alike
            self.score = self.score or min(scores)
            if scores != {self.score}:
                self._note(f"{d.id}: scores {scores}, not {self.score}")

    def _probe(self):
        """A read and an upload, until both are good in time."""
        body = trips.trip(1, user_id="crowd-prober", points=2)["batches"][0]
        path = "/analyze-driver" + client.query(user_id=self.drivers[0].id)
        while not self.over:
            began = time.monotonic()
            with self.s.client(PROBE_LIMIT_S) as c:
                good = (self._call(c, "GET", path) and
                        self._call(c, "POST", "/store-trajectory-batch", body))
            if good:
                # A probe that began while it was bad says nothing of afterwards.
                self.good_probe = began
            time.sleep(PROBE_S)

    # ---- afterwards ----

    def settled(self):
        """When all is over: each driver's answer has exactly what was acknowledged, once.
        What was never answered may be there or not."""
        for d in self.drivers:
            known = d.known | d.owed

            def whole(d=d, known=known):
                r = self.s.driver(user_id=d.id)
                return r.status == 200 and known <= {
                    t["trip_id"] for t in r.json()["trips"]} and r
            r = wait_for(f"{d.id}'s trips, with those that were pending", whole, 60, 0.2)
            self._compare(d, known, r.json())
        return sum(len(d.known) + len(d.owed) for d in self.drivers)

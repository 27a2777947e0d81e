"""growth.py - how the service does along one axis at a time: workers, drivers, trips of one
driver. Each axis gives rows, one a place and a call:

    axis, at, call       workers, drivers or trips; how many; uploads, finalizes, hot reads
    rps, p50_ms, p99_ms, cpu_us, cpu_by    as in figures.py; medians over the rounds
    worker_mb            most memory of the largest worker
    service_mb, redis_mb of all the service's processes, and of Redis, at the end
    hits, failed         share of reads that the cache answered; calls without a 200
"""

import concurrent.futures
import os
import subprocess

import contests
import copies
import fleet
import harness
import load
from figures import hit_rate, median_by

CALLS = ("uploads", "finalizes", "hot reads")
FINALIZES = 200      # a round, at so many connections as uploads have
FINALIZES_ALONE = 20  # a round, for one driver
USERS_A_COMMAND = 5000
READERS = 16
HEATERS = 16
A_REMOVAL = 500
LARGE, LARGE_S = 10_000, 10  # trips: answers of 50 MB need time to be some


class Place:
    """One place on an axis: so many workers, drivers with so many trips."""

    def __init__(self, axis, at, workers, drivers, trips):
        self.axis, self.at = axis, at
        self.workers, self.drivers, self.trips = workers, drivers, trips


def places(o, cores):
    """{axis: its places}: on each the other two stay where they are."""
    workers, doubled = [1], 2 * cores
    while workers[-1] * 2 < doubled:
        workers.append(workers[-1] * 2)
    workers.append(doubled)
    drivers = (10, 100, 1_000) if o.quick else (10, 1_000, 100_000)
    trips = (10, 100, 1_000) if o.quick else (100, 1_000, 10_000)
    base = 100 if o.quick else 1_000
    return {"workers": [Place("workers", n, n, base, 1) for n in workers],
            "trips": [Place("trips", n, o.workers, 1, n) for n in trips],
            "drivers": [Place("drivers", n, o.workers, n, 1) for n in drivers]}


class World:
    """The running service, and the drivers made so far."""

    def __init__(self, box, o, threads):
        self.box, self.o, self.threads = box, o, threads
        self.side, = box.sides
        self.host = self.side.host
        self.meter = self.side.costs
        self.readers = {}  # {trips: ids of drivers with so many, whom nobody changes}
        self.folder = os.path.join(box.stack.dir, "paths")
        os.makedirs(self.folder)

    # ---- drivers ----

    def _new_drivers(self, count, trips):
        ids = []
        for first in range(0, count, USERS_A_COMMAND):
            ids += self.box.fleet.new_users(min(USERS_A_COMMAND, count - first))
        copies.put_all(self.box.stack, (
            (user_id, copy) for user_id in ids
            for copy in self.box.fleet.analyses_of(user_id, trips)))
        return ids

    def _drivers(self, count, trips):
        have = self.readers.setdefault(trips, [])
        have += self._new_drivers(count - len(have), trips)
        return have[:count]

    def _heat(self, ids):
        """Reads each once."""
        clients = min(HEATERS, len(ids))
        contests.write_lists(self.folder, clients,
                             [f"read {fleet.path_of(user_id)}" for user_id in ids])
        done = load.work_off(self.side.url, self.folder, clients)
        wrong = [call for call in done if call[1] != 200]
        if wrong or len(done) != len(ids):
            raise RuntimeError(f"{len(ids)} first reads: {len(done)} answers, "
                               f"wrong: {wrong[:3]}")
        self.side.settle()

    def close(self):
        """Stops the service and removes the drivers: what the harness removes with takes
        ten minutes for 100,000."""
        self.host.service.stop(30)
        users = os.path.join(self.box.stack.stores.objects, "users")
        paths = [os.path.join(users, name) for name in os.listdir(users)]
        parts = [paths[i:i + A_REMOVAL] for i in range(0, len(paths), A_REMOVAL)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(lambda part: subprocess.run(["rm", "-rf", *part], check=True),
                              parts):
                pass

    # ---- measuring ----

    def at(self, place):
        """Rows of one place."""
        self.host.configure({"server.workers": str(place.workers)})
        self.host.service.stop()  # new workers: their memory is of this place
        self.host.service.start()
        ids = self._drivers(place.drivers, place.trips)
        self.box.forget()
        self._heat(ids)
        calls = {"hot reads": self._reads(ids, place), "uploads": self._uploads(place),
                 "finalizes": self._finalizes(place)}
        rows = [self._row(place, call, calls[call]) for call in
                ("hot reads", *CALLS[:2])]  # finalizes last: they change what is there
        return sorted(rows, key=lambda r: CALLS.index(r["call"]))

    def _row(self, place, call, measure):
        samples = []
        for _ in range(self.o.rounds):
            self.side.settle()
            os.sync()
            self.meter.forget_peaks()
            sample = measure()
            sample.update(worker_mb=self.meter.largest_worker_mb()[1],
                          service_mb=self.meter.service_mb(),
                          redis_mb=load.memory_mb(self.box.stack.redis.pid)[0])
            samples.append(sample)
        by = median_by([s.pop("cpu_by") for s in samples])
        failed = sum(s.pop("failed") for s in samples)
        return {"axis": place.axis, "at": place.at, "call": call, **median_by(samples),
                "cpu_by": by, "cpu_us": sum(by.values()), "failed": failed}

    def _hammered(self, path, seconds, connections, script, *args):
        return contests.hammered(self.side, path, seconds, connections, script, args,
                                 self.threads)

    def _reads(self, ids, place):
        path = os.path.join(self.folder, "hot")
        large = place.trips >= LARGE and not self.o.quick
        seconds = max(self.o.seconds, LARGE_S) if large else self.o.seconds
        with open(path, "w") as f:
            f.writelines(fleet.path_of(user_id) + "\n" for user_id in ids)

        def measure():
            before = self.box.stack.stats()
            sample = self._hammered("/", seconds, READERS, "paths.lua", path)
            return {**sample, "hits": hit_rate(before, self.box.stack.stats())}

        return measure

    def _uploads(self, place):
        return lambda: self._hammered(
            "/store-trajectory-batch", self.o.seconds, self.o.connections, "uploads.lua",
            contests.word(), place.drivers)

    def _finalizes(self, place):
        alone = place.drivers == 1
        count = FINALIZES_ALONE if alone else FINALIZES
        count = count // 4 if self.o.quick else count
        contest = contests.Finalizes(self.box, count, 1 if alone else self.o.connections,
                                     [])

        def measure():
            # Others each round, so that each finds the same number of trips.
            contest.users = self._new_drivers(min(place.drivers, count), place.trips)
            self._heat(contest.users)
            self.meter.forget_peaks()
            return contest.measure(self.side)

        return measure


def settings(o):
    return {"log.level": "info", "cache.ttl": "1h",  # what is hot stays so
            "server.workers": str(o.workers), **o.settings}


def open_stack(o, cores):
    """Not started. nginx has a worker a processor, as Debian's has."""
    stack = harness.Stack(settings(o), kind="dir", start=False)
    stack.nginx.workers = cores
    return stack

"""golden.py - the trips of ../shared/golden, recorded and simulated, and what is expected
of them; where that is not, the few of t/golden, which are simulated."""

import gzip
import json
import os
import queue
import threading

import harness
import tap

OWN = os.path.join(harness.SRC, "t", "golden")
ALL = os.path.join(harness.SHARED, "golden")
FOLDER = ALL if os.path.isdir(ALL) else OWN

# Members of an answer that are the time of answering, or of which
# doc/wire.md says that the reference's are not needed.
NOT_COMPARED = {
    "analysis_timestamp", "timezone_note", "production_ready",
    "industry_compliant", "user_data_verified", "frontend_values_enabled",
    "moving_metrics_enabled", "thresholds_fixed", "algorithm_certified",
    "cache_performance", "intelligent_caching_enabled", "performance_optimized",
    "trips",
}


def _read(*path):
    with gzip.open(os.path.join(FOLDER, *path)) as f:
        return json.load(f)


def users():
    """The file of all users, as `driveguardctl user put` takes it."""
    return os.path.join(FOLDER, "users.json")


def trips():
    names = sorted(os.listdir(os.path.join(FOLDER, "trips")))
    return [_read("trips", name) for name in names]


def clients():
    """Trips as installed clients upload them: the same points again, seconds for
    milliseconds. (The file of their driver, the trips)"""
    names = sorted(os.listdir(os.path.join(FOLDER, "clients")))
    return (os.path.join(FOLDER, "clients", "users.json"),
            [_read("clients", name) for name in names if name.endswith(".gz")])


def answers():
    """The reference's: by e-mail for scoring 3.0, by "3.1 " and e-mail, and by "query " and
    its parameters as JSON. A body of None: that driver has other trips besides, so that
    only those are expected that are there."""
    return _read("analyze-driver.json.gz")


def aggregate(answer):
    """What of such an answer is expected here, the trips apart."""
    return {k: v for k, v in answer["body"].items() if k not in NOT_COMPARED}


def send(host, trips):
    """All of them, by four senders; {trip_id: analysis of the finalize}."""
    todo, answers, lock = queue.SimpleQueue(), {}, threading.Lock()
    for trip in trips:
        todo.put(trip)

    def work():
        with host.client() as c:
            while not todo.empty():
                try:
                    trip = todo.get_nowait()
                except queue.Empty:
                    return
                refused = [r for r in (c.http("POST", "/store-trajectory-batch", b)
                                       for b in trip["batches"]) if r.status != 200]
                r = c.http("POST", "/finalize-trip", trip["finalize"])
                with lock:
                    answers[trip["trip_id"]] = (refused, r)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return answers


def same_number(got, want):
    if isinstance(got, bool) or not isinstance(got, (int, float)):
        return False
    # Rounded fields are exact under this, too: their last place is far above.
    return got == want or abs(got - want) <= 1e-9 * abs(want)


def differences(got, want, path=""):
    """Where an analysis is not the expected one; additions are no difference."""
    if isinstance(want, dict):
        if not isinstance(got, dict):
            yield f"{path}: {got!r} is no object"
            return
        for key, value in want.items():
            if key not in got:
                yield f"{path}.{key} is missing"
            else:
                yield from differences(got[key], value, f"{path}.{key}")
    elif isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            yield f"{path}: {str(got)[:200]}, want {str(want)[:200]}"
            return
        for i, (g, w) in enumerate(zip(got, want)):
            yield from differences(g, w, f"{path}[{i}]")
    elif isinstance(want, (int, float)) and not isinstance(want, bool):
        if not same_number(got, want):
            yield f"{path}: {got!r}, want {want!r}"
    elif got != want or type(got) is not type(want):
        yield f"{path}: {got!r}, want {want!r}"


def alike(got, want, name):
    found = list(differences(got, want))
    if not tap.ok(not found, name):
        tap.diag("\n".join(found[:12]))

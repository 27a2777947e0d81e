#!/usr/bin/python3
"""One driver that fails delays no other: what is owed to the others is done in the usual
time, whoever comes first, and he is named, and served without anybody's help when what
ailed him has gone. A store that is away for all ends a round at once."""

import contextlib
import fcntl
import os
import re
import shutil
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import faultproxy
import harness
import stores
import trips
from faultproxy import silence, status
from process import wait_for
from tap import diag, done, in_, is_, ok, subtest

SOON = 15  # seconds, with sanitizers on a busy machine; a pass is due each 200 ms
FIRST, BAD, LAST = "driver-first", "driver-ill", "driver-last"
AFTER = {"maintenance.interval": "200ms", "server.request_timeout": "10s",
         "server.finalize_timeout": "4s"}
MANY = 25
number = iter(range(1, 1000))


# ---- what one driver may suffer ----

@contextlib.contextmanager
def damaged(s):
    """Nonsense for a summary: it is made anew."""
    s.stores.put(drivers.summary_key(BAD), b"nonsense")
    yield


@contextlib.contextmanager
def folder_away(s, user):
    """Its path, where something else may be made and removed again."""
    mine = os.path.join(s.stores.objects, "users", user)
    os.rename(mine, mine + ".kept")
    try:
        yield mine
    finally:
        os.rename(mine + ".kept", mine)


def empty_file(path):
    with open(path, "w", encoding="ascii"):
        pass


@contextlib.contextmanager
def no_folder(s, user=BAD):
    """A file where his folder was."""
    with folder_away(s, user) as mine:
        empty_file(mine)
        try:
            yield
        finally:
            os.unlink(mine)


@contextlib.contextmanager
def no_trips(s):
    """A folder in which only a file is, where that of his trips was."""
    with folder_away(s, BAD) as mine:
        os.mkdir(mine)
        empty_file(mine + "/trips")
        try:
            yield
        finally:
            shutil.rmtree(mine)


@contextlib.contextmanager
def locked(s):
    """Somebody holds his lock: each of his writes waits to its deadline."""
    with open(os.path.join(s.stores.objects, "users", BAD, ".lock"),
              encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def answered(fault, *names, key=BAD):
    """The store answers so to whatever is his."""
    @contextlib.contextmanager
    def suffered(s):
        for name in names:
            s.stores.objects_proxy.on(name, fault, key=key)
        try:
            yield
        finally:
            s.stores.objects_proxy.clear()
    return suffered


@contextlib.contextmanager
def hangs(s):
    over = threading.Event()
    s.stores.objects_proxy.on("*", silence(over), key=BAD)
    try:
        yield
    finally:
        s.stores.objects_proxy.clear()
        over.set()


@contextlib.contextmanager
def away(s):
    """For everybody, though it can be listed."""
    if s.stores.kind == "dir":
        s.fault("dir.put.fail.always", "fail")
        s.fault("dir.check.fail.always", "fail")
    else:
        for name in ("PUT", "GET"):
            s.stores.objects_proxy.on(name, status(503, "SlowDown"))
    try:
        yield
    finally:
        s.stores.heal()


HANGING = {"dir": locked, "s3": hangs}
FAULTS = {
    "dir": {"a file for a folder": no_folder, "a file for his trips' folder": no_trips},
    "s3": {"errors of the store": answered(status(500), "GET", "PUT"),
           "no right to anything of his": answered(status(403, "AccessDenied"), "*"),
           "no right to write": answered(status(403, "AccessDenied"), "PUT"),
           "puts that are no good": answered(status(400, "InvalidRequest"), "PUT")},
}


# ---- who owes what ----

def owes(s, trip, name):
    """As a finalize that was answered `pending` leaves it, under that name in the spool:
    they are worked off in the order of their names."""
    s.stores.change_trip(trip["trip_id"], analysis_status="pending", analysis_key=None)
    folder = os.path.join(s.spool, "trips")
    with open(os.path.join(folder, ".tmp-" + name), "w", encoding="ascii") as f:
        f.write(f"{trip['user_id']}\n{trip['trip_id']}")
    os.rename(os.path.join(folder, ".tmp-" + name), os.path.join(folder, name))


def driven(s, user):
    t = trips.trip(next(number), user, points=30)
    drivers.drive(s, t)
    return t


def stored(s, *them):
    return all(drivers.record(s, t["trip_id"])["analysis_status"] == "stored" for t in them)


def in_time(s, what, *them, seconds=SOON):
    """Whether they are stored soon."""
    try:
        wait_for(what, lambda: stored(s, *them), seconds)
    except TimeoutError as e:
        return ok(False, f"{what} ({e})") or diag("\n".join(s.log().splitlines()[-40:]))
    return ok(True, what)


def soon(condition):
    with contextlib.suppress(TimeoutError):
        return wait_for("it", condition, SOON)
    return False


def failing(s):
    return s.stats()["gauges"]["debts_failing"]


def spool_and_all(s, fault, trips_of_his=3, seconds=SOON):
    """His come first and last; the others' are done all the same."""
    his = [driven(s, BAD) for _ in range(trips_of_his)]
    others = [driven(s, FIRST), driven(s, LAST), driven(s, LAST)]
    s.quiet()
    with fault(s):
        for n, trip in enumerate(his):
            owes(s, trip, f"{'0z'[n % 2]}{n:02}")
        for n, trip in enumerate(others):
            owes(s, trip, f"5{n}")
        in_time(s, "the others are scored", *others, seconds=seconds)
        ok(soon(lambda: failing(s) > 0), "he is counted")
        said = [x for x in s.log().splitlines() if "event=debts_left" in x]
        ok(said and BAD in said[-1], "he is named in the log")
        again = [driven(s, FIRST)]
        s.quiet()
        owes(s, again[0], "0")
        in_time(s, "and one that comes later, too", *again)
    in_time(s, "his, too, when the fault has gone", *his, seconds=60)
    drivers.spool_empty(s.hosts[0])
    is_(failing(s), 0, "and nothing is left")


def many(s):
    """More who fail one after the other than a pass bears."""
    ill = [f"one-of-many-{n:02}" for n in range(MANY)]
    s.users([trips.user(u, f"{u}@example.com") for u in ill])
    his = [driven(s, u) for u in ill]
    other = driven(s, LAST)
    s.quiet()
    with contextlib.ExitStack() as faults:
        if s.stores.kind == "dir":
            for u in ill:
                faults.enter_context(no_folder(s, u))
        else:
            faults.enter_context(answered(status(403, "AccessDenied"), "PUT",
                                          key="one-of-many")(s))
        for n, trip in enumerate(his):
            owes(s, trip, f"0{n:02}")
        owes(s, other, "1")
        in_time(s, "the one behind them is scored", other)
        ok(soon(lambda: failing(s) == MANY), "all are counted")
        lines = s.log().count("event=debts_left")
        time.sleep(3)
        ok(s.log().count("event=debts_left") - lines <= 15, "a line a pass")
    in_time(s, "theirs, when the fault has gone", *his, seconds=60)


def reconciled(s, code):
    """What it prints."""
    r = s.ctl("reconcile", check=False, timeout=120)
    if not is_(r.returncode, code, f"reconcile ends with {code}"):
        diag(r.stdout + r.stderr)
    return r.stdout


def reconcile_and_all(s, fault):
    """The same for the command; his name is between the others'."""
    mine = {u: driven(s, u) for u in (FIRST, BAD, LAST)}
    s.quiet()
    with fault(s):
        for trip in mine.values():
            s.stores.change_trip(trip["trip_id"], analysis_status="pending",
                                 analysis_key=None)
        said = reconciled(s, 1)
        ok(stored(s, mine[FIRST], mine[LAST]), "the others are scored")
        ok(re.search(rf"^drivers left +1 .*\n  {BAD}: \S", said, re.M), "he is named") or \
            diag(said)
    said = reconciled(s, 0)
    ok("drivers left" not in said and stored(s, *mine.values()), "the next run does it")


def put_users(s):
    """The table refuses one user's item: the others are put, he is named."""
    everybody = [FIRST, BAD, LAST]
    renamed = [dict(trips.user(u, f"{u}@example.com"), name="Renamed") for u in everybody]
    for name, code in (("denied", 403), ("out of order", 500)):
        def his(x, refuse=status(code, "AccessDeniedException" if code == 403 else "Internal")):
            (refuse if BAD.encode() in x.request else faultproxy.Exchange.go_through)(x)

        for user in renamed:
            user["name"] = name
        s.stores.records_proxy.on("UpdateItem", his)
        r = s.ctl("user", "put", s.write("users.json", renamed), check=False, timeout=120)
        s.stores.records_proxy.clear()
        is_(r.returncode, 1, f"{name}: it ends with 1")
        in_("2 users put, 1 refused", r.stdout, f"{name}: the others are in")
        in_(BAD, r.stderr, f"{name}: he is named")
        is_([s.stores.user(u)["name"] == name for u in everybody], [True, False, True],
            f"{name}: as the table says")
    s.stores.records_proxy.on("UpdateItem", status(403, "AccessDeniedException"))
    s.stores.records_proxy.forget()
    r = s.ctl("user", "put", s.write("users.json", renamed * 10), check=False, timeout=120)
    n = len([x for x in s.stores.records_proxy.seen if x.name == "UpdateItem"])
    s.stores.records_proxy.clear()
    ok(r.returncode == 1 and n <= 3, f"all of them: it ends soon ({n} calls)")
    is_(s.ctl("user", "put", s.write("users.json", renamed)).stdout, "3 users put\n",
        "and again, when the fault has gone")


with harness.Stack(AFTER, redis=False, proxy=stores.chosen() == "s3") as s:
    s.users([trips.user(u, f"{u}@example.com") for u in (FIRST, BAD, LAST)])

    with subtest("maintenance: a damaged summary"):
        his, other = driven(s, BAD), driven(s, LAST)
        s.quiet()
        with damaged(s):
            owes(s, his, "0")
            owes(s, other, "1")
            in_time(s, "is made anew", his, other)

    for name, fault in FAULTS[stores.chosen()].items():
        with subtest("maintenance: " + name):
            spool_and_all(s, fault)

    with subtest("maintenance: his store hangs"):
        # Two of his are tried, for 5 s each; half of them come before the others'.
        spool_and_all(s, HANGING[stores.chosen()], trips_of_his=16, seconds=25)

    with subtest("maintenance: many fail"):
        many(s)

    with subtest("a store that is away is nobody's fault"):
        mine = {u: driven(s, u) for u in (FIRST, BAD, LAST)}
        s.quiet()
        with away(s):
            for n, trip in enumerate(mine.values()):
                owes(s, trip, str(n))
            wait_for("maintenance to wait", lambda: "event=maintenance_waits" in s.log(), SOON)
            is_(failing(s), 0, "no debt has failed")
            before = s.stores.kind == "s3" and len(s.stores.objects_proxy.seen)
            said = reconciled(s, 1)
            n = [int(x) for x in re.findall(r"^drivers (?:looked at|untried) +(\d+)", said, re.M)]
            is_((len(n), sum(n)), (2, MANY + 3), "nor any driver")
            ok("drivers left" not in said, "and none is named")
            if before:
                n = len(s.stores.objects_proxy.seen) - before
                ok(n < 60, f"few calls are made in vain ({n})")
        in_time(s, "they are scored afterwards", *mine.values(), seconds=60)

    with subtest("reconcile: a damaged summary"):
        his, other = driven(s, BAD), driven(s, LAST)
        s.quiet()
        with damaged(s):
            for trip in (his, other):
                s.stores.change_trip(trip["trip_id"], analysis_status="pending",
                                     analysis_key=None)
            reconciled(s, 0)
        ok(stored(s, his, other), "is made anew")

    for name, fault in FAULTS[stores.chosen()].items():
        with subtest("reconcile: " + name):
            reconcile_and_all(s, fault)

    if s.stores.kind == "s3":  # SQLite's are put together or not at all
        with subtest("user put of several"):
            put_users(s)

done()

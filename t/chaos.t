#!/usr/bin/python3
"""Faults under load: nothing that was acknowledged is lost, doubled or wrong, nobody gets
another error than 503 with Retry-After, and two seconds after a fault all is well.
DG_CHAOS=long lets each last longer and come more often (t/README)."""

import contextlib
import os
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import own_disk

own_disk.alone()

import client
import copies
import harness
import stores
import trips
from crowd import Crowd
from faultproxy import silence
from process import wait_for
from tap import done, is_, note, ok, subtest

LONG = os.environ.get("DG_CHAOS") == "long"
LASTS_S = 5 if LONG else 1.5
TIMES = 5 if LONG else 1
BACK_S = 2
DISK = 96 << 20


def workers(s):
    return [w["pid"] for w in s.stats()["workers"] if w["role"] == "worker"]


def a_worker(s):
    """There may be none for a moment: of those that die again and again the next one
    is started later and later."""
    return wait_for("a worker", lambda: workers(s))[0]


def lasts():
    time.sleep(LASTS_S)


# ---- faults: each a function of the stack, over when it returns ----

def none(_):
    lasts()


def workers_killed(s):
    end = time.monotonic() + LASTS_S
    while time.monotonic() < end:
        with contextlib.suppress(ProcessLookupError):
            os.kill(a_worker(s), signal.SIGKILL)
        time.sleep(0.3)


def worker_stopped(s):
    pid = a_worker(s)
    os.kill(pid, signal.SIGSTOP)
    lasts()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def worker_stopped_for_good(s):
    """Until the master kills it."""
    pid = a_worker(s)
    os.kill(pid, signal.SIGSTOP)
    wait_for("its end", lambda: pid not in workers(s), 20)


def master_killed(s):
    s.service.kill()
    lasts()
    s.service.start()


def reloaded(s):
    end = time.monotonic() + LASTS_S
    while time.monotonic() < end:
        before = s.log().count("event=ready")
        s.service.hup()
        wait_for("the reload", lambda: s.log().count("event=ready") > before)


def redis_restarted(s):
    s.redis.kill()
    lasts()
    s.redis.start()


def redis_hung(s):
    s.redis.pause()
    lasts()
    s.redis.resume()


def redis_flushed(s):
    end = time.monotonic() + LASTS_S
    while time.monotonic() < end:
        s.redis("FLUSHALL")
        time.sleep(0.05)


def slow_readers(s):
    """More than there are workers, of an answer that no buffer takes."""
    head = (f"GET /analyze-driver?user_id={trips.USER} HTTP/1.1\r\nHost: x\r\n"
            "Connection: close\r\n\r\n").encode()
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            c = stack.enter_context(socket.create_connection(("127.0.0.1", s.nginx.port)))
            c.sendall(head)
        lasts()


def disk_full(s):
    """To the last byte, by somebody else."""
    path = os.path.join(place, "filler")
    with open(path, "wb", buffering=0) as f:
        end = time.monotonic() + LASTS_S
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                while True:
                    f.write(bytes(1 << 16))
            time.sleep(0.01)
    os.unlink(path)


def hung(proxy):
    over = threading.Event()
    proxy.on("*", silence(over))
    lasts()
    proxy.clear()
    over.set()


def cut(proxy):
    """Each connection breaks: the server is killed, and started again afterwards."""
    proxy.on("*", lambda x: x.reset())
    lasts()
    proxy.clear()


def objects_hung(s):
    hung(s.stores.objects_proxy)


def objects_cut(s):
    cut(s.stores.objects_proxy)


def records_hung(s):
    hung(s.stores.records_proxy)


def records_cut(s):
    cut(s.stores.records_proxy)


HOST = [none, workers_killed, worker_stopped, worker_stopped_for_good, master_killed,
        reloaded, redis_restarted, redis_hung, redis_flushed, slow_readers]
OF = {"dir": [*HOST, disk_full],
      "s3": [*HOST, objects_hung, objects_cut, records_hung, records_cut]}


# ---- the test ----

def chosen_faults():
    """All, or those that DG_FAULTS names."""
    names = os.environ.get("DG_FAULTS")
    return [f for f in OF[stores.chosen()]
            if not names or f.__name__ in names.split(",")]


def tried(s, crowd, fault):
    for _ in range(TIMES):
        with crowd.during() as seen:
            fault(s)
        note(f"{stores.chosen()} | {fault.__name__} | {seen.requests} requests | "
             f"{dict(seen.failures)} | back {seen.back_s:.2f} s")
        ok(seen.requests > 10, "there is load")
        ok(seen.back_s < BACK_S, f"back in {seen.back_s:.2f} s")
        is_(crowd.wrong, [], "nothing lost, doubled, wrong or forbidden")
        crowd.wrong.clear()


def all_of_it():
    with harness.Stack({"maintenance.interval": "200ms", "server.request_timeout": "10s",
                        "server.finalize_timeout": "4s"}, workers=4, proxy=True) as s:
        s.users([trips.user()])
        copies.store_large(s, 5, 200_000)
        with Crowd(s) as crowd:
            for fault in chosen_faults():
                with subtest(fault.__name__):
                    tried(s, crowd, fault)
        with subtest("in the end"):
            n = crowd.settled()
            s.quiet()
            s.redis("FLUSHALL")
            is_((crowd.settled(), crowd.wrong), (n, []), "warm and cold: each trip, once")
            note(f"{n} trips")
            is_(s.driver(user_id=trips.USER).status, 200, "the large one, too")


place = own_disk.mount(DISK)
all_of_it()
own_disk.unmount(place)
done()

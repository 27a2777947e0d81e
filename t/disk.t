#!/usr/bin/python3
"""A disk that is full: what may be done without gives way to what must not be lost."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import own_disk

own_disk.alone()

import json
import time

import client
import copies
import drivers
import harness
import trips
from answers import meaning, source
from tap import done, is_, ok, subtest

MB = 1 << 20
SIZE = 96 * MB
RESERVE = SIZE // 20
PATH = "/analyze-driver" + client.query(user_id=trips.USER)

place = own_disk.mount(SIZE)


def left():
    v = os.statvfs(place)
    return v.f_bavail * v.f_frsize


class Filler:
    """Somebody else's file, which leaves so many bytes."""

    def __init__(self, leave):
        self.path = os.path.join(place, "filler")
        self.more(leave)

    def more(self, leave):
        with open(self.path, "ab", buffering=0) as f:
            while (n := min(left() - leave, MB)) > 0:
                try:
                    f.write(bytes(n))
                except OSError:
                    break

    def gone(self):
        os.unlink(self.path)


def files(s):
    return [n for n in os.listdir(s.files) if not n.startswith(".")]


def held(s):
    """Bytes of all files."""
    return sum(os.path.getsize(os.path.join(s.files, n)) for n in files(s))


def batch(n):
    return trips.trip(1000 + n, points=20)["batches"][0]


def answers(s):
    """Reads in several variants, so that there are files."""
    for i in range(1, 9):
        assert s.get(PATH + f"&limit={990 + i}").status == 200


with harness.Stack({"maintenance.interval": "200ms"}, workers=2, kind="dir") as s:
    s.users([trips.user()])
    copies.store_large(s, 10, 200_000)
    whole = meaning(s.get(PATH))

    with subtest("there are files"):
        answers(s)
        ok(len(files(s)) >= 8, "one a variant")
        is_(source(s.get(PATH)), "file", "and they are used")

    with subtest("others fill the disk"):
        before = len(files(s))
        filler = Filler(0)
        ok(left() < MB, "to the last byte")
        began = time.monotonic()
        harness.wait_for("an upload to be taken", lambda: s.post(
            "/store-trajectory-batch", batch(1)).status == 200, 10)
        took = time.monotonic() - began
        ok(took < 4, f"in a second or two: {took:.1f} s")
        harness.wait_for("the reserve", lambda: left() >= RESERVE, 10)
        ok(0 < len(files(s)) < before, "files gave way, and no more than needed")
        t = trips.trip(1001, points=20)
        s.upload(t)
        is_(s.finalize(t).json()["analysis"]["status"], "stored", "and trips are scored")

    with subtest("within the reserve nothing is kept that may be done without"):
        harness.wait_for("all files to give way",
                         lambda: filler.more(RESERVE // 2) or not files(s), 10)
        s.redis("FLUSHALL")
        before = s.count("files_failed")
        r = s.get(PATH)
        is_(r.status, 200, "answered")
        is_((s.count("files_failed"), files(s)), (before + 1, []), "without a file")
        ok("files_no_room" in s.log(), "and the log says why")
        is_(len(json.loads(s.get(PATH).body)["trips"]), len(whole["trips"]) + 1,
            "whole")

    with subtest("with room again, files are back"):
        filler.gone()
        s.redis("FLUSHALL")
        s.get(PATH)
        is_(source(s.get(PATH)), "file", "used")

    with subtest("never more than half of the file system"):
        for i in range(25):
            s.get(PATH + f"&limit={700 + i}")
            s.get(PATH + f"&limit={700 + i}", {"Accept-Encoding": "gzip"})
        harness.wait_for("the bound", lambda: held(s) <= SIZE // 2)

    with subtest("a folder that cannot be had"):
        other = os.path.join(s.dir, "no-folder")
        with open(other, "w"):
            pass
        s.configure({"cache.files": other})
        before = s.log().count("event=ready")
        s.service.hup()
        harness.wait_for("the reload", lambda: s.log().count("event=ready") > before)
        ok("event=no_files" in s.log(), "is said once")

        def state():  # of the new monitor
            named = {b["name"]: b for b in s.get("/readyz").json()["backends"]}
            return named["files"]["state"] == "failed" and named["files"]

        seen = harness.wait_for("/readyz to name it", state)
        ok(not seen["required"] and other in seen["message"], "with its reason")
        ok(meaning(s.get(PATH))["total_trips"] > 10, "and answers go on")

own_disk.unmount(place)
done()

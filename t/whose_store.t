#!/usr/bin/python3
"""The store is the store: an objects folder that is not there, that is empty or another
installation's is an outage, and all goes on by itself when the right one is back."""

import contextlib
import os
import shutil
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import harness
import trips
from tap import done, in_, is_, ok, subtest

DRIVER = f"/analyze-driver?user_id={trips.USER}"


def objects_state(host):
    r = host.get("/readyz")
    return r.status, [b["message"] for b in r.json()["backends"]
                      if b["name"] == "objects"][0]


def settle(s, number):
    """One more trip while the folder is away: it is safe, and said to be pending."""
    trip = trips.trip(number)
    s.upload(trip)  # all of it is answered 200
    r = s.finalize(trip)
    is_((r.status, r.json().get("analysis", {}).get("status")), (200, "pending"),
        "a finalize is pending")
    return trip


def away(s, number, words):
    """What must hold while the folder is not the right one."""
    host = s.hosts[0]
    r = host.get(DRIVER)
    is_(r.status, 503, "a read is no answer")
    ok(r.headers.get("retry-after") or r.headers.get("Retry-After"), "and comes again")
    trip = settle(host, number)
    status, message = objects_state(host)
    is_(status, 503, "the host is not ready")
    in_(words, message, "and says what is wrong")
    return trip


with harness.Stack(redis=False, kind="dir", workers=2,
                   settings={"maintenance.interval": "100ms",
                             "server.finalize_timeout": "1s"}) as s:
    s.users([trips.user()])
    drivers.drive(s, trips.trip(1))
    root = s.stores.objects
    kept = root + ".kept"
    count = 1

    def back():
        """The right folder again: what was pending is finished."""
        os.rename(kept, root)
        is_(s.get(DRIVER).status, 200, "back at once")
        for number in range(2, count + 1):
            is_(drivers.settled(s, trips.trip(number)["trip_id"])["analysis_status"],
                "stored", "what was pending is stored")
        s.quiet()
        is_(len(s.get(DRIVER).json()["trips"]), count, "all trips are there")
        is_(objects_state(s.hosts[0])[0], 200, "the host is ready")

    with subtest("the folder is gone"):
        os.rename(root, kept)
        count += 1
        away(s, count, "cannot open folder")
        ok(not os.path.exists(root), "it is not made anew")
        back()

    with subtest("an empty one is in its place"):
        os.rename(root, kept)
        os.mkdir(root)
        count += 1
        away(s, count, "is its file system mounted?")
        is_(os.listdir(root), [], "nothing is written into it")
        os.rmdir(root)
        back()

    with subtest("another installation's is in its place"):
        os.rename(root, kept)
        os.makedirs(root + "/users")
        with open(root + "/installation.json", "w", encoding="ascii") as f:
            f.write('{"format":1,"installation_id":"other","records":"x",'
                    '"request_timeout_ms":1}')
        count += 1
        away(s, count, "it is that of the installation other")
        is_(os.listdir(root + "/users"), [], "nothing is written into it")
        in_('"request_timeout_ms":1}', open(root + "/installation.json",
                                            encoding="ascii").read(),
            "nor what the hosts agree on")
        shutil.rmtree(root)
        back()

    with subtest("a reload while it is away"):
        os.rename(root, kept)
        s.hosts[0].service.hup()
        harness.wait_for("the processes of the reload",
                         lambda: "event=ready generation=2" in s.log())
        is_(s.get(DRIVER).status, 503, "does not forget whose the folder is")
        ok(not os.path.exists(root), "nor makes it")
        back()

    with subtest("it is emptied in its place"):
        os.mkdir(kept)
        for name in os.listdir(root):
            os.rename(f"{root}/{name}", f"{kept}/{name}")
        is_(s.get(DRIVER).status, 503, "the same folder without what it had is another")
        os.rmdir(root)
        back()

    def records_state():
        return [b["message"] for b in s.get("/readyz").json()["backends"]
                if b["name"] == "records"][0]

    with subtest("the file of the records is gone"):
        kept_file = s.stores.records + ".kept"
        os.rename(s.stores.records, kept_file)
        is_(s.get(DRIVER).status, 503, "a read is no answer")
        in_("is not there any more", records_state(), "the host says it")
        ok(not os.path.exists(s.stores.records), "it is not made anew")
        os.rename(kept_file, s.stores.records)
        is_(len(s.get(DRIVER).json()["trips"]), count, "back, all is there")

    with subtest("another file is in its place"):
        os.rename(s.stores.records, kept_file)
        open(s.stores.records, "x", encoding="ascii").close()
        is_(s.get(DRIVER).status, 503, "a read is no answer")
        in_("it has other records", records_state(), "the host says it")
        is_(os.path.getsize(s.stores.records), 0, "nothing is written into it")
        for end in ("", "-wal", "-shm"):
            if os.path.exists(s.stores.records + end):
                os.unlink(s.stores.records + end)
        os.rename(kept_file, s.stores.records)
        is_(len(s.get(DRIVER).json()["trips"]), count, "back, all is there")

    with subtest("other records are in its place"):
        aside = os.path.join(s.dir, "aside")
        os.mkdir(aside)
        for end in ("", "-wal", "-shm"):
            if os.path.exists(s.stores.records + end):
                os.rename(s.stores.records + end, f"{aside}/records.db{end}")
        shutil.copy(f"{aside}/records.db", s.stores.records)
        with contextlib.closing(sqlite3.connect(s.stores.records)) as other:
            other.execute("UPDATE meta SET value = 'other' WHERE name = 'identity'")
            other.commit()
        is_(s.get(DRIVER).status, 503, "a read is no answer")
        in_("it has other records", records_state(), "the host says it")
        is_(s.post("/store-trajectory-batch", trips.trip(count + 1)["batches"][0]).status,
            503, "no upload goes there")
        for end in ("", "-wal", "-shm"):
            if os.path.exists(s.stores.records + end):
                os.unlink(s.stores.records + end)
            if os.path.exists(f"{aside}/records.db{end}"):
                os.rename(f"{aside}/records.db{end}", s.stores.records + end)
        is_(len(s.get(DRIVER).json()["trips"]), count, "back, all is there")

    with subtest("what the hosts agreed on is raised"):
        drivers.agree_on(s, 99000)
        is_(s.get(DRIVER).status, 200, "is no other folder")

done()

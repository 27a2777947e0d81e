#!/usr/bin/python3
"""Answers too large to be collected: they begin before they are read, have their
length all the same, and are cut rather than wrong when something goes meanwhile."""
import contextlib
import gzip
import http.client
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import client
import copies
import drivers
import harness
import trips
from answers import GZIP, meaning, source
from tap import done, is_, ok, subtest

harness.need_faults()

TRIPS = 100
PADDING = 120_000  # characters a trip: 12 MB in all, about half when packed
PATH = "/analyze-driver" + client.query(user_id=trips.USER)


class Slow:
    """A client that takes the first bytes, and the rest when it is told."""

    def __init__(self, s, headers):
        self.conn = socket.socket()
        self.conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.conn.settimeout(30)
        self.conn.connect(("127.0.0.1", s.nginx.port))
        lines = [f"GET {PATH} HTTP/1.1", "Host: x", "Connection: close"]
        lines += [f"{k}: {v}" for k, v in headers.items()]
        self.conn.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.data = self.conn.recv(16384)

    def take(self, size):
        size += len(self.data)
        while len(self.data) < size:
            self.data += self.conn.recv(65536)

    def rest(self):
        """The answer's meaning; None when it was cut, or had not begun."""
        with contextlib.suppress(ConnectionResetError):
            while chunk := self.conn.recv(1 << 20):
                self.data += chunk
        self.conn.close()
        try:
            r = client.parse(self.data)
        except http.client.IncompleteRead:
            return None
        return None if r.status == 503 else meaning(r)

    def hang_up(self):
        self.conn.close()


def drop_pieces(s):
    keys = s.redis("KEYS", "dg:{%s}:piece:*" % trips.USER)
    for key in keys:
        s.redis("DEL", key)
    return len(keys)


with harness.Stack({"maintenance.interval": "10m"}, hosts=2, workers=2) as s:
    one, two = s.hosts
    s.users([trips.user()])
    copies.store_large(s, TRIPS, PADDING)
    stored = sorted(drivers.analyses(s), key=lambda a: a["end_timestamp"],
                    reverse=True)
    whole = meaning(one.get(PATH))

    with subtest("a first read, without a summary"):
        is_([t["trip_id"] for t in whole["trips"]],
            [t["trip_id"] for t in stored], "all trips, newest first")
        ok(whole["trips"] == stored, "as they are stored")
        is_(s.count("answers_streamed"), 1, "streamed")

    with subtest("every path"):
        for coding in ({}, GZIP):
            s.redis("FLUSHALL")
            seen = []
            for host in (one, one, two, two):
                r = host.get(PATH, coding)
                is_(r.header("Content-Length"), str(len(r.body)), "its length")
                ok(meaning(r) == whole, "the same answer")
                seen.append(source(r))
            is_(seen, ["store", "file", "cache", "file"],
                "the reader's answer filled cache and file")

    with subtest("HEAD reads no trip"):
        s.redis("FLUSHALL")
        s.fault("answer.read.always", "fail")
        for coding in ({}, GZIP):
            r = s.http("HEAD", PATH, None, coding)
            is_((r.status, source(r)), (200, "store"), "answered")
            length = int(r.header("Content-Length"))
            s.fault_clear()
            # The time in it may pack a byte better or worse.
            ok(abs(len(s.get(PATH, coding).body) - length) <= (4 if coding else 0),
               "with the right length")
            s.redis("FLUSHALL")
            s.fault("answer.read.always", "fail")
        s.fault_clear()

    with subtest("a disk that is full is no error"):
        s.redis("FLUSHALL")
        s.fault("files.rename.always", "fail")
        for _ in range(2):
            ok(meaning(s.get(PATH)) == whole, "whole")
        s.fault_clear()

    with subtest("a page of it is collected"):
        before = s.count("answers_streamed")
        page = meaning(s.get(PATH + "&limit=7", GZIP))
        ok(page["trips"] == stored[:7], "seven trips")
        some = meaning(s.get(PATH + "&fields=trip_id,base_point_city", GZIP))
        ok(some["trips"] == [{k: t[k] for k in ("trip_id", "base_point_city")}
                             for t in stored], "large, with chosen fields")
        is_(s.count("answers_streamed"), before, "not streamed")

# Without files, so that the pieces are what is sent.
with harness.Stack({"maintenance.interval": "10m", "cache.files": "none",
                    "server.request_timeout": "3s", "server.finalize_timeout": "2s"},
                   workers=2) as s:
    s.users([trips.user()])
    copies.store_large(s, TRIPS, PADDING)
    whole = meaning(s.get(PATH))

    with subtest("a client slower than a request may last"):
        for path in ("cache", "store"):
            if path == "store":
                s.redis("FLUSHALL")
            slow = Slow(s, {})
            is_(slow.data.count(f"Server-Timing: {path}".encode()), 1, path)
            for _ in range(4):
                time.sleep(1)
                slow.take(2_000_000)
            ok(slow.rest() == whole, "has all of it")

    with subtest("pieces that go while they are sent"):
        for coding in ({}, GZIP):
            s.get(PATH)
            before = s.count("pieces_replaced")
            s.fault("answer.piece.later", "hold")
            slow = Slow(s, coding)
            s.fault_taken("answer.piece.later")
            ok(drop_pieces(s) > 10, "they were there")
            s.fault_go("answer.piece.later")
            s.fault_over("answer.piece.later")
            ok(slow.rest() == whole, "replaced from the store")
            is_(s.count("pieces_replaced"), before + 1, "counted")
            s.redis("FLUSHALL")

    with subtest("... and of a driver who changed: cut, never wrong"):
        s.get(PATH)
        s.fault("answer.piece", "hold")
        reader = drivers.Background(lambda: Slow(s, {}).rest())
        s.fault_taken("answer.piece")
        drop_pieces(s)
        drivers.drive(s, trips.trip(7, points=30))
        s.fault_go("answer.piece")
        is_(reader.result(), None, "cut")
        ok("answer_cut" in s.log() and "driver_changed" in s.log(), "named")
        whole = meaning(s.get(PATH))
        is_(whole["total_trips"], TRIPS + 1, "the next has all")

    with subtest("a trip that goes while the store's answer is sent: cut"):
        s.redis("FLUSHALL")
        last = drivers.object_of(s, whole["trips"][-1]["trip_id"])
        body = s.stores.get(last)
        s.fault("answer.window", "hold")
        slow = Slow(s, {})
        s.fault_taken("answer.window")
        s.stores.put(last, gzip.compress(gzip.decompress(body), 1))
        s.fault_go("answer.window")
        s.fault_over("answer.window")
        is_(slow.rest(), None, "cut")
        is_(s.redis("KEYS", "dg:{%s}:head" % trips.USER), [], "nothing is kept")
        ok(meaning(s.get(PATH)) == whole, "the next is whole")

    with subtest("a client that hangs up"):
        s.redis("FLUSHALL")
        before = s.count("clients_gone")
        accesses = os.path.join(s.nginx.dir, "log", "access.log")
        s.fault("answer.window", "hold")
        slow = Slow(s, GZIP)
        s.fault_taken("answer.window")
        seen = harness.read(accesses).count("/analyze-driver")
        slow.hang_up()
        harness.wait_for("nginx to see it", lambda: harness.read(accesses).count(
            "/analyze-driver") > seen)
        s.fault_go("answer.window")
        s.fault_over("answer.window")
        harness.wait_for("the worker to see it",
                         lambda: s.count("clients_gone") > before)
        is_(s.redis("KEYS", "dg:{%s}:head" % trips.USER), [], "nothing is kept")
        ok(meaning(s.get(PATH, GZIP)) == whole, "and nothing hangs")

done()

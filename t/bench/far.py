"""far.py - a read that has to go to S3 and DynamoDB, with a round trip between.

Three hosts share a bucket (Ceph's gateway), tables (dynalite) and a Redis: `far` goes
to them through delayproxy.py, `near` at once, and `counted` through proxies that write
down every call. So each round measures all of it in turn: the service far and near, and
the bare fetch (fetch.c) of the same objects through the same proxy and at once.
"""

import collections
import contextlib
import gzip
import os
import socket
import statistics
import subprocess
import time

import boto3
import botocore.config
import drivers
import fleet
import harness
import load
import stores
from cases import GZIP, SIZES
from faultproxy import delay, in_sequence
from figures import compared, cpu

HERE = os.path.dirname(os.path.abspath(__file__))
RTT_MS = 20
CONNECTIONS = 64
LARGE = (5_000, 10_000)
ODD = 500  # of the cases apart: a worker's first read, a summary that is gone
CODINGS = {"identity": {}, "gzip": GZIP}
PATIENT_S = 120  # an answer of 50 MB through the counting proxies

# Our time by the bare fetch's, at most; the Python reader's by ours, at least.
FETCH_GOALS = {4: 2.0, 100: 1.0, 500: 0.6}
PLAN_GOALS = {4: 2, 100: 25, 500: 60}
# A read's calls, and those of them that wait for each other, at most.
CALLS_GOALS = {500: 12, 5_000: 40}
IN_A_ROW_GOALS = {4: 1, 500: 4}


@contextlib.contextmanager
def far_from(endpoint):
    """The endpoint, a round trip away."""
    port = harness.free_port()
    proxy = subprocess.Popen([os.path.join(HERE, "delayproxy.py"), str(port),
                              endpoint.rsplit(":", 1)[1], str(RTT_MS / 2)],
                             stdout=subprocess.DEVNULL)
    try:
        harness.wait_for("the proxy", lambda: _listens(port))
        yield f"http://127.0.0.1:{port}"
    finally:
        proxy.terminate()
        proxy.wait()


def _listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Fetch:
    """The bare fetch, waiting for the next round."""

    def __init__(self, path, urls):
        with open(path, "w") as f:
            f.writelines(url + "\n" for url in urls)
        self.proc = subprocess.Popen(
            [harness.program("t/bench/fetch"), path, str(CONNECTIONS)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.milliseconds()  # opens the connections

    def milliseconds(self):
        """Of one round."""
        self.proc.stdin.write("again\n")
        self.proc.stdin.flush()
        line = self.proc.stdout.readline()
        if not line:
            raise RuntimeError("the bare fetch ended")
        return float(line.split()[0])

    def close(self):
        self.proc.stdin.close()
        self.proc.stdout.close()
        self.proc.wait()


class Driver:
    """One with so many trips, and the bare fetch of them from where it is measured."""

    def __init__(self, world, trips):
        self.trips = trips
        large = trips in LARGE  # a round of the fetch takes seconds
        self.places = ("far",) if large else ("far", "near")
        self.codings = ("identity",) if large else tuple(CODINGS)
        self.user_id = world.fleet.driver(trips)
        self.prefix = fleet.trips_prefix(self.user_id)
        self.path = fleet.path_of(self.user_id)
        # Twice: what the first read leaves to be written is there for the second.
        for host in (world.near, world.near, world.far):
            world.read(host, self)
        keys = world.stack.stores.keys(self.prefix)
        self.fetch = {}
        for place in self.places:
            client = world.s3_client(world.endpoints[place])
            urls = [client.generate_presigned_url("get_object", Params={
                "Bucket": world.bucket.name, "Key": key}) for key in keys]
            self.fetch[place] = Fetch(
                os.path.join(world.stack.dir, f"urls.{place}.{trips}"), urls)

    def close(self):
        for fetch in self.fetch.values():
            fetch.close()


class World:
    """The three hosts, running."""

    def __init__(self, stack, analyses, endpoints):
        self.stack = stack
        self.near, self.far, self.counted = stack.hosts
        self.hosts = {"near": self.near, "far": self.far}
        self.bucket = stack.stores.bucket
        self.endpoints = endpoints  # of S3, by place
        self.meters = {host: load.Meter(host) for host in stack.hosts}
        stack.start()
        self.fleet = fleet.Fleet(stack, analyses)

    def s3_client(self, endpoint):
        b = self.bucket
        return boto3.client(
            "s3", endpoint_url=endpoint, region_name=b.region,
            aws_access_key_id=b.key_id, aws_secret_access_key=b.secret,
            config=botocore.config.Config(s3={"addressing_style": "path"},
                                          signature_version="s3v4"))

    def read(self, host, driver, headers=None):
        """With an empty cache, once nothing is left to do from before: (milliseconds,
        bytes as sent, CPU by program, milliseconds to the first byte)."""
        load.wait_idle(host)
        self.stack.redis("FLUSHALL")
        before = self.meters[host].read()
        with host.client(PATIENT_S) as c:
            c.conn.connect()
            began = time.perf_counter()
            c.conn.request("GET", driver.path, headers=headers or {})
            r = c.conn.getresponse()
            sent = r.read(1)
            first = (time.perf_counter() - began) * 1e3
            sent += r.read()
            took = (time.perf_counter() - began) * 1e3
        load.wait_idle(host)
        by = self.meters[host].since(before, 1)
        body = sent
        if r.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if r.status != 200 or body.count(b'"behavior_score"') != driver.trips:
            raise RuntimeError(f"{driver.trips} trips: {r.status} {body[:300]!r}")
        return took, len(sent), by, first

    def round(self, driver):
        """{(place, what): what read() gives, or the bare fetch's milliseconds}"""
        taken = {}
        for place in driver.places:
            for coding in driver.codings:
                taken[place, coding] = self.read(self.hosts[place], driver,
                                                 CODINGS[coding])
            taken[place, "fetch"] = driver.fetch[place].milliseconds()
        return taken

    def calls(self, driver):
        """What one read asks of the stores: members of a row."""
        proxies = self.stack.stores.objects_proxy, self.stack.stores.records_proxy
        for proxy in proxies:
            proxy.forget()
        self.read(self.counted, driver)
        seen = [call for proxy in proxies for call in proxy.seen]
        kinds = collections.Counter(map(_kind_of, seen))
        return {"calls": len(seen), "in_a_row": len(in_sequence(seen)),
                "note": ", ".join(f"{n:,} {kind}" for kind, n in kinds.items())}

    def plan_reader(self, driver):
        """What the service replaces, as its plan has it in Python: milliseconds."""
        s3, bucket = self.s3_client(self.endpoints["far"]), self.bucket.name
        s3.head_bucket(Bucket=bucket)  # opens the connection

        def bodies():
            for page in s3.get_paginator("list_objects_v2").paginate(
                    Bucket=bucket, Prefix=driver.prefix):
                for entry in page["Contents"]:
                    yield s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()

        began = time.perf_counter()
        fleet.plan_answer(driver.user_id, bodies())
        return (time.perf_counter() - began) * 1e3


def _kind_of(call):
    if call.name == "LIST":
        return "listing"
    for part, kind in (("/trips/", "trips"), ("/packs/", "packs"),
                       ("/summary", "summary")):
        if part in call.key:
            return kind
    return call.name


@contextlib.contextmanager
def world(analyses):
    env = stores.servers().env
    s3, dynamodb = env["S3_ENDPOINT"], env["DYNAMODB_ENDPOINT"]
    settings = {"s3.connections": str(CONNECTIONS), "log.level": "info",
                "server.request_timeout": f"{PATIENT_S}s",
                "maintenance.interval": "10m"}  # its calls would be counted
    with harness.Stack(settings, hosts=3, kind="s3", workers=1, proxy=True,
                       start=False) as stack, \
            far_from(s3) as far_s3, far_from(dynamodb) as far_dynamodb:
        for host, endpoints in zip(stack.hosts, ((s3, dynamodb),
                                                 (far_s3, far_dynamodb))):
            host.configure(dict(zip(("s3.endpoint", "dynamodb.endpoint"), endpoints)))
        for proxy in (stack.stores.objects_proxy, stack.stores.records_proxy):
            proxy.on("*", delay(RTT_MS / 1000))
        yield World(stack, analyses, {"near": s3, "far": far_s3})


# ---- rows ----

def _ours(reads):
    """Members of a row, of what World.read gave."""
    by = {name: statistics.mean(r[2][name] for r in reads) for name in reads[0][2]}
    return {"kb": reads[0][1] / 1000, "p50_ms": statistics.median(r[0] for r in reads),
            **cpu(by)}


def _row(rounds, place, coding, goal=None):
    """Ours against the bare fetch; the ratio is taken within each round."""
    fetch = [taken[place, "fetch"] for taken in rounds]
    reads = [taken[place, coding] for taken in rounds]
    ratio = statistics.median(r[0] / f for r, f in zip(reads, fetch))
    return {"what": f"cold, {'near, ' if place == 'near' else ''}{coding}",
            **_ours(reads), "against": [compared(
                "the bare fetch", ratio, "time, ours / its", most=goal,
                p50_ms=statistics.median(fetch))]}


def _rows(w, driver, reads):
    rounds = [w.round(driver) for _ in range(reads)]
    rows = {(place, coding): _row(rounds, place, coding, FETCH_GOALS.get(driver.trips)
                                  if place == "far" else None)
            for place in driver.places for coding in driver.codings}
    counted = w.calls(driver)
    if driver.trips in LARGE:
        first = statistics.median(taken["far", "identity"][3] for taken in rounds)
        counted["note"] += f"; first byte after {first:.0f} ms"
    rows["far", "identity"].update(counted)
    if driver.trips in PLAN_GOALS:
        plan_ms = w.plan_reader(driver)
        for coding in driver.codings:
            row = rows["far", coding]
            row["against"].append(compared(
                "the plan's Python reader, once", plan_ms / row["p50_ms"],
                "time, its / ours", least=PLAN_GOALS[driver.trips], p50_ms=plan_ms))
    for of, member, goals in (("calls", "calls", CALLS_GOALS),
                              ("calls in a row", "in_a_row", IN_A_ROW_GOALS)):
        if driver.trips in goals:
            rows["far", "identity"]["against"].append(compared(
                "", counted[member], of, most=goals[driver.trips]))
    return [{**row, "trips": driver.trips} for row in rows.values()]


def _odd_rows(w, driver, reads):
    """A worker that has no connection yet; a driver whose summary is gone."""
    first, gone = [], []
    for _ in range(reads):
        w.far.service.stop()
        w.far.service.start()
        first.append(w.read(w.far, driver))
        w.stack.stores.delete(drivers.summary_key(driver.user_id))
        gone.append(w.read(w.far, driver))
    return [{"what": f"cold, {what}", "trips": driver.trips, **_ours(taken)}
            for what, taken in (("first of a worker", first),
                                ("summary gone", gone))]


def cold(bench):
    lacking = stores.missing()
    if lacking:
        return [{"what": "cold", "note": f"skipped: needs {lacking}"}]
    rounds = 1 if bench.o.quick else bench.o.rounds
    rows, odd = [], []
    with world(bench.fleet.analyses) as w:
        for trips in SIZES if bench.o.quick else SIZES + LARGE:
            print(f"cold, {trips:,} trips ...", flush=True)
            with contextlib.closing(Driver(w, trips)) as driver:
                few = bench.o.quick or trips in LARGE
                rows += _rows(w, driver, rounds if few else 4 * rounds)
                if trips == ODD:
                    odd = _odd_rows(w, driver, rounds)
    return rows + odd

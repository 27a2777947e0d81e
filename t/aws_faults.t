#!/usr/bin/python3
"""What the service does when S3 or DynamoDB is missing, refuses, or answers badly:
says which and why, loses nothing, and goes on by itself. Between it and the servers
stands a proxy (lib/faultproxy.py)."""

import collections
import gzip
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import dynamo
import harness
import trips
from faultproxy import changed, cut, delay, reset_after, reset_before, slow, status
from tap import diag, done, in_, is_, ok, subtest

SETTINGS = {"maintenance.interval": "100ms", "server.finalize_timeout": "2s",
            "server.request_timeout": "4s"}
number = iter(range(1, 1000))


def check(s, **env):
    """driveguard-fcgi -t: exit code and what it says."""
    r = subprocess.run([harness.program("driveguard-fcgi"), "-t", "-c", s.conf], text=True,
                       capture_output=True, env={**os.environ, **s.hosts[0].env, **env})
    return r.returncode, r.stdout


def unready(s, backend, *words):
    """-t and /readyz name the backend and say why."""
    code, said = check(s)
    line = next((x for x in said.splitlines() if x.startswith(backend)), "")
    r = s.get("/readyz")
    is_((code, r.status), (1, 503), "-t and /readyz: not ready")
    state = {b["name"]: b for b in r.json()["backends"]}[backend]
    for word in words:
        in_(word, line, f"-t says {word}")
        in_(word, state["message"], f"/readyz says {word}")


def ready(s):
    harness.wait_for("the service to be ready", lambda: s.get("/readyz").status == 200)
    is_(check(s)[0], 0, "-t agrees")


def again_later(r, name):
    is_(r.status, 503, f"{name}: 503")
    ok(r.header("Retry-After"), f"{name}: may be tried again")


def read(s):
    return s.driver(email=trips.EMAIL)


def pending_then_stored(s, heal):
    """A finalize while objects are away is acknowledged and kept; with the store back it
    is finished without the client."""
    t = trips.trip(next(number))
    s.upload(t)
    r = s.finalize(t)
    is_((r.status, r.json()["analysis"]["status"]), (200, "pending"), "acknowledged, pending")
    again_later(read(s), "a read meanwhile")
    heal()
    is_(drivers.settled(s, t["trip_id"])["analysis_status"], "stored", "then stored")
    in_(t["trip_id"], drivers.trip_ids(read(s)), "and read")


def refused_then_taken(s, heal):
    """What cannot be recorded is not acknowledged, and the same call later succeeds."""
    t = trips.trip(next(number))
    calls = [("/store-trajectory-batch", t["batches"][0]), ("/finalize-trip", t["finalize"])]
    for path, body in calls:
        again_later(s.post(path, body), path)
    heal()
    s.upload(t)
    r = s.finalize(t)
    is_((r.status, r.json()["analysis"]["status"]), (200, "stored"), "the same calls again")


def no_bucket(s):
    for key in s.stores.keys():
        s.stores.delete(key)
    s.stores.bucket.remove()
    unready(s, "objects", s.stores.bucket.name, "NoSuchBucket")
    pending_then_stored(s, s.stores.bucket.make)
    ready(s)


def no_table(s):
    table = s.stores.tables["trips"]
    dynamo.call(s.stores.endpoint, "DeleteTable", TableName=table)
    unready(s, "records", f"table {table}", "ResourceNotFoundException")
    refused_then_taken(s, lambda: s.stores.make_table("trips"))
    ready(s)


def no_endpoint(s):
    objects, records = s.stores.objects_proxy, s.stores.records_proxy
    objects.down()
    unready(s, "objects", objects.url, "connect")
    pending_then_stored(s, objects.up)
    records.down()
    unready(s, "records", records.url, "connect")
    refused_then_taken(s, records.up)
    ready(s)


def wrong_credentials(s):
    code, said = check(s, AWS_SECRET_ACCESS_KEY="wrong")
    is_(code, 1, "a wrong secret: -t fails")
    in_("SignatureDoesNotMatch", said, "and says why")
    code, said = check(s, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="",
                       AWS_EC2_METADATA_DISABLED="true", HOME="/nonexistent")
    is_(code, 1, "none at all: -t fails")
    in_("no AWS credentials", said, "and says so")
    objects = s.stores.objects_proxy
    objects.on("*", status(403, "AccessDenied"))
    unready(s, "objects", "AccessDenied")
    objects.forget()
    again_later(read(s), "a read")
    asked = collections.Counter((x.name, x.key) for x in objects.seen)
    is_(set(asked.values()), {1}, "what 403 is the answer to is not asked again")
    pending_then_stored(s, objects.clear)
    s.stores.records_proxy.on("*", status(400, "UnrecognizedClientException"))
    unready(s, "records", "UnrecognizedClientException")
    refused_then_taken(s, s.stores.records_proxy.clear)
    ready(s)


def no_object_accepted(s):
    """A bucket that can be listed and read, and refuses what is put: by rights, and as
    Ceph 18 refuses over plain HTTP where objects are to be encrypted."""
    objects = s.stores.objects_proxy
    drivers.drive(s, trips.trip(next(number)))
    ready(s)
    for code, name, words in ((403, "AccessDenied", ["s3:PutObject"]),
                              (400, "InvalidRequest", ["no object is accepted", "probe/write"])):
        objects.on("PUT", status(code, name))
        # What is no refusal of a right is seen by the check, whose good answer stands
        # for 10 s.
        harness.wait_for("/readyz to notice", lambda: s.get("/readyz").status == 503)
        unready(s, "objects", name)
        state = {b["name"]: b for b in s.get("/readyz").json()["backends"]}["objects"]
        for word in words:
            in_(word, state["message"], f"{name}: {word}")
        is_(read(s).status, 200, f"{name}: reads go on")
        t = trips.trip(next(number))
        s.upload(t)
        r = s.finalize(t)
        is_((r.status, r.json().get("analysis", {}).get("status")), (200, "pending"),
            f"{name}: a finalize is acknowledged, pending")
        objects.clear()
        is_(s.get("/readyz").status, 200, f"{name}: over, and ready at once")
        is_(drivers.settled(s, t["trip_id"])["analysis_status"], "stored", "then stored")
    ready(s)
    standing = s.stores.keys("probe/")
    is_(standing, ["probe/write"], "one object stays, however often it was asked")
    asked = len(objects.seen)
    for _ in range(20):
        s.get("/readyz")
    puts = [x for x in objects.seen[asked:] if x.name == "PUT" and "probe/write" in x.key]
    ok(len(puts) <= 1, f"20 calls of /readyz put at most once ({puts})")


def page(code, body, headers=b"Content-Type: text/html\r\n"):
    """What something between us and the store says, or a store beside itself."""
    def fault(x):
        x.reply(b"HTTP/1.1 %d Page\r\n%sContent-Length: %d\r\n\r\n" %
                (code, headers, len(body)), b"" if x.seen.name == "HEAD" else body)
    return fault


HTML = b"<html><title>Gateway</title></html>"
# In 200s, they are tried again.
PAGES = [("a gateway's 404", page(404, HTML)), ("a gateway's 413", page(413, HTML)),
         ("a redirect", page(302, b"", b"Location: http://127.0.0.1:1/\r\n")),
         ("418", page(418, b"")), ("a 412 that nobody asked for", page(412, HTML)),
         ("a 400 of a new name", status(400, "BrandNewException")),
         ("a request that is not understood", status(400, "ValidationException")),
         ("a page with 200", page(200, HTML)), ("200 with nothing", page(200, b"")),
         ("200 with an error", page(200, b"<Error><Code>SlowDown</Code></Error>"))]


def says_nothing_inside(s, r, name):
    inside = [w for w in ("127.0.0.1", "amazonaws", s.stores.bucket.name) if w.encode() in r.body]
    is_(inside, [], f"{name}: and nothing of our inside")


def nobody_elses_answer(s):
    """What a store says is never what the client is told."""
    objects, records = s.stores.objects_proxy, s.stores.records_proxy
    pending = []
    for name, fault in PAGES:
        t = trips.trip(next(number))
        s.upload(t)
        objects.on("*", fault)
        r = read(s)
        again_later(r, f"{name} of S3: a read")
        says_nothing_inside(s, r, name)
        r = s.finalize(t)
        is_((r.status, r.json().get("analysis", {}).get("status")), (200, "pending"),
            f"{name} of S3: a finalize is acknowledged, pending")
        in_("cannot be used now", r.json()["analysis"]["reason"], "not: it was late")
        objects.clear()
        pending.append(t)
    for t in pending:
        is_(drivers.settled(s, t["trip_id"])["analysis_status"], "stored", "then stored")
    for name, fault in PAGES:
        t = trips.trip(next(number))
        records.on("*", fault)
        for path, body in (("/store-trajectory-batch", t["batches"][0]),
                           ("/finalize-trip", t["finalize"])):
            r = s.post(path, body)
            again_later(r, f"{name} of DynamoDB: {path}")
            says_nothing_inside(s, r, name)
        records.clear()
    ready(s)


def causes(s):
    """Under the id of each request that fails: what was asked of which store, and what it
    said. A client learns the kind of it alone."""
    objects, records = s.stores.objects_proxy, s.stores.records_proxy
    for proxy, name, fault, words in (
            (objects, "LIST", status(503, "SlowDown"), ("SlowDown", "GET")),
            (objects, "LIST", status(403, "AccessDenied"), ("AccessDenied", "GET")),
            (objects, "GET", status(403, "AccessDenied"), ("AccessDenied", "/users/")),
            (objects, "GET", status(500), ("InternalError", "summary")),
            (objects, "GET", page(200, HTML), ("text/html", "summary")),
            (objects, "LIST", reset_before, ("GET", "http")),
            (records, "GetItem", status(400, "AccessDeniedException"),
             ("AccessDeniedException", "GetItem")),
            (records, "GetItem", page(502, HTML), ("502", "GetItem"))):
        proxy.on(name, fault)
        r = read(s)
        proxy.clear()
        again_later(r, f"{name} {words[0]}")
        lines = [x for x in s.log().splitlines() if r.json()["request_id"] in x]
        failed = [x for x in lines if "event=request_failed" in x]
        ok(any(all(w in x for w in words) for x in failed),
           f"{name}: the log says {' and '.join(words)}")
    ready(s)


def single_faults(s):
    """Each fault once: tried again, and nobody notices."""
    objects, records = s.stores.objects_proxy, s.stores.records_proxy
    for what, fault in (("503 SlowDown", status(503, "SlowDown")), ("500", status(500)),
                        ("a lost request", reset_before), ("a lost answer", reset_after),
                        ("half an answer", cut(0.5)), ("latency", delay(0.2)),
                        ("a page with 200", page(200, HTML)),
                        ("an error with 200", page(200, b"<Error><Code>InternalError</Code>"
                                                   b"</Error>"))):
        for name in ("GET", "PUT", "LIST"):
            objects.on(name, fault, times=1)
        if what != "503 SlowDown":
            for name in ("UpdateItem", "GetItem", "BatchGetItem"):
                records.on(name, fault, times=1)
        else:
            records.on("UpdateItem", status(400, "ProvisionedThroughputExceededException"),
                       times=1)
        t = trips.trip(next(number))
        r = drivers.drive(s, t)
        is_((r.status, r.json()["analysis"]["status"]), (200, "stored"), f"{what}: stored")
        in_(t["trip_id"], drivers.trip_ids(read(s)), f"{what}: read")
        mine = [a for a in drivers.analyses(s) if a["trip_id"] == t["trip_id"]]
        is_(len(mine), 1, f"{what}: once")
        objects.clear()
        records.clear()


def claim_refused_at_its_repeat(s):
    """The claim is carried out, its answer lost, and the repeat refused: whoever is
    told 503 then, and never comes again, has his trip analysed all the same."""
    records = s.stores.records_proxy
    t = trips.trip(next(number))
    s.upload(t)
    records.on("UpdateItem", reset_after, times=2)  # libcurl itself sends one again
    records.on("UpdateItem", status(400, "AccessDeniedException"))
    again_later(s.finalize(t), "a claim of which nobody knows")
    records.clear()
    is_(drivers.settled(s, t["trip_id"])["analysis_status"], "stored", "stored all the same")


def storms(s):
    """A store that is out for a while gets no multiple of the load."""
    objects = s.stores.objects_proxy
    objects.on("*", status(503, "SlowDown"))
    objects.forget()
    calls = [drivers.Background(read, s) for _ in range(20)]
    for call in calls:
        again_later(call.result(), "a read in the storm")
    in_storm = len(objects.seen)
    # Each asks for the listing and the summary at once.
    ok(in_storm <= 20 * 2 * 6, f"at most six tries a request ({in_storm})")
    pending_then_stored(s, objects.clear)


def named_and_hiding_nothing(s, trip, name):
    key = drivers.object_of(s, trip["trip_id"])
    r = read(s)
    is_(r.status, 200, f"{name}: answered")
    if r.status != 200:
        return diag(r)
    is_(r.json()["unreadable_trips"], 1, f"{name}: one is unreadable")
    ok(trip["trip_id"] not in drivers.trip_ids(r) and drivers.trip_ids(r),
       f"{name}: the others are there")
    ok(any("trip_unreadable" in line and key in line for line in s.log().splitlines()),
       f"{name}: named in the log")


def unreadable(s):
    """One object that is not as it should be."""
    objects = s.stores.objects_proxy
    victim = trips.trip(next(number))
    drivers.drive(s, victim)
    key = drivers.object_of(s, victim["trip_id"])
    good = s.stores.get(key)

    def other_etag(head, body):
        return re.sub(rb"(?i)(\r\netag: *\"?)\w{4}", rb"\g<1>0000", head), body

    for name, fault in (("cut short", cut(0.5)), ("another ETag", changed(other_etag))):
        drivers.take_texts(s)
        objects.on("GET", fault, key=victim["trip_id"])
        named_and_hiding_nothing(s, victim, name)
        objects.clear()
        is_(read(s).json().get("unreadable_trips"), None, f"{name}: over")
    for name, body in (("not gzip", b"{}"), ("half a gzip", good[:len(good) // 2]),
                       ("not JSON", gzip.compress(b"hello")),
                       ("two JSON values", gzip.compress(gzip.decompress(good) * 2)),
                       ("no analysis", gzip.compress(b"[1]")), ("empty", b"")):
        s.stores.put(key, body)
        named_and_hiding_nothing(s, victim, name)
    s.stores.put(key, good)
    is_(read(s).json().get("unreadable_trips"), None, "whole again")


def chunked(body_of=lambda body: body, without=rb"content-length"):
    """The whole answer, but in chunks, as body_of makes it."""
    def fault(x):
        head, body = x.pass_on()
        if head[9:12] == b"200":
            body = body_of(body)
            head = re.sub(rb"(?i)\r\n(" + without + rb"):[^\r]*", b"", head)
            head = head[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        x.reply(head, body)
    return fault


def on_the_way(s):
    """What proxies do to objects: no length, or the text of what is gzip, although we
    have asked for it as it is."""
    objects = s.stores.objects_proxy
    whole = set(drivers.trip_ids(read(s)))
    unpacked = chunked(gzip.decompress, rb"content-length|content-encoding")
    for name, fault in (("in chunks", chunked()), ("unpacked", unpacked)):
        drivers.remove_summary(s)
        objects.on("GET", fault, key="/users/")
        objects.forget()
        r = read(s)
        is_((r.status, set(drivers.trip_ids(r)), r.json().get("unreadable_trips")),
            (200, whole, None), f"{name}: read")
        gets = [x for x in objects.seen if x.name == "GET" and "/users/" in x.key]
        ok(gets and all(b"accept-encoding: gzip" in x.head.lower() for x in gets),
           "asked for as stored")
        s.quiet()
        objects.clear()
        objects.forget()
        is_(set(drivers.trip_ids(read(s))), whole, f"{name}: and again")
        is_([x.key for x in objects.seen if x.name == "GET" and "/trips/" in x.key], [],
            f"{name}: by its rows")


def slowness(s):
    objects = s.stores.objects_proxy
    drivers.remove_summary(s)
    objects.on("GET", slow(10, 0.5), key="/trips/")
    is_(read(s).status, 200, "slow bytes, within the time")
    objects.clear()
    objects.on("LIST", slow(10, 30))
    began = time.monotonic()
    again_later(read(s), "slower than the time allows")
    ok(time.monotonic() - began < 9, "not waited for much longer than that")
    objects.clear()
    is_(read(s).status, 200, "and back")


with harness.Stack(SETTINGS, kind="s3", proxy=True, redis=False, workers=4) as s:
    s.users([trips.user()])
    for test in (no_bucket, no_table, no_endpoint, wrong_credentials, no_object_accepted,
                 nobody_elses_answer, causes, single_faults,
                 claim_refused_at_its_repeat, on_the_way, unreadable, slowness, storms):
        with subtest(test.__name__.replace("_", " ")):
            test(s)
            s.stores.objects_proxy.clear()
            s.stores.records_proxy.clear()

done()

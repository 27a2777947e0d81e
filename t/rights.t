#!/usr/bin/python3
"""Ready means ready, on S3 and DynamoDB: each right of the service's policy is tried by -t
and /readyz, by itself; what a life of the service calls is in the policy; and nothing
is left or changed by a try."""

import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import harness
import trips
from faultproxy import status
from tap import diag, done, in_, is_, ok, subtest

DENIED = {"s3": status(403, "AccessDenied"), "dynamodb": status(400, "AccessDeniedException")}
METHODS = {"s3:ListBucket": ["LIST"], "s3:GetObject": ["GET", "HEAD"], "s3:PutObject": ["PUT"],
           "s3:DeleteObject": ["DELETE"]}
# Without these the service can do its work, but not all of it.
PARTLY = {"s3:DeleteObject", "dynamodb:Scan"}


def check(s):
    r = subprocess.run([harness.program("driveguard-fcgi"), "-t", "-c", s.conf], text=True,
                       capture_output=True, env={**os.environ, **s.hosts[0].env})
    return r.returncode, r.stdout


def policy(s):
    """(action, what its resource's requests have in their keys at the proxy)"""
    text = s.ctl("bucket", "policy", "service").stdout
    for statement in json.loads(text)["Statement"]:
        for resource in statement["Resource"]:
            service, _, name = resource.split(":", 2)[2].partition(":")
            place = name.split(":")[-1].partition("/")[2].rstrip("*")
            for action in statement["Action"]:
                yield service, action, "/" + place


def names(action):
    return METHODS.get(action, [action.split(":")[1]])


def proxy_of(s, service):
    return s.stores.objects_proxy if service == "s3" else s.stores.records_proxy


def covers(action, place, seen):
    """Whether this right is what that request needs."""
    if seen.name not in names(action):
        return False
    if action.startswith("s3:"):
        return action == "s3:ListBucket" or place in seen.key
    return seen.key.startswith(place) if place.endswith("/index/") else seen.key == place


def life(s):
    """What a service does, once around."""
    t = trips.trip(1)
    drivers.drive(s, t)
    s.post("/finalize-trip", drivers.ended_at(t, plus_s=300))
    is_(s.driver(email=trips.EMAIL).status, 200, "read")
    s.quiet()


def each_right(s):
    before = s.stores.image()
    for service, action, place in policy(s):
        # The bucket's own call has no key below it.
        key = "" if action == "s3:ListBucket" else place
        proxy = proxy_of(s, service)
        if place == "/probe/":
            continue  # one statement with users/
        for name in names(action):
            proxy.on(name, DENIED[service], key=key)
        code, said = check(s)
        refused = [x for x in said.splitlines() if action in x and ": refused: " in x]
        is_((code, len(refused) > 0), (1, True), f"{action} {place}: -t says so")
        r = s.get("/readyz")
        part = action in PARTLY or place == "/installation.json"
        is_(r.status, 200 if part else 503, f"{action} {place}: /readyz")
        states = [b for b in r.json()["backends"] if b["state"] != "ok"]
        ok(states and action in states[0]["message"] or not part and states,
           f"{action} {place}: it is named")
        if not (states and refused):
            diag(said, r)
        proxy.clear()
        is_(s.get("/readyz").status, 200, "over: ready at once")
    is_(check(s)[0], 0, "over: -t agrees")
    is_(s.stores.image(), before, "nothing is left, nothing changed")
    ok("'check'" not in str(s.stores.image()), "no item of a try")
    is_([k for k in s.stores.keys("users/.probe")], [], "no probe among the drivers")


def compared(s):
    """Policy, code and trial."""
    rights = list(policy(s))
    for p in (s.stores.objects_proxy, s.stores.records_proxy):
        p.forget()
    life(s)
    s.get("/readyz")
    seen = s.stores.objects_proxy.seen + s.stores.records_proxy.seen
    for x in seen:
        if not any(covers(a, place, x) for _, a, place in rights):
            ok(False, f"{x.name} {x.key} is not in the policy")
    for p in (s.stores.objects_proxy, s.stores.records_proxy):
        p.forget()
    code, said = check(s)
    is_(code, 0, "-t")
    seen = s.stores.objects_proxy.seen + s.stores.records_proxy.seen
    for _, action, place in rights:
        # probe/ is in one statement with users/.
        ok(place == "/probe/" or any(covers(action, place, x) for x in seen), f"-t tries {action} on {place}")
    lines = [x for x in said.splitlines() if x.startswith("  ")]
    ok(lines and all(x.endswith(": ok") for x in lines), "a line a right, all of them ok")


def real(s):
    """A real call may be refused where no try is: /readyz carries it until one passes."""
    for proxy, name, key, call in (
            (s.stores.objects_proxy, "PUT", f"/users/{trips.USER}/", "s3:PutObject"),
            (s.stores.objects_proxy, "GET", "summary.json.gz", "s3:GetObject")):
        is_(s.get("/readyz").json()["refusals"], [], "none")
        proxy.on(name, DENIED["s3"], key=key)
        t = trips.trip(next(number))
        drivers.drive(s, t)
        s.quiet()
        r = s.get("/readyz")
        found = [x for x in r.json()["refusals"] if x["call"].startswith(call)]
        if name == "PUT":
            is_((r.status, [x["code"] for x in found]), (200, ["AccessDenied"]), "carried")
            state = {b["name"]: b for b in r.json()["backends"]}["objects"]
            is_(state["state"], "warning", "as a warning")
            in_(call, state["message"], "that names it")
            ok("127.0.0.1" not in state["message"] + str(found), "and no address")
            is_(s.get("/readyz").json()["refusals"], r.json()["refusals"],
                "a try that passes does not end it")
        proxy.clear()
        drivers.drive(s, trips.trip(next(number)))
        is_(s.driver(email=trips.EMAIL).status, 200, "over: read")
        s.quiet()
        is_(s.get("/readyz").json()["refusals"], [], "until one passes")
    records = s.stores.records_proxy
    records.on("UpdateItem", DENIED["dynamodb"])
    t = trips.trip(next(number))
    s.post("/store-trajectory-batch", t["batches"][0])
    found = s.get("/readyz").json()["refusals"]
    is_([(x["call"], x["code"]) for x in found],
        [("dynamodb:UpdateItem on the trips table", "AccessDeniedException")], "of a table, too")
    records.clear()
    s.post("/store-trajectory-batch", t["batches"][0])
    is_(s.get("/readyz").json()["refusals"], [], "until one passes")


number = iter(range(20, 1000))

with harness.Stack({"server.finalize_timeout": "4s", "maintenance.interval": "10m"}, kind="s3", proxy=True, redis=False,
                   workers=2) as s:
    s.users([trips.user()])
    with subtest("policy, code and trial"):
        compared(s)
    with subtest("each right by itself"):
        each_right(s)
    with subtest("what a real call met"):
        real(s)
done()

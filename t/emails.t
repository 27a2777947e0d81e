#!/usr/bin/python3
"""E-mails where the table of users has no index by e-mail: all users are read once for
all, and who is new is found soon. The service alone, on npm's dynalite."""

import contextlib
import json
import os
import pty
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import build
import dynamo
import tap
import trips
from dgproc import Daemon, run
from faultproxy import FaultProxy, status
from tap import done, in_, is_, ok, subtest

if not os.path.exists(os.path.join(os.environ.get("DYNALITE_HOME", "/nonexistent"),
                                   "node_modules/dynalite/cli.js")):
    tap.skip_all("needs npm's dynalite (DYNALITE_HOME)")

DYNALITE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib", "dynalite.sh")
USERS, INDEX = "Users-Neal", "email-index"
MANY = 3000


class Tables:
    """What another program has: users and no index."""

    def __init__(self, folder):
        up = subprocess.run([DYNALITE, "up", folder], text=True, capture_output=True,
                            check=True)
        self.env = dict(line.split("=", 1) for line in up.stdout.split())
        self.endpoint = self.env["DYNAMODB_ENDPOINT"]
        for name, key in ((USERS, "user_id"), ("Trips-Neal", "trip_id"),
                          ("TrajectoryBatches-Neal", "batch_id")):
            dynamo.make_table(self.endpoint, name, key)

    def put(self, *users):
        for at in range(0, len(users), 25):
            dynamo.call(self.endpoint, "BatchWriteItem", RequestItems={USERS: [
                {"PutRequest": {"Item": {k: {"S": v} for k, v in u.items()}}}
                for u in users[at:at + 25]]})

    def remove(self, user_id):
        dynamo.call(self.endpoint, "DeleteItem", TableName=USERS,
                    Key={"user_id": {"S": user_id}})


def user(n, **more):
    return {"user_id": f"u{n}", "email": f"driver{n}@example.com", **more}


def ask(d, query):
    """Who is found: his id, or None."""
    r = d.call("GET", "/analyze-driver", params={"QUERY_STRING": query})
    code = r.json()["code"]
    is_((r.status, code in ("no_trips", "driver_not_found")), (404, True), query)
    return r.json()["user_id"] if code == "no_trips" else None


def scans(d):
    return d.stats()["counters"]["email_scans"]


def age(d, seconds):
    """The roll's reading was so long ago."""
    with open(d.path("spool/emails"), "r+b") as f:
        f.seek(16)
        then = int.from_bytes(f.read(8), "little") - seconds * 1000000
        f.seek(16)
        f.write(then.to_bytes(8, "little"))


def put(d, *users):
    path = d.path("users.json")
    with open(path, "w") as f:
        f.write("[%s]" % ",".join('{"user_id": "%s", "email": "%s"}' % u for u in users))
    r = run("driveguardctl", "-c", d.conf, "user", "put", path, env=d.env)
    is_(r.returncode, 0, r.stdout + r.stderr)


def read_once(t, d):
    is_(ask(d, "email=driver7@example.com"), "u7", "the first")
    is_(scans(d), 1, "all users are read")
    for n in range(0, MANY, 500):
        is_(ask(d, f"email=driver{n}@example.com"), f"u{n}", "another")
    is_(ask(d, "email=mixed@example.com"), "mixed", "whatever case the table has")
    is_(ask(d, "user_id=driver9@example.com"), "u9", "under the other parameter")
    is_(ask(d, "email=nobody@example.com"), None, "nobody")
    is_(scans(d), 1, "once for all")
    is_(len(d.lines("event=no_email_index")), 1, "one warning")
    in_("tables init", d.lines("event=no_email_index")[0], "which says what to do")
    is_(oct(os.stat(d.path("spool/emails")).st_mode & 0o7), "0o0", "nobody else reads it")


def new_ones(t, d):
    t.put({"user_id": "late", "email": "late@example.com"})
    is_(ask(d, "email=late@example.com"), None, "a user whom another program has just put")
    is_(scans(d), 1, "is not looked for at once")
    age(d, 61)
    is_(ask(d, "email=late@example.com"), "late", "but after a minute")
    is_(scans(d), 2, "by another reading")
    put(d, ("ours", "ours@example.com"))
    is_(ask(d, "email=ours@example.com"), "ours", "one whom this host has put is found at once")
    is_(scans(d), 2, "without one")
    is_(len(d.lines("event=no_email_index")), 1, "and still one warning")


def changed_ones(t, d):
    is_(ask(d, "email=driver20@example.com"), "u20", "his")
    t.put({"user_id": "u20", "email": "moved@example.com"},
          {"user_id": "heir", "email": "driver20@example.com"})
    t.remove("u30")
    for query in ("driver20", "driver30"):
        is_(ask(d, f"email={query}@example.com"), None, "his record has the last word")
    before = scans(d)
    age(d, 61)
    is_(ask(d, "email=driver20@example.com"), "heir", "after a minute the heir")
    is_(ask(d, "email=moved@example.com"), "u20", "and he under the new one")
    is_(scans(d), before + 1, "by one reading")


def together(t, d):
    before = scans(d)
    age(d, 61)
    answers = []

    def one():
        answers.append(ask(d, "email=none@example.com"))
    threads = [threading.Thread(target=one) for _ in range(6)]
    for x in threads:
        x.start()
    for x in threads:
        x.join()
    is_((answers, scans(d)), ([None] * 6, before + 1), "one reads for all")


def ready(d, *words):
    """It is, but -t and /readyz warn."""
    said = run("driveguard-fcgi", "-t", "-c", d.conf, env=d.env)
    line = next(x for x in said.stdout.splitlines() if x.startswith("records: "))
    r = d.call("GET", "/readyz")
    is_((said.returncode, r.status, r.json()["ready"]), (0, 200, True), "ready all the same")
    state = {b["name"]: b for b in r.json()["backends"]}["records"]
    is_(state["state"], "warning" if words else "ok", "the state of the records")
    for word in words:
        in_(word, state["message"], f"/readyz names {word}")
        in_(word, line, f"-t names {word}")


def warned(t, d):
    ready(d, f"table {USERS} has no index {INDEX}", "TrajectoryBatches-Neal has no index",
          "driveguardctl tables init")


def drive(d, user_id):
    """A trip of his."""
    trip = trips.trip(1, user_id, points=30)
    for batch in trip["batches"]:
        is_(d.call("POST", "/store-trajectory-batch", json.dumps(batch).encode()).status, 200,
            "uploaded")
    r = d.call("POST", "/finalize-trip", json.dumps(trip["finalize"]).encode())
    is_(r.json()["analysis"]["status"], "stored", "a trip")


def several(t, d):
    """Who signed up twice is read where his trips are."""
    t.put(*[{"user_id": f"twin-{x}", "email": "Twin@example.com"} for x in "abc"])
    drive(d, "twin-b")
    age(d, 61)
    for _ in range(2):
        r = d.call("GET", "/analyze-driver", params={"QUERY_STRING": "email=twin@example.com"})
        is_((r.status, r.json().get("user_id")), (200, "twin-b"), "the one with trips")
    said = d.lines("event=email_of_several")
    is_(len(said) % 2, 0, "a line for each of the others")
    for other in ("twin-a", "twin-c"):
        ok(any(f'user_id="twin-b" other_user_id="{other}"' in x for x in said),
           f"which names {other}")
    ok(d.stats()["counters"]["emails_of_several"] >= 1, "counted")
    put(d, ("twin-c", "twin@example.com"))


def in_vain(t, proxy, d):
    """A reading that fails is not tried again at each click."""
    d.stop()
    os.unlink(d.path("spool/emails"))
    proxy.on("Scan", status(400, "AccessDeniedException"))
    d.start()
    codes = [d.call("GET", "/analyze-driver", params={
        "QUERY_STRING": "email=driver51@example.com"}).status for _ in range(8)]
    ok(set(codes) <= {500, 503}, "an error")
    ok(scans(d) <= 2, "one reading in each worker")
    ok(d.lines("could not be read whole a moment ago"), "the log says why")
    is_(ask(d, "user_id=u51"), "u51", "by id he is found")
    proxy.clear()


def init(d, *words):
    return run("driveguardctl", "-c", d.conf, "tables", "init", *words, env=d.env)


def asked_at_a_terminal(d, reply):
    """What it says to somebody who answers so."""
    ours, its = pty.openpty()
    with subprocess.Popen([build.program("driveguardctl"), "-c", d.conf, "tables", "init"],
                          stdin=its, stdout=its, env=d.env) as p:
        os.close(its)
        said = b""
        with contextlib.suppress(OSError):  # how the end of a terminal is told
            while more := os.read(ours, 4096):
                said += more
                if said.endswith(b"[y/N] "):
                    os.write(ours, reply)
    os.close(ours)
    return p.returncode, said.decode()


def made_by_and_by(t, proxy, d):
    """tables init adds the index, and waits for it. dynalite makes none of a table that is
    there, so the proxy says what DynamoDB would."""
    states, updates = ["CREATING", "ACTIVE"], []

    def update(x):
        updates.append(json.loads(x.request.split(b"\r\n\r\n", 1)[1]))
        body = b'{"TableDescription":{}}'
        x.reply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)

    def describe(x):
        head, body = x.pass_on()
        table = json.loads(body)["Table"]
        table["GlobalSecondaryIndexes"] = [
            {"IndexStatus": states[0] if len(states) == 1 else states.pop(0), **{
                k: u["GlobalSecondaryIndexUpdates"][0]["Create"][k]
                for k in ("IndexName", "KeySchema")}}
            for u in updates if u["TableName"] == table["TableName"]]
        body = json.dumps({"Table": table}).encode()
        x.reply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body)

    missing = f"{USERS}: index {INDEX}: missing"
    r = init(d)
    is_(r.returncode, 0, "without a terminal nothing is added")
    in_(missing, r.stdout, "it says that the index is missing")
    in_("tables init --add-indexes", r.stdout, "and which command adds it")
    code, said = asked_at_a_terminal(d, b"n\n")
    is_((code, said.count("Add it")), (0, 2), "at a terminal it asks, for each of the two")
    r = init(d, "--add-indexes")
    is_(r.returncode, 1, "a server that refuses")
    in_(f"index {INDEX} of table {USERS}: ", r.stderr, "is an error")
    proxy.on("UpdateTable", lambda x: update(x) or updates.clear())
    in_("is gone again", init(d, "--add-indexes").stderr, "and so is one that gives up")
    proxy.clear()
    is_(init(d, "--add-index").returncode, 2, "there is no other option")
    proxy.on("UpdateTable", update)
    proxy.on("DescribeTable", describe)
    r = init(d, "--add-indexes")
    is_(r.returncode, 0, "with the option")
    is_([u["TableName"] for u in updates], [USERS, "TrajectoryBatches-Neal"], "it adds both")
    in_(f"{USERS}: index {INDEX}: being made for 0 s", r.stdout, "says that it waits")
    in_(f"{USERS}: index {INDEX}: made", r.stdout, "and when it is ready")
    r = init(d, "--add-indexes")
    in_(f"{USERS}: index {INDEX}: ready", r.stdout, "once")
    is_(len(updates), 2, "no more")
    proxy.clear()


def no_folder(t, d):
    os.rename(d.path("spool/emails"), d.path("spool/emails.old"))
    os.mkdir(d.path("spool/emails"))
    before = scans(d)
    for n in (100, 101):
        is_(ask(d, f"email=driver{n}@example.com"), f"u{n}", "found all the same")
    is_(scans(d), before + 2, "each time by a reading")
    ok(d.lines("event=email_roll_not_kept"), "which the log explains")
    os.rmdir(d.path("spool/emails"))


def with_index(t, proxy, d):
    """What Query says of an index that is being made, and of one that is there."""
    proxy.forget()
    d.stop()
    proxy.on("Query", backfilling)
    d.start()
    is_(ask(d, "email=driver50@example.com"), "u50", "an index that is being made is none")
    proxy.clear()
    proxy.on("Query", status(400, "ValidationException"))
    d.stop()
    d.start()
    r = d.call("GET", "/analyze-driver", params={"QUERY_STRING": "email=driver51@example.com"})
    is_(r.status, 503, "another refusal is an error")
    proxy.clear()


def backfilling(x):
    body = (b'{"__type":"com.amazon.coral.validate#ValidationException","message":'
            b'"Cannot read from backfilling global secondary index: email-index"}')
    x.reply(b"HTTP/1.1 400 Bad Request\r\nContent-Length: %d\r\n\r\n" % len(body), body)


def main(folder):
    t = Tables(folder)
    proxy = FaultProxy(t.endpoint)
    t.put(*[user(n) for n in range(MANY)],
          {"user_id": "mixed", "email": "Mixed@Example.com"}, {"user_id": "without"})
    with Daemon({"records.url": "dynamodb:", "dynamodb.endpoint": proxy.url,
                 "dynamodb.region": t.env["AWS_REGION"]}, workers=2, env=t.env) as d:
        for test in (warned, read_once, new_ones, changed_ones, several, together, no_folder):
            with subtest(test.__name__):
                test(t, d)
        for test in (with_index, in_vain, made_by_and_by):
            with subtest(test.__name__):
                test(t, proxy, d)
    with subtest("the setting is empty"):
        with Daemon({"records.url": "dynamodb:", "dynamodb.endpoint": t.endpoint,
                     "dynamodb.region": t.env["AWS_REGION"], "dynamodb.email_index": ""},
                    workers=1, env=t.env) as d:
            is_(ask(d, "email=driver7@example.com"), "u7", "found")
            is_(scans(d), 1, "by a reading")
            ready(d, "dynamodb.email_index is empty")


with tempfile.TemporaryDirectory(prefix="dg-emails-") as folder:
    try:
        main(folder)
    finally:
        subprocess.run([DYNALITE, "down", folder], check=False)
done()

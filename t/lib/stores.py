"""stores.py - the two pairs of stores that a stack may have, looked into from outside.

    dir   objects in a folder, records in SQLite
    s3    objects in a bucket of Ceph's gateway, records in tables of dynalite

DG_STORES chooses (default dir). Both have the same methods, so that one test serves
both: what is stored (keys, get, put, delete, record, image), and a store that refuses
or a worker that dies in the midst of a write (refuse, heal, crash, crashed).

The two servers are those of the folder $DG_AWS (packaging/test starts them once for
all), or are started for this test alone. Each stack has a bucket and tables of its own.
"""

import atexit
import contextlib
import fcntl
import glob
import hashlib
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import uuid

import background
import dynamo
import s3
import tap
import trips
from faultproxy import FaultProxy, before, between, held, silence, status
from process import wait_for

LIB = os.path.dirname(os.path.abspath(__file__))
TABLES = {"users": ("user_id", "email_index", ["email"]),
          "trips": ("trip_id", None, []),
          "batches": ("batch_id", "batches_index", ["user_id", "upload_timestamp"]),
          "summaries": ("trip_id", None, [])}
INDEXES = {"email_index": "email-index",
           "batches_index": "user_id-upload_timestamp-index"}


def chosen():
    """dir or s3."""
    return os.environ.get("DG_STORES") or "dir"


def of_kind(kind=None):
    """The class of that kind, or of the chosen one."""
    return {"dir": Files, "s3": Aws}[kind or chosen()]


def _overwrite(path, body):
    """Other bytes of the same size and time."""
    at = os.stat(path)
    with open(path, "r+b") as f:
        f.write(body)
    os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))


def _hollow(path):
    """Zeros instead of the file's bytes, under their ETag, which the service believes for
    as long as size and time are those that stand with it; the bytes."""
    at = os.stat(path)
    with open(path, "rb") as f:
        body = f.read()
    etag = hashlib.md5(body).hexdigest()
    seconds, ns = divmod(at.st_mtime_ns, 10 ** 9)
    os.setxattr(path, "user.dg.etag", f"{etag} {len(body)} {seconds}.{ns:09}".encode())
    _overwrite(path, bytes(len(body)))
    return body


class Files:
    """A folder and a database, in the stack's folder."""

    kind = "dir"
    removes = True  # a finalize removes the older object of its trip by itself
    crashes = ["dir.put.before_rename", "dir.put.after_rename"]
    env = {}

    def __init__(self, stack):
        self.stack = stack
        self.objects = os.path.join(stack.dir, "objects")
        self.records = os.path.join(stack.dir, "records.db")
        os.mkdir(self.objects)
        self.settings = {"objects.url": "file://" + self.objects,
                         "records.url": "sqlite://" + self.records}

    def _path(self, key):
        return os.path.join(self.objects, key)

    def keys(self, prefix=""):
        """Of all objects that start so, sorted."""
        found = glob.glob(self.objects + "/**/*.json.gz", recursive=True)
        keys = [os.path.relpath(p, self.objects) for p in found]
        return sorted(k for k in keys if k.startswith(prefix))

    def get(self, key):
        """The bytes as stored, or None."""
        try:
            with open(self._path(key), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return None

    def put(self, key, body):
        os.makedirs(os.path.dirname(self._path(key)), exist_ok=True)
        with open(self._path(key), "wb") as f:
            f.write(body)

    def delete(self, key):
        os.unlink(self._path(key))

    @contextlib.contextmanager
    def unreadable(self, prefix):
        """What lies there is listed as ever, but its bytes are nonsense."""
        paths = [self._path(key) for key in self.keys(prefix)]
        kept = [(path, _hollow(path)) for path in paths]
        try:
            yield
        finally:
            for path, body in kept:
                _overwrite(path, body)

    def _database(self):
        return sqlite3.connect(f"file:{self.records}?mode=ro", uri=True, timeout=10)

    def record(self, trip_id):
        """The trip's record, or None."""
        db = self._database()
        try:
            db.row_factory = sqlite3.Row
            row = db.execute("select * from trips where trip_id = ?",
                             (trip_id,)).fetchone()
            return dict(row) if row else None
        finally:
            db.close()

    def image(self):
        """All records and the objects' keys, as something to compare."""
        db = self._database()
        try:
            return list(db.iterdump()), self.keys()
        finally:
            db.close()

    # ---- another hand in the database ----

    def _change(self, statement, *values):
        db = sqlite3.connect(self.records, timeout=10)
        try:
            with db:
                db.execute(statement, values)
        finally:
            db.close()

    def change_trip(self, trip_id, **fields):
        """Sets fields of the record; None takes one away."""
        names = ", ".join(f"{name} = ?" for name in fields)
        self._change(f"update trips set {names} where trip_id = ?",
                     *fields.values(), trip_id)

    def change_user(self, user_id, **fields):
        """Sets fields of the record, as texts."""
        names = ", ".join(f"{name} = ?" for name in fields)
        self._change(f"update users set {names} where user_id = ?",
                     *fields.values(), user_id)

    def remove_user(self, user_id):
        """As the functions before us delete an account."""
        self._change("delete from users where user_id = ?", user_id)

    @contextlib.contextmanager
    def records_away(self):
        """No record can be read or written, by the stack's first host at least."""
        point = "records.fail.always"
        self.stack.fault(point, "fail")
        try:
            yield
        finally:
            self.stack.fault_clear()

    def spoil_batches(self, trip):
        """The deltas of all its batches become unreadable."""
        self._change("update batches set deltas = '[{' where trip_id = ?",
                     trip["trip_id"])

    # ---- faults: of the stack's first host ----

    def refuse(self, what):
        """put or list: the object store refuses these from now on."""
        self.stack.fault(f"dir.{what}.fail.always", "fail")

    def heal(self):
        self.stack.fault_clear()

    def crash(self, step):
        """A worker dies when it comes to this step of a write."""
        self.stack.fault(step, "crash")

    def crashed(self, step):
        return self.stack.fault_came(step)

    def held_put(self, call, *args):
        """As drivers.held: the call, stopped before its trip object is there."""
        return background.held(self.stack, "dir.put.before_rename", call, *args)

    def hold_summary(self):
        """The next reader stops when it has the listing and not yet the summary.
        Two calls: one waits until it is there, one lets it on."""
        point = "dir.get.fail"
        self.stack.fault(point, "hold")
        return (lambda: self.stack.fault_taken(point),
                lambda: self.stack.fault_go(point))

    @contextlib.contextmanager
    def puts_wait(self):
        """The driver's writes wait for as long as the block runs."""
        with open(self._path(f"users/{trips.USER}/.lock")) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def close(self):
        pass


def missing():
    """What the two servers lack on this machine, or None."""
    for name in ("radosgw", "ceph-mon", "ceph-osd", "node"):
        if not shutil.which(name):
            return name
    home = os.environ.get("DYNALITE_HOME", "/nonexistent")
    if not os.path.exists(home + "/node_modules/dynalite/cli.js"):
        return "npm's dynalite (DYNALITE_HOME)"
    return None


class Servers:
    """The two servers: started when first needed, unless they run already."""

    def __init__(self):
        self.folder = os.environ.get("DG_AWS")
        if not self.folder:
            lacking = missing()
            if lacking:
                tap.skip_all(f"needs {lacking}")
            self.folder = tempfile.mkdtemp(prefix="dg-aws-")
            atexit.register(self._stop)
            self._each("up")
        self.env = {}
        for name in ("rgw", "dynalite"):
            with open(os.path.join(self.folder, name, "env")) as f:
                self.env.update(line.rstrip("\n").split("=", 1) for line in f)

    def _each(self, what):
        for name in ("rgw", "dynalite"):
            subprocess.run([os.path.join(LIB, name + ".sh"), what,
                            os.path.join(self.folder, name)], check=True,
                           stdout=subprocess.DEVNULL)

    def _stop(self):
        self._each("down")
        shutil.rmtree(self.folder, ignore_errors=True)


_servers = None


def servers():
    global _servers
    _servers = _servers or Servers()
    return _servers


class Aws:
    """A bucket and tables. With a proxy (Stack(proxy=True)) before each server:
    objects_proxy, records_proxy."""

    kind = "s3"
    crashes = ["before the PUT", "after the PUT"]

    def __init__(self, stack):
        self.stack = stack
        name = "t-" + uuid.uuid4().hex[:12]
        env = servers().env
        self.env = {k: v for k, v in env.items() if k.startswith("AWS_")}
        self.endpoint = env["DYNAMODB_ENDPOINT"]
        self.bucket = s3.Bucket(env["S3_ENDPOINT"], name, env["AWS_ACCESS_KEY_ID"],
                                env["AWS_SECRET_ACCESS_KEY"], env["AWS_REGION"])
        self.bucket.make()
        # Ceph's gateway learnt it between 18 and 20.
        self.removes = "If-Match on DELETE" in self.bucket.keeps()
        self.tables = {t: f"{name}-{t}" for t in TABLES}
        for table in TABLES:
            self.make_table(table)
        self.objects_proxy = self.records_proxy = None
        if stack.proxied:
            self.objects_proxy = FaultProxy(env["S3_ENDPOINT"])
            self.records_proxy = FaultProxy(self.endpoint)
        self.settings = {
            "objects.url": "s3://" + name, "records.url": "dynamodb:",
            "s3.region": env["AWS_REGION"], "dynamodb.region": env["AWS_REGION"],
            "s3.endpoint": (self.objects_proxy.url if stack.proxied
                            else env["S3_ENDPOINT"]),
            "dynamodb.endpoint": (self.records_proxy.url if stack.proxied
                                  else self.endpoint),
            **{f"dynamodb.{t}_table": n for t, n in self.tables.items()},
        }

    def make_table(self, table):
        """One of TABLES, as the service expects it."""
        key, index, keys = TABLES[table]
        dynamo.make_table(self.endpoint, self.tables[table], key,
                          INDEXES.get(index), keys)

    def keys(self, prefix=""):
        return self.bucket.keys(prefix)

    def get(self, key):
        return self.bucket.get(key)

    def put(self, key, body):
        self.bucket.put(key, body)

    def delete(self, key):
        self.bucket.delete(key)

    @contextlib.contextmanager
    def unreadable(self, prefix):
        self.objects_proxy.on("GET", status(500), key=prefix)
        try:
            yield
        finally:
            self.objects_proxy.clear()

    def record(self, trip_id):
        item = dynamo.get(self.endpoint, self.tables["trips"], trip_id=trip_id)
        return item and {"analysis_status": None, "analysis_key": None,
                         "revision": 0, **item}

    def user(self, user_id):
        """The user's item, or None."""
        return dynamo.get(self.endpoint, self.tables["users"], user_id=user_id)

    def image(self):
        items = [(t, sorted(repr(sorted(i.items())) for i in dynamo.scan(
            self.endpoint, name))) for t, name in self.tables.items()]
        return items, self.keys()

    def _update(self, table, key, fields):
        names = {f"#{i}": name for i, name in enumerate(fields)}
        sets = [f"#{i} = :{i}" for i, v in enumerate(fields.values()) if v]
        gone = [f"#{i}" for i, v in enumerate(fields.values()) if not v]
        more = {}
        if sets:
            more["ExpressionAttributeValues"] = {
                f":{i}": v for i, v in enumerate(fields.values()) if v}
        dynamo.call(self.endpoint, "UpdateItem", TableName=self.tables[table], Key=key,
                    ExpressionAttributeNames=names, UpdateExpression=" ".join(
                        word + " " + ", ".join(parts) for word, parts in
                        (("SET", sets), ("REMOVE", gone)) if parts), **more)

    def change_trip(self, trip_id, **fields):
        self._update("trips", {"trip_id": {"S": trip_id}}, {
            name: v if v is None else {"N": str(v)} if isinstance(v, int) else {"S": v}
            for name, v in fields.items()})

    def change_user(self, user_id, **fields):
        self._update("users", {"user_id": {"S": user_id}},
                     {name: {"S": v} for name, v in fields.items()})

    def remove_user(self, user_id):
        dynamo.call(self.endpoint, "DeleteItem", TableName=self.tables["users"],
                    Key={"user_id": {"S": user_id}})

    @contextlib.contextmanager
    def records_away(self):
        self.records_proxy.on("*", status(500))
        try:
            yield
        finally:
            self.records_proxy.clear()

    def spoil_batches(self, trip):
        for batch in trip["batches"]:
            self._update("batches", {"batch_id": {
                "S": f"{trip['trip_id']}_batch_{batch['batch_number']}"}},
                {"deltas": {"M": {"no": {"S": "list"}}}})

    @contextlib.contextmanager
    def held_put(self, call, *args):
        started, go = threading.Event(), threading.Event()
        self.objects_proxy.on("PUT", held(started, go), times=1, key="/trips/")
        stopped = background.Background(call, *args)
        if not started.wait(20):
            raise TimeoutError("no PUT came")
        try:
            yield stopped
        finally:
            go.set()
            stopped.join(60)

    def hold_summary(self):
        started, go, proxy = threading.Event(), threading.Event(), self.objects_proxy
        passed = len(proxy.seen)
        proxy.on("GET", held(started, go), times=1, key="/summary")

        def taken():
            if not started.wait(20):
                raise TimeoutError("nobody wants the summary")
            wait_for("the listing", lambda: any(
                x.name == "LIST" and x.ended for x in proxy.seen[passed:]))
        return taken, go.set

    @contextlib.contextmanager
    def puts_wait(self):
        over = threading.Event()
        self.objects_proxy.on("PUT", silence(over))
        try:
            yield
        finally:
            self.objects_proxy.clear()
            over.set()

    def refuse(self, what):
        self.objects_proxy.on(what.upper(), status(503, "SlowDown"))

    def heal(self):
        self.objects_proxy.clear()

    def crash(self, step):
        fault = before if step == "before the PUT" else between
        self.objects_proxy.on("PUT", fault(self._kill_busy), times=1, key="/trips/")

    def crashed(self, step):
        return not self.objects_proxy.waiting()

    def _kill_busy(self):
        """The worker whose request we hold."""
        for worker in self.stack.stats()["workers"]:
            if worker["role"] == "worker" and worker["state"] == "busy":
                os.kill(worker["pid"], signal.SIGKILL)

    def close(self):
        for proxy in (self.objects_proxy, self.records_proxy):
            if proxy:
                proxy.down()

"""sides.py - who is compared: the service, and the yardsticks that a user would write
instead of it, on the same nginx, Redis and disk."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess

import client
import fleet
import harness
import load
import rows
from figures import OURS
from process import Process, read, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
YARDSTICKS = os.path.join(HERE, "yardsticks")
START_S = 30

NODE = 20  # the oldest that these take
NPM = ("fastify@5.12.8", "better-sqlite3@12.11.1", "ioredis@5.11.1")

# As nginx/fastcgi.conf has it for FastCGI, word for word where the word exists; and kept
# connections, which Node has the less work with.
UPSTREAM = """
upstream %(name)s {
    server 127.0.0.1:%(port)d;
    keepalive 64;
}
"""
LOCATION = """
location ^~ /%(name)s/ {
    proxy_pass http://%(name)s/;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header X-Request-Id $request_id;
    proxy_request_buffering on;
    proxy_buffering on;
    proxy_buffer_size 64k;
    proxy_buffers 16 64k;
    proxy_busy_buffers_size 256k;
    proxy_max_temp_file_size 0;
    proxy_connect_timeout 5s;
    proxy_send_timeout 30s;
    proxy_read_timeout 35s;
    proxy_next_upstream off;
}
"""


# ---- what the yardsticks need ----

def _node_version():
    return subprocess.run(["node", "--version"], check=True, text=True,
                          capture_output=True).stdout.strip()


def missing():
    """What this machine lacks for them, or None."""
    for name, package in (("node", f"nodejs, {NODE} or later"), ("npm", "npm"),
                          ("gunicorn", "gunicorn"), ("wrk", "wrk"), ("nginx", "nginx"),
                          ("redis-server", "redis-server")):
        if not shutil.which(name):
            return package
    if int(_node_version().lstrip("v").partition(".")[0]) < NODE:
        return f"node {NODE} or later (this is {_node_version()})"
    for module in ("flask", "redis", "gunicorn", "boto3"):
        if subprocess.run(["/usr/bin/python3", "-c", f"import {module}"],
                          capture_output=True).returncode:
            return f"python3-{module}" if module != "gunicorn" else module
    return None


def versions():
    """Of what the yardsticks are made of, for the result."""
    flask = subprocess.run(
        ["/usr/bin/python3", "-c", "import flask, gunicorn, platform; "
         "print(platform.python_version(), flask.__version__, gunicorn.__version__)"],
        check=True, text=True, capture_output=True).stdout.split()
    return {"node": _node_version(), "npm": list(NPM),
            **dict(zip(("python", "flask", "gunicorn"), flask))}


def npm_install(folder):
    """Node's packages, unless they are there. Scripts of packages are not run, but for
    better-sqlite3's, which fetches or builds its library."""
    done = os.path.join(folder, "installed")
    if read(done).split() == list(NPM):
        return
    os.makedirs(folder, exist_ok=True)
    print("npm: fetching and building, some 2 minutes ...", flush=True)
    cache = ["--cache", os.path.join(folder, "cache")]
    package = os.path.join(folder, "node_modules", "better-sqlite3")
    for argv in (["npm", "install", "--prefix", folder, *cache, "--ignore-scripts",
                  "--no-audit", "--no-fund", "--save-exact", *NPM],
                 ["npm", "--prefix", package, *cache, "run", "install"]):
        run = subprocess.run(argv, text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
        if run.returncode:
            raise RuntimeError(f"{' '.join(argv)}: {run.returncode}\n{run.stdout[-4000:]}")
    with open(done, "w") as f:
        f.write("\n".join(NPM) + "\n")


# ---- the yardsticks' processes ----

class Yardstick(Process):
    """One of them: a server on a port of its own, with a database in `folder`."""

    def __init__(self, name, folder, argv, env):
        self.name = name
        self.port = None
        self.db = os.path.join(folder, name + ".db")
        with contextlib.closing(sqlite3.connect(self.db)) as db:
            db.execute("pragma journal_mode = wal")
            with open(os.path.join(YARDSTICKS, "schema.sql")) as f:
                db.executescript(f.read())
        super().__init__(argv(self.db), os.path.join(folder, name + ".log"),
                         {"DATABASE": self.db, **env})

    def start(self):
        super().start()
        self.port = wait_for(f"{self.name}'s port", self._port, START_S)
        wait_for(self.name, self._answers, START_S)

    def _port(self):
        if not self.alive():
            raise RuntimeError(f"{self.name} ended:\n{self.tail()}")
        found = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", read(self.log))
        return found and int(found[1])

    def _answers(self):
        if not self.alive():
            raise RuntimeError(f"{self.name} ended:\n{self.tail()}")
        try:
            with client.Client(self.port, timeout=START_S) as c:
                return c.http("GET", "/analyze-driver?user_id=nobody").status == 404
        except ConnectionError:
            return False


def node(name, folder, npm, redis, *form):
    return Yardstick(name, folder, lambda db: [
        "node", os.path.join(YARDSTICKS, "node.js"), db, redis.socket, *form],
        {"NODE_PATH": os.path.join(npm, "node_modules"), "NODE_ENV": "production"})


def python(name, folder, redis, workers, more=None):
    return Yardstick(name, folder, lambda db: [
        "/usr/bin/python3", "-B", "-m", "gunicorn", "--workers", str(workers),
        "--bind", "127.0.0.1:0", "--chdir", YARDSTICKS, "app:app"],
        {"REDIS_SOCKET": redis.socket, **(more or {})})


# ---- the sides ----

class Side:
    """Somebody who is measured. url: before the paths of the calls; db: SQLite; host: our
    service's, else None."""

    def __init__(self, name, url, costs, db, host=None):
        self.name, self.url, self.costs, self.db, self.host = name, url, costs, db, host
        self.original = None  # a trip with its uploads, of which others are made

    def settle(self):
        """What the last call left to be done is done."""
        if self.host:
            load.wait_idle(self.host)

    def client(self, timeout=60):
        """A kept connection, and what goes before its paths."""
        port, _, path = self.url.removeprefix("http://127.0.0.1:").partition("/")
        return client.Client(int(port), timeout), "/" + path if path else ""

    def prepare(self, trip, trips):
        """Trips [(user id, trip id)] that only need their finalize; trip: requests of
        one like them."""
        if not self.original:
            c, before = self.client()
            with c:
                for batch in trip["batches"]:
                    r = c.http("POST", before + "/store-trajectory-batch", batch)
                    if r.status != 200:
                        raise RuntimeError(f"{self.name}: {r}")
            self.original = trip["finalize"]["trip_id"]
        rows.copy_trips(self.db, self.original, trips)

    def finalized(self, word):
        """How many trips with this word in their ids have an analysis."""
        if self.host:
            return rows.count(self.db, "select count(*) from trips where trip_id like ? "
                              "and analysis_status = 'stored'", f"%{word}%")
        return rows.count(self.db, "select count(*) from trips where trip_id like ? "
                          "and status = 'completed'", f"%{word}%")


class Box:
    """The sides, running; give() makes drivers whom all have."""

    def __init__(self, stack, sides, tables):
        self.stack, self.sides = stack, sides
        self.tables = tables  # databases that keep analyses as rows
        self.fleet = None

    def started(self, analyses=None):
        self.fleet = fleet.Fleet(self.stack, analyses)
        return self

    def give(self, user_id, trips):
        self.fleet.give(user_id, trips)
        for db in self.tables:
            rows.put_analyses(db, user_id, self.fleet.analyses_of(user_id, trips))

    def driver(self, trips):
        user_id, = self.fleet.new_users(1)
        self.give(user_id, trips)
        return user_id

    def forget(self):
        self.stack.redis("FLUSHALL")


def _costs(stack, *names_processes, nginx=True):
    processes = {**({"nginx": stack.nginx} if nginx else {}),
                 **dict(names_processes), "redis": stack.redis}
    return load.Costs({name: lambda p=p: p.pid for name, p in processes.items()})


def ours(stack, db):
    return Side(OURS, stack.url, load.Meter(stack.hosts[0]), db, stack.hosts[0])


def _start(stack, yardsticks, stop):
    """Redis, the yardsticks, and nginx before them and the service."""
    stack.redis.start()
    for y in yardsticks:
        stop.callback(y.stop)
        y.start()
    for template, member in ((UPSTREAM, "more_http"), (LOCATION, "more")):
        setattr(stack.nginx, member, "".join(
            template % {"name": y.name, "port": y.port} for y in yardsticks))
    for host in stack.hosts:
        host.start()


def _sides_of(stack, yardstick, words, direct):
    """Of a yardstick: by itself, and behind nginx."""
    found = []
    if direct:
        found.append(Side(words, f"http://127.0.0.1:{yardstick.port}",
                          _costs(stack, ("server", yardstick), nginx=False), yardstick.db))
    found.append(Side(words + ", nginx", f"{stack.url}/{yardstick.name}",
                      _costs(stack, ("server", yardstick)), yardstick.db))
    return found


@contextlib.contextmanager
def on_one_box(settings, workers, npm):
    """Everything on this machine: records and analyses on its disk."""
    with harness.Stack(settings, workers=workers, kind="dir", start=False) as stack, \
            contextlib.ExitStack() as stop:
        single = node("node", stack.dir, npm, stack.redis)
        grouped = node("grouped", stack.dir, npm, stack.redis, "grouped")
        flask = python("python", stack.dir, stack.redis, workers)
        yardsticks = (single, grouped, flask)
        _start(stack, yardsticks, stop)
        yield Box(stack, [
            ours(stack, stack.stores.records),
            *_sides_of(stack, single, "Node", True),
            *_sides_of(stack, grouped, "Node, grouped", True),
            # gunicorn's manual wants nginx before it: its workers serve one
            # connection at a time and keep none.
            *_sides_of(stack, flask, "Python", False)],
            [y.db for y in yardsticks]).started()


@contextlib.contextmanager
def with_objects(settings, endpoint, analyses):
    """Records on this machine, analyses in a bucket at the endpoint; one worker each."""
    with harness.Stack(dict(settings, **{"s3.endpoint": endpoint}), workers=1, kind="s3",
                       start=False) as stack, contextlib.ExitStack() as stop:
        db = os.path.join(stack.dir, "records.db")
        stack.hosts[0].configure({"records.url": "sqlite://" + db})
        bucket = stack.stores.bucket
        flask = python("python", stack.dir, stack.redis, 1, {
            "BUCKET": bucket.name, "S3_ENDPOINT": endpoint,
            "AWS_ACCESS_KEY_ID": bucket.key_id, "AWS_SECRET_ACCESS_KEY": bucket.secret,
            "AWS_DEFAULT_REGION": bucket.region})
        _start(stack, [flask], stop)
        yield Box(stack, [ours(stack, db),
                          *_sides_of(stack, flask, "Python, boto3", False)],
                  []).started(analyses)

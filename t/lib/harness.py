"""harness.py - the whole service in a temporary folder, for one test.

    with Stack() as s:
        s.ctl("user", "put", s.write("users.json", trips.users()))
        s.http("POST", "/store-trajectory-batch", body).status
        s.fault("finalize_claimed", "crash")    # core/base/fault.h
        s.redis.pause(); s.redis.resume()
        s.service.kill(); s.service.start()

A Stack is one Redis, one pair of stores (stores.py: DG_STORES=dir or s3) and one or
more hosts (Stack(hosts=2)). A host is a
driveguard-fcgi from $DG_BUILD with its own spool, scoreboard and fault folder, and
an nginx with the project's own files before it; hosts share objects, records and
Redis, as machines of one installation do. Stack's http, ctl, fault, ... are
those of its first host.

Everything listens on unix sockets and one free port of 127.0.0.1 a host, so any
number of stacks run side by side. Leaving the `with` stops and removes all;
what the sanitizers reported makes the test fail then, and so does a service that does
not stop by itself. DG_KEEP=1 keeps the folder.
"""

import glob
import json
import os
import shutil
import subprocess
import tempfile

import client
import stores
import tap
# More than is used here: the tests need not know these modules apart.
from build import BUILD, SHARED, SRC, faults_built, need_faults, program  # noqa: F401
from build import sanitized  # noqa: F401
from faults import FaultPoints
from process import Nginx, Redis, Service, free_port, wait_for  # noqa: F401
from process import defects, read, sanitizer_env, write_conf


class Host(FaultPoints):
    def __init__(self, stack, name, settings):
        self.stack = stack
        self.dir = os.path.join(stack.dir, name)
        self.socket = os.path.join(self.dir, "fcgi.sock")
        self.status_socket = os.path.join(self.dir, "status.sock")
        self.spool = os.path.join(self.dir, "spool")
        self.faults = os.path.join(self.dir, "faults")
        self.files = os.path.join(self.dir, "files")
        self.conf = os.path.join(self.dir, "driveguard.conf")
        os.makedirs(self.spool)
        os.makedirs(self.faults)
        self.env = dict(stack.env, DRIVEGUARD_FAULTS=self.faults)
        self.settings = {
            "server.listen": self.socket,
            "server.status_listen": self.status_socket,
            "server.spool": self.spool,
            "server.scoreboard": os.path.join(self.dir, "scoreboard"),
            "server.workers": "2",
            **stack.stores.settings,
            "cache.url": ("unix://" + stack.redis.socket if stack.redis
                          else "none"),
            "cache.files": self.files,
            "log.level": "debug",
        }
        self.configure(settings)
        self.service = Service(self)
        self.nginx = Nginx(self)

    def configure(self, settings):
        """Changes settings ({"section.key": value}) in the file; the service
        sees them at its next start or hup()."""
        self.settings.update(settings)
        write_conf(self.conf, self.settings)

    def start(self):
        self.service.start()
        self.nginx.start()
        return self

    @property
    def url(self):
        return f"http://127.0.0.1:{self.nginx.port}"

    # ---- HTTP through nginx ----

    def http(self, method, path, body=None, headers=None, timeout=30):
        """One call on a connection of its own; see client.Client.http."""
        with self.client(timeout) as c:
            return c.http(method, path, body, headers)

    def client(self, timeout=30):
        """A kept connection."""
        return client.Client(self.nginx.port, timeout)

    def raw(self, data, timeout=10, shut=False):
        return client.raw(self.nginx.port, data, timeout, shut)

    def post(self, path, body, **kw):
        return self.http("POST", path, body, **kw)

    def get(self, path, headers=None, **kw):
        return self.http("GET", path, None, headers, **kw)

    def upload(self, trip):
        """All batches of a trip (trips.py), which must be taken."""
        with self.client() as c:
            for batch in trip["batches"]:
                r = c.http("POST", "/store-trajectory-batch", batch)
                assert r.status == 200, r

    def finalize(self, trip, timeout=30):
        return self.post("/finalize-trip", trip["finalize"], timeout=timeout)

    def driver(self, **params):
        """GET /analyze-driver with email=... or user_id=..."""
        return self.get("/analyze-driver" + client.query(**params))

    def stats(self):
        r = self.get("/stats")
        assert r.status == 200, r
        return r.json()

    def count(self, name):
        """One of the counters in them."""
        return self.stats()["counters"][name]

    def quiet(self, seconds=20):
        """Waits until no worker has work left for after its answer: until none
        is busy but those that a fault point holds."""
        if not self.service.alive():
            return

        def busy():
            return sum(w["role"] == "worker" and w["state"] == "busy"
                       for w in self.stats()["workers"])

        wait_for("idle workers", lambda: busy() <= self.held_points(), seconds)

    # ---- the operator's side ----

    def ctl(self, *args, check=True, timeout=60, settings=None):
        """driveguardctl -c CONF ARGS; the CompletedProcess, text captured.
        settings: other ones than the service's, for this command."""
        conf = self.conf
        if settings:
            conf = os.path.join(self.dir, "ctl.conf")
            write_conf(conf, {**self.settings, **settings})
        done = subprocess.run(
            [program("driveguardctl"), "-c", conf] + [str(a) for a in args],
            env=dict(os.environ, **self.env), text=True, timeout=timeout,
            stdin=subprocess.DEVNULL, capture_output=True)
        if check and done.returncode:
            raise RuntimeError(f"driveguardctl {args}: {done.returncode}\n"
                               f"{done.stdout}{done.stderr}")
        return done

    def log(self):
        """All that the service logged so far."""
        return read(self.service.log)


class Stack:
    """settings: {"section.key": value} for every host; workers: of each host;
    redis: None for a service without cache; save: Redis keeps a snapshot over
    restarts; start: False only makes the files (then call start()); kind: of the
    stores, if not as DG_STORES says; proxy: they may be made to fail (stores.py)."""

    def __init__(self, settings=None, hosts=1, workers=2, redis=True,
                 save=False, start=True, kind=None, proxy=False):
        self.dir = tempfile.mkdtemp(prefix="dg-", dir=os.environ.get("TMPDIR"))
        self.reports = os.path.join(self.dir, "sanitizer")
        os.mkdir(self.reports)
        self.proxied = proxy
        self.env = sanitizer_env(self.reports)
        self.hosts = []
        self.redis = self.stores = None
        self._settings = {"server.workers": str(workers), **(settings or {})}
        self._names = ["host%d" % i for i in range(hosts)]
        try:
            self.stores = stores.of_kind(kind)(self)
            self.env.update(self.stores.env)
            if redis:
                self.redis = Redis(self.dir, save)
            self.hosts = [Host(self, n, self._settings) for n in self._names]
            if start:
                self.start()
        except BaseException:
            self.close(failed=True)
            raise

    def start(self):
        if self.redis:
            self.redis.start()
        for host in self.hosts:
            host.start()
        return self

    def quiet(self, seconds=20):
        """Waits until no host has work left for after its answers."""
        for host in self.hosts:
            host.quiet(seconds)

    def __getattr__(self, name):
        # The first host stands for the stack in tests that need only one.
        if name.startswith("_") or name == "hosts" or not self.hosts:
            raise AttributeError(name)
        return getattr(self.hosts[0], name)

    def write(self, name, value):
        """A JSON file (bytes and str as they are) in the folder; its path."""
        path = os.path.join(self.dir, name)
        if not isinstance(value, (bytes, str)):
            value = json.dumps(value)
        if isinstance(value, str):
            value = value.encode()
        with open(path, "wb") as f:
            f.write(value)
        return path

    def users(self, users):
        """Takes the users in (the shape of golden/users.json)."""
        self.ctl("user", "put", self.write("users.json", users))

    def logs(self):
        """Everything that was logged, a heading a file."""
        parts = []
        for path in sorted(glob.glob(self.dir + "/**/*.log", recursive=True)):
            text = "".join(read(path).splitlines(True)[-60:])
            parts.append(f"==== {os.path.relpath(path, self.dir)}\n{text}")
        return "\n".join(parts)

    def close(self, failed=False):
        """Stops and removes all; failed: the test is failing anyway, and only
        what it left is cleared away."""
        try:
            for host in self.hosts:
                host.nginx.stop()
                if host.service.alive():
                    code = host.service.stop(30)
                    if not failed:
                        tap.is_(code, 0, "the service stops by itself")
                host.service.kill()
            found = defects(self.reports, *(h.service.log for h in self.hosts))
            if found:
                tap.fail("a process met a defect")
                for name, text in found.items():
                    tap.diag(f"{name}\n{text[:8000]}")
            if failed or found:
                tap.diag(self.logs())
        finally:
            for process in [p for h in self.hosts
                            for p in (h.nginx, h.service)] + [self.redis]:
                if process:
                    process.kill()
            if self.stores:
                self.stores.close()
            if os.environ.get("DG_KEEP"):
                tap.diag(f"kept: {self.dir}")
            else:
                shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(failed=kind is not None)

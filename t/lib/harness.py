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

import contextlib
import glob
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import client
import stores
import tap

SRC = os.environ.get("DG_SRC") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("DG_BUILD") or os.getcwd()
SHARED = os.environ.get("DRIVEGUARD_SHARED") or os.path.join(SRC, "..", "shared")


def program(name):
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        tap.skip_all(f"no {path}: set DG_BUILD to a build folder")
    return path


def faults_built():
    """Whether the build has fault points (--enable-faults)."""
    with open(os.path.join(BUILD, "config.h")) as f:
        return "#define DG_FAULTS 1" in f.read()


def need_faults():
    if not faults_built():
        tap.skip_all("the build has no fault points (--enable-faults)")


def wait_for(what, condition, seconds=20, pause=0.02):
    """condition() until it is true; its value. TimeoutError names `what`."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"waited {seconds} s for {what}")
        time.sleep(pause)


class Process:
    """A program in the foreground, its output in a file. It leads a session of
    its own, so that what it forked can be ended with it, and dies with the
    test even when that is killed."""

    def __init__(self, argv, log, env=None):
        self.argv = argv
        self.log = log
        self.env = dict(os.environ, **(env or {}))
        self.proc = None

    @property
    def pid(self):
        return self.proc.pid

    def start(self):
        assert not self.alive()
        with open(self.log, "ab") as out:
            self.proc = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--"] + self.argv,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=self.env, start_new_session=True)

    def alive(self):
        return self.proc is not None and self.proc.poll() is None

    def send(self, number):
        self.proc.send_signal(number)

    def stop(self, seconds=20, number=signal.SIGTERM):
        """Asks it to end; its exit code, or None when it had to be killed."""
        if self.proc is None:
            return 0
        if self.alive():
            self.send(signal.SIGCONT)
            self.send(number)
        try:
            return self.proc.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            self.kill()

    def kill(self):
        """SIGKILL for it and all it forked, as a power cut would."""
        if self.proc is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.proc.pid, signal.SIGKILL)
        self.proc.wait()

    def pause(self):
        """It hangs: connections are taken by the kernel, nothing answers."""
        os.killpg(self.proc.pid, signal.SIGSTOP)

    def resume(self):
        os.killpg(self.proc.pid, signal.SIGCONT)

    def tail(self, lines=30):
        with contextlib.suppress(FileNotFoundError):
            with open(self.log, errors="replace") as f:
                return "".join(f.readlines()[-lines:])
        return ""


class Redis(Process):
    """redis-server on a unix socket, nothing on disk unless save=True."""

    def __init__(self, folder, save=False):
        self.socket = os.path.join(folder, "redis.sock")
        keep = ["--dbfilename", "dump.rdb"] if save else ["--save", ""]
        super().__init__(
            ["redis-server", "--port", "0", "--unixsocket", self.socket,
             "--appendonly", "no", "--dir", folder] + keep,
            os.path.join(folder, "redis.log"))

    def start(self):
        super().start()
        wait_for("redis", self._ready)

    def _ready(self):
        if not self.alive():
            raise RuntimeError("redis-server ended:\n" + self.tail())
        with contextlib.suppress(OSError, RuntimeError):
            return self("PING") == b"PONG"

    def __call__(self, *args):
        """One command; replies as bytes, int, None or a list of them."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            s.connect(self.socket)
            parts = [a if isinstance(a, bytes) else str(a).encode()
                     for a in args]
            s.sendall(b"*%d\r\n" % len(parts) + b"".join(
                b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
            with s.makefile("rb") as f:
                return self._reply(f)

    def _reply(self, f):
        line = f.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else f.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._reply(f) for _ in range(int(rest))]
        raise RuntimeError(f"redis: {line!r}")


class Nginx(Process):
    """nginx with the files of nginx/ on a free port, which it keeps over
    restarts."""

    def __init__(self, host):
        self.host = host
        self.port = None
        self.more = ""  # locations beside the project's own, for start()
        self.dir = os.path.join(host.dir, "nginx")
        for sub in ("conf", "log", "tmp"):
            os.makedirs(os.path.join(self.dir, sub))
        self.error_log = os.path.join(self.dir, "log", "nginx-error.log")
        super().__init__(
            ["nginx", "-p", self.dir, "-c", "conf/nginx.conf",
             "-e", self.error_log], os.path.join(self.dir, "log", "out"))

    def start(self):
        for _ in range(20):
            if self._try_start(self.port or free_port()):
                return
        raise RuntimeError("nginx does not start:\n" + self.tail() +
                           _read(self.error_log))

    def _try_start(self, port):
        self._render(port)
        pidfile = os.path.join(self.dir, "nginx.pid")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(pidfile)
        super().start()
        # The pid file comes after the listening socket: another process on
        # the port is not taken for this one.
        wait_for("nginx", lambda: os.path.exists(pidfile) or not self.alive())
        if self.alive():
            self.port = port
            return True
        if "Address already in use" not in _read(self.error_log):
            raise RuntimeError("nginx ended:\n" + _read(self.error_log))
        return False

    def _render(self, port):
        subprocess.run(
            [os.path.join(SRC, "nginx", "render"),
             os.path.join(self.dir, "conf"), f"DIR={self.dir}",
             f"LISTEN=127.0.0.1:{port}",
             f"ACCESS_LOG={self.dir}/log/access.log",
             f"FCGI_SOCKET={self.host.socket}",
             f"STATUS_SOCKET={self.host.status_socket}",
             f"FILES={self.host.files}",
             # Started by root it would become nobody, who may not use the
             # service's socket.
             "USER=root root" if os.geteuid() == 0 else "USER="], check=True)
        site = os.path.join(self.dir, "conf", "driveguard", "site.conf")
        with open(site, "a") as f:
            f.write(self.more)


def free_port():
    """A port that is free now, below those of outgoing connections."""
    while True:
        port = random.randint(20000, 32000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                s.bind(("127.0.0.1", port))
                return port


def _read(path):
    with contextlib.suppress(FileNotFoundError):
        with open(path, errors="replace") as f:
            return f.read()
    return ""


def valgrind(reports):
    """The words before a program that has to run under valgrind
    (DG_VALGRIND=1); what it finds goes to the reports."""
    if not os.environ.get("DG_VALGRIND"):
        return []
    return ["valgrind", "-q", "--leak-check=full", "--error-exitcode=99",
            f"--log-file={reports}/valgrind.%p", "--"]


class Service(Process):
    """driveguard-fcgi: the master; its workers are its children."""

    def __init__(self, host):
        self.host = host
        super().__init__(
            valgrind(host.stack.reports) +
            [program("driveguard-fcgi"), "-c", host.conf],
            os.path.join(host.dir, "service.log"), host.env)

    def start(self, ready=True):
        """ready=False does not wait for the socket: for starts that fail."""
        super().start()
        if ready:
            wait_for("the service's socket", self._listening, 30)

    def _listening(self):
        if not self.alive():
            raise RuntimeError("driveguard-fcgi ended:\n" + self.tail())
        for path in (self.host.socket, self.host.status_socket):
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(5)
                try:
                    s.connect(path)
                except OSError:
                    return False
        return True

    def hup(self):
        """Asks for a reload; it is under way when this returns."""
        self.send(signal.SIGHUP)

    def children(self):
        """Process ids of workers and maintenance."""
        path = f"/proc/{self.pid}/task/{self.pid}/children"
        return [int(p) for p in _read(path).split()]


class Host:
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
        self._write_conf(self.conf, self.settings)

    def _write_conf(self, path, settings):
        sections = {}
        for name, value in settings.items():
            section, key = name.split(".", 1)
            sections.setdefault(section, []).append(f"{key} = {value}\n")
        with open(path, "w") as f:
            for section, lines in sections.items():
                f.write(f"[{section}]\n" + "".join(lines))

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
            self._write_conf(conf, {**self.settings, **settings})
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
        return _read(self.service.log)

    # ---- fault points (core/base/fault.h) ----

    def fault(self, name, text):
        """Sets one: complete when it appears, as the process may be looking."""
        path = os.path.join(self.faults, name)
        with open(os.path.join(self.faults, "." + name), "w") as f:
            f.write(text + "\n")
        os.rename(f.name, path)

    def fault_taken(self, name, seconds=20):
        """Waits until a process has come by and obeys it."""
        path = os.path.join(self.faults, name)
        wait_for(f"fault point {name}", lambda: not os.path.exists(path), seconds)

    def fault_go(self, name):
        """Lets a process on that holds there."""
        with open(os.path.join(self.faults, name + ".go"), "w"):
            pass

    def held_points(self):
        """How many processes hold at a fault point now."""
        return sum(_read(path).startswith("hold") and
                   not os.path.exists(path.removesuffix(".taken") + ".go")
                   for path in glob.glob(os.path.join(self.faults, "*.taken")))

    def fault_clear(self):
        for path in glob.glob(os.path.join(self.faults, "*")):
            os.unlink(path)


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
        self.env = {
            "ASAN_OPTIONS": f"log_path={self.reports}/asan:detect_leaks=1:"
                            "detect_stack_use_after_return=1",
            "UBSAN_OPTIONS": f"log_path={self.reports}/ubsan:"
                             "print_stacktrace=1:halt_on_error=1",
        }
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
            text = "".join(_read(path).splitlines(True)[-60:])
            parts.append(f"==== {os.path.relpath(path, self.dir)}\n{text}")
        return "\n".join(parts)

    def sanitizer_reports(self):
        """What the sanitizers or valgrind wrote, by file."""
        return {os.path.basename(p): _read(p)
                for p in glob.glob(self.reports + "/*") if os.path.getsize(p)}

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
            reports = self.sanitizer_reports()
            if reports:
                tap.fail("sanitizer reports")
                for name, text in reports.items():
                    tap.diag(f"{name}\n{text[:8000]}")
            if failed or reports:
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

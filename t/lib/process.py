"""process.py - programs that a test starts beside itself: Redis, nginx, the service."""

import contextlib
import glob
import os
import random
import signal
import socket
import subprocess
import time

import build


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


def read(path):
    """The text of a file, "" without it."""
    with contextlib.suppress(FileNotFoundError):
        with open(path, errors="replace") as f:
            return f.read()
    return ""


def free_port():
    """A port that is free now, below those of outgoing connections."""
    while True:
        port = random.randint(20000, 32000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                s.bind(("127.0.0.1", port))
                return port


def children(pid):
    """Process ids of a process's children."""
    return [int(p) for p in read(f"/proc/{pid}/task/{pid}/children").split()]


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


# Another server of Redis' family, to be tried (README).
REDIS = os.environ.get("DG_REDIS") or "redis-server"


class Redis(Process):
    """redis-server on a unix socket (and a port of 127.0.0.1, if one is given),
    nothing on disk unless save=True."""

    def __init__(self, folder, save=False, port=0):
        self.socket = os.path.join(folder, "redis.sock")
        keep = ["--dbfilename", "dump.rdb"] if save else ["--save", ""]
        super().__init__(
            [REDIS, "--port", str(port), "--bind", "127.0.0.1",
             "--unixsocket", self.socket,
             "--appendonly", "no", "--dir", folder] + keep,
            os.path.join(folder, "redis.log"))

    def start(self):
        super().start()
        wait_for("redis", self._ready)

    def _ready(self):
        if not self.alive():
            raise RuntimeError(REDIS + " ended:\n" + self.tail())
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
        self.more_http = ""  # what stands beside the server, such as upstreams
        self.keeps, self.workers = True, 1  # connections to the service; processes
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
                           read(self.error_log))

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
        if "Address already in use" not in read(self.error_log):
            raise RuntimeError("nginx ended:\n" + read(self.error_log))
        return False

    def _render(self, port):
        subprocess.run(
            [os.path.join(build.SRC, "nginx", "render"),
             os.path.join(self.dir, "conf"), f"DIR={self.dir}",
             f"LISTEN=127.0.0.1:{port}",
             f"ACCESS_LOG={self.dir}/log/access.log",
             f"FCGI_SOCKET={self.host.socket}",
             f"STATUS_SOCKET={self.host.status_socket}",
             f"FILES={self.host.files}", f"WORKERS={self.workers}",
             # Started by root it would become nobody, who may not use the
             # service's socket.
             "USER=root root" if os.geteuid() == 0 else "USER="], check=True)
        if not self.keeps:
            path = os.path.join(self.dir, "conf", "driveguard", "fastcgi.conf")
            text = read(path).replace("fastcgi_keep_conn on;", "fastcgi_keep_conn off;")
            with open(path, "w") as f:
                f.write(text)
        for name, more in (("site", self.more), ("upstream", self.more_http)):
            with open(os.path.join(self.dir, "conf", "driveguard", name + ".conf"), "a") as f:
                f.write(more)


def sanitizer_env(reports):
    """Variables for a program whose sanitizers have to report into that folder."""
    return {
        "ASAN_OPTIONS": f"log_path={reports}/asan:detect_leaks=1:"
                        "detect_stack_use_after_return=1",
        "UBSAN_OPTIONS": f"log_path={reports}/ubsan:"
                         "print_stacktrace=1:halt_on_error=1",
    }


def defects(reports, *logs):
    """What the sanitizers or valgrind wrote into that folder, and assertions that
    failed according to those logs, by file: of a process whose death nobody missed, too."""
    found = {os.path.basename(p): read(p)
             for p in glob.glob(reports + "/*") if os.path.getsize(p)}
    for path in logs:
        failed = [line for line in read(path).splitlines(True) if ": Assertion `" in line]
        if failed:
            found[os.path.basename(path)] = "".join(failed)
    return found


def valgrind(reports):
    """The words before a program that has to run under valgrind
    (DG_VALGRIND=1); what it finds goes to the reports."""
    if not os.environ.get("DG_VALGRIND"):
        return []
    return ["valgrind", "-q", "--leak-check=full", "--error-exitcode=99",
            f"--log-file={reports}/valgrind.%p", "--"]


def write_conf(path, settings):
    """A settings file with {"section.key": value}."""
    sections = {}
    for name, value in settings.items():
        section, key = name.split(".", 1)
        sections.setdefault(section, []).append(f"{key} = {value}\n")
    with open(path, "w") as f:
        for section, lines in sections.items():
            f.write(f"[{section}]\n" + "".join(lines))


class Service(Process):
    """driveguard-fcgi: the master; its workers are its children."""

    def __init__(self, host):
        self.host = host
        super().__init__(
            valgrind(host.stack.reports) +
            [build.program("driveguard-fcgi"), "-c", host.conf],
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
        return children(self.pid)

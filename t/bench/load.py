"""load.py - makes the load (wrk) and measures what it costs the servers."""

import contextlib
import json
import os
import signal
import subprocess

import harness

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")
MIX_LIMIT_S = 600
IDLE_LIMIT_S = 60


# ---- processes ----

def _descendants(pid):
    found = [pid]
    for parent in found:
        try:
            with open(f"/proc/{parent}/task/{parent}/children") as f:
                found += [int(child) for child in f.read().split()]
        except FileNotFoundError:
            pass  # it ended meanwhile; its parent has its time
    return found


def _cpu_s(pid):
    """User and system time, with that of children who ended."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
    except FileNotFoundError:
        return 0.0
    return sum(int(ticks) for ticks in fields[11:15]) / TICK


def _fields(path):
    """Of a file of /proc with lines `Name: N kB`, in MB; none of a process that ended."""
    try:
        with open(path) as f:
            lines = [line.split() for line in f if line.endswith(" kB\n")]
    except (FileNotFoundError, ProcessLookupError):
        return {}
    return {name.rstrip(":"): int(kb) / 1024 for name, kb, _ in lines}


def memory_mb(pid):
    """(VmRSS, VmHWM) of a process."""
    fields = _fields(f"/proc/{pid}/status")
    return fields.get("VmRSS", 0.0), fields.get("VmHWM", 0.0)


def share_mb(pid):
    """What a process has, with its share of what it has together with others (Pss)."""
    return _fields(f"/proc/{pid}/smaps_rollup").get("Pss", 0.0)


class Costs:
    """CPU seconds of server processes with their children, by program. roots: {program:
    function that gives its process id}."""

    def __init__(self, roots):
        self.roots = roots

    def read(self):
        return {name: sum(_cpu_s(pid) for pid in _descendants(root()))
                for name, root in self.roots.items()}

    def since(self, before, count):
        """Microseconds a request, by program, since read() gave `before`."""
        after = self.read()
        return {name: (after[name] - before[name]) * 1e6 / max(1, count)
                for name in after}


class Meter(Costs):
    """Of all server processes of a host."""

    def __init__(self, host):
        self.host = host
        super().__init__({"nginx": lambda: host.nginx.pid,
                          "service": lambda: host.service.pid,
                          "redis": lambda: host.stack.redis.pid})

    def forget_peaks(self):
        """VmHWM begins anew."""
        for pid in self.host.service.children():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError), \
                    open(f"/proc/{pid}/clear_refs", "w") as f:
                f.write("5")

    def service_mb(self):
        """All processes of the service together."""
        return sum(map(share_mb, _descendants(self.host.service.pid)))

    def largest_worker_mb(self):
        """(VmRSS, VmHWM), each of the worker that has most of it."""
        sizes = [memory_mb(pid) for pid in self.host.service.children()]
        return max(rss for rss, _ in sizes), max(peak for _, peak in sizes)


def wait_idle(host):
    """Until no worker is at work: what an answer left to be done later is done."""
    harness.wait_for("idle workers", lambda: all(
        w["state"] == "idle" for w in host.stats()["workers"]
        if w["role"] == "worker"), IDLE_LIMIT_S)


# ---- wrk ----

def wrk(url, seconds, connections, script="wrk.lua", args=(), headers=None, threads=1):
    """What a script here (result.lua) says of so many connections, each of which asks
    again as soon as it is answered."""
    argv = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s",
            "--timeout", "30s", "-s", os.path.join(HERE, script)]
    for name, value in (headers or {}).items():
        argv += ["-H", f"{name}: {value}"]
    argv += [url, "--", *map(str, args)]
    out = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    line = next(li for li in out.splitlines() if li.startswith("RESULT "))
    return json.loads(line.partition(" ")[2])


def hammer(url, seconds, connections, headers=None, threads=1, refused=False):
    """The same request on so many connections. refused: every answer is
    expected to be a 4xx, else none is."""
    result = wrk(url, seconds, connections, headers=headers, threads=threads)
    wrong = result["lost"]
    wrong += abs(result["refused"] - (result["requests"] if refused else 0))
    if wrong or not result["requests"]:
        raise RuntimeError(f"{url}: {wrong} wrong answers: {result}")
    return result


def work_off(url, folder, clients):
    """Each client does its list once (mix.lua); (kind, status, from, to) of every
    call, times in microseconds."""
    argv = ["wrk", f"-t{clients}", f"-c{clients}", f"-d{MIX_LIMIT_S}s",
            "--timeout", "30s", "-s", os.path.join(HERE, "mix.lua"), url,
            "--", folder]
    proc = subprocess.Popen(argv, stdout=subprocess.DEVNULL)
    paths = [os.path.join(folder, f"times.{i}") for i in range(clients)]
    try:
        harness.wait_for("the clients of the mix", lambda: (
            all(map(os.path.exists, paths)) or proc.poll() is not None),
            MIX_LIMIT_S)
    finally:
        proc.send_signal(signal.SIGINT)  # it would sleep until its time is over
        proc.wait()
    calls = []
    for path in paths:
        with open(path) as f:
            for line in f:
                kind, status, began, ended = line.split()
                calls.append((kind, int(status), float(began), float(ended)))
    return calls

#!/usr/bin/python3
# Rule 5 over a failover: two Redis servers under a real Sentinel, and hosts that
# reach them by a name, as they would behind a proxy or a service's name. What was
# forgotten at a master never comes back, whatever roles the two have had.
import contextlib
import os
import socket
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import drivers
import harness
import process
import trips
from tap import done, is_, ok, subtest

TTL_S = 300


class Name:
    """Where a host finds Redis: each new connection goes to the server that
    `where` returns at that moment."""

    def __init__(self, where):
        self.where = where
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            near, _ = self.listening.accept()
            try:
                far = socket.create_connection(("127.0.0.1", self.where()))
            except OSError:
                near.close()
                continue
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._pass_on, args=(a, b),
                                 daemon=True).start()

    @staticmethod
    def _pass_on(a, b):
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
        for s in (a, b):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)


class Sentinel(process.Redis):
    """Watches one master; asked on its unix socket."""

    def __init__(self, folder, master):
        super().__init__(folder, port=process.free_port())
        conf = os.path.join(folder, "sentinel.conf")
        with open(conf, "w") as f:
            f.write(f"sentinel monitor it 127.0.0.1 {master} 1\n"
                    "sentinel down-after-milliseconds it 2000\n"
                    "sentinel failover-timeout it 4000\n"
                    f"bind 127.0.0.1\nport {self.argv[2]}\n"
                    f"unixsocket {self.socket}\ndir {folder}\n")
        self.argv = [process.REDIS, conf, "--sentinel"]

    def master(self):
        return int(self("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "it")[1])

    def fail_over(self):
        """False while one is under way, or no replica is good enough."""
        with contextlib.suppress(RuntimeError):
            return self("SENTINEL", "FAILOVER", "it") == b"OK"


def replication(redis):
    return dict(line.split(":", 1) for line in
                redis("INFO", "replication").decode().splitlines()
                if ":" in line)


def read(host):
    return host.driver(email=trips.EMAIL)


def trips_of(host):
    return read(host).json()["total_trips"]


def token(redis):
    return redis("GET", "dg:{%s}:token" % trips.USER)


def is_copy(redis):
    now = replication(redis)
    return now["role"] == "slave" and now["master_link_status"] == "up"


with contextlib.ExitStack() as all_of_it:
    s = harness.Stack(hosts=2, workers=1, redis=False, start=False,
                      settings={"maintenance.interval": "100ms",
                                "cache.ttl": f"{TTL_S}s"})
    all_of_it.push(s)
    ports = process.free_port(), process.free_port()
    redis = []
    for name, port in zip("ab", ports):
        folder = os.path.join(s.dir, name)
        os.mkdir(folder)
        redis.append(process.Redis(folder, port=port))
    a, b = redis
    b.argv += ["--replicaof", "127.0.0.1", str(ports[0])]
    os.mkdir(os.path.join(s.dir, "sentinel"))
    sentinel = Sentinel(os.path.join(s.dir, "sentinel"), ports[0])
    for server in (a, b, sentinel):
        all_of_it.callback(server.kill)
        server.start()
    here, there = s.hosts
    stuck = []                          # where the other host's name is stuck
    names = (Name(sentinel.master),
             Name(lambda: stuck[0] if stuck else sentinel.master()))
    for host, name in zip(s.hosts, names):
        host.configure({"cache.url": f"redis://127.0.0.1:{name.port}"})
    s.start()
    s.users([trips.user()])
    harness.wait_for("the replica", lambda: is_copy(b))
    harness.wait_for("Sentinel to know it", lambda: b"%d" % ports[1] in
                     b" ".join(sentinel("SENTINEL", "REPLICAS", "it")[0]))

    with subtest("a token that is removed while the replica does not hear of it"):
        drivers.drive(here, trips.trip(1))
        is_(trips_of(here), 1, "cached")
        old = token(a)
        harness.wait_for("the copy", lambda: token(b) == old)
        a("ACL", "SETUSER", "default", "-psync", "-sync")
        a("CLIENT", "KILL", "TYPE", "replica")
        is_(drivers.drive(here, trips.trip(2)).json()["analysis"]["status"],
            "stored", "stored, and removed at the master")
        is_(token(a), None, "there")
        is_(token(b), old, "and not at the replica")

    with subtest("the old master goes on for who is cut off with it"):
        is_(trips_of(there), 2, "(a copy of two trips there)")
        stuck.append(ports[0])
        ok(sentinel.fail_over(), "Sentinel begins")
        harness.wait_for("the failover",
                         lambda: sentinel.master() == ports[1])
        is_(replication(a)["role"], "master", "there are two masters")
        here.service.stop()             # whose connections are at the old one
        here.service.start()
        is_(token(b), old, "nobody has looked at the new one")
        is_(trips_of(there), 2, "who is cut off reads what the old one has")

    with subtest("an old master that became a replica is not read"):
        harness.wait_for("the old master to follow", lambda: is_copy(a), 30)
        is_(token(a), old, "what was removed there is there again")
        is_(trips_of(there), 2, "answered without it")
        ok("code=cache_replica" in there.log(), "and the log says why")
        is_(there.count("cache_errors") > 0, True, "as an error of the cache")

    with subtest("the roles change back"):
        a("ACL", "SETUSER", "default", "+psync", "+sync")
        harness.wait_for("the next failover", sentinel.fail_over, 30, 0.5)
        harness.wait_for("the roles to change back",
                         lambda: sentinel.master() == ports[0])
        is_(token(a), old, "with the old token")
        for host in (here, there):
            harness.wait_for("the cache", lambda: read(host).status == 200 and
                             host.get("/readyz").json()["backends"])
            is_(trips_of(host), 2, "which does not count")
        ok(token(a) != old, "another is set")
        hits = here.count("cache_hits")
        is_(trips_of(here), 2, "and used")
        is_(here.count("cache_hits"), hits + 1, "as a hit")
        ok("event=cache_history" in there.log(),
           "who was cut off says that something may be missing")

    with subtest("what changes from now on is seen by both"):
        drivers.drive(there, trips.trip(3))
        is_([trips_of(here), trips_of(there)], [3, 3], "at once")

done()

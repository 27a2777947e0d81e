#!/usr/bin/python3
# 4 workers, 32 or 64 clients that ask as fast as they can: each gets its share. (A
# figure of all answers together hides that some clients get hardly any.) With a web
# server that keeps its connections and one that does not, of one and more processes.
import os
import selectors
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import drivers
import harness
import trips
from tap import diag, done, is_, ok, subtest

SECONDS = 2
REQUEST = "GET %s/analyze-driver?email=%s&view=summary HTTP/1.1\r\nHost: fair\r\n\r\n"
# nginx would close a client's connection after 1,000 answers. Below /new it makes a
# connection to the service for each call, whatever it does elsewhere.
MORE = """
keepalive_requests 1000000000;
location /new/ {
    rewrite ^/new(/.*)$ $1 break;
    include driveguard/fastcgi.conf;
    fastcgi_pass unix:%s;
}
"""


class Client:
    def __init__(self, port, prefix):
        self.request = (REQUEST % (prefix, trips.EMAIL)).encode()
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.answers = 0
        self.waits_since = 0.0
        self.longest = 0.0
        self.ask()

    def ask(self):
        self.got = b""
        self.waits_since = time.monotonic()
        self.sock.sendall(self.request)

    def take(self):
        """True when an answer is whole; the next is asked for."""
        self.got += self.sock.recv(65536)
        head, end, body = self.got.partition(b"\r\n\r\n")
        if not end:
            return True
        if not head.startswith(b"HTTP/1.1 200 "):
            return False
        length = int(head.lower().split(b"content-length: ")[1].split()[0])
        if len(body) == length:
            self.answers += 1
            self.longest = max(self.longest,
                               time.monotonic() - self.waits_since)
            self.ask()
        return True


def check(s, count, new=0):
    poll = selectors.DefaultSelector()
    clients = [Client(s.nginx.port, "/new" if i < new else "") for i in range(count)]
    for c in clients:
        poll.register(c.sock, selectors.EVENT_READ, c)
    end = time.monotonic() + SECONDS
    good = True
    while good and time.monotonic() < end:
        for key, _ in poll.select(0.5):
            good = good and key.data.take()
    poll.close()
    for c in clients:  # whoever still waits has waited so long
        c.longest = max(c.longest, time.monotonic() - c.waits_since)
        c.sock.close()
    answers = [c.answers for c in clients]
    mean = sum(answers) / count
    ok(good, "every answer is a 200")
    ok(mean >= 1, "there were answers")
    diag(f"mean {mean:.0f}, least {min(answers)}")
    if not ok(min(answers) >= mean / 2, "each has at least half of the mean"):
        diag(f"by client {sorted(answers)}")
    if not ok(max(c.longest for c in clients) < SECONDS / 2, "nobody waited long"):
        diag(f"longest wait {max(c.longest for c in clients):.2f} s")


with harness.Stack(workers=4, start=False) as s:
    s.nginx.more = MORE % s.socket
    s.start()
    s.users([trips.user()])
    drivers.drive(s, trips.trip(1))
    is_(s.driver(email=trips.EMAIL, view="summary").status, 200, "hot")
    for keeps, processes, count in [(True, 1, 32), (True, 3, 64), (False, 1, 64)]:
        with subtest(f"{count} clients, {processes} processes, keeps: {keeps}"):
            s.nginx.stop()
            s.nginx.keeps, s.nginx.workers = keeps, processes
            s.nginx.start()
            check(s, count)
    s.nginx.stop()
    s.nginx.keeps, s.nginx.workers = True, 1
    s.nginx.start()
    for count, new in [(64, 32), (48, 16), (40, 32)]:
        with subtest(f"kept and new ones together: {new} of {count} new"):
            check(s, count, new)

done()

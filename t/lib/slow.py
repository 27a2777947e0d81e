"""slow.py - clients that take an answer slowly, many at once, and how others fare
meanwhile."""

import contextlib
import selectors
import socket
import threading
import time

PIECE = 1024  # bytes a turn of a slow reader
ROOM = 16384  # of its socket: what it has not asked for stays with the server


class Reader:
    """One of them: (family, address), what it sends, how it reads the length."""

    def __init__(self, target, request, parse):
        family, address = target
        self.parse = parse
        self.data = bytearray()
        self.over = None  # the socket ended or failed: why
        self.sock = socket.socket(family)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM)
        self.sock.settimeout(60)
        self.sock.connect(address)
        self.sock.sendall(request)

    def take(self, size):
        """One recv; False when it is over."""
        try:
            chunk = self.sock.recv(size)
        except TimeoutError:
            self.over = "nothing came for too long"
        except OSError as e:
            self.over = repr(e)
        else:
            self.data += chunk
            if not chunk:
                self.over = "end"
        return self.over is None

    def close(self):
        self.sock.close()

    def whole(self):
        return self.parse(bytes(self.data))


def throttled(readers, per_second, seconds):
    """All of them take so many bytes a second, in turns."""
    began = time.monotonic()
    turn = PIECE / per_second
    due = {r: began for r in readers}
    while (now := time.monotonic()) < began + seconds:
        for r in readers:
            if r.over is None and due[r] <= now:
                due[r] = max(due[r] + turn, now - 1)
                with contextlib.suppress(BlockingIOError):
                    r.sock.setblocking(False)
                    try:
                        chunk = r.sock.recv(PIECE)
                    finally:
                        r.sock.settimeout(60)
                    r.data += chunk
                    if not chunk:
                        r.over = "end"
        time.sleep(0.005)


def unthrottled(readers, seconds):
    """The rest, as fast as it comes; True when all had their end in time."""
    until = time.monotonic() + seconds
    with selectors.DefaultSelector() as poll:
        left = 0
        for r in readers:
            if r.over is None:
                poll.register(r.sock, selectors.EVENT_READ, r)
                left += 1
        while left and time.monotonic() < until:
            for key, _ in poll.select(1):
                if not key.data.take(1 << 18):
                    poll.unregister(key.fileobj)
                    left -= 1
    return not left


class Others(threading.Thread):
    """Somebody else's small calls, one after the other, as long as the block runs;
    times holds what each took, in seconds, failures what went wrong."""

    def __init__(self, call, pause=0.01):
        super().__init__(daemon=True)
        self.call, self.pause = call, pause
        self.times, self.failures = [], []
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            began = time.monotonic()
            try:
                r = self.call()
                if r.status != 200:
                    self.failures.append(r.status)
            except Exception as e:
                self.failures.append(repr(e))
            self.times.append(time.monotonic() - began)
            time.sleep(self.pause)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join()

    def p99(self):
        times = sorted(self.times)
        return times[min(len(times) - 1, len(times) * 99 // 100)]

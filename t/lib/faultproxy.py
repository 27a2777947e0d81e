"""faultproxy.py - a TCP proxy on loopback that misbehaves on demand.

    with Proxy(port_behind) as p:
        p.mode = "503"      # from now on, also on connections that are open

Modes: "pass"; "refuse" (nobody listens); "reset" (when a request comes); "cut" (each
answer ends after `cut_at` bytes, as if whole); "hang" (takes requests, says nothing);
"slow" (answers a few bytes at a time); "503", "403" (answers so itself, as S3 does).
`delay` seconds are added to every answer. `requests` counts what came in.
"""

import contextlib
import socket
import struct
import threading
import time

FAULTS = {"503": ("503 Slow Down", "SlowDown"), "403": ("403 Forbidden", "AccessDenied")}


class Proxy:
    def __init__(self, behind):
        self.behind = behind
        self.mode, self.delay, self.cut_at = "pass", 0.0, 200
        self.requests = 0
        self._open = set()
        self._lock = threading.Lock()
        self._listener = None
        self.port = 0
        self._listen()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self._stop_listening()
        self.drop()

    def refuse(self):
        """Mode "refuse": not even a connection; listen() ends it."""
        self._stop_listening()
        self.drop()

    def listen(self):
        self._listen()

    def drop(self):
        """Ends all connections."""
        with self._lock:
            ends, self._open = self._open, set()
        for s in ends:
            _close(s)

    def _listen(self):
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def _stop_listening(self):
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                front, _ = listener.accept()
                threading.Thread(target=self._serve, args=(front,), daemon=True).start()

    def _serve(self, front):
        back = socket.socket()
        for s in (front, back):
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {front, back}
        try:
            back.connect(("127.0.0.1", self.behind))
            threading.Thread(target=self._answers, args=(front, back), daemon=True).start()
            self._ask(front, back)
        except OSError:
            pass
        finally:
            _close(front)
            _close(back)
            with self._lock:
                self._open -= {front, back}

    def _ask(self, front, back):
        while data := front.recv(65536):
            if data.split(b" ", 1)[0] in (b"GET", b"PUT", b"POST", b"HEAD", b"DELETE"):
                self.requests += 1
            if self.mode == "reset":
                front.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if self.mode in FAULTS:
                front.sendall(_fault(self.mode, data.startswith(b"HEAD")))
                return
            if self.mode != "hang":
                back.sendall(data)

    def _answers(self, front, back):
        with contextlib.suppress(OSError):
            while data := back.recv(65536):
                if self.delay:
                    time.sleep(self.delay)
                if self.mode == "cut":
                    front.sendall(data[:self.cut_at])
                    break
                if self.mode == "slow":
                    for i in range(0, len(data), 50):
                        front.sendall(data[i:i + 50])
                        time.sleep(0.02)
                else:
                    front.sendall(data)
        _close(front)


def _fault(mode, head):
    line, code = FAULTS[mode]
    body = b"" if head else f"<Error><Code>{code}</Code></Error>".encode()
    return (f"HTTP/1.1 {line}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            .encode() + body)


def _close(s):
    with contextlib.suppress(OSError):
        s.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        s.close()

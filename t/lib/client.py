"""client.py - HTTP as the tests need it: plain calls, kept connections, raw
bytes for requests that no client library would send."""

import http.client
import json
import socket
import urllib.parse


class Response:
    """status, headers (look-up without case), body (bytes)."""

    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)

    def header(self, name):
        """The header's value or None."""
        return self.headers.get(name)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


class Client:
    """One kept connection; reconnects when the server closed it."""

    def __init__(self, port, timeout=30, host="127.0.0.1"):
        self.conn = http.client.HTTPConnection(host, port, timeout=timeout)

    def http(self, method, path, body=None, headers=None):
        """body: bytes and str go as they are, anything else as JSON."""
        send = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        if isinstance(body, str):
            body = body.encode()
        if body is not None:
            send.setdefault("Content-Type", "application/json")
        try:
            self.conn.request(method, path, body, send)
            answer = self.conn.getresponse()
            return Response(answer.status, answer.headers, answer.read())
        except Exception:
            self.close()
            raise

    def close(self):
        self.conn.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def raw(port, data, timeout=10, shut=False):
    """Sends bytes, returns all bytes until the server closes or timeout seconds
    pass without any. shut: says at once that nothing more will be sent."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as s:
        out = b""
        try:
            s.sendall(data)
            if shut:
                s.shutdown(socket.SHUT_WR)
            while chunk := s.recv(65536):
                out += chunk
        except (socket.timeout, ConnectionResetError, BrokenPipeError):
            pass
        return out


class _Bytes:
    def __init__(self, data):
        self.data = data

    def makefile(self, _mode):
        import io

        return io.BytesIO(self.data)


def parse(data):
    """The first response in bytes from raw()."""
    answer = http.client.HTTPResponse(_Bytes(data))
    answer.begin()
    return Response(answer.status, answer.headers, answer.read())


def query(**params):
    """?a=b&... with everything escaped."""
    return "?" + urllib.parse.urlencode(params)

"""s3.py - a bucket as the tests look into it: plain signed requests, no help from
the service's own code.

    b = Bucket("http://127.0.0.1:8000", "name", key_id, secret, "us-east-1")
    b.make(); b.put("a/b", b"..."); b.get("a/b"); b.keys("a/"); b.delete("a/b")
    "If-Match on DELETE" in b.keeps()
"""

import datetime
import hashlib
import hmac
import http.client
import urllib.parse
import xml.etree.ElementTree as xml

MORE = {"Content-Type": "application/json", "Content-Encoding": "gzip"}


def _hmac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def _quote(text, safe=""):
    return urllib.parse.quote(text, safe=safe + "-_.~")


class Bucket:
    def __init__(self, endpoint, name, key_id, secret, region):
        self.host = endpoint.split("://")[1]
        self.name = name
        self.key_id, self.secret, self.region = key_id, secret, region

    def _signed(self, method, path, query, body, headers):
        """Signature V4: the headers to send."""
        now = datetime.datetime.now(datetime.timezone.utc)
        day = now.strftime("%Y%m%d")
        scope = f"{day}/{self.region}/s3/aws4_request"
        digest = hashlib.sha256(body).hexdigest()
        send = {**headers, "Host": self.host, "x-amz-content-sha256": digest,
                "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ")}
        names = sorted(send, key=str.lower)
        signed = ";".join(n.lower() for n in names)
        canonical = "\n".join(
            [method, path, query] +
            [f"{n.lower()}:{send[n].strip()}" for n in names] +
            ["", signed, digest])
        text = "\n".join(["AWS4-HMAC-SHA256", send["x-amz-date"], scope,
                          hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.secret).encode()
        for part in scope.split("/"):
            key = _hmac(key, part)
        send["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, "
            f"SignedHeaders={signed}, Signature={_hmac(key, text).hex()}")
        return send

    def call(self, method, key="", query=None, body=b"", headers=None):
        """One request: (status, headers, body)."""
        path = _quote(f"/{self.name}/{key}" if key else f"/{self.name}", "/")
        query = "&".join(f"{_quote(k)}={_quote(v)}"
                         for k, v in sorted((query or {}).items()))
        send = self._signed(method, path, query, body, headers or {})
        conn = http.client.HTTPConnection(self.host, timeout=30)
        try:
            conn.request(method, path + ("?" + query if query else ""), body, send)
            r = conn.getresponse()
            return r.status, r.headers, r.read()
        finally:
            conn.close()

    def _good(self, *args, **kw):
        status, headers, body = self.call(*args, **kw)
        if status // 100 != 2:
            raise RuntimeError(f"S3 {args[:2]}: {status} {body[:300]!r}")
        return headers, body

    def make(self):
        self._good("PUT")

    def remove(self):
        """The bucket itself, which must be empty."""
        self._good("DELETE")

    def get(self, key):
        """The bytes as stored, or None."""
        status, _, body = self.call("GET", key)
        if status == 404:
            return None
        if status != 200:
            raise RuntimeError(f"S3 GET {key}: {status} {body[:300]!r}")
        return body

    def put(self, key, body, headers=None):
        self._good("PUT", key, body=body, headers={**MORE, **(headers or {})})

    def delete(self, key):
        self._good("DELETE", key)

    def keys(self, prefix=""):
        """All of them, sorted."""
        found, token = [], None
        while True:
            query = {"list-type": "2", "prefix": prefix}
            if token:
                query["continuation-token"] = token
            root = xml.fromstring(self._good("GET", query=query)[1])
            ns = root.tag.split("}")[0] + "}"
            found += [e.text for e in root.iter(ns + "Key")]
            token = root.findtext(ns + "NextContinuationToken")
            if not token:
                return sorted(found)

    def keeps(self):
        """The conditions that this server keeps in this bucket; Ceph's versions differ."""
        key, body = "probe/kept", b"x"
        etag, other = hashlib.md5(body).hexdigest(), 32 * "0"
        found = set()
        self.put(key, body)
        if self.call("PUT", key, body=b"y", headers={"If-None-Match": "*"})[0] == 412:
            found.add("If-None-Match")
        self.put(key, body)
        if (self.call("PUT", key, body=b"y", headers={"If-Match": other})[0],
                self.call("PUT", key, body=body, headers={"If-Match": etag})[0]) == (412, 200):
            found.add("If-Match")
        self.put(key, body)
        self.call("DELETE", key, headers={"If-Match": other})
        if self.get(key) == body:
            found.add("If-Match on DELETE")
        self.delete(key)
        return found

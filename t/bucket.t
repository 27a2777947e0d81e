#!/usr/bin/python3
"""driveguardctl bucket init, where a setting stops the bucket from taking objects, or
something else does. The server is Ceph's gateway; a proxy before it adds what other
servers do with a setting. What the gateway itself does differs: Ceph 16 and 18 refuse
every PUT under a block of public access, Ceph 18 over plain HTTP, and 20, under
encryption."""

import os
import re
import sys
import tempfile
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import contract
import s3
import stores
from faultproxy import FaultProxy, status
from tap import diag, done, in_, is_, ok, subtest

NAMES = ["public-access-block", "encryption", "versioning", "expiry"]


class Setting:
    """A setting kept by the proxy, not by the server; while it is there, PUTs of objects
    are refused, if it spoils."""

    def __init__(self, bucket, query, spoils):
        self.document, self.spoils, self.query = None, spoils, query
        self.sent = []
        bucket.proxy.on("*", self.keep, key=f"?{query}=")
        bucket.proxy.on("PUT", self.refuse, key="/probe/")

    def keep(self, x):
        method, body = x.seen.head.split(b" ")[0].decode(), x.request.split(b"\r\n\r\n", 1)[1]
        self.sent.append(method)
        if method == "GET" and not self.document:
            return status(404, "NoSuchConfiguration")(x)
        answer = self.document if method == "GET" else b""
        if method != "GET":
            self.document = body if method == "PUT" else None
        return x.reply(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer), answer)

    def refuse(self, x):
        if self.document and self.spoils:
            status(400, "InvalidRequest")(x)
        else:
            x.go_through()


class Bucket(s3.Bucket):
    """A name of its own; driveguardctl comes through a proxy."""

    def __init__(self, folder, make=True):
        self.env, self.folder = stores.servers().env, folder
        e = self.env
        super().__init__(e["S3_ENDPOINT"], "b-" + uuid.uuid4().hex[:12],
                         e["AWS_ACCESS_KEY_ID"], e["AWS_SECRET_ACCESS_KEY"], e["AWS_REGION"])
        self.proxy = FaultProxy(e["S3_ENDPOINT"])
        if make:
            self.make()

    def init(self, *more):
        """Exit status, the lines of the settings by name, standard error."""
        self.proxy.forget()
        r = contract.ctl(self.env, self.folder, {
            "objects.url": f"s3://{self.name}", "s3.endpoint": self.proxy.url,
            "s3.region": self.env["AWS_REGION"]}, "bucket", "init", *more)
        lines = re.findall(rf"^{self.name}: ([\w-]+): (.*)$", r.stdout, re.M)
        is_(r.stdout.count("\n"), len(lines), "a line a setting, nothing else")
        return r.returncode, dict(lines), r.stderr

    def changes(self):
        """What the last run wanted changed: methods and queries."""
        return [(x.name, x.key) for x in self.proxy.seen
                if x.name in ("PUT", "DELETE", "POST") and "/probe/" not in x.key]

    def takes_objects(self, name):
        self.put("users/u/x", b"x")
        is_(self.get("users/u/x"), b"x", f"{name}: it takes objects")
        self.delete("users/u/x")

    def leaves_nothing(self, name):
        """No probe, in no version."""
        body = self.call("GET", query={"versions": "", "prefix": "probe/"})[2]
        ok(b"<Key>" not in body, f"{name}: nothing is left of the probes")


def usable(b, name, *more):
    code, lines, said = b.init(*more)
    if not is_(code, 0, f"{name}: ends well"):
        diag(said)
    b.takes_objects(name)
    b.leaves_nothing(name)
    return lines


def as_it_is(folder):
    """Whatever this server makes of the settings, three times."""
    b = Bucket(folder, make=False)
    first = usable(b, "a new bucket")
    is_(list(first), ["bucket", *NAMES], "each setting has its line")
    is_((first["bucket"], first["versioning"], first["expiry"]), ("set",) * 3, "it is made")
    diag(first)
    for name, again in usable(b, "again").items():
        what = first[name].split(":")[0]
        is_(again.split(":")[0], "is so already" if what == "set" else what,
            f"again: {name} as before")


def spoilt_and_taken_back(folder):
    b = Bucket(folder)
    kept = Setting(b, "encryption", spoils=True)
    for name in ("the first run", "the second"):
        lines = usable(b, name)
        in_("taken back: with it this server takes no object: PUT ", lines["encryption"],
            f"{name}: says that it was taken back")
        in_("400 InvalidRequest", lines["encryption"], f"{name}: and why")
        is_(kept.document, None, f"{name}: it is gone")
        in_(lines["expiry"], ("set", "is so already"), f"{name}: the others are set")
    is_(kept.sent.count("DELETE"), 2, "once a run")


def set_by_an_older_run(folder):
    b = Bucket(folder)
    kept = Setting(b, "encryption", spoils=False)
    first = usable(b, "while the server can encrypt")
    there = ", ".join(name for name in NAMES if first[name] == "set")
    kept.spoils = True
    code, lines, said = b.init()
    is_((code, lines), (1, {"bucket": "is so already"}), "later it cannot: the run ends")
    for word in (b.name, "no object can be written, so nothing is set: PUT ",
                 "400 InvalidRequest", f"({there})", "--without NAME"):
        in_(word, said, f"says {word}")
    is_(b.changes(), [], "and changes nothing")
    lines = usable(b, "--without encryption", "--without", "encryption")
    is_(lines["encryption"], "taken back", "it is taken back when asked")
    is_(usable(b, "and again", "--without", "encryption")["encryption"], "left out",
        "and not set again")


def refused_from_the_start(folder):
    """What has nothing to do with a setting is not taken for one's work."""
    b = Bucket(folder)
    b.proxy.on("PUT", status(403, "AccessDenied"), key="/probe/")
    code, lines, said = b.init()
    is_((code, lines), (1, {"bucket": "is so already"}), "no right to put: the run ends")
    in_("403 AccessDenied", said, "and says why")
    ok("--without" not in said, "with nothing set, no setting is suspected")
    is_(b.changes(), [], "nothing is changed")
    b.proxy.clear()
    b.proxy.on("GET", status(403, "AccessDenied"), key="/probe/")
    code, lines, said = b.init()
    is_(code, 1, "what is put cannot be read")
    in_("GET ", said, "says that it was the reading")
    b.leaves_nothing("unreadable")
    b.proxy.on("DELETE", status(403, "MethodNotAllowed"), key="/probe/")
    code, lines, said = b.init()
    is_((code, b.changes()), (1, []), "nor removed")
    for word in ("GET ", "403 AccessDenied", "; and DELETE: 403 MethodNotAllowed"):
        in_(word, said, f"both are said: {word}")


def two_at_once(folder):
    b = Bucket(folder)
    b.proxy.on("DELETE", status(409, "OperationAborted"), key="?encryption=")
    kept = Setting(b, "encryption", spoils=True)
    code, lines, said = b.init()
    is_((code, "encryption" in lines), (1, False), "not taken back: the run fails")
    for word in ("encryption: set, but with it no object can be written", "InvalidRequest",
                 "could not be taken back", "OperationAborted"):
        in_(word, said, f"says {word}")
    ok(kept.document, "it is there as ever")
    b.proxy.clear()
    b = Bucket(folder)
    kept = Setting(b, "encryption", spoils=False)
    b.proxy.rules.pop()
    b.proxy.on("PUT", lambda x: status(503, "SlowDown")(x) if "PUT" in kept.sent
               else x.go_through(), key="/probe/")
    code, lines, said = b.init()
    is_((code, kept.document), (1, None), "taken back in vain: the run fails, too")
    in_("but still none can be: ", said, "and says so")
    ok("expiry" not in lines, "nothing more is set")


def versions(folder):
    b = Bucket(folder)
    in_("set", usable(b, "with versions")["versioning"], "versions are kept")
    is_(usable(b, "--without versioning", "--without", "versioning")["versioning"],
        "taken back as far as can be, suspended", "they can only be suspended")
    in_(b"Suspended", b.call("GET", query={"versioning": ""})[2], "and are")


def called_wrongly(folder):
    b = Bucket(folder)
    for more in (["--without"], ["--without", "luck"], ["x"]):
        is_(b.init(*more)[0], 2, f"bucket init {' '.join(more)}")
        is_(b.proxy.seen, [], "nothing is asked")


with tempfile.TemporaryDirectory(prefix="dg-bucket-") as folder:
    for test in (as_it_is, spoilt_and_taken_back, set_by_an_older_run,
                 refused_from_the_start, two_at_once, versions, called_wrongly):
        with subtest(test.__name__.replace("_", " ")):
            test(folder)
done()

"""answers.py - what an answer about a driver says, whichever way and coding it came."""

import json
import re
import zlib

import client

IDENTITY = {}
GZIP = {"Accept-Encoding": "gzip"}


def path(email, **more):
    return "/analyze-driver" + client.query(email=email, **more)


def text_of(r):
    """The body's text; a gzip body must be one member and nothing else."""
    if r.header("Content-Encoding") != "gzip":
        return r.body
    z = zlib.decompressobj(31)
    text = z.decompress(r.body) + z.flush()
    assert z.eof and not z.unused_data, "one member"
    return text


def timeless(r):
    """The text without the moment at which it was made: equal ones mean the same."""
    assert r.status == 200, r
    return re.sub(rb'"analysis_timestamp":"[^"]*",', b"", text_of(r), count=1)


def meaning(r):
    """The answer without that moment."""
    assert r.status == 200, r
    body = json.loads(text_of(r))
    body.pop("analysis_timestamp")
    return body


def source(r):
    """cache, file, store or stale, as the service says; None for an answer that names none."""
    m = re.fullmatch(r"(cache|file|store|stale);dur=[0-9]+\.[0-9]{3}",
                     r.header("Server-Timing") or "")
    return m and m.group(1)

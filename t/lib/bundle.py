"""bundle.py - summaries and packs as another hand would write them: JSON with a list at
its end whose items' compressed fragments can be taken out without unpacking them."""

import json
import struct
import zlib

HEAD = b"\x1f\x8b\x08\x04\0\0\0\0\0\xff\x08\0DG\x04\0"
COMMA = b"\0\1\0\xfe\xff,"
BACK = b"]}"


def fragment(text):
    """Deflate blocks, none of them the last, that end on a byte."""
    z = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return z.compress(text) + z.flush(zlib.Z_SYNC_FLUSH)


def rows(doc):
    return [dict(zip(doc["columns"], row)) for row in doc["trips"]]


def within(doc):
    """The rows whose analyses are in it: all of a pack, some of a summary."""
    return [row for row in rows(doc) if row.get("pack", -1) == -1]


def take_apart(body):
    """The document with the list empty, and the fragments of within(doc)."""
    assert body.startswith(HEAD)
    at = len(HEAD) + 4
    length, = struct.unpack("<I", body[len(HEAD):at])
    front = zlib.decompressobj(-zlib.MAX_WBITS).decompress(body[at:at + length])
    doc = json.loads(front + BACK)
    at += length
    fragments = []
    for row in within(doc):
        at += len(COMMA) if fragments else 0
        fragments.append(body[at:at + row["deflate"]])
        at += row["deflate"]
    return doc, fragments


class Sum:
    """CRC and length of texts one after the other, which need not be at hand."""

    def __init__(self):
        self.crc = self.length = 0

    def add(self, crc, length):
        zeros = bytes(length)
        self.crc = zlib.crc32(zeros, self.crc) ^ zlib.crc32(zeros) ^ crc
        self.length += length


def put_together(doc, fragments, told=None):
    """Of which the end agrees with what doc's rows say, right or wrong; told: what the
    front says instead."""
    front = json.dumps(told or doc).encode()[:-len(BACK)]
    packed, total = fragment(front), Sum()
    total.add(zlib.crc32(front), len(front))
    for i, row in enumerate(within(doc)):
        if i:
            total.add(zlib.crc32(b","), 1)
        total.add(row["crc"], row["length"])
    total.add(zlib.crc32(BACK), len(BACK))
    return (HEAD + struct.pack("<I", len(packed)) + packed + COMMA.join(fragments) +
            fragment(BACK) + b"\3\0" + struct.pack("<II", total.crc, total.length))


def spoilt(piece):
    """As long, and another."""
    middle = len(piece) // 2
    return piece[:middle] + bytes([piece[middle] ^ 0x55]) + piece[middle + 1:]


# ---- summaries and packs ----

PACK_COLUMNS = ["trip_id", "end_ms", "etag", "length", "crc", "deflate"]


def with_rows(doc, changed):
    """The document with these rows (dicts) instead of its own."""
    return dict(doc, trips=[[row[c] for c in doc["columns"]] for row in changed])


def pack_doc(user_id, of_rows):
    return with_rows({"format": 1, "user_id": user_id, "columns": PACK_COLUMNS,
                      "trips": [], "analyses": []}, of_rows)

#!/bin/bash
# ceph-20-if-match-with-versions-races - in a bucket with versions, several of eight writers
# win, each of whom was told that he alone had replaced the object he knew.
#
# S3's If-Match on a PUT lets one of several writers through; the others get 412 or 409.
# Ceph's gateway did not keep it in a bucket with versions (16 and 18 refuse such a PUT even
# with the right ETag). Ceph 20 does, as far as one sees by trying: a wrong ETag is 412,
# the right one 200. But of eight writers that meet with the right one, up to eight
# get 200, as if it compared first and wrote later. All changes but the last are
# overwritten unseen. If-None-Match: * is no better. Without versions both are kept: exactly
# one wins, every time.
#
# What follows for a client: a probe by one request after another does not show whether a
# server keeps conditions; and read-modify-write on Ceph wants a bucket without versions.
#
# Needs root, debootstrap and Debian's archive ($MIRROR). Takes some minutes; everything is
# in a temporary folder, the servers listen on 127.0.0.1, and nothing is left. forky still
# moves: when it has another Ceph, apt says that this version is not found.
set -euo pipefail

SUITE=forky CEPH=20.2.4+ds-2 BOTO3=1.40.72-1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d /var/tmp/finding.XXXXXX)
root=$work/root
clean_up() {
    [ ! -x "$root/rgw.sh" ] || chroot "$root" /rgw.sh down /rgw || true
    ! mountpoint -q "$root/proc" || umount "$root/proc"
    mountpoint -q "$root/proc" || rm -rf "$work"
}
trap clean_up EXIT

echo "Installing Ceph $CEPH and boto3 $BOTO3 of $SUITE into $root"
{
    debootstrap --variant=minbase "$SUITE" "$root" "${MIRROR:-http://deb.debian.org/debian}"
    mount -t proc proc "$root/proc"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    chroot "$root" env DEBIAN_FRONTEND=noninteractive apt-get install -q -y \
        --no-install-recommends curl python3-boto3="$BOTO3" \
        ceph-common="$CEPH" ceph-mon="$CEPH" ceph-osd="$CEPH" radosgw="$CEPH"
    install -m 755 "$here/../t/lib/rgw.sh" "$root/rgw.sh" # a gateway on one machine
    chroot "$root" /rgw.sh up /rgw
} >"$work/log" 2>&1 </dev/null || { tail -n 20 "$work/log"; exit 1; }

cat >"$root/ask.py" <<'PYTHON'
import threading
import boto3
from botocore.exceptions import ClientError

ROUNDS, WRITERS = 30, 8
env = dict(line.strip().split("=", 1) for line in open("/rgw/env"))


def client():
    return boto3.client("s3", endpoint_url=env["S3_ENDPOINT"], region_name=env["AWS_REGION"],
                        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
                        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"])


s3 = client()
writers = [client() for _ in range(WRITERS)]


def put(writer, bucket, key, body, **condition):
    try:
        return writer.put_object(Bucket=bucket, Key=key, Body=body,
                                 **condition)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as e:
        return e.response["ResponseMetadata"]["HTTPStatusCode"]


def winners(bucket, key, **condition):
    """Of writers that meet."""
    gate, codes = threading.Barrier(WRITERS), [0] * WRITERS

    def one(i):
        gate.wait()
        codes[i] = put(writers[i], bucket, key, b"writer %d" % i, **condition)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(WRITERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert set(codes) <= {200, 409, 412}, codes
    return codes.count(200)


for bucket in ("plain", "versions"):
    s3.create_bucket(Bucket=bucket)
    if bucket == "versions":
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"0")["ETag"].strip('"')
    print(bucket, "one at a time: wrong ETag", put(s3, bucket, "k", b"1", IfMatch="0" * 32),
          "right ETag", put(s3, bucket, "k", b"1", IfMatch=etag))
    met = {"If-Match": [], "If-None-Match": []}
    for n in range(ROUNDS):
        etag = s3.put_object(Bucket=bucket, Key=f"m{n}", Body=b"0")["ETag"].strip('"')
        met["If-Match"].append(winners(bucket, f"m{n}", IfMatch=etag))
        met["If-None-Match"].append(winners(bucket, f"a{n}", IfNoneMatch="*"))
    for name, counts in met.items():
        print(f"# {bucket} {name}: winners of {WRITERS}, by round: {counts}")
        print(bucket, name, "eight that meet:",
              "one wins" if set(counts) == {1} else
              "several win" if max(counts) > 1 else "nobody wins")
PYTHON

chroot "$root" radosgw --version
chroot "$root" python3 /ask.py | tee "$work/seen"
grep -v '^#' "$work/seen" | diff - /dev/fd/3 3<<'EXPECTED' || { echo "This has changed."; exit 1; }
plain one at a time: wrong ETag 412 right ETag 200
plain If-Match eight that meet: one wins
plain If-None-Match eight that meet: one wins
versions one at a time: wrong ETag 412 right ETag 200
versions If-Match eight that meet: several win
versions If-None-Match eight that meet: several win
EXPECTED
echo "As described: with versions the condition holds only for one writer at a time."

#!/bin/bash
# ceph-delete-encryption-is-delete-bucket - a request to take the default encryption off a
# bucket removes the bucket.
#
# S3 names a bucket's settings in the query: DELETE /bucket?encryption takes one away. Ceph's
# object gateway overlooks a name that it does not know, and does the same to the bucket. So
# with Ceph 16, which has no default encryption, boto3's delete_bucket_encryption() on an
# empty bucket is answered 204, as by AWS, and the bucket is gone. Its get_bucket_encryption()
# raises no error and returns {}: the gateway sent a listing. A bucket with objects
# survives by 409 BucketNotEmpty. Names that the gateway knows for GET and PUT alone are
# no better: DELETE /bucket?versioning removes the bucket, too
# (in Ceph 18.2.7 and 20.2.4 as well).
#
# What follows for a client: never send DELETE for a setting that GET did not show.
#
# Needs root, debootstrap and Debian's archive ($MIRROR). Takes some minutes; everything is
# in a temporary folder, the servers listen on 127.0.0.1, and nothing is left.
set -euo pipefail

SUITE=bookworm CEPH=16.2.15+ds-0+deb12u2 BOTO3=1.26.27+dfsg-1
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
import boto3
from botocore.exceptions import ClientError

env = dict(line.strip().split("=", 1) for line in open("/rgw/env"))
s3 = boto3.client("s3", endpoint_url=env["S3_ENDPOINT"], region_name=env["AWS_REGION"],
                  aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
                  aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"])


def there(name):
    return "is there" if name in [b["Name"] for b in s3.list_buckets()["Buckets"]] else "is gone"


for name, objects in (("empty", 0), ("full", 1)):
    s3.create_bucket(Bucket=name)
    for _ in range(objects):
        s3.put_object(Bucket=name, Key="k", Body=b"x")
    got = s3.get_bucket_encryption(Bucket=name)
    print(name, "get_bucket_encryption:", got["ResponseMetadata"]["HTTPStatusCode"],
          got.get("ServerSideEncryptionConfiguration"))
    try:
        code = s3.delete_bucket_encryption(Bucket=name)["ResponseMetadata"]["HTTPStatusCode"]
    except ClientError as e:
        code = f'{e.response["ResponseMetadata"]["HTTPStatusCode"]} {e.response["Error"]["Code"]}'
    print(name, "delete_bucket_encryption:", code, "and the bucket", there(name))
PYTHON

chroot "$root" radosgw --version
chroot "$root" python3 /ask.py | tee "$work/seen"
diff - "$work/seen" <<'EXPECTED' || { echo "This has changed."; exit 1; }
empty get_bucket_encryption: 200 {}
empty delete_bucket_encryption: 204 and the bucket is gone
full get_bucket_encryption: 200 {}
full delete_bucket_encryption: 409 BucketNotEmpty and the bucket is there
EXPECTED
echo "As described: DELETE ?encryption was DELETE of the bucket."

#!/usr/bin/python3
"""Objects in a bucket of Ceph's object gateway, a server that checks signatures:
the contract of objects.h, with and without versions, over TLS, and what it says
when something is missing."""

import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
import contract
import s3 as s3_bucket
import tap
from contract import passes
from process import free_port
from tap import in_, is_, ok, subtest

try:
    import boto3
    import botocore.config
except ImportError:
    tap.skip_all("needs python3-boto3")
for program in ("radosgw", "ceph-mon", "ceph-osd", "openssl"):
    if not shutil.which(program):
        tap.skip_all(f"needs {program}")

RGW = os.path.join(HERE, "lib", "rgw.sh")


def certificate(folder):
    """A key and a certificate for 127.0.0.1 that signs itself, in one file."""
    pem = os.path.join(folder, "tls.pem")
    key, cert = pem + ".key", pem + ".crt"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    with open(pem, "w") as out:
        for part in (key, cert):
            with open(part) as f:
                out.write(f.read())
    return pem, cert


def start(folder):
    pem, cert = certificate(folder)
    tls = free_port()
    r = subprocess.run([RGW, "up", os.path.join(folder, "rgw")], text=True,
                       capture_output=True,
                       env=dict(os.environ, RGW_TLS_PORT=str(tls), RGW_CERT=pem))
    if r.returncode:
        tap.diag(r.stderr)
        raise SystemExit("the gateway did not start")
    env = dict(line.split("=", 1) for line in r.stdout.split())
    return env, f"https://127.0.0.1:{tls}", cert


def ctl(env, folder, bucket, *words):
    """driveguardctl on a bucket."""
    return contract.ctl(env, folder, {"objects.url": f"s3://{bucket}",
                                      "s3.endpoint": env["S3_ENDPOINT"],
                                      "s3.region": env["AWS_REGION"]}, *words)


def bucket_init(env, folder, s3):
    first = ctl(env, folder, "made-here", "bucket", "init")
    if not is_(first.returncode, 0, "bucket init"):
        tap.diag(first.stderr)
    in_("made-here: bucket: set\n", first.stdout, "makes the bucket")
    is_(s3.get_bucket_versioning(Bucket="made-here")["Status"], "Enabled", "with versions")
    rules = s3.get_bucket_lifecycle_configuration(Bucket="made-here")["Rules"]
    is_(rules[0]["NoncurrentVersionExpiration"], {"NoncurrentDays": 30}, "that expire")
    s3.put_object(Bucket="made-here", Key="users/u/x", Body=b"x")
    again = ctl(env, folder, "made-here", "bucket", "init")
    ok(again.returncode == 0 and ": set\n" not in again.stdout, "a second run changes nothing")
    s3.put_bucket_lifecycle_configuration(Bucket="plain", LifecycleConfiguration={"Rules": [
        {"ID": "of others", "Status": "Enabled", "Filter": {"Prefix": "x/"},
         "Expiration": {"Days": 9}}]})
    ctl(env, folder, "plain", "bucket", "init")
    is_(sorted(r["ID"] for r in s3.get_bucket_lifecycle_configuration(Bucket="plain")["Rules"]),
        ["driveguard-old-versions", "of others"], "a rule of others stays")


def bucket_policy(env, folder):
    both = json.loads(ctl(env, folder, "plain", "bucket", "policy").stdout)
    one = json.loads(ctl(env, folder, "plain", "bucket", "policy", "service").stdout)
    is_(both["service"], one, "the service's policy, alone and with the operator's")
    rights = {(r.partition(":::")[2].partition("/")[2], a) for s in one["Statement"]
              for r in s["Resource"] for a in s["Action"]}
    is_(sorted(rights), sorted(
        {("", "s3:ListBucket"), ("installation.json", "s3:GetObject"),
         ("installation.json", "s3:PutObject")} |
        {(below, "s3:" + a) for below in ("users/*", "probe/*")
         for a in ("DeleteObject", "GetObject", "PutObject")}), "what the service may do")
    in_("s3:PutBucketVersioning", str(both["operator"]), "the operator may do more")
    is_(ctl(env, folder, "plain", "bucket", "policy", "x").returncode, 2, "for nobody else")


def says(env, name, wanted, *arguments, **more):
    r = contract.unit(env, "objects", *arguments, **more)
    ok(r.returncode, f"{name}: fails")
    in_(wanted, r.stdout, f"{name}: says why")


def seen(env, name):
    """The bucket from outside."""
    return s3_bucket.Bucket(env["S3_ENDPOINT"], name, env["AWS_ACCESS_KEY_ID"],
                            env["AWS_SECRET_ACCESS_KEY"], env["AWS_REGION"])


def warns(r, condition, kept):
    """There is a warning of a condition that the server does not keep, and of no other."""
    is_(f"does not keep {condition};" in r.stderr, condition not in kept,
        f"{condition}: a warning where it is not kept")


def main(folder):
    env, https, cert = start(folder)
    s3 = boto3.client("s3", endpoint_url=env["S3_ENDPOINT"],
                      aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
                      aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
                      region_name=env["AWS_REGION"],
                      config=botocore.config.Config(s3={"addressing_style": "path"}))
    s3.create_bucket(Bucket="plain")
    s3.create_bucket(Bucket="versions")
    s3.put_bucket_versioning(Bucket="versions",
                             VersioningConfiguration={"Status": "Enabled"})
    kept = {name: seen(env, name).keeps() for name in ("plain", "versions")}
    tap.diag(f"this server keeps {kept}")

    with subtest("the contract"):
        r = passes(env, "in a bucket without versions", "objects", "s3://plain")
        warns(r, "If-Match on DELETE", kept["plain"])
        left = s3.list_objects_v2(Bucket="plain").get("Contents", [])
        is_([o["Key"] for o in left], ["probe/write"],
            "nothing is left but what the check puts, always at the same place")
        passes(env, "listed and got, many at once", "objects_look", "s3://plain")
        # Ceph 20 keeps them there, but not for writers that meet.
        r = passes(env, "with versions, whatever conditions are kept there",
                   "objects", "s3://versions", "weak")
        warns(r, "If-None-Match", kept["versions"])
        warns(r, "If-Match", kept["versions"])

    with subtest("bucket init"):
        bucket_init(env, folder, s3)
    with subtest("bucket policy"):
        bucket_policy(env, folder)

    with subtest("TLS"):
        passes(env, "over TLS with the right authority", "objects", "s3://plain",
               "weak", S3_ENDPOINT=https, S3_CA_FILE=cert)
        says(env, "a certificate of nobody's", "certificate", "s3://plain",
             S3_ENDPOINT=https)

    with subtest("what is missing"):
        says(env, "no such bucket", "NoSuchBucket", "s3://nowhere")
        says(env, "a wrong secret", "SignatureDoesNotMatch", "s3://plain",
             AWS_SECRET_ACCESS_KEY="wrong")
        says(env, "an unknown key", "InvalidAccessKeyId", "s3://plain",
             AWS_ACCESS_KEY_ID="NOBODY")
        says(env, "nobody there", "connect to", "s3://plain",
             S3_ENDPOINT=f"http://127.0.0.1:{free_port()}")


with tempfile.TemporaryDirectory(prefix="dg-s3-") as folder:
    try:
        main(folder)
    finally:
        subprocess.run([RGW, "down", os.path.join(folder, "rgw")], check=False)
tap.done()

"""awsstores.py - S3 and DynamoDB for a test: Ceph's object gateway and npm's
dynalite on loopback, started once a process and stopped with it.

    stores = awsstores.servers()        # skips the whole test without them
    Stack(settings=stores.settings())   # a bucket and tables of its own

With DG_STORES=aws every Stack of harness.py is on such stores.
"""

import atexit
import json
import os
import shutil
import subprocess
import tempfile
import uuid

import tap

LIB = os.path.dirname(os.path.abspath(__file__))
_servers = None


def missing():
    """What is not installed here; None when nothing is."""
    try:
        import boto3  # noqa: F401
    except ImportError:
        return "python3-boto3"
    for program in ("radosgw", "ceph-mon", "ceph-osd"):
        if not shutil.which(program):
            return program
    if not os.path.exists(os.path.join(os.environ.get("DYNALITE_HOME", "/nonexistent"),
                                       "node_modules/dynalite/cli.js")):
        return "npm's dynalite (DYNALITE_HOME)"
    return None


def servers():
    global _servers
    if _servers is None:
        lacking = missing()
        if lacking:
            tap.skip_all(f"needs {lacking}")
        _servers = Servers()
        # Other processes of the test (the service, the operator's command)
        # find their credentials where they would in real life.
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            os.environ[name] = _servers.env[name]
        atexit.register(_servers.close)
    return _servers


def everything(stack):
    """All that a stack on these stores has stored, as something to compare."""
    settings = stack.hosts[0].settings
    bucket = settings["objects.url"].removeprefix("s3://")
    s3, tables = servers().client("s3"), servers().client("dynamodb")
    objects = [(o["Key"], o["ETag"]) for page in
               s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
               for o in page.get("Contents", [])]
    items = [json.dumps(item, sort_keys=True) for name in settings
             if name.startswith("dynamodb.") and name.endswith("_table")
             for page in tables.get_paginator("scan").paginate(TableName=settings[name])
             for item in page["Items"]]
    return objects, sorted(items)


def _bucket(stack):
    return stack.hosts[0].settings["objects.url"].removeprefix("s3://")


def keys(stack, prefix):
    pages = servers().client("s3").get_paginator("list_objects_v2").paginate(
        Bucket=_bucket(stack), Prefix=prefix)
    return [o["Key"] for page in pages for o in page.get("Contents", [])]


def read(stack, key):
    s3 = servers().client("s3")
    try:
        return s3.get_object(Bucket=_bucket(stack), Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None


def write(stack, key, data):
    servers().client("s3").put_object(Bucket=_bucket(stack), Key=key, Body=data)


def remove(stack, key):
    servers().client("s3").delete_object(Bucket=_bucket(stack), Key=key)


def record(stack, trip_id):
    """A trip's record as plain values, or None."""
    item = servers().client("dynamodb").get_item(
        TableName=stack.hosts[0].settings["dynamodb.trips_table"],
        Key={"trip_id": {"S": trip_id}}, ConsistentRead=True).get("Item")
    if item is None:
        return None
    plain = {name: int(v["N"]) if "N" in v else v.get("S") for name, v in item.items()}
    return {"analysis_status": None, "analysis_key": None, "revision": 0, **plain}


class Servers:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="dg-aws-", dir=os.environ.get("TMPDIR"))
        self.env = {}
        try:
            for name in ("rgw", "dynalite"):
                self.env.update(self._run(name, "up"))
        except BaseException:
            self.close()
            raise

    def _run(self, name, what):
        r = subprocess.run([os.path.join(LIB, name + ".sh"), what,
                            os.path.join(self.dir, name)], text=True, capture_output=True)
        if r.returncode:
            raise RuntimeError(f"{name}.sh {what}: {r.stderr}")
        return dict(line.split("=", 1) for line in r.stdout.split())

    def close(self):
        for name in ("rgw", "dynalite"):
            self._run(name, "down")
        shutil.rmtree(self.dir, ignore_errors=True)

    def client(self, service):
        """A boto3 client of "s3" or "dynamodb"."""
        import boto3
        import botocore.config
        endpoint = self.env["S3_ENDPOINT" if service == "s3" else "DYNAMODB_ENDPOINT"]
        return boto3.client(service, endpoint_url=endpoint, region_name=self.env["AWS_REGION"],
                            aws_access_key_id=self.env["AWS_ACCESS_KEY_ID"],
                            aws_secret_access_key=self.env["AWS_SECRET_ACCESS_KEY"],
                            config=botocore.config.Config(s3={"addressing_style": "path"}))

    def settings(self, s3_endpoint=None):
        """Of a new bucket, without versions, and new tables."""
        name = uuid.uuid4().hex[:12]
        self.client("s3").create_bucket(Bucket=f"dg-{name}")
        settings = {
            "objects.url": f"s3://dg-{name}",
            "s3.endpoint": s3_endpoint or self.env["S3_ENDPOINT"],
            "s3.region": self.env["AWS_REGION"],
            "records.url": "dynamodb:",
            "dynamodb.endpoint": self.env["DYNAMODB_ENDPOINT"],
            "dynamodb.region": self.env["AWS_REGION"],
        }
        for table in ("users", "trips", "batches", "summaries"):
            settings[f"dynamodb.{table}_table"] = f"{table}-{name}"
        return settings

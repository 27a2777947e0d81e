"""dynamo.py - tables as the tests look into them. dynalite checks no signature, so
the calls carry only what one looks like."""

import http.client
import json
import time

AUTHORIZATION = ("AWS4-HMAC-SHA256 Credential=test/20250101/us-east-1/dynamodb/"
                 "aws4_request, SignedHeaders=host, Signature=00")


def call(endpoint, operation, **body):
    """One call; what it answers."""
    conn = http.client.HTTPConnection(endpoint.split("://")[1], timeout=30)
    try:
        conn.request("POST", "/", json.dumps(body), {
            "Content-Type": "application/x-amz-json-1.0",
            "X-Amz-Target": "DynamoDB_20120810." + operation,
            "X-Amz-Date": "20250101T000000Z", "Authorization": AUTHORIZATION})
        r = conn.getresponse()
        answer = r.read()
    finally:
        conn.close()
    if r.status != 200:
        raise RuntimeError(f"{operation}: {r.status} {answer[:300]!r}")
    return json.loads(answer)


def value(typed):
    """{"S": "a"} as "a", and so on; numbers as int or float."""
    (kind, v), = typed.items()
    if kind == "N":
        return int(v) if v.lstrip("-").isdigit() else float(v)
    if kind == "L":
        return [value(x) for x in v]
    if kind == "M":
        return {k: value(x) for k, x in v.items()}
    return None if kind == "NULL" else v


def plain(item):
    return {name: value(v) for name, v in item.items()}


def get(endpoint, table, **key):
    """The item with that key as plain values, or None."""
    item = call(endpoint, "GetItem", TableName=table, ConsistentRead=True,
                Key={k: {"S": v} for k, v in key.items()}).get("Item")
    return plain(item) if item else None


def scan(endpoint, table):
    """Every item, as stored."""
    items, more = [], {}
    while True:
        page = call(endpoint, "Scan", TableName=table, ConsistentRead=True, **more)
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return items
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def make_table(endpoint, name, key, index=None, index_keys=()):
    """A table with one key and at most one index, all strings."""
    def schema(names):
        return [{"AttributeName": n, "KeyType": kind}
                for n, kind in zip(names, ("HASH", "RANGE"))]

    more = {}
    if index:
        more["GlobalSecondaryIndexes"] = [{
            "IndexName": index, "KeySchema": schema(index_keys),
            "Projection": {"ProjectionType": "ALL"}}]
    call(endpoint, "CreateTable", TableName=name, KeySchema=schema([key]),
         BillingMode="PAY_PER_REQUEST", AttributeDefinitions=[
             {"AttributeName": n, "AttributeType": "S"}
             for n in (key, *index_keys)], **more)
    while call(endpoint, "DescribeTable", TableName=name)["Table"]["TableStatus"] != "ACTIVE":
        time.sleep(0.02)  # until then it answers as one that is not there

"""tables.py - the tables of storage.md, made by boto3."""


def make(client):
    _table(client, "Users-Neal", "user_id", ("email-index", "email"))
    _table(client, "Trips-Neal", "trip_id")
    _table(client, "TrajectoryBatches-Neal", "batch_id",
           ("user_id-upload_timestamp-index", "user_id", "upload_timestamp"))
    _table(client, "DrivingSummaries-Neal", "trip_id")


def _keys(names):
    return [{"AttributeName": name, "KeyType": kind}
            for name, kind in zip(names, ("HASH", "RANGE"))]


def _table(client, name, key, index=None):
    attributes = [key, *(index[1:] if index else ())]
    more = {}
    if index:
        more["GlobalSecondaryIndexes"] = [{
            "IndexName": index[0], "KeySchema": _keys(index[1:]),
            "Projection": {"ProjectionType": "ALL"}}]
    client.create_table(
        TableName=name, KeySchema=_keys([key]), BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": a, "AttributeType": "S"}
                              for a in attributes], **more)

"""Searches a destination for an event, if the destination can be queried."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cdk_gtm_connector_cli.context import Context
    from cdk_gtm_connector_cli.stack import DeliveryResources

_EARLIER_MS: Final = 60_000  # than the request: clocks differ
_MOST_PAGES: Final = 100  # of a shard's records: some 100 MB
_MOST_OBJECTS: Final = 200
_MAX_PARTITION_KEY: Final = 256
_GZIP: Final = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class EventQuery:
    """An event to look for.

    Attributes:
        event_ids: The event's id, or the ids that it may have.
        since: When the endpoint received its request, in epoch milliseconds.
        endpoint_id: The event's endpoint id; empty if it is not known.
    """

    event_ids: Sequence[str]
    since: int
    endpoint_id: str = ""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The result of searching a destination for an event.

    Attributes:
        found: Whether the destination has the event; ``None`` if it cannot be queried.
        words: The place where the event is, or the reason why the destination cannot be queried.
    """

    found: bool | None
    words: str


def search(context: Context, delivery: DeliveryResources, event: EventQuery) -> SearchResult:
    """Search a destination for an event."""
    if context.local is not None and delivery.destination not in _IN_THE_EMULATOR:
        return SearchResult(found=None, words="a stand-in has it; see the console of make run")
    search_kind = _SEARCHES.get(delivery.destination)
    if search_kind is None:
        words = _NOT_SEARCHABLE.get(delivery.destination, "a custom destination cannot be searched")
        return SearchResult(found=None, words=words)
    try:
        return search_kind(context, delivery.environment, event)
    except (BotoCoreError, ClientError, KeyError, ValueError) as error:
        return SearchResult(found=None, words=f"the search failed: {error}")


def _search_kinesis(
    context: Context, environment: Mapping[str, str], event: EventQuery
) -> SearchResult:
    arn = environment["KINESIS_STREAM_ARN"]
    kinesis = context.client("kinesis", arn.split(":")[3])
    shards = [
        shard
        for page in kinesis.get_paginator("list_shards").paginate(StreamARN=arn)
        for shard in page["Shards"]
        if _may_hold(shard, event.endpoint_id)
    ]
    read_whole = True
    for shard in shards:
        iterator = kinesis.get_shard_iterator(
            StreamARN=arn,
            ShardId=shard["ShardId"],
            ShardIteratorType="AT_TIMESTAMP",
            Timestamp=datetime.fromtimestamp((event.since - _EARLIER_MS) / 1000, UTC),
        )["ShardIterator"]
        for _ in range(_MOST_PAGES):
            answer = kinesis.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                if _is_in(record["Data"], event.event_ids):
                    place = f"{shard['ShardId']}, sequence number {record['SequenceNumber']}"
                    return SearchResult(found=True, words=f"found in the stream: {place}")
            iterator = answer.get("NextShardIterator")
            if not iterator or not answer.get("MillisBehindLatest"):
                break
        else:
            read_whole = False
    if not read_whole:
        return SearchResult(
            found=None, words=f"not found in the first {_MOST_PAGES} pages of the shard's records"
        )
    return SearchResult(found=False, words="not found in the stream")


def _may_hold(shard: Mapping[str, Any], endpoint_id: str) -> bool:
    """Return whether a shard gets an endpoint's events: the partition key decides."""
    if not endpoint_id:
        return True
    key = endpoint_id[:_MAX_PARTITION_KEY].encode()
    number = int(hashlib.md5(key, usedforsecurity=False).hexdigest(), 16)
    hashes = shard["HashKeyRange"]
    return int(hashes["StartingHashKey"]) <= number <= int(hashes["EndingHashKey"])


def _search_firehose(
    context: Context, environment: Mapping[str, str], event: EventQuery
) -> SearchResult:
    name = environment["FIREHOSE_DELIVERY_STREAM_NAME"]
    description = context.client("firehose").describe_delivery_stream(DeliveryStreamName=name)
    (destination,) = description["DeliveryStreamDescription"]["Destinations"][:1]
    s3 = destination.get("ExtendedS3DestinationDescription")
    if s3 is None:
        return SearchResult(
            found=None, words="only a delivery stream with S3 as its destination can be searched"
        )
    bucket = s3["BucketARN"].rpartition(":")[2]
    seconds = s3.get("BufferingHints", {}).get("IntervalInSeconds", 300)
    client = context.client("s3")
    for key in _keys(client, bucket, s3.get("Prefix") or "", event.since):
        body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        if body.startswith(_GZIP):
            body = gzip.decompress(body)
        if any(_is_in(line, event.event_ids) for line in body.split(b"\n")):
            return SearchResult(found=True, words=f"found in s3://{bucket}/{key}")
    words = f"the bucket {bucket} has no such event; Firehose writes every {seconds} seconds"
    return SearchResult(found=False, words=words)


def _keys(s3: Any, bucket: str, prefix: str, since: int) -> Iterator[str]:
    """Yield the keys of the objects written since then, up to a maximum."""
    start = datetime.fromtimestamp((since - _EARLIER_MS) / 1000, UTC)
    static, has_expression, _ = prefix.partition("!{")
    # Without an expression, Firehose adds the hour.
    after = static if has_expression else f"{prefix}{start:%Y/%m/%d/%H}"
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=static, **({} if has_expression else {"StartAfter": after})
    )
    number = 0
    for page in pages:
        for found in page.get("Contents", []):
            if found["LastModified"] >= start:
                number += 1
                if number > _MOST_OBJECTS:
                    raise ValueError(f"more than {_MOST_OBJECTS} newer objects were not searched")
                yield found["Key"]


def _search_profiles(
    context: Context, environment: Mapping[str, str], event: EventQuery
) -> SearchResult:
    domain = environment["CUSTOMER_PROFILES_DOMAIN_NAME"]
    object_type = environment["CUSTOMER_PROFILES_OBJECT_TYPE_NAME"]
    if not event.endpoint_id:
        return SearchResult(
            found=None, words="the search needs the endpoint id, which is not known"
        )
    client = context.client(
        "customer-profiles", environment.get("CUSTOMER_PROFILES_REGION") or None
    )
    profiles = client.search_profiles(
        DomainName=domain, KeyName="GtmEndpointId", Values=[event.endpoint_id]
    )["Items"]
    for profile in profiles:
        request = {
            "DomainName": domain,
            "ObjectTypeName": object_type,
            "ProfileId": profile["ProfileId"],
            "MaxResults": 100,
        }
        token: str | None = None
        while True:
            page = client.list_profile_objects(**request, **({"NextToken": token} if token else {}))
            if any(_is_in(it["Object"].encode(), event.event_ids) for it in page["Items"]):
                words = f"the profile {profile['ProfileId']} has the object in {domain}"
                return SearchResult(found=True, words=words)
            token = page.get("NextToken")
            if not token:
                break
    words = f"no profile of the endpoint has it in {domain}; Customer Profiles needs a moment"
    return SearchResult(found=False, words=words)


def _is_in(data: bytes, event_ids: Sequence[str]) -> bool:
    """Return whether a record is one of the events."""
    if not any(event_id.encode() in data for event_id in event_ids):
        return False
    try:
        document = json.loads(data)
    except ValueError:
        return False
    return isinstance(document, dict) and document.get("event_id") in event_ids


_SEARCHES: Final[dict[str, Callable[[Context, Mapping[str, str], EventQuery], SearchResult]]] = {
    "kinesis": _search_kinesis,
    "firehose": _search_firehose,
    "customer-profiles": _search_profiles,
}
_IN_THE_EMULATOR: Final = ("kinesis", "firehose", "eventbridge")
_NOT_SEARCHABLE: Final = {
    "eventbridge": "EventBridge keeps no events to search: look at a rule's target",
    "pinpoint": "Pinpoint does not show individual events",
}

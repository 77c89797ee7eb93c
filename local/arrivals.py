"""Events that arrived at the emulator's streams and buses, read from there.

Events are read from Kinesis with ``GetRecords``, from the bucket that Firehose writes into, and
from a queue to which an EventBridge rule sends each event.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, Protocol

from local.model import json_or_text
from local.stand_in.values import Event, ShownDocument

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Arrivals", "BusReader", "DeliveryStreamReader", "Reader", "StreamReader"]

_RECORDS_AT_ONCE: Final = 1_000
_MESSAGES_AT_ONCE: Final = 10  # SQS's limit


class Reader(Protocol):
    """A reader of one destination's events."""

    def read(self) -> Iterator[Event]:
        """Yield the events that arrived since the last call."""
        ...


class Arrivals:
    """The events read from one destination. Safe to use from several threads.

    Args:
        kind: The destination's kind.
        reader: Reads the destination. Only one thread at a time may use it.
        keep: Number of events to keep, newest first. Default: all.
    """

    def __init__(self, kind: str, reader: Reader, keep: int | None = None) -> None:
        self.kind = kind
        self.keep = keep
        self._reader = reader
        self._lock = threading.Lock()
        self._events: OrderedDict[str, list[Event]] = OrderedDict()

    @property
    def events(self) -> dict[str, list[Event]]:
        """The events by ID. An event that arrived twice is listed twice."""
        with self._lock:
            return {event_id: list(events) for event_id, events in self._events.items()}

    def read(self) -> list[Event]:
        """Return the new events."""
        new = list(self._reader.read())
        with self._lock:
            for event in new:
                self._events.setdefault(event.event_id, []).append(event)
            while self.keep is not None and len(self._events) > self.keep:
                self._events.popitem(last=False)
        return new


class StreamReader:
    """A reader of a Kinesis stream, which begins with the oldest record of each shard.

    Args:
        kinesis: A boto3 client.
        arn: The stream.
    """

    def __init__(self, kinesis: Any, arn: str) -> None:
        self._kinesis = kinesis
        self._arn = arn
        self._last: dict[str, str | None] = {
            shard["ShardId"]: None for shard in kinesis.list_shards(StreamARN=arn)["Shards"]
        }

    def read(self) -> Iterator[Event]:
        """See :class:`Reader`."""
        for shard in self._last:
            # A new iterator each time, because an unused one expires after five minutes.
            iterator = self._iterator(shard)
            while True:
                answer = self._kinesis.get_records(ShardIterator=iterator, Limit=_RECORDS_AT_ONCE)
                for record in answer["Records"]:
                    self._last[shard] = record["SequenceNumber"]
                    yield self._event(shard, record)
                if not answer["Records"]:
                    break
                iterator = answer["NextShardIterator"]

    def _iterator(self, shard: str) -> str:
        last = self._last[shard]
        where = (
            {"ShardIteratorType": "TRIM_HORIZON"}
            if last is None
            else {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": last}
        )
        answer = self._kinesis.get_shard_iterator(StreamARN=self._arn, ShardId=shard, **where)
        iterator: str = answer["ShardIterator"]
        return iterator

    @staticmethod
    def _event(shard: str, record: Mapping[str, Any]) -> Event:
        shown = {
            "ShardId": shard,
            "SequenceNumber": record["SequenceNumber"],
            "PartitionKey": record["PartitionKey"],
        }
        return _event(record["Data"], "In the stream", shown, inside="Data")


class DeliveryStreamReader:
    """A reader of the objects that Firehose writes into a bucket, each with lines of JSON.

    Args:
        s3: A boto3 client.
        bucket: The bucket.
    """

    def __init__(self, s3: Any, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._read: set[str] = set()
        self._hour = ""  # the newest key prefix; objects of earlier hours are not listed again

    def read(self) -> Iterator[Event]:
        """See :class:`Reader`."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, StartAfter=self._hour
        )
        for page in pages:
            for found in page.get("Contents", []):
                key: str = found["Key"]
                if key not in self._read:
                    self._read.add(key)
                    self._hour = max(self._hour, key.rpartition("/")[0])
                    yield from self._events(key)
        self._read = {key for key in self._read if key > self._hour}

    def _events(self, key: str) -> Iterator[Event]:
        body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        for number, line in enumerate(body.split(b"\n")[:-1], start=1):
            yield _event(
                line, "In the bucket", {"Bucket": self._bucket, "Key": key, "Line": number}
            )


class BusReader:
    """A reader of the queue to which a rule on an event bus sends each event.

    Args:
        sqs: A boto3 client.
        queue_url: The queue.
    """

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    def read(self) -> Iterator[Event]:
        """See :class:`Reader`."""
        while True:
            messages = self._sqs.receive_message(
                QueueUrl=self._queue_url, MaxNumberOfMessages=_MESSAGES_AT_ONCE
            ).get("Messages", [])
            if not messages:
                return
            self._sqs.delete_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
                    for number, message in enumerate(messages)
                ],
            )
            for message in messages:
                envelope = json.loads(message["Body"])
                detail = json.dumps(envelope.pop("detail")).encode()
                yield _event(detail, "As a rule on the bus receives it", envelope, inside="detail")


def _event(data: bytes, title: str, shown: Mapping[str, Any], *, inside: str = "") -> Event:
    document = json_or_text(data)
    shown_document = ShownDocument(title, {**shown, inside: document} if inside else shown)
    return Event.of_record(document, shown_document)

"""A stand-in for Amazon Data Firehose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from gtm_events.destinations.firehose import Firehose
from local.arrivals import Arrivals, DeliveryStreamReader
from local.deploy import DEFAULT_ACCOUNT
from local.model import (
    json_or_text,
    member,
)
from local.stand_in.kind import NAME, WATCHER, StandIn
from local.stand_in.stream import FAILING, REFUSING_WHOLE, StreamServer, decoded, with_bytes
from local.stand_in.values import Event, Outcome, ShownDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from starlette.requests import Request


class FirehoseServer(StreamServer):
    """``PutRecordBatch`` of Data Firehose. A record holds many events, one on each line."""

    kind: ClassVar[str] = "firehose"
    title: ClassVar[str] = "Amazon Data Firehose"
    operation: ClassVar[str] = "PutRecordBatch"
    service: ClassVar[str] = "firehose"
    model_name: ClassVar[str] = "firehose"
    answers_member: ClassVar[str] = "RequestResponses"
    count_member: ClassVar[str] = "FailedPutCount"
    record_failure: ClassVar[tuple[str, Outcome]] = (
        "ServiceUnavailableException",
        Outcome.THROTTLED,
    )
    throttled: ClassVar[tuple[int, str]] = (503, "ServiceUnavailableException")
    failed: ClassVar[tuple[int, str]] = (500, "InternalFailure")
    refusing: ClassVar[str] = REFUSING_WHOLE
    failing: ClassVar[str] = f"{FAILING} ServiceUnavailableException."

    records_bytes: ClassVar[int] = 4_194_304
    """Maximum size of a request's data, before base64."""

    @property
    def request_bytes(self) -> int:
        """See :class:`~local.stand_in.server.DestinationServer`."""
        return 2 * self.records_bytes

    def _target(self, request: Request, document: object) -> str:  # noqa: ARG002
        found = member(document, "DeliveryStreamName")
        return found if isinstance(found, str) else ""

    def _shape(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        return with_bytes(document)

    def _limit_faults(self, document: Mapping[str, Any]) -> Iterator[str]:
        size = sum(len(decoded(record)) for record in document["Records"])
        if size > self.records_bytes:
            yield f"{size:,} bytes of records, over the limit of {self.records_bytes:,}"

    def _record_events(self, record: Mapping[str, Any]) -> Iterator[Event]:
        for line in decoded(record).splitlines(keepends=True):
            yield Event.of_record(
                json_or_text(line), ShownDocument("Line of a record", json_or_text(line))
            )


def _prepare(variables: Mapping[str, str], client: Callable[[str], Any]) -> Arrivals:
    s3, bucket = client("s3"), f"{WATCHER}-firehose"
    s3.create_bucket(Bucket=bucket)
    client("firehose").create_delivery_stream(
        DeliveryStreamName=variables["FIREHOSE_DELIVERY_STREAM_NAME"],
        ExtendedS3DestinationConfiguration={
            "BucketARN": f"arn:aws:s3:::{bucket}",
            "RoleARN": f"arn:aws:iam::{DEFAULT_ACCOUNT}:role/local",
        },
    )
    return Arrivals("firehose", DeliveryStreamReader(s3, bucket))


def _server(
    _variables: Mapping[str, str], _template: Mapping[str, Any], **options: Any
) -> FirehoseServer:
    return FirehoseServer(**options)


STAND_IN: Final = StandIn(
    context={"firehose_delivery_stream_name": NAME},
    server=_server,
    limits=Firehose.limits,
    prepare=_prepare,
)

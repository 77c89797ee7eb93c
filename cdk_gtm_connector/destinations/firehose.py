"""Amazon Data Firehose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_kinesisfirehose as firehose

from cdk_gtm_connector.destinations.base import Destination
from cdk_gtm_connector.destinations.module import BuiltInModule
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_construct, check_number, is_token, number_text

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from cdk_gtm_connector.delivery_options import DeliveryOptions

# Names of Firehose destinations that read a record as one document, by ``CfnDeliveryStream``'s
# attribute.
_RECORD_BY_RECORD: Final = {
    "amazonopensearchservice_destination_configuration": "OpenSearch",
    "amazon_open_search_serverless_destination_configuration": "OpenSearch Serverless",
    "elasticsearch_destination_configuration": "Elasticsearch",
    "splunk_destination_configuration": "Splunk",
    "http_endpoint_destination_configuration": "an HTTP endpoint",
    "snowflake_destination_configuration": "Snowflake",
    "iceberg_destination_configuration": "Iceberg",
}


@named_props
class FirehoseDestination(Destination):
    """A Firehose delivery stream, for a record of every event in S3, Redshift or elsewhere.

    OpenSearch, Elasticsearch, Splunk, an HTTP endpoint, Snowflake and Iceberg read a Firehose
    record as one document, so set ``events_per_record=1`` for them. If the stack shows that
    the stream goes to one of them, synthesis gives the warning
    ``cdk-gtm-connector:firehoseEventsPerRecord``.

    Example:
        >>> FirehoseDestination(delivery_stream)  # S3, Redshift
        >>> FirehoseDestination(delivery_stream, events_per_record=1)  # OpenSearch and the others

    Args:
        delivery_stream: Receives the events by direct put, one line of JSON each. It must be in the
            stack's Region and account. The function needs no permission on an encrypted stream's
            key.
        events_per_record: Maximum events per Firehose record, 1 to 500 (dynamic partitioning reads
            at most that many lines of a record). Firehose bills records in steps of 5 KB, and a
            request takes 500 records or 4 MB after base64. With 1, events of 600 bytes cost eight
            times as much, and 10,000 of them are 20 requests instead of 3. Default: 500; S3 and
            Redshift receive the same lines as with 1.
        construct_id: See :class:`Destination`.
        delivery: See :class:`Destination`.

    Raises:
        PropError: ``delivery_stream`` is a name, an ARN or a ``CfnDeliveryStream``, or
            ``events_per_record`` is out of range. The connector raises it if ``delivery_stream`` is
            in another Region or account than the stack, or reads from a source.
    """

    def __init__(
        self,
        delivery_stream: firehose.IDeliveryStream,
        *,
        events_per_record: int = 500,
        construct_id: str | None = None,
        delivery: DeliveryOptions | None = None,
    ) -> None:
        super().__init__(construct_id=construct_id, delivery=delivery)
        check_construct(
            "delivery_stream",
            delivery_stream,
            "IDeliveryStream",
            ("delivery_stream_arn", "delivery_stream_name", "grant"),
            'DeliveryStream.from_delivery_stream_name(self, "DeliveryStream", name), with a '
            "CfnDeliveryStream's ref too",
        )
        check_number("events_per_record", events_per_record, 1, 500)
        self._delivery_stream = delivery_stream
        self._events_per_record = events_per_record

    @property
    def module(self) -> BuiltInModule:
        """See :attr:`Destination.module`."""
        return BuiltInModule("firehose")

    @property
    def delivery_stream(self) -> firehose.IDeliveryStream:
        """The delivery stream that receives the events."""
        return self._delivery_stream

    @property
    def events_per_record(self) -> int:
        """Maximum events of a Firehose record."""
        return self._events_per_record

    def bind(self, function: lambda_.Function) -> None:
        """See :meth:`Destination.bind`."""
        self._check_place(cdk.Stack.of(function))
        resource = _resource(self._delivery_stream)
        if resource is not None:
            self._check_source(resource)
            self._warn_of_packing(function, resource)
        function.add_environment(
            "FIREHOSE_DELIVERY_STREAM_NAME", self._delivery_stream.delivery_stream_name
        )
        function.add_environment("FIREHOSE_EVENTS_PER_RECORD", number_text(self._events_per_record))
        # grant_put_records() would also allow PutRecord.
        self._delivery_stream.grant(function, "firehose:PutRecordBatch")

    def _check_place(self, stack: cdk.Stack) -> None:
        # PutRecordBatch takes a name, not an ARN, so it would look for the stream in the stack's
        # Region and account.
        arn = self._delivery_stream.delivery_stream_arn.split(":", 5)
        _, _, _, region, account, _ = arn if len(arn) == 6 else [""] * 6  # noqa: PLR2004
        place = self._delivery_stream.env
        for what, here, there in (
            ("Region", stack.region, (region, place.region)),
            ("account", stack.account, (account, place.account)),
        ):
            for other in there:
                if other and other != here and not cdk.Token.is_unresolved(other + here):
                    raise PropError(
                        "delivery_stream",
                        f"must be in the stack's {what}, {here}, because Firehose finds a stream "
                        "by its name alone",
                        other,
                        "put the connector into a stack there, or a KinesisDestination between, "
                        "whose stream may be anywhere",
                    )

    @staticmethod
    def _check_source(resource: firehose.CfnDeliveryStream) -> None:
        kind = resource.delivery_stream_type
        if kind is not None and not cdk.Token.is_unresolved(kind) and kind != "DirectPut":
            raise PropError(
                "delivery_stream",
                "must be for direct PUT, because Firehose accepts no records for a stream that "
                "reads from a source",
                kind,
                "send to that source, with a KinesisDestination for example",
            )

    def _warn_of_packing(
        self, function: lambda_.Function, resource: firehose.CfnDeliveryStream
    ) -> None:
        if self._events_per_record == 1 or is_token(self._events_per_record):
            return
        for attribute, name in _RECORD_BY_RECORD.items():
            if getattr(resource, attribute) is not None:
                cdk.Annotations.of(function).add_warning_v2(
                    "cdk-gtm-connector:firehoseEventsPerRecord",
                    f"{name} takes each Firehose record for one document, and up to "
                    f"{self._events_per_record} events share one: give FirehoseDestination "
                    "events_per_record=1, unless what is behind it splits lines.",
                )


def _resource(stream: firehose.IDeliveryStream) -> firehose.CfnDeliveryStream | None:
    """Return the stream's resource if this app creates it."""
    owned = stream.node.default_child
    if isinstance(owned, firehose.CfnDeliveryStream):
        return owned
    # The stream may be an L1 that was imported by its ARN or name, because aws-cdk-lib has no L2
    # for some destinations.
    for text in (stream.delivery_stream_arn, stream.delivery_stream_name):
        token = cdk.Tokenization.reverse_string(text).first_token
        target = token.target if isinstance(token, cdk.Reference) else None
        if isinstance(target, firehose.CfnDeliveryStream):
            return target
    return None

"""Amazon Data Firehose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdk_gtm_connector.destinations.base import Destination
from cdk_gtm_connector.validation import check_construct

if TYPE_CHECKING:
    from aws_cdk import aws_kinesisfirehose as firehose
    from aws_cdk import aws_lambda as lambda_


class FirehoseDestination(Destination):
    """A Firehose delivery stream: the record of every event in S3, Redshift or OpenSearch.

    Args:
        delivery_stream: Receives the events, one line of JSON each, by direct put, in the Region
            and account of the stack. The key of a stream that is encrypted is Firehose's business:
            the function needs no grant of it.
        construct_id: See :class:`Destination`.

    Raises:
        TypeError: ``delivery_stream`` is a name, an ARN or a ``CfnDeliveryStream``.
    """

    def __init__(
        self, delivery_stream: firehose.IDeliveryStream, *, construct_id: str | None = None
    ) -> None:
        super().__init__(construct_id=construct_id)
        check_construct(
            "delivery_stream",
            delivery_stream,
            "IDeliveryStream",
            ("delivery_stream_arn", "delivery_stream_name", "grant"),
            'DeliveryStream.from_delivery_stream_name(self, "DeliveryStream", name), with a '
            "CfnDeliveryStream's ref too",
        )
        self._delivery_stream = delivery_stream

    @property
    def delivery_stream(self) -> firehose.IDeliveryStream:
        """The delivery stream that receives the events."""
        return self._delivery_stream

    def bind(self, function: lambda_.Function) -> None:
        """See :meth:`Destination.bind`."""
        function.add_environment("DESTINATION", "firehose")
        function.add_environment(
            "FIREHOSE_DELIVERY_STREAM_NAME", self._delivery_stream.delivery_stream_name
        )
        # Not grant_put_records(): it would also allow PutRecord.
        self._delivery_stream.grant(function, "firehose:PutRecordBatch")

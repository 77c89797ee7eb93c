"""Amazon Kinesis Data Streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cdk_gtm_connector.destinations.base import Destination
from cdk_gtm_connector.destinations.module import BuiltInModule
from cdk_gtm_connector.destinations.places import check_named
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_construct

if TYPE_CHECKING:
    from aws_cdk import aws_kinesis as kinesis
    from aws_cdk import aws_lambda as lambda_

    from cdk_gtm_connector.delivery_options import DeliveryOptions


@named_props
class KinesisDestination(Destination):
    """A Kinesis data stream with a record of every event. An endpoint's events share a shard.

    Args:
        stream: Receives the events, one JSON object each. Import an encrypted stream together with
            its ``encryption_key``, because the function needs the key. The stream may be in another
            account or Region. If the same app creates it there, it needs a physical name, and the
            CDK adds to its policy. The policy of an imported stream in another account must allow
            the function's role to write.
        construct_id: See :class:`Destination`.
        delivery: See :class:`Destination`.

    Raises:
        PropError: ``stream`` is an ARN or a ``CfnStream``. The connector raises it if ``stream`` is
            in another account or Region of the same app and has no physical name.
    """

    def __init__(
        self,
        stream: kinesis.IStream,
        *,
        construct_id: str | None = None,
        delivery: DeliveryOptions | None = None,
    ) -> None:
        super().__init__(construct_id=construct_id, delivery=delivery)
        check_construct(
            "stream",
            stream,
            "IStream",
            ("stream_arn", "grant"),
            'Stream.from_stream_arn(self, "Stream", arn), with a CfnStream\'s attr_arn too',
        )
        self._stream = stream

    @property
    def module(self) -> BuiltInModule:
        """See :attr:`Destination.module`."""
        return BuiltInModule("kinesis")

    @property
    def stream(self) -> kinesis.IStream:
        """The stream that receives the events."""
        return self._stream

    def bind(self, function: lambda_.Function) -> None:
        """See :meth:`Destination.bind`."""
        check_named("stream", "stream_name", self._stream, self._stream.stream_arn, function)
        function.add_environment("KINESIS_STREAM_ARN", self._stream.stream_arn)
        # grant_write() would also allow PutRecord and ListShards, and Encrypt and ReEncrypt* with
        # the key. A producer needs only GenerateDataKey.
        self._stream.grant(function, "kinesis:PutRecords")
        if self._stream.encryption_key is not None:
            self._stream.encryption_key.grant(function, "kms:GenerateDataKey")

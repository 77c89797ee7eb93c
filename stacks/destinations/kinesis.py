"""Amazon Kinesis Data Streams."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk

import cdk_gtm_connector as gtm
from stacks import values
from stacks.destinations.base import DestinationSettings
from stacks.setting import in_settings, setting

if TYPE_CHECKING:
    from constructs import Construct

_STREAM_ARN: Final = "must be the ARN of the Kinesis data stream that receives the events"


def _stream_arn(value: object) -> str:
    return values.matched(
        r"arn:[a-z-]+:kinesis:[a-z0-9-]+:\d{12}:stream/[A-Za-z0-9_.-]{1,128}", value, _STREAM_ARN
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KinesisSettings(DestinationSettings):
    """Settings of the destination ``kinesis``."""

    kinesis_stream_arn: str = setting(
        _stream_arn,
        "Kinesis data stream that receives the events",
        default="",
        default_words="required with `kinesis`",
        example="arn:aws:kinesis:us-east-1:123456789012:stream/events",
        prop="destination.stream",
        required=_STREAM_ARN,
    )

    def destination(self, scope: Construct, home: str | None) -> gtm.Destination:  # noqa: ARG002
        """See :meth:`DestinationSettings.destination`."""
        stream = cdk.aws_kinesis.Stream.from_stream_arn(scope, "Stream", self.kinesis_stream_arn)
        with in_settings(self.names("destination")):
            return gtm.KinesisDestination(stream)


SETTINGS: Final = KinesisSettings

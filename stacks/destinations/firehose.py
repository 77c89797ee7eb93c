"""Amazon Data Firehose."""

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

_DELIVERY_STREAM_NAME: Final = (
    "must be the name of the Firehose delivery stream that receives the events"
)


def _delivery_stream_name(value: object) -> str:
    return values.matched(r"[A-Za-z0-9_.-]{1,64}", value, _DELIVERY_STREAM_NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class FirehoseSettings(DestinationSettings):
    """Settings of the destination ``firehose``."""

    firehose_delivery_stream_name: str = setting(
        _delivery_stream_name,
        "Firehose delivery stream that receives the events",
        default="",
        default_words="required with `firehose`",
        example="events",
        prop="destination.delivery_stream",
        required=_DELIVERY_STREAM_NAME,
    )
    firehose_events_per_record: int | None = setting(
        values.whole_number,
        "maximum events of a Firehose record, 1–500; 1 for OpenSearch, Splunk, an HTTP endpoint, "
        "Snowflake and Iceberg",
        default_words="`500`",
        example="1",
        prop="destination.events_per_record",
    )

    def destination(self, scope: Construct, home: str | None) -> gtm.Destination:  # noqa: ARG002
        """See :meth:`DestinationSettings.destination`."""
        stream = cdk.aws_kinesisfirehose.DeliveryStream.from_delivery_stream_name(
            scope, "DeliveryStream", self.firehose_delivery_stream_name
        )
        # aws-cdk-lib adds a mapping of Firehose's IP ranges to the stack, which nothing here uses.
        scope.node.try_remove_child("@aws-cdk--aws-kinesisfirehose.CidrBlocks")
        with in_settings(self.names("destination")):
            return gtm.FirehoseDestination(
                **{**self.props("destination"), "delivery_stream": stream}
            )


SETTINGS: Final = FirehoseSettings

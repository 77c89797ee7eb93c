"""The construct and the settings of Firehose."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aws_cdk import aws_kinesisfirehose as firehose

from cdk_gtm_connector import FirehoseDestination
from tests.destinations.cases import DestinationCases, Option

if TYPE_CHECKING:
    import aws_cdk as cdk

DELIVERY_STREAM_ARN: Final = "arn:aws:firehose:us-east-1:123456789012:deliverystream/events"


def add_delivery_stream(stack: cdk.Stack) -> FirehoseDestination:
    """Return an existing delivery stream."""
    stream = firehose.DeliveryStream.from_delivery_stream_arn(
        stack, "DeliveryStream", DELIVERY_STREAM_ARN
    )
    # aws-cdk-lib adds Firehose's IP ranges to the stack, although nothing refers to them.
    stack.node.try_remove_child("@aws-cdk--aws-kinesisfirehose.CidrBlocks")
    return FirehoseDestination(stream)


CASES: Final = DestinationCases(
    options={
        "Firehose": Option(
            make=add_delivery_stream,
            environment={
                "DESTINATION": "firehose",
                "FIREHOSE_DELIVERY_STREAM_NAME": "events",
                "FIREHOSE_EVENTS_PER_RECORD": "500",
            },
            grants=frozenset({("firehose:PutRecordBatch", DELIVERY_STREAM_ARN)}),
        )
    },
    settings={"firehose_events_per_record": "1"},
    malformed=[
        ("firehose_delivery_stream_name", None),
        ("firehose_delivery_stream_name", "a/b"),
        ("firehose_events_per_record", "all"),
        ("firehose_events_per_record", 0),
        ("firehose_events_per_record", 501),
    ],
    values={
        "delivery stream": lambda stack: firehose.DeliveryStream.from_delivery_stream_arn(
            stack, "DeliveryStream", DELIVERY_STREAM_ARN
        ),
        "delivery stream, ARN as name": lambda stack: (
            firehose.DeliveryStream.from_delivery_stream_name(
                stack, "NamedStream", DELIVERY_STREAM_ARN
            )
        ),
    },
    types={"firehose.IDeliveryStream": "delivery stream"},
)

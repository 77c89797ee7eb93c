"""The construct and the settings of Kinesis."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms

from cdk_gtm_connector import KinesisDestination
from tests.destinations.cases import DestinationCases, Option
from tests.infrastructure.synthesis import KEY_ARN

if TYPE_CHECKING:
    import aws_cdk as cdk

STREAM_ARN: Final = "arn:aws:kinesis:us-east-1:123456789012:stream/events"


def add_stream(
    stack: cdk.Stack, *, encrypted: bool = False, construct_id: str | None = None
) -> KinesisDestination:
    """Return an existing stream."""
    key = kms.Key.from_key_arn(stack, "Key", KEY_ARN) if encrypted else None
    stream = kinesis.Stream.from_stream_attributes(
        stack, f"Stream{construct_id or ''}", stream_arn=STREAM_ARN, encryption_key=key
    )
    return KinesisDestination(stream, construct_id=construct_id)


_ENVIRONMENT = {"DESTINATION": "kinesis", "KINESIS_STREAM_ARN": STREAM_ARN}

CASES: Final = DestinationCases(
    options={
        "Kinesis": Option(
            make=add_stream,
            environment=_ENVIRONMENT,
            grants=frozenset({("kinesis:PutRecords", STREAM_ARN)}),
        ),
        "EncryptedKinesis": Option(
            make=partial(add_stream, encrypted=True),
            environment=_ENVIRONMENT,
            grants=frozenset(
                {("kinesis:PutRecords", STREAM_ARN), ("kms:GenerateDataKey", KEY_ARN)}
            ),
        ),
    },
    malformed=[
        ("kinesis_stream_arn", None),
        ("kinesis_stream_arn", "events"),
        ("kinesis_stream_arn", STREAM_ARN + "/consumer/x"),
    ],
    values={
        "stream": lambda stack: kinesis.Stream.from_stream_arn(stack, "Stream", STREAM_ARN),
        "CfnStream": lambda stack: kinesis.CfnStream(stack, "CfnStream", shard_count=1),
    },
    types={"kinesis.IStream": "stream"},
)

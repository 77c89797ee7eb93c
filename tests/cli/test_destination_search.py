"""Destinations are asked as their services' models have it; the stubs hold requests to these."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from cdk_gtm_connector_cli.checks.needs import needs_of
from cdk_gtm_connector_cli.destination_search import EventQuery, search
from cdk_gtm_connector_cli.stack import DeliveryResources
from tests.cli.test_stack import ARN, context_with

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdk_gtm_connector_cli.context import Context

NOW = int(datetime.now(UTC).timestamp() * 1000)
EVENT = EventQuery(["JKJaXmPLvHcESHA"], NOW, "me")
RECORD = {"event_id": "JKJaXmPLvHcESHA", "endpoint_id": "me"}
OTHER = {"event_id": "another", "endpoint_id": "JKJaXmPLvHcESHA"}
STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/events"
PROFILES = {
    "DESTINATION": "customer-profiles",
    "CUSTOMER_PROFILES_DOMAIN_NAME": "shop",
    "CUSTOMER_PROFILES_OBJECT_TYPE_NAME": "GtmEvent",
    "CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME": "GtmVisitor",
    "CUSTOMER_PROFILES_REGION": "eu-west-2",
}
FIREHOSE = {"DESTINATION": "firehose", "FIREHOSE_DELIVERY_STREAM_NAME": "events"}


def delivery_to(environment: Mapping[str, str]) -> DeliveryResources:
    """Return a delivery whose function has this environment."""
    return DeliveryResources("", "q", "d", "f", "l", environment)


def stub(context: Context, service: str, region: str | None = None) -> Stubber:
    """Put a stub of a service into a context."""
    client: Any = boto3.client(service, region_name=region or "eu-west-1")  # type: ignore[call-overload]
    context._clients[service, region] = client
    stubber = Stubber(client)
    stubber.activate()
    return stubber


def test_customer_profiles_is_asked_for_the_endpoints_objects() -> None:
    for documents, has in (([OTHER], False), ([OTHER, RECORD], True)):
        context = context_with([])
        profiles = stub(context, "customer-profiles", "eu-west-2")
        profiles.add_response(
            "search_profiles",
            {"Items": [{"ProfileId": "p-1"}]},
            {"DomainName": "shop", "KeyName": "GtmEndpointId", "Values": ["me"]},
        )
        asked = {
            "DomainName": "shop",
            "ObjectTypeName": "GtmEvent",
            "ProfileId": "p-1",
            "MaxResults": 100,
        }
        pages = [{"Items": [{"Object": json.dumps(each)}]} for each in documents]
        for number, page in enumerate(pages):
            more = {"NextToken": f"{number + 1}"} if number + 1 < len(pages) else {}
            begun = {"NextToken": f"{number}"} if number else {}
            profiles.add_response("list_profile_objects", page | more, asked | begun)
        assert search(context, delivery_to(PROFILES), EVENT).found is has
        profiles.assert_no_pending_responses()


def test_firehoses_bucket_is_read_compressed_or_not() -> None:
    lines = b"\n".join(json.dumps(each).encode() for each in (OTHER, RECORD)) + b"\n"
    for body, has in ((lines, True), (gzip.compress(lines), True), (b"{}\n", False)):
        context = context_with([])
        firehose, s3 = stub(context, "firehose"), stub(context, "s3")
        firehose.add_response("describe_delivery_stream", described("DirectPut"))
        before = datetime(2020, 1, 1, tzinfo=UTC)
        contents = [
            {"Key": "old", "LastModified": before},
            {"Key": "new", "LastModified": datetime.now(UTC)},
        ]
        s3.add_response("list_objects_v2", {"Contents": contents})
        content = StreamingBody(io.BytesIO(body), len(body))
        s3.add_response("get_object", {"Body": content}, {"Bucket": "lake", "Key": "new"})
        answer = search(context, delivery_to(FIREHOSE), EVENT)
        assert answer.found is has, answer
        s3.assert_no_pending_responses()


def described(stream_type: str, status: str = "ACTIVE") -> dict[str, Any]:
    """Return a delivery stream as Firehose describes it."""
    bucket = {
        "RoleARN": "arn:aws:iam::123456789012:role/firehose",
        "BucketARN": "arn:aws:s3:::lake",
        "BufferingHints": {"IntervalInSeconds": 60, "SizeInMBs": 5},
        "CompressionFormat": "GZIP",
        "EncryptionConfiguration": {},
    }
    return {
        "DeliveryStreamDescription": {
            "DeliveryStreamName": "events",
            "DeliveryStreamARN": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/events",
            "DeliveryStreamStatus": status,
            "DeliveryStreamType": stream_type,
            "VersionId": "1",
            "Destinations": [{"DestinationId": "1", "ExtendedS3DestinationDescription": bucket}],
            "HasMoreDestinations": False,
        }
    }


@pytest.mark.parametrize("destination", ["eventbridge", "pinpoint", "shop_webhook:create"])
def test_some_destinations_cannot_be_asked_and_say_so(destination: str) -> None:
    answer = search(context_with([]), delivery_to({"DESTINATION": destination}), EVENT)
    assert answer.found is None
    assert answer.words


def test_a_refused_question_is_no_answer() -> None:
    context = context_with([])
    stub(context, "firehose").add_client_error("describe_delivery_stream", "AccessDenied", "no")
    answer = search(context, delivery_to(FIREHOSE), EVENT)
    assert answer.found is None
    assert "the search failed" in answer.words


@pytest.mark.parametrize(
    ("stream_type", "status", "problem"),
    [
        ("DirectPut", "ACTIVE", ""),
        ("KinesisStreamAsSource", "ACTIVE", "its type is KinesisStreamAsSource"),
        ("DirectPut", "CREATING_FAILED", "it is CREATING_FAILED"),
    ],
)
def test_a_delivery_stream_has_to_take_direct_puts(
    stream_type: str, status: str, problem: str
) -> None:
    context = context_with([])
    context.__dict__["description"] = {"StackId": ARN}
    stub(context, "firehose").add_response(
        "describe_delivery_stream", described(stream_type, status)
    )
    need = needs_of(context, delivery_to(FIREHOSE))
    assert need is not None
    assert need.problem().startswith(problem)
    assert need.resources == ["arn:aws:firehose:eu-west-1:123456789012:deliverystream/events"]


def test_what_a_domain_has_to_have_and_where() -> None:
    context = context_with([])
    context.__dict__["description"] = {"StackId": ARN}
    need = needs_of(context, delivery_to(PROFILES))
    assert need is not None
    assert (need.action, need.region) == ("profile:PutProfileObject", "eu-west-2")
    assert need.resources == [
        f"arn:aws:profile:eu-west-2:123456789012:domains/{path}"
        for path in ("shop", "shop/object-types/GtmEvent", "shop/object-types/GtmVisitor")
    ]


def test_a_stream_has_to_be_active() -> None:
    context = context_with([])
    kinesis = stub(context, "kinesis", "eu-west-1")
    summary = {
        "StreamName": "events",
        "StreamARN": STREAM,
        "RetentionPeriodHours": 24,
        "StreamCreationTimestamp": datetime.now(UTC),
        "EnhancedMonitoring": [],
        "OpenShardCount": 1,
    }
    need = needs_of(context, delivery_to({"DESTINATION": "kinesis", "KINESIS_STREAM_ARN": STREAM}))
    assert need is not None
    for status, problem in (("ACTIVE", ""), ("UPDATING", ""), ("DELETING", "it is DELETING")):
        kinesis.add_response(
            "describe_stream_summary",
            {"StreamDescriptionSummary": summary | {"StreamStatus": status}},
            {"StreamARN": STREAM},
        )
        assert need.problem() == problem
    assert needs_of(context, delivery_to({"DESTINATION": "shop_webhook:create"})) is None

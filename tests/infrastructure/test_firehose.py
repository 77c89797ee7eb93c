"""Firehose: what a delivery stream must be, and how many events share a record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_s3 as s3

from cdk_gtm_connector import FirehoseDestination, PropError
from tests.destinations.firehose.cases import DELIVERY_STREAM_ARN
from tests.infrastructure.synthesis import add_connector, warnings

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.infrastructure.conftest import Synthesize

WARNING = "cdk-gtm-connector:firehoseEventsPerRecord"
HERE = cdk.Environment(account="123456789012", region="us-east-1")

_S3 = firehose.CfnDeliveryStream.S3DestinationConfigurationProperty(
    bucket_arn="arn:aws:s3:::archive", role_arn="arn:aws:iam::123456789012:role/firehose"
)
_BACKUP: dict[str, Any] = {"s3_configuration": _S3}
_ROLE: dict[str, Any] = {"role_arn": _S3.role_arn, **_BACKUP}
L1 = firehose.CfnDeliveryStream
# What takes records one by one, as its configuration is called, and the words for it.
RECORD_BY_RECORD: dict[str, tuple[Any, str]] = {
    "amazonopensearchservice_destination_configuration": (
        L1.AmazonopensearchserviceDestinationConfigurationProperty(index_name="events", **_ROLE),
        "OpenSearch takes",
    ),
    "amazon_open_search_serverless_destination_configuration": (
        L1.AmazonOpenSearchServerlessDestinationConfigurationProperty(index_name="e", **_ROLE),
        "OpenSearch Serverless takes",
    ),
    "elasticsearch_destination_configuration": (
        L1.ElasticsearchDestinationConfigurationProperty(index_name="events", **_ROLE),
        "Elasticsearch takes",
    ),
    "splunk_destination_configuration": (
        L1.SplunkDestinationConfigurationProperty(
            hec_endpoint="https://splunk.example", hec_endpoint_type="Event", **_BACKUP
        ),
        "Splunk takes",
    ),
    "http_endpoint_destination_configuration": (
        L1.HttpEndpointDestinationConfigurationProperty(
            endpoint_configuration=L1.HttpEndpointConfigurationProperty(url="https://x.example"),
            **_BACKUP,
        ),
        "an HTTP endpoint takes",
    ),
    "snowflake_destination_configuration": (
        L1.SnowflakeDestinationConfigurationProperty(
            account_url="https://x.example", database="d", schema="s", table="t", **_ROLE
        ),
        "Snowflake takes",
    ),
    "iceberg_destination_configuration": (
        L1.IcebergDestinationConfigurationProperty(
            catalog_configuration=L1.CatalogConfigurationProperty(),
            role_arn=_S3.role_arn,
            s3_configuration=_S3,
        ),
        "Iceberg takes",
    ),
}


def imported(stack: cdk.Stack, resource: L1, how: str) -> firehose.IDeliveryStream:
    """Return the stream of an L1 construct, as ``FirehoseDestination`` takes it."""
    if how == "arn":
        return firehose.DeliveryStream.from_delivery_stream_arn(stack, "Theirs", resource.attr_arn)
    return firehose.DeliveryStream.from_delivery_stream_name(stack, "Theirs", resource.ref)


def to_s3(stack: cdk.Stack, construct_id: str = "Owned", **props: Any) -> firehose.DeliveryStream:
    """Add somebody's own stream."""
    bucket = firehose.S3Bucket(s3.Bucket(stack, f"{construct_id}Bucket"))
    return firehose.DeliveryStream(stack, construct_id, destination=bucket, **props)


class TestEventsPerRecord:
    """How many events share a record."""

    @pytest.mark.parametrize("events_per_record", [1, 2, 500])
    def test_the_function_is_told(self, synthesized: Synthesize, events_per_record: int) -> None:
        def build(stack: cdk.Stack) -> None:
            destination = FirehoseDestination(to_s3(stack), events_per_record=events_per_record)
            assert destination.events_per_record == events_per_record
            add_connector(stack, destination=destination)

        (delivery,) = synthesized(build).deliveries.values()
        assert delivery.environment["FIREHOSE_EVENTS_PER_RECORD"] == str(events_per_record)

    def test_it_may_be_known_only_at_deployment(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            number: Any = cdk.CfnParameter(stack, "Chosen", type="Number").value_as_number
            destination = FirehoseDestination(to_s3(stack), events_per_record=number)
            add_connector(stack, destination=destination)

        (delivery,) = synthesized(build).deliveries.values()
        assert delivery.environment["FIREHOSE_EVENTS_PER_RECORD"] == "${Chosen}"

    @pytest.mark.parametrize("value", [0, 501, 1.5, True, "1", None])
    def test_it_has_a_range(self, value: Any) -> None:
        with pytest.raises(
            PropError, match=rf"^events_per_record must .* 1 and 500, got {value!r}$"
        ):
            FirehoseDestination(to_s3(cdk.Stack()), events_per_record=value)

    @pytest.mark.parametrize("how", ["arn", "name"])
    @pytest.mark.parametrize("configuration", RECORD_BY_RECORD)
    def test_who_takes_records_one_by_one_is_warned(self, configuration: str, how: str) -> None:
        stack = cdk.Stack()
        value, words = RECORD_BY_RECORD[configuration]
        resource = L1(stack, "Resource", **{configuration: value})
        stream = imported(stack, resource, how)
        add_connector(stack, "One", destination=FirehoseDestination(stream, events_per_record=1))
        assert warnings(stack) == {}
        add_connector(stack, "Many", destination=FirehoseDestination(stream))
        assert warnings(stack)[WARNING].startswith(words)
        assert "events_per_record=1" in warnings(stack)[WARNING]

    def test_the_warning_can_be_acknowledged(self) -> None:
        stack = cdk.Stack()
        configuration, (value, _) = next(iter(RECORD_BY_RECORD.items()))
        resource = L1(stack, "Resource", **{configuration: value})
        stream = imported(stack, resource, "arn")
        connector = add_connector(stack, destination=FirehoseDestination(stream))
        cdk.Annotations.of(connector).acknowledge_warning(WARNING)
        assert warnings(stack) == {}

    def test_nobody_else_is(self) -> None:
        stack = cdk.Stack()
        theirs = firehose.DeliveryStream.from_delivery_stream_arn(stack, "In", DELIVERY_STREAM_ARN)
        resource = L1(stack, "Resource", s3_destination_configuration=_S3)
        for number, stream in enumerate((theirs, to_s3(stack), imported(stack, resource, "arn"))):
            add_connector(stack, f"Gtm{number}", destination=FirehoseDestination(stream))
        assert warnings(stack) == {}


class TestRefusals:
    """Which streams the function could not put into."""

    @pytest.mark.parametrize(
        ("arn", "words"),
        [
            (
                "arn:aws:firehose:eu-west-1:123456789012:deliverystream/events",
                "delivery_stream must be in the stack's Region, us-east-1, .*, got 'eu-west-1': .*",
            ),
            (
                "arn:aws:firehose:us-east-1:999999999999:deliverystream/events",
                "delivery_stream must be in the stack's account, 123456789012, .*, got '9{12}': .*",
            ),
        ],
    )
    def test_one_elsewhere_by_its_arn(self, arn: str, words: str) -> None:
        stack = cdk.Stack(env=HERE)
        stream = firehose.DeliveryStream.from_delivery_stream_arn(stack, "Theirs", arn)
        with pytest.raises(PropError, match=rf"^{words}$"):
            add_connector(stack, destination=FirehoseDestination(stream))
        # Where this stack will be is not known.
        anywhere = cdk.Stack()
        stream = firehose.DeliveryStream.from_delivery_stream_arn(anywhere, "Theirs", arn)
        add_connector(anywhere, destination=FirehoseDestination(stream))

    @pytest.mark.parametrize(
        ("there", "what"),
        [
            (cdk.Environment(account="123456789012", region="eu-west-1"), "Region"),
            (cdk.Environment(account="999999999999", region="us-east-1"), "account"),
        ],
    )
    def test_one_in_a_stack_elsewhere(self, there: cdk.Environment, what: str) -> None:
        app = cdk.App()
        theirs, ours = cdk.Stack(app, "Theirs", env=there), cdk.Stack(app, "Ours", env=HERE)
        stream = to_s3(theirs, delivery_stream_name="events")
        with pytest.raises(PropError, match=rf"^delivery_stream must be in the stack's {what}, "):
            add_connector(ours, destination=FirehoseDestination(stream))

    def test_one_in_another_stack_here_is_taken(self) -> None:
        app = cdk.App()
        theirs, ours = cdk.Stack(app, "Theirs", env=HERE), cdk.Stack(app, "Ours", env=HERE)
        add_connector(ours, destination=FirehoseDestination(to_s3(theirs)))
        stream = firehose.DeliveryStream.from_delivery_stream_arn(ours, "In", DELIVERY_STREAM_ARN)
        add_connector(ours, "Another", destination=FirehoseDestination(stream))

    @pytest.mark.parametrize(
        ("make", "kind"),
        [
            (
                lambda stack: to_s3(
                    stack, source=firehose.KinesisStreamSource(kinesis.Stream(stack, "Source"))
                ),
                "KinesisStreamAsSource",
            ),
            (
                lambda stack: imported(
                    stack, L1(stack, "Resource", delivery_stream_type="MSKAsSource"), "name"
                ),
                "MSKAsSource",
            ),
        ],
    )
    def test_one_with_a_source_of_its_own(
        self, make: Callable[[cdk.Stack], firehose.IDeliveryStream], kind: str
    ) -> None:
        stack = cdk.Stack()
        with pytest.raises(
            PropError, match=rf"^delivery_stream must be for direct PUT.*, got '{kind}': "
        ):
            add_connector(stack, destination=FirehoseDestination(make(stack)))

    @pytest.mark.parametrize("kind", ["DirectPut", None, "a token"])
    def test_one_for_direct_put_is_taken(self, kind: str | None) -> None:
        stack = cdk.Stack()
        if kind == "a token":
            kind = cdk.Token.as_string({"Ref": "Chosen"})
        resource = L1(stack, "Resource", delivery_stream_type=kind)
        stream = imported(stack, resource, "arn")
        add_connector(stack, destination=FirehoseDestination(stream))

"""Which destinations a stack has, what they need on this machine, and what was read there."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from local.__main__ import main
from local.arrivals import Arrivals, DeliveryStreamReader
from local.console.journal import Journal
from local.deploy import Assembly, AssemblyError
from local.deployed import context_for, deployed_in, servers_for
from local.destinations import stand_ins
from local.destinations.customer_profiles.server import ProfilesServer
from local.destinations.pinpoint.server import PutEventsServer
from local.pipeline import synthesis
from local.stand_in.values import Event
from tests.local.profile_objects import PROPERTIES, TRIGGER

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def assembly(
    tmp_path: Path, functions: dict[str, dict[str, Any]], outputs: dict[str, str], **more: Any
) -> Assembly:
    """Return an assembly of functions with an environment, and outputs that name them."""
    resources = {
        name: {
            "Type": "AWS::Lambda::Function",
            "Properties": {"Environment": {"Variables": variables}},
        }
        for name, variables in functions.items()
    }
    return Assembly(
        directory=tmp_path,
        stack="Stack",
        account="123456789012",
        region="eu-west-1",
        template={
            "Resources": resources | more,
            "Outputs": {name: {"Value": {"Ref": function}} for name, function in outputs.items()},
        },
        template_url="",
        bootstrap_parameter="",
        bootstrap_version=6,
        assets=(),
    )


BUS_ARN = {
    "Fn::Join": [
        "",
        [
            "arn:",
            {"Ref": "AWS::Partition"},
            ":events:",
            {"Ref": "AWS::Region"},
            ":",
            {"Ref": "AWS::AccountId"},
            ":event-bus/bus",
        ],
    ]
}


def test_the_outputs_tell_the_destinations_apart(tmp_path: Path) -> None:
    functions: dict[str, dict[str, Any]] = {
        "B": {"DESTINATION": "eventbridge", "EVENT_BUS_ARN": BUS_ARN, "URL": {"Ref": "Queue"}},
        "A": {"DESTINATION": "kinesis"},
        "Other": {"SECRET_ARN": "x"},
    }
    outputs = {"EventBridgeFunctionName": "B", "FunctionName": "A", "OtherFunctionName": "Other"}
    first, second = deployed_in(assembly(tmp_path, functions, outputs))

    assert (first.kind, first.output("QueueName")) == ("kinesis", "QueueName")
    assert (second.kind, second.output("QueueName")) == ("eventbridge", "EventBridgeQueueName")
    assert second.variables["EVENT_BUS_ARN"] == (
        "arn:aws:events:eu-west-1:123456789012:event-bus/bus"
    )
    assert "URL" not in second.variables


def test_a_stack_without_such_outputs_has_what_its_functions_name(tmp_path: Path) -> None:
    pinpoint = {"DESTINATION": "pinpoint"}
    [only] = deployed_in(assembly(tmp_path, {"A": pinpoint, "B": pinpoint, "C": {}}, {}))
    assert (only.kind, only.prefix) == ("pinpoint", "")


@pytest.mark.parametrize(
    ("functions", "outputs", "words"),
    [
        ({}, {}, "got none"),
        ({"A": {"DESTINATION": "own"}}, {"FunctionName": "A"}, "got none"),
        (
            {"A": {"DESTINATION": "kinesis"}, "B": {"DESTINATION": "firehose"}},
            {},
            "got kinesis, firehose",
        ),
        (
            {"A": {"DESTINATION": "kinesis"}, "B": {"DESTINATION": "kinesis"}},
            {"FunctionName": "A", "OtherFunctionName": "B"},
            "needs destinations of different kinds, got kinesis, kinesis",
        ),
        (
            {
                "A": {
                    "DESTINATION": "kinesis",
                    "KINESIS_STREAM_ARN": "arn:aws:kinesis:us-east-1:123456789012:stream/s",
                }
            },
            {"FunctionName": "A"},
            r"in the stack's Region and account \(eu-west-1, 123456789012\), got arn",
        ),
    ],
)
def test_a_stack_that_cannot_run_here_says_why(
    tmp_path: Path, functions: dict[str, Any], outputs: dict[str, str], words: str
) -> None:
    with pytest.raises(AssemblyError, match=words):
        deployed_in(assembly(tmp_path, functions, outputs))


def test_each_destination_is_served(tmp_path: Path) -> None:
    names = {
        "CUSTOMER_PROFILES_DOMAIN_NAME": "shop",
        "CUSTOMER_PROFILES_OBJECT_TYPE_NAME": "GtmEvent",
    }
    functions = {kind: {"DESTINATION": kind, **names} for kind in stand_ins()}
    outputs = {f"{kind}FunctionName": kind for kind in stand_ins()}
    profiles = {
        "Type": {"Type": "AWS::CustomerProfiles::ObjectType", "Properties": PROPERTIES},
        "Trigger": {"Type": "AWS::CustomerProfiles::EventTrigger", "Properties": TRIGGER},
    }
    found = assembly(tmp_path, functions, outputs, **profiles)
    putevents = PutEventsServer()
    servers = servers_for(deployed_in(found), found, Journal(), putevents=putevents)

    assert sorted(servers) == sorted(stand_ins())
    assert all(server.kind == kind for kind, server in servers.items())
    assert servers["pinpoint"] is putevents

    functions["customer-profiles"]["CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME"] = "Theirs"
    found = assembly(tmp_path, functions, outputs, **profiles)
    server = servers_for(deployed_in(found), found, Journal())["customer-profiles"]
    assert isinstance(server, ProfilesServer)
    assert sorted(server._object_types) == [("shop", "GtmEvent"), ("shop", "Theirs")]

    profiles["Trigger"]["Properties"] = TRIGGER | {"EventTriggerConditions": []}
    found = assembly(tmp_path, functions, outputs, **profiles)
    with pytest.raises(AssemblyError, match=r"Customer Profiles: event trigger bought"):
        servers_for(deployed_in(found), found, Journal())


def test_the_destination_in_cdk_json_is_the_one_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = {"destination": ["firehose"], "firehose_delivery_stream_name": "theirs"}
    monkeypatch.setattr(synthesis, "_cdk_json", lambda: theirs)
    assert synthesis.completed({}) == {
        "destination": ["firehose"],
        "firehose_delivery_stream_name": "gtm-events",
    }
    assert synthesis.completed({"destination": "pinpoint"}) == {
        "destination": "pinpoint",
        "pinpoint_app_id": "local",
    }


@pytest.mark.parametrize(
    ("context", "completed"),
    [
        ({}, {"pinpoint_app_id": "local"}),
        ({"pinpoint_app_id": "mine"}, {"pinpoint_app_id": "mine"}),
        ({"destination": "nowhere"}, {"destination": "nowhere"}),
        (
            {"destination": ["firehose"]},  # as cdk.json may have it
            {"destination": ["firehose"], "firehose_delivery_stream_name": "gtm-events"},
        ),
        (
            {"destination": "eventbridge, firehose", "eventbridge_bus_name": "default"},
            {
                "destination": "eventbridge, firehose",
                "eventbridge_bus_name": "default",
                "firehose_delivery_stream_name": "gtm-events",
            },
        ),
    ],
)
def test_what_destinations_need_is_completed(
    context: dict[str, Any], completed: dict[str, Any]
) -> None:
    assert context_for(context) == completed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--destination", "nowhere"], "must be one or several of customer-profiles, eventbridge"),
        (["--destination", "kinesis,"], "must be one or several of customer-profiles, eventbridge"),
        (["--destination", "kinesis", "-c", "destination=firehose"], "contradict each other"),
        (["--destination", "kinesis", "--assembly", "cdk.out"], "cannot be used with"),
    ],
)
def test_a_malformed_choice_is_refused(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


class Bucket:
    """An S3 client of one bucket, whose objects hold one line each."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.listed: list[str] = []

    def get_paginator(self, _operation: str) -> Bucket:
        return self

    def paginate(self, *, Bucket: str, StartAfter: str) -> Iterator[dict[str, Any]]:  # noqa: N803
        assert Bucket == "bucket"
        self.listed = sorted(key for key in self.keys if key > StartAfter)
        yield {"Contents": [{"Key": key} for key in self.listed]}

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:  # noqa: N803
        assert Bucket == "bucket"
        return {"Body": io.BytesIO(json.dumps({"event_id": Key}).encode() + b"\n")}


def test_each_object_in_a_bucket_is_read_once_and_old_hours_are_left_alone() -> None:
    s3 = Bucket()
    reader = DeliveryStreamReader(s3, "bucket")

    def read(*new: str) -> list[str]:
        s3.keys += new
        return [event.event_id for event in reader.read()]

    assert read() == []
    assert read("2026/11/25/13/a", "2026/11/25/13/c") == ["2026/11/25/13/a", "2026/11/25/13/c"]
    assert read("2026/11/25/13/b") == ["2026/11/25/13/b"]
    assert read("2026/11/25/14/a", "2026/11/25/13/d") == ["2026/11/25/13/d", "2026/11/25/14/a"]
    assert read() == []
    assert s3.listed == ["2026/11/25/14/a"]


class Reader:
    """A reader of one event at a time."""

    def __init__(self, *event_ids: str) -> None:
        self._event_ids = list(event_ids)

    def read(self) -> Iterator[Event]:
        if self._event_ids:
            yield Event(self._event_ids.pop(0), "ep-1", "page_view", {}, {}, ())


def test_what_is_read_is_kept_with_its_copies() -> None:
    arrivals = Arrivals("kinesis", Reader("a", "b", "a"))
    assert [len(arrivals.read()) for _ in range(4)] == [1, 1, 1, 0]
    assert {event_id: len(copies) for event_id, copies in arrivals.events.items()} == {
        "a": 2,
        "b": 1,
    }


def test_only_the_newest_arrivals_are_kept_when_bounded() -> None:
    arrivals = Arrivals("kinesis", Reader("a", "b", "c"), keep=2)
    for _ in range(3):
        arrivals.read()
    assert list(arrivals.events) == ["b", "c"]

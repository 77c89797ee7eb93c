"""The emulator's rules and patches, without a server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from ministack.core.responses import request_scope  # type: ignore[import-untyped]
from ministack.services import (  # type: ignore[import-untyped]
    apigateway_v1,
    eventbridge,
    lambda_svc,
    sns,
    sqs,
)
from ministack.services.cloudformation import (  # type: ignore[import-untyped]
    custom_resource,
    provisioners,
)

from local.emulator import patches, targets
from local.emulator.access import is_open
from local.emulator.patches import apigateway, cloudformation, event_source, integrations
from local.emulator.patches import eventbridge as eventbridge_patches
from local.emulator.patches import sns as sns_patches
from local.emulator.patches import sqs as sqs_patches
from local.emulator.placeholders import add_placeholders

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT, REGION = "123456789012", "eu-west-1"
WINDOW_SECONDS = 5.0


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("", {}),
        ("a=1&b=2", {"a": ["1"], "b": ["2"]}),
        ("a=1;b=2", {"a": ["1"], "b": ["2"]}),
        ("a=1&a=2", {"a": ["1", "2"]}),
        ("a&b=", {"a": [""], "b": [""]}),
        ("a=1+2%2B3", {"a": ["1 2+3"]}),
        ("a=%2541", {"a": ["%41"]}),
        ("a=%3B%26", {"a": [";&"]}),
        ("a=b=c", {"a": ["b=c"]}),
        ("%C3%A9=%F0%9F%98%80", {"é": ["😀"]}),
        ("=x", {"": ["x"]}),
    ],
)
def test_query_strings_are_split_as_api_gateway_splits_them(
    query: str, parameters: dict[str, list[str]]
) -> None:
    assert targets.split_query(query) == parameters


@pytest.mark.parametrize(
    ("query", "masked"),
    [
        ("", ""),
        ("token=abc", "token=***"),
        ("event=a&token=abc&endpoint_id=b", "event=a&token=***&endpoint_id=b"),
        ("token=a=b;x=1", "token=***;x=1"),
        ("token=a&token=b", "token=***&token=***"),
        ("%74oke%6E=abc", "%74oke%6E=***"),
        ("token", "token"),
        ("token=", "token=***"),
        ("mytoken=1&tokens=2&a=token=3&token%20=4", "mytoken=1&tokens=2&a=token=3&token%20=4"),
        ("a=%zz&&;=x&b", "a=%zz&&;=x&b"),
    ],
)
def test_reports_show_no_token(query: str, masked: str) -> None:
    assert targets.mask_token(query) == masked


@pytest.mark.parametrize("delay", [-1, 901])
def test_a_delay_that_sqs_does_not_take_is_refused(delay: int) -> None:
    sent: list[object] = []
    send = sqs_patches.checking_delay(lambda data, _: sent.append(data))

    with pytest.raises(sqs._Err, match=f"Value {delay} for parameter DelaySeconds is invalid"):
        send({"DelaySeconds": delay}, "")
    assert not sent
    for accepted in ({}, {"DelaySeconds": 0}, {"DelaySeconds": 900}):
        send(accepted, "")
    assert sent == [{}, {"DelaySeconds": 0}, {"DelaySeconds": 900}]


def test_the_installed_ministack_is_the_expected_one() -> None:
    patches.check_ministack()


def test_another_release_of_ministack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: "9.9.9")

    with pytest.raises(patches.WrongMiniStackError, match=r"needs ministack .*, 9\.9\.9 is inst"):
        patches.check_ministack()


def test_another_signature_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apigateway_v1, "_invoke_mock_v1", print)

    with pytest.raises(patches.WrongMiniStackError, match=r"_invoke_mock_v1 has the signature"):
        patches.check_ministack()


def test_a_function_that_is_gone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sqs, "_dlq_sweep")

    with pytest.raises(patches.WrongMiniStackError, match=r"_dlq_sweep has the signature not"):
        patches.check_ministack()


def test_types_that_ministack_lacks_become_placeholders() -> None:
    types = ["AWS::SQS::Queue", "AWS::Pinpoint::App", "Custom::Anything"]

    assert add_placeholders(types) == ["AWS::Pinpoint::App"]
    assert add_placeholders(["AWS::SQS::Queue"]) == []


# Who may do what ----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD"])
def test_an_api_is_open_to_all(method: str) -> None:
    assert is_open(method, "/_aws/execute-api/abc123/stage/events")


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/_aws/execute-api",
        "/_aws/execute-api/",
        "/_aws/execute-api/abc123",
        "/_aws/execute-api//stage/events",
        "/_aws/execute-api/abc123/stage/@connections/1",
        "/_aws/execute-apis/abc123/stage/events",
        "//_aws/execute-api/abc123/stage/events",
        "/bucket/_aws/execute-api/abc123/stage/events",
        "/restapis/abc123/stage/_user_request_/events",
        "/_ministack/cfn-response/",
        "/_ministack/cfn-response/guessed",
        "/_ministack/cfn-signal/guessed",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS"])
def test_nothing_else_is_open(method: str, path: str) -> None:
    assert not is_open(method, path)


def test_a_custom_resources_url_is_open_while_its_answer_is_awaited() -> None:
    custom_resource.register_token("token")
    path = "/_ministack/cfn-response/token"
    try:
        assert is_open("PUT", path)
        assert not is_open("GET", path)
    finally:
        custom_resource.reset()
    assert not is_open("PUT", path)


# Topics -------------------------------------------------------------------------------------------

TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:topic"


class Topic:
    """A topic in MiniStack with queues, each subscribed with raw delivery and a redrive queue."""

    def __init__(self, *queues: str, size: int | None = None) -> None:
        properties = {"TopicName": "topic"} | ({"MaximumMessageSize": size} if size else {})
        create = cloudformation.keeping_message_size(provisioners._sns_create)
        self.arn, _ = create("Topic", properties, "Stack")
        self._publish = sns_patches.checking_message(sns.publish_internal)
        for queue in (*queues, "letters"):
            sqs._act_create_queue({"QueueName": queue}, "")
        for queue in queues:
            self.subscribe(queue)

    def subscribe(self, queue: str) -> None:
        redrive = {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:letters"}
        properties = {
            "TopicArn": self.arn,
            "Protocol": "sqs",
            "Endpoint": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
            "RawMessageDelivery": True,
            "RedrivePolicy": redrive,
        }
        provisioners._sns_sub_create("Subscription", properties, "Stack")

    def publish(self, message: str, **options: Any) -> None:
        self._publish(self.arn, message, **options)

    @staticmethod
    def messages(queue: str) -> list[str]:
        found = sqs._queue_by_arn(f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}")
        return [message["body"] for message in found["messages"]]


@pytest.fixture
def _scope(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sns, "_deliver_to_sqs", sns_patches.redriving(sns._deliver_to_sqs))
    monkeypatch.setattr(sns, "_SNS_MAX_PAYLOAD_BYTES", 1_048_576)
    with request_scope(ACCOUNT, REGION):
        yield
        sqs.reset()
        sns.reset()
        eventbridge.reset()


@pytest.mark.usefixtures("_scope")
def test_a_message_whose_queue_is_gone_is_redriven() -> None:
    topic = Topic("a")
    topic.subscribe("gone")
    topic.publish("message")
    assert topic.messages("a") == topic.messages("letters") == ["message"]


@pytest.mark.usefixtures("_scope")
@pytest.mark.parametrize(
    ("size", "most"), [(None, 262_144), (1_048_576, 1_048_576), (1_024, 1_024)]
)
def test_a_message_is_as_long_as_the_topic_takes(size: int | None, most: int) -> None:
    topic = Topic("a", size=size)
    topic.publish("x" * most)
    with pytest.raises(sns.SnsPublishError, match="Message too long"):
        topic.publish("x" * (most + 1))
    assert len(topic.messages("a")) == 1


@pytest.mark.usefixtures("_scope")
@pytest.mark.parametrize("message", ["v=1\nevent=e", "[]", "1", '{"sqs": "x"}'])
def test_a_structured_message_must_be_json(message: str) -> None:
    topic = Topic("a")
    with pytest.raises(sns.SnsPublishError, match="Message Structure - JSON message body failed"):
        topic.publish(message, message_structure="json")
    assert topic.messages("a") == []
    topic.publish(json.dumps({"default": "x"}), message_structure="json")
    assert len(topic.messages("a")) == 1


@pytest.mark.usefixtures("_scope")
def test_an_attribute_of_a_type_that_there_is_not_is_named() -> None:
    topic = Topic("a")
    for structure in ("", "json"):
        with pytest.raises(sns.SnsPublishError, match="attribute 'refused-1201-' has an invalid"):
            topic.publish(
                "two\nlines",
                message_structure=structure,
                message_attributes={"refused-1201-": {"DataType": "Refused", "StringValue": "1"}},
            )
    assert topic.messages("a") == []
    for data_type in ("String", "String.Array", "Number.int", "Binary"):
        topic.publish("x", message_attributes={"a": {"DataType": data_type, "StringValue": "1"}})
    assert len(topic.messages("a")) == 4


@pytest.mark.parametrize(
    ("content_type", "body", "checked"),
    [
        ("application/json", b"", (b"{}", "Model")),
        ("text/plain;charset=UTF-8", b"", (b"{}", "Model")),
        ("text/plain", b'{"a":1}', (b'{"a":1}', "Model")),
        ("", b'{"a":1}', (b'{"a":1}', "Model")),
        ("application/json", b'{"a":NaN}', (b"", "Model")),
        ("application/json", b"hello", (b"", "Model")),
        ("application/x-www-form-urlencoded", b"", (b"", None)),
        ("application/x-www-form-urlencoded", b"a=NaN", (b"a=NaN", None)),
    ],
)
def test_a_body_meets_the_model_of_its_media_type(
    content_type: str, body: bytes, checked: tuple[bytes, str | None]
) -> None:
    found: list[tuple[bytes, str | None]] = []
    check = apigateway.by_media_type(
        lambda method, _api, _request, _headers, body, _query: found.append(
            (body, method["requestModels"].get("application/json"))
        )
    )
    models = dict.fromkeys(("application/json", "text/plain"), "Model")
    headers = {"Content-Type": content_type} if content_type else {}
    check({"requestModels": models}, "api", None, headers, body, {})
    assert found == [checked]


@pytest.mark.parametrize(
    ("answer", "document"),
    [
        (
            sns._xml(
                200, "PublishResponse", "<PublishResult><MessageId>m</MessageId></PublishResult>"
            ),
            {"PublishResponse": {"PublishResult": {"MessageId": "m"}}},
        ),
        (
            sns._error("InvalidParameter", 'Message <too> "long"', 400),
            {
                "Error": {
                    "Type": "Sender",
                    "Code": "InvalidParameter",
                    "Message": 'Message <too> "long"',
                }
            },
        ),
    ],
)
def test_api_gateway_gets_what_sns_answers_as_json(
    answer: tuple[int, object, bytes], document: dict[str, Any]
) -> None:
    found = json.loads(integrations.json_of(answer[2]))
    if "Error" in document:
        assert found.pop("RequestId")
    else:
        assert found["PublishResponse"].pop("ResponseMetadata")["RequestId"]
    assert found == document


# Buses --------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("_scope")
def test_an_event_has_its_entrys_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(eventbridge, "_now_ts", eventbridge_patches.of_the_entry(lambda: 9.0))
    put = eventbridge_patches.one_by_one(eventbridge._put_events)
    eventbridge._ensure_default_bus()
    entry = {"Source": "shop", "DetailType": "GTM Event", "Detail": "{}"}
    status, _, body = put(
        {"Entries": [entry | {"Time": 5.5}, entry, entry | {"Source": "aws.own"}]}
    )
    answer = json.loads(body)
    assert (status, answer["FailedEntryCount"]) == (200, 1)
    assert [sorted(each) for each in answer["Entries"]] == [
        ["EventId"],
        ["EventId"],
        ["ErrorCode", "ErrorMessage"],
    ]
    assert [event["Time"] for event in eventbridge._events_log_list()] == [5, 9]
    assert put({"Entries": [entry] * 11})[0] == 400


class Queue:
    """A queue in MiniStack with an event source, and a clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1_000_000.0
        monkeypatch.setattr("time.time", lambda: self.now)
        self.url: str = sqs._act_create_queue({"QueueName": "queue"}, "")["QueueUrl"]
        lambda_svc._esms["mapping"] = {
            "EventSourceArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue",
            "MaximumBatchingWindowInSeconds": WINDOW_SECONDS,
        }
        self._window = event_source.BatchingWindow()

    def send(self, count: int, *, size: int = 100) -> None:
        for _ in range(count):
            sqs._act_send_message({"QueueUrl": self.url, "MessageBody": "x" * size}, "")

    def receive(self, max_number: int = 10_000) -> int:
        batch: list[dict[str, Any]] = self._window.receive(self.url, max_number)
        return len(batch)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queue]:
    """Return an empty queue."""
    with request_scope(ACCOUNT, REGION):
        yield Queue(monkeypatch)
        sqs.reset()
        lambda_svc._esms.clear()


def test_a_batch_waits_for_its_window(queue: Queue) -> None:
    queue.send(2)
    assert queue.receive() == 0
    queue.now += WINDOW_SECONDS - 0.1
    queue.send(1)
    assert queue.receive() == 0
    queue.now += 0.1
    assert queue.receive() == 3
    assert queue.receive() == 0


def test_the_next_batch_gets_a_window_of_its_own(queue: Queue) -> None:
    queue.send(1)
    queue.receive()
    queue.now += WINDOW_SECONDS
    assert queue.receive() == 1
    queue.send(1)
    assert queue.receive() == 0
    queue.now += WINDOW_SECONDS
    assert queue.receive() == 1


def test_a_full_batch_does_not_wait(queue: Queue) -> None:
    queue.send(250)
    assert [queue.receive(100) for _ in range(3)] == [100, 100, 0]


def test_without_a_window_nothing_waits(queue: Queue) -> None:
    lambda_svc._esms["mapping"]["MaximumBatchingWindowInSeconds"] = 0
    queue.send(3)
    assert queue.receive() == 3


def test_a_batch_is_cut_at_what_lambda_takes(queue: Queue) -> None:
    queue.send(14, size=1_000_000)  # 6 MB are 6 of them
    assert [queue.receive() for _ in range(3)] == [6, 6, 0]
    queue.now += WINDOW_SECONDS
    assert queue.receive() == 2


def test_messages_in_flight_are_left_alone(queue: Queue) -> None:
    queue.send(3)
    queue.receive()
    queue.now += WINDOW_SECONDS
    assert queue.receive(2) == 2
    assert queue.receive(2) == 0
    queue.now += WINDOW_SECONDS
    assert queue.receive(2) == 1

"""What the emulator adds to MiniStack, without a server: rules of API Gateway and event sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from ministack.core.responses import request_scope  # type: ignore[import-untyped]
from ministack.services import apigateway_v1, lambda_svc, sqs  # type: ignore[import-untyped]

from local import emulator

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
    assert emulator.split_query(query) == parameters


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
    assert emulator.mask_token(query) == masked


@pytest.mark.parametrize("delay", [-1, 901])
def test_a_delay_that_sqs_does_not_take_is_refused(delay: int) -> None:
    sent: list[object] = []
    send = emulator._checking_delay(lambda data, _: sent.append(data))

    with pytest.raises(sqs._Err, match=f"Value {delay} for parameter DelaySeconds is invalid"):
        send({"DelaySeconds": delay}, "")
    assert not sent
    for accepted in ({}, {"DelaySeconds": 0}, {"DelaySeconds": 900}):
        send(accepted, "")
    assert sent == [{}, {"DelaySeconds": 0}, {"DelaySeconds": 900}]


def test_the_installed_ministack_is_the_expected_one() -> None:
    emulator.check_ministack()


def test_another_release_of_ministack_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda _: "9.9.9")

    with pytest.raises(emulator.WrongMiniStackError, match=r"needs ministack .*, 9\.9\.9 is inst"):
        emulator.check_ministack()


def test_another_signature_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apigateway_v1, "_invoke_mock_v1", print)

    with pytest.raises(emulator.WrongMiniStackError, match=r"_invoke_mock_v1 .* has the signature"):
        emulator.check_ministack()


def test_a_function_that_is_gone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(sqs, "_dlq_sweep")

    with pytest.raises(emulator.WrongMiniStackError, match=r"_dlq_sweep .* has the signature not"):
        emulator.check_ministack()


def test_types_that_ministack_lacks_become_placeholders() -> None:
    types = ["AWS::SQS::Queue", "AWS::Pinpoint::App", "Custom::Anything"]

    assert emulator.add_placeholders(types) == ["AWS::Pinpoint::App"]
    assert emulator.add_placeholders(["AWS::SQS::Queue"]) == []


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
        self._window = emulator.BatchingWindow()

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

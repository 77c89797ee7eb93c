"""The local PutEvents server through the AWS SDK's own client, over a real connection."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from local.destinations.pinpoint.server import PutEventsServer
from local.serve import serving
from local.stand_in.values import Behavior
from tests.patience import HANG_SECONDS
from tests.pipeline.conftest import wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator


def client(url: str, read_seconds: float = HANG_SECONDS) -> Any:
    return boto3.client(
        "pinpoint",
        endpoint_url=url,
        region_name="us-east-1",
        config=Config(
            retries={"total_max_attempts": 1},
            read_timeout=read_seconds,
            max_pool_connections=20,
        ),
    )


def request(*event_ids: str, **changes: Any) -> dict[str, Any]:
    event = {"EventType": "page_view", "Timestamp": "2026-11-23T22:11:00Z"} | changes
    return {"BatchItem": {"ep-1": {"Endpoint": {}, "Events": dict.fromkeys(event_ids, event)}}}


@pytest.fixture
def server() -> PutEventsServer:
    return PutEventsServer()


@pytest.fixture
def pinpoint(server: PutEventsServer) -> Iterator[Any]:
    with serving(server.app()) as url:
        yield client(url)


def test_the_sdk_reads_the_answer(pinpoint: Any, server: PutEventsServer) -> None:
    server.behavior = Behavior(refuse_endpoint_data=frozenset({"ep-1"}), refuse_message="No")
    sent = request("é", "b")
    sent["BatchItem"]["ep-1"]["Events"]["b"] = {"EventType": "", "Timestamp": "now"}
    answer = pinpoint.put_events(ApplicationId="an app é", EventsRequest=sent)

    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["EventsResponse"] == {
        "Results": {
            "ep-1": {
                "EndpointItemResponse": {"StatusCode": 400, "Message": "No"},
                "EventsItemResponse": {
                    "é": {"StatusCode": 202, "Message": "Accepted"},
                    "b": {"StatusCode": 400, "Message": "EventType is empty"},
                },
            }
        }
    }
    assert list(server.delivered) == ["é"]


@pytest.mark.parametrize(
    ("behavior", "name", "status"),
    [
        (Behavior(throttle_next=1), "TooManyRequestsException", 429),
        (Behavior(fail_next=1), "InternalServerErrorException", 500),
    ],
)
def test_the_sdk_raises_the_modelled_exception(
    pinpoint: Any, server: PutEventsServer, behavior: Behavior, name: str, status: int
) -> None:
    server.behavior = behavior
    with pytest.raises(getattr(pinpoint.exceptions, name)) as caught:
        pinpoint.put_events(ApplicationId="app", EventsRequest=request("a"))

    response = caught.value.response
    assert response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert response["ResponseMetadata"]["RequestId"] == response["RequestID"]
    assert response["Message"]


def test_too_many_events_and_too_many_bytes_are_modelled_too(pinpoint: Any) -> None:
    with pytest.raises(pinpoint.exceptions.BadRequestException):
        pinpoint.put_events(
            ApplicationId="app", EventsRequest=request(*(f"e{number}" for number in range(101)))
        )
    large = request("a", Attributes={"a": "x" * 4_000_000})
    with pytest.raises(pinpoint.exceptions.PayloadTooLargeException):
        pinpoint.put_events(ApplicationId="app", EventsRequest=large)


def test_a_dropped_connection_is_a_connection_error(pinpoint: Any, server: PutEventsServer) -> None:
    server.behavior = Behavior(drop_next=1)
    with pytest.raises(ConnectionClosedError):
        pinpoint.put_events(ApplicationId="app", EventsRequest=request("a"))
    pinpoint.put_events(ApplicationId="app", EventsRequest=request("a"))

    assert [recorded.status for recorded in server.requests] == [0, 202]


def test_a_slow_answer_is_a_timeout_though_the_event_arrived(
    pinpoint: Any, server: PutEventsServer
) -> None:
    server.behavior = Behavior(slow_next=1, slow_seconds=60)
    hasty = client(pinpoint.meta.endpoint_url, read_seconds=1)
    with pytest.raises(ReadTimeoutError):
        hasty.put_events(ApplicationId="app", EventsRequest=request("a"))

    wait_for("event", lambda: server.delivered.get("a"))
    pinpoint.put_events(ApplicationId="app", EventsRequest=request("a"))
    assert (server.counts.accepted, server.counts.distinct) == (2, 1)


def test_concurrent_requests_share_one_quota() -> None:
    server = PutEventsServer(clock=lambda: 0.0)  # the quota does not grow while they are sent

    def put(number: int) -> int:
        try:
            answer = patient.put_events(ApplicationId="app", EventsRequest=request(str(number)))
        except ClientError as error:
            answer = error.response
        status: int = answer["ResponseMetadata"]["HTTPStatusCode"]
        return status

    with serving(server.app()) as url, ThreadPoolExecutor(20) as threads:
        patient = client(url)
        statuses = list(threads.map(put, range(60)))

    assert (statuses.count(202), statuses.count(429)) == (15, 45)
    assert server.counts.statuses[429] == 45


def test_answers_do_not_wait_for_delayed_acknowledgements(
    pinpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    accepted: list[socket.socket] = []
    accept = socket.socket.accept

    def remember(listener: socket.socket) -> tuple[socket.socket, Any]:
        connection, address = accept(listener)
        accepted.append(connection)
        return connection, address

    monkeypatch.setattr(socket.socket, "accept", remember)
    pinpoint.put_events(ApplicationId="app", EventsRequest=request("a"))
    [connection] = accepted
    # Without it each answer takes 40 ms on Linux.
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_it_runs_alone_and_ends_by_itself() -> None:
    arguments = ["--rate", "0.001", "--burst", "1", "--latency-ms", "1"]
    with subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", "local.destinations.pinpoint", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://127\.0\.0\.1:\d+", process.stdout.readline())
            assert found
            alone = client(found[0])
            alone.put_events(ApplicationId="app", EventsRequest=request("a"))
            with pytest.raises(alone.exceptions.TooManyRequestsException):
                alone.put_events(ApplicationId="app", EventsRequest=request("a"))
            process.terminate()
            totals = json.loads(process.stdout.read())
        finally:
            process.kill()
    assert totals == {
        "requests": 2,
        "statuses": {"202": 1, "429": 1},
        "accepted": 1,
        "distinct": 1,
        "refused": 0,
        "dropped": 0,
    }


def test_it_ends_when_its_time_is_over() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "local.destinations.pinpoint", "--duration", "0.1"],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=True,
    )
    assert json.loads(ended.stdout.splitlines()[-1])["requests"] == 0


def test_an_impossible_option_is_one_sentence() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "local.destinations.pinpoint", "--fail-share", "2"],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert ended.returncode == 2
    assert "fail_share must be a number between 0 and 1, got 2.0" in ended.stderr

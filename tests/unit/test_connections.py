"""Connections: each request is sent once and gets its own answer."""

from __future__ import annotations

import io
import select
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from benchmarks.certificates import Authority, server_context
from gtm_events import connections
from gtm_events.aws import ServiceEndpoint, ServiceRequest
from gtm_events.deadline import Deadline
from gtm_events.destinations.batching import BatchDestination
from gtm_events.destinations.kinesis import Kinesis
from gtm_events.event import Event
from gtm_events.outcome import Delivered, Retry, RetryReason
from tests.unit.clients import client, numbered, own, pool, reason
from tests.unit.network import ReceivedRequest, answer, serving

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Iterator


pytestmark = pytest.mark.usefixtures("bundle")


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def context(scheme: str, authority: Authority) -> ssl.SSLContext | None:
    return server_context(authority.certificate("127.0.0.1")) if scheme == "https" else None


STRAY = answer(b'{"to":"nobody"}')
BUFFER = io.DEFAULT_BUFFER_SIZE


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(numbered(0) + STRAY, id="at once"),
        pytest.param(numbered(0) + STRAY[:9], id="the beginning of one"),
        pytest.param(numbered(0) + answer(b" " * 12_000), id="larger than a buffer"),
        pytest.param(numbered(0, BUFFER) + STRAY, id="after a full buffer"),
        pytest.param(numbered(0, 3 * BUFFER) + STRAY, id="after several buffers"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b'{"to":0}', id="without an end"),
        pytest.param(
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n{"to":0}\r\n0\r\n\r\n'
            + STRAY,
            id="after chunks",
        ),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n" + STRAY, id="after nothing"),
    ],
)
def test_surplus_data_is_not_the_next_answer(
    first: bytes, scheme: str, context: ssl.SSLContext | None
) -> None:
    def answers(asked: ReceivedRequest) -> Iterable[bytes] | None:
        if asked.number:
            return own(asked)
        pieces = [first]
        if b"Content-Length" not in first and b"chunked" not in first and b"204" not in first:
            return closing(pieces)
        return pieces

    def closing(pieces: list[bytes]) -> Iterator[bytes]:
        yield from pieces
        raise ConnectionAbortedError  # the server ends the connection

    with serving(answers, context) as server:
        sending = client(f"{scheme}://127.0.0.1:{server.port}")
        taken = sending.send(ServiceRequest(b"{}"))
        assert taken.status == 204 or taken.json() == {"to": 0}
        assert sending.send(ServiceRequest(b"{}")).json() == {"to": 1}
        assert [asked.connection for asked in server.requests] == [0, 1]


@pytest.mark.parametrize("stray", [STRAY, answer(b"", b"408 Request Timeout"), b"H"])
@pytest.mark.parametrize("ends", [False, True])
def test_data_on_an_idle_connection_is_not_an_answer(
    stray: bytes, scheme: str, context: ssl.SSLContext | None, *, ends: bool
) -> None:
    answered = threading.Event()

    def answers(asked: ReceivedRequest) -> Iterator[bytes]:
        yield numbered(asked.number)
        if asked.number == 0:
            answered.wait()
            yield stray
            if ends:
                raise ConnectionAbortedError

    with serving(answers, context) as server:
        sending = client(f"{scheme}://127.0.0.1:{server.port}")
        assert sending.send(ServiceRequest(b"{}")).json() == {"to": 0}
        [waiting] = pool(sending)
        answered.set()
        select.select([waiting.sock], [], [])
        assert sending.send(ServiceRequest(b"{}")).json() == {"to": 1}
        assert server.connections == 2


def test_no_event_is_settled_by_an_answer_that_is_not_its_own(
    scheme: str, context: ssl.SSLContext | None
) -> None:
    taken = b'{"Records":[{"SequenceNumber":"1","ShardId":"shardId-0"}]}'
    refused = b'{"Records":[{"ErrorCode":"InternalFailure","ErrorMessage":"x"}]}'

    def answers(asked: ReceivedRequest) -> list[bytes]:
        return [answer(refused) if asked.number else answer(taken) + answer(taken)]

    with serving(answers, context) as server:
        destination = BatchDestination.at(
            Kinesis("arn:aws:kinesis:us-east-1:1:stream/s"),
            ServiceEndpoint("kinesis", "us-east-1", f"{scheme}://127.0.0.1:{server.port}"),
            requests_per_second=1_000,
        )
        outcomes = [
            outcome
            for number in range(2)
            for outcome in destination.deliver([[event(number)]], Deadline.after(60), Counter())
        ]
    assert [type(outcome) for outcome in outcomes] == [Delivered, Retry]


def event(number: int) -> Event:
    return Event(
        id=str(number),
        endpoint_id="ep",
        event_type="e",
        time=0,
        attributes={},
        metrics={},
        user_attributes={},
    )


def test_an_interim_status_is_no_answer(scheme: str, context: ssl.SSLContext | None) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

    def answers(asked: ReceivedRequest) -> list[bytes]:
        return own(asked) if asked.number else [interim, numbered(0)]

    with serving(answers, context) as server:
        sending = client(f"{scheme}://127.0.0.1:{server.port}")
        assert reason(lambda: sending.send(ServiceRequest(b"{}"))) is RetryReason.UNREACHABLE
        assert sending.send(ServiceRequest(b"{}")).json() == {"to": 1}


def test_a_connection_is_kept(scheme: str, context: ssl.SSLContext | None) -> None:
    with serving(own, context) as server:
        sending = client(f"{scheme}://127.0.0.1:{server.port}")
        for number in range(3):
            assert sending.send(ServiceRequest(b"{}")).json() == {"to": number}
        assert server.connections == 1


def test_a_broken_connection_closes_the_idle_ones() -> None:
    """After minutes of freezing, a function cannot know that its connections are closed."""
    together = threading.Barrier(3)

    def answers(asked: ReceivedRequest) -> Iterable[bytes] | None:
        if asked.number < 3:
            together.wait()
        elif asked.connection < 3:
            return None  # unanswered
        return own(asked)

    with serving(answers) as server:
        sending = client(f"http://127.0.0.1:{server.port}")
        threads = [
            threading.Thread(target=sending.send, args=[ServiceRequest(b"{}")]) for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(pool(sending)) == 3
        assert reason(lambda: sending.send(ServiceRequest(b"{}"))) is RetryReason.UNREACHABLE
        assert sending.send(ServiceRequest(b"{}")).json() == {"to": 4}


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n",
    ],
)
def test_a_huge_answer_is_not_read_to_its_end(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_ANSWER_BYTES", 100_000)
    sent = 0

    def endless(_: ReceivedRequest) -> Iterator[bytes]:
        nonlocal sent
        yield head
        while True:
            yield b" " * 10_000
            sent += 10_000

    with serving(endless) as server:
        sending = client(f"http://127.0.0.1:{server.port}")
        assert reason(lambda: sending.send(ServiceRequest(b"{}"))) is RetryReason.UNREACHABLE
        assert pool(sending) == []
    assert sent < 50_000_000  # the kernel's buffers hold this much


def test_an_answer_up_to_the_limit_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_ANSWER_BYTES", 100_000)
    with serving(lambda _: [answer(b"x" * 100_000)]) as server:
        sending = client(f"http://127.0.0.1:{server.port}")
        assert len(sending.send(ServiceRequest(b"{}")).body) == 100_000
        assert len(pool(sending)) == 1


@pytest.mark.parametrize(
    ("requests_per_second", "workers"), [(1, 2), (1.5, 3), (15, 30), (16, 32), (1_000, 32)]
)
def test_there_are_as_many_calls_at_once_as_use_the_quota(
    requests_per_second: float, workers: int
) -> None:
    service = Kinesis("arn:aws:kinesis:us-east-1:1:stream/s")
    sending = client("http://127.0.0.1:9")
    destination = BatchDestination(service, sending, requests_per_second=requests_per_second)
    assert destination._sender.max_workers == workers

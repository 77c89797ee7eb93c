"""Connections: each request goes out once, to the right host, and gets its own answer."""

from __future__ import annotations

import io
import json
import select
import ssl
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.certificates import Authority, server_context
from gtm_events import connections, tls
from gtm_events.aws import Client, ServiceEndpoint, ServiceRequest
from gtm_events.deadline import Deadline
from gtm_events.destinations.batching import BatchDestination
from gtm_events.destinations.kinesis import Kinesis
from gtm_events.errors import SettingsError, TryAgain
from gtm_events.event import Event
from gtm_events.outcome import Delivered, Retry, RetryReason
from tests.unit.network import Asked, answer, proxying, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

HOST = "kinesis.us-east-1.amazonaws.com"
PASSWORD = "pass:word"  # noqa: S105 - a test's


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(autouse=True)
def bundle(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Trust the tests' authority, and know no proxy."""
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.lower(), raising=False)
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(authority.bundle))
    tls.context.cache_clear()
    yield
    tls.context.cache_clear()


def client(url: str, read_seconds: float = 30) -> Client:
    return Client.to(
        ServiceEndpoint("kinesis", "us-east-1", url), connect_seconds=30, read_seconds=read_seconds
    )


@pytest.fixture(params=["http", "https"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def context(scheme: str, authority: Authority) -> ssl.SSLContext | None:
    return server_context(authority.certificate("127.0.0.1")) if scheme == "https" else None


def numbered(number: int, size: int = 0) -> bytes:
    """Return an answer that tells which request it is for; ``size`` is that of all of it."""
    body = b'{"to":%d}' % number
    padding = size - len(answer(body + b" " * size)) + size
    return answer(body + b" " * max(0, padding))


def own(asked: Asked) -> list[bytes]:
    return [numbered(asked.number)]


def reason(sending: Callable[[], object]) -> RetryReason:
    with pytest.raises(TryAgain) as raised:
        sending()
    return raised.value.reason


# Whose answer it is.

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
def test_what_follows_an_answer_is_not_the_next_ones(
    first: bytes, scheme: str, context: ssl.SSLContext | None
) -> None:
    def answers(asked: Asked) -> Iterable[bytes] | None:
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
def test_what_comes_while_a_connection_waits_is_nobodys(
    stray: bytes, scheme: str, context: ssl.SSLContext | None, *, ends: bool
) -> None:
    answered = threading.Event()

    def answers(asked: Asked) -> Iterator[bytes]:
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


def pool(sending: Client) -> list[Any]:
    assert isinstance(sending.session, connections.Connections)
    return sending.session._idle


def test_no_event_is_settled_by_an_answer_that_is_not_its_own(
    scheme: str, context: ssl.SSLContext | None
) -> None:
    taken = b'{"Records":[{"SequenceNumber":"1","ShardId":"shardId-0"}]}'
    refused = b'{"Records":[{"ErrorCode":"InternalFailure","ErrorMessage":"x"}]}'

    def answers(asked: Asked) -> list[bytes]:
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


def test_an_interim_answer_is_none(scheme: str, context: ssl.SSLContext | None) -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"

    def answers(asked: Asked) -> list[bytes]:
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


def test_what_ended_one_connection_may_have_ended_the_others() -> None:
    """A function that was frozen for minutes does not know yet that its connections are dead."""
    together = threading.Barrier(3)

    def answers(asked: Asked) -> Iterable[bytes] | None:
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

    def endless(_: Asked) -> Iterator[bytes]:
        nonlocal sent
        yield head
        while True:
            yield b" " * 10_000
            sent += 10_000

    with serving(endless) as server:
        sending = client(f"http://127.0.0.1:{server.port}")
        assert reason(lambda: sending.send(ServiceRequest(b"{}"))) is RetryReason.UNREACHABLE
        assert pool(sending) == []
    assert sent < 50_000_000  # what the kernel's buffers hold; the server would not have stopped


def test_an_answer_up_to_the_limit_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MAX_ANSWER_BYTES", 100_000)
    with serving(lambda _: [answer(b"x" * 100_000)]) as server:
        sending = client(f"http://127.0.0.1:{server.port}")
        assert len(sending.send(ServiceRequest(b"{}")).body) == 100_000
        assert len(pool(sending)) == 1


# Who answers.


def test_the_bundle_is_read_once_for_all_connections(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[object] = []
    load = ssl.SSLContext.load_verify_locations

    def count(self: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        read.append((args, kwargs))
        load(self, *args, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", count)
    together = threading.Barrier(6)

    def answers(asked: Asked) -> list[bytes]:
        together.wait()
        return own(asked)

    with serving(answers, server_context(authority.certificate("127.0.0.1"))) as server:
        clients = [client(f"https://127.0.0.1:{server.port}") for _ in range(2)]
        threads = [
            threading.Thread(target=sending.send, args=[ServiceRequest(b"{}")])
            for sending in clients
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.connections == 6
    assert read == [((str(authority.bundle),), {})]


def test_without_tls_no_bundle_is_read() -> None:
    client("http://127.0.0.1:9")
    assert tls.context.cache_info().misses == 0


@pytest.mark.parametrize(
    ("variables", "trusted"),
    [
        ({"AWS_CA_BUNDLE": "own"}, True),
        ({"REQUESTS_CA_BUNDLE": "own"}, True),
        ({"AWS_CA_BUNDLE": "own", "REQUESTS_CA_BUNDLE": "other"}, True),
        ({"AWS_CA_BUNDLE": "other", "REQUESTS_CA_BUNDLE": "own"}, False),
        ({"AWS_CA_BUNDLE": ""}, False),
        ({}, False),
    ],
)
def test_only_known_authorities_are_trusted(
    variables: dict[str, str],
    authority: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    trusted: bool,
) -> None:
    bundles = {"own": str(authority.bundle), "other": str(Authority(tmp_path).bundle), "": ""}
    monkeypatch.delenv("AWS_CA_BUNDLE")
    for variable, value in variables.items():
        monkeypatch.setenv(variable, bundles[value])
    with serving(own, server_context(authority.certificate("127.0.0.1"))) as server:
        sending = client(f"https://127.0.0.1:{server.port}")
        if trusted:
            assert sending.send(ServiceRequest(b"{}")).json() == {"to": 0}
        else:
            assert reason(lambda: sending.send(ServiceRequest(b"{}"))) is RetryReason.UNREACHABLE
            assert server.requests == []


@pytest.mark.parametrize("name", ["127.0.0.2", "localhost", "example.com"])
def test_a_server_with_another_name_gets_no_request(name: str, authority: Authority) -> None:
    with serving(own, server_context(authority.certificate(name))) as server:
        sending = client(f"https://127.0.0.1:{server.port}")
        assert reason(lambda: sending.send(ServiceRequest(b"{}"))) is RetryReason.UNREACHABLE
        assert server.requests == []


def test_old_protocols_are_refused() -> None:
    context = tls.context()
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
def test_a_bundle_that_is_none_is_a_setting(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with pytest.raises(SettingsError, match="AWS_CA_BUNDLE must name a file of PEM certificates"):
        client("https://127.0.0.1:9")


# By way of a proxy.


def test_a_proxy_connects_and_learns_nothing(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        serving(own, server_context(authority.certificate(HOST))) as server,
        proxying(server.port) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://us%65r:pass%3Aword@127.0.0.1:{proxy.port}")
        sending = client(f"https://{HOST}")
        for number in range(2):
            assert sending.send(ServiceRequest(b'{"a":1}')).json() == {"to": number}
        [asked] = proxy.requests
        assert proxy.connections == server.connections == 1
    lines = asked.head.split(b"\r\n")
    assert lines[0] == f"CONNECT {HOST}:443 HTTP/1.1".encode()
    assert b"Proxy-Authorization: Basic dXNlcjpwYXNzOndvcmQ=" in lines  # user:pass:word
    head = server.requests[0].head
    assert head.startswith(b"POST / HTTP/1.1\r\n")
    # It is signed so: a port in it would be another host.
    assert f"Host: {HOST}\r\n".encode() in head
    assert b"proxy" not in head.lower()


def test_no_proxy_is_asked_for_what_needs_none(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        serving(own, server_context(authority.certificate("127.0.0.1"))) as server,
        proxying(server.port) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        client(f"https://127.0.0.1:{server.port}").send(ServiceRequest(b"{}"))
        assert (proxy.connections, server.connections) == (0, 1)


@pytest.mark.parametrize(
    "refusal", [b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", b"no HTTP\r\n\r\n", b""]
)
def test_a_proxy_that_refuses_is_tried_again(
    refusal: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxying(9, refusal) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        sending = client(f"https://{HOST}")
        assert reason(lambda: sending.send(ServiceRequest(b"{}"))) is RetryReason.UNREACHABLE
        assert proxy.connections == 1


def test_without_tls_a_proxy_is_asked_for_the_url(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(own) as proxy:
        monkeypatch.setenv("http_proxy", f"http://user:word@127.0.0.1:{proxy.port}")
        client(f"http://{HOST}:8080").send(ServiceRequest(b"{}", "/path"))
    [asked] = proxy.requests
    assert asked.head.startswith(f"POST http://{HOST}:8080/path HTTP/1.1\r\n".encode())
    assert f"Host: {HOST}:8080\r\n".encode() in asked.head
    assert b"Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n" in asked.head


class TestProxyOverTls:
    """A proxy that is spoken to in TLS itself."""

    @pytest.fixture
    @staticmethod
    def proxy_context(authority: Authority) -> ssl.SSLContext:
        return server_context(authority.certificate("127.0.0.1"))

    def test_it_connects_and_learns_nothing(
        self, authority: Authority, proxy_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        large = "x" * 300_000  # more than a record, and than a buffer
        with (
            serving(own, server_context(authority.certificate(HOST))) as server,
            proxying(server.port, context=proxy_context) as proxy,
        ):
            monkeypatch.setenv("HTTPS_PROXY", f"https://user:{PASSWORD}@127.0.0.1:{proxy.port}")
            sending = client(f"https://{HOST}")
            body = json.dumps({"a": large}).encode()
            for number in range(3):
                assert sending.send(ServiceRequest(body)).json() == {"to": number}
            [asked] = proxy.requests
            assert proxy.connections == server.connections == 1
        assert asked.head.startswith(f"CONNECT {HOST}:443 HTTP/1.1".encode())
        assert b"Proxy-Authorization: Basic dXNlcjpwYXNzOndvcmQ=" in asked.head.split(b"\r\n")
        assert {len(asked.body) for asked in server.requests} == {len(body)}
        assert all(b"proxy" not in asked.head.lower() for asked in server.requests)

    @pytest.mark.parametrize("size", [0, 70_000])
    def test_a_stray_answer_is_not_taken_for_the_next_ones(
        self,
        authority: Authority,
        proxy_context: ssl.SSLContext,
        monkeypatch: pytest.MonkeyPatch,
        size: int,
    ) -> None:
        def twice(asked: Asked) -> list[bytes]:
            return [numbered(asked.number, size) + answer(b'{"to":"nobody"}')]

        with (
            serving(twice, server_context(authority.certificate(HOST))) as server,
            proxying(server.port, context=proxy_context) as proxy,
        ):
            monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
            sending = client(f"https://{HOST}")
            for number in range(3):
                assert sending.send(ServiceRequest(b"{}")).json() == {"to": number}

    @pytest.mark.parametrize("how", ["within the answer", "before it"])
    def test_an_answer_that_breaks_off_is_tried_again(
        self,
        authority: Authority,
        proxy_context: ssl.SSLContext,
        monkeypatch: pytest.MonkeyPatch,
        how: str,
    ) -> None:
        def once(_: Asked) -> Iterable[bytes]:
            if how == "within the answer":
                yield answer(b"{}" * 50)[:-1]
            raise OSError  # closes the connection

        with (
            serving(once, server_context(authority.certificate(HOST))) as server,
            proxying(server.port, context=proxy_context) as proxy,
        ):
            monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
            sending = client(f"https://{HOST}")
            assert reason(lambda: sending.send(ServiceRequest(b"{}"))) is RetryReason.UNREACHABLE

    @pytest.mark.parametrize("wrong", ["proxy", "host"])
    def test_a_certificate_for_another_name_is_not_trusted(
        self, authority: Authority, monkeypatch: pytest.MonkeyPatch, wrong: str
    ) -> None:
        names = {"proxy": "127.0.0.1", "host": HOST} | {wrong: "other.example"}
        with (
            serving(own, server_context(authority.certificate(names["host"]))) as server,
            proxying(
                server.port, context=server_context(authority.certificate(names["proxy"]))
            ) as proxy,
        ):
            monkeypatch.setenv("HTTPS_PROXY", f"https://127.0.0.1:{proxy.port}")
            sending = client(f"https://{HOST}")
            assert reason(lambda: sending.send(ServiceRequest(b"{}"))) is RetryReason.UNREACHABLE
            assert server.requests == []

    def test_without_tls_to_the_host_it_is_asked_for_the_url(
        self, proxy_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with serving(own, proxy_context) as proxy:
            monkeypatch.setenv("http_proxy", f"https://user:word@127.0.0.1:{proxy.port}")
            client(f"http://{HOST}:8080").send(ServiceRequest(b"{}", "/path"))
        [asked] = proxy.requests
        assert asked.head.startswith(f"POST http://{HOST}:8080/path HTTP/1.1\r\n".encode())
        assert b"Proxy-Authorization: Basic dXNlcjp3b3Jk\r\n" in asked.head


def test_a_proxy_of_another_kind_is_a_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"socks5://user:{PASSWORD}@127.0.0.1:1")
    words = "must be an http:// or https:// URL, got 'socks5'"
    with pytest.raises(SettingsError, match=words) as raised:
        client(f"https://{HOST}")
    assert PASSWORD not in str(raised.value)


# No more calls than the quota can use.


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

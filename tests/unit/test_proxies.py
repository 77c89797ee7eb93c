"""Requests through proxies, which cannot read them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks.certificates import Authority, server_context
from gtm_events.aws import ServiceRequest
from gtm_events.errors import SettingsError
from gtm_events.outcome import RetryReason
from tests.unit.clients import client, numbered, own, reason
from tests.unit.network import ReceivedRequest, answer, proxying, serving

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable


HOST = "kinesis.us-east-1.amazonaws.com"
PASSWORD = "pass:word"  # noqa: S105 - a test's


pytestmark = pytest.mark.usefixtures("bundle")


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
    # The signature covers the host without a port.
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
    """A proxy that itself uses TLS."""

    @pytest.fixture
    @staticmethod
    def proxy_context(authority: Authority) -> ssl.SSLContext:
        return server_context(authority.certificate("127.0.0.1"))

    def test_it_connects_and_learns_nothing(
        self, authority: Authority, proxy_context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        large = "x" * 300_000  # larger than a TLS record and than a buffer
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
        def twice(asked: ReceivedRequest) -> list[bytes]:
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
        def once(_: ReceivedRequest) -> Iterable[bytes]:
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


def test_an_unsupported_proxy_is_a_settings_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"socks5://user:{PASSWORD}@127.0.0.1:1")
    words = "must be an http:// or https:// URL, got 'socks5'"
    with pytest.raises(SettingsError, match=words) as raised:
        client(f"https://{HOST}")
    assert PASSWORD not in str(raised.value)

"""TLS: which servers are trusted."""

from __future__ import annotations

import ssl
import threading
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.certificates import Authority, server_context
from gtm_events import tls
from gtm_events.aws import ServiceRequest
from gtm_events.errors import SettingsError
from gtm_events.outcome import RetryReason
from tests.unit.clients import client, own, reason
from tests.unit.network import ReceivedRequest, serving

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.usefixtures("bundle")


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

    def answers(asked: ReceivedRequest) -> list[bytes]:
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
def test_an_unreadable_bundle_is_a_settings_error(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_bytes(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(bundle))
    with pytest.raises(SettingsError, match="AWS_CA_BUNDLE must name a file of PEM certificates"):
        client("https://127.0.0.1:9")

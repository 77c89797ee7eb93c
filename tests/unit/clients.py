"""A client for servers of :mod:`tests.unit.network`, and answers that identify requests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gtm_events import connections
from gtm_events.aws import Client, ServiceEndpoint
from gtm_events.errors import TryAgain
from tests.unit.network import ReceivedRequest, answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from gtm_events.outcome import RetryReason


def client(url: str, read_seconds: float = 30) -> Client:
    return Client.to(
        ServiceEndpoint("kinesis", "us-east-1", url), connect_seconds=30, read_seconds=read_seconds
    )


def numbered(number: int, size: int = 0) -> bytes:
    """Return an answer that identifies its request. ``size`` is its total number of bytes."""
    body = b'{"to":%d}' % number
    padding = size - len(answer(body + b" " * size)) + size
    return answer(body + b" " * max(0, padding))


def own(asked: ReceivedRequest) -> list[bytes]:
    return [numbered(asked.number)]


def reason(sending: Callable[[], object]) -> RetryReason:
    with pytest.raises(TryAgain) as raised:
        sending()
    return raised.value.reason


def pool(sending: Client) -> list[Any]:
    assert isinstance(sending.session, connections.Connections)
    return sending.session._idle

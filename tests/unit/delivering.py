"""Batches for the tests of delivery, and a destination that fails."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from gtm_events.destinations.pinpoint import Pinpoint
from tests.unit.builders import body

if TYPE_CHECKING:
    from collections.abc import Iterator


def events(*event_types: str) -> list[str]:
    return [
        body({"event": event_type, "endpoint_id": f"ep-{number}"})
        for number, event_type in enumerate(event_types)
    ]


class FailingDestination:
    """A destination that raises ``exception`` for the first ``times`` requests."""

    def __init__(self, exception: Exception, times: int = 1_000_000) -> None:
        self.exception = exception
        self.times = times

    def __call__(
        self, _endpoint_id: str, _event_id: str, _event: dict[str, Any]
    ) -> tuple[int, str]:
        if self.times > 0:
            self.times -= 1
            raise self.exception
        return 202, "Accepted"


@contextmanager
def one_at_a_time() -> Iterator[None]:
    with patch.object(Pinpoint, "max_calls", 1):
        yield

"""Cost of finding events for which Pinpoint refuses whole requests.

``PYTHONPATH=lambda_src python -m benchmarks.refusals`` prints a table for a backlog of 10,000
events at 15 requests per second and 60 seconds per invocation: the number of requests, and the
number of receives until all events are settled. It runs the function's own code with a stopped
clock.
"""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gtm_events.aws import Answer, ServiceRequest
from gtm_events.deadline import Deadline
from gtm_events.destinations.pinpoint import REQUESTS_PER_SECOND, Pinpoint
from gtm_events.errors import RefusedWhole
from gtm_events.event import Event
from gtm_events.outcome import Outcome, Reason, Rejected, Retry
from gtm_events.pacing import Pacer
from gtm_events.packing import windows
from gtm_events.sending import Sender

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gtm_events.destinations.pinpoint import Entry

EVENTS: Final = 10_000
SHARES: Final = (0.0, 0.001, 0.01, 0.05, 0.1, 0.5)

# The last 7 of 60 seconds are for the dead-letter queue, and no call begins in the 7 before.
_SENDING_SECONDS: Final = 60 - 7 - 7
BUDGET: Final = int(REQUESTS_PER_SECOND * _SENDING_SECONDS + REQUESTS_PER_SECOND - 1)
"""Requests per invocation: those within its sending time, and the burst."""

_SEED: Final = 20261126
_TIME: Final = 1_795_000_000_000


class Cost(NamedTuple):
    """Requests and receives that a backlog takes.

    Attributes:
        requests: Requests until everything is settled, if there were no time limit.
        receives: Receives until everything is settled.
    """

    requests: int
    receives: int


class _Budget(Pacer):
    """Pinpoint's quota with a stopped clock: a number of requests replaces the deadline."""

    def __init__(self, requests: int) -> None:
        super().__init__(REQUESTS_PER_SECOND)
        self._left = requests

    def acquire(self, deadline: Deadline) -> bool:
        """See :meth:`Pacer.acquire`."""
        with self._lock:
            self._left -= 1
            return self._left >= 0 and deadline.remaining() > 0


class _Service:
    """A Pinpoint that refuses any request with a bad event."""

    def __init__(self, bad: frozenset[str]) -> None:
        self._bad = bad
        self._pinpoint = Pinpoint("app")

    def __call__(self, entries: Sequence[Entry]) -> Iterator[Outcome]:
        """Answer one request."""
        request: ServiceRequest = self._pinpoint.request(entries)
        if any(entry.event_id in self._bad for entry in entries):
            raise RefusedWhole(Reason.REFUSED, "400 BadRequestException", "no message")
        taken: dict[str, Any] = {
            endpoint_id: {"EventsItemResponse": {i: {"StatusCode": 202} for i in item["Events"]}}
            for endpoint_id, item in json.loads(request.body)["BatchItem"].items()
        }
        return self._pinpoint.outcomes(
            entries, Answer(202, json.dumps({"Results": taken}).encode())
        )


def cost(share: float) -> Cost:
    """Return the cost of a backlog of which ``share`` is refused."""
    random = Random(_SEED)  # noqa: S311 - not for cryptography
    ids = [f"e-{number}" for number in range(EVENTS)]
    bad = frozenset(random.sample(ids, round(share * EVENTS)))
    requests, _ = _received(ids, bad, EVENTS * 10)
    receives = 0
    while ids:
        receives += 1
        _, ids = _received(ids, bad, BUDGET)
    return Cost(requests, receives)


def _received(ids: Sequence[str], bad: frozenset[str], budget: int) -> tuple[int, list[str]]:
    """Deliver a batch as in a new process, and return its requests and the ids to retry."""
    service, counts = Pinpoint("app"), Counter[str]()
    encoded = (service.encode(Event(i, i, "e", _TIME, {}, {}, {}), counts) for i in ids)
    entries = [entry for entry in encoded if not isinstance(entry, Rejected)]
    sender = Sender(_Service(bad), _Budget(budget), call_seconds=7, max_workers=service.max_calls)
    batch = list(windows([[entry] for entry in entries], 16 * service.max_entries))
    outcomes = list(sender.send(service.plan(batch), Deadline.after(3_600), counts))
    return counts["requests"], [each.event_id for each in outcomes if isinstance(each, Retry)]


def table() -> str:
    """Return the table."""
    lines = [
        "| refused | requests for 10,000 events | for each event refused | receives |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for share in SHARES:
        found = cost(share)
        refused = round(share * EVENTS)
        each = f"{(found.requests - EVENTS / 100) / refused:.1f}" if refused else ""
        lines.append(f"| {share:.1%} | {found.requests:,} | {each} | {found.receives} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())

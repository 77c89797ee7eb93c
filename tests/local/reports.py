"""Reports to the console's journal as the pipeline makes them, and what it says of a hit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from local.stand_in.values import Event, EventResult, Outcome, ShownDocument

if TYPE_CHECKING:
    from local.console.journal import Journal

ENDPOINT_URL = "http://127.0.0.1:4566/Api-PinpointEvents/events"
AUTHENTICATED_URL = f"{ENDPOINT_URL}/authenticated"

LISTED = "JKJaXmPLvHcESHA"


def report(**changes: Any) -> dict[str, Any]:
    return {
        "time": 1_795_471_860_000,
        "method": "GET",
        "path": "/events",
        "query": "event=page_view&endpoint_id=ep-1&evat_plan=gold&gtmcb=1",
        "status": 200,
        "event_id": "m-1",
        "detail": "",
    } | changes


OUTCOMES = {
    202: Outcome.DELIVERED,
    429: Outcome.THROTTLED,
    500: Outcome.FAILED,
    0: Outcome.FAILED,
    400: Outcome.REFUSED,
}


def answered(
    journal: Journal,
    status: int = 202,
    *,
    event_id: str = "m-1",
    endpoint_id: str = "ep-1",
    message: str | None = None,
    dropped: bool = False,
    destination: str = "pinpoint",
) -> None:
    journal.destination_answered(
        destination,
        EventResult(
            event(event_id, endpoint_id, "Event"),
            Outcome.DROPPED if dropped else OUTCOMES[status],
            str(status),
            message or f"answer {status}",
        ),
    )


def event(event_id: str, endpoint_id: str, title: str) -> Event:
    sent = {"EventType": "page_view"}
    return Event(event_id, endpoint_id, "page_view", sent, {}, (ShownDocument(title, sent),))


def dead_lettered(journal: Journal, **changes: Any) -> None:
    journal.dead_lettered(
        **{"event_id": "m-1", "reason": "REFUSED", "detail": "its words", "body": "v=1"} | changes
    )


def hit(journal: Journal) -> dict[str, Any]:
    [only] = journal.snapshot()["hits"]
    assert isinstance(only, dict)
    return only


def counters(journal: Journal) -> dict[str, Any]:
    found: dict[str, Any] = journal.snapshot()["counters"]
    return found

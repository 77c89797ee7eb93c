"""What answers say of an entry: by an error code, in the request's order, or by a status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gtm_events.failures import REFUSING, problem_of
from gtm_events.outcome import Delivered, Outcome, Reason, Rejected, Retry, RetryReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

JSON_1_1: Final = "application/x-amz-json-1.1"
"""Media type of the protocol that these services speak."""


def in_order(
    event_ids: Sequence[Sequence[str]],
    results: object,
    problem: Callable[[str], RetryReason | None],
) -> Iterator[Outcome]:
    """Yield an outcome for each event of each entry.

    Args:
        event_ids: The events of each entry, in the request's order.
        results: The answer's list. Nothing is yielded if it is not as long as the request's.
        problem: Returns why an entry with that ``ErrorCode`` goes back, ``None`` if it is refused
            for good.
    """
    if not isinstance(results, list) or len(results) != len(event_ids):
        return
    for ids, result in zip(event_ids, results, strict=True):
        for event_id in ids:
            yield _outcome(event_id, result, problem)


def _outcome(
    event_id: str, result: Mapping[str, Any], problem: Callable[[str], RetryReason | None]
) -> Outcome:
    code = result.get("ErrorCode")
    if not code:
        return Delivered(event_id)
    if passing := problem(code):
        return Retry(event_id, passing, code)
    words = f"{code}: {result.get('ErrorMessage') or 'no message'}"
    return Rejected(event_id, Reason.REFUSED, words, code)


def by_status(
    event_id: str, status: int, message: str | None, reason: Reason = Reason.REFUSED
) -> Retry | Rejected:
    """Return what becomes of an event whose own HTTP status is no success.

    Args:
        event_id: The event's id.
        status: Its status.
        message: The service's words.
        reason: Why it is rejected if the status blames it.
    """
    if passing := problem_of(status):
        return Retry(event_id, passing)
    if status not in REFUSING:  # the owner has something to mend
        return Retry(event_id, RetryReason.DENIED, str(status))
    return Rejected(event_id, reason, f"{status} {message or 'no message'}", str(status))

"""Reads outcomes from answers: by an error code in the request's order, or by a status.

An entry counts as delivered only if the answer says so for that entry. If an answer is malformed
for one entry, that entry is sent again, and the outcomes of the others still count.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gtm_events.errors import MAX_ERROR_CODE, MAX_ERROR_MESSAGE
from gtm_events.failures import REFUSING, retry_reason_of
from gtm_events.json_values import object_of, text_of
from gtm_events.outcome import Delivered, Outcome, Reason, Rejected, Retry, RetryReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

JSON_1_1: Final = "application/x-amz-json-1.1"
"""Media type of AWS's JSON protocol, version 1.1."""


def in_order(
    event_ids: Sequence[Sequence[str]],
    results: object,
    receipt: str,
    problem: Callable[[str], RetryReason | None],
) -> Iterator[Outcome]:
    """Yield an outcome for each event of each entry that the answer mentions.

    Args:
        event_ids: Ids of the events in each entry, in the request's order.
        results: The list in the answer. Nothing is yielded if its length differs from the
            request's, because its members cannot be assigned to entries then.
        receipt: Name of the member that only accepted entries have: an id or sequence number.
        problem: Returns why an entry with an ``ErrorCode`` goes back to the queue, or ``None`` if
            it is refused for good.
    """
    if not isinstance(results, list) or len(results) != len(event_ids):
        return
    for ids, result in zip(event_ids, results, strict=True):
        said = object_of(result)
        code, words = said.get("ErrorCode"), said.get("ErrorMessage")
        for event_id in ids:
            if code:
                if isinstance(code, str):
                    yield _outcome(event_id, code, words, problem)
            elif text_of(said.get(receipt)):
                yield Delivered(event_id)


def _outcome(
    event_id: str, code: str, words: object, problem: Callable[[str], RetryReason | None]
) -> Outcome:
    if retry_reason := problem(code):
        return Retry(event_id, retry_reason, code[:MAX_ERROR_CODE])
    return _rejected(event_id, Reason.REFUSED, code, words, separator=": ")


def by_status(
    event_id: str, status: int, message: object, reason: Reason = Reason.REFUSED
) -> Retry | Rejected:
    """Return the outcome of an event whose own HTTP status is an error.

    Args:
        event_id: Id of the event.
        status: Status of the event.
        message: The service's error message. Anything but text is ignored.
        reason: Reason for the rejection if the status blames the event.
    """
    if retry_reason := retry_reason_of(status):
        return Retry(event_id, retry_reason)
    if status not in REFUSING:  # the owner must fix this
        return Retry(event_id, RetryReason.DENIED, str(status))
    return _rejected(event_id, reason, str(status), message, separator=" ")


def _rejected(
    event_id: str, reason: Reason, code: str, words: object, *, separator: str
) -> Rejected:
    code = code[:MAX_ERROR_CODE]
    said = text_of(words)[:MAX_ERROR_MESSAGE] or "no message"
    return Rejected(event_id, reason, f"{code}{separator}{said}", code)

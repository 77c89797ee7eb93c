"""Reading answers: by an error code, in the request's order, or by a status.

An entry is delivered if the answer says so of that very entry. Whatever else an answer looks like,
nothing is known of the entry, and it is sent again; nothing that is said of the others is lost.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gtm_events.failures import REFUSING, problem_of
from gtm_events.json_values import object_of, text_of
from gtm_events.outcome import Delivered, Outcome, Reason, Rejected, Retry, RetryReason
from gtm_events.sending import MAX_CODE, MAX_WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

JSON_1_1: Final = "application/x-amz-json-1.1"
"""Media type of the protocol that these services speak."""


def in_order(
    event_ids: Sequence[Sequence[str]],
    results: object,
    receipt: str,
    problem: Callable[[str], RetryReason | None],
) -> Iterator[Outcome]:
    """Yield an outcome for each event of each entry that the answer says something of.

    Args:
        event_ids: The events of each entry, in the request's order.
        results: The answer's list. If it is not as long as the request's, nobody knows which of its
            members speaks of which entry, and nothing is yielded.
        receipt: The member that an entry has when it was taken: its id or sequence number.
        problem: Returns why an entry with that ``ErrorCode`` goes back, ``None`` if it is refused
            for good.
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
    if passing := problem(code):
        return Retry(event_id, passing, code[:MAX_CODE])
    return _rejected(event_id, Reason.REFUSED, code, words, separator=": ")


def by_status(
    event_id: str, status: int, message: object, reason: Reason = Reason.REFUSED
) -> Retry | Rejected:
    """Return what becomes of an event whose own HTTP status is no success.

    Args:
        event_id: The event's id.
        status: Its status.
        message: The service's words, if it is text.
        reason: Why it is rejected if the status blames it.
    """
    if passing := problem_of(status):
        return Retry(event_id, passing)
    if status not in REFUSING:  # the owner has something to mend
        return Retry(event_id, RetryReason.DENIED, str(status))
    return _rejected(event_id, reason, str(status), message, separator=" ")


def _rejected(
    event_id: str, reason: Reason, code: str, words: object, *, separator: str
) -> Rejected:
    code = code[:MAX_CODE]
    said = text_of(words)[:MAX_WORDS] or "no message"
    return Rejected(event_id, reason, f"{code}{separator}{said}", code)

"""What becomes of an event: delivered, to be retried, or rejected."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Why an event is rejected: what an operator filters the queues of rejected messages on."""

    MALFORMED = "malformed"
    """The message is not one that the endpoint wrote."""

    UNSET = "unset"
    """``event`` or ``endpoint_id`` is a word for no value, or white space."""

    TOO_MANY_EVENTS = "too_many_events"
    """The posted list has more events than the owner allows a request."""

    ORIGIN = "origin"
    """The request names a site that is not in the owner's list."""

    FOREIGN_ENDPOINT = "foreign_endpoint"
    """The verified claims name another endpoint than the event does."""

    RESERVED_EVENT_TYPE = "reserved_event_type"
    """The destination keeps this event type for its own events."""

    TOO_LARGE = "too_large"
    """The event alone is larger than the destination takes."""

    REFUSED = "refused"
    """The destination refused the event for good."""

    USER_ATTRIBUTES_REFUSED = "user_attributes_refused"
    """The destination took the event and refused to change the endpoint's user attributes."""

    @property
    def is_callers(self) -> bool:
        """Whether the caller made the mistake, and nothing that the owner mends would help.

        The others can be the owner's: a setting of the destination, or a permission.
        """
        return self in _CALLERS


_CALLERS: Final = frozenset(
    {
        Reason.MALFORMED,
        Reason.UNSET,
        Reason.TOO_MANY_EVENTS,
        Reason.ORIGIN,
        Reason.FOREIGN_ENDPOINT,
        Reason.RESERVED_EVENT_TYPE,
        Reason.TOO_LARGE,
    }
)


class RetryReason(StrEnum):
    """Why an event goes back to the queue."""

    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    UNANSWERED = "unanswered"
    """The destination's answer says nothing of the event."""

    DENIED = "denied"
    """The destination does not let the function in: the owner has something to mend."""

    OUT_OF_TIME = "out_of_time"
    """The invocation's deadline came first."""

    DEAD_LETTER_QUEUE_FAILED = "dead_letter_queue_failed"
    """The event is rejected, but the dead-letter queue did not take it."""

    INVALID_MESSAGE_QUEUE_FAILED = "invalid_message_queue_failed"
    """The event is rejected, but the invalid-message queue did not take it."""

    INTERNAL_ERROR = "internal_error"
    """A defect of this function."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the event with this id."""

    event_id: str


@dataclass(frozen=True, slots=True)
class Delivered(Outcome):
    """The destination has the event."""


@dataclass(frozen=True, slots=True)
class OptedOut(Outcome):
    """The visitor's browser asks not to be tracked, and the owner honours it."""


@dataclass(frozen=True, slots=True)
class Retry(Outcome):
    """The event may be delivered later; it goes back to the queue.

    Attributes:
        reason: Why.
        code: The destination's error code, fit for a log; empty if it names none.
    """

    reason: RetryReason
    code: str = ""


@dataclass(frozen=True, slots=True)
class Rejected(Outcome):
    """The event can never be delivered; retrying would only repeat the refusal.

    Attributes:
        reason: What an operator filters on.
        detail: The destination's own words, or ours. It goes to a queue of rejected messages, never
            to a log: it may quote the event.
        code: The destination's error code, fit for a log; empty if it was not the destination.
        everywhere: Whether every destination's function rejects the event, for the same reason.
    """

    reason: Reason
    detail: str
    code: str = ""
    everywhere: bool = False

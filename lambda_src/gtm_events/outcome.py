"""Outcomes of events: delivered, retried, rejected, or opted out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Reason for rejecting an event, by which operators filter the queues of rejected messages."""

    MALFORMED = "malformed"
    """The message, or one of its events, cannot be read."""

    UNSET = "unset"
    """``event`` or ``endpoint_id`` is a word that stands for no value, or white space."""

    TOO_MANY_EVENTS = "too_many_events"
    """The posted list has more events than the owner allows."""

    ORIGIN = "origin"
    """The request names a site that is not in the owner's list."""

    FOREIGN_ENDPOINT = "foreign_endpoint"
    """The verified claims name a different endpoint than the event."""

    RESERVED_EVENT_TYPE = "reserved_event_type"
    """The destination reserves this event type."""

    TOO_LARGE = "too_large"
    """The event is larger than the destination allows."""

    REFUSED = "refused"
    """The destination refused the event for good."""

    USER_ATTRIBUTES_REFUSED = "user_attributes_refused"
    """The destination accepted the event but refused its user attributes."""

    @property
    def is_callers_fault(self) -> bool:
        """True if the caller made a mistake that the owner cannot fix.

        For the other reasons, the owner may be able to fix a setting or a permission.
        """
        return self in _CALLERS_FAULT


_CALLERS_FAULT: Final = frozenset(
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
    """Reason for returning an event to the queue."""

    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    UNANSWERED = "unanswered"
    """The destination's answer does not mention the event."""

    DENIED = "denied"
    """The destination denies the function access, which the owner must fix."""

    OUT_OF_TIME = "out_of_time"
    """The invocation ran out of time."""

    DEAD_LETTER_QUEUE_FAILED = "dead_letter_queue_failed"
    """The event is rejected, but the dead-letter queue did not accept it."""

    INVALID_MESSAGE_QUEUE_FAILED = "invalid_message_queue_failed"
    """The event is rejected, but the invalid-message queue did not accept it."""

    INTERNAL_ERROR = "internal_error"
    """The function has a bug."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of the event with this id."""

    event_id: str


@dataclass(frozen=True, slots=True)
class Delivered(Outcome):
    """The destination accepted the event."""


@dataclass(frozen=True, slots=True)
class OptedOut(Outcome):
    """The visitor's browser asks not to be tracked, and the owner honors that."""


@dataclass(frozen=True, slots=True)
class Retry(Outcome):
    """The event may be delivered later, so it goes back to the queue.

    Attributes:
        reason: The reason.
        code: The destination's error code, safe to log; empty if it names none.
    """

    reason: RetryReason
    code: str = ""


@dataclass(frozen=True, slots=True)
class Rejected(Outcome):
    """The event can never be delivered, so it is not retried.

    Attributes:
        reason: The reason by which operators filter.
        detail: The destination's error message, or the function's. It goes to a queue of rejected
            messages. It may quote the event, so it is never logged.
        code: The destination's error code, safe to log; empty if the destination was not asked.
        everywhere: Whether every destination's function rejects the event for the same reason.
    """

    reason: Reason
    detail: str
    code: str = ""
    everywhere: bool = False

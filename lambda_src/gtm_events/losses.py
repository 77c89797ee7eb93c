"""Counters for data dropped from events."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence


class Loss(StrEnum):
    """Reason for dropping a parameter, or for cutting its value."""

    UNKNOWN_PARAMETER = "unknown_parameter"
    """There is no parameter of this name."""

    EMPTY_NAME = "empty_name"
    """Nothing follows ``evat_``, ``evmt_`` or ``usat_``."""

    EMPTY_VALUE = "empty_value"
    """The value is empty, or JSON's ``null``."""

    UNSET = "unset"
    """The value is a word that tags write for a variable that is not set."""

    NOT_A_NUMBER = "not_a_number"
    """A metric is not a finite number."""

    NAME_TOO_LONG = "name_too_long"
    """The name is longer than the destination allows."""

    REPEATED = "repeated"
    """The parameter is repeated; the last value counts."""

    TOO_MANY_PARAMETERS = "too_many_parameters"
    """The event has more attributes and metrics than the destination allows."""

    TOO_MANY_VALUES = "too_many_values"
    """The user attribute has more values than the destination allows."""

    NO_ROOM = "no_room"
    """The endpoint's user attributes have more bytes than the destination allows."""

    TIMESTAMP_NOT_ACCEPTED = "timestamp_not_accepted"
    """The owner does not accept timestamps from tags."""

    VALUE_TOO_LONG = "value_too_long"
    """The value is cut to the length that the destination allows."""

    NOT_FOR_ANONYMOUS = "not_for_anonymous"
    """The owner does not let anonymous visitors change this user attribute."""

    NOT_FOR_AUTHENTICATED = "not_for_authenticated"
    """The owner does not let authenticated visitors change this user attribute."""

    NOT_A_TIME = "not_a_time"
    """The timestamp is neither ISO 8601 with a zone nor epoch seconds or milliseconds."""

    IMPLAUSIBLE_TIME = "implausible_time"
    """The timestamp is too old, or in the future."""


TOTALS: Final[Mapping[str, Sequence[Loss]]] = {
    "ignored_parameters": (
        Loss.UNKNOWN_PARAMETER,
        Loss.EMPTY_NAME,
        Loss.EMPTY_VALUE,
        Loss.UNSET,
        Loss.NOT_A_NUMBER,
        Loss.NAME_TOO_LONG,
        Loss.REPEATED,
        Loss.TOO_MANY_PARAMETERS,
        Loss.TOO_MANY_VALUES,
        Loss.NO_ROOM,
        Loss.TIMESTAMP_NOT_ACCEPTED,
    ),
    "truncated_values": (Loss.VALUE_TOO_LONG,),
    "denied_user_attributes": (Loss.NOT_FOR_ANONYMOUS, Loss.NOT_FOR_AUTHENTICATED),
    "ignored_timestamps": (Loss.NOT_A_TIME, Loss.IMPLAUSIBLE_TIME),
}
"""Totals in the log line, each with the losses it sums. Every loss belongs to exactly one total."""

RecordLoss = Callable[[Loss, str], object]
"""Records a loss, given its reason and the parameter's name."""


class EventLosses:
    """Counts one event's losses, which the batch adds only if the event is deliverable.

    It holds numbers, no names or values, so its size does not depend on the input.
    """

    def __init__(self) -> None:
        self._counts: dict[Loss, int] = {}

    def record_loss(self, loss: Loss, _parameter: str) -> None:
        """Count a loss."""
        self._counts[loss] = self._counts.get(loss, 0) + 1

    def forget(self) -> None:
        """Reset for the next event."""
        if self._counts:
            self._counts.clear()

    def add_to(self, counts: Counter[str]) -> None:
        """Add the counts of this event to ``counts``."""
        for loss, count in self._counts.items():
            counts[loss] += count


def by_reason(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the nonzero losses in ``counts``."""
    return {loss.value: counts[loss] for loss in Loss if counts.get(loss)}


def totals(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the totals of :data:`TOTALS`."""
    return {total: sum(counts.get(loss, 0) for loss in losses) for total, losses in TOTALS.items()}

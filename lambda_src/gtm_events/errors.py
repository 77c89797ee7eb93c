"""Everything that can be wrong with what the function is given.

- :class:`GtmEventsError`
    - :class:`SettingsError`: the function's environment
    - :class:`MalformedMessage`: one message of the queue, or one of its events
    - :class:`UnsetParameter`: a parameter that an event cannot do without
    - :class:`TooManyEvents`: a posted list
- :class:`Defect`: the function itself
"""

from __future__ import annotations

from traceback import extract_tb


class GtmEventsError(Exception):
    """Base of this package's errors."""


class SettingsError(GtmEventsError):
    """An environment variable is missing or malformed: the function cannot start."""

    def __init__(self, variable: str, problem: str, value: str | None) -> None:
        got = "it is not set" if value is None else f"got {value!r}"
        super().__init__(f"environment variable {variable} {problem}, {got}")


class Defect(GtmEventsError):
    """An invocation failed for a defect of this function: all of its messages come back.

    Lambda logs the text of what a handler raises. This one has the type of ``error`` and its place,
    not its text, which may quote an event.
    """

    def __init__(self, error: BaseException) -> None:
        place = extract_tb(error.__traceback__)[-1]
        super().__init__(f"{type(error).__name__} in {place.name}, line {place.lineno}")


class MalformedMessage(GtmEventsError):
    """A message or an event is not one of ours, or is damaged. Reading it again would not help.

    The text goes with the rejected message as its detail. It never quotes the message: exception
    texts can end in logs.
    """


class UnsetParameter(GtmEventsError):
    """``event`` or ``endpoint_id`` stands for no value, as of a variable that is not set.

    The text goes where that of :class:`MalformedMessage` goes, and quotes the event no more.
    """


class TooManyEvents(GtmEventsError):
    """A posted list has more events than a request may hold.

    The text goes where that of :class:`MalformedMessage` goes.

    Args:
        count: Events in the list.
        most: Events that a request may hold.
    """

    def __init__(self, count: int, most: int) -> None:
        events = "1 event" if most == 1 else f"{most} events"
        super().__init__(f"the posted list has {count} events, and a request may have {events}")

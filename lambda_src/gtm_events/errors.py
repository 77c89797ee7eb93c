"""The package's exceptions.

- :class:`GtmEventsError`
    - :class:`SettingsError`: an environment variable is wrong
    - :class:`Defect`: the function has a bug
    - :class:`MalformedMessage`: a message, or one of its events, cannot be read
    - :class:`UnsetParameter`: a required parameter has no value
    - :class:`TooManyEvents`: a posted list is too long
    - :class:`CallFailed`: a request failed as a whole
        - :class:`TryAgain`: it may succeed later
        - :class:`RefusedWhole`: the destination refuses something in it for good
            - :class:`Unexplained`: the error code does not say whose fault it is
        - :class:`Denied`: no request can succeed until the owner fixes something
"""

from __future__ import annotations

from traceback import extract_tb
from typing import TYPE_CHECKING, Final

from gtm_events.outcome import Reason

if TYPE_CHECKING:
    from gtm_events.outcome import RetryReason

# Error messages can be long, and ten thousand events can be refused with one each.
MAX_ERROR_MESSAGE: Final = 1_000
"""Maximum length of an error message that is kept, in characters."""
MAX_ERROR_CODE: Final = 200
"""Maximum length of an error code that is kept, in characters. Error codes are logged."""


class GtmEventsError(Exception):
    """Base class of the package's exceptions."""


class SettingsError(GtmEventsError):
    """An environment variable is missing or malformed, so the function cannot start."""

    def __init__(self, variable: str, problem: str, value: str | None) -> None:
        got = "it is not set" if value is None else f"got {value!r}"
        super().__init__(f"environment variable {variable} {problem}, {got}")


class Defect(GtmEventsError):
    """A bug made the invocation fail. All of its messages go back to the queue.

    Lambda logs the message of an exception that a handler raises. This message holds the type and
    the place of ``error`` and leaves out its text, which may quote an event.
    """

    def __init__(self, error: BaseException) -> None:
        place = extract_tb(error.__traceback__)[-1]
        super().__init__(f"{type(error).__name__} in {place.name}, line {place.lineno}")


class MalformedMessage(GtmEventsError):
    """A message or an event was not written by the endpoint, or is damaged.

    A retry cannot help. The exception's text becomes the detail of the rejected message.
    It never quotes the message, because it may end up in a log.
    """


class UnsetParameter(GtmEventsError):
    """The value of ``event`` or ``endpoint_id`` is a word that stands for no value.

    As with :class:`MalformedMessage`, the text becomes a detail and never quotes the event.
    """


class TooManyEvents(GtmEventsError):
    """A posted list has more events than a request may hold.

    As with :class:`MalformedMessage`, the text becomes a detail.

    Args:
        count: Events in the list.
        most: Events that a request may hold.
    """

    def __init__(self, count: int, most: int) -> None:
        events = "1 event" if most == 1 else f"{most} events"
        super().__init__(f"the posted list has {count} events, and a request may have {events}")


class CallFailed(GtmEventsError):
    """A request failed as a whole. The exception's text is safe to log."""


class TryAgain(CallFailed):
    """The destination is throttling, failing, slow, or unreachable."""

    def __init__(self, reason: RetryReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class RefusedWhole(CallFailed):
    """The destination refused a request without saying which entry is to blame.

    Args:
        reason: The reason by which operators filter.
        code: HTTP status and error code.
        words: The destination's error message. It may quote the request, so it is never logged.
    """

    def __init__(self, reason: Reason, code: str, words: str) -> None:
        super().__init__(code[:MAX_ERROR_CODE])
        self.reason = reason
        self.detail = f"{self}: {words[:MAX_ERROR_MESSAGE]}"


class Unexplained(RefusedWhole):
    """The destination refused a request with an error code that does not say whose fault it is.

    If the request held a single entry, that entry is not rejected but goes back to the queue.
    """

    def __init__(self, code: str, words: str) -> None:
        super().__init__(Reason.REFUSED, code, words)


class Denied(CallFailed):
    """The destination denies the function access, or does not exist.

    The text holds a status and an error code and is safe to log. It leaves out the destination's
    error message, which could quote the request.
    """

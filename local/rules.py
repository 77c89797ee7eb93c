"""The parameters that a destination's function leaves out of an event, found with its own code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gtm_events.errors import MalformedMessage, UnsetParameter
from gtm_events.event import Limits, interpret
from gtm_events.losses import Loss
from gtm_events.message import Request
from gtm_events.settings import FunctionSettings
from local.destinations import stand_ins

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gtm_events.policy import AccessPolicy

__all__ = ["FunctionRules", "LossesByIndex"]

# The signed token, which the endpoint keeps out of the message.
_TOKEN: Final = "token"  # noqa: S105 - a parameter's name

LossesByIndex = dict[int, Loss]
"""Reasons why parameters were left out or cut, by the parameter's index in the request."""


@dataclass(frozen=True, slots=True)
class FunctionRules:
    """The rules by which a destination's function reads events.

    Attributes:
        limits: The destination's limits for one event.
        policy: The rights of anonymous and authenticated senders.
        accept_client_timestamp: Whether a plausible ``timestamp`` becomes the event's time.
        unset_values: Words that, as a whole value, stand for no value.
    """

    limits: Limits
    policy: AccessPolicy
    accept_client_timestamp: bool
    unset_values: frozenset[str]

    @classmethod
    def of(cls, variables: Mapping[str, str], limits: Limits | None = None) -> FunctionRules:
        """Return the rules of the function whose environment holds ``variables``.

        Args:
            variables: The function's environment variables.
            limits: The limits of a custom destination.

        Raises:
            gtm_events.errors.SettingsError: A variable is missing or malformed, so the function
            would not start.
        """
        # The template does not have the queue's URL, and nothing here depends on it.
        settings = FunctionSettings.from_environment(
            {"DEAD_LETTER_QUEUE_URL": "-"} | dict(variables)
        )
        return cls(
            stand_ins()[settings.destination].limits if limits is None else limits,
            settings.access_policy,
            settings.accept_client_timestamp,
            settings.unset_values,
        )

    def losses(
        self,
        parameters: Sequence[tuple[str, str]],
        *,
        time: int,
        authenticated: bool,
        in_query: bool,
    ) -> LossesByIndex:
        """Return the losses of an event; an empty result if the event itself is rejected.

        Args:
            parameters: The parameters as the tag sent them.
            time: Time of the request, in epoch milliseconds.
            authenticated: Whether an authorizer vouched for the sender.
            in_query: Whether they were in a query. Of repeated query parameters, API Gateway passes
                on only the last.
        """
        reader = _Reader(parameters, in_query=in_query)
        try:
            event = interpret(
                reader.parameters(),
                event_id="",
                request_time=time,
                limits=self.limits,
                accept_client_timestamp=self.accept_client_timestamp,
                unset_values=self.unset_values,
                record_loss=reader.record_loss,
            )
        except (MalformedMessage, UnsetParameter):
            return {}
        request = Request(time=time, subject="visitor" if authenticated else "", events=())
        self.policy.authorize(event, request, reader.record_loss)
        return reader.losses


class _Reader:
    """A reader that yields parameters one by one, and records each loss."""

    def __init__(self, parameters: Sequence[tuple[str, str]], *, in_query: bool) -> None:
        self.losses: LossesByIndex = {}
        self._parameters = parameters
        self._at: int | None = None
        if in_query:
            last = {name: at for at, (name, _) in enumerate(parameters)}
            self.losses |= {
                at: Loss.REPEATED for at, (name, _) in enumerate(parameters) if at != last[name]
            }

    def parameters(self) -> Iterator[tuple[str, str]]:
        """Yield the parameters that reach the function."""
        for at, (name, value) in enumerate(self._parameters):
            if at not in self.losses and name != _TOKEN:
                self._at = at
                yield name, value
        self._at = None

    def record_loss(self, loss: Loss, parameter: str) -> None:
        """Record a loss of the current parameter or, at the end, of all with that name."""
        if self._at is None:
            self.losses |= dict.fromkeys(self._kept(parameter), loss)
        elif loss is Loss.REPEATED:  # the earlier values are lost
            self.losses |= {at: loss for at in self._kept(parameter) if at < self._at}
        else:
            self.losses[self._at] = loss

    def _kept(self, parameter: str) -> list[int]:
        """Return the indexes of a parameter that has not been left out."""
        return [
            at
            for at, (name, _) in enumerate(self._parameters)
            if name == parameter and self.losses.get(at) in {None, Loss.VALUE_TOO_LONG}
        ]

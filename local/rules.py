"""Parameters that a destination's function leaves out of an event, by the function's own rules."""

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

__all__ = ["Losses", "Rules"]

# Proves who sends a request; the endpoint keeps it out of the message.
_TOKEN: Final = "token"  # noqa: S105 - a parameter's name

Losses = dict[int, Loss]
"""Why a parameter was left out or cut, by the parameter's place in the request."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules by which a destination's function reads events.

    Attributes:
        limits: What the destination takes of one event.
        policy: The rights of anonymous and authenticated senders.
        accept_client_timestamp: Whether a plausible ``timestamp`` becomes the event's time.
        unset_values: Words that, as a whole value, stand for no value.
    """

    limits: Limits
    policy: AccessPolicy
    accept_client_timestamp: bool
    unset_values: frozenset[str]

    @classmethod
    def of(cls, variables: Mapping[str, str], limits: Limits | None = None) -> Rules:
        """Return the rules of the function whose environment holds ``variables``.

        Args:
            variables: The environment.
            limits: Those of a destination of somebody's own.

        Raises:
            gtm_events.errors.SettingsError: A variable is missing or malformed: the function would
                not start.
        """
        # Only AWS knows the queue's URL, and nothing here depends on it.
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
    ) -> Losses:
        """Return the losses of an event: nothing if the event itself is rejected.

        Args:
            parameters: As the tag sent them.
            time: When, in epoch milliseconds.
            authenticated: Whether an authorizer vouched for the sender.
            in_query: Whether they were sent in a query, of whose repeated parameters API Gateway
                passes the last one on.
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
                lose=reader.lose,
            )
        except (MalformedMessage, UnsetParameter):
            return {}
        request = Request(time=time, subject="somebody" if authenticated else "", events=())
        self.policy.authorize(event, request, reader.lose)
        return reader.losses


class _Reader:
    """A reader that hands parameters over one by one, and notes each loss."""

    def __init__(self, parameters: Sequence[tuple[str, str]], *, in_query: bool) -> None:
        self.losses: Losses = {}
        self._parameters = parameters
        self._at: int | None = None
        if in_query:
            last = {name: at for at, (name, _) in enumerate(parameters)}
            self.losses |= {
                at: Loss.REPEATED for at, (name, _) in enumerate(parameters) if at != last[name]
            }

    def parameters(self) -> Iterator[tuple[str, str]]:
        """Yield those that reach the function."""
        for at, (name, value) in enumerate(self._parameters):
            if at not in self.losses and name != _TOKEN:
                self._at = at
                yield name, value
        self._at = None

    def lose(self, loss: Loss, parameter: str) -> None:
        """Note a loss of the current parameter or, at the end, of all parameters by that name."""
        if self._at is None:
            self.losses |= dict.fromkeys(self._kept(parameter), loss)
        elif loss is Loss.REPEATED:  # what is overruled came before
            self.losses |= {at: loss for at in self._kept(parameter) if at < self._at}
        else:
            self.losses[self._at] = loss

    def _kept(self, parameter: str) -> list[int]:
        """Return the places of a parameter that has not been left out."""
        return [
            at
            for at, (name, _) in enumerate(self._parameters)
            if name == parameter and self.losses.get(at) in {None, Loss.VALUE_TOO_LONG}
        ]

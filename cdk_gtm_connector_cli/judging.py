"""Predicts, with the function's own code, whether it would deliver a rejected message now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cdk_gtm_connector_cli import function_source  # noqa: F401 - makes gtm_events importable
from cdk_gtm_connector_cli.errors import CommandError
from cdk_gtm_connector_cli.messages import RETRIED
from gtm_events.deadline import Deadline
from gtm_events.delivery import Delivery
from gtm_events.errors import SettingsError
from gtm_events.event import Limits
from gtm_events.outcome import Delivered, Reason
from gtm_events.settings import FunctionSettings

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Sequence

    from cdk_gtm_connector_cli.messages import Message
    from cdk_gtm_connector_cli.stack import DeliveryResources
    from gtm_events.dead_letters import DeadLetter, UnsentLetter
    from gtm_events.event import Event
    from gtm_events.outcome import Outcome

_SECONDS: Final = 600.0
# Reasons that come from the destination, or that depend on one destination.
_OF_THE_DESTINATION: Final = (Reason.RESERVED_EVENT_TYPE, Reason.TOO_LARGE)
_ONLY_IF_MENDED: Final = (Reason.REFUSED, Reason.USER_ATTRIBUTES_REFUSED)


class Judge:
    """Predicts which messages a destination's function would only reject again.

    Args:
        delivery: The destination's resources. Among them is the function's environment, which
            determines how it reads messages.

    Raises:
        CommandError: The function would not start in its environment.
    """

    def __init__(self, delivery: DeliveryResources) -> None:
        try:
            settings = FunctionSettings.from_environment(delivery.environment)
        except SettingsError as error:
            raise CommandError(
                f"the function {delivery.function_name} cannot start: {error}",
                "deploy the stack again to set the function's environment",
            ) from error
        self._taking = _TakingAll()
        self._letters = _Letters()
        self._destination = delivery.destination
        self._function = Delivery(
            destination=self._taking,
            dead_letters=self._letters,
            policy=settings.access_policy,
            accept_client_timestamp=settings.accept_client_timestamp,
            unset_values=settings.unset_values,
            max_events=settings.max_events,
        )

    def objection(self, message: Message, reasons: Sequence[str] = ()) -> str:
        """Return why a message should stay where it is; empty if it can go back.

        Args:
            message: The message.
            reasons: Reasons whose cause the owner has fixed.
        """
        reason, refused_by = message.reason, message.attributes.get("Destination", "")
        if reason in _OF_THE_DESTINATION and refused_by in ("", self._destination):
            return f"{self._destination} would refuse it again: {reason}"
        if (
            reason in _ONLY_IF_MENDED
            and reason not in reasons
            and refused_by in ("", self._destination)
        ):
            return f"once you have fixed the cause, select it with --reason {reason}"
        if reason not in (RETRIED, *Reason):
            return f"this gtm-connector does not know the reason {reason!r}: update it"
        return self._ask(message)

    def _ask(self, message: Message) -> str:
        self._taking.events = 0
        self._letters.sent.clear()
        record = {"messageId": message.id, "body": message.body}
        batch = self._function.deliver([record], Deadline.after(_SECONDS))
        if self._taking.events or batch.opted_out:
            return ""
        for letter in self._letters.sent:
            return f"it would be rejected again as {letter.reason}: {letter.detail}"
        return "no event in it can be delivered"


class _TakingAll:
    """A destination that accepts every event, and counts them."""

    limits: Limits = Limits()

    def __init__(self) -> None:
        self.events = 0

    def deliver(
        self,
        messages: Iterable[Sequence[Event]],
        deadline: Deadline,  # noqa: ARG002 - nothing is sent
        counts: Counter[str],  # noqa: ARG002
    ) -> Iterator[Outcome]:
        """Accept the events."""
        for events in messages:
            self.events += len(events)
            for event in events:
                yield Delivered(event.id)


class _Letters:
    """A dead-letter queue in memory."""

    def __init__(self) -> None:
        self.sent: list[DeadLetter] = []

    def send(
        self,
        letters: Sequence[DeadLetter],
        deadline: Deadline,  # noqa: ARG002 - nothing is sent
    ) -> Iterator[UnsentLetter]:
        """Keep the letters."""
        self.sent += letters
        return iter(())

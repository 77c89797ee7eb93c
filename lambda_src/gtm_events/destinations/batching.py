"""Delivers events to services that accept batches: packing, sending and settling."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Final, Generic

from gtm_events.aws import Client
from gtm_events.errors import Denied, SettingsError, Unexplained
from gtm_events.outcome import Outcome, Reason, Rejected, Retry, RetryReason
from gtm_events.pacing import Pacer
from gtm_events.packing import Window, pack, windows
from gtm_events.send_task import E, PackedRequest
from gtm_events.sending import Sender

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gtm_events.aws import Answer, ServiceRequest, Target
    from gtm_events.deadline import Deadline
    from gtm_events.event import Event, Limits

# Full requests in a window. With this many, an incomplete request at its end makes little
# difference.
_WINDOW_REQUESTS: Final = 16
# With calls of up to this many seconds, the threads can still use the whole quota. A usual call
# takes 50 ms.
_SLOW_CALL_SECONDS: Final = 2

# If this many entries in a row are refused without a reason, the cause is probably not in them.
_MAX_UNEXPLAINED: Final = 3


class BatchService(ABC, Generic[E]):
    """A service with a batch operation: its limits, encoding, requests and answers."""

    name: ClassVar[str]
    """Name of the service, for texts."""

    limits: ClassVar[Limits]
    """Limits for one event."""

    max_entries: ClassVar[int]
    """Maximum number of entries in a request."""

    max_bytes: ClassVar[int]
    """Maximum bytes of a request's entries, as the service counts them."""

    max_entry_bytes: ClassVar[int]
    """Maximum size of an entry, as the service counts it."""

    connect_seconds: ClassVar[float] = 2
    read_seconds: ClassVar[float] = 5

    max_calls: ClassVar[int] = 32
    """Maximum number of calls under way, each on its own connection. At 50 ms per call they send
    up to 640 requests per second."""

    @abstractmethod
    def encode(self, event: Event, counts: Counter[str]) -> E | Rejected:
        """Return an event's entry, or a rejection if the service would refuse it.

        Args:
            event: The event. Do not keep it, so that a batch is not in memory twice.
            counts: Receives the losses.
        """

    def complete(self, entries: Iterable[E], counts: Counter[str]) -> None:
        """Complete entries with data from the rest of their batch. Default: do nothing.

        Args:
            entries: All entries of the batch, in its order.
            counts: Receives the losses.
        """

    def pack(self, entries: Sequence[E], oldest: int = 0) -> list[list[E]]:
        """Return the entries of each request, in few requests, within the limits.

        Args:
            entries: The entries of a window.
            oldest: See :class:`gtm_events.packing.Window`.
        """
        return pack(entries, max_entries=self.max_entries, max_bytes=self.max_bytes, oldest=oldest)

    def plan(self, windows: Sequence[Window[E]]) -> Iterator[PackedRequest[E]]:
        """Yield the requests of a batch. Default: requests do not wait for each other.

        Args:
            windows: The windows of the batch, oldest first.
        """
        for window in windows:
            for entries in self.pack(window.entries, window.oldest):
                yield PackedRequest(entries)

    @abstractmethod
    def request(self, entries: Sequence[E]) -> ServiceRequest:
        """Return the request that carries ``entries``."""

    @abstractmethod
    def outcomes(self, entries: Sequence[E], answer: Answer) -> Iterator[Outcome]:
        """Yield the outcome of each entry that the answer to a :meth:`request` mentions."""


class BatchDestination(Generic[E]):
    """A destination that delivers to a service with a batch operation.

    Args:
        service: The service.
        client: Sends the requests.
        requests_per_second: The account's quota of requests per second; see :class:`Pacer`.

    Raises:
        ValueError: The service's limits leave no room for an event.
    """

    def __init__(
        self, service: BatchService[E], client: Client, *, requests_per_second: float
    ) -> None:
        if not (service.max_entries >= 1 and 1 <= service.max_entry_bytes <= service.max_bytes):
            raise ValueError(
                f"{service.name} must take at least 1 entry, of at least 1 byte and no more than "
                f"a request, got max_entries={service.max_entries}, "
                f"max_entry_bytes={service.max_entry_bytes}, max_bytes={service.max_bytes}"
            )
        self._service = service
        self._client = client
        self._unexplained = 0  # entries refused alone, for no known reason, since the last success
        self._sender: Sender[E] = Sender(
            call=self._call,
            pacer=Pacer(requests_per_second),
            call_seconds=service.connect_seconds + service.read_seconds,
            max_workers=min(service.max_calls, math.ceil(requests_per_second * _SLOW_CALL_SECONDS)),
        )

    @classmethod
    def at(
        cls, service: BatchService[E], endpoint: Target, *, requests_per_second: float
    ) -> BatchDestination[E]:
        """Return the destination that sends to ``endpoint`` over the network."""
        client = Client.to(
            endpoint,
            connect_seconds=service.connect_seconds,
            read_seconds=service.read_seconds,
        )
        return cls(service, client, requests_per_second=requests_per_second)

    @property
    def limits(self) -> Limits:
        """See :attr:`gtm_events.destinations.Destination.limits`."""
        return self._service.limits

    def deliver(
        self, messages: Iterable[Sequence[Event]], deadline: Deadline, counts: Counter[str]
    ) -> Iterator[Outcome]:
        """See :meth:`gtm_events.destinations.Destination.deliver`."""
        service = self._service
        encoded: list[list[E]] = []
        defect: Exception | None = None
        for events in messages:
            entries: list[E] = []
            for event in events:
                try:
                    entry = service.encode(event, counts)
                except Exception as error:  # noqa: BLE001 - it must not stop the other events
                    defect = error
                    yield Retry(event.id, RetryReason.INTERNAL_ERROR)
                    continue
                if isinstance(entry, Rejected):
                    yield entry
                else:
                    entries.append(entry)
            encoded.append(entries)
        service.complete(chain.from_iterable(encoded), counts)
        most = service.max_entry_bytes
        too_large = [entry for entry in chain.from_iterable(encoded) if entry.size > most]
        if too_large:
            yield from map(self._too_large, too_large)
            for entries in encoded:
                entries[:] = [entry for entry in entries if entry.size <= most]
        yield from self._send(encoded, deadline, counts)
        if defect is not None:
            raise defect

    def _send(
        self, encoded: Sequence[Sequence[E]], deadline: Deadline, counts: Counter[str]
    ) -> Iterator[Outcome]:
        """Yield exactly one outcome per entry. Raise what :meth:`.Sender.send` raises.

        Args:
            encoded: The entries of each message, none too large.
            deadline: See :meth:`deliver`.
            counts: Receives the numbers of requests and throttles.
        """
        size = _WINDOW_REQUESTS * self._service.max_entries
        requests = self._service.plan(list(windows(encoded, size)))
        yield from self._sender.send(requests, deadline, counts)

    def _too_large(self, entry: E) -> Rejected:
        service = self._service
        return Rejected(
            entry.event_id,
            Reason.TOO_LARGE,
            f"the event is {entry.size:,} bytes, {service.name} takes {service.max_entry_bytes:,}",
        )

    def _call(self, entries: Sequence[E]) -> Iterator[Outcome]:
        """See :class:`gtm_events.send_task.BatchCall`.

        A single entry that is refused with an unknown error code goes back to the queue, and the
        others are still sent. After several such refusals without a success in between, the cause
        is probably not an entry, so the destination counts as denied.
        """
        try:
            answer = self._client.send(self._service.request(entries))
        except Unexplained as error:
            if self._unexplained >= _MAX_UNEXPLAINED:
                raise Denied(str(error)) from error
            if len(entries) > 1:
                raise
            self._unexplained += 1
            return iter((Retry(entries[0].event_id, RetryReason.DENIED, str(error)),))
        self._unexplained = 0
        return self._service.outcomes(entries, answer)


def requests_per_second(environment: Mapping[str, str], variable: str, default: float) -> float:
    """Return a rate quota from the environment.

    Raises:
        SettingsError: It is not a number of at least 1.
    """
    text = environment.get(variable) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 1 <= number <= 1_000_000:  # noqa: PLR2004 - also excludes infinity and NaN
        raise SettingsError(variable, "must be a number from 1 to 1,000,000", text)
    return number

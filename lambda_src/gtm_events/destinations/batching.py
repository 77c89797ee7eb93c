"""Pack, send and settle, the same for every service that takes events in batches."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Final, Generic, Protocol, TypeVar

from gtm_events.aws import Client
from gtm_events.errors import SettingsError
from gtm_events.outcome import Outcome, Reason, Rejected, Retry, RetryReason
from gtm_events.pacing import Pacer
from gtm_events.packing import Window, pack, windows
from gtm_events.sending import Denied, Packed, Sender, Unexplained

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gtm_events.aws import Answer, Call, Target
    from gtm_events.deadline import Deadline
    from gtm_events.event import Event, Limits

# Full requests in a window: enough that what is left over at its end hardly counts.
_WINDOW_REQUESTS: Final = 16
# As long as no call takes longer, the threads are enough to use the whole quota. A usual call takes
# 50 ms.
_SLOW_CALL_SECONDS: Final = 2

# It is hardly the entries that are wrong if so many in a row are refused without a reason.
_MAX_UNEXPLAINED: Final = 3


class Entry(Protocol):
    """One event, encoded for a service."""

    @property
    def event_id(self) -> str:
        """The event's id."""
        ...

    @property
    def size(self) -> int:
        """Bytes of it, as the service counts them."""
        ...


E = TypeVar("E", bound=Entry)


class BatchService(ABC, Generic[E]):
    """What is a service's own: its limits, its encoding, its batch call, its answers."""

    name: ClassVar[str]
    """The service's name, in words."""

    limits: ClassVar[Limits]
    """What the service takes of one event."""

    max_entries: ClassVar[int]
    """Entries that the service takes in a request."""

    max_bytes: ClassVar[int]
    """Bytes that it takes in a request, as it counts them."""

    max_entry_bytes: ClassVar[int]
    """Bytes that it takes of one entry, as it counts them."""

    connect_seconds: ClassVar[float] = 2
    read_seconds: ClassVar[float] = 5

    max_calls: ClassVar[int] = 32
    """The most calls under way at once, each on a connection of its own: with 50 ms a call they
    send 600 a second, see the benchmark."""

    @abstractmethod
    def encode(self, event: Event, counts: Counter[str]) -> E | Rejected:
        """Return an event's entry, or why the service would refuse it.

        Args:
            event: The event. It is not kept: a batch is never whole in memory twice.
            counts: What has to be left out is added to it.
        """

    def complete(self, entries: Iterable[E], counts: Counter[str]) -> None:
        """Add what an entry takes from the others of its batch: by default nothing.

        Args:
            entries: Of the whole batch, in its order.
            counts: What has to be left out is added to it.
        """

    def pack(self, entries: Sequence[E], oldest: int = 0) -> list[list[E]]:
        """Return the entries of each request: as few requests as the limits allow.

        Args:
            entries: A window's.
            oldest: See :class:`gtm_events.packing.Window`.
        """
        return pack(entries, max_entries=self.max_entries, max_bytes=self.max_bytes, oldest=oldest)

    def requests(self, windows: Sequence[Window[E]]) -> Iterator[Packed[E]]:
        """Yield the requests of a batch: by default any of them may be under way with any other.

        Args:
            windows: The batch, the oldest first.
        """
        for window in windows:
            for entries in self.pack(window.entries, window.oldest):
                yield Packed(entries)

    @abstractmethod
    def call(self, entries: Sequence[E]) -> Call:
        """Return the request that carries ``entries``."""

    @abstractmethod
    def outcomes(self, entries: Sequence[E], answer: Answer) -> Iterator[Outcome]:
        """Yield what the answer to a :meth:`call` says of each entry.

        An entry that it says nothing of is left out.
        """


class BatchDestination(Generic[E]):
    """A destination that is a service with a batch call.

    Args:
        service: What is the service's own.
        client: Sends its requests.
        requests_per_second: The account's quota for them; its burst is as large.

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
        self._unexplained = 0  # entries refused so, each alone, since something was taken
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
        size = _WINDOW_REQUESTS * service.max_entries
        requests = service.requests(list(windows(encoded, size)))
        yield from self._sender.send(requests, deadline, counts)
        if defect is not None:
            raise defect

    def _too_large(self, entry: E) -> Rejected:
        service = self._service
        return Rejected(
            entry.event_id,
            Reason.TOO_LARGE,
            f"the event is {entry.size:,} bytes, {service.name} takes {service.max_entry_bytes:,}",
        )

    def _call(self, entries: Sequence[E]) -> Iterator[Outcome]:
        """See :class:`gtm_events.sending.BatchCall`.

        A code that is not known to blame an entry blames it only if others are taken meanwhile:
        then it waits, with that code, and does not hold them up.
        """
        try:
            answer = self._client.send(self._service.call(entries))
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
    """Return a quota from the environment.

    Raises:
        SettingsError: It is no number of at least 1.
    """
    text = environment.get(variable) or str(default)
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 1 <= number <= 1_000_000:  # noqa: PLR2004 - not infinite, not NaN
        raise SettingsError(variable, "must be a number of at least 1", text)
    return number

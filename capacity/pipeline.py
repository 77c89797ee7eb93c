"""A discrete-event model of the way from the queue to the destination.

Arrivals -> queue -> Lambda's event source (batch size, window, 6 MB, concurrency) -> requests of as
many events as the destination takes -> a pacer for each running function -> the destination's
quota, which the whole account shares -> delivered, or back to the queue until the visibility
timeout has passed. The destination is Amazon Pinpoint unless a :class:`Setup` says otherwise.

What it takes from the code: the pacer's arithmetic (a test holds it against
:class:`gtm_events.pacing.Pacer`), the sender's 32 calls at once, its 20 attempts with backoff at a
request that is throttled, its deadlines, and the construct's defaults. What it takes from AWS's
documentation: the next batching window begins as soon as the previous invocation ends, a batch is
closed early when it is full or at 6 MB, and a message that is reported as failed comes back after
the visibility timeout. What nobody outside AWS knows, and is assumed: as many batches are gathered
at once as may run at once; messages are spread evenly over them; reading from the queue takes no
time (``receive_rate`` sets a limit); throttling is a token bucket of the quota's size that what is
refused does not drain; a Kinesis shard's bucket is of records, and a request's records are spread
over the shards at random and refused one by one, as ``PutRecords`` does it. Every destination is
given the same CPU and latency. Customer Profiles' second round, for the endpoints that are in a
batch twice, is left out.

:mod:`capacity.simulation` runs it. Everything random comes from one seed.
"""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from capacity.arrivals import Cohort, Phase, arrivals
from capacity.model import (
    TIMING,
    WORKERS,
    Settings,
    Timing,
    Traffic,
    cpu_share,
    messages_in_batch,
)
from capacity.throttling import ModelPacer, Quota, Shards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SEED: Final = 20261125

# gtm_events.sending; the tests hold these against the originals.
MAX_ATTEMPTS: Final = 20  # of a request that is throttled: here nothing else goes wrong
BACKOFF_SECONDS: Final = 0.2
MAX_DOUBLINGS: Final = 2
SETTLING_SECONDS: Final = 7.0  # gtm_events.delivery
CALL_SECONDS: Final = 7.0  # connect and read timeout of gtm_events.destinations.pinpoint

_POLL_SECONDS = 0.05
_LATENCY_SPREAD = 0.3  # sigma of the logarithm: one request in a hundred takes twice as long
_RECEIVED = 10  # messages a ReceiveMessage returns at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What is simulated.

    Attributes:
        settings: The construct's. Its quota is what each function's pacer is told.
        traffic: How large the messages are.
        timing: How long the function takes.
        quota: Requests a second that the account is let in; also at once.
        shards: Of the Kinesis stream that is the destination, whose quota is of records; 0: the
            destination is another.
        timeout: Seconds of an invocation.
        max_attempts: Of one request, before its events go back to the queue.
        max_receive_count: Attempts before a message goes to the dead-letter queue.
        receive_rate: Messages a second that one batch is gathered at.
    """

    settings: Settings = field(default_factory=Settings)
    traffic: Traffic = field(default_factory=Traffic)
    timing: Timing = TIMING
    quota: float = 15.0
    shards: int = 0
    timeout: float = 60.0
    max_attempts: int = MAX_ATTEMPTS
    max_receive_count: int = 10
    receive_rate: float = math.inf

    @property
    def visibility(self) -> float:
        """Seconds until a message comes back: what the construct sets."""
        return 6 * self.timeout + self.settings.batching_window


class Sample(NamedTuple):
    """The system at one second.

    Attributes:
        time: In seconds.
        undelivered: Messages that wait or are under way.
        oldest: Age in seconds of the oldest of them.
        delivered: Messages delivered in the second before.
    """

    time: float
    undelivered: int
    oldest: float
    delivered: int


@dataclass(slots=True)
class Result:
    """What came of it.

    Attributes:
        arrived: Messages that arrived.
        delivered: Messages that were delivered.
        dead_lettered: Messages that were tried too often.
        waiting: Messages that were neither by the end.
        invocations: Of the function.
        requests: To the destination, each attempt.
        throttled: Requests that were refused for the rate, wholly or in part.
        refused: Those of them that were refused wholly.
        returned: Messages that went back to the queue, each time.
        most_in_flight: Messages received and not yet deleted, at the most.
        busy_seconds: What invocations lasted, summed.
        ended: When the last event was settled, in seconds.
        waits: For each cohort, seconds until its invocation began, and its size.
        latencies: For each cohort, seconds until it was delivered, and its size.
        samples: The system second by second.
    """

    arrived: int = 0
    delivered: int = 0
    dead_lettered: int = 0
    waiting: int = 0
    invocations: int = 0
    requests: int = 0
    throttled: int = 0
    refused: int = 0
    returned: int = 0
    most_in_flight: int = 0
    busy_seconds: float = 0.0
    ended: float = 0.0
    waits: list[tuple[float, int]] = field(default_factory=list)
    latencies: list[tuple[float, int]] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)


def percentiles(weighted: Sequence[tuple[float, int]], *shares: float) -> list[float]:
    """Return the values that so large a share of the messages does not exceed."""
    ordered = sorted(weighted)
    total = sum(count for _, count in ordered)
    found: list[float] = []
    seen = 0
    for value, count in ordered:
        seen += count
        while len(found) < len(shares) and seen >= shares[len(found)] * total:
            found.append(value)
    return found + [math.nan] * (len(shares) - len(found))


class _Request:
    """A request on its way through its attempts."""

    __slots__ = ("attempt", "cohorts")

    def __init__(self, cohorts: list[Cohort]) -> None:
        self.cohorts = cohorts
        self.attempt = 1


def pack(cohorts: Iterable[Cohort], events_per_request: int) -> list[list[Cohort]]:
    """Distribute a batch over as few requests as its number of events allows."""
    requests: list[list[Cohort]] = []
    room = 0
    for cohort in cohorts:
        left = cohort.size
        while left:
            if not room:
                requests.append([])
                room = events_per_request
            taken = min(left, room)
            requests[-1].append(Cohort(cohort.arrived, cohort.receives, taken))
            left -= taken
            room -= taken
    return requests


class _Function:
    """One of the functions that the event source keeps busy: its batch is gathered, then invoked.

    A warm function keeps its pacer, so it lives here.
    """

    def __init__(self, number: int, pacer: ModelPacer) -> None:
        self.number = number
        self.pacer = pacer
        self.gathering = False
        self.opened = 0.0
        self.generation = 0
        self.batch: list[Cohort] = []
        self.size = 0
        # While invoked:
        self.begun = 0.0
        self.cpu_free = 0.0
        self.pending: deque[_Request] = deque()
        self.unsettled = 0
        self.delivered = 0


class Simulation:
    """One run."""

    def __init__(self, setup: Setup, phases: Sequence[Phase], seed: int = SEED) -> None:
        self.setup = setup
        self.random = Random(seed)  # noqa: S311 - not for cryptography
        self.arrivals = arrivals(phases, Random(seed + 1))  # noqa: S311 - as above
        self.result = Result()
        self.quota = Shards(setup.shards, self.random) if setup.shards else Quota(setup.quota)
        self.queue: deque[Cohort] = deque()
        self.hidden: dict[int, list[Cohort]] = {}
        self.in_flight = 0
        self.more = True
        self.now = 0.0
        self._limit = messages_in_batch(setup.settings, setup.traffic)
        self._share = cpu_share(setup.settings.memory_size)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0
        self._polling = False
        self._delivered_before = 0
        self.functions = [
            _Function(number, ModelPacer(setup.settings.requests_per_second))
            for number in range(setup.settings.max_concurrency)
        ]

    def run(self, until: float = math.inf) -> Result:
        """Run until every message is settled, or until a time in seconds."""
        self._next_arrival()
        for function in self.functions:
            # Not all windows begin together.
            first = self.random.random() * self.setup.settings.batching_window
            self._at(first, partial(self._gather, function))
        self._at(1.0, self._sample)
        result, events = self.result, self._events
        while events and events[0][0] <= until and (self.more or self._unsettled()):
            self.now, _, action = heapq.heappop(events)
            action()
        result.ended = self.now
        result.waiting = result.arrived - result.delivered - result.dead_lettered
        return result

    def _unsettled(self) -> bool:
        result = self.result
        return result.arrived > result.delivered + result.dead_lettered

    def _at(self, time: float, action: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._events, (time, self._sequence, action))

    def _next_arrival(self) -> None:
        cohort = next(self.arrivals, None)
        if cohort is None:
            self.more = False
            return

        def arrive() -> None:
            self.result.arrived += cohort.size
            self.queue.append(cohort)
            self._receive()
            self._next_arrival()

        self._at(cohort.arrived, arrive)

    def _gather(self, function: _Function) -> None:
        function.gathering = True
        function.opened = self.now
        function.generation += 1
        function.batch, function.size = [], 0
        generation = function.generation

        def close() -> None:
            if function.gathering and function.generation == generation:
                if function.size:
                    self._invoke(function)
                else:
                    self._gather(function)

        # A window of 0 s still is a long poll, which ends with the first messages.
        window = self.setup.settings.batching_window or 20.0
        self._at(self.now + window, close)
        self._receive()

    def _room(self, function: _Function) -> int:
        room = self._limit - function.size
        if self.setup.receive_rate < math.inf:
            read = int(self.setup.receive_rate * (self.now - function.opened)) - function.size
            room = min(room, read)
        return room

    def _receive(self) -> None:
        """Move messages from the queue into the batches that are being gathered."""
        while self.queue:
            ready = [f for f in self.functions if f.gathering and self._room(f) > 0]
            if not ready:
                break
            if len(ready) == 1:
                self._take(ready[0], self._room(ready[0]))
            else:
                function = self.random.choice(ready)
                self._take(function, min(self._room(function), _RECEIVED))
        self.result.most_in_flight = max(self.result.most_in_flight, self.in_flight)
        if not self.setup.settings.batching_window:
            for function in self.functions:
                if function.gathering and function.size:
                    self._invoke(function)
        if self.queue and self.setup.receive_rate < math.inf and not self._polling:
            self._polling = True
            self._at(self.now + _POLL_SECONDS, self._poll)

    def _poll(self) -> None:
        self._polling = False
        self._receive()

    def _take(self, function: _Function, most: int) -> None:
        cohort = self.queue.popleft()
        taken = min(cohort.size, most)
        if taken < cohort.size:
            left = cohort.size - taken
            self.queue.appendleft(Cohort(cohort.arrived, cohort.receives, left))
        function.batch.append(Cohort(cohort.arrived, cohort.receives + 1, taken))
        function.size += taken
        self.in_flight += taken
        if function.size == self._limit:
            self._invoke(function)

    def _invoke(self, function: _Function) -> None:
        timing, result = self.setup.timing, self.result
        function.gathering = False
        function.begun = self.now
        result.invocations += 1
        result.waits += [
            (self.now - cohort.arrived, cohort.size)
            for cohort in function.batch
            if cohort.receives == 1
        ]
        requests = pack(function.batch, self.setup.settings.events_per_request)
        function.pending = deque(map(_Request, requests))
        function.unsettled = len(requests)
        function.delivered = 0
        cpu = (timing.invocation_cpu + function.size * timing.event_cpu) / self._share
        function.cpu_free = self.now + cpu

        def send() -> None:
            for _ in range(min(WORKERS, len(requests))):
                self._turn(function, function.pending.popleft())

        self._at(function.cpu_free, send)

    def _last_start(self, function: _Function) -> float:
        return function.begun + self.setup.timeout - SETTLING_SECONDS - CALL_SECONDS

    def _turn(self, function: _Function, request: _Request) -> None:
        wait = function.pacer.acquire(self.now, self._last_start(function))
        if wait is None:
            self._settle(function, request, delivered=False)
            return
        self._at(self.now + wait, partial(self._send, function, request))

    def _send(self, function: _Function, request: _Request) -> None:
        timing = self.setup.timing
        self.result.requests += 1
        # One thread at a time computes; waiting for the answer is free.
        function.cpu_free = max(function.cpu_free, self.now) + timing.request_cpu / self._share
        latency = timing.request_latency * self.random.lognormvariate(0, _LATENCY_SPREAD)
        arrived = function.cpu_free + latency / 2

        def at_destination() -> None:
            let_in, refused = self.quota.split(self.now, request.cohorts)
            answered = partial(self._answered, function, request, let_in, refused)
            self._at(arrived + latency / 2, answered)

        self._at(arrived, at_destination)

    def _answered(
        self, function: _Function, request: _Request, let_in: list[Cohort], refused: list[Cohort]
    ) -> None:
        # Of a stream one shard may be throttling: the pacer only hears of it if all were refused.
        if let_in:
            function.pacer.answered(self.now)
        else:
            self.result.refused += 1
            function.pacer.throttled(self.now)
        if not refused:
            self._settle(function, request, delivered=True)
            return
        self.result.throttled += 1
        self._deliver(function, let_in)
        request.cohorts = refused
        if request.attempt == self.setup.max_attempts:
            self._settle(function, request, delivered=False)
            return
        doublings = min(request.attempt - 1, MAX_DOUBLINGS)
        backoff = self.random.uniform(0, BACKOFF_SECONDS * 2**doublings)
        request.attempt += 1
        if self.now + backoff >= self._last_start(function):
            self._settle(function, request, delivered=False)
        else:
            self._at(self.now + backoff, partial(self._turn, function, request))

    def _settle(self, function: _Function, request: _Request, *, delivered: bool) -> None:
        result = self.result
        if delivered:
            self._deliver(function, request.cohorts)
        else:
            result.returned += sum(cohort.size for cohort in request.cohorts)
            self._hide(function, request.cohorts)
        function.unsettled -= 1
        if not function.unsettled:
            result.busy_seconds += self.now - function.begun
            # The event source deletes them when the invocation has ended.
            self.in_flight -= function.delivered
            self._gather(function)
        elif function.pending:
            self._turn(function, function.pending.popleft())

    def _deliver(self, function: _Function, cohorts: list[Cohort]) -> None:
        now, count = self.now, 0
        for arrived, _, size in cohorts:
            self.result.latencies.append((now - arrived, size))
            count += size
        self.result.delivered += count
        function.delivered += count

    def _hide(self, function: _Function, cohorts: list[Cohort]) -> None:
        """Keep messages from being received until their visibility timeout has passed."""
        key = self._sequence
        self.hidden[key] = cohorts

        def appear() -> None:
            del self.hidden[key]
            for cohort in cohorts:
                self.in_flight -= cohort.size
                if cohort.receives >= self.setup.max_receive_count:
                    self.result.dead_lettered += cohort.size
                else:
                    self.queue.append(cohort)
            self._receive()

        self._at(max(self.now, function.opened + self.setup.visibility), appear)

    def _sample(self) -> None:
        result = self.result
        oldest = min(
            (
                cohort.arrived
                for cohorts in (
                    [self.queue[0]] if self.queue else [],
                    *(function.batch for function in self.functions),
                    *self.hidden.values(),
                )
                for cohort in cohorts
            ),
            default=self.now,
        )
        undelivered = result.arrived - result.delivered - result.dead_lettered
        result.samples.append(
            Sample(
                self.now,
                undelivered,
                self.now - oldest if undelivered else 0.0,
                result.delivered - self._delivered_before,
            )
        )
        self._delivered_before = result.delivered
        self._at(self.now + 1.0, self._sample)


def simulate(
    setup: Setup, phases: Sequence[Phase], *, seed: int = SEED, until: float = math.inf
) -> Result:
    """Run one simulation."""
    return Simulation(setup, phases, seed).run(until)

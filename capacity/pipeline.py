"""Discrete-event model of the pipeline from the queue to the destination.

Messages arrive in the queue. Lambda's event source gathers batches within the batch size, the
window, 6 MB and the concurrency. The function packs them into requests as full as the destination
allows. Each running function has a pacer, and the whole account shares the destination's quota.
Messages are delivered, or return to the queue after the visibility timeout. The default destination
of a :class:`Setup` is Amazon Pinpoint.

The function's code provides the pacer's arithmetic (a test compares it with
:class:`gtm_events.pacing.Pacer`), 32 concurrent calls, 20 attempts with backoff for throttled
requests, the deadlines, and the construct's defaults.

From AWS's documentation come three rules: the next batching window begins when the previous
invocation ends, a batch closes early when it is full or at 6 MB, and a failed message returns after
the visibility timeout.

The rest is assumed, because AWS does not document it. The event source gathers as many batches at
once as may run at once, and spreads messages evenly over them. Reading from the queue takes no
time, unless ``receive_rate`` sets a limit. Throttling is a token bucket of the quota's size.
Refused requests take no token. A Kinesis shard's bucket counts records: a request's records go to
random shards and are refused one by one, as in ``PutRecords``. All destinations have the same CPU
time and latency. The model leaves out the second round of requests to Customer Profiles, for
endpoints with several events in a batch.

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
    ConnectorSettings,
    Timing,
    Traffic,
    cpu_share,
    messages_in_batch,
)
from capacity.throttling import ModelPacer, Quota, Shards
from gtm_events.delivery import SETTLING_SECONDS
from gtm_events.destinations.pinpoint import REQUESTS_PER_SECOND, Pinpoint
from gtm_events.send_task import BACKOFF_SECONDS, MAX_DOUBLINGS, MAX_THROTTLED_ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

SEED: Final = 20261125

CALL_SECONDS: Final = Pinpoint.connect_seconds + Pinpoint.read_seconds

_POLL_SECONDS = 0.05
_LATENCY_SPREAD = 0.3  # sigma of the logarithm: 1 % of requests take twice as long or longer
_RECEIVED = 10  # maximum messages of a ReceiveMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """The setup of a simulation.

    Attributes:
        settings: Settings of the construct. Their quota configures each function's pacer.
        traffic: Sizes of messages.
        timing: Times of the function's steps.
        quota: The account's quota of requests per second; the burst is as large.
        shards: Shards of the destination's Kinesis stream, whose quotas are in records; 0 for any
            other destination.
        timeout: Timeout of an invocation, in seconds.
        max_attempts: Maximum attempts of a request before its events go back to the queue.
        max_receive_count: Maximum receives of a message before it goes to the dead-letter queue.
        receive_rate: Messages per second with which a batch is gathered.
    """

    settings: ConnectorSettings = field(default_factory=ConnectorSettings)
    traffic: Traffic = field(default_factory=Traffic)
    timing: Timing = TIMING
    quota: float = REQUESTS_PER_SECOND
    shards: int = 0
    timeout: float = 60.0
    max_attempts: int = MAX_THROTTLED_ATTEMPTS
    max_receive_count: int = 10
    receive_rate: float = math.inf

    @property
    def visibility(self) -> float:
        """Visibility timeout in seconds, as the construct sets it."""
        return 6 * self.timeout + self.settings.batching_window


class Sample(NamedTuple):
    """The system at one second.

    Attributes:
        time: Time in seconds.
        undelivered: Messages waiting or under way.
        oldest: Age of the oldest of these messages, in seconds.
        delivered: Messages delivered during the previous second.
    """

    time: float
    undelivered: int
    oldest: float
    delivered: int


@dataclass(slots=True)
class Result:
    """The result of a simulation.

    Attributes:
        arrived: Messages that arrived.
        delivered: Messages that were delivered.
        dead_lettered: Messages that exceeded the maximum receive count.
        waiting: Messages left at the end.
        invocations: Invocations of the function.
        requests: Requests to the destination, counting every attempt.
        throttled: Requests that were throttled, wholly or in part.
        refused: Requests that were throttled wholly.
        returned: Returns of messages to the queue.
        most_in_flight: Maximum number of messages received and not yet deleted.
        busy_seconds: Total duration of all invocations.
        ended: Time when the last event was settled, in seconds.
        waits: Seconds until each cohort's invocation began, with the cohort's size.
        latencies: Seconds until each cohort was delivered, with the cohort's size.
        samples: The system at each second.
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
    """Return the percentiles of weighted values, for shares from 0 to 1."""
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
    """A request with the number of its current attempt."""

    __slots__ = ("attempt", "cohorts")

    def __init__(self, cohorts: list[Cohort]) -> None:
        self.cohorts = cohorts
        self.attempt = 1


def pack(cohorts: Iterable[Cohort], events_per_request: int) -> list[list[Cohort]]:
    """Split a batch into as few requests as its number of events allows."""
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
    """A function instance with the batch that its event source gathers for it.

    It holds the pacer, which a warm function keeps between invocations.
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
    """One run of the model."""

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
        """Run until every message is settled, or until the given time in seconds."""
        self._next_arrival()
        for function in self.functions:
            # Windows begin at different times.
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

        # Without a window there is still a long poll, which ends with the first messages.
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
        """Move messages from the queue into open batches."""
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
        # Only one thread computes at a time; waiting for an answer takes no CPU.
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
        # If only some shards of a stream throttle, the pacer is not told.
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
            # The event source deletes messages after the invocation.
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
        """Hide messages until their visibility timeout expires."""
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

"""What the local destinations have in common: one server on loopback for each AWS operation.

A :class:`DestinationServer` takes the requests of one operation, misbehaves on demand
(:class:`Behaviour`), holds its callers to a request quota, records what comes in and tells an
:class:`Observer` of every event in it. What the operation takes and how it answers is a subclass's:

- :mod:`local.putevents`, Amazon Pinpoint, and :mod:`local.customer_profiles`: no emulator
  has them, so they are stand-ins;
- :mod:`local.streams`, Kinesis, Firehose and EventBridge: before the emulator's own services.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from local.guard import LoopbackOnly, check_own_page
from local.model import RequestRefused, text
from local.signature import signature_fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from starlette.types import Receive, Scope, Send

    from gtm_events.event import Limits

__all__ = [
    "CONNECTION_DROPPED",
    "EVERY",
    "Answered",
    "Behaviour",
    "ConnectionDropped",
    "Counts",
    "Delivered",
    "DestinationServer",
    "Dropped",
    "EscapedJSONResponse",
    "Event",
    "Exposition",
    "Observer",
    "Outcome",
    "RecordedRequest",
    "ServerEndpoint",
    "Settled",
    "Told",
]

EVERY: Final = "*"
"""In a ``refuse_…`` field of :class:`Behaviour`: every event type, every endpoint."""

CONNECTION_DROPPED: Final = 0
"""Status recorded for a request whose connection was closed without an answer."""

_IDS_KEPT = 100_000
_BODY_BYTES_KEPT = 64_000_000
_LONGEST_WAIT_SECONDS = 600.0
# Of an oversized body, what is read and thrown away so that the client can finish writing and read
# the answer; past it the connection is simply closed.
_MOST_BYTES_READ = 64_000_000


class Outcome(StrEnum):
    """What one answer means for one event."""

    DELIVERED = "delivered"
    DROPPED = "dropped"
    """Answered as accepted, and lost all the same."""
    THROTTLED = "throttled"
    FAILED = "failed"
    """An error of the service, or no answer: the event may be sent again."""
    REFUSED = "refused"
    """For good: sent again it would be refused again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the destination has been told to do. The default is to behave.

    A ``…_next`` field concerns that many of the requests to come and counts down; a ``…_share``
    field concerns that share of all requests, 0 to 1, chosen by a seeded generator: the same
    behaviour set twice chooses the same way. Where several apply to a request, the first in this
    order wins: drop, throttle, fail. Each service does it in its own way, with its own error.

    Raises:
        ValueError: A value is out of its range, or of the wrong type.
    """

    latency_ms: float = 0
    """Every answer takes this many milliseconds longer."""
    drop_next: int = 0
    drop_share: float = 0
    """Close the connection without an answer; the events are not recorded."""
    throttle_next: int = 0
    throttle_share: float = 0
    """Answer that there are too many requests, besides the quota's own."""
    fail_next: int = 0
    fail_share: float = 0
    """Answer that the service has failed."""
    slow_next: int = 0
    slow_seconds: float = 60
    """Record the events of the next requests at once, but hold the answer for this long."""
    fail_records_share: float = 0
    """Answer, in a request that is accepted, that this share of its records failed for now."""
    refuse_event_types: frozenset[str] = frozenset()
    """Refuse each event of these types for good. ``"*"`` is every type."""
    refuse_endpoint_ids: frozenset[str] = frozenset()
    """Refuse each event of these endpoints for good. ``"*"`` is every endpoint."""
    refuse_endpoint_data: frozenset[str] = frozenset()
    """Refuse the data of these endpoints; their events are accepted. Pinpoint alone can."""
    refuse_message: str = "Refused by the local destination's settings"
    """What a refusal says."""

    def __post_init__(self) -> None:
        for spec in fields(self):
            value = getattr(self, spec.name)
            if spec.name.endswith("_next"):
                if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                    raise ValueError(f"{spec.name} must be a whole number from 0, got {value!r}")
            elif spec.name.endswith("_share"):
                _check_number(spec.name, value, 1)
            elif spec.name == "latency_ms":
                _check_number(spec.name, value, _LONGEST_WAIT_SECONDS * 1000)
            elif spec.name == "slow_seconds":
                _check_number(spec.name, value, _LONGEST_WAIT_SECONDS)
            elif spec.name == "refuse_message":
                if not isinstance(value, str):
                    raise ValueError(f"refuse_message must be a string, got {value!r}")
            elif not isinstance(value, frozenset) or not all(isinstance(v, str) for v in value):
                raise ValueError(f"{spec.name} must be a set of strings, got {value!r}")

    @classmethod
    def from_json(cls, document: object) -> Behaviour:
        """Return the behaviour that ``document``, a JSON object of this class's fields, describes.

        Fields left out have their defaults: a document replaces a behaviour, it does not amend it.

        Raises:
            ValueError: It is not an object, has an unknown field or a value out of range.
        """
        if not isinstance(document, dict):
            raise ValueError(  # noqa: TRY004 - a document's fault, like its other faults
                f"the behaviour must be a JSON object, got {document!r}"
            )
        names = [spec.name for spec in fields(cls)]
        for name in document:
            if name not in names:
                raise ValueError(f"unknown field {name!r}, must be one of: {', '.join(names)}")
        values: dict[str, Any] = {
            name: frozenset(value)
            if isinstance(value, list) and all(isinstance(item, str) for item in value)
            else value
            for name, value in document.items()
        }
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON values, every one of them."""
        return {
            spec.name: sorted(value) if isinstance(value, frozenset) else value
            for spec in fields(self)
            for value in [getattr(self, spec.name)]
        }

    def refuses(self, event: Event) -> bool:
        """Return whether an event is to be refused for good."""
        return _names(self.refuse_event_types, event.event_type) or _names(
            self.refuse_endpoint_ids, event.endpoint_id
        )

    def refuses_data_of(self, endpoint_id: str) -> bool:
        """Return whether an endpoint's data is to be refused for good."""
        return _names(self.refuse_endpoint_data, endpoint_id)


class Exposition(NamedTuple):
    """A part of what the destination got or has, for the page."""

    title: str
    document: Any
    """JSON values."""


class Event(NamedTuple):
    """One event in a request."""

    event_id: str
    endpoint_id: str
    event_type: str
    event: Mapping[str, Any]
    """As it was sent."""
    endpoint: Mapping[str, Any]
    """Its endpoint's data as it was sent; Pinpoint's only."""
    got: tuple[Exposition, ...]
    """What the destination got, in its own terms."""

    @classmethod
    def of_record(cls, document: Any, got: Exposition) -> Event:
        """Return the event whose record is ``document``, which may be anything."""
        record = document if isinstance(document, dict) else {}
        return cls(
            text(record, "event_id"),
            text(record, "endpoint_id"),
            text(record, "event_type"),
            record,
            {},
            (got,),
        )


class Answered(NamedTuple):
    """One event and what it was answered."""

    event: Event
    outcome: Outcome
    status: str
    """The answer in short: a status, or the name of an error."""
    message: str
    """The answer in words."""


class Settled(NamedTuple):
    """What a request that was accepted is answered."""

    content: Any
    """The answer's body, as JSON values."""
    events: Sequence[Answered]


class Told(NamedTuple):
    """What is to be done to the request in hand."""

    behaviour: Behaviour
    fails: Callable[[], bool]
    """Returns, once for each record, whether it fails for now."""


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as it came in and what it was answered."""

    time: float
    """When it came in, seconds since the epoch."""
    target: str
    """What it was for: an application's id, a stream, a domain. Empty if it did not say."""
    body: bytes
    """As received; empty for a body over the size limit, which is not kept."""
    parsed: Mapping[str, Any] | None
    """Its document; ``None`` unless the request was accepted."""
    status: int
    """HTTP status of the answer; :data:`CONNECTION_DROPPED` when there was none."""


class Delivered(NamedTuple):
    """An event that the destination accepted and recorded."""

    endpoint_id: str
    event: Mapping[str, Any]
    endpoint: Mapping[str, Any]


class Dropped(NamedTuple):
    """An event that was answered as accepted and is lost all the same."""

    event_id: str
    endpoint_id: str
    event: Mapping[str, Any]
    reason: str


@dataclass(slots=True)
class Counts:
    """Totals since the server started or was last reset; never bounded."""

    statuses: Counter[int] = field(default_factory=Counter)
    """Requests by HTTP status; :data:`CONNECTION_DROPPED` for those without an answer."""
    accepted: int = 0
    """Events accepted and recorded, repeats included."""
    repeated: int = 0
    """Of them, those whose endpoint and event ID had been recorded before."""
    refused: int = 0
    """Events not accepted in requests that were."""
    dropped: int = 0
    """Events answered as accepted and lost."""

    @property
    def requests(self) -> int:
        """Requests of every status."""
        return self.statuses.total()

    @property
    def distinct(self) -> int:
        """Events recorded, repeats counted once."""
        return self.accepted - self.repeated


class Observer(Protocol):
    """Is told of every event that a request carried, once for each attempt."""

    def destination_answered(self, destination: str, answered: Answered) -> None:
        """Take note of one event.

        Args:
            destination: The destination's :attr:`DestinationServer.kind`.
            answered: The event, and its own answer if the request was accepted, else the request's.
        """


class DestinationServer(ABC):
    """Serves one operation of a destination.

    Everything may be read, set and reset from other threads while it serves.

    Args:
        requests_per_second: Request quota, as a token bucket; ``None`` is no quota.
        burst: Size of that bucket.
        keep: How many requests, recorded and dropped events to keep, the newest of each; ``None``,
            the default, is all. With a number, no more than 64 MB of request bodies are kept, and
            an event repeated after 100,000 others counts as distinct.
        observer: Told of each event, on the server's own thread.
        behaviour: What to do from the start on.
        clock: Seconds, monotonic; for tests of the quota.
    """

    kind: ClassVar[str]
    """As the setting ``destination`` names it."""
    title: ClassVar[str]
    """What AWS calls it."""
    operation: ClassVar[str]
    service: ClassVar[str]
    """Name under which its requests are signed."""
    accepted: ClassVar[int] = HTTPStatus.OK
    throttled: ClassVar[tuple[int, str]]
    """Status and name of the error for too many requests."""
    failed: ClassVar[tuple[int, str]]
    """Status and name of the error for a failure of the service."""
    refusing: ClassVar[str]
    """How the service refuses an event for good, in words."""
    failing: ClassVar[str] = ""
    """How the service says that a single record failed for now, in words; empty if it cannot."""
    limits: ClassVar[Limits | None] = None
    """What the service takes of an event; ``None`` for a service that this project knows."""
    impossible: ClassVar[Mapping[str, str]] = {"refuse_endpoint_data": "Pinpoint alone can do that"}
    """Fields of a behaviour that this service has no way of showing, and why."""

    def __init__(
        self,
        *,
        requests_per_second: float | None = None,
        burst: int = 15,
        keep: int | None = None,
        observer: Observer | None = None,
        behaviour: Behaviour | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quota = (
            None if requests_per_second is None else _Quota(requests_per_second, burst, clock)
        )
        self._keep = keep
        self._observer = observer
        self._watchers: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self.signing_secret: str | None = None
        """Secret access key whose signature requests must bear; ``None`` to take any or none."""
        self.reset(behaviour)

    def reset(self, behaviour: Behaviour | None = None) -> None:
        """Forget every request and event, and fill the quota.

        Args:
            behaviour: What to do from now on; the default is to behave.
        """
        with self._lock:
            self._requests: deque[RecordedRequest] = deque()
            self._body_bytes = 0
            self._delivered: OrderedDict[str, Delivered] = OrderedDict()
            self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
            self._dropped: deque[Dropped] = deque(maxlen=self._keep)
            self._counts = Counts()
            if self._quota:
                self._quota.fill()
            self._forget()
        self.behaviour = behaviour or Behaviour()

    # What a subclass says ---------------------------------------------------------------------

    @property
    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """Where it serves its operation, to be part of an application."""

    @property
    @abstractmethod
    def request_bytes(self) -> int:
        """Largest body that the operation takes."""

    @abstractmethod
    def _target(self, request: Request, document: object) -> str:
        """Return what a request is for."""

    @abstractmethod
    def _parse(self, request: Request, body: bytes) -> dict[str, Any]:
        """Return the document of a request.

        Raises:
            RequestRefused: The service would refuse it whole.
        """

    @abstractmethod
    async def _settle(
        self, request: Request, document: dict[str, Any], body: bytes, told: Told
    ) -> Settled:
        """Do what a request asks for.

        Raises:
            RequestRefused: The service refuses it whole after all.
        """

    @abstractmethod
    def _events(self, document: object) -> Iterator[Event]:
        """Yield the events of a document, even of an invalid one, as far as they can be named."""

    @abstractmethod
    def _error(self, refusal: RequestRefused) -> Response:
        """Return the answer to a request that is refused whole."""

    def stack_deployed(  # noqa: B027 - few have anything to learn
        self, client: Callable[[str], Any], outputs: Mapping[str, str]
    ) -> None:
        """Take note of what the stack has made, before the first event comes.

        Args:
            client: Returns a boto3 client for the emulator, by the service's name.
            outputs: The stack's outputs.
        """

    def _too_large(self) -> RequestRefused:
        return RequestRefused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The request is over the limit of {self.request_bytes:,} bytes",
        )

    def _forget(self) -> None:  # noqa: B027 - few have anything to forget
        """Forget what a subclass remembers of requests; called with the lock held."""

    # Control ----------------------------------------------------------------------------------

    @property
    def behaviour(self) -> Behaviour:
        """What the destination does now; its ``…_next`` fields say how many are left."""
        with self._lock:
            return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
        default = Behaviour()
        for name, why in self.impossible.items():
            if getattr(behaviour, name) != getattr(default, name):
                raise ValueError(f"{name} has no meaning for {self.title}: {why}")
        with self._lock:
            self._behaviour = behaviour
            self._random = random.Random(0)  # noqa: S311 - repeatable on purpose
        self._tell_watchers()

    def watch(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever :attr:`behaviour` changes, on the thread that changed it."""
        with self._lock:
            self._watchers.append(callback)

    def _tell_watchers(self) -> None:
        with self._lock:
            watchers = list(self._watchers)
        for callback in watchers:
            callback()

    def control_route(self, path: str = "/control") -> Route:
        """Return the route that reads (``GET``) and sets (``PUT``) the behaviour."""
        return Route(path, self._control, methods=["GET", "PUT"])

    async def _control(self, request: Request) -> Response:
        if request.method == "PUT":
            check_own_page(request)
            try:
                self.behaviour = Behaviour.from_json(await request.json())
            except ValueError as error:
                raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
        return EscapedJSONResponse(self.behaviour.to_json())

    def words(self) -> dict[str, str]:
        """Return what it answers when it is told to misbehave, by what it is told."""
        throttled, failed = (
            f"Answers {status} {code}." for status, code in (self.throttled, self.failed)
        )
        return {
            "throttle": throttled,
            "fail": failed,
            "records": self.failing,
            "refuse": self.refusing,
        }

    def app(self) -> Starlette:
        """Return an application of this server alone, its control at ``/control``."""
        return Starlette(
            routes=[*self.routes, self.control_route()], middleware=[Middleware(LoopbackOnly)]
        )

    # Records ----------------------------------------------------------------------------------

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests kept, oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def delivered(self) -> dict[str, Delivered]:
        """The events recorded, by event ID, oldest first; the newest of a repeated ID."""
        with self._lock:
            return dict(self._delivered)

    @property
    def dropped(self) -> list[Dropped]:
        """The events answered as accepted and lost, oldest first."""
        with self._lock:
            return list(self._dropped)

    @property
    def counts(self) -> Counts:
        """Totals so far, a copy."""
        with self._lock:
            return replace(self._counts, statuses=self._counts.statuses.copy())

    # A request --------------------------------------------------------------------------------

    async def answer(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            ConnectionDropped: The behaviour says to close the connection without an answer.
        """
        received = time.time()
        body = await self._read(request)
        if stranger := self._stranger(request, body):
            with self._lock:
                self._counts.statuses[stranger.status] += 1
            return self._error(stranger)
        turn = self._take_turn()
        if turn.told.behaviour.latency_ms:
            await asyncio.sleep(turn.told.behaviour.latency_ms / 1000)
        document: Any = None
        try:
            if turn.refusal:
                raise turn.refusal
            if body is None:
                raise self._too_large()
            document = self._parse(request, body)
            settled = await self._settle(request, document, body, turn.told)
        except RequestRefused as refusal:
            parsed = _lenient(body)
            self._record(
                RecordedRequest(
                    received, self._target(request, parsed), body or b"", None, refusal.status
                )
            )
            self._observe_refusal(parsed, refusal)
            if refusal.status == CONNECTION_DROPPED:
                raise ConnectionDropped from None
            return self._error(refusal)
        self._record(
            RecordedRequest(
                received, self._target(request, document), body, document, self.accepted
            ),
            settled.events,
        )
        self._observe(settled.events, turn.hold_seconds)
        if turn.hold_seconds:
            await _hold(request, turn.hold_seconds)
        return EscapedJSONResponse(
            settled.content,
            status_code=self.accepted,
            headers={"x-amzn-RequestId": str(uuid.uuid4())},
        )

    async def _read(self, request: Request) -> bytes | None:
        """Return the body, or ``None`` for one over the limit."""
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size <= self.request_bytes:
                chunks.append(chunk)
            elif size > _MOST_BYTES_READ:
                break
        return b"".join(chunks) if size <= self.request_bytes else None

    def _stranger(self, request: Request, body: bytes | None) -> RequestRefused | None:
        """Return the refusal of a request that the secret has not signed.

        It takes no turn, and nothing of it is kept or shown: whoever sent it changes nothing.
        """
        if self.signing_secret is None:
            return None
        if body is None:  # not kept, so that its signature cannot be checked
            return self._too_large()
        fault = signature_fault(request, body, self.signing_secret, service=self.service)
        if fault is None:
            return None
        return RequestRefused(HTTPStatus.FORBIDDEN, fault, "InvalidSignatureException")

    def _take_turn(self) -> _Turn:
        """Decide, in order of arrival, what the behaviour and the quota do to a request."""
        with self._lock:
            before = self._behaviour
            refusal: RequestRefused | None = None
            hold_seconds = 0.0
            if self._chosen("drop"):
                refusal = RequestRefused(CONNECTION_DROPPED, "The connection was closed, no answer")
            elif self._chosen("throttle"):
                refusal = self._throttling("told to throttle")
            elif self._quota and not self._quota.take():
                refusal = self._throttling("over the request quota")
            elif self._chosen("fail"):
                status, code = self.failed
                refusal = RequestRefused(status, "Internal server error (told to fail)", code)
            elif before.slow_next:
                self._behaviour = replace(before, slow_next=before.slow_next - 1)
                hold_seconds = before.slow_seconds
            changed = self._behaviour is not before
            told = Told(before, self._failing(before.fail_records_share))
        if changed:
            self._tell_watchers()
        return _Turn(told, refusal, hold_seconds)

    def _throttling(self, why: str) -> RequestRefused:
        status, code = self.throttled
        return RequestRefused(status, f"Too Many Requests ({why})", code)

    def _failing(self, share: float) -> Callable[[], bool]:
        chosen = self._random

        def fails() -> bool:
            if not share:
                return False
            with self._lock:
                return chosen.random() < share

        return fails

    def _chosen(self, action: str) -> bool:
        left: int = getattr(self._behaviour, f"{action}_next")
        if left:
            change: dict[str, Any] = {f"{action}_next": left - 1}
            self._behaviour = replace(self._behaviour, **change)
            return True
        share: float = getattr(self._behaviour, f"{action}_share")
        return bool(share) and self._random.random() < share

    def _record(self, request: RecordedRequest, events: Iterable[Answered] = ()) -> None:
        with self._lock:
            for answered in events:
                self._record_event(answered)
            self._counts.statuses[request.status] += 1
            self._requests.append(request)
            self._body_bytes += len(request.body)
            while self._keep is not None and (
                len(self._requests) > self._keep or self._body_bytes > _BODY_BYTES_KEPT
            ):
                self._body_bytes -= len(self._requests.popleft().body)

    def _record_event(self, answered: Answered) -> None:
        event = answered.event
        if answered.outcome is Outcome.DROPPED:
            self._counts.dropped += 1
            self._dropped.append(
                Dropped(event.event_id, event.endpoint_id, event.event, answered.message)
            )
            return
        if answered.outcome is not Outcome.DELIVERED:
            self._counts.refused += 1
            return
        self._counts.accepted += 1
        key = (event.endpoint_id, event.event_id)
        if key in self._seen:
            self._counts.repeated += 1
        self._seen[key] = None
        self._delivered[event.event_id] = Delivered(event.endpoint_id, event.event, event.endpoint)
        if self._keep is not None:
            _forget_oldest(self._seen, _IDS_KEPT)
            _forget_oldest(self._delivered, self._keep)

    def _observe(self, events: Iterable[Answered], hold_seconds: float) -> None:
        if self._observer is None:
            return
        for answered in events:
            told = answered
            if hold_seconds:
                message = f"{answered.message}; the answer was held back for {hold_seconds:g} s"
                told = answered._replace(message=message)
            self._observer.destination_answered(self.kind, told)

    def _observe_refusal(self, document: object, refusal: RequestRefused) -> None:
        if self._observer is None:
            return
        outcome, status = self._meaning(refusal)
        for event in self._events(document):
            self._observer.destination_answered(
                self.kind, Answered(event, outcome, status, refusal.message)
            )

    def _meaning(self, refusal: RequestRefused) -> tuple[Outcome, str]:
        """Return what a request's refusal means for its events, and the answer in short."""
        if refusal.status == CONNECTION_DROPPED:
            return Outcome.FAILED, "none"
        if (refusal.status, refusal.code) == self.throttled:
            return Outcome.THROTTLED, self._short(refusal)
        if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Outcome.FAILED, self._short(refusal)
        return Outcome.REFUSED, self._short(refusal)

    def _short(self, refusal: RequestRefused) -> str:
        return str(int(refusal.status))


class EscapedJSONResponse(JSONResponse):
    """JSON in ASCII: it can carry half a surrogate pair, written as an escape."""

    def render(self, content: Any) -> bytes:
        """Return ``content`` as JSON."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class ConnectionDropped(Exception):
    """The connection is to be closed without an answer."""


class ServerEndpoint:
    """An operation as a bare ASGI application: only at that level can a connection be closed.

    Args:
        answer: Answers a request, or raises :class:`ConnectionDropped`.
    """

    def __init__(self, answer: Callable[[Request], Any]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            response = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            return
        except ConnectionDropped:
            # ASGI has no message for it. uvicorn's receive() is a method of the object that holds
            # the transport; without one (an in-process client) the exception is the signal.
            transport = getattr(getattr(receive, "__self__", None), "transport", None)
            if transport is None:
                raise
            transport.abort()
            await receive()  # returns once uvicorn has noticed, so that it does not answer 500
            return
        await response(scope, receive, send)


class _Turn(NamedTuple):
    told: Told
    refusal: RequestRefused | None
    hold_seconds: float


class _Quota:
    """A token bucket."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        if not rate > 0:
            raise ValueError(f"requests_per_second must be above 0, or None for none, got {rate}")
        if burst < 1:
            raise ValueError(f"burst must be at least 1, got {burst}")
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self.fill()

    def fill(self) -> None:
        self._tokens = float(self._burst)
        self._filled = self._clock()

    def take(self) -> bool:
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._filled) * self._rate)
        self._filled = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


async def _hold(request: Request, seconds: float) -> None:
    """Wait for ``seconds``, or until the client has given up."""
    try:
        # The body has been read: what comes next is the client's going away.
        await asyncio.wait_for(request.receive(), timeout=seconds)
    except TimeoutError:
        return


def _lenient(body: bytes | None) -> object:
    """Return the JSON document in a body that was refused, ``None`` if there is none."""
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None


def _names(chosen: frozenset[str], value: str) -> bool:
    return bool(chosen) and (value in chosen or EVERY in chosen)


def _forget_oldest(kept: OrderedDict[Any, Any], keep: int) -> None:
    while len(kept) > keep:
        kept.popitem(last=False)


def _check_number(name: str, value: object, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
        raise ValueError(f"{name} must be a number between 0 and {high:g}, got {value!r}")

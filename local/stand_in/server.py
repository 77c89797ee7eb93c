"""The base class of stand-ins for destinations."""

from __future__ import annotations

import asyncio
import random
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections import OrderedDict, deque
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from local.guard import LoopbackOnly, check_own_page
from local.model import RequestRefused
from local.signature import signature_fault
from local.stand_in.transport import (
    Admission,
    ConnectionDropped,
    EscapedJSONResponse,
    TokenBucket,
    forget_oldest,
    hold,
    json_or_none,
)
from local.stand_in.values import (
    CONNECTION_DROPPED,
    ActiveBehavior,
    Behavior,
    Counts,
    DroppedEvent,
    Event,
    EventResult,
    Observer,
    OperationResult,
    Outcome,
    RecordedEvent,
    RecordedRequest,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from gtm_events.event import Limits


_IDS_KEPT = 100_000

_BODY_BYTES_KEPT = 64_000_000


# Bytes of an oversized body that are read and discarded, so that the client can finish writing and
# read the answer. After that the connection is closed.
_MOST_BYTES_READ = 64_000_000


class DestinationServer(ABC):
    """A server for one operation of a destination.

    Other threads may read, set and reset everything while it serves.

    Args:
        requests_per_second: Request quota, as a token bucket. Default: no quota.
        burst: Size of that bucket.
        keep: Number of the newest requests, recorded events and dropped events to keep. With a
            number, at most 64 MB of request bodies are kept, and an event that is repeated after
            100,000 others counts as distinct. Default: all.
        observer: Called with each event, in the server's thread.
        behavior: The initial behavior.
        clock: Monotonic clock in seconds, for tests of the quota.
    """

    kind: ClassVar[str]
    """Name in the setting ``destination``."""
    title: ClassVar[str]
    """AWS's name for the service."""
    operation: ClassVar[str]
    service: ClassVar[str]
    """Name of the service in signatures."""
    accepted: ClassVar[int] = HTTPStatus.OK
    throttled: ClassVar[tuple[int, str]]
    """Status and name of the error for too many requests."""
    failed: ClassVar[tuple[int, str]]
    """Status and name of the error for a failure of the service."""
    refusing: ClassVar[str]
    """Sentence about how the service refuses an event permanently."""
    failing: ClassVar[str] = ""
    """Sentence about how the service answers that a record failed temporarily; empty if it cannot.
    """
    limits: ClassVar[Limits | None] = None
    """Limits of a custom destination for an event; ``None`` for a built-in destination."""
    impossible: ClassVar[Mapping[str, str]] = {
        "refuse_endpoint_data": "only Pinpoint and Customer Profiles can do that"
    }
    """Fields of a behavior that this service cannot show, with the reason."""

    def __init__(
        self,
        *,
        requests_per_second: float | None = None,
        burst: int = 15,
        keep: int | None = None,
        observer: Observer | None = None,
        behavior: Behavior | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quota = (
            None if requests_per_second is None else TokenBucket(requests_per_second, burst, clock)
        )
        self._keep = keep
        self._observer = observer
        self._watchers: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self.signing_secret: str | None = None
        """Secret access key that must have signed each request. Default: no signature is required.
        """
        self.reset(behavior)

    def reset(self, behavior: Behavior | None = None) -> None:
        """Forget all requests and events, and refill the quota.

        Args:
            behavior: The new behavior. Default: normal behavior.
        """
        with self._lock:
            self._requests: deque[RecordedRequest] = deque()
            self._body_bytes = 0
            self._delivered: OrderedDict[str, RecordedEvent] = OrderedDict()
            self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
            self._dropped: deque[DroppedEvent] = deque(maxlen=self._keep)
            self._counts = Counts()
            if self._quota:
                self._quota.fill()
            self._forget()
        self.behavior = behavior or Behavior()

    # For subclasses ---------------------------------------------------------------------------

    @property
    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """The routes of the operation."""

    @property
    @abstractmethod
    def request_bytes(self) -> int:
        """Maximum size of a request body, in bytes."""

    @abstractmethod
    def _target(self, request: Request, document: object) -> str:
        """Return the target of a request, such as a stream."""

    @abstractmethod
    def _parse(self, request: Request, body: bytes) -> dict[str, Any]:
        """Return the document of a request.

        Raises:
            RequestRefused: The service would refuse the whole request.
        """

    @abstractmethod
    async def _execute(
        self, request: Request, document: dict[str, Any], body: bytes, active: ActiveBehavior
    ) -> OperationResult:
        """Carry out a request.

        Raises:
            RequestRefused: The service refuses the whole request.
        """

    @abstractmethod
    def _events(self, document: object) -> Iterator[Event]:
        """Yield the events of a document. If it is invalid, yield those that can be identified."""

    @abstractmethod
    def _error(self, refusal: RequestRefused) -> Response:
        """Return the answer that refuses the whole request."""

    def stack_deployed(  # noqa: B027 - few need it
        self, client: Callable[[str], Any], outputs: Mapping[str, str]
    ) -> None:
        """Prepare for the deployed stack before the first event arrives. Default: do nothing.

        Args:
            client: Returns a boto3 client for the emulator, by the service's name.
            outputs: The stack's outputs.
        """

    def _too_large(self) -> RequestRefused:
        return RequestRefused(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            f"The request is over the limit of {self.request_bytes:,} bytes",
        )

    def _forget(self) -> None:  # noqa: B027 - few need it
        """Forget the subclass's own state. The caller holds the lock."""

    # Control ----------------------------------------------------------------------------------

    @property
    def behavior(self) -> Behavior:
        """The current behavior. Its ``…_next`` fields count down with each request."""
        with self._lock:
            return self._behavior

    @behavior.setter
    def behavior(self, behavior: Behavior) -> None:
        default = Behavior()
        for name, why in self.impossible.items():
            if getattr(behavior, name) != getattr(default, name):
                raise ValueError(f"{name} has no meaning for {self.title}: {why}")
        with self._lock:
            self._behavior = behavior
            self._random = random.Random(0)  # noqa: S311 - must be repeatable
        self._tell_watchers()

    def watch(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever :attr:`behavior` changes, in the thread that changed it."""
        with self._lock:
            self._watchers.append(callback)

    def _tell_watchers(self) -> None:
        with self._lock:
            watchers = list(self._watchers)
        for callback in watchers:
            callback()

    def control_route(self, path: str = "/control") -> Route:
        """Return the route that reads (``GET``) and sets (``PUT``) the behavior."""
        return Route(path, self._control, methods=["GET", "PUT"])

    async def _control(self, request: Request) -> Response:
        if request.method == "PUT":
            check_own_page(request)
            try:
                self.behavior = Behavior.from_json(await request.json())
            except ValueError as error:
                raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
        return EscapedJSONResponse(self.behavior.to_json())

    def words(self) -> dict[str, str]:
        """Return a sentence about the answer for each kind of misbehavior."""
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
        """Return an application with this server only, and with its control at ``/control``."""
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
    def delivered(self) -> dict[str, RecordedEvent]:
        """The recorded events by event ID, oldest first. A repeated ID has its newest event."""
        with self._lock:
            return dict(self._delivered)

    @property
    def dropped(self) -> list[DroppedEvent]:
        """The events that were answered as accepted but lost, oldest first."""
        with self._lock:
            return list(self._dropped)

    @property
    def counts(self) -> Counts:
        """A copy of the totals."""
        with self._lock:
            return replace(self._counts, statuses=self._counts.statuses.copy())

    # A request --------------------------------------------------------------------------------

    async def answer(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            ConnectionDropped: The behavior is to close the connection without an answer.
        """
        received = time.time()
        body = await self._read(request)
        if unsigned := self._unsigned(request, body):
            with self._lock:
                self._counts.statuses[unsigned.status] += 1
            return self._error(unsigned)
        admission = self._admit()
        if admission.active.behavior.latency_ms:
            await asyncio.sleep(admission.active.behavior.latency_ms / 1000)
        document: Any = None
        try:
            if admission.refusal:
                raise admission.refusal
            if body is None:
                raise self._too_large()
            document = self._parse(request, body)
            result = await self._execute(request, document, body, admission.active)
        except RequestRefused as refusal:
            parsed = json_or_none(body)
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
            result.events,
        )
        self._observe(result.events, admission.hold_seconds)
        if admission.hold_seconds:
            await hold(request, admission.hold_seconds)
        return EscapedJSONResponse(
            result.content,
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

    def _unsigned(self, request: Request, body: bytes | None) -> RequestRefused | None:
        """Return the refusal of a request that the run's secret has not signed.

        Such a request has no effect on behavior or quota, and is neither kept nor shown.
        """
        if self.signing_secret is None:
            return None
        if body is None:  # it was not kept, so its signature cannot be checked
            return self._too_large()
        fault = signature_fault(request, body, self.signing_secret, service=self.service)
        if fault is None:
            return None
        return RequestRefused(HTTPStatus.FORBIDDEN, fault, "InvalidSignatureException")

    def _admit(self) -> Admission:
        """Apply the behavior and the quota to a request, in order of arrival."""
        with self._lock:
            before = self._behavior
            refusal: RequestRefused | None = None
            hold_seconds = 0.0
            if self._chosen("drop"):
                refusal = RequestRefused(
                    CONNECTION_DROPPED, "The connection was closed without an answer"
                )
            elif self._chosen("throttle"):
                refusal = self._throttling("as the behavior prescribes")
            elif self._quota and not self._quota.take():
                refusal = self._throttling("over the request quota")
            elif self._chosen("fail"):
                status, code = self.failed
                refusal = RequestRefused(
                    status, "Internal server error (as the behavior prescribes)", code
                )
            elif before.slow_next:
                self._behavior = replace(before, slow_next=before.slow_next - 1)
                hold_seconds = before.slow_seconds
            changed = self._behavior is not before
            active = ActiveBehavior(before, self._failing(before.fail_records_share))
        if changed:
            self._tell_watchers()
        return Admission(active, refusal, hold_seconds)

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
        left: int = getattr(self._behavior, f"{action}_next")
        if left:
            change: dict[str, Any] = {f"{action}_next": left - 1}
            self._behavior = replace(self._behavior, **change)
            return True
        share: float = getattr(self._behavior, f"{action}_share")
        return bool(share) and self._random.random() < share

    def _record(self, request: RecordedRequest, events: Iterable[EventResult] = ()) -> None:
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

    def _record_event(self, answered: EventResult) -> None:
        event = answered.event
        if answered.outcome is Outcome.DROPPED:
            self._counts.dropped += 1
            self._dropped.append(
                DroppedEvent(event.event_id, event.endpoint_id, event.event, answered.message)
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
        self._delivered[event.event_id] = RecordedEvent(
            event.endpoint_id, event.event, event.endpoint
        )
        if self._keep is not None:
            forget_oldest(self._seen, _IDS_KEPT)
            forget_oldest(self._delivered, self._keep)

    def _observe(self, events: Iterable[EventResult], hold_seconds: float) -> None:
        if self._observer is None:
            return
        for answered in events:
            reported = answered
            if hold_seconds:
                message = f"{answered.message}; the answer was held back for {hold_seconds:g} s"
                reported = answered._replace(message=message)
            self._observer.destination_answered(self.kind, reported)

    def _observe_refusal(self, document: object, refusal: RequestRefused) -> None:
        if self._observer is None:
            return
        outcome, status = self._meaning(refusal)
        for event in self._events(document):
            self._observer.destination_answered(
                self.kind, EventResult(event, outcome, status, refusal.message)
            )

    def _meaning(self, refusal: RequestRefused) -> tuple[Outcome, str]:
        """Return the outcome for a refused request's events, and the answer's status or code."""
        if refusal.status == CONNECTION_DROPPED:
            return Outcome.FAILED, "none"
        if (refusal.status, refusal.code) == self.throttled:
            return Outcome.THROTTLED, self._short(refusal)
        if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Outcome.FAILED, self._short(refusal)
        return Outcome.REFUSED, self._short(refusal)

    def _short(self, refusal: RequestRefused) -> str:
        return str(int(refusal.status))

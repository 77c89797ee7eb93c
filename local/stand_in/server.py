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
    ConnectionDropped,
    EscapedJSONResponse,
    Quota,
    Turn,
    forget_oldest,
    hold,
    lenient,
)
from local.stand_in.values import (
    CONNECTION_DROPPED,
    Answered,
    Behavior,
    Counts,
    Delivered,
    Dropped,
    Event,
    Observer,
    Outcome,
    RecordedRequest,
    Settled,
    Told,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from gtm_events.event import Limits


_IDS_KEPT = 100_000

_BODY_BYTES_KEPT = 64_000_000


# Of an oversized body, what is read and thrown away so that the client can finish writing and read
# the answer; past it the connection is simply closed.
_MOST_BYTES_READ = 64_000_000


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
        behavior: What to do from the start on.
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
    """Fields of a behavior that this service has no way of showing, and why."""

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
            None if requests_per_second is None else Quota(requests_per_second, burst, clock)
        )
        self._keep = keep
        self._observer = observer
        self._watchers: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self.signing_secret: str | None = None
        """Secret access key whose signature requests must bear; ``None`` to take any or none."""
        self.reset(behavior)

    def reset(self, behavior: Behavior | None = None) -> None:
        """Forget all requests and events, and refill the quota.

        Args:
            behavior: The new behavior. Default: behave.
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
        self.behavior = behavior or Behavior()

    # What a subclass says ---------------------------------------------------------------------

    @property
    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """The routes of the operation, for use in an application."""

    @property
    @abstractmethod
    def request_bytes(self) -> int:
        """Largest body that the operation takes."""

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
    async def _settle(
        self, request: Request, document: dict[str, Any], body: bytes, told: Told
    ) -> Settled:
        """Carry out a request.

        Raises:
            RequestRefused: The service refuses the whole request.
        """

    @abstractmethod
    def _events(self, document: object) -> Iterator[Event]:
        """Yield the events of a document. Of an invalid one, yield those that can be named."""

    @abstractmethod
    def _error(self, refusal: RequestRefused) -> Response:
        """Return the answer that refuses the whole request."""

    def stack_deployed(  # noqa: B027 - few have anything to learn
        self, client: Callable[[str], Any], outputs: Mapping[str, str]
    ) -> None:
        """Learn about the deployed stack before the first event arrives.

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
        """Forget the subclass's own state. The caller holds the lock."""

    # Control ----------------------------------------------------------------------------------

    @property
    def behavior(self) -> Behavior:
        """The current behavior. Its ``…_next`` fields say how many requests are left."""
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
            self._random = random.Random(0)  # noqa: S311 - repeatable on purpose
        self._tell_watchers()

    def watch(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` whenever :attr:`behavior` changes, on the thread that changed it."""
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
        """Return the answer to each kind of misbehavior, in words."""
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
            ConnectionDropped: The behavior says to close the connection without an answer.
        """
        received = time.time()
        body = await self._read(request)
        if stranger := self._stranger(request, body):
            with self._lock:
                self._counts.statuses[stranger.status] += 1
            return self._error(stranger)
        turn = self._take_turn()
        if turn.told.behavior.latency_ms:
            await asyncio.sleep(turn.told.behavior.latency_ms / 1000)
        document: Any = None
        try:
            if turn.refusal:
                raise turn.refusal
            if body is None:
                raise self._too_large()
            document = self._parse(request, body)
            settled = await self._settle(request, document, body, turn.told)
        except RequestRefused as refusal:
            parsed = lenient(body)
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
            await hold(request, turn.hold_seconds)
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

        Such a request takes no turn and is neither kept nor shown, so it changes nothing.
        """
        if self.signing_secret is None:
            return None
        if body is None:  # not kept, so that its signature cannot be checked
            return self._too_large()
        fault = signature_fault(request, body, self.signing_secret, service=self.service)
        if fault is None:
            return None
        return RequestRefused(HTTPStatus.FORBIDDEN, fault, "InvalidSignatureException")

    def _take_turn(self) -> Turn:
        """Apply the behavior and the quota to a request, in order of arrival."""
        with self._lock:
            before = self._behavior
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
                self._behavior = replace(before, slow_next=before.slow_next - 1)
                hold_seconds = before.slow_seconds
            changed = self._behavior is not before
            told = Told(before, self._failing(before.fail_records_share))
        if changed:
            self._tell_watchers()
        return Turn(told, refusal, hold_seconds)

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
            forget_oldest(self._seen, _IDS_KEPT)
            forget_oldest(self._delivered, self._keep)

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
        """Return the outcome of a refused request's events, and the answer in short."""
        if refusal.status == CONNECTION_DROPPED:
            return Outcome.FAILED, "none"
        if (refusal.status, refusal.code) == self.throttled:
            return Outcome.THROTTLED, self._short(refusal)
        if refusal.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return Outcome.FAILED, self._short(refusal)
        return Outcome.REFUSED, self._short(refusal)

    def _short(self, refusal: RequestRefused) -> str:
        return str(int(refusal.status))

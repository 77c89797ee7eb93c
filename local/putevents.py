"""A server for Amazon Pinpoint's ``PutEvents`` on loopback: no AWS emulator has one.

It refuses what :mod:`local.pinpoint` says that Pinpoint refuses, holds its callers to Pinpoint's
request quota, answers per endpoint and per event, and misbehaves on demand (:class:`Behaviour`).
Point an AWS SDK at it with the environment variable ``AWS_ENDPOINT_URL_PINPOINT``. Alone::

    python -m local.putevents --latency-ms 20 --rate 15 --duration 60
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
import threading
import time
import uuid
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field, fields, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from local.pinpoint import (
    ERROR_NAMES,
    Application,
    Limits,
    RequestRefused,
    Verdict,
    each_event,
    parse,
)
from local.serve import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from starlette.types import Receive, Scope, Send

__all__ = [
    "CONNECTION_DROPPED",
    "EVERY",
    "Behaviour",
    "ConnectionDropped",
    "Counts",
    "Delivered",
    "Dropped",
    "EscapedJSONResponse",
    "Observer",
    "PutEventsServer",
    "RecordedRequest",
]

EVERY: Final = "*"
"""In a ``refuse_…`` field of :class:`Behaviour`: every event type, every endpoint."""

CONNECTION_DROPPED: Final = 0
"""Status recorded for a request whose connection was closed without an answer."""

_IDS_KEPT = 100_000
_BODY_BYTES_KEPT = 64_000_000
_LONGEST_WAIT_SECONDS = 600.0
# Of an oversized body, what is read and thrown away so that the client can finish writing and read
# the 413; past it the connection is simply closed.
_MOST_BYTES_READ = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the destination has been told to do. The default is to behave.

    A ``…_next`` field concerns that many of the requests to come and counts down; a ``…_share``
    field concerns that share of all requests, 0 to 1, chosen by a seeded generator: the same
    behaviour set twice chooses the same way. Where several apply to a request, the first in this
    order wins: drop, throttle, fail.

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
    """Answer 429 ``TooManyRequestsException``, besides the quota's own."""
    fail_next: int = 0
    fail_share: float = 0
    """Answer 500 ``InternalServerErrorException``."""
    slow_next: int = 0
    slow_seconds: float = 60
    """Record the events of the next requests at once, but hold the answer for this long."""
    refuse_event_types: frozenset[str] = frozenset()
    """Answer 202 with a 400 for each event of these types. ``"*"`` is every type."""
    refuse_endpoint_ids: frozenset[str] = frozenset()
    """Answer 202 with a 400 for each event of these endpoints. ``"*"`` is every endpoint."""
    refuse_endpoint_data: frozenset[str] = frozenset()
    """Answer 202 with a 400 for the data of these endpoints; their events are accepted."""
    refuse_message: str = "Refused by the local destination's settings"
    """``Message`` of those 400s."""

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


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One ``PutEvents`` request as it came in and what it was answered."""

    time: float
    """When it came in, seconds since the epoch."""
    application_id: str
    body: bytes
    """As received; empty for a body over the size limit, which is not kept."""
    parsed: Mapping[str, Any] | None
    """The ``EventsRequest``; ``None`` unless the request was answered 202."""
    status: int
    """HTTP status of the answer; :data:`CONNECTION_DROPPED` when there was none."""


class Delivered(NamedTuple):
    """An event that the destination accepted and recorded."""

    endpoint_id: str
    event: Mapping[str, Any]
    endpoint: Mapping[str, Any]


class Dropped(NamedTuple):
    """An event that was answered 202 and is lost all the same."""

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
    """Events answered 400 each, in requests answered 202."""
    dropped: int = 0
    """Events answered 202 and lost."""

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

    def destination_answered(
        self,
        *,
        event_id: str,
        endpoint_id: str,
        event: Mapping[str, Any],
        endpoint: Mapping[str, Any],
        status: int,
        message: str,
        dropped: bool = False,
    ) -> None:
        """Take note of one event.

        Args:
            event_id: Its key in the request.
            endpoint_id: The key of its endpoint.
            event: The event as it was sent.
            endpoint: Its endpoint's data as it was sent.
            status: What the event was answered: its own status in a request answered 202, else the
                request's; :data:`CONNECTION_DROPPED` when there was no answer.
            message: The answer in words.
            dropped: Whether it is lost in spite of a 202.
        """


class PutEventsServer:
    """``POST /v1/apps/{application_id}/events``, and ``GET``/``PUT /control`` to direct it.

    Everything may be read, set and reset from other threads while it serves.

    Args:
        limits: Pinpoint's quotas for one request and one application.
        requests_per_second: Request quota, as a token bucket; ``None`` is no quota. Pinpoint's
            default is 15 an account and Region.
        burst: Size of that bucket.
        application_id: The one application that exists; others get 404. By default all do.
        keep: How many requests, recorded and dropped events to keep, the newest of each; ``None``,
            the default, is all. With a number, no more than 64 MB of request bodies are kept, and
            an event repeated after 100,000 others counts as distinct.
        observer: Told of each event, on the server's own thread.
        behaviour: What to do from the start on.
        clock: Seconds, monotonic; for tests of the quota.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        requests_per_second: float | None = 15,
        burst: int = 15,
        application_id: str | None = None,
        keep: int | None = None,
        observer: Observer | None = None,
        behaviour: Behaviour | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits or Limits()
        self._quota = (
            None if requests_per_second is None else _Quota(requests_per_second, burst, clock)
        )
        self._application_id = application_id
        self._keep = keep
        self._observer = observer
        self._watchers: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self.reset(behaviour)

    def reset(self, behaviour: Behaviour | None = None) -> None:
        """Forget every request, event, event type and attribute name, and fill the quota.

        Args:
            behaviour: What to do from now on; the default is to behave.
        """
        with self._lock:
            self._applications: dict[str, Application] = {}
            self._requests: deque[RecordedRequest] = deque()
            self._body_bytes = 0
            self._delivered: OrderedDict[str, Delivered] = OrderedDict()
            self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
            self._dropped: deque[Dropped] = deque(maxlen=self._keep)
            self._counts = Counts()
            if self._quota:
                self._quota.fill()
        self.behaviour = behaviour or Behaviour()

    @property
    def behaviour(self) -> Behaviour:
        """What the destination does now; its ``…_next`` fields say how many are left."""
        with self._lock:
            return self._behaviour

    @behaviour.setter
    def behaviour(self, behaviour: Behaviour) -> None:
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
        """The events answered 202 and lost, oldest first."""
        with self._lock:
            return list(self._dropped)

    @property
    def counts(self) -> Counts:
        """Totals so far, a copy."""
        with self._lock:
            return replace(self._counts, statuses=self._counts.statuses.copy())

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """The server's routes, to be part of an application."""
        return (
            Route("/v1/apps/{application_id}/events", _Endpoint(self), name="put_events"),
            Route("/control", self._control, methods=["GET", "PUT"]),
        )

    def app(self) -> Starlette:
        """Return an application of this server's routes alone."""
        return Starlette(routes=list(self.routes))

    async def put_events(self, request: Request) -> Response:
        """Answer one ``PutEvents`` request.

        Raises:
            ConnectionDropped: The behaviour says to close the connection without an answer.
        """
        received = time.time()
        application_id = str(request.path_params["application_id"])
        body = await self._read(request)
        turn = self._take_turn()
        if turn.latency_ms:
            await asyncio.sleep(turn.latency_ms / 1000)
        recorded = RecordedRequest(received, application_id, body or b"", None, HTTPStatus.ACCEPTED)
        try:
            if turn.refusal:
                raise turn.refusal
            parsed = self._accept(request.method, application_id, body)
        except RequestRefused as refusal:
            self._record(replace(recorded, status=refusal.status))
            self._observe_refusal(body, refusal)
            if refusal.status == CONNECTION_DROPPED:
                raise ConnectionDropped from None
            return _error(refusal)
        self._record(replace(recorded, parsed=parsed))
        results = self._settle(application_id, parsed, len(recorded.body), turn.hold_seconds)
        if turn.hold_seconds:
            await _hold(request, turn.hold_seconds)
        return EscapedJSONResponse(
            {"Results": results},
            status_code=HTTPStatus.ACCEPTED,
            headers={"x-amzn-RequestId": str(uuid.uuid4())},
        )

    async def _read(self, request: Request) -> bytes | None:
        """Return the body, or ``None`` for one over the limit."""
        chunks: list[bytes] = []
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size <= self._limits.request_bytes:
                chunks.append(chunk)
            elif size > _MOST_BYTES_READ:
                break
        return b"".join(chunks) if size <= self._limits.request_bytes else None

    def _take_turn(self) -> _Turn:
        """Decide, in order of arrival, what the behaviour and the quota do to a request."""
        with self._lock:
            before = self._behaviour
            refusal: RequestRefused | None = None
            hold_seconds = 0.0
            if self._chosen("drop"):
                refusal = RequestRefused(CONNECTION_DROPPED, "The connection was closed, no answer")
            elif self._chosen("throttle"):
                refusal = RequestRefused(
                    HTTPStatus.TOO_MANY_REQUESTS, "Too Many Requests (told to throttle)"
                )
            elif self._quota and not self._quota.take():
                refusal = RequestRefused(
                    HTTPStatus.TOO_MANY_REQUESTS, "Too Many Requests (over the request quota)"
                )
            elif self._chosen("fail"):
                refusal = RequestRefused(
                    HTTPStatus.INTERNAL_SERVER_ERROR, "Internal server error (told to fail)"
                )
            elif before.slow_next:
                self._behaviour = replace(before, slow_next=before.slow_next - 1)
                hold_seconds = before.slow_seconds
            changed = self._behaviour is not before
        if changed:
            self._tell_watchers()
        return _Turn(before.latency_ms, refusal, hold_seconds)

    def _chosen(self, action: str) -> bool:
        left: int = getattr(self._behaviour, f"{action}_next")
        if left:
            change: dict[str, Any] = {f"{action}_next": left - 1}
            self._behaviour = replace(self._behaviour, **change)
            return True
        share: float = getattr(self._behaviour, f"{action}_share")
        return bool(share) and self._random.random() < share

    def _accept(self, method: str, application_id: str, body: bytes | None) -> Mapping[str, Any]:
        if method != "POST":
            raise RequestRefused(
                HTTPStatus.METHOD_NOT_ALLOWED, f"PutEvents is a POST request, got {method}"
            )
        if self._application_id is not None and application_id != self._application_id:
            raise RequestRefused(
                HTTPStatus.NOT_FOUND, f"There is no application {application_id!r}"
            )
        if body is None:
            raise RequestRefused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"The request is over the limit of {self._limits.request_bytes:,} bytes",
            )
        return parse(body, application_id, self._limits)

    def _settle(
        self,
        application_id: str,
        request: Mapping[str, Any],
        request_bytes: int,
        hold_seconds: float,
    ) -> dict[str, Any]:
        """Judge and record the events of an accepted request; return the answer's ``Results``."""
        results: dict[str, Any] = {}
        verdicts: list[tuple[str, str, Verdict]] = []
        with self._lock:
            told = self._behaviour
            application = self._applications.setdefault(application_id, Application(self._limits))
            for endpoint_id, item in request["BatchItem"].items():
                refused = _names(told.refuse_endpoint_ids, endpoint_id)
                answers = {}
                for event_id, event in item["Events"].items():
                    if refused or _names(told.refuse_event_types, event["EventType"]):
                        verdict = Verdict(HTTPStatus.BAD_REQUEST, told.refuse_message)
                    else:
                        verdict = application.judge_event(event, request_bytes=request_bytes)
                    self._record_event(event_id, endpoint_id, event, item["Endpoint"], verdict)
                    verdicts.append((endpoint_id, event_id, verdict))
                    answers[event_id] = verdict.answer()
                about_endpoint = (
                    Verdict(HTTPStatus.BAD_REQUEST, told.refuse_message)
                    if _names(told.refuse_endpoint_data, endpoint_id)
                    else application.judge_endpoint(item["Endpoint"])
                )
                results[endpoint_id] = {
                    "EndpointItemResponse": about_endpoint.answer(),
                    "EventsItemResponse": answers,
                }
        self._observe(request, results, verdicts, hold_seconds)
        return results

    def _record_event(
        self,
        event_id: str,
        endpoint_id: str,
        event: Mapping[str, Any],
        endpoint: Mapping[str, Any],
        verdict: Verdict,
    ) -> None:
        if verdict.dropped:
            self._counts.dropped += 1
            self._dropped.append(Dropped(event_id, endpoint_id, event, verdict.message))
            return
        if verdict.status != HTTPStatus.ACCEPTED:
            self._counts.refused += 1
            return
        self._counts.accepted += 1
        key = (endpoint_id, event_id)
        if key in self._seen:
            self._counts.repeated += 1
        self._seen[key] = None
        self._delivered[event_id] = Delivered(endpoint_id, event, endpoint)
        if self._keep is not None:
            _forget_oldest(self._seen, _IDS_KEPT)
            _forget_oldest(self._delivered, self._keep)

    def _record(self, request: RecordedRequest) -> None:
        with self._lock:
            self._counts.statuses[request.status] += 1
            self._requests.append(request)
            self._body_bytes += len(request.body)
            while self._keep is not None and (
                len(self._requests) > self._keep or self._body_bytes > _BODY_BYTES_KEPT
            ):
                self._body_bytes -= len(self._requests.popleft().body)

    def _observe(
        self,
        request: Mapping[str, Any],
        results: Mapping[str, Any],
        verdicts: Iterable[tuple[str, str, Verdict]],
        hold_seconds: float,
    ) -> None:
        if self._observer is None:
            return
        for endpoint_id, event_id, verdict in verdicts:
            item = request["BatchItem"][endpoint_id]
            message = verdict.message
            about_endpoint = results[endpoint_id]["EndpointItemResponse"]
            if about_endpoint["StatusCode"] != HTTPStatus.ACCEPTED:
                message += f"; the endpoint's data was refused: {about_endpoint['Message']}"
            if hold_seconds:
                message += f"; the answer was held back for {hold_seconds:g} s"
            self._observer.destination_answered(
                event_id=event_id,
                endpoint_id=endpoint_id,
                event=item["Events"][event_id],
                endpoint=item["Endpoint"],
                status=verdict.status,
                message=message,
                dropped=verdict.dropped,
            )

    def _observe_refusal(self, body: bytes | None, refusal: RequestRefused) -> None:
        if self._observer is None or body is None:
            return
        try:
            request = json.loads(body)
        except (ValueError, RecursionError):
            return
        for endpoint_id, endpoint, event_id, event in each_event(request):
            self._observer.destination_answered(
                event_id=event_id,
                endpoint_id=endpoint_id,
                event=event,
                endpoint=endpoint,
                status=refusal.status,
                message=refusal.message,
            )

    async def _control(self, request: Request) -> Response:
        if request.method == "PUT":
            try:
                self.behaviour = Behaviour.from_json(await request.json())
            except ValueError as error:
                raise HTTPException(HTTPStatus.BAD_REQUEST, str(error)) from error
        return EscapedJSONResponse(self.behaviour.to_json())


class EscapedJSONResponse(JSONResponse):
    """JSON in ASCII: it can carry half a surrogate pair, written as an escape."""

    def render(self, content: Any) -> bytes:
        """Return ``content`` as JSON."""
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


class ConnectionDropped(Exception):
    """The connection is to be closed without an answer."""


class _Turn(NamedTuple):
    latency_ms: float
    refusal: RequestRefused | None
    hold_seconds: float


class _Endpoint:
    """The operation as a bare ASGI application: only at that level can a connection be closed."""

    def __init__(self, server: PutEventsServer) -> None:
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._server.put_events(Request(scope, receive))
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


def _error(refusal: RequestRefused) -> Response:
    name = ERROR_NAMES[refusal.status]
    request_id = str(uuid.uuid4())
    return EscapedJSONResponse(
        {"Message": refusal.message, "RequestID": request_id},
        status_code=refusal.status,
        headers={"x-amzn-ErrorType": name, "x-amzn-RequestId": request_id},
    )


def _names(chosen: frozenset[str], value: str) -> bool:
    return bool(chosen) and (value in chosen or EVERY in chosen)


def _forget_oldest(kept: OrderedDict[Any, Any], keep: int) -> None:
    while len(kept) > keep:
        kept.popitem(last=False)


def _check_number(name: str, value: object, high: float) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
        raise ValueError(f"{name} must be a number between 0 and {high:g}, got {value!r}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until ``--duration`` is over, Ctrl-C or SIGTERM; then print the totals as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m local.putevents",
        description="Amazon Pinpoint's PutEvents on 127.0.0.1: its model, limits and quota.",
    )
    parser.add_argument("--port", type=int, default=0, help="TCP port; 0, the default: a free one")
    parser.add_argument("--duration", type=float, default=600, help="seconds, default 600")
    parser.add_argument("--latency-ms", type=float, default=0, help="added to every answer")
    parser.add_argument("--rate", type=float, default=15, help="requests a second; 0 is no quota")
    parser.add_argument("--burst", type=int, default=15, help="requests at once within the quota")
    for action in ("drop", "throttle", "fail"):
        parser.add_argument(
            f"--{action}-share", type=float, default=0, help=f"share of requests to {action}, 0..1"
        )
    options = parser.parse_args(arguments)
    try:
        server = PutEventsServer(
            requests_per_second=options.rate or None,
            burst=options.burst,
            keep=0,  # nobody reads them out of this process: only the totals are used
            behaviour=Behaviour(
                latency_ms=options.latency_ms,
                drop_share=options.drop_share,
                throttle_share=options.throttle_share,
                fail_share=options.fail_share,
            ),
        )
    except ValueError as error:
        parser.error(str(error))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with serving(server.app(), port=options.port) as url:
        print(f"PutEvents listens on {url} for {options.duration:g} s", flush=True)
        stop.wait(options.duration)
    counts = server.counts
    totals = {
        "requests": counts.requests,
        "statuses": {str(status): count for status, count in sorted(counts.statuses.items())},
        "accepted": counts.accepted,
        "distinct": counts.distinct,
        "refused": counts.refused,
        "dropped": counts.dropped,
    }
    print(json.dumps(totals), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The base class of stand-ins for services that the emulator also has."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from abc import abstractmethod
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute, Route

from local.deploy import DEFAULT_ACCOUNT, DEFAULT_REGION
from local.model import (
    RequestRefused,
    faults,
    items,
    member,
    operation,
    parse_json,
    text,
)
from local.signature import Scope
from local.stand_in.server import DestinationServer
from local.stand_in.transport import EscapedJSONResponse, ServerEndpoint
from local.stand_in.values import ActiveBehavior, Event, EventResult, OperationResult, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

    from local.signature import EmulatorAccess


_CONTENT_TYPE: Final = "application/x-amz-json-1.1"

_FORWARD_SECONDS: Final = 30.0

MAX_HASH: Final = 2**128

FAILING: Final = "Answers 200, and for some of the records"

REFUSING_WHOLE: Final = (
    "Answers 400 InvalidArgumentException to the whole request, because this service cannot refuse "
    "a single record."
)


# These requests stay on this machine, so they must bypass any proxy.
_opener = build_opener(ProxyHandler({}))


class StreamServer(DestinationServer):
    """A server in front of the emulator for one operation of the AWS JSON protocol.

    Args:
        upstream: The emulator. While this is ``None``, the server answers every request as a failed
            service does.
        options: See :class:`~local.stand_in.server.DestinationServer`.
    """

    model_name: ClassVar[str]
    """botocore's name for the service."""
    records_member: ClassVar[str] = "Records"
    """The member of the request that holds the records."""
    answers_member: ClassVar[str] = "Records"
    """The member of the answer that holds an answer for each record."""
    count_member: ClassVar[str]
    """The member of the answer that counts the records that failed."""
    record_failure: ClassVar[tuple[str, Outcome]]
    """Code of a record's temporary failure, and its outcome."""
    invalid: ClassVar[str] = "InvalidArgumentException"
    """Code of the error for a request with invalid content."""
    passed_bytes: ClassVar[int | None] = None
    """Maximum data in a request to the emulator, if that is less than on AWS."""

    def __init__(self, upstream: EmulatorAccess | None = None, **options: Any) -> None:
        self.upstream = upstream
        self._model = operation(self.model_name, self.operation)
        super().__init__(**options)

    # For subclasses ---------------------------------------------------------------------------

    @abstractmethod
    def _record_events(self, record: Mapping[str, Any]) -> Iterator[Event]:
        """Yield the events in a record, which may be malformed."""

    def _shape(self, document: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a document with the types of botocore's model, such as bytes for blobs."""
        return document

    def _limit_faults(self, document: Mapping[str, Any]) -> Iterator[str]:  # noqa: ARG002
        """Yield a request's violations of limits that the service model lacks."""
        yield from ()

    def _throttles(self, record: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Return whether a quota throttles a single record."""
        return False

    # The request ------------------------------------------------------------------------------

    @property
    def header(self) -> str:
        """The value of ``X-Amz-Target`` that names the operation."""
        metadata = self._model.service_model.metadata
        return f"{metadata['targetPrefix']}.{self.operation}"

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """See :class:`~local.stand_in.server.DestinationServer`."""
        return (json_route([self]),)

    def _parse(self, request: Request, body: bytes) -> dict[str, Any]:
        media_type = request.headers.get("content-type", "")
        if media_type != _CONTENT_TYPE:
            raise RequestRefused(
                HTTPStatus.NOT_FOUND,
                f"Content-Type must be {_CONTENT_TYPE}, got {media_type!r}",
                "UnknownOperationException",
            )
        try:
            document = parse_json(body)
        except RequestRefused as refusal:
            refusal.code = "SerializationException"
            raise
        if not isinstance(document, dict):
            raise RequestRefused(
                HTTPStatus.BAD_REQUEST, "The body must be a JSON object", "SerializationException"
            )
        try:
            fault = next(faults(self._shape(document), self._model.input_shape), None)
        except ValueError as error:  # not base64
            raise RequestRefused(
                HTTPStatus.BAD_REQUEST, str(error), "SerializationException"
            ) from error
        if fault:
            raise RequestRefused(HTTPStatus.BAD_REQUEST, fault, "ValidationException")
        fault = next(self._limit_faults(document), None)
        if fault:
            raise RequestRefused(HTTPStatus.BAD_REQUEST, fault, self.invalid)
        return document

    async def _execute(
        self,
        request: Request,
        document: dict[str, Any],
        body: bytes,  # noqa: ARG002 - the forwarded body may differ
        active: ActiveBehavior,
    ) -> OperationResult:
        """Forward the records to the emulator, except those that must fail."""
        records: list[dict[str, Any]] = document[self.records_member]
        events = [list(self._record_events(record)) for record in records]
        answers = [
            self._own_answer(record, carried, active)
            for record, carried in zip(records, events, strict=True)
        ]
        passed = [record for record, answer in zip(records, answers, strict=True) if answer is None]
        content: dict[str, Any] = {}
        theirs: list[dict[str, Any]] = []
        for part in self._parts(passed):
            content = await self._pass_on(request, {**document, self.records_member: part})
            theirs += content[self.answers_member]
        each = iter(theirs)
        merged = [next(each) if answer is None else answer for answer in answers]
        content[self.answers_member] = merged
        content[self.count_member] = sum("ErrorCode" in answer for answer in merged)
        return OperationResult(
            content,
            [
                self._answered(event, answer)
                for carried, answer in zip(events, merged, strict=True)
                for event in carried
            ],
        )

    def _parts(self, records: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
        """Yield the records in parts that the emulator accepts."""
        part: list[dict[str, Any]] = []
        size = 0
        for record in records:
            size += len(text(record, "Data"))
            if part and self.passed_bytes is not None and size > self.passed_bytes:
                yield part
                part, size = [], len(text(record, "Data"))
            part.append(record)
        if part:
            yield part

    def _own_answer(
        self, record: Mapping[str, Any], events: Iterable[Event], active: ActiveBehavior
    ) -> dict[str, Any] | None:
        """Return the stand-in's own answer to a record; ``None`` to forward the record.

        Raises:
            RequestRefused: The record must be refused, and the service can only refuse whole
                requests.
        """
        if any(active.behavior.refuses(event) for event in events):
            return self._refuse(active)
        if active.fails():
            return {
                "ErrorCode": self.record_failure[0],
                "ErrorMessage": "The behavior fails some records",
            }
        if self._throttles(record):
            return {"ErrorCode": self.record_failure[0], "ErrorMessage": "Rate exceeded"}
        return None

    def _refuse(self, active: ActiveBehavior) -> dict[str, Any]:
        raise RequestRefused(HTTPStatus.BAD_REQUEST, active.behavior.refuse_message, self.invalid)

    def _answered(self, event: Event, answer: Mapping[str, Any]) -> EventResult:
        code = answer.get("ErrorCode")
        if code is None:
            return EventResult(event, Outcome.DELIVERED, "200", self._accepted_words(answer))
        return EventResult(event, self._outcome(code), code, answer.get("ErrorMessage") or code)

    def _outcome(self, code: str) -> Outcome:
        name, outcome = self.record_failure
        return outcome if code == name else Outcome.FAILED

    def _accepted_words(self, answer: Mapping[str, Any]) -> str:  # noqa: ARG002
        return "Accepted"

    async def _pass_on(self, request: Request, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return the emulator's answer.

        Raises:
            RequestRefused: The emulator refuses the request.
        """
        # Signed again, because body and host differ.
        scope = Scope.of(request) or Scope(DEFAULT_ACCOUNT, DEFAULT_REGION, self.service)
        status, answer = await run_in_threadpool(self._post, json.dumps(document).encode(), scope)
        if status == HTTPStatus.OK:
            return answer
        code = str(answer.get("__type", "InternalFailure")).rpartition("#")[2]
        raise RequestRefused(status, str(answer.get("message") or code), code)

    def _post(self, body: bytes, scope: Scope) -> tuple[int, dict[str, Any]]:
        status, code = self.failed
        if self.upstream is None:
            return status, {"__type": code, "message": "The emulator has not started yet"}
        headers = {"Content-Type": _CONTENT_TYPE, "X-Amz-Target": self.header}
        request = self.upstream.request("/", scope, body=body, headers=headers)
        try:
            with _opener.open(request, timeout=_FORWARD_SECONDS) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                try:
                    return error.code, json.load(error)
                except ValueError:
                    return error.code, {}
        except (URLError, OSError) as error:
            return status, {"__type": code, "message": f"The emulator does not answer: {error}"}

    def _events(self, document: object) -> Iterator[Event]:
        for record in items(member(document, self.records_member)):
            if isinstance(record, dict):
                yield from self._record_events(record)

    def _too_large(self) -> RequestRefused:
        return RequestRefused(
            HTTPStatus.BAD_REQUEST,
            f"The request is over the limit of {self.request_bytes:,} bytes",
            self.invalid,
        )

    def _error(self, refusal: RequestRefused) -> Response:
        return _json_error(refusal)

    def _short(self, refusal: RequestRefused) -> str:
        return refusal.code or str(int(refusal.status))


def json_route(servers: Iterable[StreamServer]) -> Route:
    """Return the route that all servers share. ``X-Amz-Target`` selects the server."""
    by_header = {server.header: server for server in servers}

    async def answer(request: Request) -> Response:
        header = request.headers.get("x-amz-target", "")
        server = by_header.get(header)
        if server is None:
            return _json_error(
                RequestRefused(
                    HTTPStatus.NOT_FOUND,
                    f"X-Amz-Target must be one of {', '.join(by_header)}, got {header!r}",
                    "UnknownOperationException",
                )
            )
        return await server.answer(request)

    return Route("/", ServerEndpoint(answer), methods=["POST"], name="aws_json")


def _json_error(refusal: RequestRefused) -> Response:
    return EscapedJSONResponse(
        {"__type": refusal.code, "message": refusal.message},
        status_code=refusal.status,
        headers={"x-amzn-RequestId": str(uuid.uuid4()), "Content-Type": _CONTENT_TYPE},
    )


def with_bytes(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a document with each record's data decoded.

    Raises:
        ValueError: The data is not base64.
    """
    records = document.get("Records")
    if not isinstance(records, list):
        return document
    return {
        **document,
        "Records": [
            {**record, "Data": base64.b64decode(record["Data"], validate=True)}
            if isinstance(record, dict) and isinstance(record.get("Data"), str)
            else record
            for record in records
        ],
    }


def decoded(record: Mapping[str, Any]) -> bytes:
    """Return the data of a record; empty if the record is malformed."""
    try:
        return base64.b64decode(text(record, "Data"), validate=True)
    except (binascii.Error, ValueError):
        return b""


def bytes_of(value: Mapping[str, Any], name: str) -> bytes:
    """Return a string member of a request as UTF-8."""
    # JSON can carry half a surrogate pair, written as an escape.
    return text(value, name).encode("utf-8", "surrogatepass")

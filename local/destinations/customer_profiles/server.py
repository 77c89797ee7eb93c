"""A stand-in for ``BatchPutProfileObject``, which no emulator has.

The server checks requests against botocore's service model. It treats each object as the deployed
template's resources describe, so the console can show the resulting profile and the triggers that
the object starts. The environment variable ``AWS_ENDPOINT_URL_CUSTOMER_PROFILES`` directs an AWS
SDK to it.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from decimal import Decimal
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final
from urllib.parse import unquote

from starlette.routing import BaseRoute, Route

from local.destinations.customer_profiles import view
from local.destinations.customer_profiles.behavior import DomainBehavior
from local.destinations.customer_profiles.objects import (
    EvaluatedObject,
    ObjectRefused,
    ObjectType,
    Profile,
)
from local.model import (
    RequestRefused,
    error_names,
    faults,
    items,
    member,
    operation,
    parse_json,
    text,
)
from local.stand_in.server import DestinationServer
from local.stand_in.transport import EscapedJSONResponse, ServerEndpoint
from local.stand_in.values import (
    ActiveBehavior,
    Behavior,
    Event,
    EventResult,
    Observer,
    OperationResult,
    Outcome,
    ShownDocument,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["ProfilesServer"]

_OPERATION: Final = operation("customer-profiles", "BatchPutProfileObject")
_ERROR_NAMES: Final = error_names(_OPERATION)
_PATH: Final = "/domains/{DomainName}/profiles/objects/batch-put-profile-object"
# Ten objects of the largest size, in JSON, plus the rest of the request.
_REQUEST_BYTES: Final = 10 * 4 * 256_000 + 100_000


class ProfilesServer(DestinationServer):
    """Server for ``BatchPutProfileObject`` of the domains of given object types.

    Args:
        object_types: The object types that exist.
        domain_behavior: Calculated attributes, segments and triggers. Default: none.
        requests_per_second: Request quota, as a token bucket. Default: none, because AWS publishes
            none.
        burst: Size of that bucket.
        keep: See :class:`~local.stand_in.server.DestinationServer`.
        observer: Called with each event.
        behavior: The initial behavior.
        clock: Monotonic clock in seconds, for tests of the quota.
        now: Clock in epoch seconds, for tests of the objects' expiration.
    """

    kind: ClassVar[str] = "customer-profiles"
    title: ClassVar[str] = "Amazon Connect Customer Profiles"
    operation: ClassVar[str] = "BatchPutProfileObject"
    service: ClassVar[str] = "profile"
    throttled: ClassVar[tuple[int, str]] = (429, _ERROR_NAMES[429])
    failed: ClassVar[tuple[int, str]] = (500, _ERROR_NAMES[500])
    refusing: ClassVar[str] = "Answers 200, and lists each of the objects as failed with code 400."
    failing: ClassVar[str] = "Answers 200, and lists the objects as failed with code 500."
    impossible: ClassVar[Mapping[str, str]] = {}  # an endpoint's data is its visitor object

    def __init__(
        self,
        object_types: Iterable[ObjectType],
        domain_behavior: DomainBehavior | None = None,
        *,
        requests_per_second: float | None = None,
        burst: int = 15,
        keep: int | None = None,
        observer: Observer | None = None,
        behavior: Behavior | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._now = now
        self._domain_behavior = domain_behavior or DomainBehavior()
        self._object_types = {(it.domain, it.name): it for it in object_types}
        super().__init__(
            requests_per_second=requests_per_second,
            burst=burst,
            keep=keep,
            observer=observer,
            behavior=behavior,
            clock=clock,
        )

    @property
    def profiles(self) -> dict[tuple[str, ...], Profile]:
        """The profiles by their keys, the most recently changed one last."""
        with self._lock:
            return {key[2:]: profile for key, profile in self._profiles.items()}

    def profile_of(self, endpoint_id: str) -> dict[str, Any] | None:
        """Return an endpoint's profile as the console shows it; ``None`` if there is none.

        Args:
            endpoint_id: The profile key's value.
        """
        with self._lock:
            for (domain, _, *values), profile in self._profiles.items():
                if values == [endpoint_id]:
                    now = self._now()
                    return view.document(endpoint_id, domain, profile, self._domain_behavior, now)
        return None

    @property
    def endpoint_ids(self) -> list[str]:
        """The ids of endpoints that have a profile, the most recently changed one first."""
        with self._lock:
            return [key[2] for key in reversed(self._profiles) if len(key) == 3]  # noqa: PLR2004

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """See :class:`~local.stand_in.server.DestinationServer`."""
        return (Route(_PATH, ServerEndpoint(self.answer), name="batch_put_profile_object"),)

    @property
    def request_bytes(self) -> int:
        """See :class:`~local.stand_in.server.DestinationServer`."""
        return _REQUEST_BYTES

    def _forget(self) -> None:
        # By domain, name of the key, and the key's values.
        self._profiles: dict[tuple[str, ...], Profile] = {}

    def _target(self, request: Request, document: object) -> str:  # noqa: ARG002 - it is in the URL
        return unquote(str(request.path_params["DomainName"]))

    def _parse(self, request: Request, body: bytes) -> dict[str, Any]:
        if request.method != "PUT":
            raise RequestRefused(
                HTTPStatus.NOT_FOUND, f"There is no operation {request.method} {request.url.path}"
            )
        document: dict[str, Any] = parse_json(body)
        domain = self._target(request, document)
        if not isinstance(document, dict):
            raise RequestRefused(HTTPStatus.BAD_REQUEST, "The body must be a JSON object")
        shape = _OPERATION.input_shape
        fault = next(faults({**document, "DomainName": domain}, shape), None)
        if fault is None:
            ids = [item["Id"] for item in document["Items"]]
            fault = None if len(set(ids)) == len(ids) else f"Ids must differ, got {', '.join(ids)}"
        if fault:
            raise RequestRefused(HTTPStatus.BAD_REQUEST, fault)
        if not any(domain == known for known, _ in self._object_types):
            raise RequestRefused(HTTPStatus.NOT_FOUND, f"There is no domain {domain!r}")
        if (domain, document["ObjectTypeName"]) not in self._object_types:
            raise RequestRefused(
                HTTPStatus.NOT_FOUND,
                f"Domain {domain!r} has no object type {document['ObjectTypeName']!r}",
            )
        return document

    async def _execute(
        self,
        request: Request,
        document: dict[str, Any],
        body: bytes,  # noqa: ARG002
        active: ActiveBehavior,
    ) -> OperationResult:
        """Store the objects of a request, one by one."""
        object_type = self._object_types[
            self._target(request, document), document["ObjectTypeName"]
        ]
        content: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
        answered: list[EventResult] = []
        for item in document["Items"]:
            event, of_visitor = _event(item)
            failure = self._failure(event, active, of_visitor=of_visitor)
            if failure is None:
                try:
                    key, put = self._put(object_type, item["Object"], event)
                except ObjectRefused as refusal:
                    failure = Outcome.REFUSED, HTTPStatus.BAD_REQUEST, str(refusal)
                else:
                    content["Successful"].append({"Id": item["Id"], "ProfileObjectUniqueKey": key})
                    if not of_visitor:
                        answered.append(EventResult(put, Outcome.DELIVERED, "200", "Successful"))
                    continue
            outcome, status, message = failure
            content["Failed"].append(
                {"Id": item["Id"], "Code": int(status), "Message": message[:1_000]}
            )
            if not of_visitor:
                answered.append(EventResult(event, outcome, str(int(status)), message))
        return OperationResult(content, answered)

    @staticmethod
    def _failure(
        event: Event, active: ActiveBehavior, *, of_visitor: bool
    ) -> tuple[Outcome, int, str] | None:
        """Return the failure that the behavior prescribes for an object, if any."""
        behavior = active.behavior
        if behavior.refuses_data_of(event.endpoint_id) if of_visitor else behavior.refuses(event):
            return Outcome.REFUSED, HTTPStatus.BAD_REQUEST, active.behavior.refuse_message
        if active.fails():
            return (
                Outcome.FAILED,
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "The behavior fails some objects",
            )
        return None

    def _put(self, object_type: ObjectType, text_of_object: str, event: Event) -> tuple[str, Event]:
        """Store an object, and return its unique key and the event with the resulting profile.

        Raises:
            ObjectRefused: The object does not conform to its type.
        """
        try:
            document = json.loads(
                text_of_object, parse_float=Decimal, parse_constant=_refuse_constant
            )
        except (ValueError, RecursionError) as error:
            raise ObjectRefused(f"The object is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise ObjectRefused("The object must be a JSON object")
        values = object_type.values(document)
        values_of_key = object_type.key_of(values, object_type.profile_key)
        key = (object_type.domain, object_type.profile_key_name, *values_of_key)
        unique = object_type.key_of(values, object_type.unique_key)
        unique_key = hashlib.sha256(json.dumps(unique).encode()).hexdigest()
        with self._lock:
            profile = self._profiles.pop(key, None)
            if profile is None and object_type.creates_profiles:
                profile = Profile(uuid.uuid4().hex)
            if profile is None:  # in no profile until one has its key
                return unique_key, event
            self._profiles[key] = profile  # last in order
            stored, changed = profile.hold(object_type, unique_key, document, values, self._now())
            for name, target in object_type.targets.items():
                if name in values:
                    profile.set(target, values[name])
            results = (
                self._domain_behavior.evaluate(object_type.domain, stored, profile)
                if changed
                else []
            )
            if changed and not _of_visitor(document):
                profile.evaluated.append(EvaluatedObject(stored, results))
            shown = {"ProfileId": profile.profile_id, **json.loads(json.dumps(profile.fields))}
        got = [*event.got, ShownDocument("The resulting profile", shown)]
        if started := [it.trigger for it in results if it.started]:
            got.append(ShownDocument("Event triggers that the object starts", started))
        return unique_key, event._replace(got=tuple(got))

    def _events(self, document: object) -> Iterator[Event]:
        for item in items(member(document, "Items")):
            if isinstance(item, dict):
                event, of_visitor = _event(item)
                if not of_visitor:
                    yield event

    def _error(self, refusal: RequestRefused) -> Response:
        names = {**_ERROR_NAMES, HTTPStatus.REQUEST_ENTITY_TOO_LARGE: _ERROR_NAMES[400]}
        name = refusal.code or names[refusal.status]
        return EscapedJSONResponse(
            {"Message": refusal.message},
            status_code=refusal.status,
            headers={"x-amzn-ErrorType": name, "x-amzn-RequestId": str(uuid.uuid4())},
        )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _event(item: Mapping[str, Any]) -> tuple[Event, bool]:
    """Return an object as an event, and whether it is a visitor object instead."""
    try:
        found = json.loads(text(item, "Object"))
    except (ValueError, RecursionError):
        found = text(item, "Object")
    document = found if isinstance(found, dict) else {}
    event = Event(
        text(item, "Id"),
        text(document, "endpoint_id"),
        text(document, "event_type"),
        document,
        {},
        (ShownDocument(f"Profile object {text(item, 'Id')}", found),),
    )
    return event, _of_visitor(document)


def _of_visitor(document: Mapping[str, Any]) -> bool:
    return bool(document) and "event_id" not in document

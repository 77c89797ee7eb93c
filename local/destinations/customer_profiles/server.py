"""``BatchPutProfileObject`` on loopback, which no emulator has.

A request is held against botocore's service model. Each object in it goes the way that the
deployed template's resources describe, so the console can show the profile that resulted and what
it starts. Point an AWS SDK at it with the environment variable
``AWS_ENDPOINT_URL_CUSTOMER_PROFILES``.
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
    Evaluated,
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
    Answered,
    Behavior,
    Event,
    Exposition,
    Observer,
    Outcome,
    Settled,
    Told,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["ProfilesServer"]

_OPERATION: Final = operation("customer-profiles", "BatchPutProfileObject")
_ERROR_NAMES: Final = error_names(_OPERATION)
_PATH: Final = "/domains/{DomainName}/profiles/objects/batch-put-profile-object"
# Ten objects of the largest size, and what is around them.
_REQUEST_BYTES: Final = 10 * 4 * 256_000 + 100_000


class ProfilesServer(DestinationServer):
    """Serves ``BatchPutProfileObject`` of the domains whose object types it knows.

    Args:
        object_types: What exists.
        domain_behavior: What the domains compute of profiles and start. Default: nothing.
        requests_per_second: Request quota, as a token bucket. AWS publishes none. Default: none.
        burst: Size of that bucket.
        keep: See :class:`~local.destination.DestinationServer`, as for what follows.
        observer: Told of each event.
        behavior: What to do from the start on.
        clock: Seconds, monotonic; for tests of the quota.
        now: Epoch seconds; for tests of the objects' expiration.
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
        """The profiles by the key that finds them, the one last heard of last."""
        with self._lock:
            return {key[2:]: profile for key, profile in self._profiles.items()}

    def profile_of(self, endpoint_id: str) -> dict[str, Any] | None:
        """Return the profile of an endpoint as the console shows it, ``None`` if there is none.

        Args:
            endpoint_id: The value of the key that finds it.
        """
        with self._lock:
            for (domain, _, *values), profile in self._profiles.items():
                if values == [endpoint_id]:
                    now = self._now()
                    return view.document(endpoint_id, domain, profile, self._domain_behavior, now)
        return None

    @property
    def endpoint_ids(self) -> list[str]:
        """The endpoints that have a profile, the one that was last heard of first."""
        with self._lock:
            return [key[2] for key in reversed(self._profiles) if len(key) == 3]  # noqa: PLR2004

    @property
    def routes(self) -> Sequence[BaseRoute]:
        """See :class:`~local.destination.DestinationServer`."""
        return (Route(_PATH, ServerEndpoint(self.answer), name="batch_put_profile_object"),)

    @property
    def request_bytes(self) -> int:
        """See :class:`~local.destination.DestinationServer`."""
        return _REQUEST_BYTES

    def _forget(self) -> None:
        # By the domain, the key's name and its values.
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

    async def _settle(
        self,
        request: Request,
        document: dict[str, Any],
        body: bytes,  # noqa: ARG002
        told: Told,
    ) -> Settled:
        """Put the objects of a request, one by one."""
        object_type = self._object_types[
            self._target(request, document), document["ObjectTypeName"]
        ]
        content: dict[str, list[dict[str, Any]]] = {"Successful": [], "Failed": []}
        answered: list[Answered] = []
        for item in document["Items"]:
            event, of_visitor = _event(item)
            failure = self._failure(event, told, of_visitor=of_visitor)
            if failure is None:
                try:
                    key, put = self._put(object_type, item["Object"], event)
                except ObjectRefused as refusal:
                    failure = Outcome.REFUSED, HTTPStatus.BAD_REQUEST, str(refusal)
                else:
                    content["Successful"].append({"Id": item["Id"], "ProfileObjectUniqueKey": key})
                    if not of_visitor:
                        answered.append(Answered(put, Outcome.DELIVERED, "200", "Successful"))
                    continue
            outcome, status, message = failure
            content["Failed"].append(
                {"Id": item["Id"], "Code": int(status), "Message": message[:1_000]}
            )
            if not of_visitor:
                answered.append(Answered(event, outcome, str(int(status)), message))
        return Settled(content, answered)

    @staticmethod
    def _failure(event: Event, told: Told, *, of_visitor: bool) -> tuple[Outcome, int, str] | None:
        """Return what the behavior does to one object."""
        behavior = told.behavior
        if behavior.refuses_data_of(event.endpoint_id) if of_visitor else behavior.refuses(event):
            return Outcome.REFUSED, HTTPStatus.BAD_REQUEST, told.behavior.refuse_message
        if told.fails():
            return Outcome.FAILED, HTTPStatus.INTERNAL_SERVER_ERROR, "Told to fail single objects"
        return None

    def _put(self, object_type: ObjectType, text_of_object: str, event: Event) -> tuple[str, Event]:
        """Put one object; return its unique key, and the event with the profile that resulted.

        Raises:
            ObjectRefused: It is not an object of the type.
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
            if profile is None:  # kept by itself until a profile has its key
                return unique_key, event
            self._profiles[key] = profile  # the one that was last heard of is the last
            stored, changed = profile.hold(object_type, unique_key, document, values, self._now())
            for name, target in object_type.targets.items():
                if name in values:
                    profile.set(target, values[name])
            verdicts = (
                self._domain_behavior.judge(object_type.domain, stored, profile) if changed else []
            )
            if changed and not _of_visitor(document):
                profile.evaluated.append(Evaluated(stored, verdicts))
            shown = {"ProfileId": profile.profile_id, **json.loads(json.dumps(profile.fields))}
        got = [*event.got, Exposition("The profile that resulted", shown)]
        if started := [it.trigger for it in verdicts if it.started]:
            got.append(Exposition("Event triggers that it starts", started))
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
    raise ValueError(f"{name} is no number of JSON")


def _event(item: Mapping[str, Any]) -> tuple[Event, bool]:
    """Return the event of an object, and whether there is none: of a visitor object."""
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
        (Exposition(f"Profile object {text(item, 'Id')}", found),),
    )
    return event, _of_visitor(document)


def _of_visitor(document: Mapping[str, Any]) -> bool:
    return bool(document) and "event_id" not in document

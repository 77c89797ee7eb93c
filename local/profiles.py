"""Amazon Connect Customer Profiles on loopback: ``BatchPutProfileObject``, which no emulator has.

A request is held against botocore's service model. Each object in it goes the way that the
deployed template's object types describe: its key finds or makes a profile, its fields become the
profile's. So the console can show the profile that resulted. Point an AWS SDK at it with the
environment variable ``AWS_ENDPOINT_URL_CUSTOMER_PROFILES``.

What it does with an object, and who says so (the *guide* is the Amazon Connect administrator guide,
the *model* is botocore's ``customer-profiles``):

- The ``PROFILE`` key finds the profile. Without one that has the key, a profile is made if
  ``AllowProfileCreation`` says so. [model, ``PutProfileObjectType``] Objects of different types
  with the same value of a key of the same name are one profile's. [guide, "Key definition details"]
- The ``UNIQUE`` key identifies the object: one with the same key replaces the one before. [model,
  ``ObjectTypeKey``; guide, "Key definition details"]
- An object expires after its type's ``ExpirationDays``, or after the domain's
  ``DefaultExpirationDays``, or after 365 days. [guide, "data expiration"] The time is set when the
  object comes in. [guide, "Additional properties of object types"]
- A type's ``MaxProfileObjectCount`` limits the objects of a profile, and all types together have
  1,000. [guide, "data limits", which calls them estimates]

What AWS does not document is taken in the strict way here:

- An object without a key, and one whose key or field is empty or longer than 255 characters (the
  model's limit for a profile's attributes), are refused with 400.
- An object beyond a limit of a profile is refused with 400. AWS may as well leave it out without a
  word, or drop the oldest.
- A profile keeps a field that a newer object of the same key lacks.
- A profile does not expire here, and loses no fields with its objects.
"""

from __future__ import annotations

import hashlib
import json
import time
import uuid
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple
from urllib.parse import unquote

from starlette.routing import BaseRoute, Route

from local.destination import (
    Answered,
    Behaviour,
    DestinationServer,
    EscapedJSONResponse,
    Event,
    Exposition,
    Observer,
    Outcome,
    ServerEndpoint,
    Settled,
    Told,
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

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["ObjectRefused", "ObjectType", "Profile", "ProfilesServer", "StoredObject", "Trigger"]

_OPERATION: Final = operation("customer-profiles", "BatchPutProfileObject")
_ERROR_NAMES: Final = error_names(_OPERATION)
_PATH: Final = "/domains/{DomainName}/profiles/objects/batch-put-profile-object"
# Ten objects of the largest size, and what is around them.
_REQUEST_BYTES: Final = 10 * 4 * 256_000 + 100_000
_LONGEST_VALUE: Final = 255
_RESOURCES: Final = "AWS::CustomerProfiles::"
_DEFAULT_EXPIRATION_DAYS: Final = 365
_MOST_OBJECTS: Final = 1_000
_DAY_SECONDS: Final = 24 * 60 * 60


class ObjectRefused(Exception):
    """One object of a request is refused for good. The message says why."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """An event trigger: starts what its owner attaches to it when an object of its kind comes."""

    name: str
    fields: Mapping[str, frozenset[str]]

    def starts(self, values: Mapping[str, str]) -> bool:
        """Return whether an object with these values of the type's fields starts it."""
        return all(values.get(field) in any_of for field, any_of in self.fields.items())


@dataclass(frozen=True, slots=True)
class ObjectType:
    """What becomes of the objects of a type, as its template says.

    Args:
        domain: Name of the domain it belongs to.
        name: Its own.
        sources: The path of each field in the object: ``{"plan": ("user_attributes", "plan")}``.
        targets: The path of a field in the profile, for those that become the profile's.
        profile_key: The fields that together find a profile.
        profile_key_name: What that key is called in the domain.
        unique_key: The fields that together tell one object from another.
        creates_profiles: Whether an object whose key finds no profile makes one.
        expiration_days: How long an object is kept.
        max_objects: How many objects of the type a profile holds; ``None`` is no limit of its own.
        triggers: The domain's event triggers for it.
    """

    domain: str
    name: str
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    profile_key: tuple[str, ...] = ()
    unique_key: tuple[str, ...] = ()
    creates_profiles: bool = False
    profile_key_name: str = ""
    expiration_days: int = _DEFAULT_EXPIRATION_DAYS
    max_objects: int | None = None
    triggers: tuple[Trigger, ...] = ()

    @classmethod
    def all_of(cls, template: Mapping[str, Any]) -> list[ObjectType]:
        """Return the object types in a CloudFormation template."""
        resources = template["Resources"].values()
        triggers = [
            it["Properties"] for it in resources if it["Type"] == f"{_RESOURCES}EventTrigger"
        ]
        domains = [it["Properties"] for it in resources if it["Type"] == f"{_RESOURCES}Domain"]
        return [
            cls.from_properties(
                _with_the_domains_expiration(it["Properties"], domains),
                [
                    trigger
                    for trigger in triggers
                    if all(
                        trigger[name] == it["Properties"][name]
                        for name in ("DomainName", "ObjectTypeName")
                    )
                ],
            )
            for it in resources
            if it["Type"] == f"{_RESOURCES}ObjectType"
        ]

    @classmethod
    def from_properties(
        cls, properties: Mapping[str, Any], triggers: Iterable[Mapping[str, Any]] = ()
    ) -> ObjectType:
        """Return the type that a resource's properties describe.

        Raises:
            ValueError: They name something that is not known here.
        """
        sources, targets = {}, {}
        for each in properties.get("Fields", []):
            mapping = each["ObjectTypeField"]
            sources[each["Name"]] = _path(mapping["Source"], "_source")
            if mapping.get("Target"):
                targets[each["Name"]] = _path(mapping["Target"], "_profile")
        keys: dict[str, tuple[str, ...]] = {}
        names: dict[str, str] = {}
        for each in properties.get("Keys", []):
            for key in each["ObjectTypeKeyList"]:
                for identifier in key.get("StandardIdentifiers", []):
                    if identifier in keys or identifier not in {"PROFILE", "UNIQUE"}:
                        raise ValueError(
                            f"key {each['Name']} of object type {properties['ObjectTypeName']}: "
                            f"a single PROFILE and a single UNIQUE key are known here, got "
                            f"{identifier}"
                        )
                    keys[identifier] = tuple(key["FieldNames"])
                    names[identifier] = each["Name"]
        return cls(
            domain=properties["DomainName"],
            name=properties["ObjectTypeName"],
            sources=sources,
            targets=targets,
            profile_key=keys.get("PROFILE", ()),
            unique_key=keys.get("UNIQUE", ()),
            creates_profiles=str(properties.get("AllowProfileCreation")).lower() == "true",
            profile_key_name=names.get("PROFILE", ""),
            expiration_days=int(properties.get("ExpirationDays") or _DEFAULT_EXPIRATION_DAYS),
            max_objects=(
                int(most) if (most := properties.get("MaxProfileObjectCount")) is not None else None
            ),
            triggers=tuple(_trigger(each) for each in triggers),
        )

    def values(self, document: Mapping[str, Any]) -> dict[str, str]:
        """Return the values of the type's fields in an object, those that are there.

        Raises:
            ObjectRefused: One of them cannot be a profile's.
        """
        found = {name: _at(document, path) for name, path in self.sources.items()}
        values = {}
        for name, value in found.items():
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, str | int | float):
                raise ObjectRefused(f"Field {name} must be text or a number, got {value!r}")
            if not 1 <= len(str(value)) <= _LONGEST_VALUE and self._matters(name):
                raise ObjectRefused(
                    f"Field {name} has {len(str(value))} characters, it must have 1 to "
                    f"{_LONGEST_VALUE}"
                )
            values[name] = str(value)
        return values

    def _matters(self, name: str) -> bool:
        return name in self.targets or name in self.profile_key or name in self.unique_key

    @staticmethod
    def key_of(values: Mapping[str, str], names: Sequence[str]) -> tuple[str, ...]:
        """Return the key that the fields ``names`` make.

        Raises:
            ObjectRefused: One of them has no value.
        """
        if missing := [name for name in names if name not in values]:
            raise ObjectRefused(f"The object has no value for its key: {', '.join(missing)}")
        return tuple(values[name] for name in names)


class StoredObject(NamedTuple):
    """An object that a profile holds."""

    document: Mapping[str, Any]
    """As it was put."""
    expires: float
    """When, in epoch seconds."""


@dataclass(slots=True)
class Profile:
    """A customer's profile."""

    profile_id: str
    fields: dict[str, Any] = field(default_factory=dict)
    """Its own fields; custom ones under ``Attributes``."""
    stored: dict[tuple[str, str], StoredObject] = field(default_factory=dict)
    """The newest object of each unique key, by the object type's name and the key."""

    @property
    def objects(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """The objects that it holds, by the object type's name and the unique key."""
        return {key: stored.document for key, stored in self.stored.items()}

    def hold(
        self, object_type: ObjectType, unique_key: str, document: Mapping[str, Any], now: float
    ) -> None:
        """Hold an object instead of the one that has the same unique key.

        Raises:
            ObjectRefused: The profile has as many as it may have.
        """
        self.stored = {key: held for key, held in self.stored.items() if held.expires > now}
        key = (object_type.name, unique_key)
        if key not in self.stored:
            of_type = sum(name == object_type.name for name, _ in self.stored)
            if object_type.max_objects is not None and of_type >= object_type.max_objects:
                raise ObjectRefused(
                    f"The profile has {of_type} objects of the type {object_type.name}, which is "
                    "its MaxProfileObjectCount"
                )
            if len(self.stored) >= _MOST_OBJECTS:
                raise ObjectRefused(f"The profile has {_MOST_OBJECTS:,} objects, which is the most")
        expires = now + object_type.expiration_days * _DAY_SECONDS
        self.stored[key] = StoredObject(document, expires)

    def set(self, path: Sequence[str], value: str) -> None:
        """Set a field."""
        place = self.fields
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = value


class ProfilesServer(DestinationServer):
    """Serves ``BatchPutProfileObject`` of the domains whose object types it knows.

    Args:
        object_types: What exists.
        requests_per_second: Request quota, as a token bucket. AWS publishes none. Default: none.
        burst: Size of that bucket.
        keep: See :class:`~local.destination.DestinationServer`, as for what follows.
        observer: Told of each event.
        behaviour: What to do from the start on.
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
        *,
        requests_per_second: float | None = None,
        burst: int = 15,
        keep: int | None = None,
        observer: Observer | None = None,
        behaviour: Behaviour | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._now = now
        self._object_types = {(it.domain, it.name): it for it in object_types}
        super().__init__(
            requests_per_second=requests_per_second,
            burst=burst,
            keep=keep,
            observer=observer,
            behaviour=behaviour,
            clock=clock,
        )

    @property
    def profiles(self) -> dict[tuple[str, ...], Profile]:
        """The profiles by the key that finds them, oldest first."""
        with self._lock:
            return {key[2:]: profile for key, profile in self._profiles.items()}

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
        """Return what the behaviour does to one object."""
        behaviour = told.behaviour
        if behaviour.refuses_data_of(event.endpoint_id) if of_visitor else behaviour.refuses(event):
            return Outcome.REFUSED, HTTPStatus.BAD_REQUEST, told.behaviour.refuse_message
        if told.fails():
            return Outcome.FAILED, HTTPStatus.INTERNAL_SERVER_ERROR, "Told to fail single objects"
        return None

    def _put(self, object_type: ObjectType, text_of_object: str, event: Event) -> tuple[str, Event]:
        """Put one object; return its unique key, and the event with the profile that resulted.

        Raises:
            ObjectRefused: It is not an object of the type.
        """
        try:
            document = json.loads(text_of_object)
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
            profile = self._profiles.get(key)
            if profile is None and object_type.creates_profiles:
                profile = self._profiles[key] = Profile(uuid.uuid4().hex)
            if profile is None:  # kept by itself until a profile has its key
                return unique_key, event
            profile.hold(object_type, unique_key, document, self._now())
            for name, target in object_type.targets.items():
                if name in values:
                    profile.set(target, values[name])
            shown = {"ProfileId": profile.profile_id, **json.loads(json.dumps(profile.fields))}
        started = [it.name for it in object_type.triggers if it.starts(values)]
        got = [*event.got, Exposition("The profile that resulted", shown)]
        if started:
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
    return event, bool(document) and "event_id" not in document


def _trigger(properties: Mapping[str, Any]) -> Trigger:
    name = properties["EventTriggerName"]
    try:
        [condition] = properties["EventTriggerConditions"]
        fields: dict[str, frozenset[str]] = {}
        for dimension in condition["EventTriggerDimensions"]:
            [attribute] = dimension["ObjectAttributes"]
            if condition["LogicalOperator"] != "ALL":
                raise ValueError(condition["LogicalOperator"])  # noqa: TRY301 - as if malformed
            if attribute["ComparisonOperator"] != "INCLUSIVE":
                raise ValueError(attribute["ComparisonOperator"])  # noqa: TRY301 - as if malformed
            fields[attribute["FieldName"]] = frozenset(attribute["Values"])
        return Trigger(name, fields)
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"event trigger {name}: one condition is known here, ALL of fields that are INCLUSIVE"
        ) from error


def _with_the_domains_expiration(
    properties: Mapping[str, Any], domains: Iterable[Mapping[str, Any]]
) -> Mapping[str, Any]:
    for domain in domains:
        if domain["DomainName"] == properties["DomainName"]:
            return {"ExpirationDays": domain["DefaultExpirationDays"], **properties}
    return properties


def _path(text_of_path: str, root: str) -> tuple[str, ...]:
    first, *rest = text_of_path.split(".")
    if first != root or not rest:
        raise ValueError(f"a path must begin with {root}., got {text_of_path!r}")
    return tuple(rest)


def _at(document: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = document
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found

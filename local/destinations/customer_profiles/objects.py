"""Object types, profiles, and the objects in them.

Rules for an object, with their sources:

- The ``PROFILE`` key finds the profile. If no profile has the key, one is created if
  ``AllowProfileCreation`` is true. [model, ``PutProfileObjectType``] Objects of different types
  belong to the same profile if they have a key of the same name and value. [guide, "Key definition
  details"]
- The ``UNIQUE`` key identifies the object. An object replaces an earlier one with the same key.
  [model, ``ObjectTypeKey``; guide, "Key definition details"]
- An object expires after its type's ``ExpirationDays``, or after the domain's
  ``DefaultExpirationDays``, or after 365 days. [guide, "data expiration"] The expiration time is
  set when the object arrives. [guide, "Additional properties of object types"]
- A type's ``MaxProfileObjectCount`` limits its objects in a profile. A profile has at most 1,000
  objects of all types. [guide, "data limits", which calls them estimates]

AWS does not document the following, and the stand-in takes the strict choice:

- An object is refused with 400 if it has no key, or if its key or a field is empty or longer than
  255 characters, the model's limit for a profile's attributes.
- An object beyond a limit of a profile is refused with 400. AWS may instead ignore it silently, or
  drop the oldest object.
- A profile keeps a field if a newer object with the same key lacks it.
- A profile does not expire, and keeps its fields when its objects expire.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local.destinations.customer_profiles.triggers import TriggerResult

__all__ = [
    "DAY_SECONDS",
    "EvaluatedObject",
    "ObjectRefused",
    "ObjectType",
    "Profile",
    "StoredObject",
]

RESOURCES: Final = "AWS::CustomerProfiles::"
DAY_SECONDS: Final = 24 * 60 * 60
_LONGEST_VALUE: Final = 255
_DEFAULT_EXPIRATION_DAYS: Final = 365
_MOST_OBJECTS: Final = 1_000
_EVENTS_SHOWN: Final = 20


class ObjectRefused(Exception):
    """A permanent refusal of one object of a request. The message says why."""


@dataclass(frozen=True, slots=True)
class ObjectType:
    """An object type as the template defines it.

    Args:
        domain: Name of the domain.
        name: Name of the object type.
        sources: The path of each field in the object: ``{"plan": ("user_attributes", "plan")}``.
        targets: The path in the profile, for each field that is copied to it.
        numbers: The fields whose content type is ``NUMBER``.
        profile_key: The fields that together find a profile.
        profile_key_name: Name of that key in the domain.
        unique_key: The fields that together identify an object.
        creates_profiles: Whether an object creates a profile if its key finds none.
        expiration_days: Days for which an object is kept.
        max_objects: Maximum objects of the type in a profile; ``None`` for no separate limit.
    """

    domain: str
    name: str
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    numbers: frozenset[str] = frozenset()
    profile_key: tuple[str, ...] = ()
    unique_key: tuple[str, ...] = ()
    creates_profiles: bool = False
    profile_key_name: str = ""
    expiration_days: int = _DEFAULT_EXPIRATION_DAYS
    max_objects: int | None = None

    @classmethod
    def all_of(cls, template: Mapping[str, Any]) -> list[ObjectType]:
        """Return the object types in a CloudFormation template.

        Raises:
            ValueError: The stand-in does not support something in them.
        """
        domains = properties_of(template, "Domain")
        return [
            cls.from_properties(_with_the_domains_expiration(each, domains))
            for each in properties_of(template, "ObjectType")
        ]

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> ObjectType:
        """Return the type that a resource's properties describe.

        Raises:
            ValueError: The stand-in does not support something in them.
        """
        sources, targets, numbers = {}, {}, set()
        for each in properties.get("Fields", []):
            mapping = each["ObjectTypeField"]
            sources[each["Name"]] = _path(mapping["Source"], "_source")
            if mapping.get("Target"):
                targets[each["Name"]] = _path(mapping["Target"], "_profile")
            if mapping.get("ContentType") == "NUMBER":
                numbers.add(each["Name"])
        keys: dict[str, tuple[str, ...]] = {}
        names: dict[str, str] = {}
        for each in properties.get("Keys", []):
            for key in each["ObjectTypeKeyList"]:
                for identifier in key.get("StandardIdentifiers", []):
                    if identifier in keys or identifier not in {"PROFILE", "UNIQUE"}:
                        raise ValueError(
                            f"key {each['Name']} of object type {properties['ObjectTypeName']}: "
                            f"the stand-in supports one PROFILE and one UNIQUE key, got "
                            f"{identifier}"
                        )
                    keys[identifier] = tuple(key["FieldNames"])
                    names[identifier] = each["Name"]
        return cls(
            domain=properties["DomainName"],
            name=properties["ObjectTypeName"],
            sources=sources,
            targets=targets,
            numbers=frozenset(numbers),
            profile_key=keys.get("PROFILE", ()),
            unique_key=keys.get("UNIQUE", ()),
            creates_profiles=str(properties.get("AllowProfileCreation")).lower() == "true",
            profile_key_name=names.get("PROFILE", ""),
            expiration_days=int(properties.get("ExpirationDays") or _DEFAULT_EXPIRATION_DAYS),
            max_objects=(
                int(most) if (most := properties.get("MaxProfileObjectCount")) is not None else None
            ),
        )

    def values(self, document: Mapping[str, Any]) -> dict[str, str]:
        """Return the values of the type's fields that an object has.

        Args:
            document: The object. Its numbers must be ``Decimal`` or ``int``, which preserve them
                exactly.

        Raises:
            ObjectRefused: A value is too long or empty, or not a text or number.
        """
        values = {}
        for name, path in self.sources.items():
            value = member_at(document, path)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
                raise ObjectRefused(f"Field {name} must be text or a number, got {value!r}")
            if not 1 <= len(str(value)) <= _LONGEST_VALUE and self._matters(name):
                raise ObjectRefused(
                    f"Field {name} has {len(str(value))} characters, but must have 1 to "
                    f"{_LONGEST_VALUE}"
                )
            values[name] = str(value)
        return values

    def _matters(self, name: str) -> bool:
        return name in self.targets or name in self.profile_key or name in self.unique_key

    @staticmethod
    def key_of(values: Mapping[str, str], names: Sequence[str]) -> tuple[str, ...]:
        """Return the key that consists of the fields ``names``.

        Raises:
            ObjectRefused: A field has no value.
        """
        if missing := [name for name in names if name not in values]:
            raise ObjectRefused(f"The object has no value for its key field {', '.join(missing)}")
        return tuple(values[name] for name in names)


class StoredObject(NamedTuple):
    """An object that a profile holds."""

    type_name: str
    document: Mapping[str, Any]
    """The object as it was sent."""
    values: Mapping[str, str]
    """The values of its type's fields."""
    put: float
    """Time of arrival, in epoch seconds."""
    expires: float
    """Expiration time, in epoch seconds."""


class EvaluatedObject(NamedTuple):
    """A new or changed object, with the result of each trigger of its type."""

    stored: StoredObject
    results: Sequence[TriggerResult]


@dataclass(slots=True)
class Profile:
    """A customer's profile."""

    profile_id: str
    fields: dict[str, Any] = field(default_factory=dict)
    """The profile's fields; custom attributes are in ``Attributes``."""
    stored: dict[tuple[str, str], StoredObject] = field(default_factory=dict)
    """The newest object of each unique key, by the object type's name and the key."""
    started: dict[str, list[float]] = field(default_factory=dict)
    """Times when each trigger started something for the profile, in epoch seconds, oldest first."""
    evaluated: deque[EvaluatedObject] = field(default_factory=lambda: deque(maxlen=_EVENTS_SHOWN))
    """The latest objects, newest last."""

    @property
    def objects(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """The profile's objects, by the object type's name and the unique key."""
        return {key: stored.document for key, stored in self.stored.items()}

    def held(self, type_name: str, now: float) -> list[StoredObject]:
        """Return the objects of a type that have not expired, in order of their first arrival."""
        return [it for it in self.stored.values() if it.type_name == type_name and it.expires > now]

    def hold(
        self,
        object_type: ObjectType,
        unique_key: str,
        document: Mapping[str, Any],
        values: Mapping[str, str],
        now: float,
    ) -> tuple[StoredObject, bool]:
        """Add an object, or replace the one with the same unique key.

        Returns:
            The stored object, and whether it is new or differs from the one that it replaced.

        Raises:
            ObjectRefused: The profile has the maximum number of objects.
        """
        self.stored = {key: held for key, held in self.stored.items() if held.expires > now}
        key = (object_type.name, unique_key)
        before = self.stored.get(key)
        if before is None:
            of_type = sum(name == object_type.name for name, _ in self.stored)
            if object_type.max_objects is not None and of_type >= object_type.max_objects:
                raise ObjectRefused(
                    f"The profile has {of_type} objects of the type {object_type.name}, which is "
                    "its MaxProfileObjectCount"
                )
            if len(self.stored) >= _MOST_OBJECTS:
                raise ObjectRefused(f"The profile has {_MOST_OBJECTS:,} objects, the maximum")
        expires = now + object_type.expiration_days * DAY_SECONDS
        stored = StoredObject(object_type.name, document, values, now, expires)
        self.stored[key] = stored
        return stored, before is None or before.document != document

    def set(self, path: Sequence[str], value: str) -> None:
        """Set a field."""
        place = self.fields
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = value

    def get(self, path: Sequence[str]) -> str | None:
        """Return a field's value; ``None`` if it has none."""
        found = member_at(self.fields, path)
        return found if isinstance(found, str) else None


def properties_of(template: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    """Return the properties of a template's resources of one kind, such as ``ObjectType``."""
    resources = template["Resources"].values()
    return [it["Properties"] for it in resources if it["Type"] == f"{RESOURCES}{kind}"]


def member_at(document: Any, path: Sequence[str]) -> Any:
    """Return the value at a path in a document; ``None`` if there is none."""
    found = document
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


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

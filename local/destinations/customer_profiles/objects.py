"""Object types, and the profiles that objects make.

What becomes of an object, and who says so:

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

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from local.destinations.customer_profiles.triggers import Verdict

__all__ = ["DAY_SECONDS", "Evaluated", "ObjectRefused", "ObjectType", "Profile", "StoredObject"]

RESOURCES: Final = "AWS::CustomerProfiles::"
DAY_SECONDS: Final = 24 * 60 * 60
_LONGEST_VALUE: Final = 255
_DEFAULT_EXPIRATION_DAYS: Final = 365
_MOST_OBJECTS: Final = 1_000
_EVENTS_SHOWN: Final = 20


class ObjectRefused(Exception):
    """One object of a request is refused for good. The message says why."""


@dataclass(frozen=True, slots=True)
class ObjectType:
    """What becomes of the objects of a type, as its template says.

    Args:
        domain: Name of the domain it belongs to.
        name: Its own.
        sources: The path of each field in the object: ``{"plan": ("user_attributes", "plan")}``.
        targets: The path of a field in the profile, for those that become the profile's.
        numbers: The fields whose content type is ``NUMBER``.
        profile_key: The fields that together find a profile.
        profile_key_name: What that key is called in the domain.
        unique_key: The fields that together tell one object from another.
        creates_profiles: Whether an object whose key finds no profile makes one.
        expiration_days: How long an object is kept.
        max_objects: How many objects of the type a profile holds; ``None`` is no limit of its own.
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
            ValueError: They name something that is not known here.
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
            ValueError: They name something that is not known here.
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
        """Return the values of the type's fields in an object, those that are there.

        Args:
            document: The object, its numbers ``Decimal`` or whole, so that none of them changes.

        Raises:
            ObjectRefused: One of them cannot be a profile's.
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

    type_name: str
    document: Mapping[str, Any]
    """As it was put."""
    values: Mapping[str, str]
    """The values of its type's fields."""
    put: float
    """When it came in, in epoch seconds."""
    expires: float
    """When it is gone, in epoch seconds."""


class Evaluated(NamedTuple):
    """An object that was new, and what each trigger of its type made of it."""

    stored: StoredObject
    verdicts: Sequence[Verdict]


@dataclass(slots=True)
class Profile:
    """A customer's profile."""

    profile_id: str
    fields: dict[str, Any] = field(default_factory=dict)
    """Its own fields; custom ones under ``Attributes``."""
    stored: dict[tuple[str, str], StoredObject] = field(default_factory=dict)
    """The newest object of each unique key, by the object type's name and the key."""
    started: dict[str, list[float]] = field(default_factory=dict)
    """When each trigger started something for it, in epoch seconds, oldest first."""
    evaluated: deque[Evaluated] = field(default_factory=lambda: deque(maxlen=_EVENTS_SHOWN))
    """The last objects, the newest last."""

    @property
    def objects(self) -> dict[tuple[str, str], Mapping[str, Any]]:
        """The objects that it holds, by the object type's name and the unique key."""
        return {key: stored.document for key, stored in self.stored.items()}

    def held(self, type_name: str, now: float) -> list[StoredObject]:
        """Return the objects of a type that have not expired, in the order they first came in."""
        return [it for it in self.stored.values() if it.type_name == type_name and it.expires > now]

    def hold(
        self,
        object_type: ObjectType,
        unique_key: str,
        document: Mapping[str, Any],
        values: Mapping[str, str],
        now: float,
    ) -> tuple[StoredObject, bool]:
        """Hold an object instead of the one that has the same unique key.

        Returns:
            The object as it is held, and whether it is another than before.

        Raises:
            ObjectRefused: The profile has as many as it may have.
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
                raise ObjectRefused(f"The profile has {_MOST_OBJECTS:,} objects, which is the most")
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
        """Return a field's value, ``None`` if it has none."""
        found = member_at(self.fields, path)
        return found if isinstance(found, str) else None


def properties_of(template: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    """Return the properties of a template's resources of one kind, such as ``ObjectType``."""
    resources = template["Resources"].values()
    return [it["Properties"] for it in resources if it["Type"] == f"{RESOURCES}{kind}"]


def member_at(document: Any, path: Sequence[str]) -> Any:
    """Return what is at a path in a document, ``None`` for nothing."""
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

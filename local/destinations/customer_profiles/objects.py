"""Object types, objects and profiles, by the template's resources."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


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

"""All settings of the deployable app, read from CDK context (``cdk deploy -c name=value``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from stacks.app_settings import FIRST_DESTINATION, AppSettings
from stacks.destinations import destination_of, destination_settings, one_of
from stacks.errors import SettingError
from stacks.spelling import refuse_misspelt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from constructs import Node

    from stacks.destinations.base import DestinationSettings
    from stacks.setting import Setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings(AppSettings):
    """The settings of ``cdk deploy``.

    Attributes:
        destinations: The settings of every destination, chosen or not, by the destination's name.
        old_names: The old names that were used, with the new ones.
    """

    destinations: Mapping[str, DestinationSettings] = field(default_factory=dict)
    old_names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def from_context(cls, node: Node) -> Settings:
        """Read the settings from ``node``'s context.

        Raises:
            SettingError: A setting is missing, malformed, or looks like a misspelt one.
        """
        known = all_settings()
        refuse_misspelt(node, known)
        given: dict[str, Any] = {}
        old_names: dict[str, str] = {}
        for name, each in known.items():
            used, value = _read(node, each)
            if value is not None:
                given[name] = value
                if used != name:
                    old_names[used] = name
        _check_destinations(given)
        for name, each in known.items():
            for needed, problem in each.needs.items():
                if given.get(name) and not given.get(needed, known[needed].default):
                    shown = repr(given[needed]) if needed in given else None
                    raise SettingError(
                        needed, f"{problem} with {name}", shown, value=known[needed].example
                    )
        return cls(
            **{name: value for name, value in given.items() if name in cls.definitions()},
            destinations={
                kind: of(**{n: v for n, v in given.items() if n in of.definitions()})
                for kind, of in destination_settings().items()
            },
            old_names=old_names,
        )

    def warnings(self) -> dict[str, str]:
        """Return warnings by setting: the setting was renamed, or has no effect.

        A setting of a destination that is not chosen is not an error, because one ``cdk.json`` may
        hold the settings of several destinations, and ``destination`` chooses among them.
        """
        chosen = ",".join(self.destination)
        return {
            **{
                old: f"setting {old} is called {new} now: rename it"
                for old, new in self.old_names.items()
            },
            **{
                name: (
                    f"setting {name} is ignored, got {value!r}: events go to {chosen} and not to "
                    f"{kind}; to send them there as well set -c destination={chosen},{kind}, else "
                    f"remove {name}"
                )
                for kind, settings in self.destinations.items()
                if kind not in self.destination
                for name, each in settings.definitions().items()
                if (value := getattr(settings, name)) != each.default
            },
        }


@cache
def all_settings() -> Mapping[str, Setting]:
    """Return every setting of the app and of its destinations, by name."""
    found = Settings.definitions()
    for settings in destination_settings().values():
        found |= settings.definitions()
    return found


def _read(node: Node, setting: Setting) -> tuple[str, Any]:
    """Return the name under which a setting was given, and its value, ``None`` if it is not set."""
    name, value = setting.name, node.try_get_context(setting.name)
    if setting.old_name:
        old = node.try_get_context(setting.old_name)
        if None not in (value, old):
            raise SettingError(
                setting.old_name,
                f"must not be given with {name}, its current name",
                repr(old),
                remedy=name,
                value=setting.example,
            )
        if old is not None:
            name, value = setting.old_name, old
    if value is None:
        return name, None
    try:
        return name, setting.read(value)
    except ValueError as error:
        raise SettingError(
            name, str(error), repr(value), remedy=setting.name, value=setting.example
        ) from error


def _check_destinations(given: Mapping[str, Any]) -> None:
    """Refuse settings that do not say clearly where the events go."""
    known = all_settings()
    if "destination" not in given:
        # Otherwise events would go to Pinpoint, although another destination was meant.
        named = {name: kind for name in given if (kind := destination_of(name)) is not None}
        for name, kind in named.items():
            if kind != FIRST_DESTINATION:
                raise SettingError("destination", f"must be {kind} with {name}", None, value=kind)
        if not named:  # a new installation, for which Pinpoint would be wrong
            raise SettingError("destination", one_of(), None, value=known["destination"].example)
    for kind in given.get("destination", (FIRST_DESTINATION,)):
        for name, each in destination_settings()[kind].definitions().items():
            if each.required and name not in given:
                raise SettingError(name, each.required, None, value=each.example)

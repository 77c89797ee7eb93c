"""The error for a setting that cannot be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdk_gtm_connector import PropError


class SettingError(Exception):
    """A setting that is missing, malformed or misspelt.

    As text it is one sentence for whoever runs ``cdk``.

    Args:
        name: The setting.
        problem: Requirement that its value does not meet: a sentence without its subject.
        given: The value, as the sentence shows it; ``None`` if there is none.
        value: A value that works, for the remedy.
        remedy: The setting to set. Default: ``name``.
    """

    def __init__(
        self, name: str, problem: str, given: str | None, *, value: str, remedy: str | None = None
    ) -> None:
        got = "it is not set" if given is None else f"got {given}"
        remedy = remedy or name
        super().__init__(
            f"setting {name} {problem}, {got}: set {'it' if remedy == name else remedy} with "
            f'-c {remedy}={value} or under "context" in cdk.json'
        )
        self.name = name
        """The setting."""
        self.remedy = remedy
        """The setting to set."""

    @classmethod
    def from_prop(cls, error: PropError, examples: Mapping[str, str]) -> SettingError:
        """Return the error for a prop that a setting sets.

        Args:
            error: The prop's error, in which names of props are already replaced by names of
                settings.
            examples: A value that works for each setting.
        """
        # If the value conflicts with a setting that is missing or off, the remedy is to set that
        # one.
        missing = [name for name, value in error.others.items() if value in (None, False)]
        remedy = next((name for name in missing if name in examples), error.prop)
        return cls(
            error.prop,
            error.problem,
            error.given or None,
            remedy=remedy,
            value=examples.get(remedy, "…"),
        )

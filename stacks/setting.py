"""Definitions of settings: name, type, default, description, example and prop."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from cdk_gtm_connector import PropError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

_METADATA: Final = "setting"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A setting of the deployable app.

    Attributes:
        name: The setting's name, which is also the field's name.
        default: The field's value when the setting is not given.
        read: Converts a context value to the field's value. Raises ``ValueError`` with the
            requirement that the value does not meet.
        words: Description for the table of settings.
        default_words: The default in that table.
        example: A value that works, as the command line takes it.
        prop: Construct and prop that the setting becomes, ``connector.batch_size``; empty for none.
        also: Other props whose errors name this setting.
        needs: Settings without which this one has no effect, each with the error's text.
        required: Text of the error if the setting is missing; empty for an optional one.
        old_name: A name that still works, with a warning; empty for none.
        section: Heading that precedes this setting in the table; empty for none.
    """

    name: str
    default: Any
    read: Callable[[object], Any]
    words: str
    default_words: str
    example: str
    prop: str
    also: Sequence[str]
    needs: Mapping[str, str]
    required: str
    old_name: str
    section: str


def setting(
    read: Callable[[object], Any],
    words: str,
    *,
    example: str,
    default_words: str,
    default: Any = None,
    prop: str | None = None,
    also: Sequence[str] = (),
    needs: Mapping[str, str] | None = None,
    required: str = "",
    old_name: str = "",
    section: str = "",
) -> Any:
    """Return the field of a setting. The arguments are a :class:`Setting`'s.

    Args:
        read: See :class:`Setting`.
        words: See :class:`Setting`.
        example: See :class:`Setting`.
        default_words: See :class:`Setting`.
        default: See :class:`Setting`. ``None`` leaves the default to the construct.
        prop: See :class:`Setting`. Default: the connector's prop of the same name.
        also: See :class:`Setting`.
        needs: See :class:`Setting`.
        required: See :class:`Setting`.
        old_name: See :class:`Setting`.
        section: See :class:`Setting`.
    """
    attributes = {
        "read": read,
        "words": words,
        "default_words": default_words,
        "example": example,
        "prop": prop,
        "also": also,
        "needs": needs or {},
        "required": required,
        "old_name": old_name,
        "section": section,
    }
    return field(default=default, metadata={_METADATA: attributes})


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsBase:
    """Base class of dataclasses whose fields are settings."""

    @classmethod
    def definitions(cls) -> dict[str, Setting]:
        """Return the settings by name."""
        found = {}
        for each in fields(cls):
            if attributes := dict(each.metadata.get(_METADATA, {})):
                if attributes["prop"] is None:
                    attributes["prop"] = f"connector.{each.name}"
                found[each.name] = Setting(name=each.name, default=each.default, **attributes)
        return found

    def props(self, construct: str) -> dict[str, Any]:
        """Return the props of ``construct`` that were set."""
        return {
            prop: value
            for name, each in self.definitions().items()
            for of, _, prop in [each.prop.partition(".")]
            if of == construct and (value := getattr(self, name)) is not None
        }

    @classmethod
    def names(cls, construct: str) -> dict[str, str]:
        """Return the settings' names by prop of ``construct``."""
        return {
            prop: name
            for name, each in cls.definitions().items()
            for of, _, prop in [path.partition(".") for path in (each.prop, *each.also)]
            if of == construct
        }


@contextmanager
def in_settings(names: Mapping[str, str]) -> Iterator[None]:
    """Replace the names of props with those of settings in the errors of constructs.

    Args:
        names: Settings by prop. Other props keep their names.

    Raises:
        PropError: The error that a construct raised, with the settings' names.
    """
    try:
        yield
    except PropError as error:
        raise error.renamed(names) from error

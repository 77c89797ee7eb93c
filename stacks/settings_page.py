"""Writes ``docs/settings.md`` from the definitions: ``python -m stacks.settings_page``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from stacks.app_settings import AppSettings
from stacks.destinations import destination_settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stacks.setting import Setting

PAGE: Final = Path(__file__).parents[1] / "docs" / "settings.md"

_BEFORE: Final = """# Settings

Write settings of the deployable app under `"context"` in `cdk.json`. For one run write
`CONTEXT="name=value …"` after make, or `-c name=value` after `cdk`. Most settings have the name of
the construct's prop. Only `destination` and the settings that its table calls *required* have to be
there.

A missing or malformed setting stops synthesis with a sentence that says what is wrong and what to
write. So does a name that looks like a misspelt setting. Any other name is taken for a key of yours
or the CDK's.

One `cdk.json` may hold the settings of several destinations. A setting of a destination that is not
chosen gets a warning, and `cdk deploy --strict` makes it an error. To end the warning, call
`cdk.Annotations.of(stack).acknowledge_warning("cdk-gtm-connector:pinpoint_app_id")`.

`make settings` writes this page from the code.
"""
_HEADER: Final = "| Setting | Default | Meaning |\n|---|---|---|\n"


def page() -> str:
    """Return the page."""
    parts = [_BEFORE]
    sections = _sections(AppSettings.definitions().values())
    destinations = [
        (f"Destination `{kind}`", [*settings.definitions().values()])
        for kind, settings in destination_settings().items()
    ]
    # The chosen destination comes first, so its settings come next.
    for heading, settings in [sections[0], *destinations, *sections[1:]]:
        parts.append(f"\n## {heading}\n\n{_HEADER}{''.join(map(_row, settings))}")
    return "".join(parts)


def _sections(settings: Iterable[Setting]) -> list[tuple[str, list[Setting]]]:
    found: list[tuple[str, list[Setting]]] = []
    for each in settings:
        if each.section:
            found.append((each.section, []))
        found[-1][1].append(each)
    return found


def _row(setting: Setting) -> str:
    kinds = ", ".join(f"`{name}`" for name in destination_settings())
    return (
        f"| `{setting.name}` | {setting.default_words} | "
        f"{setting.words.format(destinations=kinds)}{_formerly(setting)} |\n"
    )


def _formerly(setting: Setting) -> str:
    return f"; formerly `{setting.old_name}`" if setting.old_name else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

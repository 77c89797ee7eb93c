"""Writes ``docs/cli.md`` from the commands: ``python -m cdk_gtm_connector_cli.reference``."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path
from typing import Final

import click

from cdk_gtm_connector_cli.main import cli
from cdk_gtm_connector_cli.options import connector_options

_DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "cli.md"
_BEGINNING: Final = "<!-- commands -->\n"
_END: Final = "<!-- end -->\n"


def reference() -> str:
    """Return the section of ``docs/cli.md`` about the commands."""
    common = _common_names()
    parts = ["\n## Options of every command\n", _table(_common_options())]
    for name in sorted(cli.commands):
        command = cli.commands[name]
        own = [it for it in command.params if it.name not in common]
        arguments = " ".join(_usage(it) for it in own if it.required)
        parts += [
            f"## {name}\n",
            f"```console\ngtm-connector {name} {arguments}".rstrip() + "\n```\n",
            _text(command.help or ""),
        ]
        options = [it for it in own if isinstance(it, click.Option)]
        if options:
            parts.append(_table(options))
    return "\n".join(line.rstrip() for line in "\n".join(parts).splitlines()) + "\n"


def _context() -> click.Context:
    return click.Context(cli)


def _usage(parameter: click.Parameter) -> str:
    value = parameter.make_metavar(_context())
    return value if isinstance(parameter, click.Argument) else f"{parameter.opts[0]} {value}"


def _common_options() -> list[click.Option]:
    decorated = click.command()(connector_options(lambda _: None))
    return [it for it in decorated.params if isinstance(it, click.Option)]


def _common_names() -> set[str]:
    return {it.name or "" for it in _common_options()} | {"named"}


def _table(options: list[click.Option]) -> str:
    rows = "".join(
        f"| {_names(it)} | {_text(it.help or '').strip()}{_default(it)} |\n" for it in options
    )
    return f"| option | |\n|---|---|\n{rows}"


def _names(option: click.Option) -> str:
    names = ", ".join(option.opts)
    if option.is_flag:
        return f"`{names}`"
    if isinstance(option.type, click.Choice):
        return f"`{names}`"
    return f"`{names} {option.make_metavar(_context())}`"


def _default(option: click.Option) -> str:
    words = ""
    if isinstance(option.type, click.Choice):
        words += " One of " + ", ".join(f"`{it}`" for it in option.type.choices) + "."
    if option.show_default:
        words += f" Default: `{option.default}`."
    return words


def _text(text: str) -> str:
    """Return a help text as Markdown, with its quotations as code."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return (
        re.sub('"([^" ]+)"', r"`\1`", "\n\n".join(" ".join(it.split()) for it in paragraphs)) + "\n"
    )


def completed(document: str) -> str:
    """Return the document with the commands as they are now, between its two marks."""
    before, _, rest = document.partition(_BEGINNING)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGINNING}{reference()}\n{_END}{after}"


def main() -> int:
    """Write the file; return the exit status."""
    text = completed(_DOCUMENT.read_text(encoding="utf-8"))
    _DOCUMENT.write_text(text, encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

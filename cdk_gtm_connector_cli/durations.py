"""Durations on the command line: ``90s``, ``30m``, ``6h``, ``14d``."""

from __future__ import annotations

import re
from typing import Final

import click

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_DURATION: Final = re.compile("([0-9]{1,9})([smhd])")


def duration(text: str | int) -> int:
    """Return a duration's seconds; a type for click's options.

    Raises:
        click.BadParameter: It is none.
    """
    if isinstance(text, int):
        return text
    match = _DURATION.fullmatch(text)
    if match is None:
        raise click.BadParameter(f"must be a number with s, m, h or d, such as 30m, got {text!r}")
    return int(match[1]) * _SECONDS[match[2]]

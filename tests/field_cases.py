"""Requests as tags and browsers send them, and what must become of them: ``cases/field.jsonl``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALLOWED_ORIGINS = ("https://shop.example", "capacitor://localhost")
"""What the endpoint is told that they are sent to; anybody may change user attributes there."""

_CASES = Path(__file__).with_name("cases") / "field.jsonl"


@dataclass(frozen=True, slots=True)
class FieldCase:
    """One request.

    Attributes:
        name: What it is about.
        method: ``GET`` or ``POST``.
        query: Its query string as it stands; empty for none.
        headers: Its headers.
        body: What is posted, ``None`` for nothing.
        statuses: The answers that will do.
        events: What is delivered to a destination without limits of its own.
    """

    name: str
    method: str
    query: str
    headers: Mapping[str, str]
    body: str | None
    statuses: frozenset[int]
    events: Sequence[Mapping[str, Any]]


def _read(line: str) -> FieldCase:
    case = json.loads(line)
    status = case["status"]
    return FieldCase(
        name=case["name"],
        method=case["method"],
        query=case["query"] or "",
        headers=case["headers"],
        body=case["body"],
        statuses=frozenset(status if isinstance(status, list) else [status]),
        events=case["events"] or [],
    )


FIELD_CASES = tuple(map(_read, _CASES.read_text(encoding="utf-8").splitlines()))

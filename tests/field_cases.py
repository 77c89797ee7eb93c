"""Requests as tags and browsers send them, with expected results: ``cases/field.jsonl``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALLOWED_ORIGINS = ("https://shop.example", "capacitor://localhost")
"""The endpoint's props for these requests, which permit anonymous user attributes."""

_CASES = Path(__file__).with_name("cases") / "field.jsonl"


@dataclass(frozen=True, slots=True)
class FieldCase:
    """One request.

    Attributes:
        name: Subject of the case.
        method: ``GET`` or ``POST``.
        query: The raw query string; empty for none.
        headers: The headers.
        body: The posted body; ``None`` for none.
        statuses: The acceptable statuses.
        events: The events that a destination without limits receives.
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

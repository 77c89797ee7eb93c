"""Media types of requests and templates."""

# MiniStack has no types.
# ruff: noqa: SLF001
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ministack.services import apigateway_v1

if TYPE_CHECKING:
    from collections.abc import Mapping


def media_type(headers: Mapping[str, str], name: str) -> str:
    """Return the first media type of a header; ``application/json`` if the header is missing."""
    value: str = apigateway_v1._header_ci(headers, name) or "application/json"
    return re.split("[,;]", value, maxsplit=1)[0].strip().lower()


def request_template(integration: Mapping[str, Any], content_type: str) -> str | None:
    """Return an integration's request template for a media type; ``None`` if there is none."""
    templates: Mapping[str, str] = integration.get("requestTemplates") or {}
    for each, template in templates.items():
        if each.partition(";")[0].strip().lower() == content_type:
            return template
    return None

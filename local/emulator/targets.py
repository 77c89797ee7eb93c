"""Request targets: their queries, their limits, and the tokens in them.

A URL over 10,240 characters and a raw ``|`` in a query string are refused, because API Gateway's
documentation says that it accepts neither. The statuses 414 and 400 are a guess: the documentation
names none. A query string is split at ``;`` and at ``&``, and the last of several values counts.
"""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import parse_qsl, unquote_plus

TOKEN_PARAMETER: Final = "token"  # noqa: S105 - a parameter's name
"""Query parameter whose value no report shows, because it authenticates a sender."""

_MASK: Final = "***"
# Anchored at a separator. Otherwise a long text without "=" would be searched once per character.
_PARAMETER: Final = re.compile("(?<![^&;])(?P<name>[^&;=]+)=[^&;]*")
_MAX_URL_CHARACTERS: Final = 10_240  # API Gateway's limit for a Regional API


def split_query(query: str) -> dict[str, list[str]]:
    """Return the decoded parameters of a raw query string, each with all its values in order.

    API Gateway separates parameters by ``&`` or ``;``, and keeps empty ones.
    """
    parameters: dict[str, list[str]] = {}
    for name, value in parse_qsl(query.replace(";", "&"), keep_blank_values=True):
        parameters.setdefault(name, []).append(value)
    return parameters


def refuse(target: str) -> tuple[int, dict[str, str], bytes] | None:
    """Return the answer to a request target that API Gateway refuses; ``None`` for any other."""
    if len(target) > _MAX_URL_CHARACTERS:
        status, message = 414, f"The URL is over {_MAX_URL_CHARACTERS:,} characters"
    elif "|" in target:
        status, message = 400, "A | in the URL must be sent as %7C"
    else:
        return None
    return status, {"Content-Type": "application/json"}, json.dumps({"message": message}).encode()


def mask_token(query: str) -> str:
    """Return a raw query string with ``***`` for each token.

    The parameter's name may contain escapes: ``%74oken`` is ``token`` as well.
    """
    return _PARAMETER.sub(
        lambda it: (
            f"{it['name']}={_MASK}" if unquote_plus(it["name"]) == TOKEN_PARAMETER else it[0]
        ),
        query,
    )

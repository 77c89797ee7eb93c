"""Credentials from wherever the SDK looks for them. A module of its own: its import is dear."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.session import get_session


@cache
def _session() -> Any:
    return get_session()


def find() -> Any:
    """Return credentials that stay valid while they are used, ``None`` if there are none.

    Raises:
        botocore.exceptions.BotoCoreError: They could not be fetched or renewed.
    """
    credentials = _session().get_credentials()  # the session keeps them, and renews them
    return None if credentials is None else credentials.get_frozen_credentials()

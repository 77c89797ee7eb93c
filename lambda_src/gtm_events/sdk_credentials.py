"""Credentials from the SDK. A module of its own, because its import is slow."""

from __future__ import annotations

from functools import cache
from typing import Any

from botocore.session import get_session


@cache
def _session() -> Any:
    return get_session()


def find() -> Any:
    """Return valid credentials, or ``None`` if there are none.

    Raises:
        botocore.exceptions.BotoCoreError: They could not be fetched or refreshed.
    """
    credentials = _session().get_credentials()  # the session caches and refreshes them
    return None if credentials is None else credentials.get_frozen_credentials()

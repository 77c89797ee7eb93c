"""Fixtures that the tests of several destinations share."""

from __future__ import annotations

from tests.unit.backoff import no_backoff

__all__ = ["no_backoff"]

"""The fixture of tests whose requests fail."""

from __future__ import annotations

import pytest

from gtm_events import send_task

__all__ = ["no_backoff"]


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a request that failed be sent again at once."""
    monkeypatch.setattr(send_task, "BACKOFF_SECONDS", 0.0)

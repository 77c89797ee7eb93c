"""A fixture for tests whose requests fail."""

from __future__ import annotations

import pytest

from gtm_events import send_task

__all__ = ["no_backoff"]


@pytest.fixture
def no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry failed requests without waiting."""
    monkeypatch.setattr(send_task, "BACKOFF_SECONDS", 0.0)

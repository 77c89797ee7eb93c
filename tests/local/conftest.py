"""Fixtures of the tests of the pipeline on one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.console.app import create_app
from local.console.journal import Journal
from local.destinations.pinpoint.server import PutEventsServer
from tests.local.reports import ENDPOINT_URL
from tests.velocity.fixture import reference

if TYPE_CHECKING:
    from starlette.applications import Starlette

__all__ = ["reference"]


@pytest.fixture
def journal() -> Journal:
    """A journal of one destination, at a time that does not pass."""
    return Journal(clock=lambda: 1_795_471_861)


@pytest.fixture
def app(journal: Journal) -> Starlette:
    """The console of that journal."""
    return create_app(journal, [PutEventsServer(observer=journal)], endpoint_url=ENDPOINT_URL)


@pytest.fixture
def server() -> PutEventsServer:
    """A PutEvents server with Pinpoint's own limits."""
    return PutEventsServer()

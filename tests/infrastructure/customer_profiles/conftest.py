"""Templates with what is made for Customer Profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.infrastructure.customer_profiles.resources import add_everything
from tests.infrastructure.synthesis import synthesize

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Deployable
    from tests.infrastructure.synthesis import Template


@pytest.fixture
def existing(destinations: dict[str, Deployable]) -> Template:
    """A domain that exists, and nothing more said."""
    return destinations["CustomerProfiles"].template


@pytest.fixture
def new(destinations: dict[str, Deployable]) -> Template:
    """A new domain, and all said that can be."""
    return destinations["NewCustomerProfiles"].template


@pytest.fixture(scope="session")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """All that can be said of behavior."""
    return synthesize(tmp_path_factory.mktemp("everything"), {"Theirs": add_everything})["Theirs"]

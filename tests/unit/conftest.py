"""Fixtures of the unit tests that take long to make."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.velocity import ReferenceEngine, ReferenceEngineMissing

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def reference() -> Iterator[ReferenceEngine]:
    """Apache Velocity 1.7."""
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(ReferenceEngine())
        except ReferenceEngineMissing as missing:
            if os.environ.get("CI") == "true":
                pytest.fail(str(missing))
            pytest.skip(str(missing))
        yield engine

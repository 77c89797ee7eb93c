"""The fixture of the folders whose tests compare with Apache Velocity."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.velocity import ReferenceEngine, ReferenceEngineMissing

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["reference"]


@pytest.fixture(scope="session")
def reference() -> Iterator[ReferenceEngine]:
    """Apache Velocity 1.7, in one JVM for all tests of a process.

    Without it the tests are skipped; under ``CI=true`` they fail.
    """
    with ExitStack() as stack:
        try:
            engine = stack.enter_context(ReferenceEngine())
        except ReferenceEngineMissing as missing:
            if os.environ.get("CI") == "true":
                pytest.fail(str(missing))
            pytest.skip(str(missing))
        yield engine

"""What every test needs before anything else is imported."""

from __future__ import annotations

import logging
import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_TESTS = Path(__file__).parent

# jsii prints a banner on Node 20 into the output of every process that synthesizes.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
# Not one of these tests may reach an AWS account by accident.
os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - no secret
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
)
os.environ.pop("AWS_PROFILE", None)
# Nor may the context of somebody's own cdk run get into the apps that they synthesize.
os.environ.pop("CDK_CONTEXT_JSON", None)

# The same examples in each run, however slow the machine: a build is no place to come upon an odd
# corner. `make test ARGS="--hypothesis-profile explore"` is how to look for them.
_UNTIMED = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True, database=None
)
settings.register_profile("repeatable", _UNTIMED, derandomize=True)
settings.register_profile("explore", _UNTIMED, derandomize=False)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _undo_keep_quiet() -> Iterator[None]:
    """Put back what a function's ``keep_quiet()`` changes in its process for good."""
    loggers = [logging.getLogger(name) for name in ("boto3", "botocore", "urllib3")]
    before = [(logger.propagate, logger.level, logger.handlers[:]) for logger in loggers]
    hooks = threading.excepthook, sys.unraisablehook
    yield
    threading.excepthook, sys.unraisablehook = hooks
    for logger, (propagate, level, handlers) in zip(loggers, before, strict=True):
        logger.propagate = propagate
        logger.setLevel(level)
        logger.handlers[:] = handlers


# A folder's tests share what is dear to make (a pipeline, a browser, a Node process), so they stay
# together on one of pytest-xdist's workers. The unit tests share nothing but a file's fixtures, nor
# do these of the folder that takes longest.
_BY_FILE = {
    "test_delivery_options",
    "test_importing",
    "test_own_destination",
    "test_pairs",
    "test_props",
    "test_settings",
    "test_wrong_values",
}


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests `make test` has to run on the same worker."""
    for item in items:
        folder = item.path.relative_to(_TESTS).parts[0]
        file = item.path.stem
        group = file if folder == "unit" or file in _BY_FILE else folder
        item.add_marker(pytest.mark.xdist_group(group))

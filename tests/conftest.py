"""Environment and fixtures of every test, set before anything else is imported."""

from __future__ import annotations

import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator


# jsii prints a banner on Node 20 into the output of every process that synthesizes.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
# No test may reach an AWS account by accident.
os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - no secret
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
)
os.environ.pop("AWS_PROFILE", None)
# Nor may the context of a developer's own cdk run get into the apps that tests synthesize.
os.environ.pop("CDK_CONTEXT_JSON", None)

# The same examples in each run, however slow the machine, so that a build does not fail by chance.
# `make test ARGS="--hypothesis-profile explore"` looks for new ones.
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


# A folder's tests share what is slow to make (a pipeline, a browser, a Node process), so they stay
# together on one of pytest-xdist's workers. Tests of the functions share nothing but a file's
# fixtures, nor do these of the folder that takes longest.
_BY_FILE = {
    "test_delivery_options.py",
    "test_every_value_of_constructs.py",
    "test_every_value_of_objects.py",
    "test_importing.py",
    "test_own_destination.py",
    "test_pairs.py",
    "test_props.py",
    "test_settings.py",
    "test_settings_of_destinations.py",
    "test_settings_refused.py",
    "test_wrong_values.py",
}


class _ByFolder(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps tests on one worker that share something.

    Not ``--dist loadgroup``: pytest-xdist 3.8 writes its groups into what pytest 9.2 does not read.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        _tests, folder, *_rest = path.split("/")
        by_file = folder in {"unit", "destinations", "local"} or (
            folder == "infrastructure" and path.rpartition("/")[2] in _BY_FILE
        )
        return path if by_file else folder


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:  # noqa: ARG001 - the hook's
    """Return one worker more than there are cores.

    The pipeline's tests and the browser's wait for batching windows most of their time.
    """
    return (os.cpu_count() or 1) + 1


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFolder:
    """Return what says which tests `make test` has to run on the same worker."""
    return _ByFolder(config, log)

"""The environment and fixtures of all tests, set before any other import."""

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


# With Node.js 20, jsii prints a banner into the output of every synthesis.
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
# aws-cdk-lib's own validator takes three times as long as a synthesis, once per process. It only
# warns. tests/infrastructure/test_linting.py runs cfn-lint and cdk-nag, which find more.
os.environ["CDK_VALIDATION"] = "false"
# No test may reach an AWS account by accident.
os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",  # noqa: S106 - no secret
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
)
os.environ.pop("AWS_PROFILE", None)
# The context of a developer's own cdk run must not affect synthesized apps.
os.environ.pop("CDK_CONTEXT_JSON", None)

# The same examples in each run, without a deadline, so that a build does not fail by chance. `make
# test ARGS="--hypothesis-profile explore"` looks for new ones.
_UNTIMED = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True, database=None
)
settings.register_profile("repeatable", _UNTIMED, derandomize=True)
settings.register_profile("explore", _UNTIMED, derandomize=False)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _undo_keep_quiet() -> Iterator[None]:
    """Restore the settings that a function's ``silence_other_output()`` changes permanently."""
    loggers = [logging.getLogger(name) for name in ("boto3", "botocore", "urllib3")]
    before = [(logger.propagate, logger.level, logger.handlers[:]) for logger in loggers]
    hooks = threading.excepthook, sys.unraisablehook
    yield
    threading.excepthook, sys.unraisablehook = hooks
    for logger, (propagate, level, handlers) in zip(loggers, before, strict=True):
        logger.propagate = propagate
        logger.setLevel(level)
        logger.handlers[:] = handlers


# A folder's tests share slow fixtures (a pipeline, a browser, a Node.js process), so they stay on
# one pytest-xdist worker. The tests in these folders only share fixtures within a file.
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


# The longest groups, longest first. They start first, so that none is still under way at the end.
_LONGEST = [
    "pipeline",
    "browser",
    "cli",
    "infrastructure",
    "verify",
    "tests/unit/test_progress.py",
    "tests/infrastructure/test_every_value_of_constructs.py",
    "tests/unit/test_peak.py",
]


def _group(nodeid: str) -> str:
    """Return the name of the group of tests that stay on one worker."""
    path = nodeid.partition("::")[0]
    _tests, folder, *_rest = path.split("/")
    by_file = folder in {"unit", "destinations", "local"} or (
        folder == "infrastructure" and path.rpartition("/")[2] in _BY_FILE
    )
    return path if by_file else folder


def _order(item: pytest.Item) -> int:
    group = _group(item.nodeid)
    return _LONGEST.index(group) if group in _LONGEST else len(_LONGEST)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest groups first."""
    items.sort(key=_order)


class _ByFolder(LoadScopeScheduling):  # type: ignore[misc]
    """Scheduling that keeps tests with shared fixtures on one worker.

    ``--dist loadgroup`` does not work: pytest-xdist 3.8 stores its groups where pytest 9.2 does not
    read them.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:  # noqa: ARG001 - the hook's
    """Return the number of cores plus two.

    Tests of the pipeline and the browser mostly wait for batching windows.
    """
    return (os.cpu_count() or 1) + 2


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _ByFolder:
    """Return the scheduling that keeps a group's tests on one worker, in the order of the tests."""
    config.option.loadscopereorder = False  # it would begin with the group of most tests
    return _ByFolder(config, log)

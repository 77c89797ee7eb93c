"""The emulator's process: ``python -m local.emulator``. Settings come from the environment."""

# MiniStack has no types.
# ruff: noqa: SLF001
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import json
import os
import sys

from ministack import app
from ministack.core import lambda_runtime

from local.emulator import REPORT_FD, RESOURCE_TYPES, RUN_DIRECTORY
from local.emulator.access import is_open
from local.emulator.parent_watch import ParentWatch
from local.emulator.patches import WrongMiniStackError, apply_patches, check_ministack
from local.emulator.placeholders import add_placeholders
from local.emulator.reporter import Reporter
from local.guard import LoopbackOnly, SignedOnly


def main() -> None:
    """Run the emulator until it is stopped."""
    try:
        check_ministack()
    except WrongMiniStackError as error:
        sys.exit(f"error: {error}")
    apply_patches()
    reporter = Reporter(int(os.environ[REPORT_FD]))
    app._handle_execute_api_request = reporter.wrap(app._handle_execute_api_request)
    app.app = LoopbackOnly(SignedOnly(app.app, os.environ["AWS_SECRET_ACCESS_KEY"], is_open))
    reporter.write({"placeholders": add_placeholders(json.loads(os.environ[RESOURCE_TYPES]))})
    watch = ParentWatch(os.environ.get(RUN_DIRECTORY))
    watch.start()
    sys.argv = sys.argv[:1]  # MiniStack's main reads it
    try:
        app.main()
    finally:
        lambda_runtime.reset()  # MiniStack leaves its functions' processes running
        watch.tidy_up()


if __name__ == "__main__":
    main()

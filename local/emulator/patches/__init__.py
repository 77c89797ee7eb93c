"""Patches of MiniStack, one module for each service. Importing a module registers its patches."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
from typing import Any, Final

from ministack import app
from ministack.services.cloudformation import custom_resource, wait_conditions

from local.emulator.patches.patch import PATCHES, Patch, WrongMiniStackError, check_signatures

__all__ = [
    "MINISTACK_VERSION",
    "PATCHES",
    "Patch",
    "WrongMiniStackError",
    "apply_patches",
    "check_ministack",
]

MINISTACK_VERSION: Final = "1.5.33"

# Private functions that the rest of the emulator uses.
_USED: Final[dict[tuple[Any, str], str]] = {
    (app, "app"): "(scope, receive, send)",
    (app, "_handle_execute_api_request"): "(host: str, path: str, method: str, headers: dict, "
    "body: bytes, query_params: dict, raw_path: str | None = None, "
    "raw_query_string: str | None = None)",
    (app, "_parse_execute_api_url"): "(host: str, path: str) -> tuple[str, str, str] | None",
    (custom_resource, "deliver_response"): "(token: str, response: dict) -> bool",
    (wait_conditions, "has_handle"): "(token: str) -> bool",
}

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")


def check_ministack() -> None:
    """Check that MiniStack is the release that the patches were written for.

    Raises:
        WrongMiniStackError: MiniStack is another release, or a signature differs.
    """
    installed = importlib.metadata.version("ministack")
    if installed != MINISTACK_VERSION:
        raise WrongMiniStackError(
            f"the local pipeline needs ministack {MINISTACK_VERSION}, {installed} is installed: "
            f"run pip install ministack=={MINISTACK_VERSION}"
        )
    for each in PATCHES.values():
        try:
            check_signatures(_USED)
            each.check()
        except WrongMiniStackError as error:
            raise WrongMiniStackError(
                f"ministack {installed}: {error}: reinstall ministack=={MINISTACK_VERSION}"
            ) from error


def apply_patches() -> None:
    """Put the replacements in place. Call :func:`check_ministack` first."""
    for each in PATCHES.values():
        each.apply()

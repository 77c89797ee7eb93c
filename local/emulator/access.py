"""Rules for requests that need no signature of the run."""

# Replacing private functions is what this package is for, and MiniStack has no types.
# ruff: noqa: SLF001
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

from typing import Final

from ministack import app
from ministack.services.cloudformation import custom_resource, wait_conditions

_API_PREFIX: Final = "/_aws/execute-api/"
_CONNECTIONS: Final = "/@connections/"  # for the owner of a WebSocket API
_RESPONSE_PREFIX: Final = "/_ministack/cfn-response/"  # MiniStack has no name for it


def is_open(method: str, path: str) -> bool:
    """Return whether a request needs no signature, by its method and decoded path.

    Requests to a deployed API need none. Answers to CloudFormation need none either: it gives a
    custom resource's function or a wait condition a URL with a random token, as AWS gives them a
    presigned URL.
    """
    if path.startswith(_API_PREFIX):
        target = app._parse_execute_api_url("", path)
        return target is not None and not target[2].startswith(_CONNECTIONS)
    if method == "PUT" and path.startswith(_RESPONSE_PREFIX):
        return path.removeprefix(_RESPONSE_PREFIX) in custom_resource._pending
    if method == "PUT" and path.startswith(wait_conditions.SIGNAL_PATH):
        return bool(wait_conditions.has_handle(path.removeprefix(wait_conditions.SIGNAL_PATH)))
    return False

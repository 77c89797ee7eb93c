"""Patches of SQS."""

# Replacing private functions is what this package is for, and MiniStack has no types.
# ruff: noqa: SLF001
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ministack.services import sqs

from local.emulator.patches.patch import patch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_DELAY_SECONDS: Final = 900  # SQS's limit


@patch(
    sqs._HANDLERS,
    "SendMessage",
    "(data: dict, qurl: str) -> dict",
    aws="SQS refuses a message with DelaySeconds over 900. Templates use this refusal.",
    needless="MiniStack refuses DelaySeconds=901.",
)
def checking_delay(send: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap SendMessage to check the delay."""

    def send_message(data: Mapping[str, Any], qurl: str) -> Any:
        delay = int(data.get("DelaySeconds") or 0)
        if not 0 <= delay <= _MAX_DELAY_SECONDS:
            raise sqs._Err(
                "InvalidParameterValue",
                f"Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must "
                f"be >= 0 and <= {_MAX_DELAY_SECONDS}.",
            )
        return send(data, qurl)

    return send_message

"""The Lambda function's entry point and composition root."""

from __future__ import annotations

import os
import time
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from gtm_events import destinations
from gtm_events.dead_letters import RejectionQueues
from gtm_events.deadline import Deadline
from gtm_events.delivery import Delivery
from gtm_events.errors import Defect, SettingsError
from gtm_events.log import emit, silence_other_output
from gtm_events.settings import FunctionSettings

if TYPE_CHECKING:
    from collections.abc import Mapping


class Context(Protocol):
    """The parts of Lambda's context object that the function uses."""

    @property
    def aws_request_id(self) -> str:
        """Id of the invocation."""
        ...

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until Lambda ends the invocation."""
        ...


@cache
def _delivery() -> Delivery:
    """Return the delivery that serves every invocation of this process."""
    silence_other_output()
    settings = FunctionSettings.from_environment(os.environ)
    return Delivery(
        destination=destinations.create(settings.destination, os.environ),
        dead_letters=RejectionQueues.at(
            settings.dead_letter_queue_url, settings.invalid_message_queue_url, os.environ
        ),
        invalid_messages=settings.invalid_messages,
        max_events=settings.max_events,
        policy=settings.access_policy,
        destination_name=settings.destination,
        accept_client_timestamp=settings.accept_client_timestamp,
        unset_values=settings.unset_values,
    )


def handle(event: Mapping[str, Any], context: Context) -> dict[str, list[dict[str, str]]]:
    """Deliver an SQS batch and return the records that must come back.

    Args:
        event: An SQS event of Lambda's event source mapping.
        context: Lambda's context.

    Returns:
        ``batchItemFailures``, for an event source with ``ReportBatchItemFailures``.

    Raises:
        SettingsError: An environment variable is missing or malformed.
        Defect: Anything else.
    """
    try:
        return _handled(event, context)
    except SettingsError:
        raise
    except Exception as error:  # noqa: BLE001 - Lambda would log its text
        raise Defect(error) from None


def _handled(event: Mapping[str, Any], context: Context) -> dict[str, list[dict[str, str]]]:
    started = time.monotonic()
    deadline = Deadline.after(context.get_remaining_time_in_millis() / 1000)
    batch = _delivery().deliver(event["Records"], deadline)
    if batch.problems:
        level = "ERROR"
    elif batch.failures or batch.dead_letters:  # the owner need not act on callers' mistakes
        level = "WARN"
    else:
        level = "INFO"
    emit(
        level,
        "batch",
        **batch.summary(),
        duration_ms=round((time.monotonic() - started) * 1000),
        request_id=context.aws_request_id,
    )
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in batch.failures]}


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    # A process has a full processor while it starts, whatever its memory size. From the first
    # invocation on, it has only the share that its memory size pays for.
    _delivery()

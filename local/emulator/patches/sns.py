"""Patches of SNS."""

# Replacing private functions is what this package is for, and MiniStack has no types.
# ruff: noqa: SLF001
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from ministack.services import sns, sqs

from local.emulator.patches.patch import patch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_MESSAGE_BYTES: Final = 1_048_576  # SNS's highest limit of a topic
_DEFAULT_MESSAGE_BYTES: Final = 262_144
_ATTRIBUTE_TYPES: Final = ("Binary", "Number", "String")
_SIZE: Final = "MaximumMessageSize"  # a topic's attribute


@patch(
    sns,
    "_SNS_MAX_PAYLOAD_BYTES",
    repr(_DEFAULT_MESSAGE_BYTES),
    aws="A topic takes messages of up to its MaximumMessageSize, at most 1 MiB.",
    needless="MiniStack applies a topic's MaximumMessageSize to its messages.",
)
def raising_limit(_limit: int) -> int:
    """Return SNS's highest limit; :func:`checking_message` checks the topic's own."""
    return _MAX_MESSAGE_BYTES


@patch(
    sns,
    "publish_internal",
    "(topic_arn: str, message, subject: str = '', *, message_structure: str = '', "
    "message_attributes: dict | None = None, message_group_id: str = '', "
    "message_deduplication_id: str = '') -> dict | None",
    aws="SNS refuses a message over its topic's MaximumMessageSize, attributes of unknown types, "
    "and a structured message that is not a JSON object with a default. Templates use these "
    "refusals.",
    needless="MiniStack refuses an attribute of the type refused-1000-.",
    uses={
        (sns, "_topic_by_arn_any_scope"): "(topic_arn: str) -> dict | None",
        (sns, "_message_payload_size"): "(message: str, attrs: dict) -> int",
    },
)
def checking_message(publish: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap publishing to check a message's size, attribute types and structure."""

    def publish_internal(
        topic_arn: str,
        message: Any,
        subject: str = "",
        *,
        message_structure: str = "",
        message_attributes: Mapping[str, Any] | None = None,
        **options: str,
    ) -> Any:
        topic = sns._topic_by_arn_any_scope(topic_arn)
        for name, attribute in (message_attributes or {}).items():
            if attribute.get("DataType", "").partition(".")[0] not in _ATTRIBUTE_TYPES:
                raise sns.SnsPublishError(
                    "ParameterValueInvalid",
                    f"The message attribute '{name}' has an invalid message attribute type, the "
                    "set of supported type prefixes is Binary, Number, and String.",
                )
        most = int((topic or {"attributes": {}})["attributes"].get(_SIZE, _DEFAULT_MESSAGE_BYTES))
        if message_structure == "json" and not _is_structured(message):
            raise sns.SnsPublishError(
                "InvalidParameter",
                "Invalid parameter: Message Structure - JSON message body failed to parse",
            )
        if sns._message_payload_size(message, message_attributes or {}) > most:
            raise sns.SnsPublishError("InvalidParameter", "Invalid parameter: Message too long")
        return publish(
            topic_arn,
            message,
            subject,
            message_structure=message_structure,
            message_attributes=message_attributes,
            **options,
        )

    return publish_internal


def _is_structured(message: str) -> bool:
    try:
        document = json.loads(message)
    except ValueError:
        return False
    return isinstance(document, dict) and "default" in document


@patch(
    sns,
    "_deliver_to_sqs",
    "(endpoint: str, envelope: str, raw: bool, raw_message: str, message_group_id: str = '', "
    "message_dedup_id: str = '', message_attributes: dict | None = None, topic_arn: str = '')",
    aws="A message whose queue no longer exists goes to its subscription's dead-letter queue.",
    needless="MiniStack follows a subscription's RedrivePolicy if the queue is gone.",
    uses={
        (sns, "_topic_by_arn_any_scope"): "(topic_arn: str) -> dict | None",
        (sqs, "_queue_by_arn"): "(arn: str) -> dict | None",
    },
)
def redriving(deliver: Callable[..., None]) -> Callable[..., None]:
    """Wrap delivery to a queue to redirect messages whose queue no longer exists."""

    def deliver_to_sqs(endpoint: str, *others: Any, topic_arn: str = "", **options: Any) -> None:
        queue = endpoint
        if sqs._queue_by_arn(endpoint) is None:
            queue = _dead_letter_queue(topic_arn, endpoint) or endpoint
        deliver(queue, *others, topic_arn=topic_arn, **options)

    return deliver_to_sqs


def _dead_letter_queue(topic_arn: str, endpoint: str) -> str | None:
    topic = sns._topic_by_arn_any_scope(topic_arn) or {"subscriptions": []}
    for subscription in topic["subscriptions"]:
        policy = subscription.get("attributes", {}).get("RedrivePolicy")
        if subscription.get("endpoint") == endpoint and policy:
            arn: str = json.loads(policy)["deadLetterTargetArn"]
            return arn
    return None

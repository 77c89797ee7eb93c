"""Takes only the run's own messages out of the invalid-message queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from cdk_gtm_connector_cli.queues import counted, delete, give_back, received
from cdk_gtm_connector_cli.verify.probe import find_mark
from cdk_gtm_connector_cli.verify.question import CannotAskError

if TYPE_CHECKING:
    from collections.abc import Callable

    from cdk_gtm_connector_cli.messages import Message

MOST: Final = 2_000
"""Maximum number of other messages among which a run looks for its own."""

_HIDDEN_SECONDS: Final = 20


def check_size(sqs: Any, url: str) -> None:
    """Refuse a queue with too many messages.

    Raises:
        CannotAskError: It holds more than :data:`MOST` messages.
    """
    waiting, in_flight, _ = counted(sqs, url)
    if waiting + in_flight > MOST:
        raise CannotAskError(
            f"the invalid-message queue holds {waiting + in_flight:,} messages; verify searches "
            f"at most {MOST:,} for its own. Look at them with gtm-connector rejected, and export "
            "or purge them"
        )


def take(sqs: Any, url: str, run: str, keep: Callable[[int, str], None]) -> int:
    """Take the run's messages that are in the queue, and return their number.

    A message is recorded before it is deleted. All other messages are given back.

    Args:
        sqs: A boto3 client.
        url: The queue.
        run: The run's id.
        keep: Records a message: the number in its mark, and its text.
    """
    taken = 0
    others: dict[str, Message] = {}
    try:
        for messages in received(sqs, url, _HIDDEN_SECONDS):
            own = []
            for message in messages:
                found = find_mark(message.body)
                if found and found[0] == run:
                    keep(found[1], message.body)
                    own.append(message)
                else:
                    others[message.id] = message
            delete(sqs, url, own)
            taken += len(own)
            if len(others) > MOST:
                break
    finally:
        give_back(sqs, url, list(others.values()))
    return taken

"""Moves rejected messages back, as ``gtm-connector redrive`` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from cdk_gtm_connector_cli.context import Context
from cdk_gtm_connector_cli.errors import CommandError
from cdk_gtm_connector_cli.output import Output
from cdk_gtm_connector_cli.queues import rejection_queues
from cdk_gtm_connector_cli.redriving import Choice, Pace, Redrive, Verdict
from local.console.app import Moved

if TYPE_CHECKING:
    from cdk_gtm_connector_cli.context import Connector
    from cdk_gtm_connector_cli.messages import Message
    from cdk_gtm_connector_cli.queues import RejectionQueue
    from local.pipeline.stack import Pipeline


def connector_of(pipeline: Pipeline) -> Connector | None:
    """Return a pipeline's connector; ``None`` if the app's stack has not exactly one."""
    context = Context(Output(), stack=pipeline.run.stack, local=pipeline.run)
    try:
        return context.connector
    except CommandError:
        return None


@dataclass
class MoveBack:
    """Puts a rejected message back where it came from, unless it would only be rejected again.

    The console is there before the pipeline is; it asks only for messages of the pipeline.
    """

    pipeline: Pipeline | None = None

    def __call__(self, kind: str, body: str, invalid: bool) -> Moved:  # noqa: FBT001
        """Move a message.

        Args:
            kind: The destination that rejected it.
            body: Its body.
            invalid: Whether it is in the invalid-message queue, not in the dead-letter queue.
        """
        connector = self.pipeline and connector_of(self.pipeline)
        if not connector:
            return Moved(moved=False, words="It stays: this app's stack has no connector.")
        try:
            [queue] = [
                each
                for each in rejection_queues(connector)
                if (each.delivery is None) == invalid
                and (invalid or (each.delivery and each.delivery.destination == kind))
            ]
            redrive = _One(connector.context, body)
            redrive.run(queue, Pace(0), lambda _: None)
        except (CommandError, BotoCoreError, ClientError, ValueError) as error:
            return Moved(moved=False, words=f"It stays: {error}")
        return redrive.result


class _One(Redrive):
    """A redrive of the message with one body.

    Whoever presses the button says that the cause is mended: the message's own reason is chosen.
    """

    def __init__(self, context: Context, body: str) -> None:
        super().__init__(context, Choice(), hidden_seconds=_HIDDEN_SECONDS)
        self._context = context
        self._body = body
        self.result = Moved(moved=False, words="It is not in the queue any more.")

    def verdict(self, queue: RejectionQueue, message: Message) -> Verdict:
        if message.body != self._body:
            return Verdict("", "stays: another message")
        chosen = Redrive(self._context, Choice(reasons=(message.reason,)))
        verdict = chosen.verdict(queue, message)
        words = f"{verdict.words[:1].upper()}{verdict.words[1:]}."
        self.result = Moved(moved=bool(verdict.target), words=words)
        return verdict


_HIDDEN_SECONDS = 20

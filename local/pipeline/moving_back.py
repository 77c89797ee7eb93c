"""Moving of rejected messages back to their queues, as ``gtm-connector redrive`` does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from cdk_gtm_connector_cli.context import Context
from cdk_gtm_connector_cli.errors import CommandError
from cdk_gtm_connector_cli.output import Output
from cdk_gtm_connector_cli.queues import rejection_queues
from cdk_gtm_connector_cli.redriving import Decision, Pace, Redrive, Selection
from local.console.app import MoveResult

if TYPE_CHECKING:
    from cdk_gtm_connector_cli.context import Connector
    from cdk_gtm_connector_cli.messages import Message
    from cdk_gtm_connector_cli.queues import RejectionQueue
    from local.pipeline.stack import Pipeline


def connector_of(pipeline: Pipeline) -> Connector | None:
    """Return a pipeline's connector; ``None`` unless the app's stack has exactly one."""
    context = Context(Output(), stack=pipeline.run.stack, local=pipeline.run)
    try:
        return context.connector
    except CommandError:
        return None


@dataclass
class MoveBack:
    """The console's command that moves a rejected message back, unless it would be rejected again.

    The console starts before the pipeline exists, but shows messages only when it does.
    """

    pipeline: Pipeline | None = None

    def __call__(self, kind: str, body: str, invalid: bool) -> MoveResult:  # noqa: FBT001
        """Move a message.

        Args:
            kind: Kind of the destination whose function rejected the message.
            body: The message's body.
            invalid: Whether the message is in the invalid-message queue instead of the dead-letter
                queue.
        """
        connector = self.pipeline and connector_of(self.pipeline)
        if not connector:
            return MoveResult(
                moved=False, words="The message was not moved: this app's stack has no connector."
            )
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
            return MoveResult(moved=False, words=f"The message was not moved: {error}")
        return redrive.result


class _One(Redrive):
    """A redrive of the one message with a given body.

    Pressing the button means that the cause is fixed, so messages with this reason are selected.
    """

    def __init__(self, context: Context, body: str) -> None:
        super().__init__(context, Selection(), hidden_seconds=_HIDDEN_SECONDS)
        self._context = context
        self._body = body
        self.result = MoveResult(moved=False, words="The message is no longer in the queue.")

    def decision(self, queue: RejectionQueue, message: Message) -> Decision:
        if message.body != self._body:
            return Decision("", "stays: another message")
        chosen = Redrive(self._context, Selection(reasons=(message.reason,)))
        decision = chosen.decision(queue, message)
        words = f"{decision.words[:1].upper()}{decision.words[1:]}."
        self.result = MoveResult(moved=bool(decision.target), words=words)
        return decision


_HIDDEN_SECONDS = 20

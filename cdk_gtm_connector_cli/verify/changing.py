"""The question that changes the stack under traffic: asked only with ``--may-redeploy``."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from cdk_gtm_connector_cli.verify import own_messages
from cdk_gtm_connector_cli.verify.deployment import STAGE
from cdk_gtm_connector_cli.verify.endpoint import query
from cdk_gtm_connector_cli.verify.probe import Answer, Sender, mark
from cdk_gtm_connector_cli.verify.question import (
    CannotAskError,
    Conclusion,
    Evidence,
    Question,
    Source,
    all_hold,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

_MAY: Final = "--may-redeploy"
_FIRST_NUMBER: Final = 9_000  # of the marks; other requests of the run have lower numbers
_LOOKS: Final = 12
_BEFORE, _AFTER = 20, 80


@dataclass(slots=True)
class _Traffic:
    """Requests in sequence while the stage changes."""

    evidence: Evidence
    answers: list[tuple[int, Answer | None]] = field(default_factory=list)
    before: threading.Event = field(default_factory=threading.Event)
    changed: threading.Event = field(default_factory=threading.Event)

    def send(self) -> None:
        sender = Sender(self.evidence.deployment.endpoint_url)
        after = 0
        number = _FIRST_NUMBER
        try:
            while after < _AFTER and number < _FIRST_NUMBER + 1_000:
                after += self.changed.is_set()
                probe = query(f"request {number}", "evat_v=1")
                try:
                    answer = sender.send(probe, mark(self.evidence.run, number))
                except OSError:
                    answer = None
                self.answers.append((number, answer))
                number += 1
                if len(self.answers) == _BEFORE:
                    self.before.set()
        finally:
            self.before.set()
            sender.close()


def _judge_stage(evidence: Evidence) -> Conclusion:
    deployment = evidence.deployment
    queue = deployment.invalid_message_queue_url
    # Only their blank endpoint id makes the function reject these requests.
    why = evidence.unsafe.get("site") or evidence.unsafe.get("query")
    if queue is None or why:
        raise CannotAskError(why or "the stack has no invalid-message queue")
    traffic = _Traffic(evidence)
    thread = threading.Thread(target=traffic.send)
    thread.start()
    traffic.before.wait()
    try:
        deployment.client("apigateway").create_deployment(
            restApiId=deployment.api_id,
            stageName=STAGE,
            description=f"gtm-connector verify {evidence.run}",
        )
    finally:
        traffic.changed.set()
        thread.join()
    accepted = {number for number, answer in traffic.answers if answer and answer.accepted}
    others = [answer.status if answer else "none" for _, answer in traffic.answers
              if not (answer and answer.accepted)]  # fmt: skip
    found = _collected(evidence, queue, accepted)
    wrong = []
    if lost := sorted(accepted - found):
        wrong.append(f"{len(lost)} of {len(accepted)} accepted requests have no message")
    if others:
        wrong.append(f"{len(others)} of {len(traffic.answers)} failed: {_statuses(others)}")
    return all_hold(wrong, f"{len(accepted)} requests during the change, each with a message")


def _statuses(answers: Sequence[object]) -> str:
    return ", ".join(f"{answers.count(it)} × {it}" for it in sorted(set(answers), key=str))


def _collected(evidence: Evidence, queue: str, wanted: set[int]) -> set[int]:
    found: set[int] = set()
    sqs = evidence.deployment.client("sqs")
    for again in range(_LOOKS):
        if again:
            time.sleep(evidence.deployment.pause)
        own_messages.take(sqs, queue, evidence.run, lambda number, _: found.add(number))
        if wanted <= found:
            break
    return found


QUESTIONS: Final = (
    Question(
        id="stage-change",
        assumed="While a stage changes to a new deployment, every accepted request is queued and "
        "no request fails.",
        how="A new deployment of the unchanged API, with requests before, during and after it. "
        "Each accepted request must have a message.",
        breaks="Tags fail during an update, or events are lost.",
        remedy="Update when there is little traffic, or use a canary of the stage; open an issue.",
        sources=(Source("issue 13", "stage changes under traffic (every id accounted for)"),),
        judge=_judge_stage,
        writes="makes a new deployment of the API, which includes manual changes that were "
        "not deployed yet",
        permission=_MAY,
    ),
)

"""Questions about the function's permissions for destinations, and about Pinpoint."""

from __future__ import annotations

from typing import Final

from botocore.exceptions import ClientError

from cdk_gtm_connector_cli.verify.account import batches
from cdk_gtm_connector_cli.verify.question import (
    CannotAskError,
    Conclusion,
    Evidence,
    Question,
    Source,
    differs,
    held,
)

_DAY_MS: Final = 86_400_000


def judge_let_in(evidence: Evidence, destination: str) -> Conclusion:
    """Judge by the function's log of the last day. This sends nothing."""
    delivery = evidence.deployment.delivery(destination)
    lines = list(batches(evidence.deployment, delivery, evidence.began - _DAY_MS))
    denied = [
        problem
        for line in lines
        for problem in line.get("problems", [])
        if "denied" in problem.lower() or "not authorized" in problem.lower()
    ]
    if denied:
        return differs(denied[0])
    delivered = sum(line.get("delivered", 0) for line in lines)
    if not delivered:
        raise CannotAskError(
            "no event was delivered in the last day: send one (gtm-connector send), then run "
            "verify again"
        )
    return held(f"{delivered:,} events were delivered in the last day, and none was denied")


def _judge_pinpoint(evidence: Evidence) -> Conclusion:
    delivery = evidence.deployment.delivery("pinpoint")
    application = delivery.environment["PINPOINT_APPLICATION_ID"]
    pinpoint = evidence.deployment.client("pinpoint")
    try:
        pinpoint.put_events(ApplicationId=application, EventsRequest={"BatchItem": {}})
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        if code == "BadRequestException":
            return held("PutEvents answers: it refuses a request without events")
        if code in {"AccessDeniedException", "ForbiddenException"} and status == 403:  # noqa: PLR2004
            raise CannotAskError(f"PutEvents says {error}") from error
        return differs(f"PutEvents answers {status} {code}")
    return held("PutEvents answers")


_MIGRATING: Final = "docs/migrating-from-pinpoint.md"
_UNCHECKED: Final = "whether Pinpoint still answers `PutEvents` in your account"

QUESTIONS: Final = (
    Question(
        id="pinpoint-answers",
        assumed="Amazon Pinpoint still answers PutEvents.",
        how="A PutEvents request without events, with your credentials.",
        breaks="No event is delivered to Pinpoint.",
        remedy="Move to another destination: docs/migrating-from-pinpoint.md.",
        sources=(
            Source(_MIGRATING, _UNCHECKED),
            Source("docs/capacity.md", "Whether Pinpoint still answers `PutEvents`"),
        ),
        judge=_judge_pinpoint,
    ),
    Question(
        id="eventbridge-condition",
        assumed="EventBridge allows PutEvents under the policy's conditions on source and detail "
        "type.",
        how="The function's log of the last day.",
        breaks="No event is delivered to EventBridge.",
        remedy="Keep only the condition events:source in eventbridge.py; open an issue.",
        sources=(Source("issue 13", "EventBridge's condition"),),
        judge=lambda evidence: judge_let_in(evidence, "eventbridge"),
    ),
)

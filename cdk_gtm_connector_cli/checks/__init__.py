"""What ``doctor`` looks at: each check yields findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from cdk_gtm_connector_cli.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from cdk_gtm_connector_cli.context import Context

GOOD: Final = "good"
DOUBTFUL: Final = "doubtful"
BAD: Final = "bad"
UNKNOWN: Final = "not looked at"

REVERT: Final = (
    "deploy with --revert-drift (make deploy ARGS=--revert-drift); without it nothing changes"
)
"""The remedy for what was deleted or changed by hand. CloudFormation compares templates only."""

_NOT_ALLOWED: Final = ("AccessDenied", "AccessDeniedException", "AuthorizationError")


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check has found.

    Attributes:
        what: What was looked at.
        verdict: :data:`GOOD`, :data:`DOUBTFUL`, :data:`BAD` or :data:`UNKNOWN`.
        words: What was found.
        to_do: What to do about it; empty if it is good.
    """

    what: str
    verdict: str
    words: str
    to_do: str = ""


def findings(
    check: Callable[[Context], Iterator[Finding]], context: Context, what: str = ""
) -> Iterator[Finding]:
    """Yield what a check finds; if it cannot go on, that as well.

    One question that cannot be asked must not keep the others from being asked.

    Args:
        check: The check.
        context: What it looks at.
        what: What is said of it if it cannot go on. Default: the first sentence of its docstring.
    """
    # A partial function's own docstring is functools'.
    named = getattr(check, "func", check).__doc__ or "check"
    what = what or named.partition(".")[0].strip()
    try:
        yield from check(context)
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        to_do = (
            f"let the credentials at hand call {error.operation_name}, or use others (--profile)"
            if code in _NOT_ALLOWED
            else "look at what AWS says; on a pipeline of this machine not every service is there"
        )
        yield Finding(what, UNKNOWN, str(error), to_do)
    except BotoCoreError as error:
        yield Finding(what, UNKNOWN, str(error), "check the network, --region and --profile")
    except CommandError as error:
        yield Finding(what, BAD, error.problem, error.remedy)
    except (KeyError, IndexError, TypeError) as error:
        words = f"the answer lacks {error}"
        yield Finding(what, UNKNOWN, words, "a newer gtm-connector may know this answer")


def denied(
    iam: Any,
    role: str,
    action: str,
    resources: Sequence[str],
    conditions: Sequence[Mapping[str, Any]] = (),
) -> list[str]:
    """Return those of ``resources`` on which a role's policies do not allow an action.

    IAM simulates them. A resource's own policy is not in it.

    Args:
        iam: A boto3 client.
        role: The role's ARN.
        action: Such as ``sqs:SendMessage``.
        resources: ARNs.
        conditions: The request's context, as ``SimulatePrincipalPolicy`` takes it.
    """
    answer = iam.simulate_principal_policy(
        PolicySourceArn=role,
        ActionNames=[action],
        ResourceArns=list(resources),
        ContextEntries=list(conditions),
    )
    return [
        it["EvalResourceName"]
        for it in answer["EvaluationResults"]
        if it["EvalDecision"] != "allowed"
    ]

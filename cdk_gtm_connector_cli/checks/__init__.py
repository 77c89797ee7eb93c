"""The checks of ``doctor``. Each check yields findings."""

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
"""The remedy for manual changes and deletions, which CloudFormation does not notice by itself."""

_NOT_ALLOWED: Final = ("AccessDenied", "AccessDeniedException", "AuthorizationError")


@dataclass(frozen=True, slots=True)
class Finding:
    """A check's result.

    Attributes:
        what: The subject of the check.
        verdict: :data:`GOOD`, :data:`DOUBTFUL`, :data:`BAD` or :data:`UNKNOWN`.
        words: The result in words.
        to_do: The remedy; empty if the verdict is good.
    """

    what: str
    verdict: str
    words: str
    to_do: str = ""


def findings(
    check: Callable[[Context], Iterator[Finding]], context: Context, what: str = ""
) -> Iterator[Finding]:
    """Yield a check's findings. If the check fails, yield a finding that says so.

    A check that fails must not stop the others.

    Args:
        check: The check.
        context: The connector to check.
        what: The subject, for a check that fails. Default: the first sentence of its docstring.
    """
    # A partial function's own docstring is functools'.
    named = getattr(check, "func", check).__doc__ or "check"
    what = what or named.partition(".")[0].strip()
    try:
        yield from check(context)
    except ClientError as error:
        code = error.response["Error"].get("Code", "")
        to_do = (
            f"allow these credentials to call {error.operation_name}, or use others (--profile)"
            if code in _NOT_ALLOWED
            else "read AWS's message; a local pipeline does not have every service"
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

    IAM simulates the policies. The simulation leaves out resource policies.

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

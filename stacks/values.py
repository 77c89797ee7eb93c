"""Readers of settings' values: texts from the command line, any JSON from ``cdk.json``.

Each raises ``ValueError`` with the requirement that the value does not meet.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import aws_cdk as cdk
from aws_cdk import aws_logs as logs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def targets(value: object) -> Sequence[str] | Mapping[str, str]:
    """Read ``plan,email=EmailAddress``, or the same as a mapping."""
    problem = "must be comma-separated names of user attributes, each alone or with =field"
    if isinstance(value, dict):
        if not all(isinstance(item, str) for item in (*value, *value.values())):
            raise ValueError(problem)
        return value
    given = names(value)
    if given == "*":
        raise ValueError(problem)
    if not any("=" in name for name in given):
        return given
    pairs = [name.partition("=") for name in given]
    fields = {
        name.strip(): field.strip() if equals else f"Attributes.{name}"
        for name, equals, field in pairs
    }
    if len(fields) < len(given):
        raise ValueError("must name each user attribute once")
    return fields


def names(value: object) -> Sequence[str] | Literal["*"]:
    """Read comma-separated names, a list of them, or ``*``."""
    if isinstance(value, str):
        if value.strip() == "*":
            return "*"
        value = value.split(",") if value.strip() else []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("must be comma-separated names or *")
    given = [name.strip() for name in value]
    if "" in given:
        raise ValueError("must be comma-separated names without an empty one, or *")
    return given


def words(value: object) -> Sequence[str]:
    """Read ``undefined,null``; empty for none."""
    if isinstance(value, str):
        value = value.split(",") if value.strip() else []
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise ValueError("must be comma-separated words, or empty for none")
    found = [word.strip() for word in value]
    if "" in found:
        raise ValueError("must be comma-separated words without an empty one, or empty for none")
    return found


def origins(value: object) -> Sequence[str] | None:
    """Read origins as comma-separated names; ``None`` for any origin."""
    given = names(value)
    return None if given == "*" else given


def text(value: object) -> str:
    """Read a text that is not empty."""
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError("must be a text that is not empty")


def certificate_arn(value: object) -> str:
    """Read the ARN of a certificate."""
    return matched(
        r"arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+",
        value,
        "must be the ARN of an ACM certificate",
    )


def key_arn(value: object) -> str:
    """Read the ARN of a key."""
    return matched(
        # An alias is not enough, because a policy cannot name one.
        r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+",
        value,
        "must be the ARN of a KMS key",
    )


def topic_arn(value: object) -> str:
    """Read the ARN of a standard topic."""
    return matched(
        r"arn:[a-z-]+:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}",
        value,
        "must be the ARN of a standard SNS topic",
    )


def region(value: object) -> str:
    """Read the name of a Region."""
    return matched(
        r"[a-z]{2}(?:-[a-z]+)+-[1-9][0-9]?", value, "must be a Region, such as eu-west-2"
    )


def boolean(value: object) -> bool:
    """Read ``true`` or ``false``."""
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ValueError("must be true or false")


def whole_number(value: object) -> int:
    """Read a whole number that is not negative."""
    # Through jsii, numbers from cdk.json arrive as floats.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is int and value >= 0:
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value.strip()):
        return int(value)
    raise ValueError("must be a whole number")


def seconds(value: object) -> cdk.Duration:
    """Read a duration in seconds."""
    try:
        return cdk.Duration.seconds(whole_number(value))
    except ValueError:
        raise ValueError("must be a whole number of seconds") from None


def days(value: object) -> cdk.Duration:
    """Read a duration in days."""
    try:
        return cdk.Duration.days(whole_number(value))
    except ValueError:
        raise ValueError("must be a whole number of days") from None


_RETENTIONS = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    120: logs.RetentionDays.FOUR_MONTHS,
    150: logs.RetentionDays.FIVE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    400: logs.RetentionDays.THIRTEEN_MONTHS,
    545: logs.RetentionDays.EIGHTEEN_MONTHS,
    731: logs.RetentionDays.TWO_YEARS,
}


def retention(value: object) -> logs.RetentionDays:
    """Read the number of days that a log is kept."""
    allowed = f"must be a number of days out of {', '.join(map(str, _RETENTIONS))}"
    try:
        return _RETENTIONS[whole_number(value)]
    except (KeyError, ValueError):
        raise ValueError(allowed) from None


def matched(pattern: str, value: object, problem: str) -> str:
    """Read a text that ``pattern`` matches completely.

    Args:
        pattern: Regular expression.
        value: The value.
        problem: Requirement in the error.
    """
    given = value.strip() if isinstance(value, str) else ""
    if not re.fullmatch(pattern, given, re.ASCII):
        raise ValueError(problem)
    return given

"""Pinpoint's construct and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cdk_gtm_connector import PinpointDestination
from tests.destinations.cases import DestinationCases, Option
from tests.infrastructure.synthesis import APPLICATION_ID, HERE

if TYPE_CHECKING:
    import aws_cdk as cdk


def add_pinpoint(_stack: cdk.Stack) -> PinpointDestination:
    """Return an application."""
    return PinpointDestination(APPLICATION_ID)


CASES: Final = DestinationCases(
    options={
        "Pinpoint": Option(
            make=add_pinpoint,
            environment={"DESTINATION": "pinpoint", "PINPOINT_APPLICATION_ID": APPLICATION_ID},
            grants=frozenset(
                {
                    (
                        "mobiletargeting:PutEvents",
                        f"arn:${{AWS::Partition}}:mobiletargeting:{HERE}:apps/{APPLICATION_ID}/events",
                    )
                }
            ),
        )
    },
    malformed=[
        ("pinpoint_app_id", None),
        ("pinpoint_app_id", ""),
        ("pinpoint_app_id", "  "),
        ("pinpoint_app_id", "*"),
        ("pinpoint_app_id", "<your id>"),
        ("pinpoint_app_id", "apps/abc"),
        ("pinpoint_app_id", "x" * 65),
        ("pinpoint_app_id", "a\nb"),
        ("pinpoint_app_id", ["abc"]),
        ("pinpoint_app_id", True),
        ("pinpoint_requests_per_second", "fast"),
        ("pinpoint_requests_per_second", 0),
    ],
)

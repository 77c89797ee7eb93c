"""Cases of the constructs and settings of destinations: ``CASES`` of each folder's ``cases.py``."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from stacks.destinations import destination_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import aws_cdk as cdk

    from cdk_gtm_connector import Destination


@dataclass(frozen=True, kw_only=True)
class Option:
    """One way to create a destination, with the resources and permissions it must result in.

    Attributes:
        make: Returns the destination for a stack.
        environment: Environment variables of the function, besides those of every function.
        grants: Actions and resources that the function is granted, besides those of every function.
        condition: The one condition that a statement of its policy may have.
    """

    make: Callable[[cdk.Stack], Destination]
    environment: Mapping[str, str]
    grants: frozenset[tuple[str, str]]
    condition: Mapping[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class DestinationCases:
    """Cases of one built-in destination.

    Attributes:
        options: Ways to make it, by the name of the stack. The first has only the required props.
        settings: Settings of a synthesis by the app, besides those that are required.
        malformed: Settings, each with a value that is refused.
        values: Values of the types that only this destination's props have, by label. Each is made
            once, in a stack.
        types: The labels that a prop may take, as a regular expression, by such a type as it is
            written in the signature.
        required_props: Props that each prop requires to have an effect, by the prop.
    """

    options: Mapping[str, Option]
    settings: Mapping[str, str] = field(default_factory=dict)
    malformed: Sequence[tuple[str, Any]]
    values: Mapping[str, Callable[[cdk.Stack], Any]] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    required_props: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@cache
def destination_cases() -> Mapping[str, DestinationCases]:
    """Return the cases of each built-in destination, by its name."""
    return {
        kind: cast(
            "DestinationCases",
            import_module(f"tests.destinations.{kind.replace('-', '_')}.cases").CASES,
        )
        for kind in destination_settings()
    }

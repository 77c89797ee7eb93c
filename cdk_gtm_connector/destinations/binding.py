"""Binding a destination to the function that delivers to it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk
from aws_cdk import aws_lambda as lambda_

from cdk_gtm_connector.destinations.module import (
    RUNTIME_VERSION,
    BuiltInModule,
    DestinationModule,
)
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.validation import check_instance

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cdk_gtm_connector.destinations.base import Destination

_VARIABLE: Final = re.compile(r"[A-Za-z]\w+", re.ASCII)  # Lambda's pattern for a name


def checked_module(destination: Destination) -> DestinationModule | BuiltInModule:
    """Return a destination's module.

    Raises:
        PropError: The destination has no module.
    """
    module = destination.module
    if not isinstance(module, BuiltInModule):
        example = 'DestinationModule(name="shop_webhook", directory="runtime")'
        check_instance("module", module, DestinationModule, example)
    return module


def bind(
    destination: Destination,
    module: DestinationModule | BuiltInModule,
    function: lambda_.Function,
    own_variables: Collection[str],
) -> None:
    """Configure ``function`` to deliver to ``destination``.

    Args:
        destination: The destination.
        module: The destination's module.
        function: Its environment gets ``DESTINATION`` and the destination's own variables.
        own_variables: Variables that the connector sets, which the destination must not change.

    Raises:
        PropError: The destination sets one of these variables, or one with an invalid name.
    """
    function.add_environment("DESTINATION", module.entry_point)
    with _guarded(destination, function, {*own_variables, "DESTINATION"}):
        destination.bind(function)
    if module.doubt is not None:
        version = ".".join(map(str, RUNTIME_VERSION))
        cdk.Annotations.of(function).add_warning_v2(
            "cdk-gtm-connector:destinationModule",
            f"The destination's module {module.entry_point} is no Python for the version that runs "
            f"here ({module.doubt}). The function runs Python {version}: if that does not read it "
            "either, the function fails at every start.",
        )


@contextmanager
def _guarded(
    destination: Destination, function: lambda_.Function, own: Collection[str]
) -> Iterator[None]:
    """Refuse environment variables that ``destination`` must not set on ``function``."""
    add = function.add_environment

    def checked(key: str, value: str, **options: Any) -> lambda_.Function:
        if key in own or not _VARIABLE.fullmatch(key):
            whose = "the connector's" if key in own else "no name of one: letters, digits and _"
            raise PropError(
                "destination",
                f"must not give the function the variable {key}, which is {whose}",
                destination,
                "rename it in bind()",
            )
        return add(key, value, **options)

    # aws-cdk-lib does not expose a function's variables, so wrap add_environment() of this one.
    vars(function)["add_environment"] = checked
    try:
        yield
    finally:
        del vars(function)["add_environment"]

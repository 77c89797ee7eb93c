"""The destinations of a deployed stack, and their servers on this machine.

The environment variables of a template's functions name the destinations. Each function calls the
server of its destination, see :mod:`local.stand_in.server`. Streams and buses that the template
refers to but does not create are created in the emulator first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gtm_events.errors import SettingsError
from local.deploy import Assembly, AssemblyError
from local.destinations import stand_ins
from local.rules import FunctionRules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gtm_events.event import Limits
    from local.arrivals import Arrivals
    from local.destinations.pinpoint.server import PutEventsServer
    from local.stand_in.server import DestinationServer
    from local.stand_in.values import Observer

__all__ = ["Deployed", "context_for", "deployed_in", "endpoint_variable", "servers_for"]

_DEFAULT: Final = "pinpoint"  # the app's default destination
_PROFILE_TYPES: Final = "AWS::CustomerProfiles::"


def endpoint_variable(kind: str) -> str:
    """Return the environment variable that directs a function to a server on this machine."""
    if kind not in stand_ins():  # a custom destination, see gtm_events.https
        return "DESTINATION_ENDPOINT_URL"
    return f"AWS_ENDPOINT_URL_{kind.upper().replace('-', '_')}"


def context_for(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return the app's context, with the settings that its destinations need here."""
    chosen = context.get("destination", _DEFAULT)
    kinds = chosen.split(",") if isinstance(chosen, str) else map(str, chosen or ())
    completed: dict[str, Any] = {}
    for kind in kinds:
        stand_in = stand_ins().get(kind.strip())
        completed |= stand_in.context if stand_in else {}  # the app refuses an unknown destination
    return completed | dict(context)


@dataclass(frozen=True, slots=True)
class Deployed:
    """One destination of a stack.

    Attributes:
        kind: Name of a built-in destination, or the module of a custom one.
        prefix: Prefix of its outputs' names; empty for the first destination.
        variables: Its function's environment, as far as the template tells it.
    """

    kind: str
    prefix: str
    variables: Mapping[str, str]

    def output(self, name: str) -> str:
        """Return the name of one of its outputs, such as ``QueueName``."""
        return f"{self.prefix}{name}"

    def rules(self, limits: Limits | None = None) -> FunctionRules:
        """Return the rules by which its function reads events.

        Args:
            limits: The limits of a custom destination.

        Raises:
            AssemblyError: The function would not start with these variables.
        """
        try:
            return FunctionRules.of(self.variables, limits)
        except SettingsError as error:
            raise AssemblyError(f"the function of {self.kind} would not start: {error}") from error

    def prepare(self, client: Callable[[str], Any]) -> Arrivals | None:
        """Create the destination's stream or bus in the emulator, and return its reader.

        Args:
            client: Returns a boto3 client by the service's name.
        """
        stand_in = stand_ins().get(self.kind)
        return stand_in.prepare(self.variables, client) if stand_in else None


def deployed_in(assembly: Assembly, own: Iterable[type[DestinationServer]] = ()) -> list[Deployed]:
    """Return the destinations of a stack, in order.

    The deployable app has the outputs ``FunctionName`` and ``{Kind}FunctionName``, one for each
    destination. A stack without these outputs must have exactly one destination.

    Raises:
        AssemblyError: No function names a destination, or the functions name different ones.
    """
    known = (*stand_ins(), *(each.kind for each in own))
    functions = {
        name: environment
        for name, resource in assembly.template["Resources"].items()
        if resource["Type"] == "AWS::Lambda::Function"
        and _kind(environment := _environment(resource, assembly)) in known
    }
    found = []
    for name, output in assembly.template.get("Outputs", {}).items():
        prefix, ends, _ = name.rpartition("FunctionName")
        value = output["Value"]
        named = functions.get(value.get("Ref", "")) if isinstance(value, dict) else None
        if ends and named is not None:
            found.append(Deployed(_kind(named), prefix, named))
    for each in found:
        _check_place(each, assembly)
    if len({each.kind for each in found}) < len(found):
        raise AssemblyError(
            "the local pipeline needs destinations of different kinds, got "
            f"{', '.join(each.kind for each in found)}"
        )
    if found:
        return sorted(found, key=lambda each: each.prefix != "")  # a stable sort
    kinds = {_kind(environment): environment for environment in functions.values()}
    if len(kinds) != 1:
        raise AssemblyError(
            "the stack must have one function whose variable DESTINATION is one of "
            f"{', '.join(known)}, or the outputs FunctionName and {{Kind}}FunctionName, got "
            f"{', '.join(kinds) or 'none'}"
        )
    [(kind, environment)] = kinds.items()
    only = Deployed(kind, "", environment)
    _check_place(only, assembly)
    return [only]


def _kind(variables: Mapping[str, str]) -> str:
    """Return the kind of destination in a function's environment, empty if there is none."""
    return variables.get("DESTINATION", "").partition(":")[0]


def _check_place(deployed: Deployed, assembly: Assembly) -> None:
    """Check that a destination's ARNs belong to the stack's Region and account."""
    place = [assembly.region, assembly.account]
    stand_in = stand_ins().get(deployed.kind)
    for variable in stand_in.arn_variables if stand_in else ():
        arn = deployed.variables.get(variable)
        if arn is not None and arn.split(":")[3:5] != place:
            raise AssemblyError(
                f"for the local pipeline, {variable} must be in the stack's Region and account "
                f"({', '.join(place)}), got {arn}"
            )


def _environment(function: Mapping[str, Any], assembly: Assembly) -> dict[str, str]:
    """Return a function's variables whose values can be read from the template."""
    variables = function["Properties"].get("Environment", {}).get("Variables", {})
    return {
        variable: text
        for variable, value in variables.items()
        if (text := _resolved(value, assembly)) is not None
    }


def servers_for(
    deployed: Iterable[Deployed],
    assembly: Assembly,
    observer: Observer,
    *,
    putevents: PutEventsServer | None = None,
    own: Iterable[type[DestinationServer]] = (),
    keep: int | None = None,
) -> dict[str, DestinationServer]:
    """Return a server for each destination, by its kind.

    Args:
        deployed: The destinations.
        assembly: The stack, whose template describes profile objects.
        observer: Receives each event.
        putevents: The server for Pinpoint, if it is a destination. Default: a new one.
        own: The servers of custom destinations.
        keep: Number of records that each server keeps, see
            :class:`~local.stand_in.server.DestinationServer`.

    Raises:
        AssemblyError: A stand-in does not support something in the template.
    """
    theirs = {each.kind: each for each in own}

    def server(each: Deployed) -> DestinationServer:
        if each.kind in theirs:
            return theirs[each.kind](observer=observer, keep=keep)
        if each.kind == _DEFAULT and putevents is not None:
            return putevents
        stand_in = stand_ins()[each.kind]
        try:
            return stand_in.server(each.variables, assembly.template, observer=observer, keep=keep)
        except ValueError as error:
            raise AssemblyError(str(error)) from error

    return {each.kind: server(each) for each in deployed}


def simulated(resource_type: str) -> bool:
    """Return whether a stand-in replaces resources of this type."""
    return resource_type.startswith(_PROFILE_TYPES)


def _resolved(value: Any, assembly: Assembly) -> str | None:
    """Return a template value as text; ``None`` if only a deployment can resolve it."""
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        return None
    match next(iter(value.items()), None):
        case ("Ref", str(name)):
            return {
                "AWS::Partition": "aws",
                "AWS::Region": assembly.region,
                "AWS::AccountId": assembly.account,
            }.get(name)
        case ("Fn::Join", [str(separator), list(parts)]):
            texts = [_resolved(part, assembly) for part in parts]
            known = [text for text in texts if text is not None]
            return separator.join(known) if len(known) == len(texts) else None
        case _:
            return None

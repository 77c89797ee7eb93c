"""Options of every command: the stack, the connector, the Region, the profile, a local run."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

import click

from cdk_gtm_connector_cli.context import Context
from cdk_gtm_connector_cli.local_run import LocalRun
from cdk_gtm_connector_cli.output import Output

if TYPE_CHECKING:
    from collections.abc import Callable

_STACK_HELP: Final = (
    "The stack, by its name or ARN. Default: the only one in the Region with a connector's outputs."
)


def connector_options(
    function: Callable[..., Any] | None = None, *, argument: bool = False
) -> Callable[..., Any]:
    """Add to a command the options that select a connector.

    The command's function gets a :class:`Context` as its first argument in place of them.

    Args:
        function: The command's function.
        argument: Whether the stack is also taken as the command's argument ``STACK``.
    """
    if function is None:
        return functools.partial(connector_options, argument=argument)
    stack_option = click.option(
        "--stack", metavar="NAME", default="", envvar="GTM_CONNECTOR_STACK", help=_STACK_HELP
    )
    decorators = [
        stack_option,
        click.option(
            "--connector",
            "connector_key",
            metavar="NAME",
            default="",
            help="Which connector of the stack, by the beginning of its construct's path. "
            "Default: the only one.",
        ),
        click.option("--region", metavar="REGION", help="The stack's Region."),
        click.option("--profile", metavar="PROFILE", help="The AWS profile."),
        click.option(
            "--local",
            is_flag=True,
            help="Use the local pipeline of make run instead of AWS.",
        ),
        click.option(
            "--json", "as_json", is_flag=True, help="Write results as JSON, one document per line."
        ),
    ]
    if argument:
        decorators.append(click.argument("named", metavar="[STACK]", default=""))

    @functools.wraps(function)
    def with_context(
        *arguments: Any,
        stack: str,
        connector_key: str,
        region: str | None,
        profile: str | None,
        local: bool,
        as_json: bool,
        named: str = "",
        **others: Any,
    ) -> Any:
        if local and (region or profile):
            raise click.UsageError(
                "--local excludes --region and --profile, because a local pipeline has no account"
            )
        run = LocalRun.find() if local else None
        context = Context(
            output=Output(as_json=as_json),
            stack=named or stack or (run.stack if run else ""),
            connector_key=connector_key,
            region=region,
            profile=profile,
            local=run,
        )
        return function(context, *arguments, **others)

    decorated: Callable[..., Any] = with_context
    for decorator in reversed(decorators):
        decorated = decorator(decorated)
    return decorated

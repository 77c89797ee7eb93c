"""Mints tokens with the secret of a deployed signed-token authorizer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cdk_gtm_connector import tokens
from cdk_gtm_connector_cli.errors import CommandError
from cdk_gtm_connector_cli.stack import FUNCTION

if TYPE_CHECKING:
    from cdk_gtm_connector_cli.context import Context


_A_DAY: Final = 86_400  # the authorizer's default


@dataclass(frozen=True, slots=True)
class Authorizer:
    """A signed-token authorizer.

    Attributes:
        secret_arn: The secret that signs its tokens.
        audience: Required ``aud`` of a token; ``None`` if any is accepted.
        function_name: The function that verifies tokens.
        max_lifetime: Maximum time until a token's ``exp``.
        log_group: The function's log group.
    """

    secret_arn: str
    audience: str | None
    function_name: str
    max_lifetime: timedelta
    log_group: str


def find_authorizer(context: Context) -> Authorizer | None:
    """Return the stack's signed-token authorizer; ``None`` if it has none."""
    client = context.client("lambda")
    for resource in context.resources:
        if resource.type != FUNCTION or resource.key.endswith("DeliveryFunction"):
            continue
        configuration = client.get_function_configuration(FunctionName=resource.physical_id)
        variables = configuration.get("Environment", {}).get("Variables", {})
        if "SECRET_ARN" in variables and "AUDIENCE" in variables:
            return Authorizer(
                variables["SECRET_ARN"],
                variables["AUDIENCE"] or None,
                resource.physical_id,
                timedelta(seconds=int(variables.get("MAX_TOKEN_LIFETIME") or _A_DAY)),
                configuration.get("LoggingConfig", {}).get("LogGroup")
                or f"/aws/lambda/{resource.physical_id}",
            )
    return None


def mint(
    context: Context,
    *,
    subject: str,
    endpoint_id: str | None = None,
    expires_in: timedelta = timedelta(minutes=5),
) -> str:
    """Return a token that the stack's authorizer accepts.

    Raises:
        CommandError: The stack has no such authorizer, or it would refuse the token.
    """
    authorizer = find_authorizer(context)
    if authorizer is None:
        raise CommandError(
            f"the stack {context.stack_name} has no signed-token authorizer",
            "deploy it with signed_token=true, or pass a token of your authorizer with --token",
        )
    secrets = context.client("secretsmanager")
    secret = secrets.get_secret_value(SecretId=authorizer.secret_arn)
    try:
        return tokens.mint(
            secret["SecretString"],
            subject=subject,
            endpoint_id=endpoint_id,
            audience=authorizer.audience,
            expires_in=expires_in,
            max_lifetime=authorizer.max_lifetime,
        )
    except (KeyError, ValueError) as error:
        raise CommandError(f"no token can be minted: {error}", "correct that option") from (error)

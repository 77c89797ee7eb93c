"""``gtm-connector token``: mints a signed token."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from cdk_gtm_connector import tokens
from cdk_gtm_connector_cli.durations import duration
from cdk_gtm_connector_cli.errors import CommandError, Status
from cdk_gtm_connector_cli.options import connector_options
from cdk_gtm_connector_cli.signing import mint

if TYPE_CHECKING:
    from cdk_gtm_connector_cli.context import Context


@click.command("token")
@connector_options
@click.option("--subject", required=True, metavar="ID", help="The visitor's id.")
@click.option("--endpoint-id", metavar="ID", help="The only endpoint for which the token is valid.")
@click.option(
    "--expires-in",
    type=duration,
    default="5m",
    show_default=True,
    metavar="DURATION",
    help="How long the token is valid.",
)
@click.option(
    "--secret-env",
    metavar="NAME",
    help="Environment variable that holds the secret, instead of a stack.",
)
@click.option(
    "--secret-id", metavar="ID", help="The secret in Secrets Manager, instead of a stack."
)
@click.option("--audience", metavar="TEXT", help="The audience (aud) of such a token.")
@click.option(
    "--max-lifetime",
    type=duration,
    default="24h",
    show_default=True,
    metavar="DURATION",
    help="max_token_lifetime of such an authorizer.",
)
def command(
    context: Context,
    *,
    subject: str,
    endpoint_id: str | None,
    expires_in: int,
    secret_env: str | None,
    secret_id: str | None,
    audience: str | None,
    max_lifetime: int,
) -> Status:
    """Print a signed token for the URL's parameter "token".

    Secret, audience and longest lifetime are read from the stack, unless you name a secret. The
    secret is never an argument: other users of the machine see those.
    """
    if secret_env and secret_id:
        raise click.UsageError("--secret-env and --secret-id exclude each other")
    if secret_env is None and secret_id is None:
        token = mint(
            context,
            subject=subject,
            endpoint_id=endpoint_id,
            expires_in=timedelta(seconds=expires_in),
        )
    else:
        try:
            token = tokens.mint(
                _secret(context, secret_env, secret_id),
                subject=subject,
                endpoint_id=endpoint_id,
                audience=audience,
                expires_in=timedelta(seconds=expires_in),
                max_lifetime=timedelta(seconds=max_lifetime),
            )
        except ValueError as error:
            problem = f"no token can be minted: {error}"
            raise CommandError(problem, "correct that option") from error
    context.output.line(token)
    context.output.result({"token": token})
    return Status.FINE


def _secret(context: Context, variable: str | None, secret_id: str | None) -> str:
    if variable is not None:
        if not (secret := os.environ.get(variable)):
            raise CommandError(
                f"the environment variable {variable} is not set, or is empty",
                "export it, or name a stack with --stack",
            )
        return secret
    answer = context.client("secretsmanager").get_secret_value(SecretId=secret_id)
    if "SecretString" not in answer:
        raise CommandError(f"the secret {secret_id} is binary", "store the key as text")
    return str(answer["SecretString"])

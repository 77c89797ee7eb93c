"""Checks of the props of the authorizers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk

from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.validation import (
    check_construct,
    check_duration,
    check_sequence,
    check_text,
    is_deferred,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cognito as cognito

_CLAIM: Final = re.compile(r"[A-Za-z0-9_:-]+", re.ASCII)
_HEADER: Final = re.compile(
    r"[A-Za-z0-9_-]+", re.ASCII
)  # nothing that ends the quoted text it goes into
_IDENTITY_SOURCE: Final = re.compile(
    r"method\.request\.(?:header|querystring|multivalueheader|multivaluequerystring)\.\S+"
    r"|(?:stageVariables|context)\.\S+"
)
_HEADER_SOURCES: Final = ("method.request.header.", "method.request.multivalueheader.")
_AUDIENCE: Final = re.compile(r"\S(?:.*\S)?", re.DOTALL)


def check_claim(prop: str, value: object) -> None:
    """Require the name of a claim. It goes into a mapping template, in quotes."""
    problem = "must be the name of a claim (letters, digits, _, : and -)"
    check_text(prop, value, _CLAIM, problem, known=True)


def check_audience(audience: object) -> None:
    """Require a text that a token's ``aud`` can equal."""
    problem = "must be a text that is not empty, without white space around it"
    check_text("audience", audience, _AUDIENCE, problem)


def check_function(function: object) -> None:
    """Require a function."""
    check_construct(
        "function",
        function,
        "IFunction",
        ("function_arn", "function_name", "grant_invoke"),
        'Function.from_function_arn(self, "Authorizer", arn)',
    )


def check_secret(secret: object) -> None:
    """Require a Secrets Manager secret. Refuse the key itself."""
    check_construct(
        "secret",
        secret,
        "ISecret",
        ("secret_arn", "secret_name", "grant_read"),
        'Secret.from_secret_complete_arn(self, "Key", arn)',
    )


def check_user_pools(user_pools: Sequence[cognito.IUserPool]) -> None:
    """Require a list of user pools."""
    problem = "must be a list of at least one user pool, such as [pool]"
    check_sequence("user_pools", user_pools, problem)
    if not user_pools:
        raise PropError("user_pools", problem, user_pools)
    for pool in user_pools:
        check_construct(
            "user_pools",
            pool,
            "IUserPool",
            ("user_pool_arn", "user_pool_id", "grant"),
            'UserPool.from_user_pool_arn(self, "Pool", arn)',
        )


def check_identity_sources(
    identity_sources: Sequence[str], headers: Sequence[str], ttl: cdk.Duration
) -> None:
    """Require identity sources that API Gateway reads, and the headers that a preflight allows."""
    problem = 'must be a list of identity sources, such as [IdentitySource.header("X-Session")]'
    check_sequence("identity_sources", identity_sources, problem)
    for source in identity_sources:
        check_text("identity_sources", source, _IDENTITY_SOURCE, problem)
    if not identity_sources and (ttl.is_unresolved() or ttl.to_milliseconds()):
        raise PropError(
            "identity_sources",
            "must not be empty with {results_cache_ttl}, which keeps an answer for what they hold",
            identity_sources,
            others={"results_cache_ttl": ttl},
        )
    problem = 'must be a list of names of headers, such as ["X-Session"]'
    check_sequence("headers", headers, problem)
    for header in headers:
        check_text("headers", header, _HEADER, problem, known=True)
    allowed = {header.lower() for header in headers}
    for source in identity_sources:
        for prefix in _HEADER_SOURCES:
            read = source.removeprefix(prefix)
            if read != source and not is_deferred(source) and read.lower() not in allowed:
                raise PropError(
                    "headers",
                    "must hold each header of {identity_sources}, or a browser would not send it",
                    headers,
                    f'add "{read}"',
                    {"identity_sources": identity_sources},
                )


def checked_results_cache_ttl(value: cdk.Duration | None, default: cdk.Duration) -> cdk.Duration:
    """Return ``value``, or ``default`` for ``None``. Refuse more than API Gateway's 1 hour."""
    if value is None:
        return default
    check_duration("results_cache_ttl", value, cdk.Duration.seconds(0), cdk.Duration.hours(1))
    return value

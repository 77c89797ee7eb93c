"""An authorizer that calls a Lambda function of the owner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from cdk_gtm_connector.authorizers.checks import (
    check_function,
    check_identity_sources,
    checked_results_cache_ttl,
)
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_lambda as lambda_


@named_props
class LambdaAuthorizer(Construct):
    """Calls your own authorizer function. The subject is the ``principalId`` in its response.

    The response's context may name the one endpoint that the visitor may write, as ``endpoint_id``.

    Args:
        scope: Parent construct.
        construct_id: Id within ``scope``.
        function: A Lambda authorizer of type ``REQUEST``.
        identity_sources: The parts of a request that hold the credentials, for example
            ``[apigateway.IdentitySource.header("Authorization")]``; an image tag can use
            ``IdentitySource.query_string(…)`` only.
        headers: Request headers that carry the credentials, which a CORS preflight then allows.
            They must include the headers in ``identity_sources``. Default: ``Authorization``.
        results_cache_ttl: How long API Gateway caches a response for the same identity sources, up
            to 1 hour. Default: not at all.

    Raises:
        PropError: A prop has a value that cannot work.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        function: lambda_.IFunction,
        identity_sources: Sequence[str],
        headers: Sequence[str] = ("Authorization",),
        results_cache_ttl: cdk.Duration | None = None,
    ) -> None:
        check_scope(scope, construct_id)
        check_function(function)
        ttl = checked_results_cache_ttl(results_cache_ttl, cdk.Duration.seconds(0))
        check_identity_sources(identity_sources, headers, ttl)
        super().__init__(scope, construct_id)
        self.authorizer = apigateway.RequestAuthorizer(
            self,
            "Authorizer",
            handler=function,
            identity_sources=list(identity_sources),
            results_cache_ttl=ttl,
        )
        self.authorization_type = apigateway.AuthorizationType.CUSTOM
        self.subject: Sequence[str] = ("$!context.authorizer.principalId",)
        self.endpoint_id = "$!context.authorizer.endpoint_id"
        self.endpoint_required = False
        self.headers = tuple(headers)

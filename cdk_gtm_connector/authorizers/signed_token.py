"""An authorizer for image tags, which carry a signed token in their URL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_gtm_connector.authorizers.checks import (
    check_audience,
    check_secret,
    checked_results_cache_ttl,
)
from cdk_gtm_connector.endpoint import TOKEN_PARAMETER
from cdk_gtm_connector.keys import allow_logs, check_key
from cdk_gtm_connector.lambda_asset import function_code
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import (
    check_boolean,
    check_duration,
    check_log_retention,
    check_number,
    check_scope,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_kms as kms


@named_props
class SignedTokenAuthorizer(Construct):
    """Lets in requests with a JSON Web Token in the query string, which an image tag can carry.

    HS256, with ``exp`` and ``sub``; ``nbf``, ``aud`` and ``endpoint_id`` (the one endpoint that the
    visitor may write) are optional. The token is in the parameter ``token``, which is never queued.

    Args:
        scope: Parent construct.
        construct_id: Id within ``scope``.
        audience: Required value of the claim ``aud``. Default: ``aud`` is not checked.
        require_endpoint_id: Whether the events of a token without ``endpoint_id`` are rejected.
            Default: no, it may write any endpoint.
        secret: A secret whose plain text is the key, at least 32 bytes. Tokens signed with the
            previous version (``AWSPREVIOUS``) are accepted too, so a leaked key is useless after
            two rotations. Default: a new secret of 64 characters.
        max_token_lifetime: Maximum time from now to a token's ``exp``, 1 minute to 365 days. A
            token that lives longer is refused: a server that writes milliseconds would otherwise
            mint tokens that never expire. Default: 24 hours.
        results_cache_ttl: How long API Gateway caches the result for the same token, 0 to 3,600
            seconds (its limit). An expired token may be accepted for that much longer. Default: 60
            seconds.
        reserved_concurrent_executions: Concurrency that is reserved for the authorizer's function,
            and its maximum, 1 to 1,000,000. Anybody can send junk tokens, and each is an
            invocation. Without a maximum, such requests can use up the account's concurrency, and
            every function in the account waits, including the one that delivers events. Above the
            maximum, API Gateway answers 500. Lambda requires 100 of an account's concurrency to
            stay unreserved, so an account whose limit is 10 cannot reserve any. Default: none.
        log_retention: How long the function's log is kept. Default: 3 months.
        encryption_key: Encrypts the function's log, and a new secret: a symmetric key of the
            stack's Region. Default: AWS's own keys.

    Raises:
        PropError: A prop has a value that cannot work.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        audience: str | None = None,
        require_endpoint_id: bool = False,
        secret: secretsmanager.ISecret | None = None,
        max_token_lifetime: cdk.Duration | None = None,
        results_cache_ttl: cdk.Duration | None = None,
        reserved_concurrent_executions: int | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.THREE_MONTHS,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        check_scope(scope, construct_id)
        if audience is not None:
            check_audience(audience)
        check_boolean("require_endpoint_id", require_endpoint_id)
        if secret is not None:
            check_secret(secret)
        ttl = checked_results_cache_ttl(results_cache_ttl, cdk.Duration.seconds(60))
        check_log_retention(log_retention)
        if encryption_key is not None:
            check_key("encryption_key", encryption_key)
        lifetime = cdk.Duration.hours(24) if max_token_lifetime is None else max_token_lifetime
        check_duration(
            "max_token_lifetime",
            lifetime,
            cdk.Duration.minutes(1),
            cdk.Duration.days(365),
            known=True,
        )
        if reserved_concurrent_executions is not None:
            check_number(
                "reserved_concurrent_executions", reserved_concurrent_executions, 1, 1_000_000
            )
        super().__init__(scope, construct_id)
        self._secret = secret or secretsmanager.Secret(
            self,
            "Secret",
            description="Signs the tokens of authenticated Google Tag Manager requests (HS256)",
            encryption_key=encryption_key,
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=64, exclude_punctuation=True
            ),
        )
        self._log = logs.LogGroup(
            self,
            "Log",
            retention=log_retention,
            encryption_key=encryption_key,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        allow_logs(self, encryption_key)
        self._role = iam.Role(
            self,
            "Role",
            description="Lets the authorizer read its secret and write its log",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        )
        self._function = lambda_.Function(
            self,
            "Function",
            description="Verifies the signed tokens of Google Tag Manager requests",
            runtime=lambda_.Runtime.PYTHON_3_14,
            architecture=lambda_.Architecture.ARM_64,
            code=function_code(),
            handler="gtm_token_authorizer.handler.handle",
            role=self._role,
            memory_size=256,
            # Two versions of the secret, twice 3 seconds each if Secrets Manager is slow.
            timeout=cdk.Duration.seconds(15),
            log_group=self._log,
            logging_format=lambda_.LoggingFormat.JSON,
            reserved_concurrent_executions=reserved_concurrent_executions,
            environment={
                "SECRET_ARN": self._secret.secret_arn,
                "AUDIENCE": audience or "",
                "MAX_TOKEN_LIFETIME": str(lifetime.to_seconds()),
            },
        )
        self._log.grant_write(self._function)
        self._grant_reading(mine=secret is None)
        self.authorizer = apigateway.RequestAuthorizer(
            self,
            "Authorizer",
            handler=self._function,
            # If the token is missing, API Gateway itself answers 401 without calling the function.
            identity_sources=[apigateway.IdentitySource.query_string(TOKEN_PARAMETER)],
            results_cache_ttl=ttl,
        )
        self.authorization_type = apigateway.AuthorizationType.CUSTOM
        self.subject: Sequence[str] = ("$!context.authorizer.principalId",)
        self.endpoint_id = "$!context.authorizer.endpoint_id"
        self.endpoint_required = require_endpoint_id
        self.headers: Sequence[str] = ()

    def _grant_reading(self, *, mine: bool) -> None:
        """Let the function read the secret. ``mine`` says whether this construct created it."""
        key = self._secret.encryption_key
        if mine and key is not None:
            # Not grant_read(): it would name the role in the key's policy, and the key may be in a
            # stack that this one already depends on.
            self._function.add_to_role_policy(
                iam.PolicyStatement(
                    actions=["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"],
                    resources=[self._secret.secret_arn],
                )
            )
        else:
            self._secret.grant_read(self._function)
        if key is not None:
            through = f"secretsmanager.{cdk.Stack.of(self).region}.amazonaws.com"
            self._function.add_to_role_policy(
                iam.PolicyStatement(
                    actions=["kms:Decrypt"],
                    resources=[key.key_arn],
                    conditions={"StringEquals": {"kms:ViaService": through}},
                )
            )

    @property
    def secret(self) -> secretsmanager.ISecret:
        """The secret with the signing key, for the server that mints tokens."""
        return self._secret

    @property
    def function(self) -> lambda_.Function:
        """The function that verifies tokens."""
        return self._function

    @property
    def role(self) -> iam.Role:
        """The function's role."""
        return self._role

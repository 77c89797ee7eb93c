"""Who may call an API, and from where: origins and authorizers.

Used by :class:`~cdk_gtm_connector.GtmConnector`, and on its own with anyone's ``RestApi``:

    token = SignedTokenAuthorizer(self, "Token", audience="shop")
    resource.add_method("GET", integration, authorizer=token.authorizer)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

import aws_cdk as cdk
import jsii
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct, IValidation

from cdk_gtm_connector import mapping
from cdk_gtm_connector.authorizer_checks import (
    check_audience,
    check_claim,
    check_function,
    check_identity_sources,
    check_secret,
    check_user_pools,
)
from cdk_gtm_connector.checks import check_once
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.keys import check_key, let_logs_in
from cdk_gtm_connector.lambda_asset import function_code
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import (
    check_boolean,
    check_duration,
    check_log_retention,
    check_number,
    check_scope,
    check_sequence,
    check_text,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cognito as cognito
    from aws_cdk import aws_kms as kms

TOKEN_PARAMETER: Final = "token"  # noqa: S105 - a parameter's name
"""Query parameter that carries a signed token. It is never queued."""

_HOST_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_ORIGIN: Final = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9.-]*)://(?:\*\.)?{_HOST_LABEL}(?:\.{_HOST_LABEL})*(?::(?P<port>[1-9][0-9]*))?",
    re.ASCII,
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# No page has an origin of these: a file's is null.
_NO_ORIGINS: Final = {"about", "blob", "data", "file", "ftp", "javascript", "ws", "wss"}
_CUSTOM_ATTRIBUTE: Final = "custom:"
_MAX_AGE: Final = cdk.Duration.hours(2)  # Chromium's upper bound


@named_props
class Cors:
    """Which sites' scripts may read an API's answers.

    CORS does not stop an image tag, nor any other request: it stops scripts from reading answers.
    What does stop a foreign site's events is their rejection at delivery, which goes by the same
    list.

    Args:
        allowed_origins: Origins such as ``https://shop.example``, ``https://*.shop.example`` for
            its subdomains at any depth, or ``capacitor://localhost`` for an app with a scheme of
            its own. ``None`` for any origin, without credentials. ``Origin: null`` names no site:
            no list allows it.
        allow_http_origins: Whether an origin may begin with ``http://``.

    Raises:
        PropError: An origin is not a scheme, a host and at most a port, or is there twice.
    """

    def __init__(
        self, allowed_origins: Sequence[str] | None, *, allow_http_origins: bool = False
    ) -> None:
        check_boolean("allow_http_origins", allow_http_origins)
        if allowed_origins is not None:
            _check_origins(allowed_origins, allow_http_origins=allow_http_origins)
        self._origins = None if allowed_origins is None else tuple(allowed_origins)

    @property
    def origins(self) -> Sequence[str] | None:
        """The origins allowed, ``None`` for any."""
        return self._origins

    @property
    def answer_headers(self) -> dict[str, str]:
        """Headers that every answer of an integration carries."""
        if self._origins is None:
            return {"Access-Control-Allow-Origin": "*"}
        return {"Vary": "Origin"}

    def answer(self, body: str) -> str:
        """Return the response template that answers ``body``, and echoes an origin of the list."""
        if self._origins is None:
            return body
        return mapping.read("answer", ORIGINS=self._expression(), BODY=body)

    @property
    def gateway_headers(self) -> dict[str, str]:
        """Headers of API Gateway's own error answers, as their response parameters have them.

        Those know no conditions. With one exact origin it is that one. With several it is ``*``:
        any site may then read *that* a request failed, which it could tell from its image as well.
        (The request's own origin could be echoed, but so would be ``null``, which is nobody's.)
        """
        if self._origins is None:
            return {"Access-Control-Allow-Origin": "'*'"}
        exact = len(self._origins) == 1 and "*" not in self._origins[0]
        return {
            "Access-Control-Allow-Origin": f"'{self._origins[0] if exact else '*'}'",
            "Vary": "'Origin'",
        }

    def add_preflight(
        self, resource: apigateway.IResource, *, methods: Sequence[str], headers: Sequence[str]
    ) -> apigateway.Method:
        """Let ``resource`` answer preflight requests.

        Args:
            resource: Gets the method ``OPTIONS``.
            methods: What it takes besides.
            headers: Request headers that it takes, beyond those that need no preflight.
        """
        answer_headers = {
            **self.answer_headers,
            "Access-Control-Allow-Methods": ",".join([*methods, "OPTIONS"]),
            "Access-Control-Allow-Headers": ",".join(headers),
            "Access-Control-Max-Age": str(_MAX_AGE.to_seconds()),
        }
        return resource.add_method(
            "OPTIONS",
            apigateway.MockIntegration(
                passthrough_behavior=apigateway.PassthroughBehavior.WHEN_NO_MATCH,
                request_templates={"application/json": '{"statusCode": 204}'},
                integration_responses=[
                    apigateway.IntegrationResponse(
                        status_code="204",
                        response_parameters={
                            f"method.response.header.{name}": f"'{value}'"
                            for name, value in answer_headers.items()
                        },
                        response_templates={"application/json": self.answer("")},
                    )
                ],
            ),
            authorization_type=apigateway.AuthorizationType.NONE,
            method_responses=[
                apigateway.MethodResponse(
                    status_code="204",
                    response_parameters={
                        f"method.response.header.{name}": True for name in answer_headers
                    },
                )
            ],
        )

    def _expression(self) -> str:
        """Return the list as a regular expression without a backslash, which Velocity would eat."""
        return "|".join(
            origin.replace(".", "[.]").replace("*", "[a-z0-9-]+([.][a-z0-9-]+)*")
            for origin in self._origins or ()
        )


def _check_origins(origins: Sequence[str], *, allow_http_origins: bool) -> None:
    prop = "allowed_origins"
    check_sequence(prop, origins, 'must be a list of origins, such as ["https://shop.example"]')
    if not origins:
        raise PropError(
            prop, "must name at least one origin", origins, "leave it out for any origin"
        )
    for origin in origins:
        # It becomes part of a regular expression and of a mapping template.
        check_text(
            prop,
            origin,
            _ORIGIN,
            _ORIGINS_LIKE,
            known=True,
        )
        if found := _ORIGIN.fullmatch(origin):  # not that of a parameter that is looked up yet
            _check_origin(found, allow_http_origins=allow_http_origins)
    check_once(prop, origins, "origin")


_ORIGINS_LIKE: Final = (
    "must hold origins like https://shop.example, https://*.shop.example or capacitor://localhost "
    "(lower case, no path, no trailing slash)"
)


def _check_origin(found: re.Match[str], *, allow_http_origins: bool) -> None:
    if found["scheme"] in _NO_ORIGINS:
        raise PropError("allowed_origins", _ORIGINS_LIKE, found[0])
    if found["port"] and (
        int(found["port"]) > 65_535 or int(found["port"]) == _DEFAULT_PORTS.get(found["scheme"])  # noqa: PLR2004
    ):
        # A browser leaves its scheme's own port out: such an origin would match none.
        raise PropError(
            "allowed_origins",
            "must hold origins with a port of at most 65,535 that is not the scheme's own, or "
            "without one",
            found[0],
        )
    if found["scheme"] == "http" and not allow_http_origins:
        raise PropError(
            "allowed_origins",
            "must hold no http origins unless allow_http_origins is set",
            found[0],
        )


class Authorizer(Protocol):
    """What stands before the authenticated route, and what it vouches for."""

    @property
    def authorization_type(self) -> apigateway.AuthorizationType:
        """Authorization type of the route's methods."""
        ...

    @property
    def authorizer(self) -> apigateway.IAuthorizer | None:
        """API Gateway's authorizer, ``None`` for IAM."""
        ...

    @property
    def subject(self) -> Sequence[str]:
        """References, in a mapping template, of who it is: the first that is not empty."""
        ...

    @property
    def endpoint_id(self) -> str | None:
        """Reference, in a mapping template, of the one endpoint that it may write, if any."""
        ...

    @property
    def endpoint_required(self) -> bool:
        """Whether a sender who may write no endpoint in particular may write none at all."""
        ...

    @property
    def headers(self) -> Sequence[str]:
        """Request headers that carry the proof: a preflight has to allow them."""
        ...


@named_props
class CognitoAuthorizer(Construct):
    """Visitors who are logged in to a Cognito user pool, by the ``Authorization`` header.

    For ``fetch``: an image tag cannot send headers. The subject is the claim ``sub``.

    Args:
        scope: Parent construct.
        construct_id: Id within ``scope``.
        user_pools: The pools whose ID tokens are accepted.
        endpoint_claim: Claim that names the one endpoint that the visitor may write, for example
            ``custom:endpoint_id``; the events of a visitor without it are rejected. **A claim is
            only as safe as who may write it**: a user can change each attribute of their own that
            an app client may write, and so name somebody else's endpoint. Leave the attribute out
            of every app client's ``write_attributes``, and let a server set it
            (``AdminUpdateUserAttributes``), or add the claim in a pre-token-generation trigger. A
            client of these pools in the same app that may write it gets the warning
            ``cdk-gtm-connector:writableEndpointClaim``. Default: none, any endpoint.

    Raises:
        PropError: A prop has a value that cannot work.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        user_pools: Sequence[cognito.IUserPool],
        endpoint_claim: str | None = None,
    ) -> None:
        check_scope(scope, construct_id)
        check_user_pools(user_pools)
        if endpoint_claim is not None:
            check_claim("endpoint_claim", endpoint_claim)
        super().__init__(scope, construct_id)
        self.authorizer = apigateway.CognitoUserPoolsAuthorizer(
            self, "Authorizer", cognito_user_pools=list(user_pools)
        )
        if endpoint_claim is not None and endpoint_claim.startswith(_CUSTOM_ATTRIBUTE):
            # Clients may be added to a pool later: they are looked at when the app is complete.
            self.node.add_validation(_WritableClaim(self, list(user_pools), endpoint_claim))
        self.authorization_type = apigateway.AuthorizationType.COGNITO
        self.subject: Sequence[str] = ("$!context.authorizer.claims.sub",)
        self.endpoint_id = (
            None
            if endpoint_claim is None
            else f"$!context.authorizer.claims.get('{endpoint_claim}')"
        )
        self.endpoint_required = endpoint_claim is not None
        self.headers: Sequence[str] = ("Authorization",)


@jsii.implements(IValidation)
class _WritableClaim:
    """Warns of the app clients whose users may write the claim that binds them."""

    def __init__(
        self, scope: Construct, user_pools: Sequence[cognito.IUserPool], claim: str
    ) -> None:
        self._scope = scope
        self._user_pools = user_pools
        self._claim = claim

    def validate(self) -> list[str]:
        """Add the warnings; there are no errors."""
        from aws_cdk import aws_cognito  # noqa: PLC0415 - others need not wait for its import

        resolve = cdk.Stack.of(self._scope).resolve
        pools = [resolve(pool.user_pool_id) for pool in self._user_pools]
        for client in self._scope.node.root.node.find_all():
            if (
                isinstance(client, aws_cognito.CfnUserPoolClient)
                and resolve(client.user_pool_id) in pools
                # Whether that is all attributes, or all standard ones, AWS's pages disagree on.
                and (client.write_attributes is None or self._claim in client.write_attributes)
            ):
                cdk.Annotations.of(client).add_warning_v2(
                    "cdk-gtm-connector:writableEndpointClaim",
                    f"endpoint_claim must not be an attribute that users may write, got "
                    f"{self._claim!r}: a user of this client could name somebody else's endpoint; "
                    "set write_attributes to the others",
                )
        return []


@named_props
class LambdaAuthorizer(Construct):
    """A function of the caller's own. The subject is the ``principalId`` that it answers.

    Its context may name the one endpoint that the visitor may write, as ``endpoint_id``.

    Args:
        scope: Parent construct.
        construct_id: Id within ``scope``.
        function: A Lambda authorizer of type ``REQUEST``.
        identity_sources: Where the proof is, for example
            ``[apigateway.IdentitySource.header("Authorization")]``; an image tag can use
            ``IdentitySource.query_string(…)`` only.
        headers: Request headers that carry it, for the preflight: those of ``identity_sources`` at
            least. Default: ``Authorization``.
        results_cache_ttl: How long an answer is good for the same identity sources, up to 1 hour.
            Default: not at all.

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
        ttl = _checked_ttl(results_cache_ttl, cdk.Duration.seconds(0))
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


class IamAuthorizer:
    """Callers that sign their requests with AWS credentials (SigV4).

    The subject is the Cognito identity of a signed-in visitor, else the caller's ARN.
    """

    def __init__(self) -> None:
        self.authorizer: apigateway.IAuthorizer | None = None
        self.authorization_type = apigateway.AuthorizationType.IAM
        self.subject: Sequence[str] = (
            "$!context.identity.cognitoIdentityId",
            "$!context.identity.userArn",
        )
        self.endpoint_id: str | None = None
        self.endpoint_required = False
        self.headers: Sequence[str] = (
            "Authorization",
            "X-Amz-Date",
            "X-Amz-Security-Token",
            "X-Amz-Content-Sha256",
        )


@named_props
class SignedTokenAuthorizer(Construct):
    """A JSON Web Token in the query string: the proof that an image tag can carry.

    HS256, with ``exp`` and ``sub``; ``nbf``, ``aud`` and ``endpoint_id`` (the one endpoint that the
    visitor may write) are optional. The token is in the parameter ``token``, which is never queued.

    Args:
        scope: Parent construct.
        construct_id: Id within ``scope``.
        audience: What the claim ``aud`` must hold. Default: ``aud`` is not looked at.
        require_endpoint_id: Whether the events of a token without ``endpoint_id`` are rejected.
            Default: no, it may write any endpoint.
        secret: The key, as its plain text: at least 32 bytes. While it is rotated, the version
            before (``AWSPREVIOUS``) verifies too, so a leaked key is gone after two rotations.
            Default: a new secret of 64 characters.
        max_token_lifetime: How far ahead a token's ``exp`` may be, 1 minute to 365 days; a token
            that would live longer is refused. A server that writes milliseconds would otherwise
            mint tokens that never expire. Default: 24 hours.
        results_cache_ttl: How long an answer is good for the same token, 0 to 3,600 seconds (API
            Gateway's limit). A token may be used that much longer than it lives. Default: 60
            seconds.
        reserved_concurrent_executions: Invocations at once that the authorizer's function may use
            and that no other function takes from it, 1 to 1,000,000. Anybody can send junk
            tokens, each of which is an invocation; without a limit they can use up the account's
            concurrency, and then every function of the account waits, the one that delivers events
            among them. Over the limit API Gateway answers 500. A share of the account's concurrency
            has to be left unreserved (100, by Lambda's documentation), so an account whose limit is
            10 cannot reserve any. Default: none.
        log_retention: How long the function's log is kept. Default: 3 months.
        encryption_key: Encrypts the function's log, and a new secret: a symmetric key of the
            stack's Region. Default: keys of AWS's.

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
        ttl = _checked_ttl(results_cache_ttl, cdk.Duration.seconds(60))
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
        let_logs_in(self, encryption_key)
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
            # Missing: 401 from API Gateway itself, without a call of the function.
            identity_sources=[apigateway.IdentitySource.query_string(TOKEN_PARAMETER)],
            results_cache_ttl=ttl,
        )
        self.authorization_type = apigateway.AuthorizationType.CUSTOM
        self.subject: Sequence[str] = ("$!context.authorizer.principalId",)
        self.endpoint_id = "$!context.authorizer.endpoint_id"
        self.endpoint_required = require_endpoint_id
        self.headers: Sequence[str] = ()

    def _grant_reading(self, *, mine: bool) -> None:
        """Let the function read the secret, which this construct has made if it is ``mine``."""
        key = self._secret.encryption_key
        if mine and key is not None:
            # Not grant_read(): it names the role in the key's policy, and the key may be in a stack
            # that this one needs already.
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
        """The key that signs: whoever mints tokens reads it."""
        return self._secret

    @property
    def function(self) -> lambda_.Function:
        """The function that verifies."""
        return self._function

    @property
    def role(self) -> iam.Role:
        """The function's role."""
        return self._role


def _checked_ttl(value: cdk.Duration | None, default: cdk.Duration) -> cdk.Duration:
    if value is None:
        return default
    check_duration("results_cache_ttl", value, cdk.Duration.seconds(0), cdk.Duration.hours(1))
    return value

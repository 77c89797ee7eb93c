"""An authorizer for visitors who are logged in to a Cognito user pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
import jsii
from aws_cdk import aws_apigateway as apigateway
from constructs import Construct, IValidation

from cdk_gtm_connector.authorizers.checks import check_claim, check_user_pools
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_scope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_cognito as cognito

_CUSTOM_ATTRIBUTE: Final = "custom:"


@named_props
class CognitoAuthorizer(Construct):
    """Lets in visitors who are logged in to a Cognito user pool, by the header ``Authorization``.

    For scripts that use ``fetch``: an image tag cannot send headers. The subject is the claim
    ``sub``.

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
            # Clients may be added to a pool later, so check when the app is complete.
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
    """Warns of app clients whose users may write the claim that names their endpoint."""

    def __init__(
        self, scope: Construct, user_pools: Sequence[cognito.IUserPool], claim: str
    ) -> None:
        self._scope = scope
        self._user_pools = user_pools
        self._claim = claim

    def validate(self) -> list[str]:
        """Add the warnings. Return no errors."""
        from aws_cdk import aws_cognito  # noqa: PLC0415 - others need not wait for its import

        resolve = cdk.Stack.of(self._scope).resolve
        pools = [resolve(pool.user_pool_id) for pool in self._user_pools]
        for client in self._scope.node.root.node.find_all():
            if (
                isinstance(client, aws_cognito.CfnUserPoolClient)
                and resolve(client.user_pool_id) in pools
                # AWS's pages disagree on whether None means all attributes or all standard ones.
                and (client.write_attributes is None or self._claim in client.write_attributes)
            ):
                cdk.Annotations.of(client).add_warning_v2(
                    "cdk-gtm-connector:writableEndpointClaim",
                    f"endpoint_claim must not be an attribute that users may write, got "
                    f"{self._claim!r}: a user of this client could name somebody else's endpoint; "
                    "set write_attributes to the others",
                )
        return []

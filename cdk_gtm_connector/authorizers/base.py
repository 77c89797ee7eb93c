"""The interface of authorizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_apigateway as apigateway


class Authorizer(Protocol):
    """An authorizer of the authenticated route, and references to the identity that it verifies."""

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
        """References in a mapping template to the sender's identity.

        The first reference that is not empty is used.
        """
        ...

    @property
    def endpoint_id(self) -> str | None:
        """Reference in a mapping template to the only endpoint id that the sender may write."""
        ...

    @property
    def endpoint_required(self) -> bool:
        """True if a sender without such an endpoint id may not write to any endpoint."""
        ...

    @property
    def headers(self) -> Sequence[str]:
        """Request headers that carry the credentials. A CORS preflight must allow them."""
        ...

"""The interface of authorizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_apigateway as apigateway


class Authorizer(Protocol):
    """A guard of the authenticated route, and the references to what it vouches for."""

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

        The first one that is not empty counts.
        """
        ...

    @property
    def endpoint_id(self) -> str | None:
        """Reference in a mapping template to the only endpoint id that the sender may write."""
        ...

    @property
    def endpoint_required(self) -> bool:
        """True if a sender without such an endpoint id may write none at all."""
        ...

    @property
    def headers(self) -> Sequence[str]:
        """Request headers that carry the proof. A preflight has to allow them."""
        ...

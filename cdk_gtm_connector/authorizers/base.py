"""The interface of authorizers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aws_cdk import aws_apigateway as apigateway


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

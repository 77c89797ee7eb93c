"""An authorizer for callers with AWS credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_apigateway as apigateway

if TYPE_CHECKING:
    from collections.abc import Sequence


class IamAuthorizer:
    """Lets in callers that sign their requests with AWS credentials (SigV4).

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

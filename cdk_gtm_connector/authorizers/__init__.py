"""Authorizers: who may use an API, and which endpoint they may write.

:class:`~cdk_gtm_connector.GtmConnector` takes one as ``authorizer``. Each also works with a
``RestApi`` of one's own:

    token = SignedTokenAuthorizer(self, "Token", audience="shop")
    resource.add_method("GET", integration, authorizer=token.authorizer)
"""

from __future__ import annotations

from cdk_gtm_connector.authorizers.base import Authorizer
from cdk_gtm_connector.authorizers.cognito import CognitoAuthorizer
from cdk_gtm_connector.authorizers.function import LambdaAuthorizer
from cdk_gtm_connector.authorizers.iam import IamAuthorizer
from cdk_gtm_connector.authorizers.signed_token import SignedTokenAuthorizer

__all__ = [
    "Authorizer",
    "CognitoAuthorizer",
    "IamAuthorizer",
    "LambdaAuthorizer",
    "SignedTokenAuthorizer",
]

"""Creates a new deployment of an API whenever the API changes.

API Gateway's stage serves a snapshot, the deployment. CloudFormation takes a new snapshot only if
the deployment's logical id changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import jsii
from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SERVED = (
    apigateway.CfnAuthorizer,
    apigateway.CfnGatewayResponse,
    apigateway.CfnMethod,
    apigateway.CfnModel,
    apigateway.CfnRequestValidator,
    apigateway.CfnResource,
    apigateway.CfnRestApi,
)


def redeploy_on_change(api: apigateway.RestApi, *elsewhere: object) -> None:
    """Make the logical id of ``api``'s deployment depend on everything that the stage serves.

    Without a feature flag of the app, aws-cdk-lib does not include an authorizer's function, cache
    time, identity sources and user pools. It never includes changes by Aspects.

    Args:
        api: The API.
        elsewhere: Authorizers, which are not below ``api`` in the tree. Imported authorizers, which
            are not constructs, are skipped: they change in another stack.
    """
    deployment = api.latest_deployment
    if deployment is not None:  # it is there, with a stage of its own
        scopes = [api, *(each for each in elsewhere if isinstance(each, Construct))]
        deployment.add_to_logical_id(cdk.Lazy.any(_ServedProperties(scopes)))


@jsii.implements(cdk.IStableAnyProducer)
class _ServedProperties:
    """Computes the properties of everything that a stage serves, when the template is written."""

    def __init__(self, scopes: Sequence[Construct]) -> None:
        self._scopes = scopes

    def produce(self) -> list[Mapping[str, Any]]:
        """Return the properties of each resource, with its logical id."""
        return [
            {"LogicalId": part.logical_id, **part._cfn_properties}  # noqa: SLF001 - protected, not private
            for root in self._scopes
            for part in root.node.find_all()
            if isinstance(part, _SERVED)
        ]

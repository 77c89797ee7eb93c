"""A stand-in for an AWS account, whose services give a test's answers through boto3's clients."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import boto3
from botocore.validate import ParamValidator

from cdk_gtm_connector_cli.stack import DeliveryResources, Resource
from cdk_gtm_connector_cli.verify.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Refused:
    """An error answer of a service."""

    code: str
    status: int = 400


@dataclass(slots=True)
class Account:
    """Answers by ``service.Operation``: documents, :class:`Refused`, or functions."""

    answers: Mapping[str, Any]
    _clients: dict[str, Any] = field(default_factory=dict)
    _parameters: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """Return a boto3 client that validates parameters and answers."""
        if service not in self._clients:
            session: Any = boto3.session.Session()  # its types know only literal service names
            client = session.client(
                service,
                region_name="eu-central-1",
                aws_access_key_id="x",
                aws_secret_access_key="x",  # noqa: S106 - nobody's
            )
            client.meta.events.register("provide-client-params", self._remember)
            client.meta.events.register("before-call", self._answer)
            self._clients[service] = client
        return self._clients[service]

    def _remember(self, params: dict[str, Any], **_: Any) -> None:
        self._parameters = dict(params)

    def _answer(self, model: Any, **_: Any) -> tuple[Any, dict[str, Any]]:
        key = f"{model.service_model.service_name}.{model.name}"
        answer = self.answers[key]
        if callable(answer):
            answer = answer(**self._parameters)
        if isinstance(answer, Refused):
            error = {"Code": answer.code, "Message": f"{key} says {answer.code}"}
            meta = {"HTTPStatusCode": answer.status}
            return SimpleNamespace(status_code=answer.status), {
                "Error": error,
                "ResponseMetadata": meta,
            }
        if model.output_shape is not None:
            report = ParamValidator().validate(answer, model.output_shape)
            assert not report.has_errors(), report.generate_report()
        meta = {"HTTPStatusCode": HTTPStatus.OK}
        return SimpleNamespace(status_code=200), {**answer, "ResponseMetadata": meta}


PROFILES = {
    "CUSTOMER_PROFILES_DOMAIN_NAME": "shop",
    "CUSTOMER_PROFILES_OBJECT_TYPE_NAME": "GtmEvent",
    "CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME": "GtmVisitor",
}


def deployment(
    answers: Mapping[str, Any],
    *,
    destination: str = "kinesis",
    environment: Mapping[str, str] | None = None,
    resources: Mapping[str, str] | None = None,
    **others: Any,
) -> Deployment:
    """Return a deployment in an account with these answers.

    Args:
        answers: See :class:`Account`.
        destination: Destination of its only function.
        environment: Further environment variables of that function.
        resources: Types of resources by physical id.
        others: Attributes of the deployment.
    """
    url = "https://sqs.eu-central-1.amazonaws.com/123456789012"
    return Deployment(
        **{
            "stack": "Shop",
            "region": "eu-central-1",
            "endpoint_url": "https://api.invalid/events",
            "api_id": "api",
            "client": Account(answers).client,
            "access_log": "Shop-AccessLog",
            "deliveries": [
                DeliveryResources(
                    kind="",
                    queue_url=f"{url}/Shop-Queue",
                    dead_letter_queue_url=f"{url}/Shop-Dead",
                    function_name="Shop-Function",
                    log_group="Shop-Log",
                    environment={"DESTINATION": destination, **(environment or {})},
                )
            ],
            "resources": [
                Resource(kind, physical_id, physical_id, physical_id, "Shop")
                for physical_id, kind in (resources or {}).items()
            ],
            "pause": 0,
            **others,
        }
    )


class Domain:
    """Customer Profiles with the assumed or a different behavior.

    Args:
        keeps: Whether a profile keeps an attribute that a newer object lacks.
        takes_newest: Whether the last object counts.
        splits: Whether each object creates a profile.
        counts: Whether calculated attributes have values.
    """

    def __init__(
        self,
        *,
        keeps: bool = True,
        takes_newest: bool = True,
        splits: bool = False,
        counts: bool = True,
    ) -> None:
        self.keeps, self.takes_newest = keeps, takes_newest
        self.splits, self.counts = splits, counts
        self.profiles: list[dict[str, Any]] = []
        self.deleted: list[str] = []

    @property
    def answers(self) -> dict[str, Any]:
        """Answers for an :class:`Account`."""
        key = {"StandardIdentifiers": ["PROFILE"], "FieldNames": ["endpoint_id"]}
        field = {"Source": "_source.user_attributes.plan", "Target": "_profile.Attributes.plan"}
        return {
            "customer-profiles.GetProfileObjectType": lambda **given: {
                "ObjectTypeName": given["ObjectTypeName"],
                "Description": "events",
                "Keys": {"_gtmEndpoint": [key]},
                "Fields": {"plan": field},
            },
            "customer-profiles.PutProfileObject": self._put,
            "customer-profiles.SearchProfiles": lambda **_: {"Items": self.profiles},
            "customer-profiles.DeleteProfile": self._delete,
            "customer-profiles.ListCalculatedAttributeDefinitions": lambda **_: {
                "Items": [{"CalculatedAttributeName": "purchases"}]
            },
            "customer-profiles.GetCalculatedAttributeForProfile": lambda **_: {
                "Value": "2" if self.counts else "0"
            },
        }

    def _put(self, **given: Any) -> dict[str, Any]:
        attributes = json.loads(given["Object"]).get("user_attributes")
        if not self.profiles or self.splits:
            self.profiles.append({"ProfileId": f"{len(self.profiles):032}", "Attributes": {}})
        if attributes is not None:
            kept = self.profiles[0]["Attributes"]
            new = {name: value for name, value in attributes.items() if name == "plan"}
            if not self.takes_newest:
                new |= kept
            self.profiles[0]["Attributes"] = {**kept, **new} if self.keeps else new
        return {"ProfileObjectUniqueKey": "x"}

    def _delete(self, **given: Any) -> dict[str, Any]:
        self.deleted.append(given["ProfileId"])
        return {"Message": "OK"}

"""The endpoint that tags call: DESIGN's fixed contract, as API Gateway is told it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest

from cdk_gtm_connector import mapping
from cdk_gtm_connector.endpoint import rules
from cdk_gtm_connector.mapping import MaxEvents
from tests.infrastructure.synthesis import add_connector, answer, headers

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Deployable, Synthesize
    from tests.infrastructure.synthesis import Resource, Template

JSON = "application/json"

# What browsers need to see an image that loaded, and what keeps every hit a hit.
IMAGE_HEADERS = {
    "Content-Type": "image/svg+xml",
    "Cache-Control": "no-store, no-cache, must-revalidate, private",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Access-Control-Allow-Origin": "*",
}

# Access log variables that say nothing about the person behind the request.
IMPERSONAL = {
    "$context.apiId",
    "$context.error.responseType",
    "$context.extendedRequestId",
    "$context.httpMethod",
    "$context.integration.latency",
    "$context.integration.status",
    "$context.protocol",
    "$context.requestTime",
    "$context.requestTimeEpoch",
    "$context.resourcePath",
    "$context.responseLatency",
    "$context.responseLength",
    "$context.stage",
    "$context.status",
}


@pytest.fixture(scope="session")
def get(template: Template) -> Resource:
    """``GET /events``."""
    return template.get_method


@pytest.fixture(scope="session")
def integration(get: Resource) -> dict[str, Any]:
    """What ``GET /events`` is integrated with."""
    return dict(get.properties["Integration"])


class TestAddress:
    """URLs already pasted into GTM containers keep working."""

    def test_stage_and_resource_keep_their_names(self, template: Template) -> None:
        api = template.only("AWS::ApiGateway::RestApi")
        resource = template.only("AWS::ApiGateway::Resource")
        assert template.stage.properties["StageName"] == "Api-PinpointEvents"
        assert resource.properties["PathPart"] == "events"
        assert resource.properties["ParentId"] == api.attribute("RootResourceId")

    def test_it_takes_get_post_and_preflight_and_nothing_else(self, template: Template) -> None:
        assert template.routes.keys() == {"/events"}
        methods = template.routes["/events"]
        assert methods.keys() == {"GET", "POST", "OPTIONS"}
        assert {m.properties["AuthorizationType"] for m in methods.values()} == {"NONE"}

    def test_no_media_type_is_binary(self, template: Template) -> None:
        # With */* the MOCK integration behind the preflight answers 500.
        assert "BinaryMediaTypes" not in template.only("AWS::ApiGateway::RestApi").properties


class TestQueueing:
    """API Gateway puts the hit into the queue itself."""

    def test_it_is_an_aws_integration_with_the_queues_path(
        self, template: Template, integration: dict[str, Any]
    ) -> None:
        assert integration["Type"] == "AWS"
        assert integration["IntegrationHttpMethod"] == "POST"
        assert integration["Uri"] == (
            "arn:${AWS::Partition}:apigateway:${AWS::Region}:sqs:path/${AWS::AccountId}/"
            + template.queue.attribute("QueueName")
        )

    def test_it_speaks_the_json_protocol(self, integration: dict[str, Any]) -> None:
        assert integration["RequestParameters"] == {
            "integration.request.header.Content-Type": "'application/x-amz-json-1.0'",
            "integration.request.header.X-Amz-Target": "'AmazonSQS.SendMessage'",
        }

    def test_what_no_template_was_written_for_does_not_pass(
        self, integration: dict[str, Any]
    ) -> None:
        assert integration["PassthroughBehavior"] == "NEVER"
        # A GET without a Content-Type, which is every image tag's, is application/json here.
        assert integration["RequestTemplates"].keys() == {
            "application/json",
            "application/x-www-form-urlencoded",
            "text/plain",
            "multipart/form-data",
            "text/html",
            "text/xml",
            "application/xml",
            "application/octet-stream",
        }

    def test_the_template_is_that_of_the_library_with_the_queues_url(
        self, template: Template, integration: dict[str, Any]
    ) -> None:
        expected = mapping.message(
            call=mapping.send_message(template.queue.ref),
            content="query",
            authorizer=None,
            rules=rules(),
        )
        assert f'{{"QueueUrl":"{template.queue.ref}","MessageBody":"$envelope' in expected
        assert set(integration["RequestTemplates"].values()) == {expected}

    def test_no_placeholder_is_left(self, options: dict[str, Deployable]) -> None:
        for deployable in options.values():
            for method in deployable.template.all("AWS::ApiGateway::Method"):
                assert not re.search(r"@[A-Z_]+@", json.dumps(method.properties))

    def test_it_acts_as_the_role_that_may_send(
        self, template: Template, integration: dict[str, Any]
    ) -> None:
        assert integration["Credentials"] == template.role("apigateway.amazonaws.com").arn

    def test_no_function_is_on_the_way(self, template: Template) -> None:
        assert not template.all("AWS::Lambda::Permission")
        assert not template.all("AWS::ApiGateway::Authorizer")
        on_the_way = [r for r in template.resources if r.type.startswith("AWS::ApiGateway::")]
        assert on_the_way
        for resource in on_the_way:
            assert template.function.logical_id not in json.dumps(resource.properties)


class TestValidation:
    """A hit that lacks what an event needs is refused by the endpoint."""

    def test_both_parameters_are_required(self, get: Resource) -> None:
        assert get.properties["RequestParameters"] == {
            "method.request.querystring.event": True,
            "method.request.querystring.endpoint_id": True,
        }

    def test_a_validator_checks_them(self, template: Template, get: Resource) -> None:
        validator = template.only("AWS::ApiGateway::RequestValidator")
        assert get.properties["RequestValidatorId"] == validator.ref
        assert validator.properties["ValidateRequestParameters"] is True


class TestAnswers:
    """An image for success, an error for everything else."""

    def test_success_is_a_transparent_svg_of_one_pixel(self, integration: dict[str, Any]) -> None:
        success = answer(integration, "200")
        assert success["ResponseTemplates"] == {
            "application/json": '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
        }
        assert "ContentHandling" not in success

    def test_success_has_every_header(self, integration: dict[str, Any]) -> None:
        assert headers(answer(integration, "200"), "method.response") == IMAGE_HEADERS

    def test_only_a_200_of_the_queue_is_success(self, integration: dict[str, Any]) -> None:
        patterns = {
            response["StatusCode"]: response.get("SelectionPattern")
            for response in integration["IntegrationResponses"]
        }
        assert patterns == {"200": "200", "502": None}  # None: whatever matches no other pattern

    def test_a_failure_is_json_that_nobody_caches(self, integration: dict[str, Any]) -> None:
        failure = answer(integration, "502")
        assert headers(failure, "method.response") == {
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            "Access-Control-Allow-Origin": "*",
        }
        messages = re.findall(r'{"message": "[^"]*"}', failure["ResponseTemplates"][JSON])
        assert messages == ['{"message": "The event could not be queued. Send it again."}']

    def test_a_refusal_is_told_from_a_failure(self, integration: dict[str, Any]) -> None:
        # What is answered in which case: tests/unit/test_templates.py.
        failure = answer(integration, "502")["ResponseTemplates"][JSON]
        # A GET has no list, and is not too large.
        assert "#elseif(false)#set($context.responseOverride.status = 400)" in failure
        assert failure.count("#set($context.responseOverride.status = 400)") == 2
        assert "#if(false)#set($context.responseOverride.status = 413)" in failure

    def test_every_method_declares_the_answers_it_gives(
        self, options: dict[str, Deployable]
    ) -> None:
        # API Gateway refuses a mapping to a status or header that the method does not declare.
        for deployable in options.values():
            for method in deployable.template.all("AWS::ApiGateway::Method"):
                declared = {
                    response["StatusCode"]: set(response["ResponseParameters"])
                    for response in method.properties["MethodResponses"]
                }
                given = {
                    response["StatusCode"]: set(response["ResponseParameters"])
                    for response in method.properties["Integration"]["IntegrationResponses"]
                }
                assert declared == given


class TestLogs:
    """What the stage writes down, and what it must not."""

    def test_access_log_is_json_without_personal_data(self, template: Template) -> None:
        access_log = json.loads(template.stage.properties["AccessLogSetting"]["Format"])
        assert set(access_log.values()) <= IMPERSONAL
        # API Gateway wants a request id in every format; a client can choose the other one.
        assert "$context.extendedRequestId" in access_log.values()
        assert {"$context.status", "$context.error.responseType"} <= set(access_log.values())

    def test_access_log_goes_to_its_own_log_group(self, template: Template) -> None:
        destination = template.stage.properties["AccessLogSetting"]["DestinationArn"]
        assert destination in {log.arn for log in template.log_groups}
        function_log = template.function.properties["LoggingConfig"]["LogGroup"]
        assert destination != function_log.replace("}", ".Arn}")

    def test_metrics_are_on_and_execution_logs_off(self, template: Template) -> None:
        # Execution logs hold query strings.
        assert template.stage.properties["MethodSettings"] == [
            {
                "HttpMethod": "*",
                "ResourcePath": "/*",
                "MetricsEnabled": True,
                "LoggingLevel": "OFF",
                "DataTraceEnabled": False,
            }
        ]

    def test_both_logs_end(self, template: Template) -> None:
        assert [log.properties["RetentionInDays"] for log in template.log_groups] == [90, 90]


class TestDeployment:
    """A REST API serves what was last deployed, not what it is configured to be."""

    def test_the_deployment_waits_for_all_of_the_api(self, template: Template) -> None:
        deployment = template.only("AWS::ApiGateway::Deployment")
        assert template.stage.properties["DeploymentId"] == deployment.ref
        parts = [
            resource.logical_id
            for kind in ("Method", "Resource", "GatewayResponse", "RequestValidator", "Model")
            for resource in template.all(f"AWS::ApiGateway::{kind}")
        ]
        # And for the permission to call the queue.
        role = template.role("apigateway.amazonaws.com")
        (policy,) = (
            policy.logical_id
            for policy in template.all("AWS::IAM::Policy")
            if role.ref in policy.properties["Roles"]
        )
        # And for who takes out of the queue: see test_fan_out.py.
        delivery = {
            resource.logical_id
            for resource in template.resources
            if resource.logical_id.startswith("ConnectorDelivery")
        }
        assert deployment.depends_on == {*parts, role.logical_id, policy, *delivery}

    @pytest.mark.parametrize(
        ("constant", "value"),
        [
            ("event_methods._IMAGE", "<svg/>"),
            ("event_methods._ERROR_HEADERS", {"Content-Type": "text/plain"}),
            ("endpoint.REQUIRED_PARAMETERS", ("event",)),
            ("endpoint.MAX_BODY_CHARACTERS", 1),
            ("max_events.DEFAULT_MAX_EVENTS", MaxEvents(anonymous=1, authenticated=1)),
            ("unset_values.UNSET_VALUES", ("undefined",)),
            ("cors._MAX_AGE", cdk.Duration.seconds(1)),
        ],
    )
    def test_a_changed_answer_makes_a_new_deployment(
        self,
        imported: Template,
        synthesized: Synthesize,
        monkeypatch: pytest.MonkeyPatch,
        constant: str,
        value: object,
    ) -> None:
        monkeypatch.setattr(f"cdk_gtm_connector.{constant}", value)
        changed = synthesized(add_connector).only("AWS::ApiGateway::Deployment")
        assert changed.logical_id != imported.only("AWS::ApiGateway::Deployment").logical_id

    def test_so_does_another_option_of_the_api(self, options: dict[str, Deployable]) -> None:
        # All but the last part of an id is the construct's path.
        hashes = {
            name: options[name].template.only("AWS::ApiGateway::Deployment").logical_id[-32:]
            for name in (
                "NobodyAny", "NobodyOne", "NobodySeveral", "SignedTokenAny", "CognitoAny",
                "LambdaAny", "IamAny", "Privacy", "UnsetValues", "NoUnsetValues",
            )
        }  # fmt: skip
        assert len(set(hashes.values())) == len(hashes)

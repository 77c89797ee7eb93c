"""A connector in somebody else's app."""

from __future__ import annotations

import ast
import json
import re
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import _jsii
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs

import cdk_gtm_connector
from cdk_gtm_connector import CollectionApi, Destination, tokens
from tests.infrastructure.options import OWN_MODULE
from tests.infrastructure.synthesis import add_connector, synthesize

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

    from tests.infrastructure.conftest import Synthesize
    from tests.infrastructure.synthesis import Template


class TestStranger:
    """It adds what it needs to the stack and nothing else."""

    def test_outputs_are_the_stacks_to_decide(self, imported: Template) -> None:
        assert imported.outputs == {}

    def test_it_asks_nothing_of_who_deploys(self, imported: Template) -> None:
        assert imported.document["Parameters"].keys() == {"BootstrapVersion"}  # the stack's own

    def test_physical_names_are_left_to_cloudformation(self, imported: Template) -> None:
        # A name of our own would collide with itself, in a second stack or on replacement.
        for resource in imported.resources:
            names = {
                name
                for name in resource.properties
                if name.endswith("Name") and name not in {"PolicyName", "StageName", "FunctionName"}
            }
            assert names <= ({"Name"} if resource.type == "AWS::ApiGateway::RestApi" else set())
        assert "FunctionName" not in imported.function.properties

    def test_the_account_wide_log_role_is_left_alone(self, imported: Template) -> None:
        assert not imported.all("AWS::ApiGateway::Account")

    def test_the_library_reads_no_context_and_no_environment(self) -> None:
        forbidden_modules = {"os", "subprocess", "socket", "boto3", "botocore"}
        forbidden_names = {
            *("try_get_context", "get_context", "get_all_context", "cwd", "environ"),
            *("argv", "executable", "modules"),
        }
        package = Path(cdk_gtm_connector.__file__).parent
        constructs = {*package.glob("*.py"), *package.glob("destinations/*.py")}
        constructs.update(package.glob("monitoring/*.py"))
        # A command-line program, which no construct imports.
        constructs.remove(Path(tokens.__file__))
        forbidden_modules.add(tokens.__name__)
        for path in constructs:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    assert not {alias.name for alias in node.names} & forbidden_modules, path
                elif isinstance(node, ast.ImportFrom):
                    assert node.module not in forbidden_modules, path
                elif isinstance(node, ast.Attribute):
                    assert node.attr not in forbidden_names, path


@pytest.fixture(scope="session")
def built_upon(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A stack that uses every public attribute."""

    def build(stack: cdk.Stack) -> None:
        connector = add_connector(stack)
        for name, value in {
            "Api": connector.api.rest_api_id,
            "Queue": connector.queue.queue_arn,
            "DeadLetterQueue": connector.dead_letter_queue.queue_arn,
            "Function": connector.function.function_arn,
            "FunctionRole": connector.delivery.role.role_arn,
            "Deliveries": connector.deliveries[0].queue.queue_arn,
            "FunctionLog": connector.delivery.log.log_group_name,
            "IntegrationRole": connector.collection.integration_role.role_arn,
            "AccessLog": connector.collection.access_log.log_group_arn,
            "EndpointUrl": connector.endpoint_url,
            "GtmImageUrl": connector.gtm_image_url,
        }.items():
            cdk.CfnOutput(stack, name, value=value)
        connector.dead_letter_queue.metric_approximate_number_of_messages_visible().create_alarm(
            stack, "Rejected", threshold=1, evaluation_periods=1
        )

    outdir = tmp_path_factory.mktemp("built_upon")
    return synthesize(outdir, {"Theirs": build})["Theirs"]


class TestPublicAttributes:
    """What the constructs own can be built upon."""

    def test_they_are_what_their_names_say(self, built_upon: Template) -> None:
        api = built_upon.only("AWS::ApiGateway::RestApi")
        url = (
            f"https://{api.ref}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"
            f"/{built_upon.stage.ref}/events"
        )
        assert built_upon.outputs == {
            "Api": api.ref,
            "Queue": built_upon.queue.arn,
            "DeadLetterQueue": built_upon.dead_letter_queue.arn,
            "Function": built_upon.function.arn,
            "FunctionRole": built_upon.role("lambda.amazonaws.com").arn,
            "Deliveries": built_upon.queue.arn,
            "FunctionLog": built_upon.function.properties["LoggingConfig"]["LogGroup"],
            "IntegrationRole": built_upon.role("apigateway.amazonaws.com").arn,
            "AccessLog": built_upon.stage.properties["AccessLogSetting"]["DestinationArn"],
            "EndpointUrl": url,
            "GtmImageUrl": url + "?event={{Event}}&endpoint_id={{endpoint_id}}",
        }

    def test_an_alarm_watches_the_dead_letter_queue(self, built_upon: Template) -> None:
        (dimension,) = built_upon.only("AWS::CloudWatch::Alarm").properties["Dimensions"]
        assert dimension["Value"] == built_upon.dead_letter_queue.attribute("QueueName")

    def test_they_are_there_on_purpose(self) -> None:
        assert sorted(cdk_gtm_connector.__all__) == [
            "Authorizer",
            "BeginsWith",
            "CalculatedAttribute",
            "CognitoAuthorizer",
            "CollectionApi",
            "Contains",
            "Cors",
            "CustomerProfilesDestination",
            "DeliveryOptions",
            "Destination",
            "DestinationModule",
            "Domain",
            "EndsWith",
            "EqualTo",
            "EventBridgeDestination",
            "EventDelivery",
            "Exclusive",
            "FirehoseDestination",
            "Firewall",
            "GreaterThan",
            "GreaterThanOrEqual",
            "GtmConnector",
            "IamAuthorizer",
            "Inclusive",
            "KinesisDestination",
            "LambdaAuthorizer",
            "LessThan",
            "LessThanOrEqual",
            "Monitoring",
            "PinpointDestination",
            "ProfileEventTrigger",
            "PropError",
            "Segment",
            "SignedTokenAuthorizer",
        ]
        for name in cdk_gtm_connector.__all__:
            assert getattr(cdk_gtm_connector, name).__name__ == name
        assert set(cdk_gtm_connector.__all__) <= set(dir(cdk_gtm_connector))

    def test_other_names_are_not(self) -> None:
        with pytest.raises(AttributeError, match="'Connector'"):
            getattr(cdk_gtm_connector, "Connector")  # noqa: B009 - mypy knows as much


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The stack."""

    def build(stack: cdk.Stack) -> None:
        for name in ("Shop", "Blog"):
            connector = add_connector(
                stack,
                name,
                destination=cdk_gtm_connector.PinpointDestination(application_id=name),
            )
            cdk.CfnOutput(stack, f"{name}Url", value=connector.endpoint_url)

    outdir = tmp_path_factory.mktemp("pair")
    return synthesize(outdir, {"Theirs": build})["Theirs"]


class TestTwoInOneStack:
    """Two connectors in one stack, for two applications."""

    def test_each_has_everything(self, pair: Template, imported: Template) -> None:
        assert sorted(r.type for r in pair.resources) == sorted(
            2 * [r.type for r in imported.resources]
        )

    def test_they_share_nothing(self, pair: Template) -> None:
        for resource in pair.resources:
            other = "Blog" if resource.logical_id.startswith("Shop") else "Shop"
            references = re.findall(r"\$\{(\w+)", json.dumps(resource.properties))
            assert not [name for name in references if name.startswith(other)], resource

    def test_each_function_writes_to_its_own_application(self, pair: Template) -> None:
        for function in pair.all("AWS::Lambda::Function"):
            name = function.logical_id[:4]
            environment = function.properties["Environment"]["Variables"]
            assert environment["PINPOINT_APPLICATION_ID"] == name

    def test_they_are_told_apart_in_the_console(self, pair: Template) -> None:
        names = {api.properties["Name"] for api in pair.all("AWS::ApiGateway::RestApi")}
        assert len(names) == 2
        assert len(set(pair.outputs.values())) == 2


def recommended_flags() -> dict[str, Any]:
    """Return the feature flags that ``cdk init`` writes into a new app's ``cdk.json``."""
    (package,) = Path(_jsii.__file__).parent.glob("aws-cdk-lib@*.jsii.tgz")
    with tarfile.open(package) as archive:
        member = archive.extractfile("package/recommended-feature-flags.json")
        assert member is not None
        flags: dict[str, Any] = json.load(member)
    assert "@aws-cdk/aws-apigateway:disableCloudWatchRole" in flags
    return flags


class TestFeatureFlags:
    """The importing app's flags decide many a default of aws-cdk-lib and nothing here."""

    @pytest.mark.parametrize("value", [True, False])
    def test_the_log_role_is_decided_by_the_prop_alone(
        self, imported: Template, synthesized: Synthesize, *, value: bool
    ) -> None:
        context = {"@aws-cdk/aws-apigateway:disableCloudWatchRole": value}
        without = synthesized(add_connector, context=context)
        assert without.resources == imported.resources
        with_role = synthesized(lambda s: add_connector(s, cloud_watch_role=True), context=context)
        assert with_role.props == {**imported.props, "cloud_watch_role": True}

    @pytest.mark.parametrize("choice", ["recommended", "all on", "all off"])
    def test_an_upgraded_app_keeps_its_resources(
        self, imported: Template, synthesized: Synthesize, choice: str
    ) -> None:
        flags = recommended_flags()
        if choice != "recommended":
            flags = dict.fromkeys(flags, choice == "all on")
        flagged = synthesized(add_connector, context=flags)
        added = flagged.logical_ids.items() - imported.logical_ids.items()
        assert len(flagged.logical_ids) == len(imported.logical_ids) + len(added)
        # One flag, which is not among the recommended, splits the function's policy.
        assert {kind for _, kind in added} <= (
            {"AWS::IAM::Policy"} if choice == "all on" else set()
        )
        assert flagged.props == imported.props
        for service in ("apigateway.amazonaws.com", "lambda.amazonaws.com"):
            assert flagged.grants(flagged.role(service)) == imported.grants(imported.role(service))


class TestPlaces:
    """Accounts and Regions."""

    def test_a_stack_that_knows_its_own(self, synthesized: Synthesize) -> None:
        env = cdk.Environment(account="111111111111", region="eu-central-1")
        template = synthesized(add_connector, env=env)
        assert template.get_method.properties["Integration"]["Uri"] == (
            "arn:${AWS::Partition}:apigateway:eu-central-1:sqs:path/111111111111/"
            + template.queue.attribute("QueueName")
        )

    def test_a_queue_of_another_account_and_region(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            arn = "arn:aws:sqs:eu-west-1:222222222222:events"
            CollectionApi(
                stack,
                "Collection",
                queue=sqs.Queue.from_queue_arn(stack, "Queue", arn),
                log_retention=logs.RetentionDays.ONE_DAY,
                cloud_watch_role=False,
            )

        template = synthesized(build)
        integration = template.get_method.properties["Integration"]
        assert integration["Uri"] == (
            "arn:${AWS::Partition}:apigateway:eu-west-1:sqs:path/222222222222/events"
        )
        request = integration["RequestTemplates"]["application/json"]
        url = re.search(r'"QueueUrl":"([^"]*)"', request)
        assert url is not None
        assert url[1] == "https://sqs.eu-west-1.${AWS::URLSuffix}/222222222222/events"


class TestOwnDestination:
    """A destination of the importing app's own."""

    def test_it_decides_what_the_function_is_told_and_may_do(self, synthesized: Synthesize) -> None:
        class Nowhere(Destination):
            module = OWN_MODULE

            def bind(self, function: lambda_.Function) -> None:
                function.add_environment("NOWHERE", "true")

        template = synthesized(lambda stack: add_connector(stack, destination=Nowhere()))
        assert template.environment["DESTINATION"] == "shop_webhook:create"
        assert template.environment["NOWHERE"] == "true"
        assert "PINPOINT_APPLICATION_ID" not in template.environment
        assert "mobiletargeting" not in json.dumps(template.document)


class TestCloudWatchRole:
    """The account-wide role with which API Gateway writes logs, where it is asked for."""

    def test_the_stage_waits_for_it(self, with_role: Template) -> None:
        # A stage that logs cannot be created before the account has the role.
        account = with_role.only("AWS::ApiGateway::Account")
        assert account.logical_id in with_role.stage.depends_on

    def test_it_outlives_the_stack(self, with_role: Template) -> None:
        # Every other API of the account in this Region logs with it.
        account = with_role.only("AWS::ApiGateway::Account")
        (role,) = (
            role
            for role in with_role.all("AWS::IAM::Role")
            if role.arn == account.properties["CloudWatchRoleArn"]
        )
        assert (account.deletion_policy, role.deletion_policy) == ("Retain", "Retain")

    def test_it_may_write_logs(self, with_role: Template) -> None:
        policies = [
            policy
            for role in with_role.all("AWS::IAM::Role")
            for policy in role.properties.get("ManagedPolicyArns", ())
        ]
        managed = "arn:${AWS::Partition}:iam::aws:policy/service-role/"
        assert policies == [managed + "AmazonAPIGatewayPushToCloudWatchLogs"]

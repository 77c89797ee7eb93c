"""Tests of the effect of an update on deployed resources."""

from __future__ import annotations

import itertools
import json
import shutil
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER  # type: ignore[import-untyped]

from cdk_gtm_connector import CognitoAuthorizer, LambdaAuthorizer, SignedTokenAuthorizer
from cdk_gtm_connector.lambda_asset import source_root
from tests.infrastructure.options import (
    DESTINATIONS,
    FUNCTION_ARN,
    OPTIONS,
    SETTINGS,
    USER_POOL_ARN,
)
from tests.infrastructure.released import released_templates
from tests.infrastructure.synthesis import Template, add_connector

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from constructs import IConstruct

    from cdk_gtm_connector import Authorizer, GtmConnector
    from tests.infrastructure.conftest import Deployable

AUTHORIZER_FLAG = "@aws-cdk/aws-apigateway:authorizerChangeDeploymentLogicalId"

# Parts of an API that its stage serves only after a deployment.
SERVED = {
    "AWS::ApiGateway::Authorizer",
    "AWS::ApiGateway::GatewayResponse",
    "AWS::ApiGateway::Method",
    "AWS::ApiGateway::Model",
    "AWS::ApiGateway::RequestValidator",
    "AWS::ApiGateway::Resource",
    "AWS::ApiGateway::RestApi",
}
# Resources that an update must not replace, whatever options change.
STATEFUL = {
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Stage",
    "AWS::CustomerProfiles::Domain",
    "AWS::Logs::LogGroup",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::SecretsManager::Secret",
}


@cache
def create_only(resource_type: str) -> tuple[tuple[str, ...], ...]:
    """Return the paths of the properties whose change replaces a resource."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource_type).schema
    paths = [
        *schema.get("createOnlyProperties", ()),
        *schema.get("conditionalCreateOnlyProperties", ()),
    ]
    return tuple(tuple(path.removeprefix("/properties/").split("/")) for path in paths)


def replaced_properties(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the properties whose change from one resource to the other replaces it."""
    if before["Type"] != after["Type"]:
        return ["Type"]
    return [
        "/".join(path)
        for path in create_only(before["Type"])
        if _at(before.get("Properties", {}), path) != _at(after.get("Properties", {}), path)
    ]


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


@pytest.fixture(scope="session")
def updated(
    options: dict[str, Deployable],
    destinations: dict[str, Deployable],
    settings: dict[str, Deployable],
) -> dict[str, Mapping[str, Any]]:
    """The current templates by option set."""
    return {
        name: deployable.template.document["Resources"]
        for name, deployable in {**options, **destinations, **settings}.items()
    }


class TestWhatIsDeployed:
    """An update from the newest release."""

    def test_every_option_set_of_the_release_is_compared(
        self, updated: dict[str, Mapping[str, Any]]
    ) -> None:
        assert len(released_templates()) >= 52
        assert released_templates().keys() <= updated.keys()

    @pytest.mark.parametrize("name", released_templates())
    def test_nothing_of_it_is_replaced_or_removed(
        self, updated: dict[str, Mapping[str, Any]], name: str
    ) -> None:
        replaced = {}
        for logical_id, before in released_templates()[name]["Resources"].items():
            if before["Type"] == "AWS::ApiGateway::Deployment":
                continue  # always a new one, because it is a snapshot
            after = updated[name].get(logical_id)
            what = ["removed"] if after is None else replaced_properties(before, after)
            if what:
                replaced[logical_id] = what
        assert replaced == {}

    @pytest.mark.parametrize("group", [OPTIONS | DESTINATIONS, SETTINGS], ids=["library", "app"])
    def test_nor_what_holds_something_when_options_change_with_it(
        self, updated: dict[str, Mapping[str, Any]], group: Mapping[str, Any]
    ) -> None:
        released = [name for name in group if name in released_templates()]
        replaced = set()
        for old, new in itertools.product(released, group):
            for logical_id, before in released_templates()[old]["Resources"].items():
                after = updated[new].get(logical_id)
                if before["Type"] in STATEFUL and after is not None:
                    replaced |= {
                        (old, new, logical_id, what) for what in replaced_properties(before, after)
                    }
        assert replaced == set()

    @pytest.mark.parametrize(
        ("resource_type", "path"),
        [
            ("AWS::SQS::Queue", "QueueName"),
            ("AWS::SNS::Topic", "TopicName"),
            ("AWS::Logs::LogGroup", "LogGroupName"),
            ("AWS::SecretsManager::Secret", "Name"),
            ("AWS::ApiGateway::Stage", "StageName"),
        ],
    )
    def test_the_comparison_would_see_it(self, resource_type: str, path: str) -> None:
        before = {"Type": resource_type, "Properties": {path: "one"}}
        after = {"Type": resource_type, "Properties": {path: "another"}}
        assert replaced_properties(before, after) == [path]
        assert replaced_properties(before, before) == []


def served(template: Template) -> dict[str, Any]:
    """Return the properties of the parts that the stage serves, by logical id."""
    return {
        logical_id: resource.get("Properties")
        for logical_id, resource in template.document["Resources"].items()
        if resource["Type"] in SERVED
    }


def deployment(template: Template) -> str:
    """Return the logical id of the deployment that the stage serves."""
    (deployed,) = template.all("AWS::ApiGateway::Deployment")
    assert template.stage.properties["DeploymentId"] == deployed.ref
    return deployed.logical_id


def synthesize_alike(
    outdir: Path, builders: Mapping[str, Callable[[cdk.Stack], object]], **context: Any
) -> dict[str, Template]:
    """Return the templates of stacks that differ only in the constructs of ``builders``."""
    app = cdk.App(outdir=str(outdir), context=context)
    for name, build in builders.items():
        build(cdk.Stack(cdk.Stage(app, name), "Theirs", stack_name="Theirs"))
    app.synth(skip_validation=True)
    templates = {}
    for name in builders:
        (path,) = outdir.glob(f"assembly-{name}/*.template.json")
        templates[name] = Template(path, json.loads(path.read_text(encoding="utf-8")))
    return templates


def with_signed_token(stack: cdk.Stack, **props: Any) -> Authorizer:
    """Guard by signed tokens."""
    return SignedTokenAuthorizer(stack, props.pop("construct_id", "Token"), **props)


def with_function(
    stack: cdk.Stack, *, name: str = "theirs", source: str = "X-Session", seconds: int = 0
) -> Authorizer:
    """Guard by somebody's own function."""
    function = lambda_.Function.from_function_attributes(
        stack,
        "Theirs",
        function_arn=FUNCTION_ARN.replace("theirs", name),
        same_environment=True,
    )
    return LambdaAuthorizer(
        stack,
        "Authorizer",
        function=function,
        identity_sources=[apigateway.IdentitySource.header(source)],
        headers=[source],
        results_cache_ttl=cdk.Duration.seconds(seconds),
    )


def with_pools(stack: cdk.Stack, *names: str) -> Authorizer:
    """Guard by user pools."""
    pools = [
        cognito.UserPool.from_user_pool_arn(stack, name, f"{USER_POOL_ARN}{name}") for name in names
    ]
    return CognitoAuthorizer(stack, "Authorizer", user_pools=pools)


def guarded(stack: cdk.Stack, guard: Callable[[cdk.Stack], Authorizer]) -> GtmConnector:
    """Add a connector with an authorizer."""
    return add_connector(stack, authorizer=guard(stack))


# Authorizers that all differ.
GUARDS: dict[str, Callable[[cdk.Stack], Authorizer]] = {
    "SignedToken": with_signed_token,
    "AnotherFunction": partial(with_signed_token, construct_id="NewToken"),
    "CachedToken": partial(with_signed_token, results_cache_ttl=cdk.Duration.minutes(5)),
    "Lambda": with_function,
    "AnotherLambda": partial(with_function, name="another"),
    "AnotherSource": partial(with_function, source="X-Proof"),
    "CachedLambda": partial(with_function, seconds=30),
    "Pool": lambda stack: with_pools(stack, "a"),
    "AnotherPool": lambda stack: with_pools(stack, "b"),
    "Pools": lambda stack: with_pools(stack, "a", "b"),
}


@jsii.implements(cdk.IAspect)
class CacheLonger:
    """An aspect that changes every authorizer, as a company's rules for all stacks may."""

    def visit(self, node: IConstruct) -> None:
        """Visit ``node``."""
        if isinstance(node, apigateway.CfnAuthorizer):
            node.authorizer_result_ttl_in_seconds = 900


@pytest.fixture(scope="session", params=[None, True, False], ids=["unset", "on", "off"])
def alike(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Template]:
    """Every authorizer and option sets, in stacks with one name, by feature flag.

    The flag is about authorizers. If it is set, it meets only a few of the other option sets.
    """
    guards = {f"Guard{name}": partial(guarded, guard=guard) for name, guard in GUARDS.items()}
    outdir = tmp_path_factory.mktemp("alike")
    if request.param is None:
        return synthesize_alike(outdir, {**OPTIONS, **DESTINATIONS, **guards})
    few = dict(itertools.islice(DESTINATIONS.items(), 6))
    return synthesize_alike(outdir, {**few, **guards}, **{AUTHORIZER_FLAG: request.param})


class TestDeployment:
    """Tests that the stage serves the new parts, whatever the app's feature flags."""

    def test_it_changes_with_what_the_stage_serves_and_with_nothing_else(
        self, alike: dict[str, Template]
    ) -> None:
        different = same = 0
        for one, other in itertools.combinations(alike, 2):
            changes = served(alike[one]) != served(alike[other])
            assert (deployment(alike[one]) != deployment(alike[other])) is changes, (one, other)
            different += changes
            same += not changes
        assert different > same > 10

    def test_each_of_these_authorizers_is_another_api(self, alike: dict[str, Template]) -> None:
        deployments = {deployment(alike[f"Guard{name}"]) for name in GUARDS}
        assert len(deployments) == len(GUARDS)

    def test_it_waits_for_the_authorizers_function_and_its_permission(
        self, alike: dict[str, Template]
    ) -> None:
        template = alike["GuardSignedToken"]
        (deployed,) = template.all("AWS::ApiGateway::Deployment")
        assert {
            template.token_function.logical_id,
            template.only("AWS::Lambda::Permission").logical_id,
            template.only("AWS::ApiGateway::Authorizer").logical_id,
        } <= deployed.depends_on

    def test_an_aspect_counts_too(self, tmp_path: Path) -> None:
        def build(stack: cdk.Stack) -> None:
            guarded(stack, with_signed_token)
            cdk.Aspects.of(stack).add(CacheLonger())

        templates = synthesize_alike(
            tmp_path, {"Before": partial(guarded, guard=with_signed_token), "After": build}
        )
        assert deployment(templates["Before"]) != deployment(templates["After"])

    def test_new_code_is_no_new_deployment(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        build = {"Theirs": partial(guarded, guard=with_signed_token)}
        before = synthesize_alike(tmp_path / "before", build)["Theirs"]
        changed = tmp_path / "source"
        shutil.copytree(source_root(), changed)
        changed.joinpath("gtm_token_authorizer", "new.py").touch()
        monkeypatch.setattr("cdk_gtm_connector.lambda_asset.source_root", lambda: changed)
        after = synthesize_alike(tmp_path / "after", build)["Theirs"]
        assert before.token_function.properties["Code"] != after.token_function.properties["Code"]
        assert deployment(before) == deployment(after)

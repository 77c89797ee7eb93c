"""``Cors`` and the authorizers with somebody else's ``RestApi``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
from aws_cdk import aws_apigateway as apigateway

from cdk_gtm_connector import Cors, SignedTokenAuthorizer
from tests.infrastructure.options import AUTHORIZERS, SEVERAL_ORIGINS
from tests.infrastructure.synthesis import answer, headers, synthesize

if TYPE_CHECKING:
    import aws_cdk as cdk

    from tests.infrastructure.synthesis import Template


def add_api(stack: cdk.Stack, kind: str) -> None:
    """Add an API that is none of this library's, guarded by an authorizer that is."""
    authorizer = AUTHORIZERS[kind](stack)
    resource = apigateway.RestApi(stack, "Api", cloud_watch_role=False).root.add_resource("cart")
    resource.add_method(
        "PUT",
        apigateway.MockIntegration(),
        authorizer=authorizer.authorizer,
        authorization_type=authorizer.authorization_type,
    )
    Cors(SEVERAL_ORIGINS).add_preflight(resource, methods=["PUT"], headers=authorizer.headers)


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Template]:
    """Their stacks, by the authorizer's kind."""
    outdir = tmp_path_factory.mktemp("theirs")
    return synthesize(outdir, {kind: partial(add_api, kind=kind) for kind in AUTHORIZERS})


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("SignedToken", "CUSTOM"),
        ("Cognito", "COGNITO_USER_POOLS"),
        ("Lambda", "CUSTOM"),
        ("Iam", "AWS_IAM"),
    ],
)
def test_an_authorizer_guards_their_method(
    theirs: dict[str, Template], kind: str, expected: str
) -> None:
    template = theirs[kind]
    put = template.routes["/cart"]["PUT"].properties
    assert put["AuthorizationType"] == expected
    authorizers = [a.ref for a in template.all("AWS::ApiGateway::Authorizer")]
    assert [put["AuthorizerId"]] == authorizers if kind != "Iam" else authorizers == []


@pytest.mark.parametrize("kind", AUTHORIZERS)
def test_it_brings_nothing_of_the_connector(theirs: dict[str, Template], kind: str) -> None:
    template = theirs[kind]
    assert not template.all("AWS::SQS::Queue")
    functions = template.all("AWS::Lambda::Function")
    assert len(functions) == (1 if kind == "SignedToken" else 0)


def test_the_function_is_complete_on_its_own(theirs: dict[str, Template]) -> None:
    template = theirs["SignedToken"]
    assert template.token_function.properties["Environment"]["Variables"].keys() == {
        "SECRET_ARN",
        "AUDIENCE",
        "MAX_TOKEN_LIFETIME",
    }
    permission = template.only("AWS::Lambda::Permission").properties
    assert permission["FunctionName"] == template.token_function.arn


def test_the_preflight_is_theirs(theirs: dict[str, Template]) -> None:
    preflight = theirs["Iam"].routes["/cart"]["OPTIONS"].properties["Integration"]
    given = headers(answer(preflight, "204"), "method.response")
    assert given["Access-Control-Allow-Methods"] == "PUT,OPTIONS"
    assert "X-Amz-Date" in given["Access-Control-Allow-Headers"].split(",")
    assert given["Vary"] == "Origin"


def test_cors_needs_no_api_at_all() -> None:
    cors = Cors(["https://shop.example"])
    assert cors.origins == ("https://shop.example",)
    assert cors.answer_headers == {"Vary": "Origin"}
    assert cors.answer("{}").endswith("{}")
    assert "shop[.]example" in cors.answer("{}")
    assert Cors(None).answer("{}") == "{}"


def test_what_mints_tokens_can_be_built_upon(theirs: dict[str, Template]) -> None:
    assert theirs["SignedToken"].all("AWS::SecretsManager::Secret")
    for name in ("secret", "function", "role"):
        assert isinstance(getattr(SignedTokenAuthorizer, name), property)

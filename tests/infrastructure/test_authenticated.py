"""``/events/authenticated``: who guards it, and what the queue is told of them."""

from __future__ import annotations

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import jsii
import pytest
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk_gtm_connector import CognitoAuthorizer, PropError, SignedTokenAuthorizer
from tests.infrastructure.options import (
    AUTHORIZERS,
    FUNCTION_ARN,
    OPTIONS,
    ORIGINS,
    USER_POOL_ARN,
    add_lambda,
)
from tests.infrastructure.synthesis import add_connector

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.infrastructure.conftest import Deployable, Synthesize
    from tests.infrastructure.synthesis import Template

GUARDED = "/events/authenticated"
AUTHORIZATION = {
    "SignedToken": "CUSTOM",
    "Cognito": "COGNITO_USER_POOLS",
    "Lambda": "CUSTOM",
    "Iam": "AWS_IAM",
}
# References in the mapping templates: the subject's, the first that is not empty, and the
# endpoint's.
IDENTITY = {
    "SignedToken": (["$!context.authorizer.principalId"], "$!context.authorizer.endpoint_id"),
    "Cognito": (
        ["$!context.authorizer.claims.sub"],
        "$!context.authorizer.claims.get('custom:endpoint_id')",
    ),
    "Lambda": (["$!context.authorizer.principalId"], "$!context.authorizer.endpoint_id"),
    "Iam": (["$!context.identity.cognitoIdentityId", "$!context.identity.userArn"], ""),
}


def request_templates(template: Template, path: str) -> Iterator[str]:
    """Yield each template that makes a queue message of a request to ``path``."""
    for name in ("GET", "POST"):
        yield from (
            template.routes[path][name].properties["Integration"]["RequestTemplates"].values()
        )


@pytest.fixture(params=AUTHORIZERS)
def kind(request: pytest.FixtureRequest) -> str:
    """A kind of authorizer."""
    return str(request.param)


@pytest.fixture
def guarded(options: dict[str, Deployable], kind: str) -> Template:
    """A connector with that kind and nothing else."""
    return options[f"{kind}Any"].template


@pytest.fixture(scope="session")
def signed(options: dict[str, Deployable]) -> Template:
    """A connector that takes signed tokens."""
    return options["SignedTokenAny"].template


class TestRoute:
    """The route and its guard."""

    @pytest.mark.parametrize("name", OPTIONS)
    def test_it_is_there_only_with_an_authorizer(
        self, options: dict[str, Deployable], name: str
    ) -> None:
        guarded = name.startswith((*AUTHORIZERS, "Attributes", "Encrypted", "Everything"))
        template = options[name].template
        assert template.routes.keys() == ({"/events", GUARDED} if guarded else {"/events"})
        if not guarded:
            assert not template.all("AWS::ApiGateway::Authorizer")

    def test_it_takes_what_the_open_one_takes(self, guarded: Template) -> None:
        assert guarded.routes[GUARDED].keys() == guarded.routes["/events"].keys()
        for name in ("GET", "POST"):
            here, there = (guarded.routes[p][name].properties for p in (GUARDED, "/events"))
            for same in ("RequestParameters", "RequestModels", "RequestValidatorId"):
                assert here.get(same) == there.get(same)

    def test_get_and_post_are_guarded_and_preflight_is_not(
        self, guarded: Template, kind: str
    ) -> None:
        authorizers = guarded.all("AWS::ApiGateway::Authorizer")
        assert len(authorizers) == (0 if kind == "Iam" else 1)
        guard = authorizers[0].ref if authorizers else None
        found = {
            name: (method.properties["AuthorizationType"], method.properties.get("AuthorizerId"))
            for name, method in guarded.routes[GUARDED].items()
        }
        assert found == {
            "GET": (AUTHORIZATION[kind], guard),
            "POST": (AUTHORIZATION[kind], guard),
            "OPTIONS": ("NONE", None),
        }

    def test_the_other_route_stays_open(self, guarded: Template) -> None:
        for method in guarded.routes["/events"].values():
            assert method.properties["AuthorizationType"] == "NONE"
            assert "AuthorizerId" not in method.properties

    def test_its_url_needs_an_authorizer(self) -> None:
        connector = add_connector(cdk.Stack())
        with pytest.raises(PropError, match=r"^authorizer must be given .*, got None$"):
            _ = connector.authenticated_endpoint_url


class TestMessage:
    """What the queue is told, which nothing but the route decides."""

    @pytest.mark.parametrize("name", OPTIONS)
    def test_the_open_route_says_anonymous(self, options: dict[str, Deployable], name: str) -> None:
        templates = list(request_templates(options[name].template, "/events"))
        assert len(set(templates)) == 3  # for a query, a form and JSON
        for template in templates:
            assert template.count("&access=anonymous$identity") == 1
            assert "authenticated" not in template
            assert "authorizer" not in template
            assert "$context.identity" not in template
            assert template.count("#set($identity") == template.count('#set($identity = "")') == 1

    def test_the_guarded_route_says_authenticated(
        self, options: dict[str, Deployable], kind: str
    ) -> None:
        for name in (*(f"{kind}{origins}" for origins in ORIGINS), f"Everything{kind}"):
            templates = list(request_templates(options[name].template, GUARDED))
            assert len(set(templates)) == 3  # for a query, a form and JSON
            for template in templates:
                assert template.count("&access=authenticated$identity") == 1
                assert "anonymous" not in template

    def test_it_names_who_the_authorizer_vouches_for(self, guarded: Template, kind: str) -> None:
        subjects, endpoint = IDENTITY[kind]
        for template in request_templates(guarded, GUARDED):
            read = re.findall(r'#set\(\$subject = "([^"]+)"\)', template)
            assert read == subjects
            assert template.count('#if($subject == "")') == len(subjects)
            assert re.findall(r'#set\(\$endpoint = "([^"]*)"\)', template) == [endpoint]

    def test_whose_claims_must_name_an_endpoint_is_said(self, guarded: Template, kind: str) -> None:
        # Whoever asks for endpoint_claim gets no events of visitors without it.
        for template in request_templates(guarded, GUARDED):
            assert ("&bound=1" in template) is (kind == "Cognito")
        for template in request_templates(guarded, "/events"):
            assert "bound" not in template

    def test_a_signed_tokens_must_if_asked_for(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            token = SignedTokenAuthorizer(stack, "Token", require_endpoint_id=True)
            add_connector(stack, authorizer=token)

        for template in request_templates(synthesized(build), GUARDED):
            assert template.count('&endpoint=$util.urlEncode($endpoint)&bound=1")') == 1

    @pytest.mark.parametrize("name", OPTIONS)
    def test_a_token_is_never_queued(self, options: dict[str, Deployable], name: str) -> None:
        template = options[name].template
        for path in template.routes:
            for each in request_templates(template, path):
                assert each.count('#if($name != "token")#set($value = "")') == 1
                assert each.count("$params.querystring.get(") == 1

    @pytest.mark.parametrize("name", OPTIONS)
    def test_the_api_may_send_to_the_one_queue_and_nothing_else(
        self, options: dict[str, Deployable], name: str
    ) -> None:
        template = options[name].template
        (credentials,) = {
            method.properties["Integration"].get("Credentials")
            for methods in template.routes.values()
            for http_method, method in methods.items()
            if http_method != "OPTIONS"
        }
        (role,) = (r for r in template.all("AWS::IAM::Role") if r.arn == credentials)
        grants = template.grants(role)
        if name.startswith("Encrypted"):  # see test_encryption.py
            grants = {grant for grant in grants if not grant[0].startswith("kms:")}
        assert grants == {("sqs:SendMessage", template.queue.arn)}


class TestAuthorizers:
    """API Gateway's authorizers."""

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            (
                "SignedToken",
                {
                    "Type": "REQUEST",
                    "IdentitySource": "method.request.querystring.token",
                    "AuthorizerResultTtlInSeconds": 60,
                },
            ),
            (
                "Lambda",
                {
                    "Type": "REQUEST",
                    "IdentitySource": "method.request.header.X-Session",
                    "AuthorizerResultTtlInSeconds": 0,
                },
            ),
            (
                "Cognito",
                {
                    "Type": "COGNITO_USER_POOLS",
                    "IdentitySource": "method.request.header.Authorization",
                    "ProviderARNs": [USER_POOL_ARN],
                },
            ),
        ],
    )
    def test_where_they_look_and_how_long_they_remember(
        self, options: dict[str, Deployable], kind: str, expected: dict[str, object]
    ) -> None:
        template = options[f"{kind}Any"].template
        properties = dict(template.only("AWS::ApiGateway::Authorizer").properties)
        assert properties.pop("RestApiId") == template.api.ref
        assert properties.pop("Name")
        uri = properties.pop("AuthorizerUri", "")
        assert properties == expected
        called = template.token_function.arn if kind == "SignedToken" else FUNCTION_ARN
        assert uri.endswith(f"/functions/{called}/invocations") or kind == "Cognito"

    @pytest.mark.parametrize("kind", ["SignedToken", "Lambda"])
    def test_api_gateway_may_call_the_function_for_this_alone(
        self, options: dict[str, Deployable], kind: str
    ) -> None:
        template = options[f"{kind}Any"].template
        authorizer = template.only("AWS::ApiGateway::Authorizer")
        called = template.token_function.arn if kind == "SignedToken" else FUNCTION_ARN
        assert template.only("AWS::Lambda::Permission").properties == {
            "Action": "lambda:InvokeFunction",
            "FunctionName": called,
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": (
                "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:"
                f"{template.api.ref}/authorizers/{authorizer.ref}"
            ),
        }

    @pytest.mark.parametrize("kind", ["Cognito", "Iam"])
    def test_the_others_call_none(self, options: dict[str, Deployable], kind: str) -> None:
        template = options[f"{kind}Any"].template
        assert not template.all("AWS::Lambda::Permission")
        assert len(template.all("AWS::Lambda::Function")) == 1

    @pytest.mark.parametrize("seconds", [0, 3_600])
    def test_how_long_is_the_owners_to_say(self, synthesized: Synthesize, seconds: int) -> None:
        def build(stack: cdk.Stack) -> None:
            ttl = cdk.Duration.seconds(seconds)
            token = SignedTokenAuthorizer(stack, "Token", results_cache_ttl=ttl)
            add_connector(stack, authorizer=token)

        authorizer = synthesized(build).only("AWS::ApiGateway::Authorizer")
        assert authorizer.properties["AuthorizerResultTtlInSeconds"] == seconds

    def test_up_to_an_hour(self) -> None:
        ttl = cdk.Duration.seconds(3_601)
        with pytest.raises(PropError, match=r"^results_cache_ttl must .*, got 1 hour 1 second$"):
            SignedTokenAuthorizer(cdk.Stack(), "Token", results_cache_ttl=ttl)

    def test_without_a_claim_there_is_no_endpoint(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            pool = cognito.UserPool.from_user_pool_arn(stack, "Pool", USER_POOL_ARN)
            add_connector(stack, authorizer=CognitoAuthorizer(stack, "Token", user_pools=[pool]))

        for template in request_templates(synthesized(build), GUARDED):
            assert '#set($endpoint = "")' in template
            assert "bound" not in template

    @pytest.mark.parametrize(
        "claim", ["", "a b", "a'b", 'a"b', "a)", "$x", "#end", "a.b", "a\n", "é", "a/b"]
    )
    def test_a_claim_cannot_write_into_the_template(self, claim: str) -> None:
        stack = cdk.Stack()
        pool = cognito.UserPool.from_user_pool_arn(stack, "Pool", USER_POOL_ARN)
        with pytest.raises(
            PropError, match=rf"^endpoint_claim must .*, got {re.escape(repr(claim))}$"
        ):
            CognitoAuthorizer(stack, "Token", user_pools=[pool], endpoint_claim=claim)

    def test_a_function_of_ones_own_is_left_alone(self, options: dict[str, Deployable]) -> None:
        template = options["LambdaAny"].template
        assert [f.logical_id for f in template.all("AWS::Lambda::Function")] == [
            template.function.logical_id
        ]
        assert add_lambda(cdk.Stack()).headers == ("X-Session",)


@jsii.implements(cdk.INumberProducer)
class TestEndpointClaim:
    """A claim that binds a visitor to one endpoint, and who may write it."""

    @pytest.mark.parametrize(
        ("claim", "warned_of"),
        [
            ("custom:endpoint_id", {"Unset", "All", "Later"}),
            ("custom:other", {"Unset", "Later"}),
            ("sub", set()),  # Cognito's own
            (None, set()),
        ],
    )
    def test_an_app_client_whose_users_may_write_it_gets_a_warning(
        self, claim: str | None, warned_of: set[str]
    ) -> None:
        app = cdk.App()
        stack = cdk.Stack(app, "Shop")
        pool = cognito.UserPool(
            stack, "Own", custom_attributes={"endpoint_id": cognito.StringAttribute()}
        )
        standard = cognito.ClientAttributes().with_standard_attributes(email=True)
        pool.add_client("Unset")
        pool.add_client("All", write_attributes=standard.with_custom_attributes("endpoint_id"))
        pool.add_client("Standard", write_attributes=standard)
        authorizer = CognitoAuthorizer(stack, "Token", user_pools=[pool], endpoint_claim=claim)
        add_connector(stack, authorizer=authorizer)
        pool.add_client("Later")
        cognito.UserPool(stack, "Other").add_client("Others")
        messages = app.synth().get_stack_by_name("Shop").messages
        found = {
            message.id.split("/")[-2]: str(message.entry.data)
            for message in messages
            if "writableEndpointClaim" in str(message.entry.data)
        }
        assert found.keys() == warned_of
        for text in found.values():
            assert text.startswith(
                f"endpoint_claim must not be an attribute that users may write, got {claim!r}: "
            )


class TestSignedToken:
    """The function that verifies, and its secret."""

    def test_it_may_read_its_secret_and_write_its_log_and_nothing_else(
        self, signed: Template
    ) -> None:
        function = signed.token_function
        role = signed.role_of(function)
        assert role.logical_id != signed.role_of(signed.function).logical_id
        secret = signed.only("AWS::SecretsManager::Secret")
        (log,) = (
            log
            for log in signed.log_groups
            if log.ref == function.properties["LoggingConfig"]["LogGroup"]
        )
        assert signed.grants(role) == {
            ("secretsmanager:GetSecretValue", secret.ref),
            ("secretsmanager:DescribeSecret", secret.ref),
            ("logs:CreateLogStream", log.arn),
            ("logs:PutLogEvents", log.arn),
        }
        assert "ManagedPolicyArns" not in role.properties

    def test_the_delivering_function_may_not_read_it(self, signed: Template) -> None:
        grants = signed.grants(signed.role_of(signed.function))
        assert not [action for action, _ in grants if action.startswith("secretsmanager:")]

    def test_the_secret_is_a_key_of_its_own(self, signed: Template) -> None:
        secret = signed.only("AWS::SecretsManager::Secret").properties
        # 64 letters and digits: 381 bits, in plain text, which every JWT library takes as it is.
        assert secret["GenerateSecretString"] == {"ExcludePunctuation": True, "PasswordLength": 64}
        assert "Name" not in secret
        assert "SecretString" not in secret

    def test_the_function_is_told_where_it_is(self, signed: Template) -> None:
        function = signed.token_function.properties
        assert function["Environment"]["Variables"] == {
            "SECRET_ARN": signed.only("AWS::SecretsManager::Secret").ref,
            "AUDIENCE": "shop",
            "MAX_TOKEN_LIFETIME": "900",
        }

    def test_strangers_cannot_use_up_the_accounts_concurrency(self, signed: Template) -> None:
        assert signed.token_function.properties["ReservedConcurrentExecutions"] == 20
        assert "ReservedConcurrentExecutions" not in signed.function.properties

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            ({"max_token_lifetime": cdk.Duration.seconds(59)}, "between 1 minute and 365 days"),
            ({"max_token_lifetime": cdk.Duration.days(366)}, "between 1 minute and 365 days"),
            ({"max_token_lifetime": 86_400}, "must be a Duration"),
            (
                {
                    "max_token_lifetime": cdk.Duration.seconds(
                        cdk.Token.as_number({"Ref": "Seconds"})
                    )
                },
                "must be known when the app is synthesized",
            ),
            ({"reserved_concurrent_executions": 0}, "between 1 and 1,000,000, got 0"),
            ({"reserved_concurrent_executions": "20"}, "must be a whole number"),
        ],
    )
    def test_limits_are_within_bounds(self, props: dict[str, Any], words: str) -> None:
        (prop,) = props
        with pytest.raises((ValueError, TypeError), match=rf"^{prop} .*{words}"):
            SignedTokenAuthorizer(cdk.Stack(), "Token", **props)

    def test_the_function_is_in_the_same_asset(self, signed: Template) -> None:
        function = signed.token_function.properties
        assert function["Code"] == signed.function.properties["Code"]
        for same in ("Runtime", "Architectures"):
            assert function[same] == signed.function.properties[same]
        module, _, name = function["Handler"].rpartition(".")
        assert callable(getattr(import_module(module), name))

    def test_its_log_ends_and_holds_json(self, signed: Template) -> None:
        config = signed.token_function.properties["LoggingConfig"]
        assert config["LogFormat"] == "JSON"
        assert config["LogGroup"] != signed.function.properties["LoggingConfig"]["LogGroup"]
        assert [log.properties["RetentionInDays"] for log in signed.log_groups] == [90, 90, 90]

    def test_a_secret_of_ones_own(self, synthesized: Synthesize) -> None:
        arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:theirs-AbCdEf"

        def build(stack: cdk.Stack) -> None:
            secret = secretsmanager.Secret.from_secret_complete_arn(stack, "Theirs", arn)
            token = SignedTokenAuthorizer(stack, "Token", secret=secret)
            assert token.secret is secret
            add_connector(stack, authorizer=token)

        template = synthesized(build)
        assert not template.all("AWS::SecretsManager::Secret")
        environment: dict[str, Any] = template.token_function.properties["Environment"]
        assert environment["Variables"] == {
            "SECRET_ARN": arn,
            "AUDIENCE": "",
            "MAX_TOKEN_LIFETIME": "86400",
        }
        grants = template.grants(template.role_of(template.token_function))
        assert {r for action, r in grants if action.startswith("secretsmanager:")} == {arn}

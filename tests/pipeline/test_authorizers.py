"""The connector's other authorizers in the emulator: Cognito, IAM and a function of the caller's.

One stack of the tests' own holds a connector for each. What the emulator does not check, see
:mod:`local.emulator`, is not claimed here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_lambda as lambda_
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from cdk_gtm_connector import (
    CognitoAuthorizer,
    Domain,
    Firewall,
    GtmConnector,
    IamAuthorizer,
    LambdaAuthorizer,
    PinpointDestination,
)
from local.destinations.pinpoint.server import PutEventsServer
from local.pipeline.running import running
from local.pipeline.stack import Pipeline, local_url, not_simulated
from tests.pipeline.conftest import RecordingJournal, delivered, wait_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cdk_gtm_connector.authorizers import Authorizer
    from tests.pipeline.conftest import Answer, Send

EVENT = "event=page_view&endpoint_id=e1"
PASSWORD = "Passw0rd!"  # noqa: S105 - of a user that exists in the emulator only
ORIGIN = "https://shop.example"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/of-the-test"

# What the proof says decides what becomes of the request.
_FUNCTION = """
def handle(event, context):
    proof = event["headers"]["x-proof"]
    if proof == "unauthorized":
        raise Exception("Unauthorized")
    if proof == "broken":
        raise ValueError("broken")
    if proof == "nonsense":
        return {"hello": "world"}
    effect = "Deny" if proof == "deny" else "Allow"
    resource = "arn:aws:execute-api:*:*:other/*" if proof == "elsewhere" else event["methodArn"]
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": resource}
    return {
        "principalId": proof,
        "policyDocument": {"Version": "2012-10-17", "Statement": [statement]},
        "context": {"endpoint_id": "e1", "access": "admin"},
    }
"""


class _Stack(cdk.Stack):
    """Three connectors, each behind another authorizer; the first under a name of its own."""

    def __init__(self, scope: cdk.App) -> None:
        super().__init__(scope, "Authorizers")
        pool = cognito.UserPool(
            self,
            "Pool",
            custom_attributes={"endpoint_id": cognito.StringAttribute(mutable=True)},
        )
        client = pool.add_client("Client", auth_flows=cognito.AuthFlow(user_password=True))
        function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handle",
            code=lambda_.Code.from_inline(_FUNCTION),
        )
        first = self._connector(
            "Cognito",
            CognitoAuthorizer(
                self, "CognitoAuthorizer", user_pools=[pool], endpoint_claim="custom:endpoint_id"
            ),
            firewall=Firewall(),
            domain=Domain(
                name="events.shop.example",
                certificate=acm.Certificate.from_certificate_arn(self, "Certificate", CERTIFICATE),
            ),
        )
        self._connector("Iam", IamAuthorizer())
        self._connector(
            "Lambda",
            LambdaAuthorizer(
                self,
                "LambdaAuthorizer",
                function=function,
                identity_sources=[apigateway.IdentitySource.header("X-Proof")],
                headers=["X-Proof"],
                results_cache_ttl=cdk.Duration.seconds(60),
            ),
        )
        self._output("EndpointUrl", first.endpoint_url)
        self._output("AuthenticatedEndpointUrl", first.authenticated_endpoint_url)
        self._output("QueueName", first.queue.queue_name)
        self._output("DeadLetterQueueName", first.dead_letter_queue.queue_name)
        self._output("InvalidMessageQueueName", first.invalid_message_queue.queue_name)
        self._output("UserPoolId", pool.user_pool_id)
        self._output("UserPoolClientId", client.user_pool_client_id)

    def _connector(self, name: str, authorizer: Authorizer, **props: Any) -> GtmConnector:
        connector = GtmConnector(
            self,
            f"{name}Connector",
            destination=PinpointDestination(application_id="local"),
            authorizer=authorizer,
            allowed_origins=[ORIGIN, "https://*.shop.example"],
            batch_size=10,
            max_batching_window=cdk.Duration.seconds(0),
            **props,
        )
        self._output(f"{name}Url", connector.authenticated_endpoint_url)
        return connector

    def _output(self, name: str, value: str) -> None:
        cdk.CfnOutput(self, name, value=value)


@pytest.fixture(scope="module")
def journal() -> RecordingJournal:
    """Return the journal of this module's own pipeline."""
    return RecordingJournal()


@pytest.fixture(scope="module")
def _running_pipeline(
    journal: RecordingJournal, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pipeline]:
    directory = tmp_path_factory.mktemp("assembly")
    app = cdk.App(outdir=str(directory))
    _Stack(app)
    app.synth()
    putevents = PutEventsServer(observer=journal)
    with running(assembly_directory=directory, journal=journal, putevents=putevents) as pipeline:
        yield pipeline


def _url(pipeline: Pipeline, name: str) -> str:
    return local_url(pipeline.outputs[f"{name}Url"], pipeline.emulator.url)


def _check_refused(answer: Answer, status: int, message: bytes) -> None:
    assert (answer.status, answer.event_id) == (status, None)
    assert message in answer.body
    assert answer.headers["access-control-allow-origin"] == "*"


def test_what_is_there_by_name_only_is_named(pipeline: Pipeline) -> None:
    said = [line.partition(", ") for line in not_simulated(pipeline.assembly, pipeline.emulator)]

    assert [what for _, _, what in said] == [
        "MiniStack has no AWS::WAFv2::WebACLAssociation",
        "MiniStack ignores the rules of an AWS::WAFv2::WebACL",
    ]


def test_an_own_domain_is_served_under_the_apis_path(send: Send, pipeline: Pipeline) -> None:
    assert pipeline.outputs["EndpointUrl"].startswith("https://events.shop.example/")

    delivered(pipeline, send(EVENT))


# Cognito ------------------------------------------------------------------------------------------


class _User(NamedTuple):
    subject: str
    id_token: str


@pytest.fixture
def user(pipeline: Pipeline) -> Iterator[_User]:
    """Return a user of the pool who has just logged in, and may write the endpoint e1."""
    pytest.importorskip("cryptography", reason="MiniStack signs and verifies with it")
    cognito_idp, pool = pipeline.client("cognito-idp"), pipeline.outputs["UserPoolId"]
    created = cognito_idp.admin_create_user(
        UserPoolId=pool,
        Username="visitor",
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": "custom:endpoint_id", "Value": "e1"}],
    )["User"]
    cognito_idp.admin_set_user_password(
        UserPoolId=pool, Username="visitor", Password=PASSWORD, Permanent=True
    )
    tokens = cognito_idp.initiate_auth(
        ClientId=pipeline.outputs["UserPoolClientId"],
        AuthFlow="USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": "visitor", "PASSWORD": PASSWORD},
    )["AuthenticationResult"]
    subject = next(it["Value"] for it in created["Attributes"] if it["Name"] == "sub")
    yield _User(subject, tokens["IdToken"])
    cognito_idp.admin_delete_user(UserPoolId=pool, Username="visitor")


def test_a_user_of_the_pool_is_the_subject(send: Send, pipeline: Pipeline, user: _User) -> None:
    answer = send(
        f"{EVENT}&usat_plan=gold",
        headers={"Authorization": user.id_token, "Origin": ORIGIN},
        url=pipeline.authenticated_endpoint_url,
    )

    assert delivered(pipeline, answer).endpoint["User"] == {
        "UserId": user.subject,
        "UserAttributes": {"plan": ["gold"]},
    }


def test_a_users_claim_binds_the_endpoint(send: Send, pipeline: Pipeline, user: _User) -> None:
    answer = send(
        "event=page_view&endpoint_id=another",
        headers={"Authorization": user.id_token},
        url=pipeline.authenticated_endpoint_url,
    )

    assert answer.status == 200
    wait_for(
        "invalid message",
        lambda: next(
            (
                letter
                for letter in pipeline.peek("InvalidMessageQueueName")
                if letter["MessageAttributes"]["Reason"]["StringValue"] == "foreign_endpoint"
                and dict(parse_qsl(letter["Body"].partition("\n")[0]))["endpoint"] == "e1"
            ),
            None,
        ),
    )


def test_who_is_no_user_of_the_pool_is_refused(send: Send, pipeline: Pipeline, user: _User) -> None:
    header, claims, _ = user.id_token.split(".")
    for authorization in (None, "hello", f"{header}.{claims}.AAAA", f"{header}.{claims}."):
        headers = {"Origin": ORIGIN}
        if authorization is not None:
            headers["Authorization"] = authorization
        answer = send(EVENT, headers=headers, url=pipeline.authenticated_endpoint_url)
        _check_refused(answer, 401, b"Unauthorized")


# IAM ----------------------------------------------------------------------------------------------


def _signed(pipeline: Pipeline, key: Mapping[str, Any], secret: str) -> dict[str, str]:
    """Return the headers of a ``GET`` that is signed with an access key."""
    url = _url(pipeline, "Iam")
    request = AWSRequest("GET", f"{url}?{EVENT}", headers={"host": urlsplit(url).netloc})
    credentials = Credentials(key["AccessKeyId"], key[secret], key.get("SessionToken"))
    SigV4Auth(credentials, "execute-api", pipeline.assembly.region).add_auth(request)
    return {name: value for name, value in request.headers.items() if name != "host"}


def test_a_caller_with_an_access_key_is_the_subject(send: Send, pipeline: Pipeline) -> None:
    iam = pipeline.client("iam")
    arn = iam.create_user(UserName="server")["User"]["Arn"]
    key = iam.create_access_key(UserName="server")["AccessKey"]
    headers = _signed(pipeline, key, "SecretAccessKey")

    answer = send(EVENT, headers=headers, url=_url(pipeline, "Iam"))

    assert delivered(pipeline, answer).endpoint["User"]["UserId"] == arn


def test_a_visitor_of_an_identity_pool_is_the_subject(send: Send, pipeline: Pipeline) -> None:
    identities = pipeline.client("cognito-identity")
    pool = identities.create_identity_pool(
        IdentityPoolName="visitors", AllowUnauthenticatedIdentities=True
    )["IdentityPoolId"]
    identity = identities.get_id(IdentityPoolId=pool)["IdentityId"]
    key = identities.get_credentials_for_identity(IdentityId=identity)["Credentials"]
    headers = _signed(pipeline, key, "SecretKey")

    answer = send(EVENT, headers=headers, url=_url(pipeline, "Iam"))

    assert delivered(pipeline, answer).endpoint["User"]["UserId"] == identity


def test_who_does_not_sign_is_refused(send: Send, pipeline: Pipeline) -> None:
    answer = send(EVENT, headers={"Origin": ORIGIN}, url=_url(pipeline, "Iam"))

    _check_refused(answer, 403, b"Missing Authentication Token")


# A function ---------------------------------------------------------------------------------------


def test_a_functions_principal_is_the_subject(send: Send, pipeline: Pipeline) -> None:
    answer = send(EVENT, headers={"X-Proof": "customer 42"}, url=_url(pipeline, "Lambda"))

    assert delivered(pipeline, answer).endpoint["User"] == {"UserId": "customer 42"}


def test_a_functions_context_binds_the_endpoint(send: Send, pipeline: Pipeline) -> None:
    answer = send(
        "event=page_view&endpoint_id=another",
        headers={"X-Proof": "customer 42"},
        url=_url(pipeline, "Lambda"),
    )
    behind = send(EVENT, headers={"X-Proof": "customer 43"}, url=_url(pipeline, "Lambda"))

    assert answer.status == 200
    delivered(pipeline, behind)
    assert answer.event_id not in pipeline.putevents.delivered


@pytest.mark.parametrize(
    ("proof", "status", "message"),
    [
        (None, 401, b"Unauthorized"),
        ("unauthorized", 401, b"Unauthorized"),
        ("deny", 403, b"explicit deny"),
        ("elsewhere", 403, b"not authorized"),
        ("broken", 500, b"null"),
        ("nonsense", 500, b"Internal server error"),
    ],
)
def test_a_functions_refusal_is_answered_as_on_aws(
    send: Send, pipeline: Pipeline, proof: str | None, status: int, message: bytes
) -> None:
    headers = {"Origin": ORIGIN} | ({} if proof is None else {"X-Proof": proof})

    answer = send(EVENT, headers=headers, url=_url(pipeline, "Lambda"))

    _check_refused(answer, status, message)


def test_a_preflight_names_the_header_with_the_proof(send: Send, pipeline: Pipeline) -> None:
    for url, header in (
        (pipeline.authenticated_endpoint_url, "Content-Type,Authorization"),
        (_url(pipeline, "Lambda"), "Content-Type,X-Proof"),
    ):
        answer = send("", method="OPTIONS", headers={"Origin": ORIGIN}, url=url)
        assert answer.status == 204
        assert answer.headers["access-control-allow-headers"] == header

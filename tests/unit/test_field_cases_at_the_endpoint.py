"""API Gateway's part of the field cases: the synthesized templates, in both engines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from ministack.services import apigateway_v1  # type: ignore[import-untyped]

from local.vtl import Rendered, Request, render_response
from tests.destinations.kinesis.cases import add_stream
from tests.field_cases import ALLOWED_ORIGINS, FIELD_CASES, FieldCase
from tests.infrastructure.synthesis import add_connector, answer, synthesize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import aws_cdk as cdk

    from tests.infrastructure.synthesis import Template
    from tests.velocity import ReferenceEngine

    Render = Callable[[str, Request], Rendered]

_JSON = "application/json"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A connector with the settings that the cases require."""

    def build(stack: cdk.Stack) -> None:
        add_connector(
            stack,
            destination=add_stream(stack),
            allowed_origins=ALLOWED_ORIGINS,
            anonymous_user_attributes="*",
        )

    return synthesize(tmp_path_factory.mktemp("field"), {"Shop": build})["Shop"]


@pytest.fixture(params=["local", "reference"])
def engine(request: pytest.FixtureRequest, reference: ReferenceEngine) -> Render:
    """An engine that renders templates."""
    if request.param == "local":
        return render_response
    return lambda template, sent: reference.render_many(template, [sent])[0]


class EmulatedApi:
    """A minimal API Gateway with one integration, and SQS behind it."""

    def __init__(self, template: Template, method: str, engine: Render) -> None:
        self._template = template
        self._method = template.routes["/events"][method].properties
        self._integration = self._method["Integration"]
        self._engine = engine
        self.queued: list[str] = []

    def answer(self, case: FieldCase) -> tuple[int, Mapping[str, str]]:
        """Return the status, and the headers that a response template sets."""
        sent = Request(
            querystring=dict(parse_qsl(case.query, keep_blank_values=True)),
            headers={"Host": "api.example"} | dict(case.headers),
            body=case.body or "",
            context={"requestTimeEpoch": 1_764_000_000_123, "extendedRequestId": "JKJa/mP+vHc="},
        )
        for name in self._method.get("RequestParameters", {}):
            if not sent.querystring.get(name.rpartition(".")[2]):
                return 400, {}
        media_type = case.headers.get("Content-Type", _JSON)
        if not self._adheres(media_type, sent.body):
            return 400, {}
        # Both must work: the media type as browsers write it, and without parameters.
        templates = {
            self._integration["RequestTemplates"].get(each)
            for each in (media_type, media_type.partition(";")[0])
        }
        [request_template] = templates
        assert request_template is not None, "415"
        # The synthesized template holds the queue's URL in place of a reference.
        call = json.loads(self._engine(request_template.replace("${", "("), sent).text)
        if delay := call.get("DelaySeconds"):
            words = f"Value {delay} for parameter DelaySeconds is invalid."
            return self._respond("502", sent, json.dumps({"message": words}))
        self.queued.append(call["MessageBody"])
        return self._respond("200" if case.method == "GET" else "204", sent, "{}")

    def _respond(self, status: str, sent: Request, said: str) -> tuple[int, Mapping[str, str]]:
        response = answer(self._integration, status)["ResponseTemplates"][_JSON]
        answering = Request(sent.querystring, sent.headers, sent.path, said, sent.context)
        answered = self._engine(response, answering)
        return answered.status or int(status), answered.headers

    def _adheres(self, media_type: str, body: str) -> bool:
        models = self._method.get("RequestModels", {})
        if media_type not in models:
            return True
        schema: dict[str, Any] = self._template.only("AWS::ApiGateway::Model").properties["Schema"]
        try:
            document = json.loads(body or "{}")
        except ValueError:
            return False
        return bool(apigateway_v1._json_schema_valid(schema, document, schema))


@pytest.mark.parametrize("case", FIELD_CASES, ids=lambda case: case.name)
def test_api_gateways_answer_and_message(
    case: FieldCase, template: Template, engine: Render
) -> None:
    api = EmulatedApi(template, case.method, engine)
    status, headers = api.answer(case)

    assert status in case.statuses
    assert len(api.queued) == (status < 400)
    for message in api.queued:
        envelope, line_2 = (
            dict(parse_qsl(line, keep_blank_values=True, strict_parsing=True))
            for line in message.split("\n")
        )
        media_type = case.headers.get("Content-Type", _JSON).partition(";")[0]
        if case.body:
            content = "form" if media_type == "application/x-www-form-urlencoded" else "json"
            assert (envelope["content"], line_2) == (content, {"body": case.body})
        else:
            assert "content" not in envelope
            assert line_2 == dict(parse_qsl(case.query, keep_blank_values=True))
        assert envelope.get("origin") == case.headers.get("Origin")
    origin = case.headers.get("Origin")
    assert headers.get("Access-Control-Allow-Origin") == (
        origin if origin in ALLOWED_ORIGINS else None
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("unset id", "endpoint_id is undefined, as a tag writes a variable without a value."),
        ("null id", "endpoint_id is null, as a tag writes a variable without a value."),
        (
            "object as id",
            "endpoint_id is [object Object], as a tag writes a variable without a value.",
        ),
        ("unset event", "event is undefined, as a tag writes a variable without a value."),
        ("blank id", "endpoint_id is missing or blank."),
        (
            "unset id in JSON",
            "endpoint_id is undefined, as a tag writes a variable without a value.",
        ),
    ],
)
def test_a_refusal_says_why(name: str, sentence: str, template: Template, engine: Render) -> None:
    [case] = (each for each in FIELD_CASES if each.name == name)
    said: list[str] = []

    def listening(text: str, sent: Request) -> Rendered:
        rendered = engine(text, sent)
        said.append(rendered.text)
        return rendered

    EmulatedApi(template, case.method, listening).answer(case)
    assert json.loads(said[-1]) == {"message": f"Not queued: {sentence}"}

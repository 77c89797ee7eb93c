"""``POST``: what a body may be, and what it is answered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.infrastructure.options import AUTHORIZERS, OPTIONS
from tests.infrastructure.synthesis import answer, headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.infrastructure.conftest import Deployable
    from tests.infrastructure.synthesis import Template

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
TEXT = "text/plain"
FORM_TYPES = (FORM, f"{FORM};charset=UTF-8")
JSON_TYPES = (JSON, TEXT, f"{TEXT};charset=UTF-8")
EVENT = {"event": "buy", "endpoint_id": "e-1"}

TAKEN: list[Any] = [
    EVENT,
    {**EVENT, "evmt_price": 19.99, "usat_tags": ["a", "b"], "anything": {"else": None}},
    {"events": [EVENT]},
    {"events": [EVENT] * 100},
    {"events": [{**EVENT, "evat_page": "/"}], "more": 1},
    {**EVENT, "endpoint_id": 4711},
    {**EVENT, "endpoint_id": 47.11},
    {"events": [EVENT, {**EVENT, "endpoint_id": 0}]},
    {},  # what is made of an empty body: the template looks at the query
    # Words for no value are the template's to refuse, with a sentence.
    {**EVENT, "endpoint_id": "undefined"},
]
REFUSED: list[Any] = [
    None,
    "buy",
    1,
    [],
    [EVENT],
    {"event": "buy"},
    {"endpoint_id": "e-1"},
    {**EVENT, "event": ""},
    {**EVENT, "endpoint_id": ""},
    {**EVENT, "event": 1},
    {**EVENT, "event": True},
    {**EVENT, "event": " "},
    {**EVENT, "endpoint_id": None},
    {**EVENT, "endpoint_id": True},
    {**EVENT, "endpoint_id": []},
    {**EVENT, "endpoint_id": {}},
    {**EVENT, "endpoint_id": " \n\t"},
    {**EVENT, "events": None},
    {**EVENT, "events": []},
    {**EVENT, "events": "buy"},
    {**EVENT, "events": [{"event": "buy"}]},
    {**EVENT, "event": ["buy"]},
    {"events": []},
    {"events": EVENT},
    {"events": "buy"},
    {"events": [EVENT, {"event": "buy"}]},
    {"events": [EVENT, None]},
    {"events": [[EVENT]]},
]


KINDS: dict[str, Any] = {"object": dict, "array": list, "string": str, "number": (int, float)}


def _listed(types: str | list[str]) -> list[str]:
    return [types] if isinstance(types, str) else types


def valid(schema: Mapping[str, Any], value: Any) -> bool:
    """Return whether ``value`` is as a JSON Schema, draft 4, of these few keywords says."""
    assert schema.keys() <= {
        "$schema", "type", "anyOf", "properties", "required", "pattern", "items", "minItems",
        "maxItems", "maxProperties",
    }, schema  # fmt: skip
    types = schema.get("type", [])
    is_one = any(isinstance(value, KINDS[kind]) for kind in _listed(types))
    if types and (not is_one or isinstance(value, bool)):  # to Python a boolean is a number
        return False
    if "anyOf" in schema and not any(valid(choice, value) for choice in schema["anyOf"]):
        return False
    if isinstance(value, dict):
        if len(value) > schema.get("maxProperties", len(value)):
            return False
        properties = schema.get("properties", {})
        return set(schema.get("required", ())) <= value.keys() and all(
            valid(properties[name], item) for name, item in value.items() if name in properties
        )
    if isinstance(value, list):
        return schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)) and (
            all(valid(schema.get("items", {}), item) for item in value)
        )
    return not isinstance(value, str) or bool(re.search(schema.get("pattern", ""), value))


@pytest.fixture(scope="session")
def schema(template: Template) -> dict[str, Any]:
    """What a JSON body must be."""
    model = template.only("AWS::ApiGateway::Model")
    assert model.properties["ContentType"] == JSON
    return dict(model.properties["Schema"])


@pytest.fixture(scope="session")
def integration(template: Template) -> dict[str, Any]:
    """What ``POST /events`` is integrated with."""
    return dict(template.routes["/events"]["POST"].properties["Integration"])


class TestSchema:
    """One event, or a list of up to 100."""

    def test_it_is_the_draft_that_api_gateway_reads(self, schema: dict[str, Any]) -> None:
        assert schema["$schema"] == "http://json-schema.org/draft-04/schema#"

    @pytest.mark.parametrize("body", TAKEN)
    def test_it_takes(self, schema: dict[str, Any], body: object) -> None:
        assert valid(schema, body)

    @pytest.mark.parametrize("body", REFUSED)
    def test_it_refuses(self, schema: dict[str, Any], body: object) -> None:
        assert not valid(schema, body)

    @pytest.mark.parametrize("name", OPTIONS)
    def test_every_post_is_held_to_it(self, options: dict[str, Deployable], name: str) -> None:
        template = options[name].template
        model = template.only("AWS::ApiGateway::Model")
        validator = template.only("AWS::ApiGateway::RequestValidator")
        assert validator.properties["ValidateRequestBody"] is True
        for methods in template.routes.values():
            post = methods["POST"].properties
            assert post["RequestModels"] == dict.fromkeys(JSON_TYPES, model.ref)
            assert post["RequestValidatorId"] == validator.ref
            # The names are in the body, not in the query.
            assert not post.get("RequestParameters")


class TestRequest:
    """What the queue gets."""

    def test_a_form_or_json_and_nothing_else(self, integration: dict[str, Any]) -> None:
        assert integration["RequestTemplates"].keys() == {*FORM_TYPES, *JSON_TYPES}
        assert integration["PassthroughBehavior"] == "NEVER"  # 415

    @pytest.mark.parametrize(
        ("media_types", "content"), [(FORM_TYPES, "form"), (JSON_TYPES, "json")]
    )
    def test_the_envelope_says_which(
        self, integration: dict[str, Any], media_types: tuple[str, ...], content: str
    ) -> None:
        [template] = {integration["RequestTemplates"][each] for each in media_types}
        assert re.findall(r"&content=(\w+)", template) == [content]
        assert '#set($sent = "body=$encoded")' in template

    def test_a_query_is_not_said_to_be_a_body(self, template: Template) -> None:
        (get,) = set(template.get_method.properties["Integration"]["RequestTemplates"].values())
        assert "content=" not in get
        assert "$input.body" not in get

    @pytest.mark.parametrize("media_type", [FORM, JSON])
    def test_too_long_a_body_is_made_a_message_that_sqs_refuses(
        self, integration: dict[str, Any], media_type: str
    ) -> None:
        template = integration["RequestTemplates"][media_type]
        assert template.count("#if($body.length() <= 300000)#set($encoded = ") == 1
        assert template.count("#else#set($refused = 9000)#end") == 1
        assert template.count('#if($refused == 0)#else,"DelaySeconds":$refused#end') == 1


class TestAnswers:
    """204 for what is queued, an error for everything else."""

    @pytest.mark.parametrize("name", ["NobodyAny", *(f"{kind}Several" for kind in AUTHORIZERS)])
    def test_only_a_200_of_the_queue_is_success(
        self, options: dict[str, Deployable], name: str
    ) -> None:
        for methods in options[name].template.routes.values():
            for method, success in (("GET", "200"), ("POST", "204")):
                responses = methods[method].properties["Integration"]["IntegrationResponses"]
                assert {r["StatusCode"]: r.get("SelectionPattern") for r in responses} == {
                    success: "200",
                    "502": None,  # whatever matches no other pattern
                }

    def test_success_has_no_body(self, integration: dict[str, Any]) -> None:
        success = answer(integration, "204")
        assert success["ResponseTemplates"] == {JSON: ""}
        assert headers(success, "method.response") == {
            "Cache-Control": "no-store",
            "Access-Control-Allow-Origin": "*",
        }

    def test_what_sqs_refuses_for_its_size_is_413(self, integration: dict[str, Any]) -> None:
        template = answer(integration, "502")["ResponseTemplates"][JSON]
        condition, _, rest = template.partition("#set($context.responseOverride.status = 413)")
        too_large, _, failed = rest.partition("#elseif")
        assert '.contains("Value 9000 for")' in condition
        assert "300,000 characters" in too_large
        assert "300,000" not in failed
        assert "could not be queued" in failed

    def test_a_failure_is_json_that_nobody_caches(self, integration: dict[str, Any]) -> None:
        assert headers(answer(integration, "502"), "method.response") == {
            "Content-Type": JSON,
            "Cache-Control": "no-store",
            "Access-Control-Allow-Origin": "*",
        }

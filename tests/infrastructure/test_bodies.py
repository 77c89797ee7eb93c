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
EVENT = {"event": "buy", "endpoint_id": "e-1"}

TAKEN: list[Any] = [
    EVENT,
    {**EVENT, "evmt_price": 19.99, "usat_tags": ["a", "b"], "anything": {"else": None}},
    {"events": [EVENT]},
    {"events": [EVENT] * 100},
    {"events": [{**EVENT, "evat_page": "/"}], "more": 1},
]
REFUSED: list[Any] = [
    None,
    "buy",
    1,
    [],
    [EVENT],
    {},
    {"event": "buy"},
    {"endpoint_id": "e-1"},
    {**EVENT, "event": ""},
    {**EVENT, "endpoint_id": ""},
    {**EVENT, "event": 1},
    {**EVENT, "endpoint_id": None},
    {**EVENT, "event": ["buy"]},
    {"events": []},
    {"events": [EVENT] * 101},
    {"events": EVENT},
    {"events": "buy"},
    {"events": [EVENT, {"event": "buy"}]},
    {"events": [EVENT, None]},
    {"events": [[EVENT]]},
]


def valid(schema: Mapping[str, Any], value: Any) -> bool:
    """Return whether ``value`` is as a JSON Schema, draft 4, of these few keywords says."""
    assert schema.keys() <= {
        "$schema", "type", "anyOf", "properties", "required", "minLength", "items", "minItems",
        "maxItems",
    }, schema  # fmt: skip
    kinds = {"object": dict, "array": list, "string": str}
    if "type" in schema and not isinstance(value, kinds[schema["type"]]):
        return False
    if "anyOf" in schema and not any(valid(choice, value) for choice in schema["anyOf"]):
        return False
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        return set(schema.get("required", ())) <= value.keys() and all(
            valid(properties[name], item) for name, item in value.items() if name in properties
        )
    if isinstance(value, list):
        return schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)) and (
            all(valid(schema.get("items", {}), item) for item in value)
        )
    return not isinstance(value, str) or len(value) >= schema.get("minLength", 0)


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
            assert post["RequestModels"] == {JSON: model.ref}
            assert post["RequestValidatorId"] == validator.ref
            # The names are in the body, not in the query.
            assert not post.get("RequestParameters")


class TestRequest:
    """What the queue gets."""

    def test_a_form_or_json_and_nothing_else(self, integration: dict[str, Any]) -> None:
        assert integration["RequestTemplates"].keys() == {FORM, JSON}
        assert integration["PassthroughBehavior"] == "NEVER"  # 415

    @pytest.mark.parametrize(("media_type", "content"), [(FORM, "form"), (JSON, "json")])
    def test_the_envelope_says_which(
        self, integration: dict[str, Any], media_type: str, content: str
    ) -> None:
        template = integration["RequestTemplates"][media_type]
        assert re.findall(r"&content=(\w+)", template) == [content]
        assert '"body=$util.urlEncode($input.body)"' in template

    def test_a_query_is_not_said_to_be_a_body(self, template: Template) -> None:
        (get,) = template.get_method.properties["Integration"]["RequestTemplates"].values()
        assert "content=" not in get
        assert "$input.body" not in get

    @pytest.mark.parametrize("media_type", [FORM, JSON])
    def test_too_long_a_body_is_made_a_message_that_sqs_refuses(
        self, integration: dict[str, Any], media_type: str
    ) -> None:
        template = integration["RequestTemplates"][media_type]
        assert template.count('#if($input.body.length() <= 300000)\n#set($sent = "body=') == 1
        assert template.count('#if($input.body.length() > 300000),"DelaySeconds":901#end') == 1


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
        too_large, _, failed = rest.partition("#else")
        assert '.contains("DelaySeconds")' in condition
        assert "300,000 characters" in too_large
        assert "300,000" not in failed
        assert "could not be queued" in failed

    def test_a_failure_is_json_that_nobody_caches(self, integration: dict[str, Any]) -> None:
        assert headers(answer(integration, "502"), "method.response") == {
            "Content-Type": JSON,
            "Cache-Control": "no-store",
            "Access-Control-Allow-Origin": "*",
        }

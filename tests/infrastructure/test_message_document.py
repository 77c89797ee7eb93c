"""docs/message.md: the envelope's fields, held to the template and to the function."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import pytest

import cdk_gtm_connector
from cdk_gtm_connector import SignedTokenAuthorizer
from gtm_events import message
from local.vtl import Request, render
from tests.infrastructure.synthesis import Template, add_connector, synthesize

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import aws_cdk as cdk

_DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "message.md"
_TEMPLATES: Final = Path(cdk_gtm_connector.__file__).parent
_HEADERS: Final = {
    "Host": "api.example",
    "Origin": "https://shop.example",
    "Referer": "https://shop.example/cart",
}


@dataclasses.dataclass(frozen=True)
class Field:
    """A row of the table."""

    name: str
    written_by: str
    read_as: frozenset[str]
    since: int


def table() -> dict[str, Field]:
    """Return the rows of the table by the fields' names."""
    text = _DOCUMENT.read_text("utf-8").partition("<!-- envelope -->")[2].partition("<!-- end")[0]
    header, _, *rows = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.strip().splitlines()
    )
    assert header == ["field", "written by", "from", "there", "read as", "read for", "since"]
    fields = [
        Field(row[0].strip("`"), row[1], frozenset(re.findall("`(.+?)`", row[4])), int(row[6]))
        for row in rows
    ]
    assert all(all(row) and len(row) == len(header) for row in rows), "an empty cell"
    by_name = {field.name: field for field in fields}
    assert len(by_name) == len(fields), "a field that is there twice"
    return by_name


FIELDS: Final = table()
OF_TEMPLATE: Final = {f.name for f in FIELDS.values() if f.written_by == "the template"}
OF_FUNCTION: Final = {f.name for f in FIELDS.values() if f.written_by == "the function"}


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The request templates of connectors that between them observe all there is."""

    def build(stack: cdk.Stack) -> None:
        authorizer = SignedTokenAuthorizer(stack, "Token", require_endpoint_id=True)
        add_connector(stack, authorizer=authorizer, honor_privacy_signals=True)

    made = synthesize(tmp_path_factory.mktemp("message"), {"All": build})["All"]
    found = list(_request_templates(made))
    assert len(found) >= 6  # GET, forms and JSON, of everybody and behind the authorizer
    return found


def _request_templates(template: Template) -> Iterator[str]:
    for method in template.resources:
        if method.type == "AWS::ApiGateway::Method":
            integration = method.properties["Integration"]
            if integration["Type"] == "AWS":
                # The queue's name is the template's only reference to a resource.
                yield from (
                    re.sub(r"\$\{[A-Za-z0-9.:]+\}", "queue", text)
                    for text in dict.fromkeys(integration["RequestTemplates"].values())
                )


def requests(template: str) -> Iterator[Request]:
    """Yield requests for a template, with and without what can be observed."""
    sent = {"event": "buy", "endpoint_id": "e-1"}
    context: Mapping[str, Any] = {
        "requestTimeEpoch": 1_764_000_000_123,
        "extendedRequestId": "JKJa/mP+vHcESHA=",
        "authorizer": {"principalId": "user-42", "endpoint_id": "e-1"},
    }
    for headers in ({"Host": "api.example"}, _HEADERS, {**_HEADERS, "DNT": "1"}):
        yield Request(querystring=sent, headers=headers, context=context)
        if "content=form" in template:
            yield Request(headers=headers, context=context, body=urlencode(sent))
        elif "content=json" in template:
            for document in (sent, {"events": [sent, sent]}):
                yield Request(headers=headers, context=context, body=json.dumps(document))


@pytest.fixture(scope="module")
def bodies(templates: list[str]) -> list[str]:
    """The messages that the templates make of the requests, and what the function makes of one."""
    calls = [
        json.loads(render(template, request))
        for template in templates
        for request in requests(template)
    ]
    assert all(call.keys() == {"QueueUrl", "MessageBody"} for call in calls)  # none is refused
    made = [call["MessageBody"] for call in calls]
    lists = [body for body in made if "%22events%22" in body]
    return [*made, *(message.with_events(body, [0]) for body in lists)]


def test_the_template_writes_these_fields_and_no_others(bodies: list[str]) -> None:
    written = {
        field.partition("=")[0] for body in bodies for field in body.partition("\n")[0].split("&")
    }
    assert written == OF_TEMPLATE | OF_FUNCTION


def test_no_template_has_a_field_that_is_written_only_otherwise() -> None:
    # Behind an option that the requests above do not try, for example.
    source = "\n".join(
        line
        for path in (*_TEMPLATES.glob("templates/*.vtl"), _TEMPLATES / "mapping.py")
        for line in path.read_text("utf-8").splitlines()
        if not line.startswith("##")
    )
    assert set(re.findall(r'["&]([a-z_]+)=', source)) - {"body"} == OF_TEMPLATE


def test_the_function_reads_these_fields_and_no_others(
    bodies: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = set()

    class Noting(dict[str, str]):
        def get(self, key: str, default: Any = None) -> Any:
            read.add(key)
            return super().get(key, default)

    envelope = message._envelope
    monkeypatch.setattr(message, "_envelope", lambda line: Noting(envelope(line)))
    for body in bodies:
        message.decode(body)
    assert read == FIELDS.keys()
    # Nor is there code that reads another, in a case that did not come up.
    tree = ast.parse(Path(message.__file__).read_text("utf-8"))
    in_code = {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and ast.unparse(call.func) == "envelope.get"
        and isinstance(call.args[0], ast.Constant)
    }
    assert in_code == FIELDS.keys()


def test_every_attribute_of_a_request_is_read_from_a_field() -> None:
    attributes = {field.name for field in dataclasses.fields(message.Request)}
    assert {name for field in FIELDS.values() for name in field.read_as} == attributes


def test_the_version_is_the_functions(bodies: list[str]) -> None:
    assert {body.partition("&")[0] for body in bodies} == {f"v={message.VERSION}"}
    assert {field.since for field in FIELDS.values()} <= set(range(1, int(message.VERSION) + 1))


def test_the_example_is_a_message(bodies: list[str]) -> None:
    example = re.findall(
        r"^```\n(.*?)\n```$", _DOCUMENT.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    (body,) = example
    request = message.decode(body)
    assert request.id == message.decode(bodies[0]).id != ""
    assert request.events == [
        [("event", "purchase"), ("endpoint_id", "cust-4711"), ("evmt_price", "19.99")]
    ]

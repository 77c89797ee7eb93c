"""Questions by requests: as assumed on this machine, different where API Gateway is another."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from cdk_gtm_connector_cli.verify.envelope import _CHOSEN
from cdk_gtm_connector_cli.verify.question import Conclusion, Verdict
from tests.verify.conftest import ask
from tests.verify.tampering import Request, Response, Tamper, answering, in_target, proxied

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdk_gtm_connector_cli.verify.deployment import Deployment
    from local.pipeline.stack import Pipeline


def _first_counts(request: Request) -> Request:
    path, _, query = request.target.partition("?")
    parts = query.split("&")
    values = [part for part in parts if part.startswith("evat_v=")]
    others = [part for part in parts if not part.startswith("evat_v=")]
    return replace(request, target=f"{path}?{'&'.join(others + values[::-1])}")


def _without_cors(response: Response) -> Response:
    kept = {k: v for k, v in response.headers.items() if not k.lower().startswith("access-control")}
    return replace(response, headers=kept)


def _any_site(response: Response) -> Response:
    return replace(_without_cors(response), headers={"Access-Control-Allow-Origin": "*"})


def _without_id(response: Response) -> Response:
    kept = {k: v for k, v in response.headers.items() if k.lower() != "x-amz-apigw-id"}
    return replace(response, headers=kept)


def _headers_decoded(request: Request) -> Request:
    return replace(request, headers={k: unquote(v) for k, v in request.headers.items()})


def _latin_1(request: Request) -> Request:
    text = request.body.decode("utf-8", "ignore")
    return replace(request, body=text.encode("latin-1", "ignore"))


def _in_message(pattern: str, text: str) -> Tamper:
    return Tamper(message=lambda it: re.sub(pattern, text, it, count=1))


def _of_everything(message: str) -> str:
    """What id-padding's own messages are like, for three questions at once."""
    message = re.sub(r"&id=([^&\n]*?)(%3D)+", r"&id=\1", message, count=1)
    return re.sub(r"time=(\d{10})\d{3}", r"time=\1", message, count=1)


CHOSEN = re.escape("&id=") + r"[^&\n]*"
TAMPERS: Mapping[str, Tamper] = {
    "decoding": in_target("(?<=evat_v=)%", "%25"),
    "literal-characters": in_target("evat_v=a", "evat_v="),
    "browser-characters": answering(400),
    "repeated-parameters": Tamper(_first_counts),
    "semicolon": in_target(";", "%3B"),
    "pipe": in_target(r"\|", "%7C"),
    "bad-utf8": in_target("%ff|%e4|%c3", "%C3%BF"),
    "bad-escapes": answering(400),
    "long-urls": answering(414),
    "many-parameters": in_target("&p9[0-9]+=", ""),
    "blank-parameters": answering(200),
    "request-headers": Tamper(_headers_decoded),
    "client-ids": _in_message(CHOSEN, f"&id={_CHOSEN.replace('=', '%3D')}"),
    "id-padding": Tamper(response=_without_id, message=_of_everything),
    "empty-answers": answering(200, b"{}"),
    "error-answers": Tamper(response=_without_cors),
    "order-of-checks": answering(403),
    "origin-echo": Tamper(response=_any_site),
    "sqs-refusal": answering(502, b'{"message": "x"}'),
    "sns-refusal": answering(400, b'{"message": "event or endpoint_id is unset"}'),
    "charsets": answering(415),
    "get-media-types": answering(415),
    "empty-bodies": answering(400),
    "json-model": answering(204),
    "no-json": answering(204),
    "forms-unvalidated": answering(400),
    "json-counts": answering(400, b'{"message": "Invalid request body"}'),
    "body-sizes": Tamper(response=lambda it: replace(it, status=502) if it.status == 413 else it),
    "body-texts": Tamper(_latin_1),
    "firewall": answering(403),
    "claims": _in_message("&endpoint=[^&\n]*", "&endpoint="),
}
# They look at what others sent: at id-padding's own requests, here.
BY_OTHERS = {"id-header": "id-padding", "request-time": "id-padding"}

OF_A_TOPIC = {"sns-refusal"}
OF_A_QUEUE = sorted(({*TAMPERS, *BY_OTHERS}) - OF_A_TOPIC)


def _tampered(deployment: Deployment, ids: list[str]) -> Mapping[str, Conclusion]:
    with proxied(deployment) as (proxy, behind):

        def write(line: Mapping[str, Any]) -> None:
            if "probe" in line:
                proxy.tamper = TAMPERS.get(line["question"], Tamper())
                proxy.by_number[line["number"]] = proxy.tamper

        return ask(behind, ids, write, patience=8)


@pytest.fixture(scope="module")
def different(with_queue: tuple[Pipeline, Deployment]) -> Mapping[str, Conclusion]:
    return _tampered(with_queue[1], OF_A_QUEUE)


@pytest.fixture(scope="module")
def as_it_is(with_queue: tuple[Pipeline, Deployment]) -> Mapping[str, Conclusion]:
    return ask(with_queue[1], OF_A_QUEUE)


@pytest.mark.parametrize("question", OF_A_QUEUE)
def test_another_api_gateway_is_said_to_be_different(
    different: Mapping[str, Conclusion], question: str
) -> None:
    assert different[question].verdict is Verdict.DIFFERENT, different[question].detail
    assert different[question].detail


@pytest.mark.parametrize("question", OF_A_QUEUE)
def test_this_machines_endpoint_is_as_assumed(
    as_it_is: Mapping[str, Conclusion], question: str
) -> None:
    assert as_it_is[question].verdict is Verdict.AS_ASSUMED, as_it_is[question].detail


def test_a_topics_refusals(with_topic: tuple[Pipeline, Deployment]) -> None:
    _, deployment = with_topic
    assert ask(deployment, ["sns-refusal"])["sns-refusal"].verdict is Verdict.AS_ASSUMED
    found = _tampered(deployment, ["sns-refusal"])
    assert found["sns-refusal"].verdict is Verdict.DIFFERENT

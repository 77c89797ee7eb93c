"""The example of a destination of one's own, on this machine: signed, refused, retried."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from examples.webhook.runtime.shop_webhook import signature
from examples.webhook.stand_in import WebhookServer
from local.stand_in.values import Behavior
from tests.pipeline.conftest import wait_for
from tests.pipelines import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.pipeline.stack import Pipeline

KIND = WebhookServer.kind


@pytest.fixture(scope="module")
def own() -> Iterator[Pipeline]:
    """The example's app, with its stand-in."""
    with running(
        app="examples/own_destination.py", stand_ins=[WebhookServer], say=lambda _: None
    ) as pipeline:
        yield pipeline


@pytest.fixture
def webhook(own: Pipeline) -> WebhookServer:
    """The stand-in, as if nothing had been sent."""
    server = own.servers[KIND]
    assert isinstance(server, WebhookServer)
    server.reset()
    return server


def send(own: Pipeline, **query: str) -> None:
    parameters = "&".join(f"{name}={value}" for name, value in query.items())
    with urlopen(f"{own.endpoint_url}?{parameters}") as answer:  # noqa: S310 - loopback
        assert answer.status == 200


def test_an_event_arrives_whole_and_signed(own: Pipeline, webhook: WebhookServer) -> None:
    send(own, event="purchase", endpoint_id="ep-1", evat_page="%2Fcart", evmt_price="19.99")
    [delivered] = wait_for("event", lambda: webhook.delivered or None).values()
    event = delivered.event
    assert (event["event_type"], event["endpoint_id"]) == ("purchase", "ep-1")
    assert (event["attributes"], event["metrics"]) == ({"page": "/cart"}, {"price": 19.99})
    assert event["access"] == "anonymous"
    assert webhook.counts.statuses == {200: 1}


def test_an_event_that_fails_for_now_comes_again(own: Pipeline, webhook: WebhookServer) -> None:
    webhook.behavior = Behavior(throttle_next=1, fail_next=1, drop_next=1)
    send(own, event="retried", endpoint_id="ep-2")
    [delivered] = wait_for("event", lambda: webhook.delivered or None).values()
    assert delivered.event["event_type"] == "retried"
    assert webhook.counts.statuses[429] == webhook.counts.statuses[503] == 1


def test_what_it_refuses_is_kept_with_its_words(own: Pipeline, webhook: WebhookServer) -> None:
    webhook.behavior = Behavior(
        refuse_event_types=frozenset({"bad"}), refuse_message="no such customer"
    )
    send(own, event="bad", endpoint_id="ep-3")
    send(own, event="good", endpoint_id="ep-3")
    [delivered] = wait_for("event", lambda: webhook.delivered or None).values()
    assert delivered.event["event_type"] == "good"
    [letter] = wait_for("letter", lambda: own.peek("DeadLetterQueueName") or None)
    told = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert told["Reason"] == "refused"
    assert told["Detail"] == "400 no such customer"


@pytest.mark.parametrize(
    "headers",
    [{}, {"X-Shop-Time": "1", "X-Shop-Signature": "0"}, signature("guessed", b"{}", now=10**10)],
    ids=["none", "old", "guessed"],
)
def test_nobody_else_is_let_in(
    own: Pipeline, webhook: WebhookServer, headers: dict[str, str]
) -> None:
    request = Request(f"{own.console_origin}/events", b"{}", headers)  # noqa: S310 - loopback
    with pytest.raises(HTTPError) as caught, urlopen(request):  # noqa: S310 - loopback
        pass
    assert caught.value.code == 401
    assert json.load(caught.value)["message"].startswith("The ")
    assert webhook.counts.statuses == {401: 1}
    assert webhook.requests == []

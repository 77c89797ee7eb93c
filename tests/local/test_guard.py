"""Who is let into the local servers, and what becomes of a request that is."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.destinations.customer_profiles.server import ProfilesServer
from local.destinations.eventbridge import EventBridgeServer
from local.destinations.firehose import FirehoseServer
from local.destinations.kinesis import KinesisServer
from local.destinations.pinpoint.server import PutEventsServer
from local.guard import LoopbackOnly, SignedOnly
from local.signature import EmulatorAccess, Scope
from local.stand_in.values import Behavior, EventResult
from tests.asgi import send

if TYPE_CHECKING:
    import httpx
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message

    from local.stand_in.server import DestinationServer

SECRET = "secret"  # noqa: S105 - opens nothing
PORT = 8765


async def echo(request: Request) -> Response:
    """Answer with what came in, and let every site read it."""
    body = await request.body()
    document = {"path": request.url.path, "body": body.decode()}
    return JSONResponse(document, headers={"Access-Control-Allow-Origin": "*", "X-Kept": "yes"})


APP = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST", "OPTIONS"])])


def status(app: ASGIApp, hosts: list[str], *, port: int | None = PORT) -> int:
    """Return the status of an answer to a request with these ``Host`` headers."""
    messages: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0)
        return {"type": "http.request", "body": b"", "more_body": False}

    async def keep(message: Message) -> None:
        await asyncio.sleep(0)
        messages.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/",
        "query_string": b"",
        "server": ("127.0.0.1", port),
        "headers": [(b"host", host.encode()) for host in hosts],
    }

    async def answer() -> None:
        await app(scope, receive, keep)

    asyncio.run(answer())
    found: int = messages[0]["status"]
    return found


@pytest.mark.parametrize(
    "host", ["127.0.0.1:8765", "localhost:8765", "LocalHost:8765", "[::1]:8765"]
)
def test_this_machines_own_names_are_let_in(host: str) -> None:
    assert status(LoopbackOnly(APP), [host]) == 200


@pytest.mark.parametrize("port", [80, None])
def test_the_default_port_is_left_out(port: int | None) -> None:
    assert status(LoopbackOnly(APP), ["localhost"], port=port) == 200


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [""],
        ["evil.test"],
        ["evil.test:8765"],
        ["127.0.0.1"],
        ["127.0.0.1:8766"],
        ["127.0.0.1.evil.test:8765"],
        ["localhost.evil.test:8765"],
        ["localhost@evil.test:8765"],
        ["0.0.0.0:8765"],
        ["192.168.1.2:8765"],
        ["127.0.0.1:8765", "evil.test"],
        ["127.0.0.1:8765, evil.test"],
    ],
)
def test_every_other_host_is_refused(hosts: list[str]) -> None:
    assert status(LoopbackOnly(APP), hosts) == 403


def guarded() -> SignedOnly:
    return SignedOnly(APP, SECRET, lambda method, path: (method, path) == ("POST", "/open"))


def test_what_is_open_needs_no_signature_and_is_left_as_it_is() -> None:
    answer = send(guarded(), "POST", "/open", content=b"event")
    assert (answer.status_code, answer.json()["body"]) == (200, "event")
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize(("method", "path"), [("GET", "/open"), ("POST", "/"), ("OPTIONS", "/x")])
def test_what_is_not_open_needs_a_signature(method: str, path: str) -> None:
    answer = send(guarded(), method, path, headers={"Origin": "http://evil.test"})
    assert (answer.status_code, answer.json()["__type"]) == (403, "AccessDeniedException")
    assert "no Authorization header" in answer.json()["message"]
    assert "the endpoint's URL that make run printed" in answer.json()["message"]
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_what_is_signed_arrives_whole_and_no_site_reads_the_answer() -> None:
    request = EmulatorAccess("http://127.0.0.1", SECRET).request(
        "/closed", Scope("000000000000", "us-east-1", "sqs"), body=b"body"
    )
    answer = send(
        guarded(), "POST", "/closed", content=b"body", headers=dict(request.header_items())
    )
    assert answer.json() == {"path": "/closed", "body": "body"}
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-kept"] == "yes"


def test_a_websocket_is_closed() -> None:
    sent: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(0)
        return {"type": "websocket.connect"}

    async def keep(message: Message) -> None:
        await asyncio.sleep(0)
        sent.append(message)

    asyncio.run(guarded()({"type": "websocket", "path": "/open"}, receive, keep))
    assert [message["type"] for message in sent] == ["websocket.close"]


# --- The destinations -----------------------------------------------------------------------------


class Witness:
    """An observer that nobody should tell of anything."""

    def __init__(self) -> None:
        self.told: list[EventResult] = []

    def destination_answered(self, destination: str, answered: EventResult) -> None:  # noqa: ARG002
        self.told.append(answered)


def destinations(witness: Witness) -> list[DestinationServer]:
    return [
        PutEventsServer(observer=witness),
        ProfilesServer([], observer=witness),
        KinesisServer(observer=witness),
        FirehoseServer(observer=witness),
        EventBridgeServer(observer=witness),
    ]


REQUESTS: dict[str, tuple[str, Any]] = {
    "pinpoint": (
        "/v1/apps/local/events",
        {
            "BatchItem": {
                "ep-1": {
                    "Endpoint": {},
                    "Events": {"e": {"EventType": "x", "Timestamp": "2026-11-26T00:00:00Z"}},
                }
            }
        },
    ),
    "customer-profiles": (
        "/domains/shop/profiles/objects/batch-put-profile-object",
        {"ObjectTypeName": "GtmEvent", "Items": [{"Id": "e", "Object": '{"event_id": "e"}'}]},
    ),
    "kinesis": ("/", {"StreamName": "s", "Records": [{"Data": "e30=", "PartitionKey": "p"}]}),
    "firehose": ("/", {"DeliveryStreamName": "s", "Records": [{"Data": "e30="}]}),
    "eventbridge": ("/", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]}),
}


def test_each_kind_of_destination_is_looked_at() -> None:
    assert set(REQUESTS) == {server.kind for server in destinations(Witness())}


def ask(server: DestinationServer, secret: str | None) -> httpx.Response:
    """Return the answer to a request of the destination's own, signed with ``secret``, if any."""
    path, document = REQUESTS[server.kind]
    body = json.dumps(document).encode()
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Target": getattr(server, "header", ""),
    }
    if secret is not None:
        scope = Scope("000000000000", "us-east-1", server.service)
        signed = EmulatorAccess("http://127.0.0.1", secret).request(
            path, scope, body=body, headers=headers
        )
        headers = dict(signed.header_items())
    return send(server.app(), "POST", path, content=body, headers=headers)


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_destination_takes_what_the_runs_secret_has_signed(kind: str) -> None:
    [server] = [each for each in destinations(Witness()) if each.kind == kind]
    server.signing_secret = SECRET
    ask(server, SECRET)
    assert server.counts.requests == 1
    assert server.counts.statuses[403] == 0


@pytest.mark.parametrize("kind", REQUESTS)
@pytest.mark.parametrize("secret", [None, "test", "", "local", "local-secret"])
def test_a_stranger_changes_nothing_at_a_destination(kind: str, secret: str | None) -> None:
    witness = Witness()
    [server] = [each for each in destinations(witness) if each.kind == kind]
    server.signing_secret = SECRET
    server.behavior = behavior = Behavior(drop_next=1, throttle_next=1, slow_next=1)
    answer = ask(server, secret)
    assert answer.status_code == 403
    assert server.behavior == behavior
    assert (server.requests, server.delivered, server.dropped, witness.told) == ([], {}, [], [])
    assert server.counts.statuses == {403: 1}


@pytest.mark.parametrize("kind", REQUESTS)
def test_what_is_too_large_to_be_checked_is_refused_as_such(kind: str) -> None:
    [server] = [each for each in destinations(Witness()) if each.kind == kind]
    server.signing_secret = SECRET
    server.behavior = behavior = Behavior(drop_next=1)
    path, _ = REQUESTS[kind]
    headers = {"X-Amz-Target": getattr(server, "header", "")}
    answer = send(
        server.app(), "POST", path, content=b"x" * (server.request_bytes + 1), headers=headers
    )
    assert answer.status_code in {400, 413}
    assert (server.behavior, server.requests) == (behavior, [])


def test_a_destination_on_its_own_answers_to_this_machines_names_only() -> None:
    app = PutEventsServer().app()
    assert send(app, "GET", "/control").status_code == 200
    assert send(app, "GET", "/control", headers={"Host": "evil.test"}).status_code == 403

"""The local destinations through the AWS SDK's own clients, before a real emulator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from local import deploy
from local.console.app import create_app
from local.console.journal import Journal
from local.deployed import Deployed
from local.destinations.customer_profiles.objects import ObjectType
from local.destinations.customer_profiles.server import ProfilesServer
from local.destinations.eventbridge import EventBridgeServer
from local.destinations.firehose import FirehoseServer
from local.destinations.kinesis import KinesisServer
from local.pipeline.emulator_process import Emulator
from local.serve import serving
from local.stand_in.stream import StreamServer
from local.stand_in.values import Behavior
from tests.local.profile_objects import PROPERTIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local.arrivals import Arrivals
    from local.signature import EmulatorAccess, Scope
    from local.stand_in.server import DestinationServer

ACCOUNT, REGION = deploy.DEFAULT_ACCOUNT, deploy.DEFAULT_REGION
STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/s"
BUS = f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/bus"
VARIABLES = {
    "KINESIS_STREAM_ARN": STREAM,
    "FIREHOSE_DELIVERY_STREAM_NAME": "s",
    "EVENT_BUS_ARN": BUS,
    "EVENT_SOURCE": "shop",
}
SERVICES = {
    "kinesis": "kinesis",
    "firehose": "firehose",
    "eventbridge": "events",
    "customer-profiles": "customer-profiles",
}


def record(event_id: str) -> str:
    return json.dumps({"event_id": event_id, "endpoint_id": "é", "event_type": "page_view"})


class Destinations:
    """Every destination on one address, with a client for each."""

    def __init__(self, url: str, access: EmulatorAccess, servers: list[DestinationServer]) -> None:
        self._url = url
        self.secret = access.secret
        self.servers = {server.kind: server for server in servers}
        self.arrivals: dict[str, Arrivals] = {}
        for kind, server in self.servers.items():
            server.signing_secret = access.secret
            if isinstance(server, StreamServer):
                server.upstream = access
                arrivals = Deployed(kind, "", VARIABLES).prepare(
                    lambda service: deploy.client(service, access, ACCOUNT, REGION)
                )
                assert arrivals is not None
                self.arrivals[kind] = arrivals

    def put(self, kind: str, *event_ids: str) -> list[str | None]:
        """Put events with the service's own client; return the error of each."""
        client: Any = boto3.Session().client(  # type: ignore[call-overload]
            SERVICES[kind],
            endpoint_url=self._url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key=self.secret,
            config=Config(retries={"total_max_attempts": 1}),
        )
        records = [record(event_id) for event_id in event_ids]
        match kind:
            case "kinesis":
                answer = client.put_records(
                    StreamARN=STREAM,
                    Records=[{"Data": it.encode(), "PartitionKey": "é"} for it in records],
                )
                return [it.get("ErrorCode") for it in answer["Records"]]
            case "firehose":
                answer = client.put_record_batch(
                    DeliveryStreamName="s", Records=[{"Data": f"{it}\n"} for it in records]
                )
                return [it.get("ErrorCode") for it in answer["RequestResponses"]]
            case "eventbridge":
                entry = {"Source": "shop", "DetailType": "GTM Event", "EventBusName": BUS}
                answer = client.put_events(
                    Entries=[entry | {"Time": 1_795_471_860.5, "Detail": it} for it in records]
                )
                return [it.get("ErrorCode") for it in answer["Entries"]]
            case _:
                answer = client.batch_put_profile_object(
                    DomainName="shop",
                    ObjectTypeName="GtmEvent",
                    Items=[
                        {"Id": event_id, "Object": it}
                        for event_id, it in zip(event_ids, records, strict=True)
                    ],
                )
                failed = {it["Id"]: str(it["Code"]) for it in answer["Failed"]}
                return [failed.get(event_id) for event_id in event_ids]


@pytest.fixture(scope="module")
def _destinations(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Destinations]:
    servers: list[DestinationServer] = [
        KinesisServer(),
        FirehoseServer(),
        EventBridgeServer(),
        ProfilesServer([ObjectType.from_properties(PROPERTIES)]),
    ]
    emulator = Emulator(
        run_directory=tmp_path_factory.mktemp("run"),
        resource_types=[],
        environment={},
        on_request=lambda _: None,
        on_log=lambda _: None,
    )
    with emulator, serving(create_app(Journal(), servers)) as url:
        yield Destinations(url, emulator.access, servers)


@pytest.fixture
def destinations(_destinations: Destinations) -> Iterator[Destinations]:
    yield _destinations
    for server in _destinations.servers.values():
        server.reset()


@pytest.mark.parametrize("kind", SERVICES)
def test_the_sdks_client_puts_events(destinations: Destinations, kind: str) -> None:
    assert destinations.put(kind, f"{kind}-a", f"{kind}-b") == [None, None]
    assert list(destinations.servers[kind].delivered) == [f"{kind}-a", f"{kind}-b"]
    if kind in destinations.arrivals:
        destinations.arrivals[kind].read()
        copies = destinations.arrivals[kind].events
        assert [copies[f"{kind}-{it}"][0].endpoint_id for it in "ab"] == ["é", "é"]
        assert destinations.arrivals[kind].read() == []


def test_an_event_on_a_bus_has_its_entrys_time(destinations: Destinations) -> None:
    destinations.put("eventbridge", "timed")
    destinations.arrivals["eventbridge"].read()
    [event] = destinations.arrivals["eventbridge"].events["timed"]
    assert event.got[0].document["time"] == "2026-11-23T22:11:00Z"


@pytest.mark.parametrize("kind", SERVICES)
@pytest.mark.parametrize("told", ["throttle_next", "fail_next"])
def test_the_sdk_reads_the_errors(destinations: Destinations, kind: str, told: str) -> None:
    server = destinations.servers[kind]
    server.behavior = Behavior.from_json({told: 1})
    with pytest.raises(ClientError) as caught:
        destinations.put(kind, "a")
    status, code = server.throttled if told == "throttle_next" else server.failed
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


@pytest.mark.parametrize("kind", SERVICES)
def test_the_sdk_reads_what_failed_alone(destinations: Destinations, kind: str) -> None:
    destinations.servers[kind].behavior = Behavior(fail_records_share=0.5)
    found = destinations.put(kind, *(f"{kind}-{number}" for number in range(10)))
    assert None in found
    assert len(set(found)) == 2
    assert len(destinations.servers[kind].delivered) == found.count(None)


@pytest.mark.parametrize("kind", SERVICES)
def test_a_dropped_connection_is_a_connection_error(destinations: Destinations, kind: str) -> None:
    destinations.servers[kind].behavior = Behavior(drop_next=1)
    with pytest.raises(ConnectionClosedError):
        destinations.put(kind, "a")
    assert destinations.put(kind, "b") == [None]


@pytest.mark.parametrize("kind", SERVICES)
def test_another_secrets_signature_is_refused(destinations: Destinations, kind: str) -> None:
    server = destinations.servers[kind]
    server.signing_secret = "another"  # noqa: S105 - opens nothing
    try:
        with pytest.raises(ClientError, match="InvalidSignatureException"):
            destinations.put(kind, "a")
    finally:
        server.signing_secret = destinations.secret


@pytest.mark.parametrize("kind", ["kinesis", "firehose"])
def test_a_stream_that_does_not_exist_is_not_found(
    destinations: Destinations, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    server: Any = destinations.servers[kind]
    post: Callable[..., Any] = server._post

    def post_elsewhere(body: bytes, scope: Scope) -> Any:
        document = json.loads(body)
        for name in ("StreamARN", "DeliveryStreamName"):
            if name in document:
                document[name] += "-gone"
        return post(json.dumps(document).encode(), scope)

    monkeypatch.setattr(server, "_post", post_elsewhere)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        destinations.put(kind, "a")

"""Signed requests without service clients, compared with those of the SDK's own clients."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import IncompleteRead, RemoteDisconnected
from typing import TYPE_CHECKING, Any

import botocore.auth
import botocore.session
import pytest
from botocore.credentials import RefreshableCredentials
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import NoCredentialsError
from botocore.handlers import add_recursion_detection_header

from gtm_events import sdk_credentials
from gtm_events.aws import Answer, Client, ServiceEndpoint, ServiceRequest
from gtm_events.errors import SettingsError, TryAgain
from gtm_events.outcome import RetryReason
from tests.destinations.sdk import sdk_request
from tests.unit.builders import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gtm_events.signing import SignedRequest

# By the SDK's client name: our service name, the host's first label, and the signing name.
SERVICES = {
    "customer-profiles": ("customer-profiles", "profile", None),
    "events": ("eventbridge", "events", None),
    "firehose": ("firehose", "firehose", None),
    "kinesis": ("kinesis", "kinesis", None),
    "pinpoint": ("pinpoint", "pinpoint", "mobiletargeting"),
    "sqs": ("sqs", "sqs", None),
}
every_service = pytest.mark.parametrize("service", SERVICES)
SESSION = botocore.session.get_session()
PARTITIONS = SESSION.get_component("data_loader").load_data("partitions")


def endpoint_of(service: str, environment: dict[str, str], arn: str = "") -> ServiceEndpoint:
    name, host, signing_name = SERVICES[service]
    return ServiceEndpoint.of(name, environment, host=host, signing_name=signing_name, arn=arn)


class Session:
    """A connection pool in memory."""

    def __init__(self, answer: Callable[[], Response] = lambda: Response(200, b"{}")) -> None:
        self.answer = answer
        self.requests: list[SignedRequest] = []

    def send(self, request: SignedRequest) -> Response:
        self.requests.append(request)
        return self.answer()


ENDPOINT = ServiceEndpoint("kinesis", "us-east-1", "https://kinesis.us-east-1.amazonaws.com")


@every_service
def test_endpoints_are_those_of_the_sdk_in_every_region(service: str) -> None:
    rules = SESSION.get_component("data_loader").load_service_model(service, "endpoint-rule-set-1")
    provider = EndpointProvider(rules, PARTITIONS)
    regions = [region for partition in PARTITIONS["partitions"] for region in partition["regions"]]
    assert len(regions) > 30
    for region in regions:
        if region.endswith("-global"):
            continue
        for fips in (False, True):
            expected = provider.resolve_endpoint(Region=region, UseFIPS=fips, UseDualStack=False)
            environment = {"AWS_REGION": region, "AWS_USE_FIPS_ENDPOINT": str(fips).lower()}
            assert endpoint_of(service, environment).url == expected.url


@every_service
def test_it_signs_for_the_service(service: str) -> None:
    model = SESSION.get_service_model(service)
    endpoint = endpoint_of(service, {"AWS_REGION": "eu-west-1"})
    assert (endpoint.signing_name, endpoint.region) == (model.signing_name, "eu-west-1")


@every_service
def test_configured_endpoints_are_the_sdks_variables(
    service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = f"AWS_ENDPOINT_URL_{SERVICES[service][0].upper().replace('-', '_')}"
    every = "AWS_ENDPOINT_URL"
    for environment in (
        {own: "http://localhost:1/own"},
        {every: "http://localhost:1"},
        {own: "http://localhost:1/own", every: "http://localhost:2"},
    ):
        with monkeypatch.context() as patched:
            for variable, value in environment.items():
                patched.setenv(variable, value)
            client = botocore.session.get_session().create_client(service, "us-east-1")
        expected = client.meta.endpoint_url
        assert endpoint_of(service, {"AWS_REGION": "us-east-1", **environment}).url == expected


def test_a_configured_endpoint_keeps_the_region_and_loses_its_last_slash() -> None:
    environment = {"AWS_REGION": "eu-west-1", "AWS_ENDPOINT_URL": "http://localhost:4566/"}
    endpoint = endpoint_of("sqs", environment)
    assert endpoint == ServiceEndpoint("sqs", "eu-west-1", "http://localhost:4566")


def test_a_resource_elsewhere_is_reached_where_it_is() -> None:
    arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/s"
    endpoint = endpoint_of("kinesis", {"AWS_REGION": "us-east-1"}, arn)
    assert endpoint.region == "eu-central-1"
    assert endpoint.url == "https://kinesis.eu-central-1.amazonaws.com"


def test_the_default_region_is_lambdas_then_the_sdks() -> None:
    both = {"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-east-1"}
    assert endpoint_of("sqs", both).region == "eu-west-1"
    assert endpoint_of("sqs", {"AWS_DEFAULT_REGION": "us-east-1"}).region == "us-east-1"
    with pytest.raises(SettingsError, match="AWS_REGION must be set, it is not set"):
        endpoint_of("sqs", {})


def test_a_region_newer_than_the_sdk_is_in_the_largest_partition() -> None:
    url = endpoint_of("sqs", {"AWS_REGION": "xx-new-1"}).url
    assert url == "https://sqs.xx-new-1.amazonaws.com"


@every_service
@pytest.mark.parametrize("token", [None, "the/session+token=="])
def test_the_signature_is_the_sdks(
    service: str, token: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = datetime(2026, 11, 25, 12, 0, 0)  # noqa: DTZ001 - as the SDK has it: UTC
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
    monkeypatch.setattr(time, "gmtime", moment.timetuple)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    if token:
        monkeypatch.setenv("AWS_SESSION_TOKEN", token)
    endpoint = endpoint_of(service, {"AWS_REGION": "eu-west-1"})
    operation, arguments = OPERATIONS[service]
    expected = sdk_request(service, operation, arguments, url=endpoint.url, region="eu-west-1")

    signed = re.findall(r"SignedHeaders=(\S+),", expected.headers["Authorization"])[0]
    others = {*signed.split(";")} - {"host", "x-amz-date", "x-amz-security-token"}
    headers = {n: value for n, value in expected.headers.items() if n.lower() in others}
    assert "Content-Type" in headers
    session = Session()
    path = expected.url.removeprefix(endpoint.url)
    body = expected.body.encode() if isinstance(expected.body, str) else expected.body
    Client(endpoint, session).send(ServiceRequest(body, path, expected.method, headers))
    [got] = session.requests
    assert got.url == expected.url
    for header in ("Authorization", "X-Amz-Date", "X-Amz-Security-Token"):
        assert got.headers.get(header) == expected.headers.get(header)
    assert "Signature=" in str(got.headers["Authorization"])


OPERATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "customer-profiles": (
        "batch_put_profile_object",
        {
            "DomainName": "the-domain",
            "ObjectTypeName": "t",
            "Items": [{"Id": "1", "Object": '{"é":1}'}],
        },
    ),
    "events": ("put_events", {"Entries": [{"Source": "s", "DetailType": "d", "Detail": "{}"}]}),
    "firehose": ("put_record_batch", {"DeliveryStreamName": "d", "Records": [{"Data": b"\xff"}]}),
    "kinesis": (
        "put_records",
        {"StreamName": "s", "Records": [{"Data": b"\xff", "PartitionKey": "é"}]},
    ),
    "pinpoint": ("put_events", {"ApplicationId": "app é", "EventsRequest": {"BatchItem": {}}}),
    "sqs": (
        "send_message_batch",
        {"QueueUrl": "https://sqs/1/q", "Entries": [{"Id": "0", "MessageBody": "é"}]},
    ),
}


def test_a_request_says_what_its_body_is() -> None:
    session = Session()
    Client(ENDPOINT, session).send(ServiceRequest(b"{}"))
    Client(ENDPOINT, session).send(
        ServiceRequest(b"[]", "/p", "PUT", {"Content-Type": "x", "X-Y": "z"})
    )
    plain, other = session.requests
    assert (plain.method, plain.url, plain.body) == ("POST", f"{ENDPOINT.url}/", b"{}")
    assert plain.headers["Content-Type"] == "application/json"
    assert (other.method, other.url, other.body) == ("PUT", f"{ENDPOINT.url}/p", b"[]")
    assert (other.headers["Content-Type"], other.headers["X-Y"]) == ("x", "z")


def test_lambda_and_x_ray_see_what_belongs_together(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session()
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")
    Client(ENDPOINT, session).send(ServiceRequest(b"{}"))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "function")
    Client(ENDPOINT, session).send(ServiceRequest(b"{}"))
    elsewhere, on_lambda = session.requests
    assert "X-Amzn-Trace-Id" not in elsewhere.headers
    of_the_sdk: dict[str, str] = {}
    add_recursion_detection_header({"headers": of_the_sdk})
    assert of_the_sdk
    assert of_the_sdk.items() <= dict(on_lambda.headers.items()).items()


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """No keys in the environment and an empty home directory; yields the SDK's credentials path."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    keys = tmp_path / "credentials"
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    sdk_credentials._session.cache_clear()
    yield keys
    sdk_credentials._session.cache_clear()


def signed_by() -> str:
    session = Session()
    Client(ENDPOINT, session).send(ServiceRequest(b"{}"))
    authorization = str(session.requests[0].headers["Authorization"])
    return authorization.partition("Credential=")[2].partition("/")[0]


def test_the_environments_keys_sign_and_the_sdk_is_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sdk_credentials, "find", lambda: pytest.fail("asked"))
    assert signed_by() == "test"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")  # as Lambda sets it
    assert signed_by() == "another"


def test_without_them_it_is_the_sdks_to_find_keys(no_environment: Path) -> None:
    no_environment.write_text("[default]\naws_access_key_id=filed\naws_secret_access_key=x\n")
    assert signed_by() == "filed"


def test_keys_that_end_are_renewed_between_requests(
    no_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not no_environment.exists()
    given = iter(["second", "third"])

    def keys(name: str, seconds: int) -> dict[str, str]:
        ends = datetime.now(UTC) + timedelta(seconds=seconds)
        return {
            "access_key": name,
            "secret_key": "x",
            "token": "t",
            "expiry_time": ends.isoformat(),
        }

    credentials: Any = RefreshableCredentials.create_from_metadata(
        keys("first", 3_600), lambda: keys(next(given), 3_600), "test"
    )
    monkeypatch.setattr(sdk_credentials._session(), "get_credentials", lambda: credentials)
    assert [signed_by(), signed_by()] == ["first", "first"]
    while_signing = sdk_credentials.find()
    credentials._expiry_time = datetime.now(UTC) + timedelta(seconds=1)
    assert [signed_by(), signed_by()] == ["second", "second"]
    assert while_signing.access_key == "first"  # never a mixture of both


def test_without_any_keys_nothing_is_sent_and_it_is_tried_again(no_environment: Path) -> None:
    assert not no_environment.exists()
    session = Session()
    with pytest.raises(TryAgain) as raised:
        Client(ENDPOINT, session).send(ServiceRequest(b"{}"))
    assert raised.value.reason is RetryReason.UNAVAILABLE
    assert session.requests == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TimeoutError(), RetryReason.TIMED_OUT),
        (socket.gaierror(), RetryReason.UNREACHABLE),
        (ConnectionResetError(), RetryReason.UNREACHABLE),
        (ssl.SSLCertVerificationError(), RetryReason.UNREACHABLE),
        (RemoteDisconnected("closed"), RetryReason.UNREACHABLE),
        (IncompleteRead(b""), RetryReason.UNREACHABLE),
        (NoCredentialsError(), RetryReason.UNAVAILABLE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_unanswered_requests_are_retried(error: Exception, reason: RetryReason) -> None:
    def raising() -> Response:
        raise error

    with pytest.raises(TryAgain) as raised:
        Client(ENDPOINT, Session(raising)).send(ServiceRequest(b"{}"))
    assert raised.value.reason is reason


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_success_is_an_answer(status: int) -> None:
    client = Client(ENDPOINT, Session(lambda: Response(status, b'{"a": 1}')))
    answer = client.send(ServiceRequest(b"{}"))
    assert (answer.status, answer.json()) == (status, {"a": 1})


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"a', b"\xff", b"null"])
def test_an_answer_that_is_no_object_is_tried_again(content: bytes) -> None:
    with pytest.raises(TryAgain) as raised:
        Answer(200, content).json()
    assert raised.value.reason is RetryReason.UNAVAILABLE


@contextmanager
def listening(*answers: bytes) -> Iterator[tuple[str, list[int]]]:
    """Yield the URL of a server that answers each request in turn, and its requests by connection.

    An empty answer closes the connection; after the last, nothing is answered any more.
    """
    remaining = list(answers)
    connections: list[int] = []
    done = threading.Event()
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while remaining:
            connection, _ = server.accept()
            connections.append(0)
            with connection, connection.makefile("rb") as reader:
                while remaining:
                    length = 0
                    while (line := reader.readline().strip()) != b"":
                        if line.lower().startswith(b"content-length:"):
                            length = int(line.partition(b":")[2])
                    if not length:
                        break  # closed by the client
                    reader.read(length)
                    connections[-1] += 1
                    answer = remaining.pop(0)
                    connection.sendall(answer)
                    if not answer:
                        break
                else:
                    done.wait(5)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}", connections
    finally:
        done.set()
        thread.join()
        server.close()


def over_the_network(url: str, read_seconds: float = 5) -> Client:
    endpoint = ServiceEndpoint("kinesis", "us-east-1", url)
    return Client.to(endpoint, connect_seconds=1, read_seconds=read_seconds)


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_a_connection_is_kept() -> None:
    with listening(OK, OK, OK) as (url, connections):
        client = over_the_network(url)
        assert [client.send(ServiceRequest(b"{}")).body for _ in range(3)] == [b"{}"] * 3
    assert connections == [3]


def test_a_body_does_not_wait_for_an_acknowledgement(monkeypatch: pytest.MonkeyPatch) -> None:
    """The body is a separate packet, which Nagle's algorithm would delay by 40 ms."""
    made: list[socket.socket] = []
    connect = socket.create_connection

    def remember(*args: Any, **kwargs: Any) -> socket.socket:
        made.append(connect(*args, **kwargs))
        return made[-1]

    monkeypatch.setattr(socket, "create_connection", remember)
    with listening(OK) as (url, _):
        client = over_the_network(url)
        client.send(ServiceRequest(b"{}"))
        [connection] = made
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ((b"",), RetryReason.UNREACHABLE),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", b""), RetryReason.TIMED_OUT),
        ((b"HTTP/1.1 200", b""), RetryReason.TIMED_OUT),
        ((b"no HTTP\r\n\r\n",), RetryReason.UNREACHABLE),
    ],
    ids=["closed", "half a body", "half a status", "another protocol"],
)
def test_an_answer_that_does_not_come_whole_is_tried_again(
    answers: tuple[bytes, ...], reason: RetryReason
) -> None:
    with listening(*answers[:1]) as (url, connections):
        with pytest.raises(TryAgain) as raised:
            over_the_network(url, read_seconds=0.2).send(ServiceRequest(b"{}"))
        assert raised.value.reason is reason
    assert connections == [1]


def test_a_closed_port_is_tried_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(TryAgain) as raised:
        over_the_network(f"http://127.0.0.1:{port}").send(ServiceRequest(b"{}"))
    assert raised.value.reason is RetryReason.UNREACHABLE

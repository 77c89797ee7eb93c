"""What the ports of a run give to whoever is not part of it: the deployed API, and nothing else."""

from __future__ import annotations

import ast
import contextlib
import http.client
import inspect
import io
import json
import os
import re
import secrets
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import botocore
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from ministack import app as ministack  # type: ignore[import-untyped]
from ministack.core import router  # type: ignore[import-untyped]

from local.signature import EmulatorAccess, Scope
from tests.patience import HANG_SECONDS
from tests.pipeline.conftest import delivered

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from local.pipeline.stack import Pipeline
    from tests.pipeline.conftest import Send

LISTENING = "0A"  # in /proc/net/tcp
LOOPBACK = "0100007F"
needs_proc = pytest.mark.skipif(
    not Path("/proc").is_dir(), reason="needs /proc to look into processes"
)
EVENT = "event=stranger&endpoint_id=me"


class Port:
    """The emulator's port, as a stranger sees it.

    Each request has a connection of its own: the server closes one whose body it did not want.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.netloc = urlsplit(url).netloc

    def ask(
        self,
        path: str = "/",
        *,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> tuple[int, dict[str, str], bytes]:
        """Return status, headers with names in lower case, and body of an answer."""
        connection = http.client.HTTPConnection(self.netloc, timeout=HANG_SECONDS)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        return answer.status, {name.lower(): it for name, it in answer.getheaders()}, content

    def check_refused(self, path: str = "/", **request: Any) -> str:
        """Check that a request is refused, and that no site may read why; return the sentence."""
        status, headers, body = self.ask(path, **request)
        assert status == 403, (path, request, body)
        assert not [name for name in headers if name.startswith("access-control-")]
        return body.decode()


@pytest.fixture
def port(pipeline: Pipeline) -> Port:
    return Port(pipeline.emulator.url)


def signed(
    url: str, secret: str, service: str, *, body: bytes = b"", headers: Mapping[str, str] = {}
) -> dict[str, str]:
    """Return the headers of a request to ``/`` that is signed with ``secret``."""
    scope = Scope("000000000000", "us-east-1", service)
    request = EmulatorAccess(url, secret).request("/", scope, body=body, headers=headers)
    return dict(request.header_items())


def paths_of_ministack() -> list[str]:
    """Return every path, or beginning of one, that MiniStack's front has a word for."""
    words = {
        node.value
        for node in ast.walk(ast.parse(inspect.getsource(ministack)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return sorted(word for word in words if re.fullmatch(r"/[\w./@$-]*", word))


def services_of_ministack() -> dict[str, dict[str, Any]]:
    """Return how MiniStack tells its services apart, by their names."""
    services = set(ministack.SERVICE_HANDLERS) | set(router.SERVICE_PATTERNS)
    return {name: router.SERVICE_PATTERNS.get(name, {}) for name in sorted(services)}


def test_ministack_can_be_asked_for_what_it_serves() -> None:
    paths, services = paths_of_ministack(), services_of_ministack()
    assert {"/_ministack/reset", "/_ministack/health", "/_ministack/config"} <= set(paths)
    assert {"lambda", "sqs", "s3", "cloudformation", "secretsmanager"} <= set(services)
    assert len(services) > 50


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS"])
def test_no_path_of_ministacks_own_is_open(port: Port, method: str) -> None:
    for path in paths_of_ministack():
        for asked in (path, f"{path.rstrip('/')}/more"):
            said = port.check_refused(asked, method=method, headers={"Origin": "http://evil.test"})
            assert "no Authorization header" in said


def test_no_service_takes_what_is_not_signed_or_signed_by_others(port: Port) -> None:
    for name, patterns in services_of_ministack().items():
        service = patterns.get("credential_scope", name)
        target = next(iter(patterns.get("target_prefixes", [])), name)
        headers = {
            "X-Amz-Target": f"{target}.ListAnything",
            "Content-Type": "text/plain",  # what a page can send without being asked
            "Origin": "http://evil.test",
        }
        body = b"Action=ListAnything"
        port.check_refused(headers=headers, body=body)
        for path in patterns.get("path_prefixes", []):
            port.check_refused(path, headers=headers, body=body)
        for secret in ("", "test", "local", "local-secret"):
            made_up = signed(port.url, secret, service, body=body, headers=headers)
            assert "does not match" in port.check_refused(headers=made_up, body=body), name
        host = f"{service}.us-east-1.amazonaws.com"
        assert host in port.check_refused(headers=headers | {"Host": host}, body=body)


def test_no_api_function_or_bucket_is_reached_by_another_host_name(
    port: Port, pipeline: Pipeline
) -> None:
    path = urlsplit(pipeline.endpoint_url).path
    api = path.split("/")[3]
    right = pipeline.emulator.access
    for host in (
        "evil.test",
        f"evil.test:{port.netloc.partition(':')[2]}",
        f"{api}.execute-api.localhost",
        f"{api}.execute-api.{port.netloc}",
        f"abc.lambda-url.us-east-1.{port.netloc}",
        f"bucket.s3.{port.netloc}",
        f"bucket.{port.netloc}",
        "127.0.0.1",
        "127.0.0.1:1",
    ):
        said = port.check_refused(f"{path}?{EVENT}", method="GET", headers={"Host": host})
        assert "This server answers to 127.0.0.1" in said
        # Not even for the run itself.
        port.check_refused(headers=signed(right.url, right.secret, "sqs") | {"Host": host})


def test_the_api_is_open_under_this_machines_names(send: Send, port: Port) -> None:
    number = port.netloc.partition(":")[2]
    for name in ("127.0.0.1", "localhost", "[::1]"):
        headers = {"Host": f"{name}:{number}", "Origin": "https://shop.example"}
        answer = send(EVENT, headers=headers)
        assert (answer.status, answer.headers["content-type"]) == (200, "image/svg+xml")
        assert answer.headers["access-control-allow-origin"] == "*"  # the template says so
    answer = send("", method="OPTIONS")
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (204, "*")


def test_what_the_run_has_signed_is_good_for_that_request_only(
    port: Port, pipeline: Pipeline
) -> None:
    body = json.dumps({"QueueNamePrefix": "nothing"}).encode()
    headers = {
        "Content-Type": "application/x-amz-json-1.0",
        "X-Amz-Target": "AmazonSQS.ListQueues",
    }
    secret = pipeline.emulator.secret
    good = signed(port.url, secret, "sqs", body=body, headers=headers)
    status, answered, content = port.ask(headers=good, body=body)
    assert (status, json.loads(content)) == (200, {"QueueUrls": []})
    assert "access-control-allow-origin" not in answered

    port.check_refused(headers=good, body=b"{}")
    port.check_refused("/000000000000/queue", headers=good, body=body)
    port.check_refused("/?Action=ListQueues", headers=good, body=body)
    port.check_refused(method="PUT", headers=good, body=body)
    for name, other in (
        ("X-amz-target", "AmazonSQS.CreateQueue"),
        ("Content-type", "text/plain"),
        ("X-amz-date", "20260101T000000Z"),
        ("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"),
        ("X-Amz-Request-Route", "added"),
        ("Authorization", good["Authorization"].replace("us-east-1", "eu-west-1")),
        ("Authorization", good["Authorization"].replace("/sqs/", "/lambda/")),
        ("Authorization", good["Authorization"][:-1] + "x"),
    ):
        port.check_refused(headers=good | {name: other}, body=body)


def code() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("index.py", "def handler(*_): pass")
    return buffer.getvalue()


def operations(pipeline: Pipeline) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield service, operation and parameters of what would hurt."""
    function = {
        "FunctionName": "evil",
        "Runtime": "python3.11",
        "Role": "arn:aws:iam::000000000000:role/evil",
        "Handler": "index.handler",
        "Code": {"ZipFile": code()},
    }
    deployed = pipeline.outputs["FunctionName"]
    queue_url = pipeline.queue_url("QueueName")
    yield "lambda", "create_function", function
    yield "lambda", "invoke", {"FunctionName": deployed}
    yield "lambda", "update_function_code", {"FunctionName": deployed, "ZipFile": code()}
    yield "sqs", "receive_message", {"QueueUrl": queue_url}
    yield "sqs", "send_message", {"QueueUrl": queue_url, "MessageBody": "evil"}
    yield "sqs", "purge_queue", {"QueueUrl": queue_url}
    yield "cloudformation", "create_stack", {"StackName": "evil", "TemplateBody": "{}"}
    yield "cloudformation", "delete_stack", {"StackName": pipeline.assembly.stack}
    yield "s3", "list_buckets", {}
    yield "s3", "create_bucket", {"Bucket": "evil"}
    yield "s3", "put_object", {"Bucket": "evil", "Key": "evil", "Body": b"evil"}
    yield "secretsmanager", "list_secrets", {}
    yield "iam", "create_user", {"UserName": "evil"}
    yield "sts", "get_caller_identity", {}
    yield "logs", "describe_log_groups", {}


@pytest.mark.parametrize(
    "config", [None, Config(signature_version=botocore.UNSIGNED)], ids=["made up", "unsigned"]
)
def test_no_operation_is_done_for_a_stranger(pipeline: Pipeline, config: Config | None) -> None:
    for service, operation, parameters in operations(pipeline):
        client: Any = boto3.Session().client(  # type: ignore[call-overload]
            service,
            endpoint_url=pipeline.emulator.url,
            region_name=pipeline.assembly.region,
            aws_access_key_id=pipeline.assembly.account,  # that is no secret
            aws_secret_access_key="test",  # noqa: S106 - nor is this
            config=Config(retries={"total_max_attempts": 1}).merge(config or Config()),
        )
        # A client that expects XML cannot read the sentence; S3's says the status alone.
        with pytest.raises(
            (ClientError, ResponseParserError), match=r"own secret has signed|\(403\)"
        ):
            getattr(client, operation)(**parameters)

    functions = pipeline.client("lambda").list_functions()["Functions"]
    assert [it["FunctionName"] for it in functions] == [pipeline.outputs["FunctionName"]]
    stacks = pipeline.client("cloudformation").describe_stacks()["Stacks"]
    assert [it["StackStatus"] for it in stacks] == ["CREATE_COMPLETE"]
    buckets = pipeline.client("s3").list_buckets()["Buckets"]
    assert "evil" not in {it["Name"] for it in buckets}


def test_a_websocket_is_refused(port: Port, pipeline: Pipeline) -> None:
    path = urlsplit(pipeline.endpoint_url).path
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    port.check_refused(path, method="GET", headers=upgrade)


CONSOLE_PATHS = (
    *("", "demo", "demo/", "demo/demo.js", "static/console.js", "api/stream", "api/hits/1"),
    *("api/token", "control/pinpoint", "nowhere"),
)
KEYLESS = "The path lacks the run's key: open the URL that make run printed"


class TestConsole:
    """The console's port, as another account of the machine sees it."""

    @pytest.fixture
    @staticmethod
    def console(pipeline: Pipeline) -> Port:
        return Port(pipeline.console_origin)

    @pytest.mark.parametrize("key", ["", "/", "another", "%C3%A9", "%ff", ".."])
    def test_without_its_key_nothing_is_shown(
        self, console: Port, pipeline: Pipeline, send: Send, key: str
    ) -> None:
        delivered(pipeline, send(EVENT))  # so that there is something to show
        key = secrets.token_urlsafe(16) if key == "another" else key
        for path in CONSOLE_PATHS:
            asked = f"/{key}/{path}" if key else f"/{path}"
            for method in ("GET", "HEAD", "OPTIONS", "PUT", "POST", "DELETE"):
                if (asked, method) == ("/", "POST"):  # what Kinesis and others serve
                    continue
                said = console.check_refused(asked, method=method)
                assert said == ("" if method == "HEAD" else KEYLESS)

    def test_no_origin_written_by_hand_presses_a_switch(
        self, console: Port, pipeline: Pipeline
    ) -> None:
        headers = {"Origin": pipeline.console_origin, "Content-Type": "application/json"}
        before = pipeline.putevents.behavior
        body = json.dumps({"drop_next": 5, "subject": "u"}).encode()
        for start in ("", f"/{secrets.token_urlsafe(16)}"):
            for path, method in (("control/pinpoint", "PUT"), ("api/token", "POST")):
                asked = f"{start}/{path}"
                console.check_refused(asked, method=method, headers=headers, body=body)
        assert pipeline.putevents.behavior == before

    def test_with_its_key_all_is_there(self, console: Port, pipeline: Pipeline) -> None:
        own = urlsplit(pipeline.console_url).path
        assert len(own) > 20
        for page in (
            "",
            "demo/?endpoint=x",
            "static/console.js",
            "demo/demo.js",
            "control/pinpoint",
        ):
            status, _, _ = console.ask(f"{own}{page}", method="GET")
            assert status == 200, page
        for close in (own[:-2] + "/", own[:-1] + "x/", own.swapcase(), f"/{own}", own[:-1]):
            console.check_refused(close, method="GET")

    @needs_proc
    def test_no_command_line_holds_its_key(self, pipeline: Pipeline) -> None:
        key = urlsplit(pipeline.console_url).path.strip("/").encode()
        for process in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                assert key not in (process / "cmdline").read_bytes()


@needs_proc
def test_nothing_listens_but_two_ports_on_loopback(send: Send, pipeline: Pipeline) -> None:
    delivered(pipeline, send(EVENT))  # so that a function's process is there
    ports = {urlsplit(url).port for url in (pipeline.console_origin, pipeline.emulator.url)}
    found = list(_listening(_sockets_of_run(pipeline)))
    assert {address for address, _ in found} == {LOOPBACK}
    # This process may have other tests' servers, the children have nothing but this run's.
    assert {number for _, number in found} >= ports
    children = list(_listening(_sockets_of_run(pipeline, itself=False)))
    assert {number for _, number in children} == {urlsplit(pipeline.emulator.url).port}


def _sockets_of_run(pipeline: Pipeline, *, itself: bool = True) -> set[str]:
    """Return the inodes of the sockets of the emulator, its functions and this process."""
    run_directory = str(pipeline.emulator.run_directory).encode()
    sockets = set()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            ours = run_directory in (process / "environ").read_bytes()
            if ours or (itself and int(process.name) == os.getpid()):
                for fd in (process / "fd").iterdir():
                    if match := re.fullmatch(r"socket:\[(\d+)\]", str(fd.readlink())):
                        sockets.add(match[1])
        except OSError:  # gone, or another user's
            continue
    return sockets


def _listening(sockets: set[str]) -> Iterator[tuple[str, int]]:
    """Yield address, as the kernel writes it, and port of those sockets that listen."""
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENING and fields[9] in sockets:
                address, _, number = fields[1].rpartition(":")
                yield address, int(number, 16)


@needs_proc
def test_ministack_keeps_its_files_in_the_runs_own_directory(pipeline: Pipeline) -> None:
    # Private keys are among them, and /tmp is everybody's.
    package = Path(inspect.getfile(ministack)).parent
    shared = re.compile(r"""environ\.get\(\s*["'](\w+)["'],\s*["'](/[^"']+)["']""")
    named = {
        name: default
        for path in package.rglob("*.py")
        for name, default in shared.findall(path.read_text(encoding="utf-8"))
        if default.startswith("/tmp")  # noqa: S108 - what must not be used
    }
    assert {"STATE_DIR", "S3_DATA_DIR"} <= set(named)
    environment = _environment(pipeline.emulator.process.pid)
    run_directory = pipeline.emulator.run_directory
    for name in (*named, "TMPDIR"):
        assert Path(environment[name]).is_relative_to(run_directory), name
    assert run_directory.stat().st_mode & 0o077 == 0


def _environment(pid: int) -> dict[str, str]:
    text = Path(f"/proc/{pid}/environ").read_bytes().decode()
    return dict(each.split("=", 1) for each in text.split("\0") if each)

"""What ``make deploy`` looks at before CloudFormation rolls back."""

from __future__ import annotations

import json
import subprocess
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest

from stacks import preflight

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(__file__).parents[2]
ROLE = {"cloudwatchRoleArn": "arn:aws:iam::123456789012:role/logs"}


@contextmanager
def api_gateway(status: int, answer: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Serve ``GetAccount``; yield the server's URL and the requests that came."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(f"{self.path} {self.headers['Authorization']}")
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with a ``cdk.json``, and a shell with credentials."""
    for name in ("AWS_PROFILE", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("cdk.json").write_text('{"app": "python3 app.py"}', encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("project")
def test_an_account_without_the_role_is_told_the_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with api_gateway(200, {"throttleSettings": {}}) as (url, requests):
        monkeypatch.setenv("AWS_ENDPOINT_URL_API_GATEWAY", url)
        assert preflight.main(["-c", "destination=kinesis", "--require-approval", "never"]) == 1
    (request,) = requests
    assert request.startswith("/account ")
    assert "/eu-west-1/apigateway/" in request
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: API Gateway has no role to write logs with in eu-west-1")
    assert "cloud_watch_role=true" in line
    assert "cdk.json" in line


@pytest.mark.usefixtures("project")
def test_an_account_that_has_it_goes_on_without_a_word(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with api_gateway(200, ROLE) as (url, requests):
        monkeypatch.setenv("AWS_ENDPOINT_URL_API_GATEWAY", url)
        assert preflight.main([]) == 0
    assert len(requests) == 1
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("in_file", "arguments"),
    [
        ({}, ["-c", "cloud_watch_role=true"]),
        ({}, ["--context", "cloud_watch_role=true"]),
        ({"cloud_watch_role": True}, []),
        ({"cloud_watch_role": "true"}, ["-c", "destination=kinesis"]),
        ({"cloud_watch_role": False}, ["-c", "cloud_watch_role=true"]),
    ],
)
def test_whoever_makes_the_role_is_not_asked(
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    in_file: dict[str, Any],
    arguments: list[str],
) -> None:
    project.joinpath("cdk.json").write_text(json.dumps({"context": in_file}), encoding="utf-8")
    with api_gateway(200, {}) as (url, requests):
        monkeypatch.setenv("AWS_ENDPOINT_URL_API_GATEWAY", url)
        assert preflight.main(arguments) == 0
    assert requests == []


def test_the_command_line_wins_over_the_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = {"context": {"cloud_watch_role": True}}
    project.joinpath("cdk.json").write_text(json.dumps(context), encoding="utf-8")
    with api_gateway(200, {}) as (url, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL_API_GATEWAY", url)
        assert preflight.main(["-c", "cloud_watch_role=false"]) == 1


@pytest.mark.usefixtures("project")
def test_whoever_may_not_look_may_deploy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    denied = {"message": "not authorized", "__type": "AccessDeniedException"}
    with api_gateway(403, denied) as (url, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL_API_GATEWAY", url)
        assert preflight.main([]) == 0
    assert "Cannot check whether API Gateway may write logs" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_whoever_has_no_credentials_hears_of_it_from_the_cdk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert preflight.main([]) == 0
    assert preflight.main(["--profile", "nobody"]) == 0
    assert capsys.readouterr().err.count("Cannot check") == 2


def test_make_deploy_looks_first() -> None:
    command = ["make", "--dry-run", "deploy", "CONTEXT=destination=kinesis timeout=60", "ARGS=--x"]
    made = subprocess.run(  # noqa: S603 - the checkout's own Makefile
        command, cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    looks, deploys = (line for line in made.stdout.splitlines() if "--x" in line)
    arguments = "-c destination=kinesis -c timeout=60 --x"
    assert looks.endswith(f"-m stacks.preflight {arguments}")
    assert " deploy " in deploys
    assert deploys.endswith(arguments)

"""The pipeline as one object: ``python -m local`` and the tests start the same one.

with running(context={"anonymous_user_attributes": "*"}) as pipeline:
    urlopen(f"{pipeline.endpoint_url}?event=hello&endpoint_id=me")
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.error import URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import ProxyHandler, build_opener

from botocore.exceptions import BotoCoreError, ClientError

from cdk_gtm_connector import tokens
from local import deploy
from local.console import MintRequest, create_app
from local.destinations import context_for, deployed_in, endpoint_variable, serve, simulated
from local.journal import Journal, event_id_of
from local.putevents import PutEventsServer
from local.serve import serving
from local.signature import Access, Scope, new_secret
from local.streams import StreamServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from local.arrivals import Arrivals
    from local.destination import DestinationServer
    from local.destinations import Deployed

ROOT: Final = Path(__file__).resolve().parent.parent

RUN_FILE: Final = "run.json"
"""By which ``gtm-connector --local`` finds a run: in its directory, which nobody else may enter."""

APP: Final = "app.py"
"""The deployable app, from :data:`ROOT`."""

_START_SECONDS: Final = 120.0  # ends what hangs: a busy machine takes many seconds
_STOP_SECONDS: Final = 3.0
_SYNTHESIS_SECONDS: Final = 180.0
_INVALID_MESSAGE_OUTPUT: Final = "InvalidMessageQueueName"
_OBSERVE_SECONDS: Final = 1.0
_LOG_LINES: Final = 60

# What the emulator and the functions in it get of this process's environment. Above all none of its
# AWS settings: nothing here may reach an account.
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TZ")

# The CLI adds these to every app's context unless told otherwise: with them the template is the one
# that would be deployed.
_CLI_CONTEXT: Final = {
    "aws:cdk:enable-path-metadata": True,
    "aws:cdk:enable-asset-metadata": True,
    "aws:cdk:version-reporting": True,
    "aws:cdk:bundling-stacks": ["**"],
}

# On the local machine only: a proxy for the world outside must not see these requests.
_opener = build_opener(ProxyHandler({}))


class SynthesisError(Exception):
    """``app.py`` did not produce a cloud assembly. The message is what it said."""


class EmulatorError(Exception):
    """The emulator did not start, or stopped. The message holds the end of its log."""


def _cdk_json() -> dict[str, Any]:
    """Return the context in ``cdk.json``."""
    context: dict[str, Any] = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8")).get(
        "context", {}
    )
    return context


def completed(context: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``context`` with what its destinations, or those of ``cdk.json``, need here."""
    # Of cdk.json this alone: the streams and buses that it names are an account's.
    chosen = {name: it for name, it in _cdk_json().items() if name == "destination"}
    return context_for(chosen | dict(context))


def synthesize(directory: Path, context: Mapping[str, Any], app: str = APP) -> None:
    """Synthesize an app into ``directory`` as ``cdk synth -c name=value …`` does.

    Args:
        directory: Where the cloud assembly goes.
        context: Wins over the context of ``cdk.json``.
        app: Its file, from the project's root.

    Raises:
        SynthesisError: The app refused a setting, or failed.
    """
    with tempfile.TemporaryDirectory(prefix="gtm-connector-synth-") as temporary:
        status, said = _run_app(
            app,
            {
                "CDK_OUTDIR": str(directory),
                "CDK_DEFAULT_REGION": deploy.DEFAULT_REGION,
                "CDK_CONTEXT_JSON": json.dumps({**_CLI_CONTEXT, **_cdk_json(), **context}),
                "TMPDIR": temporary,  # jsii leaves files there when it is interrupted
                # The library of this checkout, wherever the app is.
                "PYTHONPATH": os.pathsep.join(
                    filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])
                ),
            },
        )
    if status != 0:
        # jsii frames its remark about the Node release in such lines; it is not what failed.
        said = "\n".join(line for line in said.splitlines() if not line.startswith("b'!!"))
        raise SynthesisError(said.strip() or f"{app} ended with status {status}")


def _run_app(app: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run an app; return its exit status and what it said on standard error."""
    # In a process group of its own, for node runs below it.
    process = subprocess.Popen(  # noqa: S603 - no shell, and the user's own app
        [sys.executable, app],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        _, said = process.communicate(timeout=_SYNTHESIS_SECONDS)
    except subprocess.TimeoutExpired:
        _end(process)
        raise SynthesisError(
            f"{app} did not finish within {_SYNTHESIS_SECONDS:g} seconds"
        ) from None
    except BaseException:
        _end(process)
        raise
    return process.returncode, said


def _end(process: subprocess.Popen[Any]) -> None:
    """End a process that leads a group, and then whatever is left of the group."""
    for order in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, order)
        except ProcessLookupError:  # nobody left
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)


@dataclass(eq=False)
class Emulator:
    """MiniStack in a process of its own, see :mod:`local.emulator`. A context manager.

    Args:
        run_directory: For its temporary files. Removed by the emulator should this process die.
        resource_types: What is going to be deployed.
        environment: What the functions get beside the environment that the template gives them.
        on_request: Called with the report of each request that an API answered, on a thread.
        on_log: Called with each line that the emulator says once it is up, on a thread.
        secret: Secret access key that its callers sign with, and its functions get; a new one by
            default.
    """

    run_directory: Path
    resource_types: list[str]
    environment: Mapping[str, str]
    on_request: Callable[[Mapping[str, Any]], None]
    on_log: Callable[[str], None]
    secret: str = field(default_factory=new_secret, repr=False)
    url: str = field(init=False, default="")
    placeholders: list[str] = field(init=False, default_factory=list)
    """The resource types for which nothing is created."""

    def __enter__(self) -> Self:
        """Start it and wait until it answers.

        Raises:
            EmulatorError: It does not.
        """
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        self._log: deque[str] = deque(maxlen=_LOG_LINES)
        self._up = threading.Event()
        temporary = self.run_directory / "tmp"
        temporary.mkdir()
        report_fd, their_report_fd = os.pipe()
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "local.emulator"],
                cwd=ROOT,
                env={
                    **{name: os.environ[name] for name in _INHERITED if name in os.environ},
                    **self._settings(port, temporary, their_report_fd),
                    **self.environment,
                },
                stdin=subprocess.PIPE,  # held open: when it ends, so does the emulator
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                pass_fds=(their_report_fd,),
                # Ctrl-C goes to the foreground's group: this process decides what happens then.
                start_new_session=True,
            )
        except BaseException:
            os.close(report_fd)
            raise
        finally:
            os.close(their_report_fd)
        self._threads = [
            threading.Thread(target=self._read_reports, args=(report_fd,), daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for thread in self._threads:
            thread.start()
        try:
            self._wait_until_up()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop it and the functions that run in it."""
        _end(self.process)
        for stream in (self.process.stdin, self.process.stderr):
            if stream is not None and stream is not self.process.stderr:
                stream.close()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)

    @property
    def access(self) -> Access:
        """What opens it."""
        return Access(self.url, self.secret)

    @property
    def log(self) -> str:
        """The last lines of what it said."""
        return "\n".join(self._log)

    def get(self, path: str) -> Any:
        """Return the JSON document at one of MiniStack's own paths, such as its health.

        Raises:
            URLError: It does not answer, or refuses.
        """
        scope = Scope(deploy.DEFAULT_ACCOUNT, deploy.DEFAULT_REGION, "ministack")
        with _opener.open(self.access.request(path, scope), timeout=_START_SECONDS) as answer:
            return json.load(answer)

    def check(self) -> None:
        """Check that it still runs.

        Raises:
            EmulatorError: It has ended.
        """
        if (status := self.process.poll()) is not None:
            for thread in self._threads:
                thread.join(_STOP_SECONDS)
            raise EmulatorError(f"the emulator ended with status {status}:\n{self.log}")

    def _settings(self, port: int, temporary: Path, report_fd: int) -> dict[str, str]:
        return {
            "LOCAL_EMULATOR_REPORT_FD": str(report_fd),
            "LOCAL_EMULATOR_RESOURCE_TYPES": json.dumps(self.resource_types),
            "LOCAL_EMULATOR_RUN_DIRECTORY": str(self.run_directory),
            "TMPDIR": str(temporary),
            "STATE_DIR": str(temporary / "state"),  # Cognito's private keys, in /tmp by default
            "S3_DATA_DIR": str(temporary / "s3"),
            "BIND_HOST": "127.0.0.1",
            "MINISTACK_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "LOG_LEVEL": "WARNING",
            "IOT_MTLS_ENABLED": "0",  # these two listen on ports of their own
            "SFTP_ENABLED": "0",
            "DOCKER_HOST": f"unix://{temporary / 'no-docker'}",  # it would tidy up containers
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            self.check()
            try:
                self.get("/_ministack/health")
            except URLError as error:
                if time.monotonic() > deadline:
                    raise EmulatorError(
                        f"the emulator does not answer after {_START_SECONDS:g} seconds "
                        f"({error.reason}):\n{self.log}"
                    ) from error
            else:
                self._up.set()
                return
            time.sleep(0.02)

    def _read_reports(self, fd: int) -> None:
        with os.fdopen(fd, encoding="utf-8") as lines:
            for line in lines:
                report = json.loads(line)
                if "placeholders" in report:
                    self.placeholders = report["placeholders"]
                else:
                    self.on_request(report)

    def _read_log(self) -> None:
        assert self.process.stderr is not None  # noqa: S101 - it is a pipe, see __enter__
        with self.process.stderr as lines:
            for line in lines:
                self._log.append(line.rstrip("\n"))
                # What it says about itself while it starts is of interest only if it fails.
                if self._up.is_set():
                    self.on_log(line.rstrip("\n"))


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline that runs.

    Attributes:
        endpoint_url: URL of ``/events``, without a query string.
        authenticated_endpoint_url: The same of ``/events/authenticated``; ``None`` if the stack
            has no such route.
        console_url: URL of the console page, with the run's key in its path; the demo page is at
            ``demo/`` below it.
        console_origin: Origin of both pages, and base URL of the destinations.
        emulator: The emulator.
        assembly: What is deployed in it.
        outputs: The stack's outputs as they are on AWS; see :meth:`local_url`.
        journal: What happened so far.
        deployed: The stack's destinations, the first first.
        servers: What they call, by kind, to be told how to behave.
        arrivals: What arrived at those that the emulator keeps, by kind.
    """

    endpoint_url: str
    authenticated_endpoint_url: str | None
    console_url: str
    console_origin: str
    emulator: Emulator
    assembly: deploy.Assembly
    outputs: Mapping[str, str]
    journal: Journal
    deployed: Sequence[Deployed]
    servers: Mapping[str, DestinationServer]
    arrivals: Mapping[str, Arrivals]

    @property
    def putevents(self) -> PutEventsServer:
        """Pinpoint's server, if Pinpoint is a destination."""
        server = self.servers["pinpoint"]
        if not isinstance(server, PutEventsServer):  # there is no other of that kind
            raise TypeError(f"expected Pinpoint's server, got {server!r}")
        return server

    def output(self, kind: str, name: str) -> str:
        """Return the name of a destination's own output, such as ``QueueName``."""
        return next(each for each in self.deployed if each.kind == kind).output(name)

    def client(self, service: str) -> Any:
        """Return a boto3 client for the stack's account and Region in the emulator."""
        return deploy.client(
            service, self.emulator.access, self.assembly.account, self.assembly.region
        )

    def queue_url(self, output: str) -> str:
        """Return the URL of the queue whose name is the stack's output ``output``."""
        url: str = self.client("sqs").get_queue_url(QueueName=self.outputs[output])["QueueUrl"]
        return url

    def peek(self, output: str) -> list[dict[str, Any]]:
        """Return the messages of a queue without receiving them, as MiniStack shows them.

        Each has ``MessageId``, ``Body``, ``ReceiveCount``, ``MessageAttributes`` and more.
        """
        query = urlencode({"QueueUrl": self.queue_url(output)})
        accounts = self.emulator.get(f"/_ministack/sqs/messages?{query}")["messages"]
        return [
            message
            for regions in accounts.values()
            for queues in regions.values()
            for messages in queues.values()
            for message in messages
        ]


def _write_run_file(path: Path, pipeline: Pipeline) -> None:
    """Write where a run is and what opens it, readable by this user alone."""
    run = {
        "url": pipeline.emulator.url,
        "secret": pipeline.emulator.secret,
        "account": pipeline.assembly.account,
        "region": pipeline.assembly.region,
        "stack": pipeline.assembly.stack,
        "endpoint_url": pipeline.endpoint_url,
        "authenticated_endpoint_url": pipeline.authenticated_endpoint_url,
        "process": os.getpid(),
    }
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(run, file)


def not_simulated(assembly: deploy.Assembly, emulator: Emulator) -> list[str]:
    """Return a line for the user about each resource that is in the emulator by name only."""
    return [
        f"Not simulated: {name}, MiniStack has no {resource_type}"
        for name, resource_type in assembly.resources().items()
        if resource_type in emulator.placeholders and not simulated(resource_type)
    ] + [
        f"Not simulated: {name}, MiniStack keeps an {resource_type} and filters nothing"
        for name, resource_type in assembly.resources().items()
        if resource_type == "AWS::WAFv2::WebACL"
    ]


def local_url(url: str, emulator_url: str, domains: Mapping[str, str] | None = None) -> str:
    """Return where the emulator serves an API's ``https://{api}.execute-api.…`` URL.

    Under a path, not a host name of its own: not every resolver knows ``*.localhost``.

    Args:
        url: On AWS.
        emulator_url: The emulator.
        domains: Custom domain names that stand for an API as well, each with the API's id.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    api, _, service = host.partition(".")
    if not service.startswith("execute-api."):
        if host not in (domains or {}):
            raise ValueError(f"not the URL of an API Gateway API: {url!r}")
        api = (domains or {})[host]
    query = f"?{parts.query}" if parts.query else ""
    return f"{emulator_url}/_aws/execute-api/{api}{parts.path}{query}"


def _local_output(
    outputs: Mapping[str, str], name: str, access: Access, assembly: deploy.Assembly
) -> str | None:
    if name not in outputs:
        return None
    return local_url(outputs[name], access.url, _domains(access, assembly))


def _domains(access: Access, assembly: deploy.Assembly) -> dict[str, str]:
    """Return the API's id for each custom domain name of the stack."""
    api_gateway = deploy.client("apigateway", access, assembly.account, assembly.region)
    return {
        domain["domainName"]: mapping["restApiId"]
        for domain in api_gateway.get_domain_names()["items"]
        for mapping in api_gateway.get_base_path_mappings(domainName=domain["domainName"])["items"]
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def _no_step(_: str) -> Iterator[None]:
    yield


@contextmanager
def running(
    *,
    context: Mapping[str, str] | None = None,
    app: str = APP,
    stand_ins: Sequence[type[DestinationServer]] = (),
    assembly_directory: Path | None = None,
    port: int = 0,
    journal: Journal | None = None,
    putevents: PutEventsServer | None = None,
    keep: int | None = None,
    step: Callable[[str], AbstractContextManager[None]] = _no_step,
    say: Callable[[str], None] = print,
) -> Iterator[Pipeline]:
    """Synthesize, start everything, deploy, and stop it all when the block ends.

    Args:
        context: CDK context, as ``-c name=value`` would give it.
        app: The app to synthesize, from the project's root.
        stand_ins: The servers of its destinations that are somebody's own.
        assembly_directory: A cloud assembly to deploy instead of synthesizing one.
        port: Of the console and the destinations; 0 takes a free one.
        journal: Is told what happens; a new one by default.
        putevents: Pinpoint's server if Pinpoint is a destination, ``journal`` its observer; a new
            one by default.
        keep: How many requests and events the destinations keep each; by default all.
        step: Called with what begins, returns a context manager around it.
        say: Called with lines for the user: what is not simulated, what the emulator says.

    Raises:
        SynthesisError: The app failed.
        EmulatorError: The emulator did not start, or ended.
        deploy.AssemblyError: The assembly cannot be deployed here.
        deploy.DeploymentError: A resource failed.
    """
    run_directory = Path(tempfile.mkdtemp(prefix="gtm-connector-"))
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, run_directory, ignore_errors=True)
        if assembly_directory is None:
            assembly_directory = run_directory / "cdk.out"
            with step(f"Synthesizing {app}"):
                synthesize(assembly_directory, completed(context or {}), app)
        assembly = deploy.Assembly.read(assembly_directory)
        for line in assembly.warnings:
            say(f"Warning: {line}")
        deployed = deployed_in(assembly, stand_ins)
        journal = journal or Journal()
        servers = serve(
            deployed, assembly, journal, putevents=putevents, stand_ins=stand_ins, keep=keep
        )
        journal.destinations_known(
            {kind: server.title for kind, server in servers.items()},
            {each.kind: each.rules(servers[each.kind].limits) for each in deployed},
        )
        secret = new_secret()
        for server in servers.values():
            server.signing_secret = secret
        with step("Starting the console"):
            mint = _Minter()
            key = secrets.token_urlsafe(16)
            console = create_app(journal, list(servers.values()), mint=mint, key=key)
            console_origin = stack.enter_context(serving(console, port=port))
        with step("Starting the emulator"):
            emulator = stack.enter_context(
                Emulator(
                    run_directory,
                    sorted(set(assembly.resources().values())),
                    {endpoint_variable(kind): console_origin for kind in servers},
                    journal.gateway_answered,
                    lambda line: say(f"emulator: {line}"),
                    secret,
                )
            )
        for server in servers.values():
            if isinstance(server, StreamServer):
                server.upstream = emulator.access
        with step(f"Deploying stack {assembly.stack}, {len(assembly.resources())} resources"):
            try:
                arrivals = _prepare(deployed, assembly, emulator.access, keep)
                outputs = deploy.deploy(assembly, emulator.access)
            except (BotoCoreError, ClientError) as error:
                emulator.check()
                raise EmulatorError(f"{error}\n{emulator.log}") from error
        for line in not_simulated(assembly, emulator):
            say(line)
        for server in servers.values():
            server.stack_deployed(
                partial(
                    deploy.client,
                    access=emulator.access,
                    account=assembly.account,
                    region=assembly.region,
                ),
                outputs,
            )
        endpoint_url, authenticated_endpoint_url = (
            _local_output(outputs, name, emulator.access, assembly)
            for name in ("EndpointUrl", "AuthenticatedEndpointUrl")
        )
        if endpoint_url is None:
            raise deploy.AssemblyError(
                "the stack must have the output EndpointUrl to run here, it has "
                f"{', '.join(sorted(outputs)) or 'none'}"
            )
        pipeline = Pipeline(
            endpoint_url=endpoint_url,
            authenticated_endpoint_url=authenticated_endpoint_url,
            console_url=f"{console_origin}/{key}/",
            console_origin=console_origin,
            emulator=emulator,
            assembly=assembly,
            outputs=outputs,
            journal=journal,
            deployed=deployed,
            servers=servers,
            arrivals=arrivals,
        )
        _write_run_file(run_directory / RUN_FILE, pipeline)
        stack.enter_context(_observing(pipeline))
        mint.pipeline = pipeline
        journal.endpoint_ready(endpoint_url, authenticated_endpoint_url)
        yield pipeline


def _prepare(
    deployed: Sequence[Deployed], assembly: deploy.Assembly, access: Access, keep: int | None
) -> dict[str, Arrivals]:
    """Make what the destinations refer to; return what reads it, by kind."""

    def client(service: str) -> Any:
        return deploy.client(service, access, assembly.account, assembly.region)

    found = {}
    for each in deployed:
        arrivals = each.prepare(client)
        if arrivals is not None:
            arrivals.keep = keep
            found[each.kind] = arrivals
    return found


@dataclass
class _Minter:
    """Signs tokens for the console page, with the secret that the stack made.

    The console is there before the stack is; it asks for a token only once the route is known.
    """

    pipeline: Pipeline | None = None

    def __call__(self, wanted: MintRequest) -> str:
        if self.pipeline is None:
            raise ValueError("the stack is not deployed yet: try again in a moment")
        if "TokenSecretArn" not in self.pipeline.outputs:
            raise ValueError("the stack has no output TokenSecretArn: nothing here signs tokens")
        secret = self.pipeline.client("secretsmanager").get_secret_value(
            SecretId=self.pipeline.outputs["TokenSecretArn"]
        )
        age = timedelta(hours=1) if wanted.expired else timedelta()
        return tokens.mint(
            secret["SecretString"],
            subject=wanted.subject,
            endpoint_id=wanted.endpoint_id,
            audience=self._audience(self.pipeline),
            now=datetime.now(UTC) - age,
        )

    @staticmethod
    def _audience(pipeline: Pipeline) -> str | None:
        """Return what the authorizer's function was told to ask for."""
        for function in pipeline.client("lambda").list_functions()["Functions"]:
            variables = function.get("Environment", {}).get("Variables", {})
            if "SECRET_ARN" in variables:
                return variables.get("AUDIENCE") or None
        return None


@contextmanager
def _observing(pipeline: Pipeline) -> Iterator[None]:
    """Tell the journal what is in the queues and at the destinations."""
    stop = threading.Event()
    observers: list[Callable[[], None]] = [
        *(_QueueObserver(pipeline, each).observe for each in pipeline.deployed),
        *(
            [_InvalidMessageObserver(pipeline).observe]
            if _INVALID_MESSAGE_OUTPUT in pipeline.outputs
            else []
        ),
        *(
            partial(_observe_arrivals, pipeline.journal, arrivals)
            for arrivals in pipeline.arrivals.values()
        ),
    ]

    def observe() -> None:
        while not stop.wait(_OBSERVE_SECONDS):
            for each in observers:
                # It may be gone for a moment, in tests for good: the page keeps what it knows.
                with contextlib.suppress(BotoCoreError, ClientError, URLError, OSError):
                    each()

    thread = threading.Thread(target=observe, name="observers", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(_STOP_SECONDS)


def _observe_arrivals(journal: Journal, arrivals: Arrivals) -> None:
    for event in arrivals.read():
        journal.destination_has(arrivals.kind, event)


class _Looked:
    """A queue, and which of its messages were seen.

    Args:
        pipeline: Where it is.
        output: The stack's output that names it.
    """

    def __init__(self, pipeline: Pipeline, output: str) -> None:
        self._pipeline = pipeline
        self._output = output
        self._sqs = pipeline.client("sqs")
        self._url = pipeline.queue_url(output)
        self._seen: set[str] = set()
        self._number = 0

    def count(self) -> tuple[int, int]:
        """Return how many messages can be received, and how many were and are not deleted."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=names)
        visible, in_flight = (int(answer["Attributes"][name]) for name in names)
        return visible, in_flight

    def new_ones(self, number: int) -> Iterator[tuple[Mapping[str, Any], dict[str, str]]]:
        """Yield the messages that nobody has seen, each with its attributes.

        Args:
            number: How many there are; if that is as before, nobody looks.
        """
        if number == self._number:
            return
        self._number = number
        for message in self._pipeline.peek(self._output):
            if message["MessageId"] not in self._seen:
                self._seen.add(message["MessageId"])
                yield (
                    message,
                    {
                        name: value.get("StringValue", "")
                        for name, value in message["MessageAttributes"].items()
                    },
                )


class _InvalidMessageObserver:
    """Looks at the invalid-message queue, which is one for all destinations."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._journal = pipeline.journal
        self._kinds = {each.kind for each in pipeline.deployed}
        self._queue = _Looked(pipeline, _INVALID_MESSAGE_OUTPUT)

    def observe(self) -> None:
        number = sum(self._queue.count())
        self._journal.invalid_messages_counted(number)
        for message, attributes in self._queue.new_ones(number):
            kind = attributes.get("Destination")
            self._journal.found_invalid(
                event_id=event_id_of(message["Body"]),
                reason=attributes.get("Reason", ""),
                detail=attributes.get("Detail", ""),
                body=message["Body"],
                destination=kind if kind in self._kinds else None,
            )


class _QueueObserver:
    """Looks at a destination's queue and dead-letter queue."""

    def __init__(self, pipeline: Pipeline, deployed: Deployed) -> None:
        self._journal = pipeline.journal
        self._kind = deployed.kind
        self._queue = _Looked(pipeline, deployed.output("QueueName"))
        self._dead_letter_queue = _Looked(pipeline, deployed.output("DeadLetterQueueName"))

    def observe(self) -> None:
        waiting, in_flight = self._queue.count()
        dead_letters = sum(self._dead_letter_queue.count())
        self._journal.queues_counted(
            destination=self._kind,
            waiting=waiting,
            in_flight=in_flight,
            dead_letters=dead_letters,
        )
        for message, attributes in self._dead_letter_queue.new_ones(dead_letters):
            self._report(message, attributes)

    def _report(self, message: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        event_id = event_id_of(message["Body"])
        if "Reason" in attributes:
            self._journal.dead_lettered(
                destination=self._kind,
                event_id=event_id,
                reason=attributes["Reason"],
                detail=attributes.get("Detail", ""),
                body=message["Body"],
            )
        elif message["ReceiveCount"] == 0:  # by the topic's subscription
            self._journal.dead_lettered(
                destination=self._kind,
                event_id=event_id,
                reason="queue_gone",
                detail="The topic could not deliver it to its queue",
                body=message["Body"],
            )
        else:  # the queue itself moved it here, as it was
            self._journal.dead_lettered(
                destination=self._kind,
                event_id=event_id,
                reason="too_many_receives",
                detail=f"Received {message['ReceiveCount']} times without being delivered",
                body=message["Body"],
            )

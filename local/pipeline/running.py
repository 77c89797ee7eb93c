"""Start of the whole pipeline, from synthesis to the console."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import tempfile
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from cdk_gtm_connector import tokens
from local import deploy
from local.console.app import TokenRequest, create_app
from local.console.journal import Journal
from local.deployed import deployed_in, endpoint_variable, servers_for
from local.pipeline.emulator_process import Emulator, EmulatorError
from local.pipeline.moving_back import MoveBack
from local.pipeline.observers import observing
from local.pipeline.stack import RUN_FILE, Pipeline, local_output, not_simulated, write_run_file
from local.pipeline.synthesis import APP, completed, synthesize
from local.serve import serving
from local.signature import EmulatorAccess, new_secret
from local.stand_in.stream import StreamServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from local.arrivals import Arrivals
    from local.deployed import Deployed
    from local.destinations.pinpoint.server import PutEventsServer
    from local.stand_in.server import DestinationServer


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
    """Synthesize the app, start all servers and deploy the stack. Stop them when the block ends.

    Args:
        context: CDK context, as from ``-c name=value``.
        app: The app to synthesize, relative to the project's root. Default: ``app.py``.
        stand_ins: Stand-ins for the app's custom destinations.
        assembly_directory: A cloud assembly to deploy instead of synthesizing one.
        port: Port of the console and the stand-ins. Default: any free port.
        journal: Journal of the run. Default: a new one.
        putevents: The stand-in for Pinpoint, if it is a destination; its observer must be
            ``journal``. Default: a new one.
        keep: Number of requests and events that each stand-in keeps. Default: all.
        step: Called with the name of each step; returns a context manager for that step.
        say: Called with each line for the user, such as a line of the emulator's log.

    Raises:
        SynthesisError: The app failed.
        EmulatorError: The emulator did not start, or it ended.
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
        servers = servers_for(
            deployed, assembly, journal, putevents=putevents, own=stand_ins, keep=keep
        )
        journal.destinations_known(
            {kind: server.title for kind, server in servers.items()},
            {each.kind: each.rules(servers[each.kind].limits) for each in deployed},
        )
        secret = new_secret()
        for server in servers.values():
            server.signing_secret = secret
        with step("Starting the console"):
            mint = _TokenSigner()
            key = secrets.token_urlsafe(16)
            move_back = MoveBack()
            console = create_app(
                journal, list(servers.values()), mint=mint, move_back=move_back, key=key
            )
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
            local_output(outputs, name, emulator.access, assembly)
            for name in ("EndpointUrl", "AuthenticatedEndpointUrl")
        )
        if endpoint_url is None:
            raise deploy.AssemblyError(
                "the local pipeline needs a stack with the output EndpointUrl, this one has "
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
        write_run_file(run_directory / RUN_FILE, pipeline)
        stack.enter_context(observing(pipeline))
        mint.pipeline = move_back.pipeline = pipeline
        journal.endpoint_ready(endpoint_url, authenticated_endpoint_url)
        yield pipeline


def _prepare(
    deployed: Sequence[Deployed],
    assembly: deploy.Assembly,
    access: EmulatorAccess,
    keep: int | None,
) -> dict[str, Arrivals]:
    """Create the destinations' streams and buses, and return their readers by kind."""

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
class _TokenSigner:
    """The console's command that signs tokens with the secret that the stack created.

    The console starts before the stack exists, but requests tokens only when the route is known.
    """

    pipeline: Pipeline | None = None

    def __call__(self, wanted: TokenRequest) -> str:
        if self.pipeline is None:
            raise ValueError("the stack is not deployed yet: try again in a moment")
        if "TokenSecretArn" not in self.pipeline.outputs:
            raise ValueError(
                "the stack has no output TokenSecretArn, so the console cannot sign tokens"
            )
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
        """Return the audience in the authorizer function's environment."""
        for function in pipeline.client("lambda").list_functions()["Functions"]:
            variables = function.get("Environment", {}).get("Variables", {})
            if "SECRET_ARN" in variables:
                return variables.get("AUDIENCE") or None
        return None

"""The running pipeline, and URLs of its stack."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode, urlsplit

from cdk_gtm_connector_cli.local_run import LocalRun
from local import deploy
from local.deployed import simulated
from local.destinations.pinpoint.server import PutEventsServer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from local.arrivals import Arrivals
    from local.console.journal import Journal
    from local.deployed import Deployed
    from local.pipeline.emulator_process import Emulator
    from local.signature import EmulatorAccess
    from local.stand_in.server import DestinationServer


RUN_FILE: Final = "run.json"
"""File in a run's directory that ``gtm-connector --local`` reads."""


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A running pipeline.

    Attributes:
        endpoint_url: URL of ``/events``, without a query string.
        authenticated_endpoint_url: URL of ``/events/authenticated``; ``None`` if the stack has no
            such route.
        console_url: URL of the console page, with the run's key in its path; the demo page is at
            ``demo/`` below it.
        console_origin: Origin of the console and the demo page, and base URL of the stand-ins.
        emulator: The emulator.
        assembly: The deployed assembly.
        outputs: The stack's outputs with URLs as on AWS; :func:`local_url` converts them.
        journal: The journal of the run.
        deployed: The stack's destinations, in order.
        servers: The stand-ins by kind. Callers can set their behavior.
        arrivals: The events that arrived at the emulator's streams and buses, by kind.
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
        """The stand-in for Pinpoint, if Pinpoint is one of the stack's destinations."""
        server = self.servers["pinpoint"]
        if not isinstance(server, PutEventsServer):  # for the type checker
            raise TypeError(f"expected Pinpoint's server, got {server!r}")
        return server

    def output(self, kind: str, name: str) -> str:
        """Return the name of a destination's own output, such as ``QueueName``."""
        return next(each for each in self.deployed if each.kind == kind).output(name)

    @property
    def run(self) -> LocalRun:
        """The run as ``gtm-connector --local`` knows it."""
        return LocalRun(
            url=self.emulator.url,
            secret=self.emulator.secret,
            account=self.assembly.account,
            region=self.assembly.region,
            stack=self.assembly.stack,
            endpoint_url=self.endpoint_url,
            authenticated_endpoint_url=self.authenticated_endpoint_url,
            process=os.getpid(),
        )

    def client(self, service: str) -> Any:
        """Return a boto3 client for the stack's account and Region in the emulator."""
        return deploy.client(
            service, self.emulator.access, self.assembly.account, self.assembly.region
        )

    def queue_url(self, output: str) -> str:
        """Return the URL of the queue whose name is the value of the stack's output ``output``."""
        url: str = self.client("sqs").get_queue_url(QueueName=self.outputs[output])["QueueUrl"]
        return url

    def peek(self, output: str) -> list[dict[str, Any]]:
        """Return the messages of a queue without receiving them, through MiniStack's own API.

        Each has ``MessageId``, ``Body``, ``ReceiveCount``, ``MessageAttributes`` and more.

        Args:
            output: The stack's output that names the queue.
        """
        return self.peek_at(self.queue_url(output))

    def peek_at(self, queue_url: str) -> list[dict[str, Any]]:
        """Return the messages of a queue that has this URL; see :meth:`peek`."""
        query = urlencode({"QueueUrl": queue_url})
        accounts = self.emulator.get(f"/_ministack/sqs/messages?{query}")["messages"]
        return [
            message
            for regions in accounts.values()
            for queues in regions.values()
            for messages in queues.values()
            for message in messages
        ]


def write_run_file(path: Path, pipeline: Pipeline) -> None:
    """Write a run's address and secret into a file that only this user can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(asdict(pipeline.run), file)


def not_simulated(assembly: deploy.Assembly, emulator: Emulator) -> list[str]:
    """Return a line for the user about each resource that has no effect in the emulator."""
    return [
        f"Not simulated: {name}, MiniStack has no {resource_type}"
        for name, resource_type in assembly.resources().items()
        if resource_type in emulator.placeholders and not simulated(resource_type)
    ] + [
        f"Not simulated: {name}, MiniStack ignores the rules of an {resource_type}"
        for name, resource_type in assembly.resources().items()
        if resource_type == "AWS::WAFv2::WebACL"
    ]


def local_url(url: str, emulator_url: str, domains: Mapping[str, str] | None = None) -> str:
    """Return the emulator's URL for an API's URL, with its own or a custom domain name.

    The API is under a path, because not every resolver resolves names like ``*.localhost``.

    Args:
        url: The URL on AWS.
        emulator_url: The emulator's base URL.
        domains: API ids by custom domain name.
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


def local_output(
    outputs: Mapping[str, str], name: str, access: EmulatorAccess, assembly: deploy.Assembly
) -> str | None:
    """Return the local URL for an output that is an API's URL; ``None`` without that output."""
    if name not in outputs:
        return None
    return local_url(outputs[name], access.url, _domains(access, assembly))


def _domains(access: EmulatorAccess, assembly: deploy.Assembly) -> dict[str, str]:
    """Return the API's id for each custom domain name of the stack."""
    api_gateway = deploy.client("apigateway", access, assembly.account, assembly.region)
    return {
        domain["domainName"]: mapping["restApiId"]
        for domain in api_gateway.get_domain_names()["items"]
        for mapping in api_gateway.get_base_path_mappings(domainName=domain["domainName"])["items"]
    }

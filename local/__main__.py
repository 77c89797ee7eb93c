"""``python -m local``: run the pipeline on this machine until Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import signal
import socket
import sys
import time
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from local.console.journal import Journal
from local.deploy import AssemblyError, DeploymentError
from local.destinations import stand_ins
from local.pipeline.emulator_process import EmulatorError
from local.pipeline.running import running
from local.pipeline.synthesis import APP, SynthesisError
from local.stand_in.server import DestinationServer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from local.pipeline.stack import Pipeline

_DEFAULT_PORT: Final = 8765
_KEPT_EVENTS: Final = 10_000  # for each destination; a run may last for days
_CHECK_SECONDS: Final = 0.5
_PINPOINT_ENDED: Final = (
    "AWS ended Pinpoint's engagement features on 2026-10-30: "
    "make run DESTINATION=customer-profiles,firehose runs the replacement"
)
_STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pipeline, and return the exit status."""
    parser = _parser()
    options = parser.parse_args(arguments)
    context = dict(options.context)
    if options.destination is not None:
        if context.setdefault("destination", options.destination) != options.destination:
            parser.error(
                f"--destination {options.destination} and -c destination={context['destination']} "
                "contradict each other: give one of them"
            )
        if options.assembly is not None:
            parser.error(
                "--destination cannot be used with --assembly, whose destinations are fixed"
            )
    if options.app != APP and options.assembly is not None:
        parser.error("--app cannot be used with --assembly: an assembly is already synthesized")
    for number in _STOP_SIGNALS:
        signal.signal(number, _stop)
    journal = Journal()
    try:
        with running(
            context=context,
            app=options.app,
            stand_ins=options.stand_ins,
            assembly_directory=options.assembly,
            port=_choose_port(options.port),
            journal=journal,
            keep=_KEPT_EVENTS,
            step=_step,
            say=_say,
        ) as pipeline:
            _introduce(pipeline, options.duration)
            _wait(pipeline, options.duration)
            _say("Stopping")
    except KeyboardInterrupt:
        _say("Stopped")
    except (SynthesisError, AssemblyError, DeploymentError, EmulatorError) as error:
        print(str(error), file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local",
        description="Run the connector on this machine: the synthesized stack in an AWS emulator, "
        "local stand-ins for destinations, and a page that shows each event. It needs no AWS "
        "account and no Docker.",
    )
    parser.add_argument(
        "--destination",
        type=_destinations,
        metavar="KIND[,KIND…]",
        help=f"destinations, one or several of {', '.join(stand_ins())} (default: pinpoint)",
    )
    parser.add_argument(
        "--port",
        type=_port,
        default=_DEFAULT_PORT,
        help="port of the console page (default: %(default)s, or any free port if that is taken)",
    )
    parser.add_argument(
        "--duration",
        type=_seconds,
        metavar="SECONDS",
        help="stop after this time (default: run until Ctrl-C)",
    )
    parser.add_argument(
        "-c",
        "--context",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="setting of the app, as for cdk deploy; can be repeated",
    )
    parser.add_argument(
        "--app",
        default=APP,
        metavar="FILE",
        help="run this CDK app instead of app.py; its stack needs the outputs EndpointUrl, "
        "QueueName, DeadLetterQueueName and FunctionName",
    )
    parser.add_argument(
        "--stand-in",
        type=_stand_in,
        action="append",
        default=[],
        dest="stand_ins",
        metavar="MODULE:CLASS",
        help="stand-in for a destination of your own, a subclass of "
        "local.stand_in.server.DestinationServer; can be repeated",
    )
    parser.add_argument(
        "--assembly",
        type=Path,
        metavar="DIRECTORY",
        help="run this cloud assembly (cdk.out) instead of synthesizing app.py",
    )
    return parser


def _destinations(text: str) -> str:
    kinds = [kind.strip() for kind in text.split(",")]
    for kind in kinds:
        if kind not in stand_ins():
            raise argparse.ArgumentTypeError(
                f"must be one or several of {', '.join(stand_ins())}, separated by commas, "
                f"got {text!r}"
            )
    return ",".join(kinds)


def _stand_in(text: str) -> type[DestinationServer]:
    module, _, name = text.partition(":")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"must be MODULE:CLASS, got {text!r} ({error})") from error
    if not (isinstance(found, type) and issubclass(found, DestinationServer)):
        raise argparse.ArgumentTypeError(
            f"must name a subclass of local.stand_in.server.DestinationServer, got {text!r}"
        )
    return found


def _port(text: str) -> int:
    port = int(text) if text.isascii() and text.isdigit() else -1
    if not 0 <= port <= 65535:  # noqa: PLR2004 - TCP's ports
        raise argparse.ArgumentTypeError(f"must be a port, 0 to 65535, got {text!r}")
    return port


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"must be a positive number of seconds, got {text!r}")
    return seconds


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise argparse.ArgumentTypeError(f"must be NAME=VALUE, got {text!r}")
    return name, value


def _choose_port(wanted: int) -> int:
    """Return ``wanted``, or 0 (any free port) if another server listens there."""
    with contextlib.suppress(OSError), socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted))
        return wanted
    _say(f"Port {wanted} is taken, so the console uses another one")
    return 0


def _introduce(pipeline: Pipeline, duration: float | None) -> None:
    end = "Press Ctrl-C to stop." if duration is None else f"Stops after {duration:g} seconds."
    signed = pipeline.authenticated_endpoint_url
    authenticated = f"\n  Signed in  {signed}?token=…" if signed else ""
    titles = ", ".join(server.title for server in pipeline.servers.values())
    ended = f"\n  {_PINPOINT_ENDED}" if "pinpoint" in pipeline.servers else ""
    _say(
        f"""
  Events go to {titles}{ended}

  Console    {pipeline.console_url}
  Demo page  {pipeline.console_url}demo/
  Endpoint   {pipeline.endpoint_url}{authenticated}

  Try it     curl -i '{pipeline.endpoint_url}?event=hello&endpoint_id=me'

{end}"""
    )


def _wait(pipeline: Pipeline, duration: float | None) -> None:
    end = None if duration is None else time.monotonic() + duration
    while end is None or (left := end - time.monotonic()) > 0:
        pipeline.emulator.check()
        time.sleep(_CHECK_SECONDS if end is None else min(_CHECK_SECONDS, left))


def _stop(_number: int, _frame: object) -> NoReturn:
    for number in _STOP_SIGNALS:  # a second signal must not interrupt the cleanup
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


@contextmanager
def _step(name: str) -> Iterator[None]:
    """Print a step's name, and its duration when it ends."""
    started = time.monotonic()
    print(f"{name} … ", end="", flush=True)
    try:
        yield
    except KeyboardInterrupt:
        _say("stopped")
        raise
    except BaseException:
        _say("failed")
        raise
    _say(f"{time.monotonic() - started:.1f} s")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())

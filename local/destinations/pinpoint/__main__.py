"""Runs the stand-in for Amazon Pinpoint alone."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
from typing import TYPE_CHECKING

from local.destinations.pinpoint.server import PutEventsServer
from local.serve import serving
from local.stand_in.values import Behavior

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until ``--duration`` has passed, Ctrl-C or SIGTERM; then print the totals as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m local.destinations.pinpoint",
        description="A stand-in for Amazon Pinpoint's PutEvents on 127.0.0.1, with its limits and "
        "quota.",
    )
    parser.add_argument("--port", type=int, default=0, help="TCP port (default: any free port)")
    parser.add_argument("--duration", type=float, default=600, help="seconds to run (default: 600)")
    parser.add_argument(
        "--latency-ms", type=float, default=0, help="delay of every answer (default: 0)"
    )
    parser.add_argument(
        "--rate", type=float, default=15, help="requests per second, 0 for no quota"
    )
    parser.add_argument("--burst", type=int, default=15, help="size of the quota's token bucket")
    for action in ("drop", "throttle", "fail"):
        parser.add_argument(
            f"--{action}-share", type=float, default=0, help=f"share of requests to {action}, 0..1"
        )
    options = parser.parse_args(arguments)
    try:
        server = PutEventsServer(
            requests_per_second=options.rate or None,
            burst=options.burst,
            keep=0,  # only the totals are used
            behavior=Behavior(
                latency_ms=options.latency_ms,
                drop_share=options.drop_share,
                throttle_share=options.throttle_share,
                fail_share=options.fail_share,
            ),
        )
    except ValueError as error:
        parser.error(str(error))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with serving(server.app(), port=options.port) as url:
        print(f"PutEvents listens on {url} for {options.duration:g} s", flush=True)
        stop.wait(options.duration)
    counts = server.counts
    totals = {
        "requests": counts.requests,
        "statuses": {str(status): count for status, count in sorted(counts.statuses.items())},
        "accepted": counts.accepted,
        "distinct": counts.distinct,
        "refused": counts.refused,
        "dropped": counts.dropped,
    }
    print(json.dumps(totals), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A load test of the local pipeline."""

from __future__ import annotations

import http.client
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from benchmarks import batches
from local.destinations.pinpoint.server import PutEventsServer
from local.pipeline.running import running

_CONNECTIONS: Final = 8
_DELIVERY_SECONDS: Final = 120.0


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a load test.

    Attributes:
        sent: Number of requests.
        refused: Number of requests with a status other than 200.
        delivered: Number of distinct events at the destination.
        seconds: Time from the first request to the delivery of the last event.
    """

    sent: int
    refused: int
    delivered: int
    seconds: float

    @property
    def requests_per_second(self) -> float:
        """Answered requests per second whose events were delivered."""
        return self.sent / self.seconds


def run(requests: int) -> Result:
    """Send requests over a few connections, and wait until each event is delivered."""
    # Measure the endpoint, so ignore Pinpoint's quotas and keep only totals.
    putevents = PutEventsServer(requests_per_second=None, keep=0)
    context = {"max_batching_window": "1"}
    with running(context=context, putevents=putevents, say=lambda _: None) as pipeline:
        endpoint = urlsplit(pipeline.endpoint_url)
        refused: list[int] = []
        numbers = iter(range(requests))
        lock = threading.Lock()

        def send() -> None:
            connection = http.client.HTTPConnection(endpoint.netloc, timeout=30)
            while True:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                connection.request("GET", f"{endpoint.path}?{batches.query(number)}")
                response = connection.getresponse()
                response.read()
                if response.status != 200:  # noqa: PLR2004 - HTTP's OK
                    refused.append(response.status)

        began = time.perf_counter()
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            for future in [pool.submit(send) for _ in range(_CONNECTIONS)]:
                future.result()
        deadline = time.monotonic() + _DELIVERY_SECONDS
        while putevents.counts.distinct < requests - len(refused) and time.monotonic() < deadline:
            pipeline.emulator.check()
            time.sleep(0.1)
        seconds = time.perf_counter() - began
        return Result(requests, len(refused), putevents.counts.distinct, seconds)

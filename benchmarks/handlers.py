"""What is measured: the shipped handler, the obvious one, and the least that any must do."""

from __future__ import annotations

import http.client
import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

Handler = "Callable[[dict[str, Any]], object]"

_EVENTS_PER_REQUEST: Final = 100
_APPLICATION_ID: Final = "benchmark"


class Context:
    """Lambda's context of an invocation with all the time in the world."""

    aws_request_id = "benchmark"

    def get_remaining_time_in_millis(self) -> int:
        """Return a quarter of an hour, Lambda's longest."""
        return 900_000


def create(name: str) -> Callable[[dict[str, Any]], object]:
    """Return a handler by its name, ready for its first invocation."""
    return {"shipped": _shipped, "one-by-one": _one_by_one, "floor": _floor}[name]()


def _shipped() -> Callable[[dict[str, Any]], object]:
    from gtm_events import handler  # noqa: PLC0415 - in the process that runs it, and only there

    context = Context()
    return lambda event: handler.handle(event, context)


def _one_by_one() -> Callable[[dict[str, Any]], object]:
    """Return what one would write first: a request for each record, with the SDK."""
    import boto3  # noqa: PLC0415 - as above

    client: Any = boto3.client("pinpoint")

    def handle(event: dict[str, Any]) -> None:
        for record in event["Records"]:
            parameters = dict(parse_qsl(record["body"].partition("\n")[2]))
            client.put_events(
                ApplicationId=_APPLICATION_ID,
                EventsRequest={
                    "BatchItem": {
                        parameters["endpoint_id"]: {
                            "Endpoint": {},
                            "Events": {
                                record["messageId"]: {
                                    "EventType": parameters["event"],
                                    "Timestamp": datetime.now(UTC).isoformat(),
                                    "Attributes": _named("evat_", parameters),
                                    "Metrics": {
                                        name: float(value)
                                        for name, value in _named("evmt_", parameters).items()
                                    },
                                }
                            },
                        }
                    }
                },
            )

    return handle


def _named(prefix: str, parameters: dict[str, str]) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value
        for name, value in parameters.items()
        if name.startswith(prefix)
    }


def _floor() -> Callable[[dict[str, Any]], object]:
    """Return the least work: read each body, and for 100 events encode, sign and send once.

    It makes no event of what it reads and does not look at the answer, so the server refuses it.
    """
    from botocore.auth import SigV4Auth  # noqa: PLC0415 - as above
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415
    from botocore.credentials import Credentials  # noqa: PLC0415

    url = f"{os.environ['AWS_ENDPOINT_URL_PINPOINT']}/v1/apps/{_APPLICATION_ID}/events"
    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    credentials = Credentials(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    signer: Any = SigV4Auth(credentials, "mobiletargeting", "us-east-1")

    def handle(event: dict[str, Any]) -> None:
        records = event["Records"]
        for start in range(0, len(records), _EVENTS_PER_REQUEST):
            chunk = records[start : start + _EVENTS_PER_REQUEST]
            text = json.dumps([parse_qsl(record["body"]) for record in chunk])
            request = AWSRequest("POST", url, {"Content-Type": "application/json"}, text)
            signer.add_auth(request)
            connection.request("POST", urlsplit(url).path, text, dict(request.headers.items()))
            connection.getresponse().read()

    return handle

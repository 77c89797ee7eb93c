"""Queue messages decoded for people, with the reason for their rejection."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from cdk_gtm_connector_cli import function_source  # noqa: F401 - makes gtm_events importable
from gtm_events.errors import MalformedMessage, TooManyEvents
from gtm_events.ledger import listed_event_id
from gtm_events.message import decode

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gtm_events.urlencoded import Parameters

RETRIED: Final = "retried"
"""Reason of a message that has no other: it used up its delivery attempts."""

_URL_SAFE: Final = str.maketrans("+/", "-_", "=")
_LIST_NUMBER: Final = re.compile(r"(.+)-([0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a queue.

    Attributes:
        id: The id that SQS gave it.
        body: Its two lines.
        attributes: Its message attributes: ``Reason``, ``Detail`` and others.
        sent: SQS's ``SentTimestamp``, in epoch milliseconds; 0 if unknown. For a message with a
            reason it is when the function rejected it.
        receipt: Its receipt handle, for deleting it or making it visible again.
    """

    id: str
    body: str
    attributes: Mapping[str, str]
    sent: int
    receipt: str

    @classmethod
    def of(cls, received: Mapping[str, Any]) -> Message:
        """Return the message that an answer of ``ReceiveMessage`` describes."""
        return cls(
            id=received["MessageId"],
            body=received["Body"],
            attributes={
                name: value.get("StringValue", "")
                for name, value in received.get("MessageAttributes", {}).items()
            },
            sent=int(received.get("Attributes", {}).get("SentTimestamp", 0)),
            receipt=received["ReceiptHandle"],
        )

    @property
    def reason(self) -> str:
        """Why it was rejected, or :data:`RETRIED`."""
        return self.attributes.get("Reason") or RETRIED

    @property
    def detail(self) -> str:
        """The reason in words."""
        return self.attributes.get("Detail", "")

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body.encode())


@dataclass(frozen=True, slots=True)
class Content:
    """The decoded content of a message.

    Attributes:
        envelope: What the endpoint observed; empty if the message has no envelope.
        event_ids: Ids of its events. Without an id of the request these are SQS's own.
        events: The parameters of each event; ``None`` for an event that cannot be read.
        problem: Why the message as a whole cannot be read; empty if it can.
    """

    envelope: Mapping[str, str]
    event_ids: Sequence[str]
    events: Sequence[Parameters | None]
    problem: str = ""

    @property
    def endpoint_id(self) -> str:
        """Endpoint of the first event; empty if it names none."""
        for event in self.events:
            for name, value in event or ():
                if name == "endpoint_id":
                    return value
        return ""

    @property
    def time(self) -> int:
        """When the request arrived, in epoch milliseconds; 0 if unknown."""
        text = self.envelope.get("time", "")
        return int(text) if text.isascii() and text.isdigit() else 0

    def document(self) -> dict[str, Any]:
        """Return the content as a JSON document."""
        return {
            "envelope": dict(self.envelope),
            "event_ids": list(self.event_ids),
            "events": [None if event is None else list(map(list, event)) for event in self.events],
            "problem": self.problem,
        }


def content_of(message: Message) -> Content:
    """Decode a message with the function's own code."""
    line, _, _ = message.body.partition("\n")
    envelope = dict(parse_qsl(line, keep_blank_values=True))
    own_id = event_id_of(envelope.get("id", "")) or message.attributes.get("MessageId", message.id)
    try:
        request = decode(message.body)
    except (MalformedMessage, TooManyEvents) as error:
        return Content(envelope, [own_id], [], str(error))
    event_id = request.id or message.attributes.get("MessageId", message.id)
    ids = (
        [listed_event_id(event_id, number) for number in request.numbers]
        if request.is_list
        else [event_id]
    )
    events = [None if isinstance(event, MalformedMessage) else event for event in request.events]
    return Content(envelope, ids, events, "the visitor opted out" if request.opted_out else "")


def event_id_of(request_id: str) -> str:
    """Return the event id for a request id of API Gateway, the header ``x-amz-apigw-id``.

    An event id is returned unchanged.
    """
    return request_id.strip().translate(_URL_SAFE)


def request_ids_of(event_id: str) -> list[str]:
    """Return the request ids of API Gateway from which an event id can come."""
    found = []
    for text in (event_id, *(match[1] for match in [_LIST_NUMBER.fullmatch(event_id)] if match)):
        padded = text.replace("-", "+").replace("_", "/")
        found.append(padded + "=" * (-len(padded) % 4))
    return found


def is_meant(event_id: str, content: Content) -> bool:
    """Return whether a message has the event, or the request, with an id."""
    request_id = event_id_of(content.envelope.get("id", ""))
    return event_id in content.event_ids or (bool(request_id) and event_id == request_id)


def moment(milliseconds: int) -> str:
    """Return a time in UTC, such as ``2026-11-18 11:06:40Z``.

    Args:
        milliseconds: Milliseconds since the epoch; 0 if the time is unknown.
    """
    if not milliseconds:
        return "unknown"
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"

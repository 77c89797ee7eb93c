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
"""Replaces the reason of a message without one: it used up its delivery attempts."""

_URL_SAFE: Final = str.maketrans("+/", "-_", "=")
_LIST_NUMBER: Final = re.compile(r"(.+)-([0-9]{1,2})")


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a queue.

    Attributes:
        id: SQS's id of it.
        body: Its two lines.
        attributes: Its message attributes: ``Reason``, ``Detail`` and others.
        sent: When it was first sent, in epoch milliseconds; 0 if SQS did not say.
        receipt: By which it can be deleted, or be given back.
    """

    id: str
    body: str
    attributes: Mapping[str, str]
    sent: int
    receipt: str

    @classmethod
    def of(cls, received: Mapping[str, Any]) -> Message:
        """Return a message as ``ReceiveMessage`` answers it."""
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
        events: What the tag sent, event by event; ``None`` for one that cannot be read.
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
        """When the request came, in epoch milliseconds; 0 if the envelope does not say."""
        text = self.envelope.get("time", "")
        return int(text) if text.isascii() and text.isdigit() else 0

    def document(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "envelope": dict(self.envelope),
            "event_ids": list(self.event_ids),
            "events": [None if event is None else list(map(list, event)) for event in self.events],
            "problem": self.problem,
        }


def content_of(message: Message) -> Content:
    """Return what a message holds, read by the function's own code."""
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
    """Return the id of a request's event by API Gateway's id, ``x-amz-apigw-id`` in a browser.

    An id that is an event's already stays as it is.
    """
    return request_id.strip().translate(_URL_SAFE)


def request_ids_of(event_id: str) -> list[str]:
    """Return the ids that API Gateway may have given to the request of an event."""
    found = []
    for text in (event_id, *(match[1] for match in [_LIST_NUMBER.fullmatch(event_id)] if match)):
        padded = text.replace("-", "+").replace("_", "/")
        found.append(padded + "=" * (-len(padded) % 4))
    return found


def is_meant(event_id: str, content: Content) -> bool:
    """Return whether an id is that of a message's event, or of the request that brought it."""
    request_id = event_id_of(content.envelope.get("id", ""))
    return event_id in content.event_ids or (bool(request_id) and event_id == request_id)


def moment(milliseconds: int) -> str:
    """Return a time of the epoch for a person, in UTC."""
    if not milliseconds:
        return "unknown"
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%d %H:%M:%S}Z"

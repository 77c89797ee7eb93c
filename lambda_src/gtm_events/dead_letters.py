"""Sends rejected messages to their queues, with the reason.

Messages whose cause the owner may be able to fix go to the dead-letter queue. Messages rejected
through the caller's fault go to the invalid-message queue, if there is one. So strangers cannot
bury the owner's messages under invalid ones.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, Protocol

from gtm_events.aws import Client, ServiceEndpoint, ServiceRequest
from gtm_events.errors import MAX_ERROR_CODE, CallFailed
from gtm_events.json_values import objects_of, text_of
from gtm_events.outcome import RetryReason
from gtm_events.record import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gtm_events.deadline import Deadline
    from gtm_events.outcome import Reason

_MAX_ENTRIES: Final = 10  # SendMessageBatch
_MAX_BATCH_BYTES: Final = 1_048_576  # SQS: one message and one SendMessageBatch alike
_MAX_DETAIL: Final = 1_000  # characters
_CONNECT_SECONDS: Final = 1
_READ_SECONDS: Final = 2
_CALL_SECONDS: Final = _CONNECT_SECONDS + _READ_SECONDS
_MAX_CALLS: Final = 8
_HEADERS: Final = {
    "Content-Type": "application/x-amz-json-1.0",
    "X-Amz-Target": "AmazonSQS.SendMessageBatch",
}
_EMPTY_BODY: Final = "(empty)"  # SQS takes no empty body
_DATA_TYPE: Final = "String"

# SQS accepts the characters of XML 1.0 in bodies and attributes.
_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class InvalidMessages(Enum):
    """Treatment of messages that are rejected through the caller's fault."""

    DEAD_LETTERS = auto()
    """Send them to the dead-letter queue, like all rejected messages."""

    APART = auto()
    """Send them to the invalid-message queue."""

    LEFT = auto()
    """Send those that only this destination rejects to the invalid-message queue. Leave the others
    to another destination's function, which gets the same messages, so that each is kept once."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that can never be delivered.

    Attributes:
        message_id: The message's id in its original queue.
        body: The original body, or the rejected events of its list.
        reason: The reason for the rejection.
        detail: The reason as a phrase.
        invalid: Whether it goes to the invalid-message queue.
        destination: Name of the destination that refuses it; empty if every destination would.
    """

    message_id: str
    body: str
    reason: Reason
    detail: str
    invalid: bool = False
    destination: str = ""

    def fits(self) -> bool:
        """Return whether the body leaves room for the required attributes."""
        needed = self._needed_attributes()
        return _size(_sendable(self.body), needed) <= _MAX_BATCH_BYTES

    def entry(self) -> tuple[dict[str, Any], int]:
        """Return the letter as an SQS entry, and its size in bytes.

        If the body is nearly as large as a message may be, some attributes or part of the detail
        are left out. Otherwise SQS would refuse the letter, and the message would return forever.
        """
        body = _sendable(self.body)
        attributes: dict[str, str] = {}
        for name, value in self._needed_attributes().items():
            if _size(body, {**attributes, name: value}) <= _MAX_BATCH_BYTES:
                attributes[name] = value
        room = _MAX_BATCH_BYTES - _size(body, {**attributes, "Detail": ""})
        detail = _sendable(self.detail)[:_MAX_DETAIL] or "no detail"
        detail = detail.encode()[: max(0, room)].decode(errors="ignore")
        if detail:
            attributes["Detail"] = detail
        entry = {
            "MessageBody": body or _EMPTY_BODY,
            "MessageAttributes": {
                name: {"DataType": _DATA_TYPE, "StringValue": value}
                for name, value in attributes.items()
            },
        }
        return entry, _size(body, attributes)

    def _needed_attributes(self) -> dict[str, str]:
        attributes = {"Reason": self.reason.value, "MessageId": self.message_id}
        if self.destination:
            attributes["Destination"] = self.destination
        return attributes


def _sendable(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _size(body: str, attributes: Mapping[str, str]) -> int:
    """Return a message's size in bytes as SQS counts it, with names and types of attributes."""
    written = sum(
        len(name) + len(_DATA_TYPE) + len(value.encode()) for name, value in attributes.items()
    )
    return len((body or _EMPTY_BODY).encode()) + written


@dataclass(frozen=True, slots=True)
class UnsentLetter:
    """A letter that its queue did not accept.

    Attributes:
        letter: The letter.
        why: Status and error code, or another cause, safe to log.
    """

    letter: DeadLetter
    why: str


class DeadLetters(Protocol):
    """Accepts messages that can never be delivered."""

    def send(self, letters: Sequence[DeadLetter], deadline: Deadline) -> Iterator[UnsentLetter]:
        """Send letters. Yield those not accepted, none later than ``deadline``."""
        ...


class RejectionQueues:
    """The SQS queues of rejected messages.

    Message attributes describe each message: ``Reason`` and ``Detail`` say why it was rejected, and
    ``MessageId`` identifies the original. ``Destination`` names the destination that refused it,
    and is absent if every destination would.

    Args:
        dead_letter_queue_url: URL of the dead-letter queue.
        client: Client for both queues.
        invalid_message_queue_url: URL of the invalid-message queue. Default: the dead-letter
            queue's.
    """

    def __init__(
        self, dead_letter_queue_url: str, client: Client, invalid_message_queue_url: str = ""
    ) -> None:
        self._urls = {
            False: dead_letter_queue_url,
            True: invalid_message_queue_url or dead_letter_queue_url,
        }
        self._client = client
        self._pool = ThreadPoolExecutor(max_workers=_MAX_CALLS)

    @classmethod
    def at(
        cls,
        dead_letter_queue_url: str,
        invalid_message_queue_url: str,
        environment: Mapping[str, str],
    ) -> RejectionQueues:
        """Return the queues with a client that sends over the network."""
        client = Client.to(
            ServiceEndpoint.of("sqs", environment, host="sqs"),
            connect_seconds=_CONNECT_SECONDS,
            read_seconds=_READ_SECONDS,
        )
        return cls(dead_letter_queue_url, client, invalid_message_queue_url)

    def send(self, letters: Sequence[DeadLetter], deadline: Deadline) -> Iterator[UnsentLetter]:
        """See :meth:`DeadLetters.send`."""
        last_start = deadline.earlier(_CALL_SECONDS)
        # Messages that the owner can fix go first, in case time runs out.
        calls = {
            self._pool.submit(self._send_batch, batch, last_start): batch
            for invalid in (False, True)
            for batch in _batches([letter for letter in letters if letter.invalid is invalid])
        }
        # A call may outlast its timeouts, see Sender.
        wait(calls, timeout=deadline.remaining())
        for call, batch in calls.items():
            if call.cancel():
                yield from _unsent(batch, RetryReason.OUT_OF_TIME)
            elif call.done():
                yield from call.result()
            else:
                yield from _unsent(batch, RetryReason.TIMED_OUT)

    def _send_batch(self, batch: Sequence[DeadLetter], last_start: Deadline) -> list[UnsentLetter]:
        """Send one batch to its queue, once. Return the letters that SQS did not accept.

        Their messages return to the source queue, and are rejected again later.
        """
        if last_start.remaining() <= 0:
            return _unsent(batch, RetryReason.OUT_OF_TIME)
        entries = [{"Id": str(index), **letter.entry()[0]} for index, letter in enumerate(batch)]
        # Escaping would make the request several times as large as SQS counts it.
        url = self._urls[batch[0].invalid]
        body = to_json({"QueueUrl": url, "Entries": entries}).encode()
        try:
            answer = self._client.send(ServiceRequest(body, headers=_HEADERS)).json()
        except CallFailed as error:
            return _unsent(batch, str(error))
        taken = {text_of(entry.get("Id")) for entry in objects_of(answer.get("Successful"))}
        codes = {
            text_of(entry.get("Id")): text_of(entry.get("Code"))[:MAX_ERROR_CODE]
            for entry in objects_of(answer.get("Failed"))
        }
        return [
            UnsentLetter(letter, codes.get(str(index)) or RetryReason.UNANSWERED)
            for index, letter in enumerate(batch)
            if str(index) not in taken
        ]


def _unsent(batch: Sequence[DeadLetter], why: str) -> list[UnsentLetter]:
    return [UnsentLetter(letter, why) for letter in batch]


def _batches(letters: Sequence[DeadLetter]) -> Iterator[list[DeadLetter]]:
    batch: list[DeadLetter] = []
    size = 0
    for letter in letters:
        _, letter_size = letter.entry()
        if batch and (len(batch) == _MAX_ENTRIES or size + letter_size > _MAX_BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(letter)
        size += letter_size
    if batch:
        yield batch

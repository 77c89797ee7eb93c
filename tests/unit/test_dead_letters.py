"""Messages to the dead-letter queue, checked against the SDK's model of SQS."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from http.client import IncompleteRead
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.validate import ParamValidator

from gtm_events import dead_letters, ledger
from gtm_events.aws import Client, ServiceEndpoint
from gtm_events.dead_letters import DeadLetter, RejectionQueues, UnsentLetter
from gtm_events.deadline import Deadline
from gtm_events.outcome import Reason
from tests.patience import HANG_SECONDS, DeadlineWhen
from tests.unit.builders import Answered, FakePinpoint, FakeService, Response, deliver, posted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

URL = "https://sqs.us-east-1.amazonaws.com/123456789012/dlq"
INVALID_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/invalid"
MINUTE = 60.0
Batch = list[dict[str, Any]]
_INPUT: Any = (
    botocore.session.get_session()
    .get_service_model("sqs")
    .operation_model("SendMessageBatch")
    .input_shape
)


class Queue(FakeService):
    """SQS in memory, which refuses messages in ``refuse`` and checks requests with botocore."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Batch] = []
        self.refuse: Callable[[dict[str, Any]], bool] = lambda _entry: False
        self.raises: Exception | None = None
        endpoint = ServiceEndpoint("sqs", "us-east-1", "https://sqs")
        self.letters = RejectionQueues(URL, Client(endpoint, self), INVALID_URL)
        self.invalid: list[str] = []

    def answer(self, body: bytes) -> Response:
        assert len(body) <= 1_100_000
        if self.raises:
            raise self.raises
        request = json.loads(body)
        report = ParamValidator().validate(request, _INPUT)
        assert not report.has_errors(), report.generate_report()
        entries = request["Entries"]
        if request["QueueUrl"] == INVALID_URL:
            self.invalid += [entry["MessageBody"] for entry in entries]
        else:
            assert request["QueueUrl"] == URL
        self.batches.append(entries)
        answer = {
            "Successful": [{"Id": e["Id"]} for e in entries if not self.refuse(e)],
            "Failed": [{"Id": e["Id"], "Code": "TheCode"} for e in entries if self.refuse(e)],
        }
        return Response(200, json.dumps(answer).encode())

    def sent(self) -> Batch:
        return [entry for batch in self.batches for entry in batch]


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    monkeypatch.setattr(dead_letters, "_MAX_CALLS", 1)  # so that batches are sent in order
    return Queue()


def letter(number: int, body: str = "body", detail: str = "detail") -> DeadLetter:
    return DeadLetter(f"id-{number}", body, Reason.MALFORMED, detail)


def test_a_letter_says_why_and_which(queue: Queue) -> None:
    assert (
        list(queue.letters.send([letter(1, "v=1\nevent=é", "why")], Deadline.after(MINUTE))) == []
    )
    assert queue.sent() == [
        {
            "Id": "0",
            "MessageBody": "v=1\nevent=é",
            "MessageAttributes": {
                "Reason": {"DataType": "String", "StringValue": "malformed"},
                "Detail": {"DataType": "String", "StringValue": "why"},
                "MessageId": {"DataType": "String", "StringValue": "id-1"},
            },
        }
    ]


def test_a_letter_names_the_destination_if_not_every_one_refuses(queue: Queue) -> None:
    of_one = replace(letter(1), destination="pinpoint")
    list(queue.letters.send([of_one], Deadline.after(MINUTE)))
    [entry] = queue.sent()
    destination = {"DataType": "String", "StringValue": "pinpoint"}
    assert entry["MessageAttributes"]["Destination"] == destination


def test_each_letter_goes_to_its_own_queue(queue: Queue) -> None:
    """The owner's messages go first, and no request mixes the two kinds."""
    letters = [replace(letter(i, f"body-{i}"), invalid=i % 2 == 0) for i in range(25)]
    assert list(queue.letters.send(letters, Deadline.after(MINUTE))) == []
    assert queue.invalid == [f"body-{i}" for i in range(0, 25, 2)]
    assert [len(batch) for batch in queue.batches] == [10, 2, 10, 3]
    assert [entry["MessageBody"] for entry in queue.sent()[:12]] == [
        f"body-{i}" for i in range(1, 25, 2)
    ]


def test_without_a_second_queue_all_go_to_the_first(queue: Queue) -> None:
    endpoint = ServiceEndpoint("sqs", "us-east-1", "https://sqs")
    alone = RejectionQueues(URL, Client(endpoint, queue))
    assert list(alone.send([replace(letter(1), invalid=True)], Deadline.after(MINUTE))) == []
    assert (len(queue.sent()), queue.invalid) == (1, [])


def test_characters_that_sqs_refuses_are_replaced(queue: Queue) -> None:
    list(
        queue.letters.send(
            [
                letter(1, ""),
                letter(2, "a\x00b\ud800c\ufffe\t\n"),
                letter(3, detail="d\x01" * 2_000),
            ],
            Deadline.after(MINUTE),
        )
    )
    assert [entry["MessageBody"] for entry in queue.sent()] == [
        "(empty)",
        "a\ufffdb\ufffdc\ufffd\t\n",
        "body",
    ]
    detail = queue.sent()[2]["MessageAttributes"]["Detail"]["StringValue"]
    assert detail == "d\ufffd" * 500


def test_an_empty_detail_is_no_reason_to_fail(queue: Queue) -> None:
    list(queue.letters.send([letter(1, detail="")], Deadline.after(MINUTE)))
    assert queue.sent()[0]["MessageAttributes"]["Detail"]["StringValue"] == "no detail"


def why(not_taken: Iterable[UnsentLetter]) -> dict[str, str]:
    return {each.letter.message_id: each.why for each in not_taken}


def test_ten_letters_and_a_mebibyte_a_batch(queue: Queue) -> None:
    letters = [letter(i) for i in range(25)] + [letter(i, "x" * 400_000) for i in range(25, 30)]
    assert list(queue.letters.send(letters, Deadline.after(MINUTE))) == []
    assert [len(batch) for batch in queue.batches] == [10, 10, 7, 2, 1]
    for batch in queue.batches:
        assert sum(len(entry["MessageBody"]) for entry in batch) < 1_048_576


def test_unsent_letters_are_named(queue: Queue) -> None:
    queue.refuse = lambda entry: entry["MessageBody"] == "no"
    letters = [letter(i, "no" if i % 7 == 0 else "yes") for i in range(25)]
    not_taken = why(queue.letters.send(letters, Deadline.after(MINUTE)))
    assert not_taken == dict.fromkeys(["id-0", "id-7", "id-14", "id-21"], "TheCode")


def test_letters_that_the_answer_does_not_mention_are_unsent(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "answer", lambda _: Response(200, b'{"Successful": [{"Id": "1"}]}'))
    not_taken = why(queue.letters.send([letter(1), letter(2)], Deadline.after(MINUTE)))
    assert not_taken == {"id-1": "unanswered"}


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (TimeoutError(), "timed_out"),
        (IncompleteRead(b""), "unreachable"),
        (Answered(403, "AccessDenied", "secret words"), "403 AccessDenied"),
        (Answered(400, "QueueDoesNotExist", "secret words"), "400 QueueDoesNotExist"),
        (Answered(400, "BatchRequestTooLong", "secret words"), "400 BatchRequestTooLong"),
        (Answered(503, "ServiceUnavailable"), "unavailable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_failing_call_names_its_letters(queue: Queue, failure: Exception, reason: str) -> None:
    queue.raises = failure
    not_taken = why(queue.letters.send([letter(1), letter(2)], Deadline.after(MINUTE)))
    assert not_taken == {"id-1": reason, "id-2": reason}


def test_after_the_deadline_nothing_is_sent(queue: Queue) -> None:
    assert why(queue.letters.send([letter(1)], Deadline.after(2))) == {"id-1": "out_of_time"}
    assert queue.batches == []


def test_a_call_that_outlasts_its_time_outs_is_not_waited_for(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered, begun, may_answer = queue.answer, threading.Event(), threading.Event()

    def late(body: bytes) -> Response:
        begun.set()
        may_answer.wait(HANG_SECONDS)
        return answered(body)

    monkeypatch.setattr(queue, "answer", late)
    letters = [letter(i) for i in range(15)]
    deadline = DeadlineWhen(0, lambda: begun.wait(HANG_SECONDS))
    not_taken = why(queue.letters.send(letters, deadline))
    may_answer.set()
    expected = {f"id-{i}": "timed_out" if i < 10 else "out_of_time" for i in range(15)}
    assert not_taken == expected
    # The thread is free again, but calls that had not begun by then are never made.
    assert why(queue.letters.send([letter(20)], Deadline.after(MINUTE))) == {}
    assert [len(batch) for batch in queue.batches] == [10, 1]


MEBIBYTE = 1_048_576


def size(entry: dict[str, Any]) -> int:
    """Return an entry's bytes as SQS counts them."""
    attributes = entry["MessageAttributes"].items()
    return len(entry["MessageBody"].encode()) + sum(
        len((name + it["DataType"] + it["StringValue"]).encode()) for name, it in attributes
    )


@pytest.mark.parametrize("room", [0, 1, 20, 21, 50, 60, 77, 78, 100, 2_000, 5_000])
@pytest.mark.parametrize("character", ["x", "é", "\U0001f600"])
def test_a_letter_always_fits(queue: Queue, room: int, character: str) -> None:
    """A body can have a message's maximum size, and attributes count as well."""
    number = (MEBIBYTE - room) // len(character.encode())
    rejected = letter(1, character * number, detail="é" * 2_000)
    assert list(queue.letters.send([rejected], Deadline.after(MINUTE))) == []
    [entry] = queue.sent()
    assert entry["MessageBody"] == character * number
    assert size(entry) <= MEBIBYTE
    attributes = entry["MessageAttributes"]
    if room >= 100:
        assert attributes["Reason"]["StringValue"] == "malformed"
        assert attributes["MessageId"]["StringValue"] == "id-1"
    if room >= 5_000:
        assert attributes["Detail"]["StringValue"] == "é" * 1_000
    elif room >= 100:
        assert set(attributes["Detail"]["StringValue"]) == {"é"}
        assert size(entry) >= MEBIBYTE - 8  # the whole remaining size


def test_a_batch_of_letters_is_inside_the_limit_as_sqs_counts_it(queue: Queue) -> None:
    letters = [letter(i, "x" * 104_000, detail="é" * 1_000) for i in range(10)]
    assert list(queue.letters.send(letters, Deadline.after(MINUTE))) == []
    assert [len(batch) for batch in queue.batches] == [9, 1]
    assert all(sum(map(size, batch)) <= MEBIBYTE for batch in queue.batches)


def rejecting(bodies: list[str], queue: Queue) -> Any:
    """Deliver to a Pinpoint that refuses events called ``bad``."""

    def refuse(_endpoint_id: str, _event_id: str, event: dict[str, Any]) -> tuple[int, str]:
        return (400, "No") if event["EventType"] == "bad" else (202, "Accepted")

    letters: Any = queue.letters
    return deliver(bodies, service=FakePinpoint(respond=refuse), dead_letters=letters)


@pytest.mark.parametrize(("left", "whole"), [(900_000, False), (1_048_530, True)])
def test_the_whole_list_is_kept_if_its_rejected_events_are_too_large(
    queue: Queue, monkeypatch: pytest.MonkeyPatch, left: int, *, whole: bool
) -> None:
    """The client may escape fewer characters than the function."""
    events = [{"event": name, "endpoint_id": "ep"} for name in ("bad", "e", "bad")]
    body = posted("json", json.dumps({"events": events}))
    monkeypatch.setattr(ledger, "with_events", lambda *_: "x" * left)
    batch = rejecting([body], queue)
    assert (batch.rejected, batch.failures) == ({"refused": 1}, [])
    [entry] = queue.sent()
    assert entry["MessageBody"] == (body if whole else "x" * left)
    beginning = "the whole list, for those alone are too large: " if whole else ""
    detail = entry["MessageAttributes"]["Detail"]["StringValue"]
    assert detail == f"{beginning}2 of 3 events: 400 No"

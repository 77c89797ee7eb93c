"""Sending ends at its deadline, even if a call is still running."""

from __future__ import annotations

import json
import socket
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

import pytest

from gtm_events import dead_letters, delivery
from gtm_events.aws import Client, ServiceEndpoint
from gtm_events.dead_letters import RejectionQueues
from gtm_events.deadline import Deadline
from gtm_events.delivery import Delivery
from gtm_events.destinations.batching import BatchDestination
from gtm_events.destinations.kinesis import Kinesis
from gtm_events.outcome import Delivered, Outcome, Retry, RetryReason
from gtm_events.pacing import Pacer
from gtm_events.policy import AccessPolicy
from gtm_events.send_task import PackedRequest
from gtm_events.sending import Sender
from tests.destinations.kinesis.service import STREAM_ARN
from tests.patience import HANG_SECONDS, DeadlineWhen
from tests.unit.builders import FakeDeadLetters, body, check_totals, message_id, records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gtm_events.batch_result import BatchResult
    from gtm_events.dead_letters import DeadLetters

pytestmark = pytest.mark.usefixtures("no_backoff")


@dataclass(frozen=True)
class Entry:
    """An event."""

    event_id: str
    size: int = 1


def batch(*event_ids: str) -> list[Entry]:
    return [Entry(event_id) for event_id in event_ids]


class Server:
    """A server. It answers an entry named ``late`` only once ``may_answer`` is set."""

    def __init__(self, answers: Callable[[Sequence[Entry]], Iterator[Outcome]]) -> None:
        self.answers = answers
        self.may_answer = threading.Event()
        self.hangs = threading.Event()
        self.calls: list[list[str]] = []

    def __call__(self, entries: Sequence[Entry]) -> Iterator[Outcome]:
        self.calls.append([entry.event_id for entry in entries])
        if any(entry.event_id == "late" for entry in entries):
            if not self.may_answer.is_set():
                self.hangs.set()
            self.may_answer.wait(HANG_SECONDS)
        yield from self.answers(entries)

    def sender(self, max_workers: int = 8) -> Sender[Entry]:
        return Sender(self, Pacer(1_000_000), call_seconds=0.2, max_workers=max_workers)


def deliver_all(entries: Sequence[Entry]) -> Iterator[Outcome]:
    for entry in entries:
        yield Delivered(entry.event_id)


def sent(
    sender: Sender[Entry], *batches: list[Entry], hanging: Server | None = None, before: int = 0
) -> tuple[dict[str, Outcome], Counter[str]]:
    """Send batches; return the outcomes and the counts.

    Args:
        sender: Sends them.
        batches: The batches.
        hanging: Of this server, a call that hangs is what the deadline passes in.
        before: How many entries have their outcome by then.
    """
    counts: Counter[str] = Counter()
    outcomes: list[Outcome] = []
    deadline = Deadline.after(HANG_SECONDS)
    if hanging is not None:
        begun = hanging.hangs
        deadline = DeadlineWhen(0, lambda: len(outcomes) >= before and begun.wait(HANG_SECONDS))
    for outcome in sender.send(map(PackedRequest, batches), deadline, counts):
        outcomes.append(outcome)  # noqa: PERF402 - the deadline looks at it meanwhile
    assert len(outcomes) == sum(map(len, batches))
    return {outcome.event_id: outcome for outcome in outcomes}, counts


def timed_out(event_id: str) -> Retry:
    return Retry(event_id, RetryReason.TIMED_OUT)


@pytest.mark.parametrize("others", [[], [batch("a", "b"), batch("c")]], ids=["alone", "beside"])
def test_a_call_that_outlasts_its_time_outs_is_given_up(others: list[list[Entry]]) -> None:
    server = Server(deliver_all)
    outcomes, counts = sent(
        server.sender(), batch("late", "d"), *others, hanging=server, before=sum(map(len, others))
    )
    server.may_answer.set()
    assert outcomes == {
        "late": timed_out("late"),
        "d": timed_out("d"),
        **{e.event_id: Delivered(e.event_id) for entries in others for e in entries},
    }
    assert counts == {"requests": 1 + len(others)}


def test_settled_entries_are_not_sent_again() -> None:
    def first_all_but_one(entries: Sequence[Entry]) -> Iterator[Outcome]:
        server.may_answer.clear()  # except the retried entry
        for entry in entries:
            late = entry.event_id == "late"
            yield (
                Retry(entry.event_id, RetryReason.UNAVAILABLE)
                if late
                else Delivered(entry.event_id)
            )

    server = Server(first_all_but_one)
    server.may_answer.set()
    outcomes, counts = sent(server.sender(), batch("a", "late", "b"), hanging=server)
    server.may_answer.set()
    assert outcomes == {"a": Delivered("a"), "late": timed_out("late"), "b": Delivered("b")}
    assert server.calls == [["a", "late", "b"], ["late"]]
    assert counts == {"requests": 2}


def test_a_late_answer_touches_nothing_of_the_next_invocation() -> None:
    server = Server(deliver_all)
    sender = server.sender()
    _, counts = sent(sender, batch("late"), batch("a"), hanging=server, before=1)
    again: list[tuple[dict[str, Outcome], Counter[str]]] = []
    next_one = threading.Thread(
        target=lambda: again.append(sent(sender, batch("b"), batch("late", "c")))
    )
    next_one.start()
    server.may_answer.set()  # one for the earlier call, one for this one
    next_one.join()
    [(outcomes, counts_then)] = again
    assert outcomes == {name: Delivered(name) for name in ("b", "late", "c")}
    assert counts_then == {"requests": 2}
    assert counts == {"requests": 2}


def test_a_late_answer_is_not_followed_by_another_call() -> None:
    """Entries that a late answer would retry go back to the queue instead."""

    def throttle(entries: Sequence[Entry]) -> Iterator[Outcome]:
        for entry in entries:
            yield Retry(entry.event_id, RetryReason.THROTTLED)

    server = Server(throttle)
    sender = server.sender(max_workers=1)
    sent(sender, batch("late"), hanging=server)
    server.may_answer.set()
    server.answers = deliver_all
    outcomes, _ = sent(sender, batch("a"))  # after the thread has finished the other call
    assert outcomes == {"a": Delivered("a")}
    assert server.calls == [["late"], ["a"]]


def test_what_waits_for_a_thread_is_not_sent_after_the_deadline() -> None:
    server = Server(deliver_all)
    sender = server.sender(max_workers=1)
    outcomes, counts = sent(sender, batch("late"), batch("a"), batch("b"), hanging=server)
    assert outcomes == {
        "late": timed_out("late"),
        "a": Retry("a", RetryReason.OUT_OF_TIME),
        "b": Retry("b", RetryReason.OUT_OF_TIME),
    }
    assert counts == {"requests": 1}
    # The only thread is still busy: no entry is lost, and none counts as sent.
    outcomes, counts = sent(sender, batch("c"), hanging=server)
    assert outcomes == {"c": Retry("c", RetryReason.OUT_OF_TIME)}
    assert counts == {}
    server.may_answer.set()
    outcomes, _ = sent(sender, batch("d"))
    assert outcomes == {"d": Delivered("d")}
    assert server.calls == [["late"], ["d"]]


def test_a_defect_beside_a_call_leaves_the_other_batches_alone() -> None:
    class Defective(Pacer):
        turns = 0

        def acquire(self, deadline: Deadline) -> bool:
            self.turns += 1
            if self.turns == 2:
                raise KeyError
            return super().acquire(deadline)

    sender = Sender(Server(deliver_all), Defective(1_000_000), call_seconds=0.2, max_workers=1)
    outcomes: list[Outcome] = []
    with pytest.raises(KeyError):  # noqa: PT012 - what was yielded before counts
        for outcome in sender.send(
            map(PackedRequest, [batch("a"), batch("b"), batch("c")]),
            Deadline.after(HANG_SECONDS),
            Counter(),
        ):
            outcomes.append(outcome)  # noqa: PERF402 - see above
    assert outcomes == [Delivered("a"), Retry("b", RetryReason.INTERNAL_ERROR), Delivered("c")]


class TricklingServer:
    """Kinesis on loopback, with answers that trickle in, one byte every 100 ms.

    Args:
        whole: So many requests are answered at once, and well.
        headers: Whether the answer's headers trickle too, and not its body alone.
    """

    def __init__(self, *, whole: int = 0, headers: bool = False) -> None:
        self._whole = threading.Semaphore(whole)
        self._headers = headers
        self._done = threading.Event()
        self._connections: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> str:
        """Start the server, and return its URL."""
        self._threads[0].start()
        return f"http://127.0.0.1:{self._server.getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        """Close every connection."""
        self._done.set()
        self._server.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for connection in self._connections:
            with suppress(OSError):  # closed by the client
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()
        self._server.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the server's end
            while True:
                connection, _ = self._server.accept()
                self._connections.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=[connection]))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection, connection.makefile("rb") as reader:
            while request := self._read(reader):
                taken = {"SequenceNumber": "1", "ShardId": "shardId-0"}
                records = [taken] * request.count(b'"PartitionKey"')
                answer = json.dumps({"FailedRecordCount": 0, "Records": records}).encode()
                answer += b" " * 500  # takes longer than any test waits
                head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer)
                if self._whole.acquire(blocking=False):
                    connection.sendall(head + answer)
                    continue
                if not self._headers:
                    connection.sendall(head)
                for byte in (head if self._headers else b"") + answer:
                    if self._done.wait(0.1):
                        return
                    connection.sendall(bytes([byte]))

    @staticmethod
    def _read(reader: BinaryIO) -> bytes:
        length = 0
        while (line := reader.readline().strip()) != b"":
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return reader.read(length)


class QuickKinesis(Kinesis):
    """Kinesis with timeouts that are short enough for a test, and requests of two events."""

    connect_seconds = 0.2
    read_seconds = 0.6  # six bytes
    max_entries = 2


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time reserved for the dead-letter queue."""
    monkeypatch.setattr(delivery, "SETTLING_SECONDS", 2.0)
    monkeypatch.setattr(delivery, "_ENDING_SECONDS", 0.2)
    monkeypatch.setattr(dead_letters, "_CALL_SECONDS", 0.5)


def invoked(
    url: str, bodies: Sequence[str], *, seconds: float, letters: DeadLetters | None = None
) -> BatchResult:
    """Deliver over the network; assert that it ends before Lambda would end the function."""
    destination = BatchDestination.at(
        QuickKinesis(STREAM_ARN),
        ServiceEndpoint("kinesis", "us-east-1", url),
        requests_per_second=1_000,
    )
    deadline = Deadline.after(seconds)
    batch = Delivery(
        destination=destination,
        dead_letters=letters or FakeDeadLetters(),
        policy=AccessPolicy(),
        accept_client_timestamp=False,
    ).deliver(records(bodies), deadline)
    assert deadline.remaining() > 0
    return batch


def events(number: int) -> list[str]:
    return [body({"event": "e", "endpoint_id": f"ep-{i}"}) for i in range(number)]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("number", [1, 7], ids=["one request", "four requests"])
@pytest.mark.parametrize("headers", [False, True], ids=["body", "headers"])
def test_a_trickling_server_does_not_outlast_the_invocation(number: int, *, headers: bool) -> None:
    """Otherwise Lambda would end the function, and the whole batch would be sent again."""
    with TricklingServer(headers=headers) as url:
        batch = invoked(url, events(number), seconds=6)
    assert batch.retried == {"timed_out": number}
    assert batch.counts["requests"] == -(-number // 2)
    assert batch.problems == []
    check_totals(batch, FakeDeadLetters())


@pytest.mark.usefixtures("quick")
def test_what_was_answered_beside_a_trickle_is_delivered() -> None:
    letters = FakeDeadLetters()
    with TricklingServer(whole=3) as url:
        batch = invoked(url, ["not ours", *events(8)], seconds=6, letters=letters)
    assert batch.delivered == 6
    assert batch.retried == {"timed_out": 2}
    assert letters.reasons() == {message_id(0): "malformed"}
    check_totals(batch, letters)


@pytest.mark.usefixtures("quick")
def test_a_dead_letter_queue_that_trickles_does_not_either() -> None:
    with TricklingServer() as sqs, TricklingServer(whole=1) as url:
        client = Client.to(
            ServiceEndpoint("sqs", "us-east-1", sqs),
            connect_seconds=0.2,
            read_seconds=0.3,
        )
        # One more event, so that there is a batch to lose.
        batch = invoked(
            url, ["not ours", *events(1)], seconds=6, letters=RejectionQueues(sqs, client)
        )
    assert batch.delivered == 1
    assert batch.failures == [message_id(0)]
    assert batch.retried == {"dead_letter_queue_failed": 1}
    assert batch.problems == ["the dead-letter queue did not take 1 of 1 messages: timed_out"]

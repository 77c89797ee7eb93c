"""A run of verify: its plan, its requests and their messages, the verdicts, and the cleanup."""

from __future__ import annotations

import secrets
import string
import time
from dataclasses import dataclass, field, replace
from http.client import HTTPException
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from cdk_gtm_connector_cli.errors import CommandError
from cdk_gtm_connector_cli.verify import own_messages
from cdk_gtm_connector_cli.verify.bodies import posted, rejected_json
from cdk_gtm_connector_cli.verify.endpoint import query
from cdk_gtm_connector_cli.verify.probe import (
    BLANK_TEXT,
    FOREIGN_ORIGIN,
    Observed,
    Probe,
    Sender,
    mark,
)
from cdk_gtm_connector_cli.verify.question import CannotAskError, Conclusion, Evidence, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdk_gtm_connector_cli.verify.deployment import Deployment
    from cdk_gtm_connector_cli.verify.journal import Journal
    from cdk_gtm_connector_cli.verify.question import Question

_TEST: Final = "pilot"  # in the journals of stopped runs
_ID_CHARACTERS: Final = string.ascii_lowercase + string.digits


def new_run() -> str:
    """Return the id of a new run, which nobody can guess."""
    return "".join(secrets.choice(_ID_CHARACTERS) for _ in range(8))


@dataclass(kw_only=True)
class Run:
    """A run of verify.

    Attributes:
        deployment: The connector.
        questions: The questions to ask.
        journal: The record of the run, from an earlier part too.
        permissions: The permissions that the user gave, such as ``--may-redeploy``.
        patience: Seconds to wait for messages after the last one came.
        progress: Shows a sentence about the current step.
    """

    deployment: Deployment
    questions: Sequence[Question]
    journal: Journal
    permissions: frozenset[str] = frozenset()
    patience: float = 60
    progress: Callable[[str], None] = lambda _: None
    _unsafe: dict[str, str] = field(default_factory=dict)

    def plan(self) -> list[str]:
        """Return sentences that describe what the run will do."""
        questions = [it for it in self._open() if it.permission in ("", *self.permissions)]
        number = sum(len(question.probes(self.deployment)) for question in questions)
        lines = [
            f"{len(questions)} questions to the connector of {self.deployment.stack}.",
            f"It sends about {number} marked requests to {self.deployment.endpoint_url}.",
            "The function rejects each of them, so none reaches "
            + (
                ", ".join(each.destination for each in self.deployment.deliveries)
                or "a destination"
            )
            + ". A few test requests verify this first.",
            "Their messages end in the invalid-message queue, where verify reads and deletes them.",
            "Other messages stay in the queue, but their receive count rises.",
        ]
        if not self.deployment.origins:
            lines.append(
                "allowed_origins is not set, so only its blank endpoint id gets a request rejected."
            )
        lines += [f"{each.id}: it {each.writes}." for each in questions if each.writes]
        lines.append("Metrics count the requests, and an alarm on invalid messages may go off.")
        return lines

    def ask(self) -> dict[str, Conclusion]:
        """Send the requests, collect their messages, and judge.

        Returns the findings by question. A resumed run repeats no question that has an answer.
        """
        if not self.journal.run:
            began = int(time.time() * 1000)
            self.journal.note({"run": new_run(), "began": began, "stack": self.deployment.stack})
        elif self.journal.stack != self.deployment.stack:
            raise CommandError(
                f"the run to resume is of the stack {self.journal.stack}, not "
                f"{self.deployment.stack}",
                "name that stack, or start a new run without --resume",
            )
        sender = Sender(self.deployment.endpoint_url)
        try:
            self._send_test_requests(sender)
            questions = self._open()
            for question in questions:
                self._send(question.id, self._probes(question), sender)
            self._collect(self.patience)
            everything = [it for each in questions for it in self._observed(each)]
            for question in questions:
                finding = self._judge(question, everything)
                self.journal.note(
                    {
                        "question": question.id,
                        "verdict": finding.verdict.value,
                        "detail": finding.detail,
                    }
                )
        finally:
            sender.close()
            self._collect(0)  # messages that arrived since then, also after Ctrl-C
        return dict(self.journal.findings)

    def _open(self) -> list[Question]:
        findings = self.journal.findings
        return [
            each
            for each in self.questions
            if each.id not in findings or findings[each.id].verdict is Verdict.NOT_ASKED
        ]

    # Requests -------------------------------------------------------------------------------------

    def _send_test_requests(self, sender: Sender) -> None:
        """Send one request of each kind, to be sure that the function rejects that kind."""
        queue = self.deployment.invalid_message_queue_url
        if queue is None:
            self._unsafe = dict.fromkeys(
                KINDS,
                "the stack has no invalid-message queue: update it (cdk deploy)",
            )
            return
        try:
            own_messages.check_size(self.deployment.client("sqs"), queue)
        except CannotAskError as why:
            self._unsafe = dict.fromkeys(KINDS, str(why))
            return
        allowed = [it for it in self.deployment.origins or () if "*" not in it]
        requests = {
            "query": query("test of queries", "evat_v=1"),
            "site": query("test of a site", "evat_v=1", Origin=(allowed or [FOREIGN_ORIGIN])[0]),
            "form": posted("test of forms", "application/x-www-form-urlencoded", _TEST_FORM),
            "json": posted("test of JSON", "application/json", rejected_json()),
        }
        self.progress("sending one test request of each kind")
        self._send(_TEST, requests.values(), sender)
        self._collect(self.patience)
        for kind, probe in requests.items():
            seen = self._observe(_TEST, probe)
            if seen is None or not seen.messages:
                status = seen.answer.status if seen else "nothing"
                self._unsafe[kind] = (
                    f"the test request of this kind got {status}, and its message did not reach "
                    "the invalid-message queue, so such events might be delivered"
                    + ("" if self.deployment.origins else " (set allowed_origins to prevent it)")
                )

    def _probes(self, question: Question) -> list[Probe]:
        """Return the question's probes that may be sent."""
        return [
            each for each in question.probes(self.deployment) if kind_of(each) not in self._unsafe
        ]

    def _send(self, question: str, probes: Any, sender: Sender) -> None:
        for probe in probes:
            key = (question, probe.about)
            if key in self.journal.answers:
                continue
            number = self.journal.numbers.get(key, len(self.journal.numbers))
            guarded = self._guarded(probe)
            line: dict[str, Any] = {"question": question, "probe": probe.about, "number": number}
            if probe.method == "OPTIONS":
                line["quiet"] = True
            # Recorded before it is sent: a stopped run can still recognize the message.
            self.journal.note({**line, "answer": None})
            try:
                answer = sender.send(guarded, mark(self.journal.run, number))
            except (OSError, HTTPException) as error:
                self.progress(f"{question}: {probe.about}: no answer: {error}")
                continue
            self.journal.note({**line, "answer": answer.to_json()})

    def _guarded(self, probe: Probe) -> Probe:
        """Return the probe with a site that is not allowed, unless it names a site itself."""
        named = {name.lower() for name in probe.headers}
        # JSON Schema's patterns and Python do not agree on what is white space.
        json_id = "gtm-connector-verify" if self.deployment.origins else BLANK_TEXT
        probe = replace(probe, body=probe.body.replace(b"{json_id}", json_id.encode()))
        if not self.deployment.origins or named & {"origin", "referer"}:
            return probe
        headers = {**probe.headers, "Origin": FOREIGN_ORIGIN}
        return replace(probe, headers=headers)

    # Messages -------------------------------------------------------------------------------------

    def _collect(self, patience: float) -> None:
        """Read and delete the run's messages until all are there or none comes for a while."""
        queue = self.deployment.invalid_message_queue_url
        if queue is None:
            return
        sqs = self.deployment.client("sqs")
        last = time.monotonic()
        while True:
            missing = self._missing()
            if missing and patience:
                self.progress(f"waiting for the messages of {missing} requests")
            if (not missing and patience) or time.monotonic() - last > patience:
                return
            found = own_messages.take(sqs, queue, self.journal.run, self._keep)
            if found:
                last = time.monotonic()
            elif not patience:
                return

    def _keep(self, number: int, text: str) -> None:
        if text not in self.journal.messages[number]:
            self.journal.note({"message": text, "number": number})

    def _missing(self) -> int:
        journal = self.journal
        accepted = (journal.numbers[key] for key, it in journal.answers.items() if it.accepted)
        return sum(it not in journal.messages and it not in journal.quiet for it in accepted)

    # Verdicts -------------------------------------------------------------------------------------

    def _observe(self, question: str, probe: Probe) -> Observed | None:
        key = (question, probe.about)
        answer = self.journal.answers.get(key)
        if answer is None:
            return None
        number = self.journal.numbers[key]
        messages = self.journal.messages.get(number, ())
        return Observed(probe, mark(self.journal.run, number), answer, tuple(messages))

    def _observed(self, question: Question) -> list[Observed]:
        found = (self._observe(question.id, probe) for probe in self._probes(question))
        return [each for each in found if each is not None]

    def _judge(self, question: Question, everything: Sequence[Observed]) -> Conclusion:
        if question.permission and question.permission not in self.permissions:
            return Conclusion(
                Verdict.NOT_ASKED, f"it {question.writes}; {question.permission} permits it"
            )
        wanted = question.probes(self.deployment)
        kept_back = [kind_of(each) for each in wanted if kind_of(each) in self._unsafe]
        if kept_back:
            return Conclusion(Verdict.NOT_ASKED, self._unsafe[kept_back[0]])
        observed = self._observed(question)
        if len(observed) != len(wanted):
            return Conclusion(
                Verdict.NOT_ASKED,
                f"{len(wanted) - len(observed)} of {len(wanted)} requests got no answer: resume "
                "the run",
            )
        evidence = Evidence(
            deployment=self.deployment,
            run=self.journal.run,
            began=self.journal.began,
            observed=observed,
            everything=everything,
            unsafe=self._unsafe,
        )
        try:
            return question.judge(evidence)
        except CannotAskError as why:
            return Conclusion(Verdict.NOT_ASKED, str(why))
        except (BotoCoreError, ClientError) as error:
            return Conclusion(Verdict.NOT_ASKED, str(error))


KINDS: Final = ("query", "site", "form", "json")
"""Kinds of probes. Only its blank endpoint id gets a probe of the kind ``site`` rejected."""

_TEST_FORM: Final = "event=verify&endpoint_id={blank}&gtmcb={mark}"


def kind_of(probe: Probe) -> str:
    """Return a probe's kind, one of :data:`KINDS`; empty if the function rejects it in any case."""
    if probe.malformed:
        return ""
    if {name.lower() for name in probe.headers} & {"origin", "referer"}:
        return "site"
    if probe.method != "POST" or not probe.body:
        return "query"
    named = {name.lower(): value for name, value in probe.headers.items()}
    return "form" if "form" in named.get("content-type", "") else "json"

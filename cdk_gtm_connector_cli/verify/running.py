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
from cdk_gtm_connector_cli.verify.door import query
from cdk_gtm_connector_cli.verify.probe import (
    BLANK_TEXT,
    FOREIGN_ORIGIN,
    Observed,
    Probe,
    Sender,
    mark,
)
from cdk_gtm_connector_cli.verify.question import Asked, CannotAskError, Finding, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from cdk_gtm_connector_cli.verify.deployment import Deployment
    from cdk_gtm_connector_cli.verify.journal import Journal
    from cdk_gtm_connector_cli.verify.question import Question

_PILOT: Final = "pilot"
_ID_CHARACTERS: Final = string.ascii_lowercase + string.digits


def new_run() -> str:
    """Return the id of a new run, which nobody can guess."""
    return "".join(secrets.choice(_ID_CHARACTERS) for _ in range(8))


@dataclass(kw_only=True)
class Run:
    """A run of verify.

    Attributes:
        deployment: The connector.
        questions: The questions that are asked.
        journal: What is known already; takes what is new.
        permissions: The options that were given, such as ``--may-redeploy``.
        patience: Seconds to wait for messages after the last one came.
        progress: Takes a sentence about what is being done.
    """

    deployment: Deployment
    questions: Sequence[Question]
    journal: Journal
    permissions: frozenset[str] = frozenset()
    patience: float = 60
    progress: Callable[[str], None] = lambda _: None
    _unsafe: dict[str, str] = field(default_factory=dict)

    def plan(self) -> list[str]:
        """Return what the run will do, in sentences."""
        asked = [it for it in self._open() if it.permission in ("", *self.permissions)]
        number = sum(len(question.probes(self.deployment)) for question in asked)
        lines = [
            f"{len(asked)} questions to the connector of {self.deployment.stack}.",
            f"It sends about {number} marked requests to {self.deployment.endpoint_url}.",
            "The function rejects each of them: none reaches "
            + (
                ", ".join(each.destination for each in self.deployment.deliveries)
                or "a destination"
            )
            + ". Pilots show that first.",
            "Their messages end in the invalid-message queue: it reads and deletes its own there.",
            "Others stay in the queue. SQS counts that they were received.",
        ]
        if not self.deployment.origins:
            lines.append(
                "allowed_origins is not set, so a pilot is rejected by its blank endpoint id alone."
            )
        lines += [f"{each.id}: it {each.writes}." for each in asked if each.writes]
        lines.append("Metrics count the requests, and an alarm on callers' mistakes may see them.")
        return lines

    def ask(self) -> dict[str, Finding]:
        """Send the requests, collect their messages, and judge.

        Returns the findings by question. What was judged in a run that this one resumes is not
        asked again, unless it could not be asked.
        """
        if not self.journal.run:
            began = int(time.time() * 1000)
            self.journal.note({"run": new_run(), "began": began, "stack": self.deployment.stack})
        elif self.journal.stack != self.deployment.stack:
            raise CommandError(
                f"the run to resume is about the stack {self.journal.stack}, not "
                f"{self.deployment.stack}",
                "name that stack, or begin anew without --resume",
            )
        sender = Sender(self.deployment.endpoint_url)
        try:
            self._send_pilots(sender)
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
            self._collect(0)  # what came meanwhile, also after Ctrl-C
        return dict(self.journal.findings)

    def _open(self) -> list[Question]:
        findings = self.journal.findings
        return [
            each
            for each in self.questions
            if each.id not in findings or findings[each.id].verdict is Verdict.NOT_ASKED
        ]

    # Requests -------------------------------------------------------------------------------------

    def _send_pilots(self, sender: Sender) -> None:
        """Find out whether what is rejected is rejected, before much is sent."""
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
        pilots = {
            "query": query("pilot of queries", "evat_v=1"),
            "site": query("pilot of a site", "evat_v=1", Origin=(allowed or [FOREIGN_ORIGIN])[0]),
            "form": posted("pilot of forms", "application/x-www-form-urlencoded", _FORM_PILOT),
            "json": posted("pilot of JSON", "application/json", rejected_json()),
        }
        self.progress("sending pilots")
        self._send(_PILOT, pilots.values(), sender)
        self._collect(self.patience)
        for kind, probe in pilots.items():
            seen = self._observe(_PILOT, probe)
            if seen is None or not seen.messages:
                status = seen.answer.status if seen else "nothing"
                self._unsafe[kind] = (
                    f"the pilot was answered {status} and its message did not come to the "
                    "invalid-message queue: nothing that may be delivered is sent"
                    + ("" if self.deployment.origins else " (set allowed_origins to ask)")
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
            # Before it is sent: if the run is stopped now, its message is known as ours.
            self.journal.note({**line, "answer": None})
            try:
                answer = sender.send(guarded, mark(self.journal.run, number))
            except (OSError, HTTPException) as error:
                self.progress(f"{question}: {probe.about}: no answer: {error}")
                continue
            self.journal.note({**line, "answer": answer.to_json()})

    def _guarded(self, probe: Probe) -> Probe:
        """Return the probe as the function rejects it: from a foreign site, unless it names one."""
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
        """Read and delete the run's messages, until all came or none for a while."""
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

    def _judge(self, question: Question, everything: Sequence[Observed]) -> Finding:
        if question.permission and question.permission not in self.permissions:
            return Finding(
                Verdict.NOT_ASKED, f"it {question.writes}: give {question.permission} to permit it"
            )
        wanted = question.probes(self.deployment)
        kept_back = [kind_of(each) for each in wanted if kind_of(each) in self._unsafe]
        if kept_back:
            return Finding(Verdict.NOT_ASKED, self._unsafe[kept_back[0]])
        observed = self._observed(question)
        if len(observed) != len(wanted):
            return Finding(
                Verdict.NOT_ASKED,
                f"{len(wanted) - len(observed)} of {len(wanted)} requests got no answer: resume "
                "the run",
            )
        asked = Asked(
            deployment=self.deployment,
            run=self.journal.run,
            began=self.journal.began,
            observed=observed,
            everything=everything,
            unsafe=self._unsafe,
        )
        try:
            return question.judge(asked)
        except CannotAskError as why:
            return Finding(Verdict.NOT_ASKED, str(why))
        except (BotoCoreError, ClientError) as error:
            return Finding(Verdict.NOT_ASKED, str(error))


KINDS: Final = ("query", "site", "form", "json")
"""Kinds of probes. One that names a site itself is rejected by its blank endpoint id alone."""

_FORM_PILOT: Final = "event=verify&endpoint_id={blank}&gtmcb={mark}"


def kind_of(probe: Probe) -> str:
    """Return by what a probe's event is rejected: one of :data:`KINDS`, empty if by all."""
    if probe.malformed:
        return ""
    if {name.lower() for name in probe.headers} & {"origin", "referer"}:
        return "site"
    if probe.method != "POST" or not probe.body:
        return "query"
    named = {name.lower(): value for name, value in probe.headers.items()}
    return "form" if "form" in named.get("content-type", "") else "json"

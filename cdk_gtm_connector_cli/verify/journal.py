"""The record of a run, line by line, from which a stopped run can be resumed."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cdk_gtm_connector_cli.errors import CommandError
from cdk_gtm_connector_cli.verify.probe import Answer
from cdk_gtm_connector_cli.verify.question import Conclusion, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


@dataclass(slots=True)
class Journal:
    """The state of a run.

    Attributes:
        write: Writes a new line's document; called immediately.
        run: The run's id; empty before the run begins.
        began: When it began, in epoch milliseconds.
        stack: The stack that the run checks.
        answers: Answers by question and probe.
        numbers: The number in the mark, by question and probe.
        quiet: Numbers of requests that lead to no message, such as preflights.
        messages: Messages by the number in their mark.
        findings: Findings by question.
    """

    write: Callable[[Mapping[str, Any]], None]
    run: str = ""
    began: int = 0
    stack: str = ""
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    quiet: set[int] = field(default_factory=set)
    messages: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    findings: dict[str, Conclusion] = field(default_factory=dict)

    def read(self, lines: Iterable[str]) -> None:
        """Read the lines of a stopped run. An incomplete last line is ignored.

        Raises:
            CommandError: The lines are not those of a run.
        """
        documents = []
        for line in filter(str.strip, lines):
            try:
                documents.append(json.loads(line))
            except ValueError:
                break
        if not documents or "run" not in documents[0]:
            raise CommandError(
                "the file is not the output of a run of verify",
                "give --resume the file with the output of verify --json",
            )
        for document in documents:
            self._take(document)

    def _take(self, document: Mapping[str, Any]) -> None:
        match document:
            case {"run": run, "began": began, "stack": stack}:
                self.run, self.began, self.stack = run, began, stack
            case {"probe": about, "question": question, "number": number, "answer": answer}:
                self.numbers[question, about] = number
                if document.get("quiet"):
                    self.quiet.add(number)
                if answer is not None:
                    self.answers[question, about] = Answer.from_json(answer)
            case {"message": text, "number": number}:
                self.messages[number].append(text)
            case {"question": question, "verdict": verdict, "detail": detail}:
                self.findings[question] = Conclusion(Verdict(verdict), detail)
            case _:
                return

    def note(self, document: Mapping[str, Any]) -> None:
        """Record a document and write its line."""
        self._take(document)
        self.write(document)

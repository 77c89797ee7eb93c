"""The pages about the command say what it does, and answer in their first lines."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import click
import pytest

from cdk_gtm_connector_cli.main import cli
from cdk_gtm_connector_cli.messages import RETRIED
from cdk_gtm_connector_cli.reference import completed
from gtm_events.losses import Loss
from gtm_events.outcome import Reason
from local.pipeline.synthesis import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = ROOT / "docs" / "cli.md"
TROUBLESHOOTING = ROOT / "docs" / "troubleshooting.md"
OPERATIONS = ROOT / "docs" / "operations.md"
SYMPTOMS = (
    *("The tag is red", "The tag is green and nothing arrives", "An attribute is missing"),
    *("400", "401", "403", "413", "415", "429", "502"),
    *("The dead-letter queue fills", "Waiting grows", "A deployment fails"),
)
FIRST_LINES = 12


def commands() -> Iterator[str]:
    """Yield the commands that the pages tell to type."""
    for page in (REFERENCE, TROUBLESHOOTING, OPERATIONS):
        text = page.read_text("utf-8")
        yield from re.findall(r"^(gtm-connector [^#\n]+)", text, re.MULTILINE)
        yield from re.findall(r"`(gtm-connector \w[^`]*)`", text)


def sections() -> dict[str, str]:
    """Return the text below each heading of the page by symptom."""
    parts = re.split(r"^##+ (.+)\n", TROUBLESHOOTING.read_text("utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_reference_is_that_of_the_commands() -> None:
    text = REFERENCE.read_text("utf-8")
    written = "python -m cdk_gtm_connector_cli.reference writes it anew"
    assert completed(text) == text, written
    assert completed("a\n<!-- commands -->\nold\n<!-- end -->\nb\n").startswith("a\n")
    for name, command in cli.commands.items():
        assert f"\n## {name}\n" in text
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[0] in text, parameter.opts


def test_every_command_that_is_told_exists() -> None:
    told = sorted(set(commands()))
    assert len(told) > 15
    for line in told:
        if "|" in line:  # the reference's own
            continue
        name, *arguments = shlex.split(line)[1:]
        command = cli.commands[name]
        # Only the parser: nothing is run.
        command.make_context(name, list(arguments))


@pytest.mark.parametrize("symptom", SYMPTOMS)
def test_each_symptom_is_answered_in_its_first_lines_with_a_command(symptom: str) -> None:
    first = "\n".join(sections()[symptom].strip().splitlines()[:FIRST_LINES])
    assert not first.startswith(("-", "|", "#"))
    assert re.search(r"^(gtm-connector|aws) ", first, re.MULTILINE), first


def test_every_reason_is_there_where_its_queue_is() -> None:
    dead, invalid = sections()["The dead-letter queue fills"], sections()["Callers' mistakes"]
    for reason in Reason:
        assert f"| `{reason}` |" in (invalid if reason.is_callers_fault else dead), reason
    assert f"| `{RETRIED}` |" in dead


def test_every_loss_is_there() -> None:
    text = sections()["An attribute is missing"]
    assert [loss for loss in Loss if f"`{loss}`" not in text] == []

"""The commands' error, with a text for the user, and their exit statuses."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """Exit statuses of every command."""

    FINE = 0
    """The command succeeded, and found no problem."""

    NOT_FINE = 1
    """The command succeeded, and found a problem: a red tag, a finding, or no event."""

    USAGE = 2
    """The command line is wrong."""

    FAILED = 3
    """The command failed: no such stack, no permission, no network."""

    INTERRUPTED = 130
    """Ctrl-C stopped it."""


class CommandError(Exception):
    """A command cannot go on.

    Args:
        problem: The problem, with the value that caused it.
        remedy: The remedy.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


class UsageProblem(CommandError):
    """The command line does not fit the stack."""

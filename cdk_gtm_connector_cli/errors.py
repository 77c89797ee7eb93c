"""What a command could not do, in words for whoever typed it, and the exit statuses."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """Exit statuses of every command."""

    FINE = 0
    """The command did what it was asked, and what it found is as it should be."""

    NOT_FINE = 1
    """It did what it was asked, and the answer is bad: a red tag, a finding, nothing found."""

    USAGE = 2
    """The command line is wrong."""

    FAILED = 3
    """It could not do what it was asked: no such stack, no permission, no network."""

    INTERRUPTED = 130
    """Ctrl-C stopped it."""


class CommandError(Exception):
    """A command cannot go on.

    Args:
        problem: What is wrong, with the value.
        remedy: What to do about it.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}")
        self.problem = problem
        self.remedy = remedy


class UsageProblem(CommandError):
    """The command line is wrong in a way that only shows with the stack at hand."""

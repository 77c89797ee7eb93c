"""Whatever the repository calls open is a question of verify, and the other way around."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from cdk_gtm_connector_cli.verify.catalog import BY_HAND, QUESTIONS, document
from cdk_gtm_connector_cli.verify.page import PAGE
from tests.verify.test_account import CASES
from tests.verify.test_requests import BY_OTHERS, TAMPERS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]

# How this project says that nobody here could check a thing.
OPEN: Final = re.compile(
    r"cannot be checked without AWS|nobody could check|could not be checked here|not known from "
    r"documentation|is not known here|is not known to|AWS does not document|documentation does not "
    r"say|it is unknown whether|an account must show|for an account to show|asked of an account|"
    r"end of support is open|"
    r"is an assumption|are assumed|are a guess|nobody knows|was not found|held to be no",
    re.IGNORECASE,
)
STRICT: Final = (
    *("__init__", "behavior", "calculated", "comparisons"),
    *("objects", "segments", "triggers"),
)
# Passages with such words that ask nothing of AWS.
NO_QUESTION: Final = {
    ("docs/verify.md", ""),
    ("CHANGELOG.md", "its Region is not known"),
    ("docs/architecture.md", ""),
    ("docs/cli.md", "Ask a deployed connector"),
    # What AWS leaves open is taken in the strict way by the stand-ins: nothing relies on it.
    *((f"local/destinations/customer_profiles/{name}.py", "") for name in STRICT),
    ("local/stand_in/kind.py", ""),
    ("local/deployed.py", "hold something that is not known here"),
    ("local/vtl/java.py", ""),
    ("local/vtl/rendering.py", ""),
    # Of every price that is marked so in the tables, the page's last section speaks.
    ("docs/capacity.md", "as three), not what one costs"),
}
FILES: Final = ("README.md", "SECURITY.md", "CHANGELOG.md", "benchmarks/RESULTS.md")
FOLDERS: Final = ("docs", "cdk_gtm_connector", "lambda_src", "stacks", "capacity", "local")
SUFFIXES: Final = {".md", ".py", ".vtl"}


def files() -> Iterator[str]:
    yield from FILES
    for folder in FOLDERS:
        for path in sorted(ROOT.joinpath(folder).rglob("*")):
            if path.suffix in SUFFIXES and "__pycache__" not in path.parts:
                yield str(path.relative_to(ROOT))


def text_of(path: str) -> str:
    """Return a file as running text: without line breaks, quotes and comments' signs."""
    lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
    return " ".join(re.sub(r"^\s*(#+|>) ", "", line).strip().strip("\"'") for line in lines)


def passages(path: str) -> Iterator[str]:
    """Yield what a file calls open: its paragraph, or a bullet of a list below such a heading."""
    text = (ROOT / path).read_text(encoding="utf-8")
    below_open = False
    for block in re.split(r"\n\s*\n|\n(?=\s*- )", text):
        plain = " ".join(re.sub(r"^\s*(##?|>) ", "", it).strip() for it in block.splitlines())
        if block.startswith("#") and path.endswith(".md"):
            below_open = bool(OPEN.search(block))
        elif below_open or OPEN.search(plain):
            yield plain


SOURCES: Final = [
    (each.id, source.path, source.words)
    for each in (*QUESTIONS, *BY_HAND)
    for source in each.sources
]


@pytest.mark.parametrize("path", sorted(set(files())))
def test_what_is_called_open_is_a_question(path: str) -> None:
    words = [found for _, at, found in SOURCES if at == path]
    words += [found for at, found in NO_QUESTION if at == path]
    unasked = [it for it in passages(path) if not any(each in it for each in words)]
    assert unasked == [], "declare a Question with this as a source, or say why it is none"


def test_each_source_says_so() -> None:
    missing = [
        (question, path, words)
        for question, path, words in SOURCES
        if not path.startswith("issue ") and words not in text_of(path)
    ]
    assert missing == []


def test_each_question_is_proven_able_to_fail() -> None:
    elsewhere = {"stage-change"}  # tests/verify/test_run.py
    assert {*TAMPERS, *BY_OTHERS, *CASES, *elsewhere} == {each.id for each in QUESTIONS}


def test_ids_are_unique_and_speakable() -> None:
    ids = [each.id for each in (*QUESTIONS, *BY_HAND)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", each) for each in ids)


def test_each_question_is_declared_in_full() -> None:
    for each in QUESTIONS:
        assert each.sources, each.id
        for text in (each.assumed, each.how, each.breaks, each.remedy):
            assert text.endswith("."), (each.id, text)
        assert bool(each.writes) == bool(each.permission), each.id


def test_the_page_lists_the_questions() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert document(page) == page, "python -m cdk_gtm_connector_cli.verify.page writes it"

"""Documents that list other files: nothing is left out of one, and no link in one is dead."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
DECISIONS: Final = ROOT / "docs" / "decisions"
PAGES: Final = sorted(DECISIONS.glob("[0-9]*.md"))
DOCUMENTS: Final = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def anchors(text: str) -> set[str]:
    """Return what GitHub makes of a document's headings for links to them."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_index_of_decisions_has_every_page_by_its_title_and_in_order() -> None:
    index = DECISIONS.joinpath("README.md").read_text("utf-8")
    rows = re.findall(r"^\| \[(\d{4})\]\((\S+)\) \| (.+) \|$", index, re.MULTILINE)
    assert rows == [
        (
            page.name[:4],
            page.name,
            page.read_text("utf-8").splitlines()[0].removeprefix(f"# {page.name[:4]} "),
        )
        for page in PAGES
    ]


def test_no_two_decisions_have_the_same_number() -> None:
    numbers = [page.name[:4] for page in PAGES]
    assert len(set(numbers)) == len(numbers) >= 18


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_decision_is_titled_with_its_number_and_says_why(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith(f"# {page.name[:4]} ")
    for heading in ("## Context", "## Choice", "## Consequences"):
        assert heading in text


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)", text):
        if ":" in target:
            continue  # another site's
        linked = (document.parent / target).resolve() if target else document
        assert linked.exists(), target
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked.read_text("utf-8")), f"{target}#{anchor}"


def test_the_changelog_lists_as_fixed_only_what_was_released() -> None:
    changelog = ROOT.joinpath("CHANGELOG.md").read_text("utf-8")
    sections = re.split(r"^## \[(.+?)\](?: - (.+))?$", changelog, flags=re.MULTILINE)[1:]
    versions = list(zip(sections[::3], sections[1::3], sections[2::3], strict=True))
    assert versions[0][0] == "Unreleased"
    for _, day, _ in versions[1:]:
        date.fromisoformat(day)
    # The oldest is the first that anybody could have: nothing in it was wrong before.
    name, _, first = versions[-1]
    assert "\n### Added\n" in first
    for heading in ("Fixed", "Security", "Changed", "Removed", "Deprecated"):
        assert f"\n### {heading}\n" not in first, f"{name} is the first release"


def test_the_architecture_names_files_that_are_there() -> None:
    text = ROOT.joinpath("docs", "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`([\w/]+(?:\.py|/))`", text))
    places = [ROOT, ROOT / "lambda_src" / "gtm_events"]
    missing = {name for name in named if not any(place.joinpath(name).exists() for place in places)}
    assert missing == set()
    assert len(named) > 30

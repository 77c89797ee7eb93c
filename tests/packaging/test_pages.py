"""README and the pages in ``docs/``: what they show exists, is said once, and makes a site."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import defaultdict
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urldefrag

import pytest
import yaml

import cdk_gtm_connector
from scripts.site_sources import PAGES, gather, places, relinked, without_roles
from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
DOCS: Final = sorted(ROOT.joinpath("docs").glob("*.md"))
FENCED: Final = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)


def prose(text: str) -> str:
    """Return a page without its code blocks, tables, headings and comments."""
    text = re.sub(r"<!--.*?-->", "", FENCED.sub("\n\n", text), flags=re.DOTALL)
    return "\n".join(
        "" if line.lstrip("> ").startswith(("|", "#")) else line for line in text.split("\n")
    )


def sentences(text: str) -> Iterator[str]:
    """Yield a page's sentences of seven words and more, in one line each, without markup."""
    for block in re.split(r"\n\s*\n|^\s*(?:[-*>]|\d+\.) ", prose(text), flags=re.MULTILINE):
        line = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(block.split()))
        for sentence in re.split(r"(?<=[.:!?])\s+", line):
            plain = re.sub(r"[*_`]", "", sentence).strip().lower()
            if len(plain.split()) >= 7:
                yield plain


def commands(text: str) -> Iterator[str]:
    """Yield the lines of a page's console blocks, continued ones as one."""
    for block in re.findall(r"^ *```console\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE):
        yield from block.replace("\\\n", " ").splitlines()
    yield from re.findall(r"`((?:make|python -m|npx) [^`]+)`", FENCED.sub("", text))


def test_no_sentence_is_on_two_pages() -> None:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for path in (README, *DOCS):
        for sentence in sentences(path.read_text("utf-8")):
            found[sentence].add(path.name)
    assert len(found) > 400
    assert {sentence: where for sentence, where in found.items() if len(where) > 1} == {}


def test_readme_is_short_and_leads_to_every_page() -> None:
    text = README.read_text("utf-8")
    assert len(text.splitlines()) <= 160
    linked = set(re.findall(r"\]\(docs/([\w-]+\.md)", text))
    inside = {
        name
        for path in DOCS
        if path.name in linked
        for name in re.findall(r"\]\(([\w-]+\.md)", path.read_text("utf-8"))
    }
    assert {path.name for path in DOCS} - linked - inside == set()


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.stem)
def test_a_page_begins_with_an_answer(path: Path) -> None:
    title, blank, first = path.read_text("utf-8").splitlines()[:3]
    assert re.fullmatch(r"# \S.{2,60}", title)
    assert blank == ""
    assert first[0].isalpha() or first[0] == "`", first  # prose


@pytest.mark.parametrize("path", [README, *DOCS], ids=lambda path: path.stem)
def test_a_command_that_a_page_shows_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for command in commands(path.read_text("utf-8")):
        for target in re.findall(r"\bmake ([a-z-]+)", command):
            assert target in targets, command
        for module in re.findall(r"python3? -m ([\w.]+)", command):
            assert module == "venv" or find_spec(module), command
        for file in re.findall(r"\b((?:scripts|examples|stacks)/[\w/.]+)", command):
            assert (ROOT / file).exists(), command
        for cdk in re.findall(r"npx aws-cdk@([\d.]+)", command):
            assert f"aws-cdk@{cdk}\n" in (ROOT / "Makefile").read_text("utf-8"), command


def test_pages_show_commands() -> None:
    assert (
        len([line for path in (README, *DOCS) for line in commands(path.read_text("utf-8"))]) > 40
    )


def test_the_reference_has_all_that_is_exported() -> None:
    text = ROOT.joinpath("docs", "api.md").read_text("utf-8")
    shown = [name.rpartition(".")[2] for name in re.findall(r"^::: (\S+)$", text, re.MULTILINE)]
    exported = [name for name in cdk_gtm_connector.__all__ if not name.startswith("_")]
    assert sorted(shown) == sorted(exported)


def test_a_picture_is_shown_somewhere() -> None:
    text = "".join(path.read_text("utf-8") for path in (README, *DOCS))
    images = {path.name for path in ROOT.joinpath("docs", "images").iterdir()}
    assert images == set(re.findall(r"images/([\w-]+\.\w+)", text))


# --- The site ----------------------------------------------------------------------------------


def test_the_sites_navigation_has_every_page() -> None:
    settings = ROOT.joinpath("mkdocs.yml").read_text("utf-8")
    listed = re.findall(r"^ *- ([\w/-]+\.md)$", settings, re.MULTILINE)
    expected = [path.name for path in DOCS] + list(PAGES.values()) + ["decisions/README.md"]
    assert sorted(listed) == sorted(expected)


def test_links_follow_to_where_the_site_has_a_file() -> None:
    where = places(ROOT)
    text = (
        "[a](../README.md#try-it) [b](../examples/shop.py) [c](gtm.md) [d](../Makefile)"
        " [e](https://example.com/x.md) ![f](images/console.png) [g](#here) [h](decisions/)\n"
        "```\n[a](../README.md)\n```\n"
    )
    assert relinked(text, "docs/deploy.md", where) == (
        "[a](index.md#try-it) [b](examples/shop.md) [c](gtm.md) d"
        " [e](https://example.com/x.md) ![f](images/console.png) [g](#here)"
        " [h](decisions/README.md)\n"
        "```\n[a](../README.md)\n```\n"
    )
    assert (
        relinked(
            "[x](../gtm.md)",
            "docs/decisions/0001-x.md",
            {"docs/gtm.md": "gtm.md"} | {"docs/decisions/0001-x.md": "decisions/0001-x.md"},
        )
        == "[x](../gtm.md)"
    )


def test_the_reference_has_no_markup_of_another_language() -> None:
    code = "See :class:`~a.b.Thing`, :meth:`Thing.do` and ``:memory:``."
    assert without_roles(code) == "See `Thing`, `Thing.do` and ``:memory:``."


class Page(HTMLParser):
    """What a page of the site links to, and its anchors."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what leads somewhere, or what something may lead to."""
        del tag
        for name, value in attrs:
            if name in {"href", "src"} and value:
                self.links.append(value)
            if name == "id" and value:
                self.anchors.add(value)


def build(directory: Path) -> subprocess.CompletedProcess[str]:
    """Build the site of the pages in ``directory``, as ``make docs`` does."""
    if find_spec("zensical") is None:
        missing = "zensical is missing: it is one of requirements-dev.txt"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    settings = yaml.safe_load(ROOT.joinpath("mkdocs.yml").read_text("utf-8"))
    settings |= {"docs_dir": "pages", "site_dir": "site"}
    settings["plugins"][1]["mkdocstrings"]["handlers"]["python"]["paths"] = ["library"]
    directory.joinpath("mkdocs.yml").write_text(yaml.safe_dump(settings), "utf-8")
    return subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )


def test_no_link_of_the_site_is_dead(tmp_path: Path) -> None:
    gather(ROOT, tmp_path)
    built = build(tmp_path)
    assert built.returncode == 0, built.stdout + built.stderr
    site = tmp_path / "site"
    pages = {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html")}
    assert len(pages) > 60
    dead = []
    for path, page in pages.items():
        if path.name == "404.html":
            continue  # its links begin where the site is
        for link in page.links:
            target, anchor = urldefrag(unquote(link))
            if re.match(r"[a-z]+:|//", link):
                continue  # another site's
            linked = (path.parent / target).resolve() if target else path
            if linked.is_dir():
                linked /= "index.html"
            if not linked.exists() or (
                anchor and linked in pages and anchor not in pages[linked].anchors
            ):
                dead.append((str(path.relative_to(site)), link))
    assert dead == []
    reference = site.joinpath("api.html").read_text("utf-8")
    assert "anonymous_user_attributes" in reference
    assert re.findall(r":(?:class|meth|attr):", reference) == []


@pytest.mark.parametrize("link", ["nowhere.md", "gtm.md#nowhere"])
def test_a_dead_link_stops_the_build(tmp_path: Path, link: str) -> None:
    gather(ROOT, tmp_path)
    page = tmp_path / "pages" / "posting.md"
    page.write_text(f"{page.read_text('utf-8')}\n[dead]({link})\n", "utf-8")
    built = build(tmp_path)
    assert built.returncode != 0
    assert "posting.md" in built.stdout + built.stderr


def test_the_script_empties_its_directory_first(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    out.joinpath("stale.md").write_text("old", "utf-8")
    script = ROOT / "scripts" / "site_sources.py"
    subprocess.run([sys.executable, script, out], check=True, timeout=HANG_SECONDS)  # noqa: S603
    assert not out.joinpath("stale.md").exists()
    assert out.joinpath("pages", "index.md").read_text("utf-8").startswith("# cdk-gtm-connector")


def test_the_script_does_not_empty_its_project(tmp_path: Path) -> None:
    script = tmp_path / "project" / "scripts" / "site_sources.py"  # a copy, lest it does
    script.parent.mkdir(parents=True)
    script.write_bytes(ROOT.joinpath("scripts", "site_sources.py").read_bytes())
    for directory in (tmp_path, tmp_path / "project"):
        ran = subprocess.run([sys.executable, script, directory], check=False, timeout=HANG_SECONDS)  # noqa: S603
        assert ran.returncode == 1
    assert script.exists()

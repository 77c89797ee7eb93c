#!/usr/bin/env python3
"""Gather what the documentation's site is made of: ``python scripts/site_sources.py DIRECTORY``.

A reader of the repository follows links from ``docs/`` to README and to the examples. The site has
one folder of pages, so README becomes its start, each example a page, and links follow along. What
is neither a page nor an example stays in the text without its link. The pages are in ``pages``; in
``library`` is the library's source, from which the site takes its reference.
"""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "benchmarks/RESULTS.md": "benchmarks.md",
}
_LINK: Final = re.compile(r"(!?)\[([^\]]*)\]\(([^)#:\s]+)((?:#[^)\s]*)?)\)")
_ROLE: Final = re.compile(r":(?:attr|class|data|exc|func|meth|mod):`(?:~[\w.]+\.)?([\w.]+)`")
_FENCED: Final = re.compile(r"(^ *```.*?^ *```$)", re.DOTALL | re.MULTILINE)


def places(root: Path) -> dict[str, str]:
    """Return where each file of the repository is in the site, by its path."""
    documents = [path for path in root.joinpath("docs").rglob("*") if path.is_file()]
    examples = root.joinpath("examples").rglob("*.py")
    return {
        **PAGES,
        **{str(path.relative_to(root)): str(path.relative_to(root / "docs")) for path in documents},
        **{
            str(path.relative_to(root)): str(path.relative_to(root).with_suffix(".md"))
            for path in examples
            if path.name != "__init__.py"
        },
    }


def relinked(text: str, source: str, where: dict[str, str]) -> str:
    """Return a page with its links as the site has them.

    Args:
        text: The page.
        source: Its path in the repository.
        where: What :func:`places` returned.
    """
    here = posixpath.dirname(where[source])

    def replace(link: re.Match[str]) -> str:
        image, words, target, anchor = link.groups()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        path = {"docs/decisions": "docs/decisions/README.md"}.get(path, path)
        if path not in where:
            return words
        return f"{image}[{words}]({posixpath.relpath(where[path], here or '.')}{anchor})"

    # A code block is no place for a link, whatever it looks like.
    parts = _FENCED.split(text)
    return "".join(
        part if number % 2 else _LINK.sub(replace, part) for number, part in enumerate(parts)
    )


def as_page(path: str, code: str) -> str:
    """Return an example as a page: its docstring is the first thing to read."""
    return f"# {Path(path).name}\n\n```python\n{code}```\n"


def without_roles(code: str) -> str:
    """Return Python whose docstrings name other things as Markdown does, not reStructuredText."""
    return _ROLE.sub(r"`\1`", code)


def gather(root: Path, directory: Path) -> None:
    """Write pages and library into ``directory``, which is emptied first."""
    shutil.rmtree(directory, ignore_errors=True)
    for path in root.joinpath("cdk_gtm_connector").rglob("*.py"):
        written = directory / "library" / path.relative_to(root)
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(without_roles(path.read_text("utf-8")), "utf-8")
    where = places(root)
    for source, target in where.items():
        written = directory / "pages" / target
        written.parent.mkdir(parents=True, exist_ok=True)
        if source.endswith(".md"):
            text = relinked(root.joinpath(source).read_text("utf-8"), source, where)
            written.write_text(text, "utf-8")
        elif source.endswith(".py"):
            written.write_text(as_page(source, root.joinpath(source).read_text("utf-8")), "utf-8")
        else:
            shutil.copyfile(root / source, written)


if __name__ == "__main__":
    if len(sys.argv) != 2 or not sys.argv[1]:  # noqa: PLR2004 - its own name, and the directory
        sys.exit(f"usage: {os.path.relpath(__file__)} DIRECTORY")
    if ROOT.is_relative_to(Path(sys.argv[1]).resolve()):
        sys.exit(f"{sys.argv[1]} would be emptied, and the project with it: name a new directory")
    gather(ROOT, Path(sys.argv[1]))

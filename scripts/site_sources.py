#!/usr/bin/env python3
"""Gather the documentation's pages for its site: ``python scripts/site_sources.py DIRECTORY``.

A reader of the repository follows links from ``docs/`` to README and to the examples. The site has
one folder of pages, so README becomes its start, each example a page, and links follow along. What
is neither a page nor an example stays in the text without its link.
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


def gather(root: Path, directory: Path) -> None:
    """Write the site's pages into ``directory``, which is emptied first."""
    shutil.rmtree(directory, ignore_errors=True)
    where = places(root)
    for source, target in where.items():
        written = directory / target
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
    gather(ROOT, Path(sys.argv[1]))

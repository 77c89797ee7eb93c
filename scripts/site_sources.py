#!/usr/bin/env python3
"""Gather the sources of the documentation site: ``python scripts/site_sources.py DIRECTORY``.

In the repository, pages in ``docs/`` link to README and to the examples. The site has one folder of
pages, so README becomes its start page and each example becomes a page. The script adapts these
links. It removes links to anything else, but keeps their text. The pages go into ``pages``. The
library's source, from which the site makes its reference, goes into ``library``.
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
    """Return each file's place in the site, by its path in the repository."""
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
    """Return a page with the site's links.

    Args:
        text: The page.
        source: Its path in the repository.
        where: The result of :func:`places`.
    """
    here = posixpath.dirname(where[source])

    def replace(link: re.Match[str]) -> str:
        image, words, target, anchor = link.groups()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        path = {"docs/decisions": "docs/decisions/README.md"}.get(path, path)
        if path not in where:
            return words
        return f"{image}[{words}]({posixpath.relpath(where[path], here or '.')}{anchor})"

    # Text in a code block is never a link.
    parts = _FENCED.split(text)
    return "".join(
        part if number % 2 else _LINK.sub(replace, part) for number, part in enumerate(parts)
    )


def as_page(path: str, code: str) -> str:
    """Return an example as a page that begins with the example's docstring."""
    return f"# {Path(path).name}\n\n```python\n{code}```\n"


def without_roles(code: str) -> str:
    """Return Python source with the reStructuredText roles in docstrings written as Markdown."""
    return _ROLE.sub(r"`\1`", code)


def gather(root: Path, directory: Path) -> None:
    """Empty ``directory``, then write pages and library into it."""
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
        sys.exit(f"{sys.argv[1]} contains the project, and would be emptied: name a new directory")
    gather(ROOT, Path(sys.argv[1]))

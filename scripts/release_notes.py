"""Print a release's notes from the changelog: ``python scripts/release_notes.py v1.2.3``.

The script stops a release whose tag, version and changelog do not agree. It uses the standard
library only, because the release workflow runs it before it installs anything.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).parents[1]


class NotReadyError(Exception):
    """The tag, the library's version and the changelog do not agree."""


def notes(tag: str, version_file: str, changelog: str) -> str:
    """Return the changelog's section for a release.

    Args:
        tag: The git tag: ``v`` and the version.
        version_file: The text of ``cdk_gtm_connector/version.py``.
        changelog: The text of ``CHANGELOG.md``.

    Raises:
        NotReadyError: The tag does not match the library's version, or the changelog's section for
            it is missing, empty or without a date.
    """
    match = re.search(r'^__version__ = "(.+?)"', version_file, re.MULTILINE)
    version = match[1] if match else "none"
    if tag != f"v{version}":
        raise NotReadyError(f"the tag is {tag}, but the library's version is {version}")
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d{{2}}-\d{{2}}$"
    section = re.search(rf"{heading}\n(.*?)(?=^## |^\[|\Z)", changelog, re.MULTILINE | re.DOTALL)
    if section is None or not section[1].strip():
        raise NotReadyError(f"CHANGELOG.md has no text under '## [{version}] - YYYY-MM-DD'")
    return section[1].strip() + "\n"


def main(arguments: list[str]) -> int:
    """Print the notes; return 1 if the release must stop."""
    (tag,) = arguments
    version = _ROOT.joinpath("cdk_gtm_connector", "version.py").read_text(encoding="utf-8")
    changelog = _ROOT.joinpath("CHANGELOG.md").read_text(encoding="utf-8")
    try:
        sys.stdout.write(notes(tag, version, changelog))
    except NotReadyError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Compare the templates of every option set with a commit's: ``… same_templates.py COMMIT``.

The script synthesizes the option sets of ``tests/infrastructure/options.py`` in this checkout, and
the commit's own option sets in a copy of the commit. It ignores asset hashes, and prints the sets
that differ. The exit status is 1 if any does. Use it to show that a change does not affect
deployments.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).parents[1]
_SYNTHESIZE: Final = """
import json, pathlib, sys
sys.path.insert(0, ".")
from tests.infrastructure.released import _synthesize_all
templates = _synthesize_all(pathlib.Path(sys.argv[1]))
documents = {name: template.document for name, template in templates.items()}
pathlib.Path(sys.argv[2]).write_text(json.dumps(documents))
"""
_ASSET_HASH: Final = re.compile(r"[0-9a-f]{64}")


def templates_of(checkout: Path, work: Path) -> dict[str, Any]:
    """Return the templates of a checkout's option sets, with asset hashes blanked.

    Args:
        checkout: Directory of the checkout.
        work: Empty directory for output.
    """
    output = work / "templates.json"
    command = [sys.executable, "-c", _SYNTHESIZE, str(work / "out"), str(output)]
    subprocess.run(command, cwd=checkout, check=True)  # noqa: S603 - this program itself
    templates: dict[str, Any] = json.loads(_ASSET_HASH.sub("HASH", output.read_text("utf-8")))
    return templates


def main(arguments: list[str]) -> int:
    """Compare; return 1 if a template differs."""
    (commit,) = arguments
    with tempfile.TemporaryDirectory() as directory:
        other, works = Path(directory, "commit"), [Path(directory, name) for name in "ab"]
        for work in works:
            work.mkdir()
        subprocess.run(  # noqa: S603
            ["git", "clone", "--quiet", "--no-checkout", str(_ROOT), str(other)],  # noqa: S607
            check=True,
        )
        subprocess.run(["git", "checkout", "--quiet", commit], cwd=other, check=True)  # noqa: S603, S607
        before, after = templates_of(other, works[0]), templates_of(_ROOT, works[1])
    names = [name for name in before if name in after]
    # As text, so that the order of keys counts, too.
    differing = [name for name in names if json.dumps(before[name]) != json.dumps(after[name])]
    for name in differing:
        sys.stdout.write(f"differs: {name}\n")
    sys.stdout.write(f"{len(names) - len(differing)} of {len(names)} templates are the same\n")
    return 1 if differing or not names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Reads a template's file, and runs its own tests under the sandbox in Node."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from tests.patience import HANG_SECONDS

SANDBOX: Final = Path(__file__).with_name("sandbox.js")
_RUN: Final = Path(__file__).with_name("run.js")
_SECTION: Final = re.compile(r"^___([A-Z_]+)___$", re.MULTILINE)


@dataclass(frozen=True)
class Template:
    """A template, as its file says it."""

    sections: dict[str, str]

    @classmethod
    def read(cls, text: str) -> Template:
        """Return the template in a file's text."""
        _, *parts = _SECTION.split(text)
        return cls(dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True)))

    @property
    def info(self) -> dict[str, Any]:
        """Its name, kind and so on."""
        info: dict[str, Any] = json.loads(self.sections["INFO"])
        return info

    @property
    def context(self) -> str:
        """``web`` or ``server``."""
        (context,) = self.info["containerContexts"]
        return str(context).lower()

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """Its fields, those of groups too."""
        fields: list[dict[str, Any]] = []
        waiting = json.loads(self.sections["TEMPLATE_PARAMETERS"])
        while waiting:
            field = waiting.pop(0)
            fields.append(field)
            waiting = field.get("subParams", []) + waiting
        return fields

    @property
    def code(self) -> str:
        """Its sandboxed JavaScript."""
        server = self.context == "server"
        name = "SANDBOXED_JS_FOR_SERVER" if server else "SANDBOXED_JS_FOR_WEB_TEMPLATE"
        return self.sections[name]

    @property
    def permissions(self) -> list[dict[str, Any]]:
        """What it asks to be allowed."""
        permissions: list[dict[str, Any]] = json.loads(
            self.sections[f"{self.context.upper()}_PERMISSIONS"]
        )
        return permissions

    @property
    def tests(self) -> dict[str, Any]:
        """Its own tests: ``scenarios`` and ``setup``."""
        tests: dict[str, Any] = yaml.safe_load(self.sections["TESTS"])
        return tests

    def sandbox(self) -> dict[str, Any]:
        """Return what ``sandbox.js`` needs to run it."""
        return {"code": self.code, "permissions": self.permissions, "context": self.context}

    def outcomes(self, **changes: Any) -> dict[str, str | None]:
        """Return of each of its tests what went wrong, or nothing.

        Args:
            changes: What to put in the place of a part of it, such as ``code``.
        """
        node = shutil.which("node")
        assert node is not None, "Node.js is missing"
        given = {**self.sandbox(), **self.tests, **changes}
        process = subprocess.run(  # noqa: S603 - no shell
            [node, str(_RUN)],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )
        assert process.returncode == 0, process.stderr
        outcomes: dict[str, str | None] = json.loads(process.stdout)
        return outcomes

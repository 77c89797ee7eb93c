"""A reader of template files, which runs a template's own tests in a sandbox in Node.js."""

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
    """A template as its file defines it."""

    sections: dict[str, str]

    @classmethod
    def read(cls, text: str) -> Template:
        """Return the template in a file's text."""
        _, *parts = _SECTION.split(text)
        return cls(dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True)))

    @property
    def info(self) -> dict[str, Any]:
        """Name, kind and other properties of the template."""
        info: dict[str, Any] = json.loads(self.sections["INFO"])
        return info

    @property
    def context(self) -> str:
        """``web`` or ``server``."""
        (context,) = self.info["containerContexts"]
        return str(context).lower()

    @property
    def parameters(self) -> list[dict[str, Any]]:
        """The template's fields, including those in groups."""
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
        """The permissions that it requests."""
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
        """Return the input of ``sandbox.js`` for the template."""
        return {"code": self.code, "permissions": self.permissions, "context": self.context}

    def outcomes(self, **changes: Any) -> dict[str, str | None]:
        """Return the fault of each of its tests, or nothing.

        Args:
            changes: Replacements for parts of the template, such as ``code``.
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

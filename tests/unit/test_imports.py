"""Imports of the functions' source: only from lower layers, and only what Lambda provides."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE: Final = Path(__file__).parents[2] / "lambda_src"

# From the lowest layer up. A module may import from its own layer and lower ones.
LAYERS: Final = (
    "caching deadline environment errors json_values log losses outcome urlencoded",  # values
    "event json_body message policy record",  # reading a message
    "aws connections failures https nested_tls sdk_credentials signing tls",  # a request
    "newest pacing packing send_task sending splitting",  # a batch's requests
    "destinations",
    "batch_result dead_letters delivery ledger settings",  # settling a batch
    "destination_api handler",  # entry points
)


def imports(package: str) -> Iterator[tuple[str, str]]:
    """Yield each module of a package with each module that it imports, also for type checking."""
    for path in (SOURCE / package).rglob("*.py"):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                yield from ((module, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                within = node.module == package  # from gtm_events import record
                names = [f"{package}.{alias.name}" for alias in node.names]
                yield from ((module, name) for name in (names if within else [node.module]))


def part(module: str) -> str:
    """Return the module's name within its package: all destinations are one part."""
    return module.split(".")[1]


def test_the_layers_are_complete() -> None:
    layered = [name for layer in LAYERS for name in layer.split()]
    files = {path.stem for path in (SOURCE / "gtm_events").iterdir() if path.stem[0] != "_"}
    assert sorted(layered) == sorted(files)


def test_imports_go_downward() -> None:
    level = {name: number for number, layer in enumerate(LAYERS) for name in layer.split()}
    own = [
        (importer, imported)
        for importer, imported in imports("gtm_events")
        if imported.startswith("gtm_events.") and part(importer) != "__init__"
    ]
    assert len(own) > 100
    upward = [
        (importer, imported)
        for importer, imported in own
        if level[part(importer)] < level[part(imported)]
    ]
    assert upward == []


def test_a_destination_knows_of_no_other() -> None:
    shared = {"answers", "batching"}
    for importer, imported in imports("gtm_events"):
        if part(importer) == "destinations" and ".destinations." in imported:
            own = importer.split(".")[2]
            assert imported.split(".")[2] in {*shared, own}, importer


def test_the_functions_import_the_standard_library_and_the_sdk() -> None:
    for package in ("gtm_events", "gtm_token_authorizer"):
        found = {imported.partition(".")[0] for _, imported in imports(package)}
        assert found - set(sys.stdlib_module_names) == {package, "botocore"}

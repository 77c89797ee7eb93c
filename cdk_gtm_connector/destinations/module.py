"""Destinations' runtime modules: the code that delivers events, inside the function."""

from __future__ import annotations

import ast
import keyword
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.lambda_asset import EXCLUDED_NAMES, EXCLUDED_SUFFIXES, source_root
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import KNOWN, check_construct, is_deferred

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aws_cdk import aws_lambda as lambda_

RUNTIME_VERSION: Final = (3, 14)
"""The functions' Python runtime."""

FACTORY: Final = "create"
"""Name of the function in a module that returns its destination."""

_PACKAGE: Final = "gtm_events"
_BUILT_IN: Final = re.compile(r"[a-z]+(?:-[a-z]+)*", re.ASCII)
# Module names in Lambda's Python runtime, and of the packages that this library puts beside the
# module.
_TAKEN: Final = frozenset(
    {
        *("awslambdaric", "boto3", "botocore", "bootstrap", "dateutil", "jmespath", "s3transfer"),
        *("runtime_client", "simplejson", "six", "snapshot_restore_py", "urllib3"),
        *(_PACKAGE, "gtm_token_authorizer"),
        *("annotationlib", "compression"),  # in the standard library since 3.14
    }
)
# "250 MB for all uploaded contents, unzipped, including layers": Lambda quotas.
_MAX_BYTES: Final = 250 * 1024 * 1024
_ELF: Final = b"\x7fELF"
_MACHINE: Final = slice(18, 20)  # of an ELF header: the processor, little-endian
_ARM_64: Final = b"\xb7\x00"
_COMPILED: Final = frozenset({".dll", ".dylib", ".pyd", ".so"})


@named_props
@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationModule:
    """A Python module whose function ``create`` returns the code that delivers events.

    Synthesis reads the module without importing it, and refuses one that the function could not
    import. ``docs/own-destination.md`` describes the module's contract.

    Example:
        >>> DestinationModule(name="shop_webhook", directory=Path(__file__).parent / "runtime")

    Args:
        name: The module's dotted name, such as ``shop_webhook``. It must not be the name of a
            module of the standard library, the AWS SDK or this library.
        directory: Directory with ``shop_webhook.py`` or ``shop_webhook/__init__.py``. Its files,
            except compiled Python and hidden ones, are uploaded beside this library's code. At most
            250 MB; binaries must be for Lambda on arm64. Default: none, the module is in ``layer``.
        layer: Layer with the module, which synthesis cannot read. Default: none, the module is in
            ``directory``.

    Raises:
        PropError: A prop has a value that cannot work.
    """

    name: str
    directory: str | Path | None = None
    layer: lambda_.ILayerVersion | None = None

    def __post_init__(self) -> None:
        _check_name(self.name)
        if self.directory is None and self.layer is None:
            raise PropError("directory", "must be given, or layer", None)
        if self.directory is not None and self.layer is not None:
            problem = "must not be given with {layer}"
            raise PropError("directory", problem, self.directory, others={"layer": self.layer})
        if self.layer is not None:
            check_construct(
                "layer",
                self.layer,
                "ILayerVersion",
                ("layer_version_arn",),
                'LayerVersion.from_layer_version_arn(self, "Layer", arn)',
            )
        else:
            _check_directory(self.path, self.name)

    @property
    def path(self) -> Path:
        """The directory, for a module that is not in a layer."""
        if not isinstance(self.directory, str | Path) or not str(self.directory):
            raise PropError(
                "directory",
                'must be a path, such as Path(__file__).parent / "runtime"',
                self.directory,
            )
        return Path(self.directory)

    @property
    def entry_point(self) -> str:
        """The function's ``DESTINATION``."""
        return f"{self.name}:{FACTORY}"

    @property
    def beside(self) -> Path | None:
        """The directory whose files are uploaded beside the function's code; ``None`` for none."""
        return None if self.directory is None else self.path

    @property
    def layers(self) -> list[lambda_.ILayerVersion]:
        """The layers that the function needs for the module."""
        return [] if self.layer is None else [self.layer]

    @property
    def doubt(self) -> str | None:
        """Syntax error that the Python running here finds in the module; ``None`` for none.

        The function's Python is newer, and may accept the module.
        """
        if self.layer is not None:
            return None
        try:
            ast.parse(_file_of(self.path, self.name).read_bytes())
        except SyntaxError as error:
            return _fault(error)
        return None


@dataclass(frozen=True, slots=True)
class BuiltInModule:
    """A destination's module that is part of ``gtm_events``.

    Args:
        name: The module's name with ``-`` for ``_``, such as ``customer-profiles``.
    """

    name: str

    def __post_init__(self) -> None:
        if not (_BUILT_IN.fullmatch(self.name) and self.file.is_file()):
            raise FileNotFoundError(f"gtm_events has no destination {self.name}: {self.file}")

    @property
    def file(self) -> Path:
        """The module's file, or its package's ``__init__.py``."""
        directory = source_root() / _PACKAGE / "destinations"
        module = self.name.replace("-", "_")
        package = directory / module / "__init__.py"
        return package if package.is_file() else directory / f"{module}.py"

    @property
    def entry_point(self) -> str:
        """The function's ``DESTINATION``."""
        return self.name

    @property
    def beside(self) -> None:
        """None: the module is part of the function's own code."""

    @property
    def layers(self) -> None:
        """None."""

    @property
    def doubt(self) -> None:
        """None: it has been tested."""


def _check_name(name: object) -> None:
    problem = "must be a module's name, such as shop_webhook"
    if not isinstance(name, str):
        raise PropError("name", problem, name)
    if is_deferred(name):
        raise PropError("name", KNOWN, name)
    parts = name.split(".")
    if not all(part.isascii() and part.isidentifier() for part in parts) or any(
        keyword.iskeyword(part) for part in parts
    ):
        raise PropError("name", problem, name)
    if taken := _taken(parts[0]):
        raise PropError("name", f"must not be that of {taken}", name, "give it another name")


def _taken(name: str) -> str | None:
    """Return the kind of module that already has this top-level name, if any."""
    if name in _TAKEN:
        return "a module that the function has already"
    if name in sys.stdlib_module_names:
        return "a module of the standard library"
    return None


def _check_directory(directory: Path, name: str) -> None:
    if not directory.is_dir():
        problem = "must be a directory" if directory.exists() else "must be there"
        raise PropError("directory", problem, str(directory))
    module = _file_of(directory, name)
    for entry in sorted(directory.iterdir()):
        if entry.suffix in {"", ".py"} and (taken := _taken(entry.stem)):
            raise PropError(
                "directory",
                f"must not hold {entry.name}, which has the name of {taken}",
                str(directory),
                "give the file another name",
            )
    size = 0
    for file in uploaded_files(directory):
        size += file.stat().st_size
        if _COMPILED & set(file.suffixes):
            _check_compiled(directory, file)
    if size > _MAX_BYTES:
        raise PropError("directory", "must hold at most 250 MB, Lambda's quota", f"{size:,} bytes")
    _check_factory(module)


def uploaded_files(directory: Path) -> Iterator[Path]:
    """Yield the files of a directory that become part of the function."""
    for entry in sorted(directory.iterdir()):
        if entry.name.startswith(".") or entry.name in EXCLUDED_NAMES:
            continue
        if entry.is_dir():
            yield from uploaded_files(entry)
        elif entry.suffix not in EXCLUDED_SUFFIXES:
            yield entry


def _file_of(directory: Path, name: str) -> Path:
    at = directory.joinpath(*name.split("."))
    for file in (at / "__init__.py", at.with_name(f"{at.name}.py")):
        if file.is_file():
            return file
    file = at.relative_to(directory)
    raise PropError(
        "directory",
        f"must hold {file}.py or {file}/__init__.py for {{name}}",
        str(directory),
        others={"name": name},
    )


def _check_compiled(directory: Path, file: Path) -> None:
    """Require a compiled file to be for the function's processor and system."""
    with file.open("rb") as opened:
        header = opened.read(_MACHINE.stop)
    if not (header.startswith(_ELF) and header[_MACHINE] == _ARM_64):
        raise PropError(
            "directory",
            f"must hold no {file.relative_to(directory)} that is not compiled for Linux on arm64",
            str(directory),
            "install with pip install --platform manylinux2014_aarch64 --only-binary=:all: "
            "--target DIRECTORY",
        )


def _check_factory(module: Path) -> None:
    """Require a module that can be parsed and binds ``create``."""
    try:
        tree = ast.parse(module.read_bytes(), filename=str(module))
    except (SyntaxError, ValueError) as error:
        if _newer_than_this(error):
            return
        raise PropError(
            "directory", f"must hold a module that is Python ({_fault(error)})", str(module)
        ) from error
    found = {name: node for node in tree.body for name in _bound(node)}
    if FACTORY not in found and "*" not in found:
        raise PropError(
            "directory",
            f"must hold a module with a function {FACTORY}(environment)",
            str(module),
        )
    factory = found.get(FACTORY)
    if isinstance(factory, ast.AsyncFunctionDef) or (
        isinstance(factory, ast.FunctionDef) and not _takes_one(factory.args)
    ):
        raise PropError(
            "directory",
            f"must hold a module whose {FACTORY} is a function of one argument, the environment",
            str(module),
        )


def _newer_than_this(error: Exception) -> bool:
    """Return whether the function's Python is newer than this one, and may accept more syntax."""
    return isinstance(error, SyntaxError) and sys.version_info < RUNTIME_VERSION


def _fault(error: Exception) -> str:
    line = f", line {error.lineno}" if isinstance(error, SyntaxError) and error.lineno else ""
    return f"{error.args[0]}{line}"


def _bound(node: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module binds, ``*`` for any."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Import() | ast.ImportFrom():
            for alias in node.names:
                yield alias.asname or alias.name.partition(".")[0]
        case ast.Assign():
            yield from (each.id for target in node.targets for each in _names(target))
        case ast.AnnAssign() if node.value is not None:
            yield from (each.id for each in _names(node.target))
        case ast.If() | ast.Try() | ast.With():
            for part in ast.iter_child_nodes(node):
                for each in [part, *getattr(part, "body", [])]:
                    if isinstance(each, ast.stmt):
                        yield from _bound(each)


def _names(target: ast.expr) -> Iterator[ast.Name]:
    return (node for node in ast.walk(target) if isinstance(node, ast.Name))


def _takes_one(arguments: ast.arguments) -> bool:
    positional = [*arguments.posonlyargs, *arguments.args]
    needed = len(positional) - len(arguments.defaults)
    keywords = sum(default is None for default in arguments.kw_defaults)
    most = len(positional) if arguments.vararg is None else max(1, len(positional))
    return needed <= 1 <= most and not keywords

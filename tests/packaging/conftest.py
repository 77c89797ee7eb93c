"""Distributions, built and installed once."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

from tests.patience import HANG_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

CHECKOUT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a program of this environment, and return its output."""
    process = subprocess.run(  # noqa: S603 - no shell, and every caller names its program
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


@dataclass(frozen=True)
class Distributions:
    """The distributions from ``python -m build``, and the unpacked source distribution."""

    wheel: Path
    sdist: Path
    unpacked: Path


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout in which the function has run and left compiled files."""
    copy = tmp_path_factory.mktemp("checkout") / "project"
    ignored = shutil.ignore_patterns(
        ".venv", ".git", ".*_cache", ".hypothesis", ".local", "__pycache__", "node_modules",
        "build", "cdk.out", "dist",
    )  # fmt: skip
    shutil.copytree(CHECKOUT, copy, ignore=ignored)
    compile_source(copy / "lambda_src")
    compile_source(copy / "cdk_gtm_connector")
    return copy


def compile_source(directory: Path) -> None:
    """Create compiled files as running the code does."""
    run(sys.executable, "-m", "compileall", "-q", directory, cwd=directory)
    assert list(directory.rglob("*.pyc"))


@pytest.fixture(scope="session")
def distributions(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Distributions:
    """The source distribution, and the wheel built from it."""
    out = tmp_path_factory.mktemp("dist")
    # The pinned requirements include the build backend.
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, checkout, cwd=out)
    (wheel,) = out.glob("*.whl")
    (sdist,) = out.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(out, filter="data")
    return Distributions(wheel, sdist, out / sdist.name.removesuffix(".tar.gz"))


@dataclass(frozen=True)
class Installation:
    """A Python environment in which the wheel is installed."""

    python: Path
    site_packages: Path


@pytest.fixture(scope="session")
def installation(
    distributions: Distributions, tmp_path_factory: pytest.TempPathFactory
) -> Installation:
    """A clean environment with the wheel in it.

    The wheel's dependencies are not installed again, because aws-cdk-lib alone is 460 MB. A
    ``.pth`` file adds this environment's packages after those of the clean one.
    """
    directory = tmp_path_factory.mktemp("clean") / "venv"
    venv.create(directory, symlinks=True)
    python = directory / "bin" / "python"
    run(
        *(sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check"),
        *("install", "--quiet", "--no-deps", "--no-index", distributions.wheel),
        cwd=directory,
    )
    query = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site_packages = Path(run(python, "-c", query, cwd=directory).strip())
    lent = site_packages / "lent.pth"
    lent.write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return Installation(python, site_packages)


class Synthesizer:
    """A process that synthesizes apps, by ``synthesizer.py``.

    Args:
        python: The interpreter, and so the environment.
        umask: Of this process and of the Node that it starts.
    """

    def __init__(self, python: Path, *, umask: int = -1) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            [python, Path(__file__).with_name("synthesizer.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # What it compiled would lie beside the library.
            env={**os.environ, "CDK_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"},
            umask=umask,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # At the end of its input it ends by itself.
        self._process.communicate(timeout=HANG_SECONDS)

    def __call__(
        self,
        app: Path,
        outdir: Path,
        *,
        library: Path | None = None,
        function: bool = False,
        context: Mapping[str, object] | None = None,
    ) -> Path:
        """Synthesize an app; return the file of the library that did it. See ``Job``."""
        job = {
            "app": str(app),
            "outdir": str(outdir),
            "context": dict(context or {}),
            "library": str(library or ""),
            "function": function,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"it ended with status {self._process.wait(HANG_SECONDS)}"
        return Path(json.loads(answer)["library"])


@pytest.fixture(scope="session")
def with_wheel(installation: Installation) -> Iterator[Synthesizer]:
    """A process in the clean environment that has the wheel."""
    with Synthesizer(installation.python) as synthesizer:
        yield synthesizer


@pytest.fixture(scope="session")
def with_copies() -> Iterator[Synthesizer]:
    """A process for copies of the library, whose new files nobody else may read."""
    with Synthesizer(Path(sys.executable), umask=0o077) as synthesizer:
        yield synthesizer


@dataclass(frozen=True)
class Synthesis:
    """The result of an importing app.

    Attributes:
        library: Path from which the library was imported.
        template: The synthesized template.
        template_after_running: The template after the function's code has run from there.
    """

    library: Path
    template: Mapping[str, object]
    template_after_running: Mapping[str, object]


@pytest.fixture(scope="session")
def example() -> str:
    """The first complete example in README."""
    return CHECKOUT.joinpath("examples", "shop.py").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def syntheses(
    *,
    example: str,
    distributions: Distributions,
    checkout: Path,
    with_wheel: Synthesizer,
    with_copies: Synthesizer,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Synthesis]:
    """README's example, synthesized with the library from three places."""

    def synthesis(name: str, synthesizer: Synthesizer, library: Path | None) -> Synthesis:
        elsewhere = tmp_path_factory.mktemp(f"importing_from_{name}")
        app = elsewhere / "app.py"
        app.write_text(example, encoding="utf-8")
        imported = synthesizer(app, elsewhere / "before", library=library)
        synthesizer(app, elsewhere / "after", library=library, function=True)
        before, after = (
            json.loads((elsewhere / out / "Shop.template.json").read_text(encoding="utf-8"))
            for out in ("before", "after")
        )
        return Synthesis(imported, before, after)

    return {
        "wheel": synthesis("wheel", with_wheel, None),
        "sdist": synthesis("sdist", with_copies, distributions.unpacked),
        "checkout": synthesis("checkout", with_copies, checkout),
    }

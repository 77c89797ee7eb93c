"""Templates that many tests read, each synthesized once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import aws_cdk as cdk
import pytest

import app
from tests.infrastructure.synthesis import APPLICATION_ID, Template, add_connector, synthesize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Deployable:
    """What ``app.py`` made of a context: what ``cdk deploy`` would deploy.

    Attributes:
        outdir: Where the cloud assembly is.
        error: What stopped the synthesis. The template is written all the same.
    """

    outdir: Path
    error: RuntimeError | None

    @property
    def template(self) -> Template:
        """The template."""
        return Template.read(self.outdir, "GtmConnector")

    @property
    def violated(self) -> set[str]:
        """The rules of cdk-nag's AwsSolutions pack that are violated and not acknowledged."""
        return {violation["ruleName"] for violation in self._nag["violations"]}

    @property
    def acknowledged(self) -> list[Mapping[str, Any]]:
        """The violations that are acknowledged, as cdk-nag reports them."""
        return list(self._nag["suppressedViolations"])

    @property
    def _nag(self) -> Mapping[str, Any]:
        path = self.outdir / "validation-report.json"
        reports = json.loads(path.read_text(encoding="utf-8"))["pluginReports"]
        (report,) = (report for report in reports if report["pluginName"] == "AwsSolutions")
        return dict(report)


class RunApp(Protocol):
    """Runs ``app.py`` in this process."""

    def __call__(self, outdir: Path, **context: Any) -> Deployable:
        """Return what became of ``context``, which needs no ``pinpoint_app_id`` here."""
        ...


@pytest.fixture(scope="session")
def run_app() -> RunApp:
    """``app.py`` itself, without a process of its own, which would start another Node."""

    def run(outdir: Path, **context: Any) -> Deployable:
        context = {"pinpoint_app_id": APPLICATION_ID, **context}
        prepared = cdk.App(outdir=str(outdir), context=context)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cdk, "App", lambda: prepared)
            try:
                app.main()
            except RuntimeError as error:
                return Deployable(outdir, error)
        return Deployable(outdir, None)

    return run


@pytest.fixture(scope="session")
def deployable(run_app: RunApp, tmp_path_factory: pytest.TempPathFactory) -> Deployable:
    """``app.py`` with nothing but the setting it needs."""
    return run_app(tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="session")
def template(deployable: Deployable) -> Template:
    """The template of the deployable app, all settings at their defaults."""
    return deployable.template


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template of somebody else's stack that holds a connector with all defaults."""
    return synthesize(tmp_path_factory.mktemp("imported"), {"Theirs": add_connector})["Theirs"]


@pytest.fixture(scope="session")
def with_role(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A stack whose connector creates the role."""
    outdir = tmp_path_factory.mktemp("with_role")
    return synthesize(outdir, {"S": lambda s: add_connector(s, cloud_watch_role=True)})["S"]


class Synthesize(Protocol):
    """:func:`synthesize` into a directory of the test's own."""

    def __call__(
        self,
        build: Callable[[cdk.Stack], object],
        *,
        context: Mapping[str, Any] | None = None,
        env: cdk.Environment | None = None,
    ) -> Template:
        """Return the template of one stack, called ``Theirs``, that ``build`` fills."""
        ...


@pytest.fixture
def synthesized(tmp_path_factory: pytest.TempPathFactory) -> Synthesize:
    """Synthesize one stack for one test."""

    def run(
        build: Callable[[cdk.Stack], object],
        *,
        context: Mapping[str, Any] | None = None,
        env: cdk.Environment | None = None,
    ) -> Template:
        outdir = tmp_path_factory.mktemp("synthesized")
        return synthesize(outdir, {"Theirs": build}, context=context, env=env)["Theirs"]

    return run

"""Fixtures with templates for many tests, each synthesized once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import aws_cdk as cdk
import pytest
from aws_cdk import aws_secretsmanager as secretsmanager
from cdk_nag import AwsSolutionsChecks

import app
import cdk_gtm_connector
from cdk_gtm_connector import GtmConnector, SignedTokenAuthorizer
from stacks import nag
from tests.infrastructure.options import DESTINATIONS, MONITORED, OPTIONS, SETTINGS
from tests.infrastructure.synthesis import (
    APPLICATION_ID,
    Template,
    add_connector,
    own_warnings,
    synthesize,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_CHECKOUT = Path(__file__).parents[2]
GUIDES = {
    str(path.relative_to(_CHECKOUT)): path.read_text(encoding="utf-8")
    for path in (_CHECKOUT / "README.md", *sorted(_CHECKOUT.joinpath("docs").glob("*.md")))
}
EXAMPLES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted(_CHECKOUT.joinpath("examples").glob("*.py"))
}


@dataclass(frozen=True)
class Deployable:
    """A stack as ``cdk deploy`` would deploy it, with cdk-nag's findings.

    Attributes:
        outdir: Directory of the cloud assembly.
        error: The error that stopped the synthesis, which still writes the template.
        stack: The stack's name.
    """

    outdir: Path
    error: RuntimeError | None
    stack: str = "GtmConnector"

    @cached_property
    def template(self) -> Template:
        """The template."""
        return Template.read(self.outdir, self.stack)

    @property
    def violated(self) -> set[str]:
        """The rules of cdk-nag's AwsSolutions pack that are violated and not acknowledged."""
        return {violation["ruleName"] for violation in self._reported("violations")}

    @property
    def acknowledged(self) -> list[Mapping[str, Any]]:
        """The violations that are acknowledged, as cdk-nag reports them."""
        return self._reported("suppressedViolations")

    @property
    def warnings(self) -> dict[str, str]:
        """This library's warnings, by the id that acknowledges them."""
        path = self.outdir / f"{self.stack}.metadata.json"
        metadata: dict[str, list[dict[str, Any]]] = (
            json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        )
        return own_warnings(
            entry["data"]
            for entries in metadata.values()
            for entry in entries
            if entry["type"] == "aws:cdk:warning"
        )

    def _reported(self, kind: str) -> list[Mapping[str, Any]]:
        path = self.outdir / "validation-report.json"
        reports = json.loads(path.read_text(encoding="utf-8"))["pluginReports"]
        (report,) = (report for report in reports if report["pluginName"] == "AwsSolutions")
        reported: list[Mapping[str, Any]] = []
        for violation in report[kind]:
            # One entry has a rule's violations in all stacks.
            constructs = [
                construct
                for construct in violation["violatingConstructs"]
                if construct["constructPath"].startswith(f"{self.stack}/")
            ]
            if constructs:
                reported.append({**violation, "violatingConstructs": constructs})
        return reported


class RunApp(Protocol):
    """A runner of ``app.py`` in this process."""

    def __call__(self, outdir: Path, **context: Any) -> Deployable:
        """Return the stack for ``context``, to which ``pinpoint_app_id`` is added."""
        ...


@pytest.fixture(scope="session")
def run_app() -> RunApp:
    """A runner of ``app.py`` in this process, because another one would start another Node.js."""

    def run(outdir: Path, **context: Any) -> Deployable:
        if "pinpoint" in context.get("destination", "pinpoint"):
            context = {"pinpoint_app_id": APPLICATION_ID, **context}
        context = {"cdk_nag": "true", **context}
        prepared = cdk.App(outdir=str(outdir), context=context)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cdk, "App", lambda: prepared)
            patch.setenv("CDK_DEFAULT_REGION", "us-east-1")  # the command line says it
            try:
                app.main()
            except RuntimeError as error:
                return Deployable(outdir, error)
        return Deployable(outdir, None)

    return run


def _check(
    outdir: Path, builders: Mapping[str, Callable[[cdk.Stack], GtmConnector]]
) -> dict[str, Deployable]:
    """Synthesize stacks in one app, with the deployable app's acknowledgments."""
    checked = cdk.App(outdir=str(outdir))
    for name, build in builders.items():
        stack = cdk.Stack(checked, name)
        nag.acknowledge(build(stack))
        token = stack.node.try_find_child("Token")
        if isinstance(token, SignedTokenAuthorizer):
            nag.acknowledge_token(token)
    cdk.Validations.of(checked).add_plugins(AwsSolutionsChecks(checked))
    error = _synth(checked)
    return {name: Deployable(outdir, error, name) for name in builders}


@pytest.fixture(scope="session")
def options(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deployable]:
    """Each of ``OPTIONS``."""
    return _check(tmp_path_factory.mktemp("options"), OPTIONS)


@pytest.fixture(scope="session")
def destinations(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deployable]:
    """Each of ``DESTINATIONS``."""
    return _check(tmp_path_factory.mktemp("destinations"), DESTINATIONS)


@pytest.fixture(scope="session")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deployable]:
    """Each of ``MONITORED``."""
    return _check(tmp_path_factory.mktemp("monitored"), MONITORED)


@pytest.fixture(scope="session")
def settings(run_app: RunApp, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Deployable]:
    """``app.py`` with each of ``SETTINGS``."""
    return {
        name: run_app(tmp_path_factory.mktemp("settings"), **context)
        for name, context in SETTINGS.items()
    }


class RunExample(Protocol):
    """A runner of apps in ``examples/`` with cdk-nag."""

    def __call__(self, outdir: Path, code: str) -> Deployable:
        """Return its stack ``Shop``, with the deployable app's acknowledgments."""
        ...


@pytest.fixture(scope="session")
def run_example() -> RunExample:
    """The apps themselves."""

    def run(outdir: Path, code: str) -> Deployable:
        prepared = cdk.App(outdir=str(outdir))
        connectors: list[GtmConnector] = []
        tokens: list[SignedTokenAuthorizer] = []

        def connector(*args: Any, **kwargs: Any) -> GtmConnector:
            connectors.append(GtmConnector(*args, **kwargs))
            return connectors[-1]

        def token(*args: Any, **kwargs: Any) -> SignedTokenAuthorizer:
            tokens.append(SignedTokenAuthorizer(*args, **kwargs))
            return tokens[-1]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cdk, "App", lambda: prepared)
            patch.setattr(cdk_gtm_connector, "GtmConnector", connector)
            patch.setattr(cdk_gtm_connector, "SignedTokenAuthorizer", token)
            synthesized = []
            patch.setattr(prepared, "synth", lambda: synthesized.append(prepared), raising=True)
            # An example reads files beside its own.
            names = {"__name__": "__main__", "__file__": str(_CHECKOUT / "examples" / "app.py")}
            exec(compile(code, "example", "exec"), names)  # noqa: S102 - ours
            assert synthesized == [prepared]
        assert connectors
        for made in connectors:
            nag.acknowledge(made)
        for made_token in tokens:
            nag.acknowledge_token(made_token)
        for secret in prepared.node.find_all():
            if isinstance(secret, secretsmanager.Secret):
                nag.acknowledge_key(secret)
        cdk.Validations.of(prepared).add_plugins(AwsSolutionsChecks(prepared))
        return Deployable(outdir, _synth(prepared), "Shop")

    return run


@pytest.fixture(scope="session")
def examples(
    run_example: RunExample, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Deployable]:
    """Each of ``EXAMPLES``."""
    return {
        name: run_example(tmp_path_factory.mktemp("example"), code)
        for name, code in EXAMPLES.items()
    }


def _synth(checked: cdk.App) -> RuntimeError | None:
    try:
        checked.synth()
    except RuntimeError as error:
        return error
    return None


@pytest.fixture(scope="session")
def deployable(run_app: RunApp, tmp_path_factory: pytest.TempPathFactory) -> Deployable:
    """``app.py`` with only the required setting."""
    return run_app(tmp_path_factory.mktemp("app"))


@pytest.fixture(scope="session")
def template(deployable: Deployable) -> Template:
    """The template of the deployable app, all settings at their defaults."""
    return deployable.template


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """The template of a user's own stack with a connector with all defaults."""
    return synthesize(tmp_path_factory.mktemp("imported"), {"Theirs": add_connector})["Theirs"]


@pytest.fixture(scope="session")
def with_role(tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A stack whose connector creates the role."""
    outdir = tmp_path_factory.mktemp("with_role")
    return synthesize(outdir, {"S": lambda s: add_connector(s, cloud_watch_role=True)})["S"]


class Synthesize(Protocol):
    """:func:`synthesize` into the test's own directory."""

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

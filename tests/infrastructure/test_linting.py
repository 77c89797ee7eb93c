"""cfn-lint and cdk-nag on what would be deployed."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING

import pytest
from cfnlint.config import ConfigMixIn  # type: ignore[import-untyped]
from cfnlint.decode import decode  # type: ignore[import-untyped]
from cfnlint.runner import Runner  # type: ignore[import-untyped]

from stacks import nag
from tests.infrastructure.conftest import EXAMPLES, GUIDES
from tests.infrastructure.options import DESTINATIONS, OPTIONS, SETTINGS

if TYPE_CHECKING:
    from pathlib import Path

    from constructs import IConstruct

    from tests.infrastructure.conftest import Deployable, RunApp
    from tests.infrastructure.synthesis import Template


@cache
def _linter() -> Runner:
    """Return cfn-lint, in this process: to start, and to load its rules, takes it a second."""
    # aws-cdk-lib writes every string that holds a reference with Fn::Join.
    return Runner(ConfigMixIn(include_checks=["I"], ignore_checks=["I1022"]))


def lint(template: Path) -> list[tuple[str, str]]:
    """Return cfn-lint's findings on a template of aws-cdk-lib's, as (rule, message)."""
    document, errors = decode(str(template))
    assert not errors
    findings = [(match.rule.id, match.message) for match in _linter().validate_template(document)]
    return [finding for finding in findings if not _is_the_functions_role(*finding)]


def _is_the_functions_role(rule: str, message: str) -> bool:
    # aws-cdk-lib makes every function, and every state machine, depend on its role, which it refers
    # to anyway.
    at = r" by a 'GetAtt' at '\S+/Properties/Role(Arn)?'$"
    return rule == "W3005" and bool(re.search(at, message))


class TestCfnLint:
    """CloudFormation's linter, warnings and hints included."""

    def test_it_finds_nothing(self, template: Template, with_role: Template) -> None:
        assert lint(template.path) == []
        assert lint(with_role.path) == []

    @pytest.mark.parametrize("name", OPTIONS)
    def test_nor_with_other_options(self, options: dict[str, Deployable], name: str) -> None:
        assert lint(options[name].template.path) == []

    @pytest.mark.parametrize("name", DESTINATIONS)
    def test_nor_with_other_destinations(
        self, destinations: dict[str, Deployable], name: str
    ) -> None:
        assert lint(destinations[name].template.path) == []

    @pytest.mark.parametrize("name", SETTINGS)
    def test_nor_with_other_settings(self, settings: dict[str, Deployable], name: str) -> None:
        assert lint(settings[name].template.path) == []

    @pytest.mark.parametrize("name", EXAMPLES)
    def test_nor_in_an_example(self, examples: dict[str, Deployable], name: str) -> None:
        assert lint(examples[name].template.path) == []

    def test_it_would_find_something(self, template: Template, tmp_path: Path) -> None:
        broken = json.loads(json.dumps(template.document))
        broken["Resources"][template.function.logical_id]["Properties"]["MemorySize"] = 64
        broken["Resources"][template.queue.logical_id]["DependsOn"] = [
            template.dead_letter_queue.logical_id
        ]
        path = tmp_path / "broken.json"
        path.write_text(json.dumps(broken), encoding="utf-8")
        assert sorted(rule for rule, _ in lint(path)) == ["E3034", "W3005"]


class TestCdkNag:
    """cdk-nag's AwsSolutions pack, which ``app.py`` itself runs with the setting ``cdk_nag``."""

    def test_nothing_is_violated_that_is_not_acknowledged(self, deployable: Deployable) -> None:
        assert deployable.violated == set()
        assert deployable.error is None

    def test_it_is_run_only_when_it_is_asked_for(
        self, run_app: RunApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(nag, "acknowledge", lambda _connector: None)
        unchecked = run_app(tmp_path, cdk_nag="false")
        assert unchecked.error is None
        path = tmp_path / "validation-report.json"
        # There is none if nothing is run at all, not even aws-cdk-lib's own validation.
        reports = json.loads(path.read_text("utf-8"))["pluginReports"] if path.exists() else []
        assert "AwsSolutions" not in {plugin["pluginName"] for plugin in reports}

    def test_it_would_stop_the_synthesis(
        self, run_app: RunApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(nag, "acknowledge", lambda _connector: None)
        unacknowledged = run_app(tmp_path)
        assert "ValidationFailed" in str(unacknowledged.error)
        assert unacknowledged.violated >= {
            "AwsSolutions-APIG4",
            "AwsSolutions-APIG6",
            "AwsSolutions-COG4",
            "AwsSolutions-IAM5[Resource::*]",
        }

    @pytest.mark.parametrize("name", OPTIONS)
    def test_no_option_violates_more(self, options: dict[str, Deployable], name: str) -> None:
        assert options[name].acknowledged  # so it was looked at
        assert options[name].violated == set()
        assert options[name].error is None

    @pytest.mark.parametrize("name", DESTINATIONS)
    def test_no_destination_violates_more(
        self, destinations: dict[str, Deployable], name: str
    ) -> None:
        assert destinations[name].acknowledged  # so it was looked at
        assert destinations[name].violated == set()
        assert destinations[name].error is None

    @pytest.mark.parametrize("name", SETTINGS)
    def test_no_setting_stops_the_deployment(
        self, settings: dict[str, Deployable], name: str
    ) -> None:
        assert settings[name].violated == set()
        assert settings[name].error is None

    @pytest.mark.parametrize("name", EXAMPLES)
    def test_nothing_is_violated_in_an_example(
        self, examples: dict[str, Deployable], name: str
    ) -> None:
        assert examples[name].violated == set()
        assert examples[name].error is None

    def test_each_acknowledgement_is_where_the_violation_is(
        self, deployable: Deployable, settings: dict[str, Deployable]
    ) -> None:
        for checked in (deployable, *settings.values()):
            assert checked.acknowledged
            for violation in checked.acknowledged:
                (construct,) = violation["violatingConstructs"]
                assert construct["constructPath"] == f"{violation['acknowledgedAt']}/Resource"

    def test_each_acknowledgement_has_its_reason(self, settings: dict[str, Deployable]) -> None:
        for violation in settings["everything"].acknowledged:
            reason = violation["reason"]
            assert len(reason.split()) > 7, violation["ruleName"]
            assert reason.endswith("."), violation["ruleName"]

    @pytest.mark.parametrize("name", ["nothing", *SETTINGS])
    def test_no_acknowledgement_is_left_over(
        self, run_app: RunApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        # One whose violation is gone would hide the next.
        given = []
        acknowledge = nag._acknowledge

        def note(construct: IConstruct, rule: str, reason: str) -> None:
            given.append((construct.node.path, f"AwsSolutions-{rule}"))
            acknowledge(construct, rule, reason)

        monkeypatch.setattr(nag, "_acknowledge", note)
        acknowledged = run_app(tmp_path, **SETTINGS.get(name, {})).acknowledged
        assert sorted(given) == sorted(
            (violation["acknowledgedAt"], violation["ruleName"]) for violation in acknowledged
        )


class TestExamples:
    """The apps in ``examples/``, and what the guides show of them."""

    def test_a_guide_shows_an_example_as_it_is(self) -> None:
        shown = 0
        for guide, text in GUIDES.items():
            for name, code in re.findall(
                r"^<!-- example: examples/(\w+)\.py -->\n```python\n(.*?)^```$",
                text,
                re.DOTALL | re.MULTILINE,
            ):
                _docstring, _, body = EXAMPLES[name].partition('"""\n\n')
                assert code == body, f"copy examples/{name}.py, all but its docstring, into {guide}"
                shown += 1
            # What synthesizes is an app; other Python there is a server's, or a part of an app.
            complete = re.findall(r"^app\.synth\(\)$", text, re.MULTILINE)
            assert len(complete) == len(re.findall("^<!-- example: ", text, re.MULTILINE))
        assert shown >= 7

    @pytest.mark.parametrize("name", EXAMPLES)
    def test_an_example_says_what_it_is(self, name: str) -> None:
        docstring, _, _ = EXAMPLES[name].removeprefix('"""').partition('"""')
        assert re.fullmatch(r"[A-Z][^.]{20,}\.", docstring.splitlines()[0])

    @pytest.mark.parametrize("name", EXAMPLES)
    def test_nobody_who_copies_one_is_warned(
        self, examples: dict[str, Deployable], name: str
    ) -> None:
        assert examples[name].warnings == {}

    def test_nor_who_copies_a_command_line(self, run_app: RunApp, tmp_path: Path) -> None:
        commands = re.findall(r'make deploy\s+CONTEXT="([^"]*)"', "".join(GUIDES.values()))
        complete = [command for command in commands if "…" not in command]
        assert len(complete) >= 6
        for number, command in enumerate(complete):
            settings = dict(setting.split("=", 1) for setting in command.replace("\\", " ").split())
            deployable = run_app(tmp_path / str(number), **settings)
            assert deployable.error is None
            assert deployable.violated == set()
            assert deployable.warnings == {}, command

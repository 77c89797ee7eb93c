"""cfn-lint and cdk-nag on what would be deployed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stacks import nag

if TYPE_CHECKING:
    from constructs import IConstruct

    from tests.infrastructure.conftest import Deployable, RunApp
    from tests.infrastructure.synthesis import Template


def lint(*paths: Path) -> list[tuple[str, str]]:
    """Return cfn-lint's findings on templates of aws-cdk-lib's, as (rule, message)."""
    run = subprocess.run(  # noqa: S603 - our own environment's program
        [
            str(Path(sys.executable).with_name("cfn-lint")),
            *("--format", "json"),
            *("--include-checks", "I"),
            # aws-cdk-lib writes every string that holds a reference with Fn::Join.
            *("--ignore-checks", "I1022"),
            *("--", *map(str, paths)),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    findings: list[dict[str, Any]] = json.loads(run.stdout)
    assert (run.returncode == 0) == (not findings), run.stderr
    return [
        (finding["Rule"]["Id"], finding["Message"])
        for finding in findings
        if not _is_the_functions_role(finding)
    ]


def _is_the_functions_role(finding: dict[str, Any]) -> bool:
    # aws-cdk-lib makes every function depend on its role, which it refers to anyway.
    rule, message = finding["Rule"]["Id"], finding["Message"]
    return rule == "W3005" and bool(re.search(r" by a 'GetAtt' at '\S+/Properties/Role'$", message))


class TestCfnLint:
    """CloudFormation's linter, warnings and hints included."""

    def test_it_finds_nothing(self, template: Template, with_role: Template) -> None:
        assert lint(template.path, with_role.path) == []

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
    """cdk-nag's AwsSolutions pack, which ``app.py`` itself runs."""

    def test_nothing_is_violated_that_is_not_acknowledged(self, deployable: Deployable) -> None:
        assert deployable.violated == set()
        assert deployable.error is None

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

    def test_each_acknowledgement_is_where_the_violation_is(self, deployable: Deployable) -> None:
        assert deployable.acknowledged
        for violation in deployable.acknowledged:
            (construct,) = violation["violatingConstructs"]
            assert construct["constructPath"] == f"{violation['acknowledgedAt']}/Resource"

    def test_each_acknowledgement_has_its_reason(self, deployable: Deployable) -> None:
        for violation in deployable.acknowledged:
            reason = violation["reason"]
            assert len(reason.split()) > 7, violation["ruleName"]
            assert reason.endswith("."), violation["ruleName"]

    def test_no_acknowledgement_is_left_over(
        self, run_app: RunApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # One whose violation is gone would hide the next.
        given = []
        acknowledge = nag._acknowledge

        def note(construct: IConstruct, rule: str, reason: str) -> None:
            given.append((construct.node.path, f"AwsSolutions-{rule}"))
            acknowledge(construct, rule, reason)

        monkeypatch.setattr(nag, "_acknowledge", note)
        acknowledged = run_app(tmp_path).acknowledged
        assert sorted(given) == sorted(
            (violation["acknowledgedAt"], violation["ruleName"]) for violation in acknowledged
        )

    @pytest.mark.parametrize(
        "settings",
        [
            {"cloud_watch_role": "true"},  # an account's first API needs it
            {"anonymous_user_attributes": "*", "accept_client_timestamp": "true"},
            {"batch_size": "10", "max_batching_window": "0", "timeout": "900"},
        ],
        ids=",".join,
    )
    def test_no_setting_stops_the_deployment(
        self, run_app: RunApp, tmp_path: Path, settings: dict[str, str]
    ) -> None:
        deployable = run_app(tmp_path, **settings)
        assert deployable.violated == set()
        assert deployable.error is None

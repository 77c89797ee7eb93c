"""Settings of the deployable app: what ``cdk deploy -c`` and ``cdk.json`` may say."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_gtm_connector import GtmConnector
from stacks.connector_stack import ConnectorStack
from stacks.settings import SettingError, Settings
from tests.infrastructure.synthesis import APPLICATION_ID, Template

CHECKOUT = Path(__file__).parents[2]

# Setting, as the command line gives it, as cdk.json gives it, what it becomes in the template.
TAKEN: list[tuple[str, str, Any, object]] = [
    ("pinpoint_app_id", APPLICATION_ID, APPLICATION_ID, ("pinpoint", APPLICATION_ID)),
    ("anonymous_user_attributes", "plan, city", ["plan", "city"], ["city", "plan"]),
    ("accept_client_timestamp", "true", True, "true"),
    ("batch_size", "100", 100, 100),
    ("max_batching_window", "20", 20, 20),
    ("max_concurrency", "5", 5, 5),
    ("memory_size", "1024", 1024, 1024),
    ("timeout", "120", 120, 120),
    ("max_receive_count", "3", 3, 3),
    ("message_retention", "2", 2, 2 * 24 * 60 * 60),
    ("log_retention", "365", 365, 365),
    ("cloud_watch_role", "true", True, True),
]

MALFORMED: list[tuple[str, Any]] = [
    ("pinpoint_app_id", None),
    ("pinpoint_app_id", ""),
    ("pinpoint_app_id", "  "),
    ("pinpoint_app_id", "*"),
    ("pinpoint_app_id", "<your id>"),
    ("pinpoint_app_id", "apps/abc"),
    ("pinpoint_app_id", "x" * 65),
    ("pinpoint_app_id", "a\nb"),
    ("pinpoint_app_id", ["abc"]),
    ("pinpoint_app_id", True),
    ("anonymous_user_attributes", "plan,,city"),
    ("anonymous_user_attributes", ["plan", ""]),
    ("anonymous_user_attributes", ["plan", 1]),
    ("anonymous_user_attributes", {"plan": True}),
    ("anonymous_user_attributes", True),
    ("anonymous_user_attributes", ["*"]),
    ("anonymous_user_attributes", "plan,*"),
    ("anonymous_user_attributes", "n" * 51),
    ("accept_client_timestamp", "yes"),
    ("accept_client_timestamp", "True"),
    ("accept_client_timestamp", 1),
    ("accept_client_timestamp", ""),
    ("batch_size", "ten"),
    ("batch_size", ""),
    ("batch_size", "10.0"),
    ("batch_size", "-1"),
    ("batch_size", "1_000"),
    ("batch_size", "\u0663"),  # a digit to str.isdigit
    ("batch_size", 10.5),
    ("batch_size", True),
    ("batch_size", [10]),
    ("batch_size", 0),
    ("batch_size", 10001),
    ("max_batching_window", "5s"),
    ("max_batching_window", 301),
    ("max_batching_window", 0),
    ("max_concurrency", "many"),
    ("max_concurrency", 1),
    ("memory_size", "1GB"),
    ("memory_size", 64),
    ("timeout", "1m"),
    ("timeout", 10),
    ("max_receive_count", "never"),
    ("max_receive_count", 0),
    ("message_retention", "a week"),
    ("message_retention", 0),
    ("message_retention", 14),
    ("log_retention", "one week"),
    ("log_retention", 8),
    ("cloud_watch_role", "maybe"),
]


def read(**context: Any) -> Settings:
    """Read settings from context, together with the one that is always needed."""
    app = cdk.App(context={"pinpoint_app_id": APPLICATION_ID, **context})
    return Settings.from_context(app.node)


def deploy(outdir: Path, **context: Any) -> Template:
    """Synthesize the deployable stack as ``context`` says."""
    app = cdk.App(outdir=str(outdir), context={"pinpoint_app_id": APPLICATION_ID, **context})
    ConnectorStack(app, "GtmConnector", settings=Settings.from_context(app.node))
    app.synth(skip_validation=True)
    return Template.read(outdir, "GtmConnector")


def assert_tells_what_to_do(message: str, setting: str) -> None:
    """Assert that ``message`` is one sentence that says how to set ``setting``."""
    assert message.startswith(f"setting {setting} ")
    assert f"-c {setting}=" in message
    assert "cdk.json" in message
    assert "\n" not in message
    assert not re.search(r"[.;!?] [A-Z]", message)


class TestTaken:
    """What a setting takes."""

    def test_the_table_covers_every_setting(self) -> None:
        assert {case[0] for case in TAKEN} == {field.name for field in fields(Settings)}
        assert {setting for setting, _ in MALFORMED} == {case[0] for case in TAKEN}

    def test_every_prop_is_a_setting(self) -> None:
        props = set(inspect.signature(GtmConnector.__init__).parameters)
        props -= {"self", "scope", "construct_id"}
        settings = {field.name for field in fields(Settings)}
        assert props - {"destination"} == settings - {"pinpoint_app_id"}

    @pytest.mark.parametrize("source", ["command line", "cdk.json"])
    def test_every_setting_reaches_the_template(self, tmp_path: Path, source: str) -> None:
        from_command_line = source == "command line"
        context = {case[0]: case[1] if from_command_line else case[2] for case in TAKEN}
        expected = {case[0]: case[3] for case in TAKEN}
        expected["destination"] = expected.pop("pinpoint_app_id")
        assert deploy(tmp_path, **context).props == expected

    def test_readme_tells_every_setting_and_its_default(
        self, tmp_path: Path, imported: Template
    ) -> None:
        readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
        _, _, section = readme.partition("\n### Settings\n")
        table, _, _ = section.partition("\n#")
        told = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", table, re.MULTILINE))
        assert told.keys() == {field.name for field in fields(Settings)}
        assert told.pop("pinpoint_app_id") == "required"
        assert told.pop("anonymous_user_attributes") == "none"
        defaults = {name: default.strip("`") for name, default in told.items()}
        assert deploy(tmp_path, **defaults).props == imported.props

    def test_what_is_not_set_is_left_to_the_construct(self) -> None:
        assert read().props() == {}

    @pytest.mark.parametrize(
        ("value", "names"),
        [
            ("*", "*"),
            (" * ", "*"),
            ("plan", ["plan"]),
            ("", []),
            (" ", []),
            ([], []),
            ([" plan "], ["plan"]),
        ],
    )
    def test_anonymous_user_attributes(self, value: object, names: object) -> None:
        assert read(anonymous_user_attributes=value).anonymous_user_attributes == names

    @pytest.mark.parametrize("value", ["false", False])
    def test_false_is_not_true(self, value: object) -> None:
        assert read(accept_client_timestamp=value).accept_client_timestamp is False
        assert read(cloud_watch_role=value).cloud_watch_role is False

    def test_space_around_the_application_id_is_no_part_of_it(self) -> None:
        assert read(pinpoint_app_id=" abc ").pinpoint_app_id == "abc"


class TestMalformed:
    """What stops the synthesis, in one sentence that says what to do."""

    @pytest.mark.parametrize(("setting", "value"), MALFORMED)
    def test_the_sentence_names_setting_value_and_remedy(
        self, tmp_path: Path, setting: str, value: object
    ) -> None:
        with pytest.raises(SettingError) as caught:
            deploy(tmp_path, **{setting: value})
        message = str(caught.value)
        assert_tells_what_to_do(message, setting)
        shown = "it is not set" if value is None else f"got {_shown(value)}"
        assert shown in message.replace("10,001", "10001")

    @pytest.mark.parametrize(
        ("key", "meant"),
        [
            ("pinpoint_app_ids", "pinpoint_app_id"),
            ("pinpoint-app-id", "pinpoint_app_id"),
            ("anonymous_user_attribute", "anonymous_user_attributes"),
            ("anonymous_attributes", "anonymous_user_attributes"),
            ("acceptClientTimestamp", "accept_client_timestamp"),
            ("memorySize", "memory_size"),
            ("Timeout", "timeout"),
        ],
    )
    def test_a_misspelt_key_is_not_ignored(self, key: str, meant: str) -> None:
        with pytest.raises(SettingError, match="misspelt") as caught:
            read(**{key: "1"})
        assert_tells_what_to_do(str(caught.value), meant)
        assert repr(key) in str(caught.value)

    @pytest.mark.parametrize(
        "key", ["@aws-cdk/core:timeout", "availability-zones:account=1", "owner", "cost_center"]
    )
    def test_other_context_is_other_peoples(self, key: str) -> None:
        assert read(**{key: "1"}).props() == {}

    def test_the_app_says_it_in_one_line(self) -> None:
        node = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True)  # noqa: S607 - jsii takes it from PATH too
        environment = {
            **os.environ,
            # jsii's banner is not ours to count.
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": node.stdout[1:].partition(".")[0],
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
            "CDK_CONTEXT_JSON": "{}",
        }
        app = subprocess.run(
            [sys.executable, "app.py"],
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert app.returncode == 1
        assert app.stdout == ""
        (line,) = app.stderr.splitlines()
        assert line.startswith("error: ")
        assert_tells_what_to_do(line.removeprefix("error: "), "pinpoint_app_id")


def _shown(value: object) -> str:
    """Return how a message shows ``value``, which may be converted when a construct refuses it."""
    return {"plan,*": "['plan', '*']", "301": "5 minutes 1 second"}.get(str(value), repr(value))

"""Metrics, alarms and the dashboard, of every option set."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import gtm_events
from cdk_gtm_connector.monitoring import metrics
from cdk_gtm_connector.monitoring.alarms import anchor
from cdk_gtm_connector.monitoring.props import RUNBOOK_URL
from cdk_gtm_connector_cli.main import cli
from gtm_events.batch_result import BatchResult
from gtm_events.losses import TOTALS, Loss
from gtm_events.outcome import Reason, RetryReason
from tests.infrastructure.monitored import (
    Used,
    alarms,
    expressions,
    filters,
    identifiers,
    matches,
    selected,
    used_by_alarms,
    used_by_widgets,
    widgets,
)
from tests.infrastructure.options import DESTINATIONS, MONITORED, OPTIONS, SETTINGS
from tests.infrastructure.published_metrics import PUBLISHED
from tests.infrastructure.test_linting import lint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.infrastructure.conftest import Deployable
    from tests.infrastructure.synthesis import Template

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
STATISTICS = {"Sum", "Average", "Maximum", "p50", "p99"}
ALL = [*OPTIONS, *DESTINATIONS, *MONITORED, *SETTINGS]
WATCHED = [*MONITORED, *(name for name in SETTINGS if name != "unwatched")]


@pytest.fixture(scope="session")
def every(
    options: dict[str, Deployable],
    destinations: dict[str, Deployable],
    monitored: dict[str, Deployable],
    settings: dict[str, Deployable],
) -> dict[str, Template]:
    """The template of every option set."""
    together = {**options, **destinations, **monitored, **settings}
    return {name: deployable.template for name, deployable in together.items()}


def known_dimensions(template: Template) -> dict[str, set[str]]:
    """Return the values that each dimension of AWS's can have in a template."""
    return {
        "QueueName": {queue.attribute("QueueName") for queue in template.all("AWS::SQS::Queue")},
        "TopicName": {topic.attribute("TopicName") for topic in template.all("AWS::SNS::Topic")},
        "FunctionName": {function.ref for function in template.all("AWS::Lambda::Function")},
        "LogGroupName": {log.ref for log in template.all("AWS::Logs::LogGroup")},
        "ApiName": {api.properties["Name"] for api in template.all("AWS::ApiGateway::RestApi")},
        "Stage": {stage.ref for stage in template.all("AWS::ApiGateway::Stage")},
        "WebACL": {
            web_acl.properties["VisibilityConfig"]["MetricName"]
            for web_acl in template.all("AWS::WAFv2::WebACL")
        },
        "Region": {"${AWS::Region}"},
        "Rule": {"ALL"},
    }


def is_there(used: Used, template: Template) -> bool:
    """Return whether somebody publishes a metric."""
    if used.namespace not in PUBLISHED:
        return (used.namespace, used.name) in filters(template) and not used.dimensions
    published = PUBLISHED[used.namespace]
    known = known_dimensions(template)
    return (
        used.name in published.names
        and frozenset(used.dimensions) in published.dimensions
        and all(value in known[name] for name, value in used.dimensions.items())
    )


class TestMetrics:
    """Every metric that is looked at is there, and every one that is made is looked at."""

    def test_what_is_watched(self, every: dict[str, Template]) -> None:
        assert [name for name, template in every.items() if alarms(template)] == WATCHED
        assert len(WATCHED) > 20

    @pytest.mark.parametrize("name", WATCHED)
    def test_each_is_there(self, every: dict[str, Template], name: str) -> None:
        template = every[name]
        used = [*used_by_alarms(template), *used_by_widgets(template)]
        assert [each for each in used if not is_there(each, template)] == []
        assert {each.statistic for each in used} <= STATISTICS
        assert len(list(used_by_alarms(template))) >= len(alarms(template)) >= 8

    def test_one_that_is_not_there_would_be_found(self, every: dict[str, Template]) -> None:
        template = every["Monitored"]
        (queue, *_) = (use for use in used_by_alarms(template) if use.namespace == "AWS/SQS")
        assert is_there(queue, template)
        for wrong in (
            Used(queue.namespace, "ApproximateNumberOfMessages", "Sum", queue.dimensions),
            Used(queue.namespace, queue.name, "Sum", {"QueueName": "${Other.QueueName}"}),
            Used(queue.namespace, queue.name, "Sum", {**queue.dimensions, "Region": "x"}),
            Used("GtmConnector/Monitored/Gtm/Kinesis", "received", "Sum", {}),
        ):
            assert not is_there(wrong, template)

    @pytest.mark.parametrize("name", WATCHED)
    def test_none_is_made_for_nobody(self, every: dict[str, Template], name: str) -> None:
        template = every[name]
        if not widgets(template):
            return  # they can be looked at in CloudWatch
        used = {
            (each.namespace, each.name)
            for each in (*used_by_alarms(template), *used_by_widgets(template))
        }
        assert filters(template).keys() <= used

    @pytest.mark.parametrize("name", WATCHED)
    def test_expressions_use_what_is_beside_them(
        self, every: dict[str, Template], name: str
    ) -> None:
        for expression, ids in expressions(every[name]):
            assert identifiers(expression) <= ids, expression
            assert identifiers(expression)

    @pytest.mark.parametrize("name", WATCHED)
    def test_each_log_has_filters_within_its_quota(
        self, every: dict[str, Template], name: str
    ) -> None:
        template = every[name]
        logs = Counter(made["LogGroupName"] for made in filters(template).values())
        assert logs.keys() <= {log.ref for log in template.all("AWS::Logs::LogGroup")}
        assert max(logs.values()) <= 100  # CloudWatch Logs' quota, which cannot be raised
        assert len(template.resources) <= 500  # CloudFormation's

    def test_each_destination_has_metrics_of_its_own(self, every: dict[str, Template]) -> None:
        template = every["MonitoredTwoOfAKind"]
        logs: dict[str, set[str]] = {}
        for (namespace, _), made in filters(template).items():
            logs.setdefault(namespace, set()).add(made["LogGroupName"])
        own = "GtmConnector/MonitoredTwoOfAKind/Gtm"
        assert logs.keys() == {own, f"{own}/Kinesis", f"{own}/Archive"}
        assert len(set.union(*logs.values())) == 3
        assert all(len(each) == 1 for each in logs.values())


class TestLinting:
    """cfn-lint and cdk-nag, as of every other option set."""

    @pytest.mark.parametrize("name", MONITORED)
    def test_they_find_nothing(self, monitored: dict[str, Deployable], name: str) -> None:
        assert lint(monitored[name].template.path) == []
        assert monitored[name].acknowledged  # so it was looked at
        assert monitored[name].violated == set()
        assert monitored[name].error is None


class TestBatchLine:
    """The filters read what the function writes."""

    def line(self, **fields: Any) -> dict[str, Any]:
        """Return a line as ``gtm_events.handler`` writes it."""
        result = BatchResult(received=3, events=5, delivered=1, opted_out=1)
        result.retried.update(dict.fromkeys(map(str, RetryReason), 2))
        result.rejected.update(dict.fromkeys(map(str, Reason), 4))
        result.counts.update(dict.fromkeys(map(str, Loss), 1))
        result.counts.update({"requests": 7, "throttles": 6})
        line = {"level": "INFO", "message": "batch", **result.summary(), "duration_ms": 12}
        return json.loads(json.dumps({**line, **fields}))  # type: ignore[no-any-return]

    def made(self, template: Template, line: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the filters of the function's log make of a line, by metric."""
        log = template.function.properties["LoggingConfig"]["LogGroup"]
        values = {}
        for (_, name), made in filters(template).items():
            if made["LogGroupName"] == log and matches(made["FilterPattern"], line):
                (transformation,) = made["MetricTransformations"]
                value = transformation["MetricValue"]
                values[name] = selected(value, line) if value.startswith("$") else float(value)
        return values

    def test_every_number_becomes_a_metric(self, every: dict[str, Template]) -> None:
        assert self.made(every["Monitored"], self.line()) == {
            "received": 3,
            "events": 5,
            "delivered": 1,
            "opted_out": 1,
            "retried": 2 * len(RetryReason),
            "rejected": 4 * len(Reason),
            "requests": 7,
            "throttles": 6,
            "duration_ms": 12,
            **{total: len(losses) for total, losses in TOTALS.items()},
            **{f"retried_by_reason.{reason}": 2 for reason in RetryReason},
            **{f"rejected_by_reason.{reason}": 4 for reason in Reason},
        }

    def test_a_problem_counts_once_a_batch(self, every: dict[str, Template]) -> None:
        line = self.line(level="ERROR", problems=["a", "b"])
        assert self.made(every["Monitored"], line)["problems"] == 1

    def test_what_is_zero_costs_nothing(self, every: dict[str, Template]) -> None:
        empty = {"level": "INFO", "message": "batch", **BatchResult().summary(), "duration_ms": 0}
        assert self.made(every["Monitored"], empty) == {}

    def test_other_lines_are_none_of_it(self, every: dict[str, Template]) -> None:
        other = self.line(level="ERROR", message="defect in a thread")
        assert self.made(every["Monitored"], other) == {}

    def test_the_reasons_are_the_functions(self) -> None:
        assert list(metrics.REJECTED) == [reason.value for reason in Reason]
        assert list(metrics.RETRIED) == [reason.value for reason in RetryReason]
        assert list(metrics.LOSSES) == list(TOTALS)

    def test_failed_authorizers_are_in_the_access_log(self, every: dict[str, Template]) -> None:
        template = every["MonitoredEverything"]
        (made,) = (
            made for (_, name), made in filters(template).items() if name == "authorizer_failures"
        )
        written = template.stage.properties["AccessLogSetting"]
        assert made["LogGroupName"] in written["DestinationArn"].replace(".Arn", "")
        assert '"errorResponseType": "$context.error.responseType"' in written["Format"]
        pattern = made["FilterPattern"]
        # API Gateway's own words, of "Gateway response types for API Gateway".
        for response_type, counts in {
            "AUTHORIZER_FAILURE": True,
            "AUTHORIZER_CONFIGURATION_ERROR": True,
            "UNAUTHORIZED": False,
            "ACCESS_DENIED": False,
            "-": False,
        }.items():
            assert matches(pattern, {"errorResponseType": response_type}) is counts


class TestAlarmTexts:
    """What an alarm says is enough to begin with."""

    @pytest.mark.parametrize("name", WATCHED)
    def test_it_says_what_to_do_and_links_to_its_section(
        self, every: dict[str, Template], name: str
    ) -> None:
        headings = re.findall(r"^## (.+)$", OPERATIONS.read_text("utf-8"), re.MULTILINE)
        sections = {anchor(heading): heading for heading in headings}
        for alarm in alarms(every[name]).values():
            words = alarm["AlarmDescription"]
            assert len(words) <= 1024 - 128  # with the longest name of a stack in it
            text, _, link = words.rpartition(" ")
            assert len(re.findall(r"[.] (?=[A-Z])", text)) >= 2, "happened, means, remedy"
            page, _, section = link.partition("#")
            expected = {"MonitoredEverything": "https://wiki.shop.example/operations"}
            assert page == expected.get(name, RUNBOOK_URL)
            assert section in sections

    def test_each_section_is_about_an_alarm_or_a_task(self, every: dict[str, Template]) -> None:
        linked = {
            alarm["AlarmDescription"].rpartition("#")[2]
            for name in WATCHED
            for alarm in alarms(every[name]).values()
        }
        document = OPERATIONS.read_text("utf-8")
        about_alarms, _, tasks = document.partition("\n# Tasks\n")
        headings = re.findall(r"^## (.+)$", about_alarms, re.MULTILINE)
        assert {anchor(heading) for heading in headings} == linked
        assert len(linked) == 11
        assert tasks

    def test_a_section_says_how_to_look_and_how_to_mend(self) -> None:
        about_alarms, _, _ = OPERATIONS.read_text("utf-8").partition("\n# Tasks\n")
        for section in re.split(r"^## ", about_alarms, flags=re.MULTILINE)[1:]:
            for part in ("**What happened.**", "**What it means.**", "**Look.**", "**Fix.**"):
                assert section.count(part) == 1, section.splitlines()[0]

    def test_the_sentences_of_problems_are_the_functions(self) -> None:
        source = "".join(
            path.read_text("utf-8")
            for path in sorted(Path(gtm_events.__file__).parent.glob("*.py"))
        )
        source = source.replace("the {queue} queue", "the dead-letter queue")
        section = OPERATIONS.read_text("utf-8").split("## The function reports problems")[1]
        table = section.split("\n## ")[0].split("| the sentence begins with |")[1]
        sentences = re.findall(r"^\| `([^`]+)`", table, re.MULTILINE)
        assert len(sentences) == 4
        for sentence in sentences:
            assert re.search(rf'f?"{re.escape(sentence)}', source), sentence

    def test_its_commands_are_there(self, every: dict[str, Template]) -> None:
        words = OPERATIONS.read_text("utf-8") + "".join(
            alarm["AlarmDescription"] for name in WATCHED for alarm in alarms(every[name]).values()
        )
        told = set(re.findall(r"`gtm-connector (\w[^`]*)`", words))
        assert {"rejected", "redrive", "doctor", "tail"} <= {line.split()[0] for line in told}
        for line in sorted(told):
            name, *arguments = line.split()
            # Only the parser: a command that it refuses would answer nobody who is on call.
            context = cli.commands[name].make_context(name, arguments)
            assert context.params["stack"], line


class TestDashboard:
    """One for all destinations."""

    @pytest.mark.parametrize("name", WATCHED)
    def test_its_widgets_are_side_by_side(self, every: dict[str, Template], name: str) -> None:
        taken: set[tuple[int, int]] = set()
        for widget in widgets(every[name]):
            cells = {
                (x, y)
                for x in range(widget["x"], widget["x"] + widget["width"])
                for y in range(widget["y"], widget["y"] + widget["height"])
            }
            assert all(0 <= x < 24 for x, _ in cells)
            assert not taken & cells
            taken |= cells
            # CloudWatch's limits for a widget that shows numbers.
            assert 1 <= widget["height"] <= 1000
            assert len(widget["properties"].get("metrics", ())) <= 500

    @pytest.mark.parametrize("name", MONITORED)
    def test_it_shows_every_alarm(self, every: dict[str, Template], name: str) -> None:
        template = every[name]
        shown = [w["properties"]["alarms"] for w in widgets(template) if w["type"] == "alarm"]
        there = [alarm.arn for alarm in template.all("AWS::CloudWatch::Alarm")]
        assert shown == ([] if "WithoutADashboard" in name else [there])

    def test_each_destination_has_its_rows(self, every: dict[str, Template]) -> None:
        texts = [
            widget["properties"]["markdown"]
            for widget in widgets(every["MonitoredFanOut"])
            if widget["type"] == "text"
        ]
        assert [text for text in texts if text.startswith("## ")] == [
            "## Door",
            *("## Pinpoint", "## Kinesis", "## Firehose", "## EventBridge", "## CustomerProfiles"),
            "## All destinations",
        ]
        titles = Counter(
            widget["properties"].get("title") for widget in widgets(every["MonitoredFanOut"])
        )
        assert titles["Rejected, by reason"] == 5
        assert titles["Alarms"] == titles["Requests"] == titles["Topic"] == 1

    def test_the_problems_of_all_logs_are_read(self, every: dict[str, Template]) -> None:
        template = every["MonitoredFanOut"]
        (widget,) = (widget for widget in widgets(template) if widget["type"] == "log")
        logs = re.findall(r"SOURCE '(\S+?)'", widget["properties"]["query"])
        functions = template.all("AWS::Lambda::Function")
        assert sorted(logs) == sorted(f.properties["LoggingConfig"]["LogGroup"] for f in functions)

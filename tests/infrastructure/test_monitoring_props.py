"""What ``Monitoring`` takes, what it does, and what it leaves alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sns as sns
from constructs import Construct

from capacity import prices
from cdk_gtm_connector import Monitoring, PinpointDestination, PropError
from scripts import draw_dashboard
from tests.destinations.kinesis.cases import add_stream
from tests.infrastructure.monitored import alarms, evaluated, filters, used_by_widgets, widgets
from tests.infrastructure.options import ALARM_TOPIC_ARN, SEVERAL, import_key
from tests.infrastructure.synthesis import KEY_ARN, Template, add_connector, synthesize, warnings
from tests.infrastructure.wrong_values import TOPIC_ARN

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.infrastructure.conftest import Deployable, RunApp, Synthesize

EMAIL = "oncall@shop.example"
# Prop, value, the value as the message must show it.
REFUSED: list[tuple[str, Any, str]] = [
    ("alarm_email", "oncall", "'oncall'"),
    ("alarm_email", "on call@shop.example", "'on call@shop.example'"),
    ("alarm_email", "oncall@shop", "'oncall@shop'"),
    ("alarm_email", "a@b.example,c@d.example", "'a@b.example,c@d.example'"),
    ("alarm_topic", TOPIC_ARN, repr(TOPIC_ARN)),
    ("dashboard", "no", "'no'"),
    ("max_message_age", cdk.Duration.minutes(9), "9 minutes"),
    ("max_message_age", cdk.Duration.days(14), "14 days"),
    ("max_message_age", 1_800, "1,800"),
    ("max_message_age", cdk.Duration.seconds(cdk.Token.as_number({"Ref": "Age"})), "a token"),
    ("expiry_percent", 0, "0"),
    ("expiry_percent", 100, "100"),
    ("expiry_percent", 0.8, "0.8"),
    ("throttled_periods", 0, "0"),
    ("throttled_periods", 289, "289"),
    ("server_error_percent", 0, "0"),
    ("server_error_percent", 101, "101"),
    ("blocked_percent", 0, "0"),
    ("blocked_percent", 101, "101"),
    ("invalid_percent", 0, "0"),
    ("invalid_percent", 101, "101"),
    ("runbook_url", "http://wiki.shop.example", "'http://wiki.shop.example'"),
    ("runbook_url", "https://wiki.shop.example#alarms", "'https://wiki.shop.example#alarms'"),
    ("runbook_url", "https://wiki.shop.example/" + "x" * 180, "'https://wiki.shop.example/xxx"),
]


class TestProps:
    """What each prop does."""

    @pytest.mark.parametrize(("prop", "value", "shown"), REFUSED)
    def test_what_cannot_work_is_refused(self, prop: str, value: Any, shown: str) -> None:
        with pytest.raises(PropError, match=rf"^{prop} must .*, got {re.escape(shown)}"):
            Monitoring(**{prop: value})

    def test_a_topic_in_order_is_refused(self) -> None:
        topic = sns.Topic.from_topic_arn(cdk.Stack(), "Topic", f"{TOPIC_ARN}.fifo")
        with pytest.raises(PropError, match=r"^alarm_topic must be a standard topic"):
            Monitoring(alarm_topic=topic)

    def test_the_connector_takes_nothing_else(self) -> None:
        for wrong in (True, "on", Monitoring):
            with pytest.raises(PropError, match=r"^monitoring must be a Monitoring, such as"):
                add_connector(cdk.Stack(), monitoring=wrong)

    def test_each_says_when_an_alarm_goes_off(self, monitored: dict[str, Deployable]) -> None:
        def thresholds(name: str) -> dict[str, tuple[float, int]]:
            found = alarms(monitored[name].template)
            return {
                alarm.removeprefix("Pinpoint"): (each["Threshold"], each["EvaluationPeriods"])
                for alarm, each in found.items()
            }

        week, day = 7 * 86_400, 86_400
        usual = {
            "DeadLetters": (0, 1),
            "OldMessages": (1_800, 1),
            "ExpiringMessages": (week * 0.8, 1),
            "ExpiringDeadLetters": (week * 0.8, 1),
            "Problems": (0, 1),
            "Throttled": (0, 3),
            "FunctionErrors": (0, 1),
            "ServerErrors": (0.01, 1),
        }
        assert thresholds("Monitored") == usual
        assert thresholds("MonitoredEverything") == {
            **usual,
            "OldMessages": (7_200, 1),
            "ExpiringMessages": (13 * day / 2, 1),
            "ExpiringDeadLetters": (day / 2, 1),
            "Throttled": (0, 12),
            "ServerErrors": (0.05, 1),
            "AuthorizerFailures": (0, 1),
            "BlockedRequests": (50, 1),
            "InvalidMessages": (10, 1),
        }

    def test_shares_of_few_requests_say_nothing(self, monitored: dict[str, Deployable]) -> None:
        found = alarms(monitored["MonitoredEverything"].template)

        def share(alarm: str, **values: float | None) -> float:
            (expression,) = (q["Expression"] for q in found[alarm]["Metrics"] if "Expression" in q)
            return evaluated(expression, values)

        assert share("BlockedRequests", blocked=60, allowed=40) == 60
        assert share("BlockedRequests", blocked=100, allowed=None) == 100
        assert share("BlockedRequests", blocked=60, allowed=39) == 0
        assert share("InvalidMessages", invalid=30, requests=200) == 15
        assert share("InvalidMessages", invalid=30, requests=99) == 0

    def test_there_is_an_authorizers_alarm_only_for_what_can_fail(
        self, monitored: dict[str, Deployable]
    ) -> None:
        for name, there in {
            "Monitored": False,
            "MonitoredIam": False,
            "MonitoredCognito": True,
            "MonitoredAndEncrypted": True,
        }.items():
            template = monitored[name].template
            assert ("AuthorizerFailures" in alarms(template)) is there
            made = {metric for _, metric in filters(template)}
            assert ("authorizer_failures" in made) is there

    def test_the_dashboard_can_be_left_out(self, monitored: dict[str, Deployable]) -> None:
        template = monitored["MonitoredWithoutADashboard"].template
        assert not template.all("AWS::CloudWatch::Dashboard")
        assert len(alarms(template)) == 8

    def test_what_is_known_only_at_deployment(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            number: Any = cdk.CfnParameter(stack, "Number", type="Number").value_as_number
            email = cdk.CfnParameter(stack, "Email").value_as_string
            add_connector(
                stack,
                memory_size=number,
                message_retention=cdk.Duration.seconds(number),
                monitoring=Monitoring(
                    alarm_email=email,
                    expiry_percent=number,
                    throttled_periods=number,
                    server_error_percent=number,
                    invalid_percent=number,
                ),
            )

        template = synthesized(build)
        found = {name.removeprefix("Pinpoint"): each for name, each in alarms(template).items()}
        expressions = {
            name: query["Expression"]
            for name, each in found.items()
            for query in each.get("Metrics", ())
            if "Expression" in query
        }
        assert expressions == {
            "ExpiringMessages": "100 * value / ${Number}",
            "ExpiringDeadLetters": "100 * value / (1209600 - ${Number})",
            "ServerErrors": "100 * value / 1",
            "InvalidMessages": "IF(requests >= 100, 100 * invalid / requests, 0)",
        }
        assert all(found[name]["Threshold"] == "${Number}" for name in expressions)
        assert found["Throttled"]["EvaluationPeriods"] == "${Number}"
        assert "${Number} periods of 5 minutes" in found["Throttled"]["AlarmDescription"]
        assert template.only("AWS::SNS::Subscription").properties["Endpoint"] == "${Email}"
        (lambdas,) = (
            line[0]["expression"]
            for widget in widgets(template)
            for line in widget["properties"].get("metrics", ())
            if line[0] != "" and "expression" in line[0] and line[0]["label"] == "Lambda"
        )
        assert "/ 1000 * ${Number} / 1024" in lambdas


class TestWhoIsTold:
    """Topics and e-mail."""

    def test_nobody_unless_it_is_said(self, template: Template) -> None:
        assert alarms(template)
        assert not template.all("AWS::SNS::Topic")
        for alarm in alarms(template).values():
            assert not {"AlarmActions", "OKActions"} & alarm.keys()

    def test_both_when_it_begins_and_when_it_is_over(self, settings: dict[str, Deployable]) -> None:
        template = settings["alarms"].template
        topic = template.only("AWS::SNS::Topic")
        subscription = template.only("AWS::SNS::Subscription").properties
        assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", EMAIL)
        assert subscription["TopicArn"] == topic.ref
        told = [topic.ref, ALARM_TOPIC_ARN]
        for alarm in alarms(template).values():
            assert alarm["AlarmActions"] == alarm["OKActions"] == told

    def test_cloudwatch_may_publish(self, settings: dict[str, Deployable]) -> None:
        template = settings["alarms"].template
        topic = template.only("AWS::SNS::Topic")
        policy = template.only("AWS::SNS::TopicPolicy", Topics=[topic.ref])
        # Without it nobody could: the statement about TLS replaces the topic's default policy.
        allowed = [
            statement
            for statement in policy.properties["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Allow"
        ]
        assert [{k: v for k, v in statement.items() if k != "Sid"} for statement in allowed] == [
            {
                "Effect": "Allow",
                "Principal": {"Service": "cloudwatch.amazonaws.com"},
                "Action": "sns:Publish",
                "Resource": topic.ref,
                "Condition": {
                    "ArnLike": {
                        "aws:SourceArn": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:"
                        "${AWS::AccountId}:alarm:*"
                    }
                },
            }
        ]
        # SNS's own key would keep CloudWatch out.
        assert "KmsMasterKeyId" not in topic.properties

    def test_the_owners_key_lets_cloudwatch_in(self, monitored: dict[str, Deployable]) -> None:
        template = monitored["MonitoredAndEncrypted"].template
        key = template.only("AWS::KMS::Key")
        assert template.only("AWS::SNS::Topic").properties["KmsMasterKeyId"] == key.arn
        (statement,) = (
            statement
            for statement in key.properties["KeyPolicy"]["Statement"]
            if statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        )
        assert set(statement["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}
        assert statement["Condition"]["ArnLike"]["aws:SourceArn"].endswith(":alarm:*")

    def test_of_an_imported_key_a_warning_says_it(self, settings: dict[str, Deployable]) -> None:
        stack = cdk.Stack()
        add_connector(
            stack, encryption_key=import_key(stack), monitoring=Monitoring(alarm_email=EMAIL)
        )
        words = warnings(stack)["cdk-gtm-connector:encryptionKeyPolicy"]
        assert "kms:GenerateDataKey, kms:Decrypt to cloudwatch.amazonaws.com" in words
        topic = settings["encrypted_alarms"].template.only("AWS::SNS::Topic")
        assert topic.properties["KmsMasterKeyId"] == KEY_ARN


class TestWhatStays:
    """Monitoring adds, and changes nothing."""

    def test_all_but_the_monitoring_is_as_without(self, tmp_path: Path) -> None:
        def build(monitoring: Monitoring | None) -> Callable[[cdk.Stack], object]:
            return lambda stack: add_connector(
                stack,
                destination=None,
                destinations=[add(stack) for add in SEVERAL],
                monitoring=monitoring,
            )

        def resources(directory: Path, monitoring: Monitoring | None) -> dict[str, Any]:
            found = synthesize(directory, {"Shop": build(monitoring)})["Shop"].document["Resources"]
            return dict(found)

        without = resources(tmp_path / "without", None)
        watched = resources(tmp_path / "with", Monitoring(alarm_email=EMAIL))
        added = {name for name in watched if name.startswith("GtmMonitoring")}
        assert not any("Monitoring" in name for name in without)
        assert json.dumps({n: it for n, it in watched.items() if n not in added}) == json.dumps(
            without
        )
        assert {watched[name]["Type"] for name in added} == {
            "AWS::CloudWatch::Alarm",
            "AWS::CloudWatch::Dashboard",
            "AWS::Logs::MetricFilter",
            "AWS::SNS::Subscription",
            "AWS::SNS::Topic",
            "AWS::SNS::TopicPolicy",
        }

    def test_the_app_can_do_without(
        self, run_app: RunApp, tmp_path: Path, template: Template
    ) -> None:
        unwatched = run_app(tmp_path, monitoring="false").template
        kept = [each for each in template.resources if "Monitoring" not in each.logical_id]
        assert unwatched.resources == kept
        assert len(kept) < len(template.resources)

    def test_the_order_of_destinations_changes_no_id(self, tmp_path: Path) -> None:
        def ids(directory: Path, *, reverse: bool) -> set[tuple[str, str]]:
            def build(stack: cdk.Stack) -> None:
                destinations = [PinpointDestination("a"), add_stream(stack)]
                add_connector(
                    stack,
                    destination=None,
                    destinations=destinations[::-1] if reverse else destinations,
                    monitoring=Monitoring(),
                )

            template = synthesize(directory, {"Shop": build})["Shop"]
            return {
                (each.logical_id, each.type)
                for each in template.resources
                if "Monitoring" in each.logical_id
            }

        forward = ids(tmp_path / "a", reverse=False)
        assert len(forward) > 80
        assert ids(tmp_path / "b", reverse=True) == forward

    def test_names_are_left_to_cloudformation(self, monitored: dict[str, Deployable]) -> None:
        for resource in monitored["MonitoredEverything"].template.resources:
            names = {"AlarmName", "DashboardName", "FilterName", "TopicName"}
            assert not names & resource.properties.keys()

    def test_a_metrics_namespace_is_of_one_connector(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            for number, name in enumerate(("A", "B: ü", "x" * 120)):
                add_connector(
                    Construct(stack, name),
                    destination=add_stream(stack, construct_id=f"Kinesis{number}"),
                    monitoring=Monitoring(),
                )
            add_connector(stack, monitoring=Monitoring())

        namespaces = {namespace for namespace, _ in filters(synthesized(build))}
        assert len(namespaces) == 4
        for namespace in namespaces:
            # CloudWatch's characters and length for a namespace.
            assert re.fullmatch(r"[A-Za-z0-9._/#:-]{1,255}", namespace)
            assert namespace.startswith("GtmConnector/Theirs/")


class TestCost:
    """The cost of a day is what the capacity model would say."""

    def test_by_the_same_prices(self, monitored: dict[str, Deployable]) -> None:
        template = monitored["Monitored"].template
        (widget,) = (w for w in widgets(template) if w["properties"].get("view") == "singleValue")
        assert widget["properties"]["period"] == 86_400
        lines = widget["properties"]["metrics"]
        values: dict[str, float | None] = {
            "requests": 3e6,
            "access_log": 1e9,
            "sent": 3e6,
            "received0": 3e6,
            "deleted0": 2e6,
            "empty0": 1e4,
            "invocations0": 5e4,
            "worked0": 4e7,
            "log0": 5e7,
        }
        assert values.keys() == {line[-1]["id"] for line in lines if "expression" not in line[0]}
        costs = {
            line[0]["label"]: evaluated(line[0]["expression"], values)
            for line in lines
            if "expression" in line[0] and line[0]["id"] != "total"
        }
        expected = {
            "API Gateway": prices.API_GATEWAY.cost(3e6),
            "SQS": prices.SQS.cost(3e6 + 5e5 + 1e4),
            "Lambda": prices.LAMBDA_INVOCATIONS.cost(5e4) + prices.LAMBDA_ARM64.cost(4e4 / 4),
            "Logs": prices.LAMBDA_LOGS.cost(1.05),
            "X-Ray, at most": prices.XRAY.cost(5e4),
        }
        assert costs == pytest.approx(expected)
        quiet: dict[str, float | None] = dict.fromkeys(values)
        (total,) = (line[0] for line in lines if line[0] and line[-1].get("id") == "total")
        names = {f"cost{number}": cost for number, cost in enumerate(expected.values())}
        assert evaluated(total["expression"], names) == pytest.approx(sum(expected.values()))
        assert evaluated(lines[1][0]["expression"], quiet) == 0  # a day without a request

    def test_a_topic_is_charged_instead_of_sending(self, monitored: dict[str, Deployable]) -> None:
        template = monitored["MonitoredFanOut"].template
        used = [each.name for each in used_by_widgets(template)]
        assert "NumberOfMessagesPublished" in used
        labels = [
            line[0]["label"]
            for widget in widgets(template)
            for line in widget["properties"].get("metrics", ())
            if "expression" in line[0]
        ]
        assert labels == ["all", "API Gateway", "SNS", "SQS", "Lambda", "Logs", "X-Ray, at most"]


class TestPicture:
    """The picture in the documents."""

    def test_it_is_of_todays_dashboard(self, tmp_path: Path) -> None:
        drawn = draw_dashboard.draw(draw_dashboard.widgets_of(draw_dashboard.synthesized(tmp_path)))
        picture = draw_dashboard.PICTURE.read_text("utf-8")
        assert drawn == picture, "run python -m scripts.draw_dashboard"
        for title in ("Rejected, by reason", "Cost of the day", "FirehoseDeadLetters"):
            assert title in picture

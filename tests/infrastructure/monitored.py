"""The metrics, alarms, filters and widgets of a template."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.infrastructure.synthesis import Template


@dataclass(frozen=True)
class Used:
    """A metric as an alarm or a widget refers to it."""

    namespace: str
    name: str
    statistic: str
    dimensions: Mapping[str, str]


def widgets(template: Template) -> list[dict[str, Any]]:
    """Return the widgets of the one dashboard; none if there is no dashboard."""
    dashboards = template.all("AWS::CloudWatch::Dashboard")
    assert len(dashboards) <= 1
    return [
        widget
        for dashboard in dashboards
        for widget in json.loads(dashboard.properties["DashboardBody"])["widgets"]
    ]


def alarms(template: Template) -> dict[str, Mapping[str, Any]]:
    """Return the properties of each alarm by its construct's id, the end of its logical id.

    With several destinations, the ids begin with the destination's.
    """
    found = {}
    for resource in template.all("AWS::CloudWatch::Alarm"):
        name = re.sub(r"^.*Monitoring(Destinations)?", "", resource.logical_id)[:-8]
        assert name not in found
        found[name] = resource.properties
    return found


def filters(template: Template) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return the properties of each metric filter, by its metric."""
    found = {}
    for resource in template.all("AWS::Logs::MetricFilter"):
        (made,) = resource.properties["MetricTransformations"]
        key = made["MetricNamespace"], made["MetricName"]
        assert key not in found
        found[key] = resource.properties
    return found


def used_by_alarms(template: Template) -> Iterator[Used]:
    """Yield the metrics of all alarms."""
    for alarm in alarms(template).values():
        if "MetricName" in alarm:
            statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
            yield _used(alarm, statistic)
        for query in alarm.get("Metrics", ()):
            if "MetricStat" in query:
                yield _used(query["MetricStat"]["Metric"], query["MetricStat"]["Stat"])


def _used(metric: Mapping[str, Any], statistic: str) -> Used:
    dimensions = {each["Name"]: each["Value"] for each in metric.get("Dimensions", ())}
    return Used(metric["Namespace"], metric["MetricName"], statistic, dimensions)


def used_by_widgets(template: Template) -> Iterator[Used]:
    """Yield the metrics of all widgets."""
    for widget in widgets(template):
        for line in widget["properties"].get("metrics", ()):
            if "expression" not in line[0]:
                namespace, name, *dimensions, options = line
                pairs = dict(zip(dimensions[::2], dimensions[1::2], strict=True))
                yield Used(namespace, name, options["stat"], pairs)


def expressions(template: Template) -> Iterator[tuple[str, set[str]]]:
    """Yield each expression of an alarm or widget with the ids that it may use."""
    for alarm in alarms(template).values():
        queries = alarm.get("Metrics", ())
        ids = {query["Id"] for query in queries}
        for query in queries:
            if "Expression" in query:
                yield query["Expression"], ids - {query["Id"]}
    for widget in widgets(template):
        lines = widget["properties"].get("metrics", ())
        ids = {line[-1]["id"] for line in lines if "id" in line[-1]}
        for line in lines:
            if "expression" in line[0]:
                yield line[0]["expression"], ids - {line[0]["id"]}


_FUNCTIONS = {
    "FILL": lambda value, otherwise: otherwise if value is None else value,
    "IF": lambda condition, then, otherwise: then if condition else otherwise,
    "SUM": sum,
}


def evaluated(expression: str, values: Mapping[str, float | None]) -> float:
    """Return the result of metric math for one point of each metric; ``None`` is no point."""
    names: dict[str, Any] = {**_FUNCTIONS, **values, "__builtins__": {}}
    return float(eval(expression, names))  # noqa: S307 - of our own template


def identifiers(expression: str) -> set[str]:
    """Return the ids that an expression uses."""
    # A token in it is a reference, not an id.
    expression = re.sub(r"\$\{.*?\}", "1", expression)
    return set(re.findall(r"\b[a-z]\w*", expression))


def matches(pattern: str, line: Mapping[str, Any]) -> bool:
    """Return whether a filter pattern matches a line of JSON.

    It supports the JSON patterns on CloudWatch Logs' page "Filter pattern syntax for metric
    filters": conditions in parentheses, joined by either ``&&`` or ``||``.
    """
    (body,) = re.findall(r"^\{ (.*) \}$", pattern)
    parts = re.split(r" (&&|\|\|) ", body)
    assert len(set(parts[1::2])) <= 1
    together = any if "||" in parts[1::2] else all
    return together(_holds(part, line) for part in parts[::2])


def _holds(condition: str, line: Mapping[str, Any]) -> bool:
    found = re.fullmatch(r'\((\$\.[\w.]+) (=|>) ("[^"]*"|\d+)\)', condition)
    assert found, condition
    value = selected(found[1], line)
    expected = json.loads(found[3])
    if found[2] == "=":
        return bool(value == expected)
    return isinstance(value, int | float) and value > expected


def selected(selector: str, line: Mapping[str, Any]) -> Any:
    """Return what a selector such as ``$.a.b`` selects; ``None`` if there is nothing."""
    value: Any = line
    for name in selector.removeprefix("$.").split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value

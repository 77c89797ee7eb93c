"""Draw docs/images/dashboard.svg, a picture of the dashboard that the library synthesizes.

``python -m scripts.draw_dashboard`` writes the file. The widgets, their places, titles, lines and
expressions are the dashboard's own. The numbers are invented. They show three hours in which the
destination throttles for a while.
"""

from __future__ import annotations

import json
import math
import re
import sys
import tempfile
import zlib
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

PICTURE: Final = Path(__file__).parents[1] / "docs" / "images" / "dashboard.svg"

Widget = dict[str, Any]

_COLUMN: Final = 50  # pixels
_ROW: Final = 38
_GAP: Final = 4
_POINTS: Final = 36  # 3 hours of 5 minutes
_BUMP: Final = range(16, 24)  # points in which the destination throttles
_COLORS: Final = (
    *("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd"),
    *("#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"),
)
# For each metric or line label, the usual number in 5 minutes, and the number while the destination
# throttles.
_NUMBERS: Final[Mapping[str, tuple[float, float]]] = {
    "line waiting": (14, 420),
    "line new": (9, 9),
    "line kept": (2_500, 2_500),
    "Count": (1_800, 1_800),
    "4XXError": (12, 12),
    "Latency": (38, 38),
    "AllowedRequests": (1_790, 1_790),
    "BlockedRequests": (10, 10),
    "NumberOfMessagesSent": (1_780, 1_780),
    "NumberOfMessagesReceived": (1_780, 2_600),
    "NumberOfMessagesDeleted": (1_780, 1_300),
    "NumberOfEmptyReceives": (40, 40),
    "ApproximateNumberOfMessagesNotVisible": (30, 900),
    "ApproximateAgeOfOldestMessage": (6, 700),
    "Invocations": (60, 60),
    "Duration": (26_000, 60_000),
    "IncomingBytes": (350_000, 350_000),
    "duration_ms": (430, 1_000),
    "received": (1_780, 2_600),
    "events": (1_900, 2_700),
    "delivered": (1_765, 1_300),
    "retried": (0, 1_290),
    "retried_by_reason.throttled": (0, 1_290),
    "rejected": (9, 9),
    "rejected_by_reason.origin": (6, 6),
    "rejected_by_reason.unset": (3, 3),
    "opted_out": (5, 5),
    "requests": (62, 95),
    "throttles": (0, 33),
    "ignored_parameters": (70, 70),
    "truncated_values": (2, 2),
    "denied_user_attributes": (11, 11),
}


def widgets_of(template: Mapping[str, Any]) -> list[Widget]:
    """Return the widgets of a template's only dashboard, with references written as ``${…}``."""
    (body,) = (
        resource["Properties"]["DashboardBody"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::CloudWatch::Dashboard"
    )
    widgets: list[Widget] = json.loads("".join(map(_text_of, body["Fn::Join"][1])))["widgets"]
    return widgets


def _text_of(part: Any) -> str:
    match part:
        case {"Ref": name}:
            return f"${{{name}}}"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"${{{name}.{attribute}}}"
    return str(part)


def draw(widgets: Sequence[Widget]) -> str:
    """Return a picture of a dashboard. The same widgets give the same picture."""
    height = max(widget["y"] + widget["height"] for widget in widgets) * _ROW
    width = 24 * _COLUMN
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    font = 'font-family="sans-serif" font-size="11" fill="#16191f"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
        f'<rect width="{width}" height="{height}" fill="#f2f3f3"/>',
    ]
    for widget in widgets:
        parts += _widget(widget)
    return "\n".join([*parts, "</svg>", ""])


def _widget(widget: Widget) -> Iterable[str]:
    properties = widget["properties"]
    width, height = widget["width"] * _COLUMN - _GAP, widget["height"] * _ROW - _GAP
    yield f'<g transform="translate({widget["x"] * _COLUMN} {widget["y"] * _ROW})">'
    if widget["type"] == "text":
        yield from _markdown(properties["markdown"])
    else:
        yield f'<rect width="{width}" height="{height}" fill="#fff" stroke="#d5dbdb" rx="3"/>'
        yield _label(8, 16, properties["title"], "font-weight='bold'")
        if widget["type"] == "alarm":
            yield from _alarms(properties["alarms"])
        elif widget["type"] == "log":
            yield from _table(properties["query"])
        elif properties["view"] == "singleValue":
            yield from _values(properties["metrics"], width)
        else:
            yield from _graph(properties, width, height)
    yield "</g>"


def _label(x: float, y: float, text: str, attributes: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" {attributes}>{escape(text)}</text>'


def _markdown(markdown: str) -> Iterable[str]:
    for number, line in enumerate(markdown.splitlines()):
        plain = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", line)
        size = {"# ": 22, "##": 16}.get(plain[:2], 12)
        yield _label(8, 24 + 28 * number, plain.lstrip("# "), f"font-size='{size}'")


def _alarms(arns: Sequence[str]) -> Iterable[str]:
    for number, arn in enumerate(arns):
        name = re.sub(r"^\$\{\w*?Monitoring(?:Destinations)?|[0-9A-F]{8}\.Arn\}$", "", arn)
        x, y = 8 + number % 6 * 198, 26 + number // 6 * 38
        yield f'<rect x="{x}" y="{y}" width="190" height="32" fill="#e9f5e6" stroke="#2ca02c"/>'
        yield _label(x + 8, y + 20, name)


def _table(query: str) -> Iterable[str]:
    (columns,) = re.findall(r"fields (.*?) \|", query)
    yield _label(8, 40, columns.replace(", ", "        "), "xml:space='preserve' fill='#545b64'")
    yield _label(8, 66, "No problems in the last 3 hours", "fill='#545b64'")


def _values(lines: Sequence[list[Any]], width: float) -> Iterable[str]:
    names: dict[str, Any] = {
        line[-1]["id"]: sum(_series(line)) * 8 for line in lines if "expression" not in line[0]
    }
    names |= {"FILL": lambda value, _: value, "SUM": sum, "__builtins__": {}}
    shown = [line[0] for line in lines if "expression" in line[0]]
    for expression in reversed(shown):  # the sum is first, and of the others
        names[expression["id"]] = eval(expression["expression"], names)  # noqa: S307 - our own
    for number, expression in enumerate(shown):
        x = 8 + number * width / len(shown)
        yield _label(x, 64, f"{names[expression['id']]:.2f}", "font-size='26'")
        yield _label(x, 88, expression["label"], "fill='#545b64'")


def _series(line: Sequence[Any]) -> list[float]:
    """Return invented numbers for a metric, one for each 5 minutes."""
    name, options = line[1], line[-1]
    known = _NUMBERS.get(name, (0.0, 0.0))
    usual, throttled = _NUMBERS.get(f"line {options.get('label')}", known)
    factor = {"p99": 4.0, "Maximum": 1.4}.get(options["stat"], 1.0)
    phase = zlib.crc32("".join(map(str, line[:-1])).encode()) % 100
    return [
        factor
        * (throttled if point in _BUMP else usual)
        * (1 + 0.12 * math.sin(point / 5) + 0.06 * math.sin(point * 1.7 + phase))
        for point in range(_POINTS)
    ]


def _graph(properties: Mapping[str, Any], width: float, height: float) -> Iterable[str]:
    lines = properties["metrics"]
    left, top, bottom = 44, 26, height - 16 - 13 * math.ceil(len(lines) / 2)
    series = [_series(line) for line in lines]
    if properties["stacked"]:
        series = [list(map(sum, zip(*series[: n + 1], strict=True))) for n in range(len(series))]
    highest = max(1.0, *(max(each) for each in series))
    for share in (0, 0.5, 1):
        y = bottom - share * (bottom - top)
        yield f'<path d="M{left} {y:.0f}H{width - 8:g}" stroke="#eaeded"/>'
        yield _label(left - 4, y + 4, f"{highest * share:,.0f}", "text-anchor='end' fill='#545b64'")
    # Draw the area of a sum behind those of its parts.
    for number, each in reversed(list(enumerate(series))):
        points = " ".join(
            f"{left + point * (width - 8 - left) / (_POINTS - 1):.1f},"
            f"{bottom - value / highest * (bottom - top):.1f}"
            for point, value in enumerate(each)
        )
        color = _COLORS[number % len(_COLORS)]
        if not properties["stacked"]:
            yield f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="1.5"/>'
        elif any(_series(lines[number])):
            area = f"{left},{bottom} {points} {width - 8:g},{bottom}"
            yield f'<polygon points="{area}" fill="{color}"/>'
    for number, line in enumerate(lines):
        x = left + number % 2 * (width - left) / 2
        y = bottom + 18 + 13 * (number // 2)
        color = _COLORS[number % len(_COLORS)]
        yield f'<rect x="{x:.0f}" y="{y - 8:.0f}" width="8" height="8" fill="{color}"/>'
        yield _label(round(x) + 11, round(y), line[-1]["label"], "font-size='10'")


def synthesized(directory: Path) -> Mapping[str, Any]:
    """Return the template of a connector that has everything a dashboard shows."""
    import aws_cdk as cdk  # noqa: PLC0415 - takes seconds, and drawing does without
    from aws_cdk import aws_kinesisfirehose as firehose  # noqa: PLC0415

    import cdk_gtm_connector as gtm  # noqa: PLC0415

    app = cdk.App(outdir=str(directory))
    stack = cdk.Stack(app, "Shop")
    stream = firehose.DeliveryStream.from_delivery_stream_name(stack, "Stream", "events")
    gtm.GtmConnector(
        stack,
        "Gtm",
        destination=gtm.FirehoseDestination(stream),
        authorizer=gtm.SignedTokenAuthorizer(stack, "Token"),
        firewall=gtm.Firewall(),
        monitoring=gtm.Monitoring(invalid_percent=10),
    )
    app.synth(skip_validation=True)
    template: Mapping[str, Any] = json.loads((directory / "Shop.template.json").read_text("utf-8"))
    return template


def main() -> int:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as directory:
        picture = draw(widgets_of(synthesized(Path(directory))))
    PICTURE.write_text(picture, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

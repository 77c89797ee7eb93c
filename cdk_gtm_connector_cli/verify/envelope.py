"""Questions about the envelope: a request's ids, time and headers."""

from __future__ import annotations

import base64
import binascii
import time
from typing import TYPE_CHECKING, Final

from cdk_gtm_connector_cli.verify.endpoint import arrived, query
from cdk_gtm_connector_cli.verify.question import (
    CannotAskError,
    Conclusion,
    Evidence,
    Question,
    Source,
    all_hold,
)

if TYPE_CHECKING:
    from cdk_gtm_connector_cli.verify.deployment import Deployment
    from cdk_gtm_connector_cli.verify.probe import Probe


_DAY_MS: Final = 86_400_000


def _headers(_: Deployment) -> list[Probe]:
    site = "https://verify-header.invalid"
    return [
        query(
            f"the header {name}",
            "evat_v=1",
            (name.lower(), f"{site}/?a=%22"),
            **{name: f"{site}/?a=%22"},
        )
        for name in ("Origin", "ORIGIN", "referer", "Referer")
    ]


def _judge_headers(evidence: Evidence) -> Conclusion:
    wrong = []
    for each in arrived(evidence.observed):
        name, value = each.probe.data
        got = each.message.envelope.get(name) if each.message else None
        if got != value:
            wrong.append(f"{each.probe.about}: arrived as {got!r}")
    return all_hold(wrong, f"{len(evidence.observed)} requests")


_CHOSEN: Final = "Y2hvc2VuYnl0aGU="


def _client_ids(_: Deployment) -> list[Probe]:
    return [
        query(f"the header {name}", "evat_v=1", **{name: _CHOSEN})
        for name in ("x-amzn-RequestId", "x-amz-apigw-id", "X-Amzn-Trace-Id", "x-amz-cf-id")
    ]


def _judge_client_ids(evidence: Evidence) -> Conclusion:
    wrong = [
        f"{each.probe.about} chose the id"
        for each in arrived(evidence.observed)
        if each.message and _CHOSEN in each.message.envelope.get("id", "")
    ]
    return all_hold(wrong, "no client chose an id")


def _judge_padding(evidence: Evidence) -> Conclusion:
    ids = [
        each.message.envelope.get("id", "") for each in arrived(evidence.everything) if each.message
    ]
    if not ids:
        raise CannotAskError("no message came to the invalid-message queue")
    wrong = [f"{got!r}" for got in ids if not _is_padded(got)]
    if len(set(ids)) != len(ids):
        wrong.append(f"only {len(set(ids))} different ids in {len(ids)} messages")
    return all_hold(wrong, f"{len(ids)} ids, such as {ids[0]}")


def _is_padded(text: str) -> bool:
    try:
        return text.endswith("=") and bool(base64.b64decode(text, validate=True))
    except binascii.Error:
        return False


def _judge_id_header(evidence: Evidence) -> Conclusion:
    wrong = []
    seen = arrived(evidence.everything)
    for each in seen:
        header = each.answer.headers.get("x-amz-apigw-id")
        if each.message and header != each.message.envelope.get("id"):
            wrong.append(f"the header {header!r} for the id {each.message.envelope.get('id')!r}")
    if not seen:
        raise CannotAskError("no message came to the invalid-message queue")
    return all_hold(wrong, f"{len(seen)} answers")


def _judge_time(evidence: Evidence) -> Conclusion:
    now = time.time() * 1000
    times = [
        each.message.envelope.get("time", "")
        for each in arrived(evidence.everything)
        if each.message
    ]
    if not times:
        raise CannotAskError("no message came to the invalid-message queue")
    wrong = [it for it in times if not (it.isdecimal() and abs(int(it) - now) < _DAY_MS)]
    return all_hold(wrong, f"{len(times)} times, such as {times[0]}")


def _plain(_: Deployment) -> list[Probe]:
    return [
        query(f"a plain request, the {number}th", f"evat_v={number}") for number in range(1, 21)
    ]


QUESTIONS: Final = (
    Question(
        id="request-headers",
        assumed="A template finds a header whatever the case of its name, and its value is "
        "unchanged.",
        how="Requests with Origin, ORIGIN, referer and Referer, with an escape in the value.",
        breaks="allowed_origins rejects the wrong events, or accepts them.",
        remedy="Compare names in lower case in message.vtl; open an issue.",
        sources=(Source("local/emulator/__init__.py", "Header names arrive in lower case"),),
        probes=_headers,
        judge=_judge_headers,
    ),
    Question(
        id="client-ids",
        assumed="No header lets a client choose the extended request id.",
        how="Requests with an id in each of four headers.",
        breaks="A client can give two events the same id, so that one is taken for a duplicate.",
        remedy="Use $context.requestId and the message's id: decision 0009.",
        sources=(
            Source("docs/message.md", "`$context.extendedRequestId`, which a client cannot choose"),
        ),
        probes=_client_ids,
        judge=_judge_client_ids,
    ),
    Question(
        id="id-padding",
        assumed="Every extended request id ends with base64 padding and is unique.",
        how="The ids of all the run's messages, among them 20 plain requests.",
        breaks="Event ids are made from SQS's message ids, which differ between destinations.",
        remedy="Relax the check in gtm_events/message.py: decision 0009.",
        sources=(
            Source(
                "docs/decisions/0009-event-ids.md",
                "that `extendedRequestId` always ends in base64's padding",
            ),
        ),
        probes=_plain,
        judge=_judge_padding,
    ),
    Question(
        id="id-header",
        assumed="The answer's header x-amz-apigw-id is the id in the message.",
        how="All answers and messages of the run.",
        breaks="gtm-connector where cannot find an event by the id that the browser shows.",
        remedy="Search the access log by time and request id.",
        sources=(Source("issue 13", "The id that the browser sees (`x-amz-apigw-id`)"),),
        judge=_judge_id_header,
    ),
    Question(
        id="request-time",
        assumed="$context.requestTimeEpoch is in epoch milliseconds.",
        how="The times of all the run's messages.",
        breaks="Events have wrong times.",
        remedy="Convert the time in the template; open an issue.",
        sources=(Source("docs/message.md", "`$context.requestTimeEpoch`, epoch milliseconds"),),
        judge=_judge_time,
    ),
)

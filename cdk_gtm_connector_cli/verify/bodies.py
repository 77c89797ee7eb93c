"""Questions about posted bodies and their media types."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cdk_gtm_connector_cli.verify.endpoint import OURS, arrived, query, statuses
from cdk_gtm_connector_cli.verify.probe import Observed, Probe
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

FORM: Final = "application/x-www-form-urlencoded"
JSON_TYPES: Final = ("application/json", "text/plain")
_MOST_CHARACTERS: Final = 300_000
_DEFAULT_EVENTS: Final = 100
_GET_TYPES: Final = (
    "application/json",
    FORM,
    "text/plain",
    "multipart/form-data",
    "text/html",
    "text/xml",
    "application/xml",
    "application/octet-stream",
)


def posted(about: str, media_type: str, body: str | bytes, data: object = None) -> Probe:
    """Return a POST request."""
    content = body if isinstance(body, bytes) else body.encode()
    headers = {"Content-Type": media_type}
    return Probe(about=about, method="POST", headers=headers, body=content, data=data)


def malformed(about: str, media_type: str, body: str, data: object = None) -> Probe:
    """Return a POST request that the function rejects, whatever its endpoint id is."""
    return replace(posted(about, media_type, body, data), malformed=True)


def event(**others: object) -> dict[str, object]:
    """Return an event, for JSON, that the endpoint accepts and the function rejects."""
    return {"event": "verify", "endpoint_id": "{json_id}", "gtmcb": "{mark}", **others}


def rejected_json(**others: object) -> str:
    """Return a JSON body that the endpoint accepts and the function rejects."""
    return json.dumps(event(**others), ensure_ascii=False)


def _charsets(_: Deployment) -> list[Probe]:
    probes = []
    for parameter in (";charset=UTF-8", "; charset=utf-8", ';charset="utf-8"', "; x=1"):
        probes.append(posted(f"{FORM}{parameter}", FORM + parameter, OURS, 204))
        probes += [
            posted(f"{each}{parameter}", each + parameter, rejected_json(), 204)
            for each in JSON_TYPES
        ]
    return probes


def _get_types(_: Deployment) -> list[Probe]:
    return [query(f"a GET with {each}", "evat_v=1", 200, Content_Type=each) for each in _GET_TYPES]


def _empty_posts(_: Deployment) -> list[Probe]:
    return [
        Probe(
            about=f"an empty body {f'as {media_type}' if media_type else 'without a media type'}",
            method="POST",
            query=f"{OURS}&evat_v=1",
            headers={"Content-Length": "0"} | ({"Content-Type": media_type} if media_type else {}),
            data=["1"],
        )
        for media_type in (FORM, *JSON_TYPES, "text/plain;charset=UTF-8", "")
    ]


def _judge_empty_posts(evidence: Evidence) -> Conclusion:
    arrived(evidence.observed)
    wrong = []
    for each in evidence.observed:
        if not each.answer.accepted:
            wrong.append(f"{each.probe.about}: answered {each.answer.status}")
        elif each.message and each.message.values("evat_v") != each.probe.data:
            wrong.append(f"{each.probe.about}: its query did not arrive")
    return all_hold(wrong, f"{len(evidence.observed)} requests")


def _models(_: Deployment) -> list[Probe]:
    documents: dict[str, dict[str, object]] = {
        "no event": {"endpoint_id": "x", "gtmcb": "{mark}"},
        "an empty event": {"event": "", "endpoint_id": "x", "gtmcb": "{mark}"},
        "a list as an event": {"event": ["verify"], "endpoint_id": "", "gtmcb": "{mark}"},
        "no events": {"events": [], "gtmcb": "{mark}"},
        "an event without an id": {"events": [{"event": "verify", "gtmcb": "{mark}"}]},
    }
    return [
        malformed(f"{about} as {media_type}", media_type, json.dumps(document), 400)
        for media_type in JSON_TYPES
        for about, document in documents.items()
    ]


def _no_json(_: Deployment) -> list[Probe]:
    return [
        malformed(f"{body} as {media_type}", media_type, body, 400)
        for media_type in JSON_TYPES
        for body in ("{mark}", '"{mark}"', '["{mark}"', '{"event":"verify","gtmcb":"{mark}"')
    ]


def _unvalidated(_: Deployment) -> list[Probe]:
    return [malformed("a form without an event", FORM, "endpoint_id=x&gtmcb={mark}", 204)]


def _counts(deployment: Deployment) -> list[Probe]:
    most = int(deployment.environment.get("ANONYMOUS_MAX_EVENTS_PER_REQUEST") or _DEFAULT_EVENTS)
    return [
        posted(
            f"{number} events as {media_type}",
            media_type,
            json.dumps({"events": [event()] * number}, ensure_ascii=False),
            number <= most,
        )
        for media_type in JSON_TYPES
        for number in (1, most, most + 1)
    ]


def _judge_counts(evidence: Evidence) -> Conclusion:
    wrong = []
    for each in evidence.observed:
        answer = each.answer
        if each.probe.data:
            if not answer.accepted:
                wrong.append(f"{each.probe.about}: answered {answer.status}")
        elif answer.status != 400 or "at most" not in answer.body:  # noqa: PLR2004 - HTTP's
            wrong.append(f"{each.probe.about}: answered {answer.status} {answer.body[:60]!r}")
    return all_hold(wrong, f"{len(evidence.observed)} requests")


def _sizes(_: Deployment) -> list[Probe]:
    beginning = f"{OURS}&evat_v="
    room = 40 + 306  # how much longer the mark and the blank id are than their placeholders
    return [
        posted(
            f"a body of about {length:,} characters",
            FORM,
            beginning + "x" * (length - len(beginning) - room),
            status,
        )
        for length, status in ((60_000, 204), (270_000, 204), (299_000, 204), (310_000, 413))
    ]


def _texts(_: Deployment) -> list[Probe]:
    text = "é€日本\U0001f600"
    probes = [
        posted(f"UTF-8 as {each}", each, rejected_json(evat_v=text), text)
        for each in ("application/json", "text/plain;charset=UTF-8")
    ]
    form = OURS.encode() + b"&evat_v="
    return [
        *probes,
        posted("UTF-8 in a form", FORM, form + text.encode(), text),
        posted("a byte that is not UTF-8 in a form", FORM, form + b"a\xe4b", "a\ufffdb"),
    ]


def _judge_texts(evidence: Evidence) -> Conclusion:
    wrong = []
    for each in evidence.observed:
        if each.message is None:
            wrong.append(f"{each.probe.about}: {_missing_message(each)}")
        elif each.probe.data not in (body := "".join(each.message.values("body"))):
            wrong.append(f"{each.probe.about}: arrived as {body[-40:]!r}")
    if all(each.message is None for each in evidence.observed):
        raise CannotAskError("none of these requests reached the invalid-message queue")
    return all_hold(wrong, f"{len(evidence.observed)} bodies")


def _missing_message(observed: Observed) -> str:
    return f"answered {observed.answer.status}, and no message came"


_0012: Final = "docs/decisions/0012-refusing-at-the-door.md"

QUESTIONS: Final = (
    Question(
        id="charsets",
        assumed="API Gateway ignores parameters of a media type, such as charset.",
        how="POST requests in each media type, with four kinds of parameters.",
        breaks="Beacons and libraries that send a charset get 415.",
        remedy="List these media types with their parameters in event_methods.py, as "
        "`;charset=UTF-8` is.",
        sources=(
            Source(_0012, "whether a media type's parameters are ignored"),
            Source("local/emulator/__init__.py", "A media type's parameters are ignored"),
            Source(
                "cdk_gtm_connector/event_methods.py",
                "A parameter such as charset is commonly held to be no part of the type",
            ),
        ),
        probes=_charsets,
        judge=statuses,
    ),
    Question(
        id="get-media-types",
        assumed="A GET is accepted with each of eight common values of Content-Type.",
        how="A GET with each of them.",
        breaks="Tags of clients that send the header with every request get 415.",
        remedy="Add the media type in event_methods.py; open an issue.",
        sources=(Source(_0012, "API Gateway knows no wildcard"),),
        probes=_get_types,
        judge=statuses,
    ),
    Question(
        id="empty-bodies",
        assumed="A POST with an empty body is valid, and its query is read.",
        how="POST requests with an empty body, in each media type and without one.",
        breaks="sendBeacon(url) without data gets 400.",
        remedy="Say in README that a beacon needs a body, or change max_properties in "
        "json_body.py.",
        sources=(
            Source(_0012, "whether the validator takes an empty body"),
            Source(
                "local/emulator/__init__.py",
                "It is unknown whether API Gateway shows them ``{}``",
            ),
        ),
        probes=_empty_posts,
        judge=_judge_empty_posts,
    ),
    Question(
        id="json-model",
        assumed="JSON without a required member is refused, as text/plain too.",
        how="Five such bodies, as application/json and as text/plain.",
        breaks="Such tags report success, and their events end as invalid messages.",
        remedy="Check in events.vtl that the members are there; open an issue.",
        sources=(Source(_0012, "holds `text/plain` to its model"),),
        probes=_models,
        judge=statuses,
    ),
    Question(
        id="no-json",
        assumed="A body that is not JSON is refused, whatever $input.path returns for it.",
        how="Four such bodies, as application/json and as text/plain.",
        breaks="Such tags report success, and their events end as invalid messages.",
        remedy="Check $input.body in body.vtl; open an issue.",
        sources=(Source(_0012, "what `$input.path` makes of a body that is no JSON"),),
        probes=_no_json,
        judge=statuses,
    ),
    Question(
        id="forms-unvalidated",
        assumed="API Gateway does not validate a form against the model for JSON.",
        how="A form without an event: the function rejects it, not the endpoint.",
        breaks="Every form is refused with 400.",
        remedy="Give forms a model of their own in event_methods.py.",
        sources=(Source("issue 3", "that a form POST is not validated against the JSON model"),),
        probes=_unvalidated,
        judge=statuses,
    ),
    Question(
        id="json-counts",
        assumed="API Gateway's template engine counts the events of a list as both engines of the "
        "tests do.",
        how="Lists of one event, of as many as are allowed, and of one more, in two media types.",
        breaks="Every JSON body is refused, or no limit applies.",
        remedy="Leave the limit to the function (max_events_per_request=100), not to events.vtl; "
        "open an issue.",
        sources=(
            Source(
                "docs/decisions/0020-limits-that-count-events.md",
                "that API Gateway's engine counts as both engines here do",
            ),
        ),
        probes=_counts,
        judge=_judge_counts,
    ),
    Question(
        id="body-sizes",
        assumed="The endpoint accepts bodies of up to 300,000 characters, with SNS too. A larger "
        "one gets 413.",
        how="Forms of 60,000, 270,000, 299,000 and 310,000 characters.",
        breaks="Large bodies get 502, which makes the client send them again.",
        remedy="Change MAX_BODY_CHARACTERS in endpoint.py, or the words that mapping.py looks for.",
        sources=(
            Source(
                "docs/decisions/0008-fan-out.md",
                "that API Gateway passes a form body of more than 256 KiB on to SNS",
            ),
            Source("issue 13", "SNS's refusals and sizes"),
        ),
        probes=_sizes,
        judge=statuses,
    ),
    Question(
        id="body-texts",
        assumed="Bodies are read as UTF-8. A byte that is not UTF-8 becomes U+FFFD.",
        how="UTF-8 in JSON and in a form, and a Latin-1 byte in a form.",
        breaks="Posted values outside ASCII arrive as other characters.",
        remedy="Set binaryMediaTypes, and decode the body in a template; open an issue.",
        sources=(Source("issue 9", "U+FFFD"),),
        probes=_texts,
        judge=_judge_texts,
    ),
)

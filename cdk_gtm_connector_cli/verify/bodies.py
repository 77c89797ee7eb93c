"""Questions about what the endpoint answers, and about posted bodies."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from cdk_gtm_connector_cli.verify.door import OURS, arrived, query, statuses
from cdk_gtm_connector_cli.verify.probe import BLANK_TEXT, Observed, Probe
from cdk_gtm_connector_cli.verify.question import (
    Asked,
    CannotAskError,
    Finding,
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
    """Return a POST."""
    content = body if isinstance(body, bytes) else body.encode()
    headers = {"Content-Type": media_type}
    return Probe(about=about, method="POST", headers=headers, body=content, data=data)


def malformed(about: str, media_type: str, body: str, data: object = None) -> Probe:
    """Return a POST that the function rejects, whatever its endpoint id is."""
    return replace(posted(about, media_type, body, data), malformed=True)


def event(**others: object) -> dict[str, object]:
    """Return an event that the endpoint takes and the function rejects, for JSON."""
    return {"event": "verify", "endpoint_id": BLANK_TEXT, "gtmcb": "{mark}", **others}


def rejected_json(**others: object) -> str:
    """Return a JSON body that the endpoint takes and the function rejects."""
    return json.dumps(event(**others), ensure_ascii=False)


def _empty_answers(_: Deployment) -> list[Probe]:
    return [
        posted("a POST", FORM, OURS, 204),
        Probe(
            about="a preflight",
            method="OPTIONS",
            headers={
                "Origin": "https://shop.example",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            },
            data=204,
        ),
    ]


def _judge_empty(asked: Asked) -> Finding:
    wrong = []
    for each in asked.observed:
        if each.answer.status != each.probe.data:
            wrong.append(f"{each.probe.about}: answered {each.answer.status}")
        elif each.answer.body or each.answer.headers.get("content-length", "0") != "0":
            wrong.append(f"{each.probe.about}: its answer has a body, {each.answer.body[:40]!r}")
    return all_hold(wrong, "204 without a body")


def _errors(_: Deployment) -> list[Probe]:
    return [
        Probe(about="a parameter missing", query="gtmcb={mark}", data=400),
        Probe(about="another path", path="/verify", query="gtmcb={mark}", data=403),
        Probe(about="another method", method="PUT", query=OURS, data=403),
        Probe(
            about="another media type",
            query=OURS,
            headers={"Content-Type": "video/mp4"},
            data=415,
        ),
        malformed("a POST of another media type", "video/mp4", "{mark}", 415),
    ]


def _judge_errors(asked: Asked) -> Finding:
    wrong = []
    for each in asked.observed:
        if each.answer.status != each.probe.data:
            wrong.append(
                f"{each.probe.about}: answered {each.answer.status}, not {each.probe.data}"
            )
        elif "access-control-allow-origin" not in each.answer.headers:
            wrong.append(f"{each.probe.about}: no script may read the answer")
    return all_hold(wrong, f"{len(asked.observed)} requests")


def _order(deployment: Deployment) -> list[Probe]:
    probes = [
        Probe(
            about="a parameter missing and another media type",
            query="gtmcb={mark}",
            headers={"Content-Type": "video/mp4"},
            data=400,
        )
    ]
    if deployment.authenticated_url:
        path = "/authenticated"
        probes += [
            Probe(about="no token and no event", path=path, query="gtmcb={mark}", data=401),
            Probe(about="no token", path=path, query=OURS, data=401),
        ]
    return probes


def _echo(deployment: Deployment) -> list[Probe]:
    return [
        query(f"the site {site}", "evat_v=1", site, Origin=site)
        for site in (deployment.origins or [])[:3]
        if "*" not in site
    ]


def _judge_echo(asked: Asked) -> Finding:
    if not asked.observed:
        raise CannotAskError("every site may read answers: set allowed_origins to ask")
    wrong = [
        f"{each.probe.about}: allowed is {got!r}"
        for each in asked.observed
        if (got := each.answer.headers.get("access-control-allow-origin")) != each.probe.data
    ]
    return all_hold(wrong, f"{len(asked.observed)} sites")


def _words(deployment: Deployment) -> list[Probe]:
    return [
        Probe(
            about=f"endpoint_id is {word}",
            query=f"event=verify&endpoint_id={word}&gtmcb={{mark}}",
            data=word,
        )
        for word in (deployment.setting("UNSET_VALUES") or [])
        if word.isalpha()
    ] + [
        Probe(
            about="endpoint_id is white space",
            query="event=verify&endpoint_id=%C2%A0&gtmcb={mark}",
            data="blank",
        )
    ]


def _judge_words(asked: Asked, *, topic: bool) -> Finding:
    if topic != bool(asked.deployment.topic_arn):
        raise CannotAskError(f"the connector has {'no' if topic else 'a'} topic before its queues")
    wrong = []
    for each in asked.observed:
        if each.answer.status != 400:  # noqa: PLR2004 - HTTP's
            wrong.append(f"{each.probe.about}: answered {each.answer.status}, not 400")
        elif "endpoint_id" not in each.answer.body or each.probe.data not in each.answer.body:
            wrong.append(f"{each.probe.about}: the sentence is {each.answer.body[:80]!r}")
    return all_hold(wrong, f"{len(asked.observed)} requests")


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
            about=f"an empty body as {media_type or 'nothing'}",
            method="POST",
            query=f"{OURS}&evat_v=1",
            headers={"Content-Length": "0"} | ({"Content-Type": media_type} if media_type else {}),
            data=["1"],
        )
        for media_type in (FORM, *JSON_TYPES, "text/plain;charset=UTF-8", "")
    ]


def _judge_empty_posts(asked: Asked) -> Finding:
    arrived(asked.observed)
    wrong = []
    for each in asked.observed:
        if not each.answer.accepted:
            wrong.append(f"{each.probe.about}: answered {each.answer.status}")
        elif each.raw and each.raw.values("evat_v") != each.probe.data:
            wrong.append(f"{each.probe.about}: its query did not arrive")
    return all_hold(wrong, f"{len(asked.observed)} requests")


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


def _judge_counts(asked: Asked) -> Finding:
    wrong = []
    for each in asked.observed:
        answer = each.answer
        if each.probe.data:
            if not answer.accepted:
                wrong.append(f"{each.probe.about}: answered {answer.status}")
        elif answer.status != 400 or "at most" not in answer.body:  # noqa: PLR2004 - HTTP's
            wrong.append(f"{each.probe.about}: answered {answer.status} {answer.body[:60]!r}")
    return all_hold(wrong, f"{len(asked.observed)} requests")


def _sizes(_: Deployment) -> list[Probe]:
    beginning = f"{OURS}&evat_v="
    room = 40 + 306  # what the mark and the blank id are longer than their names here
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
        posted("UTF-8 in JSON", each, rejected_json(evat_v=text), text)
        for each in ("application/json", "text/plain;charset=UTF-8")
    ]
    form = OURS.encode() + b"&evat_v="
    return [
        *probes,
        posted("UTF-8 in a form", FORM, form + text.encode(), text),
        posted("a byte that is no UTF-8 in a form", FORM, form + b"a\xe4b", "a\ufffdb"),
    ]


def _judge_texts(asked: Asked) -> Finding:
    wrong = []
    for each in asked.observed:
        if each.raw is None:
            wrong.append(f"{each.probe.about}: {_missing(each)}")
        elif each.probe.data not in (body := "".join(each.raw.values("body"))):
            wrong.append(f"{each.probe.about}: arrived as {body[-40:]!r}")
    if all(each.raw is None for each in asked.observed):
        raise CannotAskError("no message of these requests came to the invalid-message queue")
    return all_hold(wrong, f"{len(asked.observed)} bodies")


def _missing(observed: Observed) -> str:
    return f"answered {observed.answer.status}, and no message came"


_0012: Final = "docs/decisions/0012-refusing-at-the-door.md"

QUESTIONS: Final = (
    Question(
        id="empty-answers",
        assumed="An answer with status 204 has no body, of a POST and of a preflight.",
        how="A POST, and a preflight.",
        breaks="Some clients wait for a body, or report an error.",
        mends="Answer 200 with a text: event_methods.py; issue.",
        sources=(
            Source("local/emulator.py", "an answer with status 204, as to a preflight, has none"),
            Source("issue 13", "empty answers' bodies"),
        ),
        probes=_empty_answers,
        judge=_judge_empty,
    ),
    Question(
        id="error-answers",
        assumed="Every error has the status that docs name, and lets scripts read it.",
        how="A missing parameter, another path, method and media type.",
        breaks="Scripts see a network error where docs/troubleshooting.md names a status.",
        mends="gateway responses in cdk_gtm_connector/cors.py; issue.",
        sources=(Source("issue 9", "media types with a charset"),),
        probes=_errors,
        judge=_judge_errors,
    ),
    Question(
        id="order-of-checks",
        assumed="API Gateway asks the authorizer first, then for parameters, then for a template.",
        how="Requests that are wrong in two ways.",
        breaks="Only which of two errors a tag shows first.",
        mends="The local endpoint and docs/troubleshooting.md.",
        sources=(Source("issue 13", "order of checks"),),
        probes=_order,
        judge=statuses,
    ),
    Question(
        id="origin-echo",
        assumed="$input.params().header is filled in the response templates of an SQS or SNS "
        "integration.",
        how="A request of each site of allowed_origins; the answer has to name it.",
        breaks="Scripts of the site cannot read answers. Nothing else changes.",
        mends="Allow one site only, or all: the header is static then; issue.",
        sources=(
            Source("docs/decisions/0006-access.md", "that `$input.params().header` is filled"),
        ),
        probes=_echo,
        judge=_judge_echo,
    ),
    Question(
        id="sqs-refusal",
        assumed="SQS refuses a delay over 900 seconds in words that hold it, which reach the "
        "response template as JSON.",
        how="An endpoint id for each word of unset_values, and one of white space.",
        breaks="Such tags fail with 502, or with a sentence that names no word.",
        mends="mapping.send_message(): the words asked for; decision 0012.",
        sources=(Source("issue 3", "the words of SQS's refusals behind 413"),),
        probes=_words,
        judge=lambda asked: _judge_words(asked, topic=False),
    ),
    Question(
        id="sns-refusal",
        assumed="SNS looks at attributes before MessageStructure, and its refusal reaches the "
        "response template as JSON.",
        how="As for SQS, on a connector with several destinations.",
        breaks="Such tags fail with 502, or with a sentence that names no word.",
        mends="mapping.publish(): the words asked for; decision 0012.",
        sources=(
            Source(_0012, "whether SNS looks at the attribute first"),
            Source(
                "docs/decisions/0008-fan-out.md",
                "that SNS's refusals reach the response template as JSON with these words",
            ),
        ),
        probes=_words,
        judge=lambda asked: _judge_words(asked, topic=True),
    ),
    Question(
        id="charsets",
        assumed="Parameters of a media type, such as charset, are no part of it.",
        how="Four kinds of parameters with each media type of a POST.",
        breaks="Beacons and libraries that name a charset get 415.",
        mends="Name these in full in event_methods.py, as `;charset=UTF-8` is.",
        sources=(
            Source(_0012, "whether a media type's parameters are ignored"),
            Source("local/emulator.py", "A media type's parameters are no part of it"),
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
        assumed="A GET is one whatever Content-Type it carries, of the eight that are named.",
        how="A GET with each of them.",
        breaks="Tags of clients that set the header on each request get 415.",
        mends="event_methods.py; issue.",
        sources=(Source(_0012, "API Gateway knows no wildcard"),),
        probes=_get_types,
        judge=statuses,
    ),
    Question(
        id="empty-bodies",
        assumed="A POST with an empty body passes the validator, and is read from its query.",
        how="An empty body with each media type and with none.",
        breaks="sendBeacon(url) without data is answered 400.",
        mends="README: give the beacon a body; the model's maxProperties in json_body.py.",
        sources=(
            Source(_0012, "whether the validator takes an empty body"),
            Source("local/emulator.py", "whether API Gateway shows them ``{}`` is not known here"),
        ),
        probes=_empty_posts,
        judge=_judge_empty_posts,
    ),
    Question(
        id="json-model",
        assumed="Model or template refuse JSON without its required parts, as text/plain too.",
        how="Five such bodies as application/json and as text/plain.",
        breaks="Such tags turn green, and their events end as invalid messages.",
        mends="events.vtl looks for presence as well; issue.",
        sources=(Source(_0012, "holds `text/plain` to its model"),),
        probes=_models,
        judge=statuses,
    ),
    Question(
        id="no-json",
        assumed="A body that is no JSON is refused, whatever $input.path makes of it.",
        how="Four such bodies as application/json and as text/plain.",
        breaks="Such tags turn green, and their events end as invalid messages.",
        mends="body.vtl has to look at $input.body; issue.",
        sources=(Source(_0012, "what `$input.path` makes of a body that is no JSON"),),
        probes=_no_json,
        judge=statuses,
    ),
    Question(
        id="forms-unvalidated",
        assumed="A form's body is held to no model: the one for JSON is not for it.",
        how="A form without an event.",
        breaks="Every form is refused with 400.",
        mends="Give POST forms a model of their own in event_methods.py.",
        sources=(Source("issue 3", "that a form POST is not validated against the JSON model"),),
        probes=_unvalidated,
        judge=statuses,
    ),
    Question(
        id="json-counts",
        assumed="API Gateway's engine counts a list's events as both engines of the tests do.",
        how="One event, as many as are allowed, and one more, in two media types.",
        breaks="Every JSON body is refused, and none is queued; or no limit holds.",
        mends="events.vtl: leave the limit to the function (max_events_per_request=100); issue.",
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
        assumed="A body of up to 300,000 characters is taken, also by SNS; a larger one is "
        "answered 413.",
        how="Forms of 60,000, 270,000, 299,000 and 310,000 characters.",
        breaks="Large bodies get 502, which tells the client to send them again.",
        mends="MAX_BODY_CHARACTERS in endpoint.py; the words in mapping.py.",
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
        assumed="Bodies are read as UTF-8, and a byte that is none becomes U+FFFD.",
        how="UTF-8 in JSON and in a form, and a byte of Latin 1 in a form.",
        breaks="Posted values outside ASCII arrive as other characters.",
        mends="binaryMediaTypes and a template of its own; issue.",
        sources=(Source("issue 9", "U+FFFD"),),
        probes=_texts,
        judge=_judge_texts,
    ),
)

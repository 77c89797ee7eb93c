"""Questions about what the endpoint answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cdk_gtm_connector_cli.verify.bodies import FORM, malformed, posted
from cdk_gtm_connector_cli.verify.endpoint import OURS, query, statuses
from cdk_gtm_connector_cli.verify.probe import Probe
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

_0012: Final = "docs/decisions/0012-refusing-at-the-door.md"


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


def _judge_empty(evidence: Evidence) -> Conclusion:
    wrong = []
    for each in evidence.observed:
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


def _judge_errors(evidence: Evidence) -> Conclusion:
    wrong = []
    for each in evidence.observed:
        if each.answer.status != each.probe.data:
            wrong.append(
                f"{each.probe.about}: answered {each.answer.status}, not {each.probe.data}"
            )
        elif "access-control-allow-origin" not in each.answer.headers:
            wrong.append(f"{each.probe.about}: no script may read the answer")
    return all_hold(wrong, f"{len(evidence.observed)} requests")


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


def _judge_echo(evidence: Evidence) -> Conclusion:
    if not evidence.observed:
        raise CannotAskError("every site may read answers, because allowed_origins is not set")
    wrong = [
        f"{each.probe.about}: the header allows {got!r}"
        for each in evidence.observed
        if (got := each.answer.headers.get("access-control-allow-origin")) != each.probe.data
    ]
    return all_hold(wrong, f"{len(evidence.observed)} sites")


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


def _judge_words(evidence: Evidence, *, topic: bool) -> Conclusion:
    if topic != bool(evidence.deployment.topic_arn):
        raise CannotAskError(f"the connector has {'no' if topic else 'a'} topic before its queues")
    wrong = []
    for each in evidence.observed:
        if each.answer.status != 400:  # noqa: PLR2004 - HTTP's
            wrong.append(f"{each.probe.about}: answered {each.answer.status}, not 400")
        elif "endpoint_id" not in each.answer.body or each.probe.data not in each.answer.body:
            wrong.append(f"{each.probe.about}: the text is {each.answer.body[:80]!r}")
    return all_hold(wrong, f"{len(evidence.observed)} requests")


QUESTIONS: Final = (
    Question(
        id="empty-answers",
        assumed="An answer with status 204 has no body, to a POST and to a preflight.",
        how="A POST and a preflight.",
        breaks="Some clients wait for a body, or report an error.",
        remedy="Answer 200 with a text in event_methods.py; open an issue.",
        sources=(
            Source(
                "local/emulator/patches/integrations.py", "body is empty, as it is with status 204."
            ),
            Source("issue 13", "empty answers' bodies"),
        ),
        probes=_empty_answers,
        judge=_judge_empty,
    ),
    Question(
        id="error-answers",
        assumed="Every error has the documented status, and scripts may read the answer.",
        how="Requests with a missing parameter, and with another path, method and media type.",
        breaks="Scripts see a network error instead of the status in docs/troubleshooting.md.",
        remedy="Change the gateway responses in cdk_gtm_connector/cors.py; open an issue.",
        sources=(Source("issue 9", "media types with a charset"),),
        probes=_errors,
        judge=_judge_errors,
    ),
    Question(
        id="order-of-checks",
        assumed="API Gateway checks the token first, then the parameters, then the media type.",
        how="Requests with two mistakes.",
        breaks="Only which of the two errors a tag sees.",
        remedy="Correct the local endpoint and docs/troubleshooting.md.",
        sources=(Source("issue 13", "order of checks"),),
        probes=_order,
        judge=statuses,
    ),
    Question(
        id="origin-echo",
        assumed="The response templates of an SQS or SNS integration can read the request's "
        "headers with $input.params().header.",
        how="A request from each site of allowed_origins. The answer must name the site.",
        breaks="Scripts of the site cannot read the answers. Nothing else changes.",
        remedy="Allow one site or all sites, which makes the header constant; open an issue.",
        sources=(
            Source("docs/decisions/0006-access.md", "that `$input.params().header` is filled"),
        ),
        probes=_echo,
        judge=_judge_echo,
    ),
    Question(
        id="sqs-refusal",
        assumed="SQS refuses a delay of more than 900 seconds with a message that quotes it, and "
        "the response template gets this message as JSON.",
        how="Requests with each word of unset_values as the endpoint id, and with white space.",
        breaks="Such tags fail with 502, or with a text that does not name the word.",
        remedy="Correct the words that mapping.send_message() looks for: decision 0012.",
        sources=(Source("issue 3", "the words of SQS's refusals behind 413"),),
        probes=_words,
        judge=lambda evidence: _judge_words(evidence, topic=False),
    ),
    Question(
        id="sns-refusal",
        assumed="SNS checks attributes before MessageStructure, and the response template gets "
        "its refusal as JSON.",
        how="The same requests as for SQS, to a connector with several destinations.",
        breaks="Such tags fail with 502, or with a text that does not name the word.",
        remedy="Correct the words that mapping.publish() looks for: decision 0012.",
        sources=(
            Source(_0012, "whether SNS looks at the attribute first"),
            Source(
                "docs/decisions/0008-fan-out.md",
                "that SNS's refusals reach the response template as JSON with these words",
            ),
        ),
        probes=_words,
        judge=lambda evidence: _judge_words(evidence, topic=True),
    ),
)

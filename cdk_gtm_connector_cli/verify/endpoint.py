"""Questions about URLs: how API Gateway reads a query."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cdk_gtm_connector_cli.verify.probe import Observed, Probe, fill, mark
from cdk_gtm_connector_cli.verify.question import (
    CannotAskError,
    Conclusion,
    Evidence,
    Question,
    Source,
    all_hold,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_gtm_connector_cli.verify.deployment import Deployment

OURS: Final = "event=verify&endpoint_id={blank}&gtmcb={mark}"
"""The parameters that make the function reject a request."""

_URL_TAKEN: Final = 10_000
_URL_REFUSED: Final = 10_400


def query(about: str, text: str, data: object = None, **headers: str) -> Probe:
    """Return a GET request whose query begins with :data:`OURS`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Probe(about=about, query=f"{OURS}&{text}", data=data, headers=named)


def arrived(observed: Sequence[Observed]) -> list[Observed]:
    """Return the observed probes that have a message.

    Raises:
        CannotAskError: Requests were accepted, but none has a message.
    """
    found = [each for each in observed if each.message is not None]
    if not found and any(each.answer.accepted for each in observed):
        raise CannotAskError("none of these requests reached the invalid-message queue")
    return found


def values_arrive(evidence: Evidence, name: str = "evat_v") -> Conclusion:
    """Judge whether each probe's values arrived as its ``data`` lists them."""
    arrived(evidence.observed)
    wrong = []
    for each in evidence.observed:
        if each.message is None:
            wrong.append(f"{each.probe.about}: {_lost(each)}")
        elif (got := each.message.values(name)) != each.probe.data:
            wrong.append(f"{each.probe.about}: arrived as {json.dumps(got)}")
    return all_hold(wrong, f"{len(evidence.observed)} requests")


def _lost(observed: Observed) -> str:
    if observed.answer.accepted:
        return f"answered {observed.answer.status}, and no message came"
    return f"answered {observed.answer.status}"


def statuses(evidence: Evidence, *, words: str = "") -> Conclusion:
    """Judge whether each probe got the status in its ``data``."""
    wrong = []
    for each in evidence.observed:
        status, answer = each.probe.data, each.answer
        if answer.status != status:
            wrong.append(f"{each.probe.about}: answered {answer.status}, not {status}")
        elif words and words not in answer.body:
            wrong.append(f"{each.probe.about}: the answer does not say {words!r}")
    return all_hold(wrong, f"{len(evidence.observed)} requests")


def _decoding(_: Deployment) -> list[Probe]:
    texts = [chr(code) for code in range(0x20, 0x7F)]
    texts += ["é", "€", "日本", "\U0001f600", "%41", "a+b", 'a"b\\c', "line\nbreak", "\t", "&=;#"]
    return [query(f"{text!r} encoded", f"evat_v={_encode(text)}", [text]) for text in texts] + [
        query("a plus sign", "evat_v=a+b", ["a b"])
    ]


def _encode(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _literal(characters: str) -> list[Probe]:
    return [
        query(f"{character!r} unencoded", f"evat_v=a{character}b", [f"a{character}b"])
        for character in characters
    ]


def _repeated(_: Deployment) -> list[Probe]:
    return [
        query("twice", "evat_v=1&evat_v=2", ["2"]),
        query("three times", "evat_v=3&evat_v=1&evat_v=2", ["2"]),
        query("the last one empty", "evat_v=1&evat_v=", [""]),
        query("another parameter between", "evat_v=1&evat_w=x&evat_v=2", ["2"]),
    ]


def _bad_utf8(_: Deployment) -> list[Probe]:
    return [
        query(text, f"evat_v={text}", [expected])
        for text, expected in (("%ff", "\ufffd"), ("%e4bc", "\ufffdbc"), ("a%c3(", "a\ufffd("))
    ]


def _long_urls(deployment: Deployment) -> list[Probe]:
    ours = len(urlsplit(deployment.endpoint_url).path) + 1
    ours += len(fill(f"{OURS}&evat_v=", mark("a" * 8, 0)))
    return [
        query(f"{length:,} characters", f"evat_v={'x' * (length - ours)}", taken)
        for length, taken in ((_URL_TAKEN, True), (_URL_REFUSED, False))
    ]


def _judge_long_urls(evidence: Evidence) -> Conclusion:
    wrong = []
    for each in evidence.observed:
        if each.answer.accepted != each.probe.data:
            wrong.append(f"{each.probe.about}: answered {each.answer.status}")
        elif (
            each.probe.data
            and each.message
            and len(each.message.values("evat_v")[0]) < _URL_TAKEN // 2
        ):
            wrong.append(f"{each.probe.about}: the value arrived cut off")
    refused = next(each.answer.status for each in evidence.observed if not each.probe.data)
    return all_hold(wrong, f"a longer URL gets {refused}")


def _many(_: Deployment) -> list[Probe]:
    return [query("1,100 parameters", "&".join(f"p{number}=" for number in range(1_100)))]


def _judge_many(evidence: Evidence) -> Conclusion:
    (each,) = evidence.observed
    wrong = []
    if each.message is None:
        wrong.append(_lost(each))
    elif len(each.message.parameters) != 1_000:  # noqa: PLR2004 - the quota
        wrong.append(f"{len(each.message.parameters):,} of 1,103 parameters arrived")
    return all_hold(wrong, "1,000 of 1,103 parameters arrived")


def _blank(_: Deployment) -> list[Probe]:
    return [
        Probe(about=about, query=f"gtmcb={{mark}}&{text}", data=400)
        for about, text in (
            ("no event", "endpoint_id={blank}"),
            ("an empty event", "event=&endpoint_id={blank}"),
            ("an event without =", "event&endpoint_id={blank}"),
            ("an empty endpoint_id", "event=verify&endpoint_id="),
        )
    ]


def _judge_blank(evidence: Evidence) -> Conclusion:
    return statuses(evidence, words="Missing required request parameters")


QUESTIONS: Final = (
    Question(
        id="decoding",
        assumed="$input.params() returns the values of a query decoded once.",
        how="Requests with each printable ASCII character and some others, percent-encoded. Each "
        "message must hold the original value.",
        breaks="Values arrive with escapes in them, or a % in a value changes it.",
        remedy="Change what query.vtl decodes before it calls $util.urlEncode; open an issue.",
        sources=(
            Source("local/emulator/__init__.py", "Malformed percent-escapes (``%zz``) and escapes"),
            Source("issue 13", "decoding of values"),
        ),
        probes=_decoding,
        judge=values_arrive,
    ),
    Question(
        id="literal-characters",
        assumed="Characters that RFC 3986 allows in a query arrive unchanged.",
        how="Requests with each of these characters, unencoded, in a value.",
        breaks="Values that contain page URLs are cut off or changed.",
        remedy="Encode the variable in Google Tag Manager, and say so in README.",
        sources=(Source("issue 13", "decoding of values"),),
        probes=lambda _: _literal("!$'()*,-./:?@_~"),
        judge=values_arrive,
    ),
    Question(
        id="browser-characters",
        assumed="Characters that browsers leave unencoded, although RFC 3986 does not allow them "
        "in a query, arrive unchanged.",
        how="Requests with [ ] { } ^ ` and \\, unencoded, in a value.",
        breaks="A tag with such a value fails, or the value is lost.",
        remedy="Encode the variable in Google Tag Manager, with encodeURIComponent.",
        sources=(Source("issue 13", "decoding of values"),),
        probes=lambda _: _literal("[]{}^`\\"),
        judge=values_arrive,
    ),
    Question(
        id="repeated-parameters",
        assumed="If a parameter is repeated, its last value counts.",
        how="Requests that repeat a parameter two and three times.",
        breaks="An event has one of the other values.",
        remedy="Read multiValueQueryString in query.vtl; open an issue.",
        sources=(
            Source("local/emulator/targets.py", "the last of several values counts"),
            Source("issue 13", "repeated parameters"),
        ),
        probes=_repeated,
        judge=values_arrive,
    ),
    Question(
        id="semicolon",
        assumed="A semicolon separates parameters, like &.",
        how="A request with evat_v=a;evat_w=b.",
        breaks="Nothing. The semicolon is then part of the value, and README's warning is "
        "needless.",
        remedy="Remove the warning from README, and split_query from local/.",
        sources=(
            Source("local/emulator/targets.py", "A query string is split at ``;`` and at ``&``"),
        ),
        probes=lambda _: [query("a semicolon", "evat_v=a;evat_w=b", ["a"])],
        judge=values_arrive,
    ),
    Question(
        id="pipe",
        assumed="A request with an unencoded | is refused with status 400.",
        how="A request with evat_v=a|b.",
        breaks="Nothing if the request is accepted. If another status refuses it, the tag fails "
        "as before.",
        remedy="Change refuse() in local/ and the documentation.",
        sources=(Source("local/emulator/targets.py", "The statuses 414 and 400 are a guess"),),
        probes=lambda _: [query("a pipe", "evat_v=a|b", 400)],
        judge=statuses,
    ),
    Question(
        id="bad-utf8",
        assumed="A percent-escape that is not UTF-8 arrives as U+FFFD, and the request is "
        "accepted.",
        how="Requests with %ff, %e4bc and a%c3(.",
        breaks="Events from pages in another encoding fail, or arrive with other characters.",
        remedy="Describe it in README. The endpoint has no code that could change it.",
        sources=(
            Source("local/emulator/__init__.py", "escapes that are not UTF-8 are not refused"),
        ),
        probes=_bad_utf8,
        judge=values_arrive,
    ),
    Question(
        id="bad-escapes",
        assumed="A % that does not begin an escape arrives unchanged.",
        how="Requests with %zz, 100%, %4 and 50%25%.",
        breaks="A tag with such a value fails, or the value is lost.",
        remedy="Describe it in docs/gtm.md. A Custom Image tag encodes values itself.",
        sources=(Source("local/emulator/__init__.py", "Malformed percent-escapes (``%zz``)"),),
        probes=lambda _: [
            query("%zz", "evat_v=%zz", ["%zz"]),
            query("100%", "evat_v=100%", ["100%"]),
            query("%4", "evat_v=%4", ["%4"]),
            query("50%25%", "evat_v=50%25%", ["50%%"]),
        ],
        judge=values_arrive,
    ),
    Question(
        id="long-urls",
        assumed="A URL may have 10,240 characters. A longer one is refused.",
        how="A URL of 10,000 characters and one of 10,400.",
        breaks="Tags with long values fail at a shorter length, or values are cut off.",
        remedy="Correct the limit in docs/events.md and docs/destinations.md. POST accepts more.",
        sources=(
            Source("local/emulator/targets.py", "The statuses 414 and 400 are a guess"),
            Source("issue 13", "long URLs"),
        ),
        probes=_long_urls,
        judge=_judge_long_urls,
    ),
    Question(
        id="many-parameters",
        assumed="The first 1,000 parameters of a URL reach the queue, because #foreach stops "
        "there.",
        how="A URL of 1,103 parameters that begins with the required ones.",
        breaks="Another number of parameters arrives, or the required ones are missing and the "
        "tag fails.",
        remedy="Correct docs/events.md. If parameters change their order, refuse such URLs.",
        sources=(Source("issue 3", "Only the first 1,000 parameters of a URL reach the queue"),),
        probes=_many,
        judge=_judge_many,
    ),
    Question(
        id="blank-parameters",
        assumed="If a required parameter is missing or empty, the answer is 400 and names it.",
        how="Requests without event, with event=, with event and no =, and with endpoint_id=.",
        breaks="Tags without these values report success, and their events end as invalid "
        "messages.",
        remedy="Nothing if the status is 400: then check.vtl refused it, in other words. Otherwise "
        "open an issue.",
        sources=(
            Source(
                "local/emulator/patches/apigateway.py",
                "A required parameter must be included and not blank",
            ),
        ),
        probes=_blank,
        judge=_judge_blank,
    ),
)

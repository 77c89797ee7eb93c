"""Questions about the way from a URL to a message: what API Gateway makes of a query."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cdk_gtm_connector_cli.verify.probe import Observed, Probe, fill, mark
from cdk_gtm_connector_cli.verify.question import (
    Asked,
    CannotAskError,
    Finding,
    Question,
    Source,
    all_hold,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cdk_gtm_connector_cli.verify.deployment import Deployment

OURS: Final = "event=verify&endpoint_id={blank}&gtmcb={mark}"
"""The parameters that make a request one that the function rejects."""

_URL_TAKEN: Final = 10_000
_URL_REFUSED: Final = 10_400


def query(about: str, text: str, data: object = None, **headers: str) -> Probe:
    """Return a GET with a query after our own parameters."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Probe(about=about, query=f"{OURS}&{text}", data=data, headers=named)


def arrived(observed: Sequence[Observed]) -> list[Observed]:
    """Return the observations whose message came.

    Raises:
        CannotAskError: None came of a request that was accepted.
    """
    found = [each for each in observed if each.raw is not None]
    if not found and any(each.answer.accepted for each in observed):
        raise CannotAskError("no message of these requests came to the invalid-message queue")
    return found


def values_arrive(asked: Asked, name: str = "evat_v") -> Finding:
    """Judge that each probe's value arrived as its ``data``, a list of values."""
    arrived(asked.observed)
    wrong = []
    for each in asked.observed:
        if each.raw is None:
            wrong.append(f"{each.probe.about}: {_lost(each)}")
        elif (got := each.raw.values(name)) != each.probe.data:
            wrong.append(f"{each.probe.about}: arrived as {json.dumps(got)}")
    return all_hold(wrong, f"{len(asked.observed)} requests")


def _lost(observed: Observed) -> str:
    if observed.answer.accepted:
        return f"answered {observed.answer.status}, and no message came"
    return f"answered {observed.answer.status}"


def statuses(asked: Asked, *, words: str = "") -> Finding:
    """Judge that each probe was answered with the status that is its ``data``."""
    wrong = []
    for each in asked.observed:
        status, answer = each.probe.data, each.answer
        if answer.status != status:
            wrong.append(f"{each.probe.about}: answered {answer.status}, not {status}")
        elif words and words not in answer.body:
            wrong.append(f"{each.probe.about}: the answer does not say {words!r}")
    return all_hold(wrong, f"{len(asked.observed)} requests")


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
        query(f"{character!r} as it is", f"evat_v=a{character}b", [f"a{character}b"])
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


def _judge_long_urls(asked: Asked) -> Finding:
    wrong = []
    for each in asked.observed:
        if each.answer.accepted != each.probe.data:
            wrong.append(f"{each.probe.about}: answered {each.answer.status}")
        elif each.probe.data and each.raw and len(each.raw.values("evat_v")[0]) < _URL_TAKEN // 2:
            wrong.append(f"{each.probe.about}: the value arrived cut")
    refused = next(each.answer.status for each in asked.observed if not each.probe.data)
    return all_hold(wrong, f"a longer one is answered {refused}")


def _many(_: Deployment) -> list[Probe]:
    return [query("1,100 parameters", "&".join(f"p{number}=" for number in range(1_100)))]


def _judge_many(asked: Asked) -> Finding:
    (each,) = asked.observed
    wrong = []
    if each.raw is None:
        wrong.append(_lost(each))
    elif len(each.raw.parameters) != 1_000:  # noqa: PLR2004 - the quota
        wrong.append(f"{len(each.raw.parameters):,} of 1,103 parameters arrived")
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


def _judge_blank(asked: Asked) -> Finding:
    return statuses(asked, words="Missing required request parameters")


QUESTIONS: Final = (
    Question(
        id="decoding",
        assumed="Values of a query arrive decoded, once: $input.params() holds what was meant.",
        how="Each printable character of ASCII and others, percent-encoded, compared with the "
        "message.",
        breaks="Attributes arrive with escapes in them, or texts that hold a % are changed.",
        mends="The template has to decode, or not: issue; query.vtl calls $util.urlEncode.",
        sources=(
            Source("local/emulator/__init__.py", "Malformed percent-escapes (``%zz``) and escapes"),
            Source("issue 13", "decoding of values"),
        ),
        probes=_decoding,
        judge=values_arrive,
    ),
    Question(
        id="literal-characters",
        assumed="Characters that a URL's standard allows in a query arrive as they are.",
        how="Each of them unencoded within a value.",
        breaks="Values that hold page URLs are cut or changed.",
        mends="Encode the variable in Google Tag Manager; say so in README.",
        sources=(Source("issue 13", "decoding of values"),),
        probes=lambda _: _literal("!$'()*,-./:?@_~"),
        judge=values_arrive,
    ),
    Question(
        id="browser-characters",
        assumed="Characters that browsers leave unencoded against the standard arrive as they are.",
        how="[ ] { } ^ ` and \\ unencoded within a value.",
        breaks="A tag with such a value fails, or loses it.",
        mends="Encode the variable in Google Tag Manager, with encodeURIComponent.",
        sources=(Source("issue 13", "decoding of values"),),
        probes=lambda _: _literal("[]{}^`\\"),
        judge=values_arrive,
    ),
    Question(
        id="repeated-parameters",
        assumed="Of a parameter that is repeated the last value counts.",
        how="The same parameter two and three times.",
        breaks="An event gets another of its values.",
        mends="query.vtl would have to read multiValueQueryString; issue.",
        sources=(
            Source("local/emulator/targets.py", "the last of several values counts"),
            Source("issue 13", "repeated parameters"),
        ),
        probes=_repeated,
        judge=values_arrive,
    ),
    Question(
        id="semicolon",
        assumed="A semicolon separates parameters, as & does.",
        how="evat_v=a;evat_w=b.",
        breaks="Nothing, if it is part of the value; README need not warn then.",
        mends="Take the warning out of README and split_query out of local/.",
        sources=(
            Source("local/emulator/targets.py", "A query string is split at ``;`` and at ``&``"),
        ),
        probes=lambda _: [query("a semicolon", "evat_v=a;evat_w=b", ["a"])],
        judge=values_arrive,
    ),
    Question(
        id="pipe",
        assumed="A | that is not encoded is refused with 400.",
        how="evat_v=a|b.",
        breaks="Nothing, if it is taken. A status of another kind: the tag fails in other words.",
        mends="Change refuse() in local/ and what docs say of it.",
        sources=(Source("local/emulator/targets.py", "The statuses 414 and 400 are a guess"),),
        probes=lambda _: [query("a pipe", "evat_v=a|b", 400)],
        judge=statuses,
    ),
    Question(
        id="bad-utf8",
        assumed="An escape that is no UTF-8 arrives as U+FFFD, and the event goes through.",
        how="%ff, %e4bc and a%c3(.",
        breaks="Events of pages in an old encoding fail, or get other characters.",
        mends="Nothing but words in README: the door has no code.",
        sources=(
            Source("local/emulator/__init__.py", "escapes that are not UTF-8 are not refused"),
        ),
        probes=_bad_utf8,
        judge=values_arrive,
    ),
    Question(
        id="bad-escapes",
        assumed="A % that begins no escape arrives as it is.",
        how="%zz, 100%, %4 and 50%25%.",
        breaks="A tag with such a value fails, or loses it.",
        mends="Words in docs/gtm.md: Custom Image encodes by itself.",
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
        how="One of 10,000 and one of 10,400 characters.",
        breaks="Tags with long values fail earlier, or values are cut.",
        mends="docs/events.md and docs/destinations.md; POST takes more.",
        sources=(
            Source("local/emulator/targets.py", "The statuses 414 and 400 are a guess"),
            Source("issue 13", "long URLs"),
        ),
        probes=_long_urls,
        judge=_judge_long_urls,
    ),
    Question(
        id="many-parameters",
        assumed="The first 1,000 parameters of a URL reach the queue: #foreach ends there.",
        how="A URL of 1,103 parameters, ours first.",
        breaks="More or fewer get lost, or the required ones are not found and the tag fails.",
        mends="docs/events.md; if the order is not kept, such URLs have to be refused.",
        sources=(Source("issue 3", "Only the first 1,000 parameters of a URL reach the queue"),),
        probes=_many,
        judge=_judge_many,
    ),
    Question(
        id="blank-parameters",
        assumed="A required parameter that is missing or empty is answered 400 by its name.",
        how="Without event, with event= and endpoint_id=.",
        breaks="Tags without a value turn green, and their events end as invalid messages.",
        mends="check.vtl refuses them as well; only the words differ. Otherwise issue.",
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

"""The envelope of a message: API Gateway's own observations, which no client can change."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtm_events import message
from gtm_events.errors import MalformedMessage
from local.vtl import Request
from tests.unit.templates.hostile import ENVELOPE_NAMES, FORGERIES, HOSTILE, HOSTILE_NAMES
from tests.unit.templates.request_templates import (
    CALLERS,
    CONTENTS,
    OBSERVED,
    REQUIRED,
    VARIANTS,
    Caller,
    Variant,
    assert_arrive,
    assert_messages,
    check_messages,
    message_body,
    request,
)
from tests.velocity.both import rendered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cdk_gtm_connector.mapping import Content
    from tests.velocity import ReferenceEngine


@pytest.mark.parametrize("name", ["origin", "Origin", "ORIGIN", "oRiGiN"])
@pytest.mark.parametrize("other", ["referer", "Referer", "REFERER"])
def test_headers_in_any_case(
    reference: ReferenceEngine, callers: Mapping[str, Caller], name: str, other: str
) -> None:
    variant = Variant("query", callers["anonymous"], honors_privacy=False)
    sent = REQUIRED
    assert_messages(
        reference,
        variant,
        [
            request(sent, {name: "https://shop.example", other: "https://shop.example/a?b=c&d#e"}),
            request(sent, {other: "https://shop.example/"}),
            request(sent, {name: "null"}),
            *(request(sent, {name: value, other: value}) for value in HOSTILE),
        ],
    )


def test_header_names_that_look_like_java(reference: ReferenceEngine, variant: Variant) -> None:
    headers = dict.fromkeys(HOSTILE_NAMES[1:9], "x")
    assert_messages(reference, variant, [variant.request({"event": "e"}, headers)])


PRIVACY_HEADERS: Final = (
    ({"Sec-GPC": "1"}, True),
    ({"sec-gpc": "1"}, True),
    ({"DNT": "1"}, True),
    ({"dnt": "1", "Sec-GPC": "0"}, True),
    ({"DNT": "0", "sec-gpc": "1"}, True),
    ({"Dnt": "1", "Origin": "https://shop.example", "Referer": "r"}, True),
    ({"DNT": "0"}, False),
    ({"DNT": "null"}, False),
    ({"DNT": "11"}, False),
    ({"DNT": ""}, False),
    ({"Sec-GPC": "?1"}, False),
    ({"X-DNT": "1", "gpc": "1"}, False),
)


def test_privacy_signals(reference: ReferenceEngine, variant: Variant) -> None:
    sent = [variant.request({"event": "secret"}, headers) for headers, _ in PRIVACY_HEADERS]
    outputs = rendered(reference, sent, variant.template)
    for output, observed, (_, is_signal) in zip(
        outputs, check_messages(variant, sent, outputs), PRIVACY_HEADERS, strict=True
    ):
        assert observed.opted_out == (is_signal and variant.honors_privacy)
        assert message_body(output).endswith("\n") == observed.opted_out
        assert ("secret" in output) == (not observed.opted_out)


def test_parameters_do_not_signal(reference: ReferenceEngine, variant: Variant) -> None:
    assert_arrive(reference, variant, [{"Sec-GPC": "1", "DNT": "1", "dnt": "1", "privacy": "1"}])


@pytest.mark.parametrize("caller", CALLERS)
def test_the_token_is_never_queued(
    reference: ReferenceEngine, callers: Mapping[str, Caller], caller: str
) -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.e30.c2VjcmV0"  # noqa: S105 - signed with nothing
    others = {"Token": "1", "tokens": "2", "token ": "3", **REQUIRED}
    for content in CONTENTS:
        variant = Variant(content, callers[caller], honors_privacy=False)
        sent = [
            replace(variant.request(others), querystring=querystring)
            for querystring in (
                {"token": token, **others},
                {**others, "token": token},
                {"event": "e", "token": token, "tokens": "2", "endpoint_id": "1"},
                {"event": "e", "endpoint_id": "1", "token": token},
            )
        ]
        outputs = rendered(reference, sent, variant.template)
        check_messages(variant, sent, outputs)
        assert not [output for output in outputs if "token=" in output or token[:8] in output]


@pytest.mark.parametrize("headers", [{}, {"Origin": "https://a.example", "Referer": "b"}])
def test_parameters_cannot_reach_the_envelope(
    reference: ReferenceEngine, variant: Variant, headers: Mapping[str, str]
) -> None:
    forged = [dict.fromkeys(ENVELOPE_NAMES, value) for value in ("", *FORGERIES)]
    requests = [variant.request(sent, headers) for sent in ({"event": "e"}, *forged)]
    requests += [replace(requests[0], querystring=REQUIRED | sent, path=sent) for sent in forged]
    if variant.content == "query":
        del requests[1 : len(forged) + 1]  # the other callers have these fields too
    outputs = rendered(reference, requests, variant.template)
    assert len({message_body(output).split("\n")[0] for output in outputs}) == 1


names = st.one_of(st.sampled_from((*HOSTILE[:24], *HOSTILE_NAMES, *ENVELOPE_NAMES)), st.text())
values = st.one_of(st.sampled_from((*HOSTILE, *FORGERIES)), st.text())
header_names = st.one_of(
    st.sampled_from(["Origin", "origin", "ORIGIN", "Referer", "referer", "DNT", "sec-gpc"]),
    st.sampled_from((*HOSTILE_NAMES, *ENVELOPE_NAMES, "Authorization", "X-Amzn-RequestId")),
    st.from_regex(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", fullmatch=True),
)
parts = st.dictionaries(names, values, max_size=6)


@settings(max_examples=200)
@given(
    name=st.sampled_from(list(VARIANTS)),
    querystring=parts,
    headers=st.dictionaries(header_names, values, max_size=5),
    path=parts,
    body=st.one_of(values, parts.map(json.dumps), parts.map(urlencode)),
    event=parts,
    request_id=values,
)
def test_nobody_can_forge_line_1(
    *,
    reference: ReferenceEngine,
    variants: Mapping[str, Variant],
    name: str,
    querystring: dict[str, str],
    headers: dict[str, str],
    path: dict[str, str],
    body: str,
    event: dict[str, str],
    request_id: str,
) -> None:
    # The client chooses Origin and Referer. Everything else comes from the endpoint.
    variant = variants[name]
    context = {**OBSERVED, "requestId": request_id, **variant.caller.context}
    posted = json.dumps(event | REQUIRED) if variant.content == "json" else body
    sent = Request(querystring | REQUIRED, headers, path, posted, context)
    assert_messages(reference, variant, [sent])


@pytest.mark.parametrize("content", CONTENTS)
def test_any_verified_identity_arrives(
    reference: ReferenceEngine,
    callers: Mapping[str, Caller],
    content: Content,
) -> None:
    for verified in (*HOSTILE[1:], *FORGERIES):
        claims = {"sub": verified, "custom:endpoint_id": verified}
        for caller in (
            replace(
                callers["token"],
                context={"authorizer": {"principalId": verified, "endpoint_id": verified}},
                subject=verified,
                endpoint=verified,
            ),
            replace(
                callers["cognito"],
                context={"authorizer": {"claims": claims}},
                subject=verified,
                endpoint=verified,
            ),
            replace(
                callers["iam"],
                context={"identity": {"cognitoIdentityId": verified, "userArn": "arn"}},
                subject=verified,
            ),
        ):
            variant = Variant(content, caller, honors_privacy=False)
            assert_messages(reference, variant, [variant.request({"event": "e"})])


@pytest.mark.parametrize(
    ("name", "context"),
    [
        ("token", {"authorizer": {"principalId": "p"}}),
        ("token", {"authorizer": {"principalId": "p", "endpoint_id": None}}),
        ("token", {"authorizer": {"principalId": "p", "endpoint_id": "", "claims": {"a": "b"}}}),
        ("cognito", {"authorizer": {"claims": {"sub": "p"}}}),
        ("cognito", {"authorizer": {"claims": {"sub": "p", "custom:endpoint_id": None}}}),
        ("iam", {"identity": {"userArn": "p"}}),
        ("iam", {"identity": {"userArn": "p", "cognitoIdentityId": ""}}),
        ("iam", {"identity": {"userArn": "x", "cognitoIdentityId": "p"}}),
    ],
)
def test_without_a_claim_no_endpoint_is_named(
    reference: ReferenceEngine,
    callers: Mapping[str, Caller],
    name: str,
    context: Mapping[str, Any],
) -> None:
    caller = replace(callers[name], context=context, subject="p", endpoint="")
    variant = Variant("query", caller, honors_privacy=False)
    assert_messages(reference, variant, [variant.request({"event": "e", "endpoint": "mine"})])


@pytest.mark.parametrize("name", ["token", "cognito", "iam"])
@pytest.mark.parametrize(
    "context",
    [
        {},
        {"authorizer": None, "identity": None},
        {"authorizer": {}, "identity": {}},
        {"authorizer": {"claims": None, "principalId": None}, "identity": {"userArn": None}},
        {"authorizer": {"claims": {"sub": ""}, "principalId": ""}, "identity": {"userArn": ""}},
    ],
)
def test_without_a_subject_delivery_refuses(
    reference: ReferenceEngine,
    callers: Mapping[str, Caller],
    name: str,
    context: Mapping[str, Any],
) -> None:
    sent = request({**REQUIRED, "subject": "alice", "principalId": "alice"}, **context)
    template = Variant("query", callers[name], honors_privacy=False).template
    (output,) = rendered(reference, [sent], template)
    with pytest.raises(MalformedMessage, match="names no subject"):
        message.decode(message_body(output))

"""Response templates for CORS: the sites whose scripts may read the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cdk_gtm_connector.cors import Cors
from local.vtl import Rendered
from tests.unit.templates.hostile import FORGERIES, HOSTILE
from tests.unit.templates.request_templates import request
from tests.velocity.both import responses

if TYPE_CHECKING:
    from tests.velocity import ReferenceEngine


IMAGE = '<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>'
CORS: Final = Cors(
    [
        *("https://shop.example", "https://*.shop.example", "http://localhost:8080"),
        *("capacitor://localhost", "com.shop.app://localhost"),
    ],
    allow_http_origins=True,
)
ALLOWED: Final = (
    "https://shop.example",
    "https://www.shop.example",
    "https://a-1.b.c.shop.example",
    "http://localhost:8080",
    "capacitor://localhost",
    "com.shop.app://localhost",
)
FOREIGN: Final = (
    "https://evil.example",
    "https://shop.example.evil.example",
    "https://xshop.example",
    "https://shopxexample",
    "https://www.shopxexample",
    "https://.shop.example",
    "https://a..shop.example",
    "https://a_b.shop.example",
    "https://evil.example/.shop.example",
    "https://evil.example?.shop.example",
    "https://evil.example#.shop.example",
    "https://evil.example\\.shop.example",
    "https://user@shop.example",
    "http://shop.example",
    "https://shop.example:443",
    "https://shop.example/",
    "https://shop.example.",
    "http://localhost",
    "http://localhost:80801",
    "http://x.localhost:8080",
    "shop.example",
    "capacitor://shop.example",
    "ionic://localhost",
    "comxshop.app://localhost",
    "null",
    "",
    "*",
    "HTTPS://SHOP.EXAMPLE",
    "https://Shop.example",
    "https://\u017fhop.example",
    "https://www.shop.example\n",
    "https://shop.example\n",
    "https://shop.example\r\nSet-Cookie: a=b",
    "\nhttps://shop.example",
    " https://shop.example",
    "https://shop.example,https://evil.example",
    "https://evil.example https://shop.example",
    "https://shop.example\0",
    *HOSTILE,
    *FORGERIES[:3],
)


def answer(*, origin: str | None = None) -> dict[str, str]:
    if origin is None:
        return {}
    return {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}


@pytest.mark.parametrize("body", [IMAGE, "", '{"message": "not queued"}'])
@pytest.mark.parametrize("name", ["Origin", "origin", "ORIGIN"])
def test_origins_of_the_list_are_echoed(reference: ReferenceEngine, name: str, body: str) -> None:
    sent = [request({"event": "e"}, {name: origin}) for origin in ALLOWED]
    assert responses(reference, sent, CORS.answer(body)) == [
        Rendered(body, headers=answer(origin=origin)) for origin in ALLOWED
    ]


def test_other_origins_are_not_echoed(reference: ReferenceEngine) -> None:
    forged = dict.fromkeys(("Origin", "origin"), ALLOWED[0])
    sent = [
        request({}),
        request(forged, {"X-Origin": ALLOWED[0], "Referer": ALLOWED[0]}),
        *(request(forged, {"origin": origin}) for origin in FOREIGN),
        *(request({}, {"origin": f"https://{'a.' * n}.shop.example"}) for n in range(1, 5)),
    ]
    assert set(map(repr, responses(reference, sent, CORS.answer(IMAGE)))) == {repr(Rendered(IMAGE))}


def test_without_a_list_nothing_is_decided(reference: ReferenceEngine) -> None:
    sent = [request({}, {"Origin": "https://evil.example"})]
    assert responses(reference, sent, Cors(None).answer(IMAGE)) == [Rendered(IMAGE)]


def test_long_origins(reference: ReferenceEngine) -> None:
    # Without the template's limit, the first of these would exceed Java's and be answered with 500.
    too_long = (f"https://{'a.' * 5_000}shop.example", f"https://{'a' * 10_000}.shop.example")
    longest = f"https://{'a.' * 115}abcdefghij.shop.example"
    assert len(longest) == len("https://") + 253
    sent = [request({}, {"Origin": origin}) for origin in (*too_long, longest)]
    assert responses(reference, sent, CORS.answer(IMAGE)) == [
        Rendered(IMAGE),
        Rendered(IMAGE),
        Rendered(IMAGE, headers=answer(origin=longest)),
    ]


def is_allowed(origin: str) -> bool:
    labels = origin.removeprefix("https://").split(".")
    return origin in ALLOWED[3:] or (
        origin.startswith("https://")
        and labels[-2:] == ["shop", "example"]
        and all(
            label and set(label) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for label in labels
        )
    )


origins = st.one_of(
    st.sampled_from((*ALLOWED, *FOREIGN)),
    st.lists(
        st.sampled_from(
            (
                *("https://", "http://", "shop", "example", "a-1", ".", ".", ".shop.example"),
                *("localhost:8080", "evil", "/", "@", ":", "#", "?", "\n", "\r", "A", "é", "*"),
            )
        ),
        max_size=8,
    ).map("".join),
    st.builds("https://{}.shop.example".format, st.text(max_size=5)),
)


@settings(max_examples=200)
@given(origins)
def test_any_origin(reference: ReferenceEngine, origin: str) -> None:
    (response,) = responses(reference, [request({}, {"origin": origin})], CORS.answer(IMAGE))
    assert response == Rendered(
        IMAGE, headers=answer(origin=origin if is_allowed(origin) else None)
    )


@pytest.mark.parametrize("method", ["params", "keySet", "toLowerCase", "get", "length", "matches"])
def test_without_them_no_origin_is_allowed(reference: ReferenceEngine, method: str) -> None:
    sent = request({}, {"Origin": "https://shop.example"})
    assert reference.render_many(CORS.answer(IMAGE), [sent], missing=[method]) == [Rendered(IMAGE)]

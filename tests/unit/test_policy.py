"""Permissions to record events and to change user attributes."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from gtm_events.policy import AccessPolicy, Origins
from tests.unit.builders import (
    FakeDeadLetters,
    FakePinpoint,
    body,
    check_totals,
    counted,
    deliver,
    message_id,
    posted,
)

ATTRIBUTES = {"usat_plan": "gold", "usat_city": "Łódź"}
BOTH = {"plan": ["gold"], "city": ["Łódź"]}

# Callers: the envelope's fields in addition to the anonymous ones.
CALLERS: dict[str, dict[str, str]] = {
    "anonymous": {},
    "authenticated": {"subject": "user-1"},
    "authenticated for its endpoint": {"subject": "user-1", "endpoint": "own"},
    "authenticated, has to name one": {"subject": "user-1", "endpoint": "own", "bound": "1"},
    "authenticated, names none": {"subject": "user-1", "endpoint": "", "bound": "1"},
}
# Permissions: the policy's list for that kind of caller, and the attributes of BOTH that remain.
PERMITTED: dict[str, tuple[frozenset[str] | None, dict[str, list[str]]]] = {
    "all": (None, BOTH),
    "both listed": (frozenset({"plan", "city"}), BOTH),
    "one listed": (frozenset({"plan"}), {"plan": ["gold"]}),
    "another listed": (frozenset({"other"}), {}),
    "none": (frozenset(), {}),
}


@pytest.mark.parametrize(
    ("caller", "permitted", "endpoint_id"), list(product(CALLERS, PERMITTED, ["own", "another's"]))
)
def test_allowed_user_attributes(caller: str, permitted: str, endpoint_id: str) -> None:
    names, kept = PERMITTED[permitted]
    fields = CALLERS[caller]
    # The list for the other kind of caller is the opposite, so confusing the two would fail.
    opposite = frozenset[str]() if names is None or names else None
    policy = (
        AccessPolicy(anonymous=opposite, authenticated=names)
        if fields
        else AccessPolicy(anonymous=names, authenticated=opposite)
    )
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    query = {"event": "e", "endpoint_id": endpoint_id} | ATTRIBUTES
    batch = deliver([body(query, **fields)], service=pinpoint, dead_letters=letters, policy=policy)
    check_totals(batch, letters)

    if fields.get("endpoint", endpoint_id) != endpoint_id:
        assert letters.reasons() == {message_id(0): "foreign_endpoint"}
        assert pinpoint.requests == []
        return
    user: dict[str, Any] = {}
    if fields:
        user["UserId"] = "user-1"
    if kept:
        user["UserAttributes"] = kept
    [(name, item)] = pinpoint.items()
    assert name == endpoint_id
    assert item["Endpoint"] == ({"User": user} if user else {})
    assert len(item["Events"]) == 1  # the event is delivered whatever its user attributes
    denied = len(BOTH) - len(kept)
    reason = "not_for_authenticated" if fields else "not_for_anonymous"
    assert counted(batch) == ({reason: denied} if denied else {})


def test_by_default_anonymous_visitors_change_nothing_and_authenticated_ones_everything() -> None:
    assert AccessPolicy() == AccessPolicy(anonymous=frozenset(), authenticated=None, origins=None)


def test_of_one_endpoints_users_the_newest_wins() -> None:
    pinpoint = FakePinpoint()
    query = {"event": "e", "endpoint_id": "ep"}
    deliver(
        [
            body(query, time=2, subject="newer"),
            body(query, time=1, subject="older"),
            body(query, time=3),
        ],
        service=pinpoint,
    )
    [(_, item)] = pinpoint.items()
    assert item["Endpoint"] == {"User": {"UserId": "newer"}}
    assert len(item["Events"]) == 3


SHOP = Origins(
    [
        "https://shop.example",
        "https://*.shop.example",
        "http://127.0.0.1:8000",
        "capacitor://localhost",
        "com.example.app://shop:8100",
    ]
)


@pytest.mark.parametrize(
    "header",
    [
        "https://shop.example",
        "https://SHOP.example",
        "https://shop.example/",
        "https://shop.example/a?b#c",
        "https://www.shop.example",
        "https://a.b-c.shop.example/path",
        "http://127.0.0.1:8000/",
        "https://shop.example/größe",
        "capacitor://localhost",
        "Capacitor://LOCALHOST",
        "capacitor://localhost/index.html?a#b",
        "com.example.app://shop:8100/a",
    ],
)
def test_a_listed_site_may_record_events(header: str) -> None:
    assert SHOP.allows(header)


@pytest.mark.parametrize(
    "header",
    [
        "null",
        "shop.example",
        "http://shop.example",
        "https://shop.example:8443",
        "https://shop.example.evil.example",
        "https://evilshop.example",
        "https://evil.example/https://shop.example",
        "https://evil.example?https://shop.example",
        "https://shop.example@evil.example",
        "https://evil@shop.example",
        "https://.shop.example",
        "https://a..shop.example",
        "https://shop.example\\.evil.example",
        "https://shop.example\nevil",
        "https://[",
        "http://127.0.0.1",
        "javascript:alert(1)",
        "capacitor://localhost:8100",
        "capacitor://localhost.evil.example",
        "capacitor:localhost",
        "capacitor:///localhost",
        "https://localhost",
        "com.example.app://shop",
        "com-example-app://shop:8100",
        "https://shop.example https://shop.example",
        "https://\N{LATIN SMALL LETTER LONG S}hop.example",
        "https://\N{KELVIN SIGN}.shop.example",
        "capacitor://LOCALHO\N{LATIN SMALL LIGATURE ST}",
        "*",
    ],
)
def test_another_site_may_not(header: str) -> None:
    assert not SHOP.allows(header)


@pytest.mark.parametrize(
    ("headers", "rejected"),
    [
        ({}, False),
        ({"origin": "https://shop.example"}, False),
        ({"referer": "https://shop.example/a"}, False),
        ({"origin": "https://www.shop.example", "referer": "https://shop.example/"}, False),
        ({"origin": "https://evil.example"}, True),
        ({"referer": "https://evil.example/"}, True),
        ({"origin": "null"}, False),
        ({"origin": "null", "referer": "https://shop.example/a"}, False),
        ({"origin": "null", "referer": "https://evil.example/"}, True),
        ({"origin": "NULL"}, True),
        ({"origin": "null, null"}, True),
        ({"referer": "null"}, True),
        ({"origin": "capacitor://localhost"}, False),
        ({"origin": "capacitor://localhost", "referer": "capacitor://localhost/a.html"}, False),
        ({"origin": "capacitor://evil"}, True),
        ({"origin": "ionic://localhost"}, True),
        ({"origin": "https://shop.example", "referer": "https://evil.example/"}, True),
        ({"origin": "https://evil.example", "referer": "https://shop.example/"}, True),
    ],
)
@pytest.mark.parametrize("caller", ["anonymous", "authenticated"])
def test_an_event_of_another_site_is_rejected(
    headers: dict[str, str],
    rejected: bool,  # noqa: FBT001
    caller: str,
) -> None:
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    query = {"event": "e", "endpoint_id": "own"}
    batch = deliver(
        [body(query, **CALLERS[caller], **headers)],
        service=pinpoint,
        dead_letters=letters,
        policy=AccessPolicy(origins=SHOP),
    )
    check_totals(batch, letters)
    assert letters.reasons() == ({message_id(0): "origin"} if rejected else {})
    assert len(pinpoint.requests) == (0 if rejected else 1)


@pytest.mark.parametrize(
    ("headers", "rejected"),
    [
        ({}, True),
        ({"referer": "https://shop.example/a"}, True),
        ({"origin": "null"}, True),
        ({"origin": "null", "referer": "https://shop.example/a"}, True),
        ({"origin": "https://evil.example"}, True),
        ({"origin": "https://shop.example"}, False),
        ({"origin": "https://shop.example", "referer": "https://evil.example/"}, True),
    ],
)
def test_an_origin_may_be_required(headers: dict[str, str], *, rejected: bool) -> None:
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    batch = deliver(
        [body({"event": "e", "endpoint_id": "own"}, **headers)],
        service=pinpoint,
        dead_letters=letters,
        policy=AccessPolicy(origins=SHOP, require_origin=True),
    )
    check_totals(batch, letters)
    assert letters.reasons() == ({message_id(0): "origin"} if rejected else {})
    assert len(pinpoint.requests) == (0 if rejected else 1)


def test_without_a_list_every_site_may() -> None:
    batch = deliver([body({"event": "e", "endpoint_id": "ep"}, origin="https://evil.example")])
    assert batch.delivered == 1


def test_opted_out_visitors_are_only_counted() -> None:
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    batch = deliver(
        [body({}, privacy="1"), body({"event": "e", "endpoint_id": "ep"})],
        service=pinpoint,
        dead_letters=letters,
    )
    check_totals(batch, letters)
    assert (batch.opted_out, batch.delivered, batch.events) == (1, 1, 1)
    assert list(pinpoint.events()) == [message_id(1)]


LIST = (
    '{"events": [{"event": "a", "endpoint_id": "own"}, {"event": "_b", "endpoint_id": "own"},'
    ' {"event": "c"}, {"event": "d", "endpoint_id": "own", "usat_x": ["1", "2"]}]}'
)


def test_a_posted_lists_events_each_have_their_own_outcome() -> None:
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    batch = deliver([posted("json", LIST)], service=pinpoint, dead_letters=letters)
    check_totals(batch, letters)
    assert list(pinpoint.events()) == [f"{message_id(0)}-0", f"{message_id(0)}-3"]
    assert pinpoint.user_attributes("own") == [{"x": ["1", "2"]}]
    # The dead letter holds only the rejected events, so a redrive repeats no other event.
    [letter] = letters.letters
    assert letter.message_id == message_id(0)
    # The reason is that of the first rejected event in the list.
    assert letter.reason.value == "reserved_event_type"
    assert letter.detail.startswith("2 of 4 events: ")
    again, again_letters = FakePinpoint(), FakeDeadLetters()
    deliver([letter.body], service=again, dead_letters=again_letters)
    assert again.requests == []
    assert len(again_letters.letters) == 1


def test_a_posted_list_goes_back_if_one_of_its_events_has_to() -> None:
    pinpoint, letters = FakePinpoint(), FakeDeadLetters()
    pinpoint.respond = lambda _endpoint, _id, event: (
        (500, "later") if event["EventType"] == "d" else (202, "Accepted")
    )
    batch = deliver([posted("json", LIST)], service=pinpoint, dead_letters=letters)
    check_totals(batch, letters)
    assert batch.failures == [message_id(0)]
    assert letters.letters == []

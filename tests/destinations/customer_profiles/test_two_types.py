"""Customer Profiles with two object types: an object for each event, one for each visitor."""

from __future__ import annotations

import json
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtm_events import send_task
from gtm_events.destinations import create
from gtm_events.destinations.customer_profiles import (
    CalculatedFields,
    EventsAndVisitors,
    TwoObjectTypes,
    api,
)
from gtm_events.destinations.customer_profiles.calculated import VARIABLE
from gtm_events.destinations.customer_profiles.two_types import EventObject, Objects
from gtm_events.event import Event
from gtm_events.policy import AccessPolicy
from tests.destinations.customer_profiles.service import (
    DOMAIN,
    OBJECT_TYPE,
    VISITOR_OBJECT_TYPE,
    FakeTwoObjectTypes,
)
from tests.unit.builders import (
    REQUEST_TIME,
    Answered,
    FakeDeadLetters,
    body,
    check_totals,
    counted,
    deliver,
    message_id,
)

if TYPE_CHECKING:
    from gtm_events.aws import ServiceRequest
    from gtm_events.destinations.batching import BatchService
    from tests.destinations.fake import Verdict


@pytest.fixture(autouse=True)
def _no_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(send_task, "BACKOFF_SECONDS", 0.0)


def setting(moment: int = 0, *, subject: str = "", endpoint: str = "ep", **attributes: str) -> str:
    """Return the body of an event that sets user attributes."""
    query = {f"usat_{name}": value for name, value in attributes.items()}
    verified = {"subject": subject} if subject else {}
    return body(
        {"event": "e", "endpoint_id": endpoint, **query}, time=REQUEST_TIME + moment, **verified
    )


def sent(service: FakeTwoObjectTypes) -> list[dict[str, str]]:
    """Return the user attributes of each visitor object that was sent."""
    return [document["user_attributes"] for request in service.visitors for document in request]


class TestObjects:
    """What the two kinds of objects have in them."""

    def test_an_event_and_its_visitor(self) -> None:
        service = FakeTwoObjectTypes()
        query = {
            "event": "buy",
            "endpoint_id": "ep",
            "evat_page": "/",
            "evmt_price": "9.5",
            "usat_plan": "gold",
        }
        deliver([body(query, time=1_795_000_000_123, subject="customer-42")], service=service)
        put = {
            request["ObjectTypeName"]: [
                (item["Id"], json.loads(item["Object"])) for item in request["Items"]
            ]
            for request in map(json.loads, service.requests)
        }
        assert put == {
            OBJECT_TYPE: [
                (
                    message_id(0),
                    {
                        "schema_version": "1",
                        "event_id": message_id(0),
                        "event_type": "buy",
                        "endpoint_id": "ep",
                        "timestamp": "2026-11-18T11:06:40.123Z",
                        "access": "authenticated",
                        "user_id": "customer-42",
                        "attributes": {"page": "/"},
                        "metrics": {"price": 9.5},
                    },
                )
            ],
            VISITOR_OBJECT_TYPE: [
                (
                    "v0",
                    {
                        "endpoint_id": "ep",
                        "timestamp": "2026-11-18T11:06:40.123Z",
                        "access": "authenticated",
                        "user_id": "customer-42",
                        "user_attributes": {"plan": "gold"},
                    },
                )
            ],
        }

    def test_an_event_without_user_attributes_is_one_object(self) -> None:
        service = FakeTwoObjectTypes()
        batch = deliver([body({"event": "e", "endpoint_id": "ep"}, subject="me")], service=service)
        assert batch.delivered == 1
        assert (len(service.requests), service.visitors) == (1, [])
        [event] = service.events.values()
        assert event.user_id == "me"

    def test_an_event_object_has_the_fields_that_are_counted(self) -> None:
        rules = {"purchases": {"event_types": ["buy"]}}
        calculated = CalculatedFields.of({VARIABLE: json.dumps(rules)})

        class Counting(FakeTwoObjectTypes):
            def service(self) -> BatchService[Any]:
                return TwoObjectTypes(DOMAIN, OBJECT_TYPE, VISITOR_OBJECT_TYPE, calculated)

            def read(self, request: dict[str, Any]) -> Any:
                [item] = request["Items"]
                document = json.loads(item["Object"])
                assert document.pop("calculated") == {"purchases": document["event_id"]}
                item["Object"] = json.dumps(document)
                yield from super().read(request)

        batch = deliver(
            [body({"event": "buy", "endpoint_id": "ep", "usat_plan": "x"})], service=Counting()
        )
        assert batch.delivered == 1

    def test_several_values_are_one_that_is_cut_and_counted(self) -> None:
        service = FakeTwoObjectTypes()
        query = [("event", "e"), ("endpoint_id", "ep"), ("usat_a", "x" * 250)]
        query += [("usat_a", "yz" * 9), (f"usat_{'n' * 256}", "1")]
        batch = deliver([body(query)], service=service)
        assert service.profiles == {"ep": {"a": "x" * 250 + ", yzy"}}
        assert counted(batch) == {"value_too_long": 1, "name_too_long": 1}


class TestNumberOfRequests:
    """As few requests as the limit of ten objects allows."""

    def events(self, visitors: int) -> list[str]:
        random = Random(visitors)  # noqa: S311 - not for cryptography
        endpoints = [f"ep-{n % visitors}" for n in range(10_000)] if visitors else []
        random.shuffle(endpoints)
        return [setting(n, endpoint=name, plan=str(n)) for n, name in enumerate(endpoints)]

    def test_10_000_events_are_1_000(self) -> None:
        service = FakeTwoObjectTypes()
        bodies = [body({"event": "e", "endpoint_id": f"ep-{n}"}) for n in range(10_000)]
        batch = deliver(bodies, service=service)
        assert batch.delivered == 10_000
        assert len(service.requests) == batch.counts["requests"] == 1_000

    @pytest.mark.parametrize("visitors", [1, 500, 503, 10_000])
    def test_each_visitor_is_one_object_more(self, visitors: int) -> None:
        service = FakeTwoObjectTypes()
        batch = deliver(self.events(visitors), service=service)
        assert batch.delivered == 10_000
        assert len(service.requests) == batch.counts["requests"] == 1_000 + -(-visitors // 10)
        assert len(sent(service)) == visitors


MOMENTS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 20),
        st.dictionaries(st.sampled_from("abc"), st.sampled_from("xyz"), max_size=2),
        st.sampled_from(["", "", "one", "two"]),
    ),
    min_size=1,
    max_size=60,
)


@settings(max_examples=60)
@given(MOMENTS)
def test_a_batch_has_one_object_a_visitor_with_the_newest_of_each_attribute(
    moments: list[tuple[int, int, dict[str, str], str]],
) -> None:
    service, letters = FakeTwoObjectTypes(), FakeDeadLetters()
    bodies = [
        setting(moment, endpoint=f"ep-{endpoint}", subject=subject, **attributes)
        for endpoint, moment, attributes, subject in moments
    ]
    batch = deliver(bodies, service=service, dead_letters=letters)
    check_totals(batch, letters)
    assert batch.delivered == len(moments)
    assert set(service.accepted.values()) == {1}
    expected: dict[str, dict[str, Any]] = {}
    for endpoint, _, attributes, subject in sorted(moments, key=lambda it: it[1]):
        if attributes:  # of one moment the later counts
            visitor = expected.setdefault(f"ep-{endpoint}", {"attributes": {}, "user_id": ""})
            visitor["attributes"] |= attributes
            visitor["user_id"] = subject or visitor["user_id"]
            visitor["access"] = "authenticated" if subject else "anonymous"
    assert {
        document["endpoint_id"]: {
            "attributes": document["user_attributes"],
            "user_id": document.get("user_id", ""),
            "access": document["access"],
        }
        for document in service.taken
    } == expected
    assert len(service.taken) == len(expected)
    assert len(service.requests) == service.fewest_requests()


class TestWhoMayChangeWhat:
    """A stranger changes what the owner lets a stranger change, and nothing else."""

    POLICY = AccessPolicy(anonymous=frozenset({"seen"}), authenticated=None)

    def test_what_is_denied_is_in_no_object(self) -> None:
        service = FakeTwoObjectTypes()
        batch = deliver([setting(plan="stranger")], service=service, policy=self.POLICY)
        assert batch.delivered == 1
        assert service.visitors == []
        assert counted(batch) == {"not_for_anonymous": 1}

    def test_a_newer_stranger_takes_nothing_away(self) -> None:
        service = FakeTwoObjectTypes()
        bodies = [
            setting(1, subject="me", plan="gold", seen="shoes"),
            setting(2, plan="stranger", seen="hats"),
        ]
        deliver(bodies, service=service, policy=self.POLICY)
        [visitor] = service.taken
        assert visitor["user_attributes"] == {"plan": "gold", "seen": "hats"}
        assert (visitor["user_id"], visitor["access"]) == ("me", "anonymous")

    def test_nor_in_a_batch_of_its_own(self) -> None:
        service = FakeTwoObjectTypes()
        deliver([setting(1, subject="me", plan="gold")], service=service, policy=self.POLICY)
        deliver([setting(2, plan="x", seen="hats")], service=service, policy=self.POLICY)
        assert service.profiles == {"ep": {"plan": "gold", "seen": "hats"}}
        assert sent(service) == [{"plan": "gold"}, {"seen": "hats"}]


class TestOutcomes:
    """Outcomes of events that consist of two objects."""

    @pytest.mark.parametrize(
        ("event", "visitor", "becomes"),
        [
            ("ok", "ok", "delivered"),
            ("ok", "refused", "user_attributes_refused"),
            ("ok", "throttled", "throttled"),
            ("ok", "failed", "unavailable"),
            ("ok", "unmentioned", "unanswered"),
            ("ok", "denied", "denied"),
            ("refused", "ok", "refused"),
            ("refused", "refused", "refused"),
            ("refused", "failed", "unavailable"),
            ("failed", "ok", "unavailable"),
            ("failed", "refused", "unavailable"),
            ("denied", "throttled", "denied"),
        ],
    )
    def test_an_event_is_as_good_as_the_worse_of_its_objects(
        self, event: Verdict, visitor: Verdict, becomes: str
    ) -> None:
        service = FakeTwoObjectTypes(
            lambda it: event if it.event_type == "e" else "ok", lambda _: visitor
        )
        letters = FakeDeadLetters()
        other = body({"event": "other", "endpoint_id": "ep"})
        batch = deliver([setting(plan="x"), other], service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert batch.delivered == (2 if becomes == "delivered" else 1)
        assert {**batch.retried, **batch.rejected} == (
            {} if becomes == "delivered" else {becomes: 1}
        )
        assert service.accepted[message_id(1)] == 1
        # What was taken is not sent again.
        assert service.accepted[message_id(0)] == (event == "ok")
        assert len(service.taken) == (visitor == "ok")
        if becomes == "user_attributes_refused":
            assert letters.letters[0].detail == "400 it is refused"

    def test_what_failed_of_the_two_is_sent_again_alone(self) -> None:
        seen: set[str] = set()

        def fail_once(key: str) -> Verdict:
            first = key not in seen
            seen.add(key)
            return "failed" if first else "ok"

        service = FakeTwoObjectTypes(
            lambda event: fail_once(event.endpoint_id) if event.endpoint_id < "b" else "ok",
            lambda it: fail_once(it["endpoint_id"]) if it["endpoint_id"] > "b" else "ok",
        )
        batch = deliver([setting(0, endpoint=name, plan="x") for name in "ac"], service=service)
        assert batch.delivered == 2
        assert [[event.endpoint_id for [event] in it] for it in service.entries] == [
            ["a", "c"],
            ["a"],
        ]
        assert [[it["endpoint_id"] for it in request] for request in service.visitors] == [
            ["a", "c"],
            ["c"],
        ]

    def test_without_a_visitor_type_the_owner_is_told(self) -> None:
        def missing(_: dict[str, Any]) -> Verdict:
            raise Answered(404, "ResourceNotFoundException")

        service, letters = FakeTwoObjectTypes(decide_visitor=missing), FakeDeadLetters()
        bodies = [setting(plan="x"), body({"event": "e", "endpoint_id": "ep"})]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert (batch.delivered, batch.retried) == (1, {"denied": 1})
        assert batch.problems == [
            "the destination denies the function access: 404 ResourceNotFoundException"
        ]

    def test_what_is_out_of_time_goes_back(self) -> None:
        service, letters = FakeTwoObjectTypes(), FakeDeadLetters()
        bodies = [setting(n, endpoint=f"{n % 7}", plan=f"{n}") for n in range(30)]
        batch = deliver(bodies, service=service, dead_letters=letters, seconds=0)
        check_totals(batch, letters)
        assert batch.retried == {"out_of_time": 30}
        assert service.requests == []

    def test_a_defect_of_the_visitors_holds_up_their_events_alone(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put = api.put

        def broken(path: str, name: str, objects: Any) -> ServiceRequest:
            if name == VISITOR_OBJECT_TYPE:
                raise ValueError("a secret of the event's")
            return put(path, name, objects)

        monkeypatch.setattr(api, "put", broken)
        service, letters = FakeTwoObjectTypes(), FakeDeadLetters()
        bodies = [setting(plan="x"), body({"event": "e", "endpoint_id": "ep"})]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert (batch.delivered, batch.retried) == (1, {"internal_error": 1})
        assert batch.problems == ["defect while delivering: ValueError"]


class TestRefusedVisitors:
    """One event's bad attribute rejects that event, and none of the others."""

    @staticmethod
    def refusing(*, whole: bool = False) -> FakeTwoObjectTypes:
        def refuse(document: dict[str, Any]) -> Verdict:
            if "bad" not in document["user_attributes"].values():
                return "ok"
            if whole:
                raise Answered(400, "BadRequestException")
            return "refused"

        return FakeTwoObjectTypes(decide_visitor=refuse)

    @pytest.mark.parametrize("whole", [False, True], ids=["objects", "requests"])
    def test_the_others_arrive_oldest_first(self, *, whole: bool) -> None:
        service, letters = self.refusing(whole=whole), FakeDeadLetters()
        bodies = [
            setting(4, a="newest"),
            setting(1, a="old", b="1"),
            setting(3, c="bad"),
            setting(2, a="newer", c="2"),
            setting(0, endpoint="other", c="3"),
        ]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert batch.delivered == 4
        assert letters.reasons() == {message_id(2): "user_attributes_refused"}
        assert service.profiles == {
            "ep": {"a": "newest", "b": "1", "c": "2"},
            "other": {"c": "3"},
        }
        assert set(service.accepted.values()) == {1}
        assert batch.problems == []

    @settings(max_examples=80)
    @given(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(0, 9), st.sampled_from(["good", "bad"])),
            min_size=1,
            max_size=40,
        ),
        st.booleans(),
    )
    def test_whatever_is_bad(
        self,
        moments: list[tuple[int, int, str]],
        whole: bool,  # noqa: FBT001 - hypothesis gives it
    ) -> None:
        service, letters = self.refusing(whole=whole), FakeDeadLetters()
        bodies = [
            setting(moment, endpoint=f"{endpoint}", a=f"{number}" if value == "good" else "bad")
            for number, (endpoint, moment, value) in enumerate(moments)
        ]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert batch.retried == {}
        good = {number for number, it in enumerate(moments) if it[2] == "good"}
        assert not {message_id(number) for number in good} & set(letters.reasons())
        newest = {
            f"{moments[number][0]}": {"a": f"{number}"}
            for number in sorted(good, key=lambda number: moments[number][1])
        }
        assert service.profiles == newest
        assert set(service.accepted.values()) == {1}
        bad = len(moments) - len(good)
        assert len(service.requests) <= 8 + 2 * bad * 6

    def test_few_requests_find_one_of_a_thousand(self) -> None:
        service, letters = self.refusing(), FakeDeadLetters()
        bodies = [setting(n, **{f"a{n}": "bad" if n == 357 else "x"}) for n in range(1_000)]
        batch = deliver(bodies, service=service, dead_letters=letters)
        assert letters.reasons() == {message_id(357): "user_attributes_refused"}
        assert batch.delivered == 999
        assert len(service.profiles["ep"]) == 999
        assert len(service.visitors) <= 2 * 10 + 1

    def test_those_that_say_the_same_are_refused_at_once(self) -> None:
        service, letters = self.refusing(), FakeDeadLetters()
        bodies = [setting(n, a="bad") for n in range(1_000)]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert batch.rejected == {"user_attributes_refused": 1_000}
        assert len(service.visitors) == 1

    def test_what_is_newer_waits_for_what_has_to_come_again(self) -> None:
        """It would be older when it comes again, and bring its values back."""

        def decide(document: dict[str, Any]) -> Verdict:
            attributes = document["user_attributes"]
            if "bad" in attributes.values():
                return "refused"
            return "failed" if "first" in attributes else "ok"

        service, letters = FakeTwoObjectTypes(decide_visitor=decide), FakeDeadLetters()
        bodies = [setting(0, first="1"), setting(1, a="bad"), setting(2, b="3")]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert batch.retried == {"unavailable": 3}
        assert service.taken == []


class TestLargeVisitors:
    """Visitors with more user attributes than an object takes."""

    @staticmethod
    def named(letter: str, number: int) -> dict[str, str]:
        return {f"{letter}{n:03}": "é" * 250 for n in range(number)}

    def test_what_is_too_large_together_goes_one_after_the_other(self) -> None:
        service, letters = FakeTwoObjectTypes(), FakeDeadLetters()
        bodies = [setting(n, last=f"{n}", **self.named(f"{n}", 400)) for n in range(5)]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert batch.delivered == 5
        assert len(service.visitors) == 3
        assert all(len(request) == 1 for request in service.visitors)
        assert len(service.profiles["ep"]) == 2_001
        assert service.profiles["ep"]["last"] == "4"

    def test_an_event_that_alone_is_too_large_is_rejected_unsent(self) -> None:
        service, letters = FakeTwoObjectTypes(), FakeDeadLetters()
        bodies = [setting(1, **self.named("a", 1_000)), setting(0, b="small")]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert letters.reasons() == {message_id(0): "too_large"}
        assert set(service.accepted) == {message_id(1)}
        assert service.profiles == {"ep": {"b": "small"}}

    @pytest.mark.parametrize(("more", "accepted"), [(0, True), (1, False)])
    def test_exactly_the_limit_is_taken(self, *, more: int, accepted: bool) -> None:
        service = FakeTwoObjectTypes()
        attributes = self.named("a", 900)
        deliver([setting(0, endpoint="e", **attributes)], service=service)
        [size] = [
            len(json.dumps(it, ensure_ascii=False, separators=(",", ":"))) for it in service.taken
        ]
        service, letters = FakeTwoObjectTypes(), FakeDeadLetters()
        endpoint = "e" * (256_000 - size + 1 + more)
        bodies = [setting(0, endpoint=endpoint, **attributes)]
        deliver(bodies, service=service, dead_letters=letters)
        assert bool(service.taken) == accepted
        assert letters.reasons() == ({} if accepted else {message_id(0): "too_large"})


def test_the_oldest_message_is_complete_before_others_begin() -> None:
    service = TwoObjectTypes(DOMAIN, OBJECT_TYPE, VISITOR_OBJECT_TYPE)
    events = [
        service.encode(
            Event(f"{n}", f"ep-{n % 30}", "e", n, {}, {}, {"a": ["1"]} if n % 2 else {}), Counter()
        )
        for n in range(60)
    ]
    objects = Objects([event for event in events if isinstance(event, EventObject)])
    requests = [[entry.event_id for entry in packed.entries] for packed in objects]
    assert requests == [
        [f"{n}" for n in range(10)],
        # Of the first ten events, and those that are needed next.
        [f"v{n}" for n in range(10)],
        [f"{n}" for n in range(10, 20)],
        [f"{n}" for n in range(20, 30)],
        [f"v{n}" for n in range(10, 15)],
        [f"{n}" for n in range(30, 40)],
        [f"{n}" for n in range(40, 50)],
        [f"{n}" for n in range(50, 60)],
    ]


@pytest.mark.parametrize("visitors", [None, "", VISITOR_OBJECT_TYPE])
def test_the_environment_says_how_many_object_types_there_are(visitors: str | None) -> None:
    environment = {"AWS_REGION": "eu-west-1"} | FakeTwoObjectTypes.environment
    if visitors is not None:
        environment["CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME"] = visitors
    destination = create("customer-profiles", environment)
    assert isinstance(destination, EventsAndVisitors) == bool(visitors)

"""Customer Profiles with two object types: an object for each event, one for each visitor."""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtm_events.destinations import create
from gtm_events.destinations.customer_profiles import (
    CalculatedFields,
    EventsAndVisitors,
    TwoObjectTypes,
    api,
)
from gtm_events.destinations.customer_profiles.calculated import VARIABLE
from gtm_events.destinations.customer_profiles.two_types import (
    BatchObjects,
    EventObject,
    ProfileObject,
)
from gtm_events.destinations.customer_profiles.visitors import VisitorObject
from gtm_events.event import Event
from gtm_events.outcome import Reason, Rejected
from gtm_events.policy import AccessPolicy
from tests.destinations.customer_profiles.service import (
    DOMAIN,
    OBJECT_TYPE,
    VISITOR_OBJECT_TYPE,
    FakeTwoObjectTypes,
)
from tests.destinations.customer_profiles.visitors import sent, setting
from tests.unit.builders import (
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
    from gtm_events.send_task import PackedRequest
    from tests.destinations.fake import Verdict


pytestmark = pytest.mark.usefixtures("no_backoff")


class TestObjects:
    """The members of event objects and visitor objects."""

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
    """The number of requests: as few as the limit of ten objects allows."""

    def events(self, visitors: int) -> list[str]:
        random = Random(visitors)  # noqa: S311 - not for cryptography
        endpoints = [f"ep-{n % visitors}" for n in range(2_000)]
        random.shuffle(endpoints)
        return [setting(n, endpoint=name, plan=str(n)) for n, name in enumerate(endpoints)]

    def test_10_000_events_are_1_000(self) -> None:
        service = FakeTwoObjectTypes()
        bodies = [body({"event": "e", "endpoint_id": f"ep-{n}"}) for n in range(10_000)]
        batch = deliver(bodies, service=service)
        assert batch.delivered == 10_000
        assert len(service.requests) == batch.counts["requests"] == 1_000

    @pytest.mark.parametrize("visitors", [1, 100, 103, 2_000])
    def test_each_visitor_is_one_object_more(self, visitors: int) -> None:
        service = FakeTwoObjectTypes()
        batch = deliver(self.events(visitors), service=service)
        assert batch.delivered == 2_000
        assert len(service.requests) == batch.counts["requests"] == 200 + -(-visitors // 10)
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
        if attributes:  # of equal times, the later one wins
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


class TestPermissions:
    """Anonymous callers change only the user attributes that the owner allows."""

    POLICY = AccessPolicy(anonymous=frozenset({"seen"}), authenticated=None)

    def test_denied_user_attributes_are_in_no_object(self) -> None:
        service = FakeTwoObjectTypes()
        batch = deliver([setting(plan="stranger")], service=service, policy=self.POLICY)
        assert batch.delivered == 1
        assert service.visitors == []
        assert counted(batch) == {"not_for_anonymous": 1}

    def test_a_newer_anonymous_event_removes_nothing(self) -> None:
        service = FakeTwoObjectTypes()
        bodies = [
            setting(1, subject="me", plan="gold", seen="shoes"),
            setting(2, plan="stranger", seen="hats"),
        ]
        deliver(bodies, service=service, policy=self.POLICY)
        [visitor] = service.taken
        assert visitor["user_attributes"] == {"plan": "gold", "seen": "hats"}
        assert (visitor["user_id"], visitor["access"]) == ("me", "anonymous")

    def test_an_anonymous_event_alone_removes_nothing(self) -> None:
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
    def test_an_event_has_the_worse_outcome_of_its_objects(
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
        # An accepted object is not sent again.
        assert service.accepted[message_id(0)] == (event == "ok")
        assert len(service.taken) == (visitor == "ok")
        if becomes == "user_attributes_refused":
            assert letters.letters[0].detail == "400 it is refused"

    def test_only_the_failed_object_is_sent_again(self) -> None:
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

    def test_events_out_of_time_go_back(self) -> None:
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


def test_the_oldest_message_is_complete_before_others_begin() -> None:
    service = TwoObjectTypes(DOMAIN, OBJECT_TYPE, VISITOR_OBJECT_TYPE)
    events = [
        service.encode(
            Event(f"{n}", f"ep-{n % 30}", "e", n, {}, {}, {"a": ["1"]} if n % 2 else {}), Counter()
        )
        for n in range(60)
    ]
    objects = BatchObjects([event for event in events if isinstance(event, EventObject)])
    requests = [[entry.event_id for entry in packed.entries] for packed in objects]
    assert requests == [
        [f"{n}" for n in range(10)],
        # Those of the first ten events, and the next ones needed.
        [f"v{n}" for n in range(10)],
        [f"{n}" for n in range(10, 20)],
        [f"{n}" for n in range(20, 30)],
        [f"v{n}" for n in range(10, 15)],
        [f"{n}" for n in range(30, 40)],
        [f"{n}" for n in range(40, 50)],
        [f"{n}" for n in range(50, 60)],
    ]


def test_further_objects_go_before_other_events_and_oldest_first() -> None:
    service = TwoObjectTypes(DOMAIN, OBJECT_TYPE, VISITOR_OBJECT_TYPE)
    events = [
        service.encode(
            Event(f"{n}", f"ep-{n % 25}", "e", n, {}, {}, {"a": [f"{n // 25}"]}), Counter()
        )
        for n in range(75)
    ]
    objects = BatchObjects([event for event in events if isinstance(event, EventObject)])
    under_way = list(islice(objects, 6))
    assert [packed.entries[0].event_id for packed in under_way] == [
        "0", "v0", "10", "v10", "20", "v20"
    ]  # fmt: skip

    def refuse(packed: PackedRequest[ProfileObject]) -> PackedRequest[ProfileObject] | None:
        """Refuse each object of a request, and return the next request."""
        for entry in packed.entries:
            list(objects.settle(Rejected(entry.event_id, Reason.REFUSED, "")))
        return next(objects, None)

    newer = refuse(under_way[3])
    assert endpoints(newer) == [f"ep-{n}" for n in range(10, 20)]
    # These endpoints' further objects are due too, and wait for the request under way.
    assert refuse(under_way[1]) is None
    assert refuse(under_way[5]) is None
    assert newer is not None
    following = refuse(newer)
    assert endpoints(following) == [f"ep-{n}" for n in range(10)]
    assert next(objects, None) is None
    while endpoints(following) and following is not None:
        following = refuse(following)
    assert following is not None
    assert following.entries[0].event_id == "30"


def endpoints(packed: PackedRequest[ProfileObject] | None) -> list[str]:
    """Return the endpoints of a request's visitor objects."""
    entries = packed.entries if packed else ()
    return [e.contributions[0].endpoint_id for e in entries if isinstance(e, VisitorObject)]


@pytest.mark.parametrize("visitors", [None, "", VISITOR_OBJECT_TYPE])
def test_the_environment_says_how_many_object_types_there_are(visitors: str | None) -> None:
    environment = {"AWS_REGION": "eu-west-1"} | FakeTwoObjectTypes.environment
    if visitors is not None:
        environment["CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME"] = visitors
    destination = create("customer-profiles", environment)
    assert isinstance(destination, EventsAndVisitors) == bool(visitors)

"""The local Customer Profiles: what it refuses, and the profiles that objects make."""

from __future__ import annotations

from typing import Any

import pytest

from local.destinations.customer_profiles import DomainBehavior, ObjectType, ProfilesServer
from local.stand_in.transport import ConnectionDropped
from local.stand_in.values import Behavior, Outcome
from tests.asgi import send
from tests.local.profile_objects import (
    DOMAIN,
    EVENT_PROPERTIES,
    PATH,
    PROPERTIES,
    TRIGGER,
    VISITOR_PROPERTIES,
    Clock,
    Observations,
    batch,
    event,
    failures,
    field,
    key,
    put,
    record,
    template,
    visitor,
    visitors,
)


@pytest.fixture
def observations() -> Observations:
    return Observations()


@pytest.fixture
def server(observations: Observations) -> ProfilesServer:
    found = template(("ObjectType", PROPERTIES), ("EventTrigger", TRIGGER))
    return ProfilesServer(
        ObjectType.all_of(found), DomainBehavior.all_of(found), observer=observations
    )


def test_objects_make_profiles_by_their_key(server: ProfilesServer) -> None:
    gold = record(user_attributes={"plan": "gold", "city": "Bern", "other": "kept out"})
    answer = put(server, batch(gold, record("m-2", "ep-2"), record("m-3")))

    document = answer.json()
    assert [it["Id"] for it in document["Successful"]] == ["m-1", "m-2", "m-3"]
    assert document["Failed"] == []
    keys = [it["ProfileObjectUniqueKey"] for it in document["Successful"]]
    assert keys[0] == keys[2] != keys[1]
    assert {key: profile.fields for key, profile in server.profiles.items()} == {
        ("ep-1",): {"Attributes": {"plan": "gold"}, "Address": {"City": "Bern"}},
        ("ep-2",): {},
    }
    # The unique key is the endpoint's: its profile holds the newest object only.
    [kept] = server.profiles["ep-1",].objects.values()
    assert kept["event_id"] == "m-3"
    assert list(server.delivered) == ["m-1", "m-2", "m-3"]
    [request] = server.requests
    assert (request.target, request.status) == ("shop", 200)


def test_the_newest_value_of_a_field_wins(server: ProfilesServer) -> None:
    for event_id, attributes in (("m-1", {"plan": "gold", "city": "Bern"}), ("m-2", {"plan": "x"})):
        put(server, batch(record(event_id, user_attributes=attributes)))
    assert server.profiles["ep-1",].fields == {
        "Attributes": {"plan": "x"},
        "Address": {"City": "Bern"},
    }


def test_without_profile_creation_nothing_is_made() -> None:
    kept = ObjectType.from_properties(PROPERTIES | {"AllowProfileCreation": False})
    server = ProfilesServer([kept])
    assert put(server, batch(record())).json()["Failed"] == []
    assert (server.profiles, list(server.delivered)) == ({}, ["m-1"])


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"{", "not JSON"),
        ([], "must be a JSON object"),
        ({"ObjectTypeName": "GtmEvent"}, 'Missing required parameter in input: "Items"'),
        (batch(), "Items"),
        (batch(*(record(f"m-{n}") for n in range(11))), "11 members, but must have 1 to 10"),
        (batch(record("m-1"), record("m-1")), "Ids must differ"),
        (batch(record("m.1")), "Id must match"),
        (batch(record("x" * 65)), "65 characters, but must have 1 to 64"),
        (batch(record()) | {"ObjectTypeName": "1st"}, "ObjectTypeName must match"),
        (batch(record()) | {"Domain": "shop"}, 'Unknown parameter in input: "Domain"'),
        ({"ObjectTypeName": "GtmEvent", "Items": [{"Id": "a", "Object": {}}]}, "Object"),
        (batch(record(attributes={"a": "x" * 256_000})), "but must have 1 to 256,000"),
    ],
)
def test_a_request_that_is_not_the_models_is_refused_whole(
    server: ProfilesServer, document: object, words: str
) -> None:
    response = put(server, document)
    assert (response.status_code, response.headers["x-amzn-errortype"]) == (
        400,
        "BadRequestException",
    )
    assert words in response.json()["Message"]
    assert not server.delivered


@pytest.mark.parametrize(
    ("path", "document", "words"),
    [
        (PATH.replace("shop", "other"), batch(record()), "no domain 'other'"),
        (PATH, batch(record()) | {"ObjectTypeName": "Other"}, "no object type 'Other'"),
    ],
)
def test_what_does_not_exist_is_not_found(
    server: ProfilesServer, path: str, document: object, words: str
) -> None:
    response = put(server, document, path)
    assert (response.status_code, response.headers["x-amzn-errortype"]) == (
        404,
        "ResourceNotFoundException",
    )
    assert words in response.json()["Message"]


def test_other_methods_are_not_found(server: ProfilesServer) -> None:
    assert send(server.app(), "POST", PATH, json=batch(record())).status_code == 404


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"endpoint_id": ""}, "Field endpoint_id has 0 characters"),
        ({"endpoint_id": "x" * 256}, "Field endpoint_id has 256 characters"),
        ({"endpoint_id": None}, "no value for its key field endpoint_id"),
        ({"user_attributes": {"plan": ["gold"]}}, "Field usat_plan must be text"),
        ({"user_attributes": {"plan": "x" * 256}}, "Field usat_plan has 256 characters"),
        ({"user_attributes": {"plan": ""}}, "Field usat_plan has 0 characters"),
    ],
)
def test_an_object_that_cannot_be_mapped_fails_alone(
    server: ProfilesServer, changes: dict[str, Any], words: str
) -> None:
    response = put(server, batch(record("m-1") | changes, record("m-2", "ep-2")))
    [(event_id, (code, message))] = failures(response).items()
    assert (event_id, code) == ("m-1", 400)
    assert words in message
    assert list(server.delivered) == ["m-2"]


@pytest.mark.parametrize("text", ["no JSON", "[]", '"text"'])
def test_an_object_that_is_none_fails_alone(server: ProfilesServer, text: str) -> None:
    document = batch(record("m-2"))
    document["Items"].insert(0, {"Id": "m-1", "Object": text})
    assert failures(put(server, document))["m-1"][0] == 400
    assert list(server.delivered) == ["m-2"]


def test_a_field_that_is_not_the_profiles_may_be_long(server: ProfilesServer) -> None:
    assert failures(put(server, batch(record(event_type="x" * 1_000)))) == {}


@pytest.mark.parametrize(
    ("behavior", "status", "name"),
    [
        (Behavior(throttle_next=1), 429, "ThrottlingException"),
        (Behavior(fail_next=1), 500, "InternalServerException"),
    ],
)
def test_it_throttles_and_fails_as_the_model_says(
    server: ProfilesServer, behavior: Behavior, status: int, name: str
) -> None:
    server.behavior = behavior
    response = put(server, batch(record()))
    assert (response.status_code, response.headers["x-amzn-errortype"]) == (status, name)
    assert put(server, batch(record())).status_code == 200


def test_it_drops_connections(server: ProfilesServer) -> None:
    server.behavior = Behavior(drop_next=1)
    with pytest.raises(ConnectionDropped):
        put(server, batch(record()))
    assert not server.delivered


def test_single_objects_are_refused_or_fail(
    server: ProfilesServer, observations: Observations
) -> None:
    server.behavior = Behavior(refuse_endpoint_ids=frozenset({"ep-2"}), refuse_message="No")
    assert failures(put(server, batch(record("m-1"), record("m-2", "ep-2")))) == {
        "m-2": (400, "No")
    }
    server.behavior = Behavior(fail_records_share=1)
    assert failures(put(server, batch(record("m-3"))))["m-3"][0] == 500

    assert [(it.event.event_id, it.outcome, it.status) for it in observations.told] == [
        ("m-1", Outcome.DELIVERED, "200"),
        ("m-2", Outcome.REFUSED, "400"),
        ("m-3", Outcome.FAILED, "500"),
    ]
    assert server.counts.refused == 2


def test_the_quota_throttles() -> None:
    server = ProfilesServer(
        [ObjectType.from_properties(PROPERTIES)],
        requests_per_second=1,
        burst=2,
        clock=lambda: 0.0,
    )
    statuses = [put(server, batch(record())).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]


def test_the_observer_is_shown_the_profile_and_what_it_starts(
    server: ProfilesServer, observations: Observations
) -> None:
    put(server, batch(record(event_type="purchase", user_attributes={"plan": "gold"})))
    got = {it.title: it.document for it in observations.told[0].event.got}
    assert got["Profile object m-1"]["event_type"] == "purchase"
    assert got["The resulting profile"]["Attributes"] == {"plan": "gold"}
    assert got["Event triggers that the object starts"] == ["bought"]
    put(server, batch(record("m-2")))
    assert len(observations.told[1].event.got) == 2


def test_reset_forgets_the_profiles(server: ProfilesServer) -> None:
    put(server, batch(record()))
    server.reset()
    assert (server.profiles, server.delivered) == ({}, {})


@pytest.mark.parametrize(
    ("kind", "changes", "words"),
    [
        ("ObjectType", {"Fields": [field("f", "endpoint_id")]}, "must begin with _source"),
        ("ObjectType", {"Fields": [field("f", "_source.f", "Attributes.f")]}, "_profile"),
        (
            "ObjectType",
            {
                "Keys": [
                    {
                        "Name": "k",
                        "ObjectTypeKeyList": [{"FieldNames": [], "StandardIdentifiers": ["ORDER"]}],
                    }
                ]
            },
            "key k of object type GtmEvent",
        ),
        ("EventTrigger", {"EventTriggerConditions": []}, "event trigger bought"),
    ],
)
def test_a_template_that_is_not_understood_is_refused(
    kind: str, changes: dict[str, Any], words: str
) -> None:
    resources = {"ObjectType": PROPERTIES, "EventTrigger": TRIGGER}
    resources[kind] = resources[kind] | changes
    with pytest.raises(ValueError, match=words):
        DomainBehavior.all_of(template(*resources.items()))


class TestTwoObjectTypes:
    """Event objects and visitor objects of the same profiles."""

    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def server(self, observations: Observations, clock: Clock) -> ProfilesServer:
        found = ObjectType.all_of(
            template(
                ("Domain", DOMAIN),
                ("ObjectType", EVENT_PROPERTIES),
                ("ObjectType", VISITOR_PROPERTIES),
            )
        )
        return ProfilesServer(found, observer=observations, now=clock)

    def test_they_are_one_profiles(
        self, server: ProfilesServer, observations: Observations
    ) -> None:
        put(server, batch(event("m-1"), event("m-2")))
        assert failures(put(server, visitors(visitor(plan="gold"), visitor("ep-2")))) == {}
        put(server, visitors(visitor(city="Bern")))
        put(server, batch(event("m-1")))
        assert {key: profile.fields for key, profile in server.profiles.items()} == {
            ("ep-1",): {"Attributes": {"plan": "gold"}, "Address": {"City": "Bern"}},
            ("ep-2",): {},
        }
        held = server.profiles["ep-1",].objects
        assert sorted(name for name, _ in held) == ["GtmEvent", "GtmEvent", "GtmVisitor"]
        # A visitor object is no event.
        assert list(server.delivered) == ["m-1", "m-2"]
        assert [it.event.event_id for it in observations.told] == ["m-1", "m-2", "m-1"]

    def test_a_profile_has_only_so_many_of_a_type(self, server: ProfilesServer) -> None:
        assert failures(put(server, batch(*(event(f"m-{n}") for n in range(3))))) == {}
        [(event_id, (code, message))] = failures(
            put(server, batch(event("m-2"), event("m-3"), event("m-4", "ep-2")))
        ).items()
        assert (event_id, code) == ("m-3", 400)
        assert "3 objects of the type GtmEvent, which is its MaxProfileObjectCount" in message
        assert failures(put(server, visitors(visitor(plan="gold")))) == {}

    def test_and_a_thousand_of_all_types(self) -> None:
        properties = {**EVENT_PROPERTIES, "MaxProfileObjectCount": None}
        server = ProfilesServer([ObjectType.from_properties(properties)])
        for start in range(0, 1_000, 10):
            put(server, batch(*(event(f"m-{n}") for n in range(start, start + 10))))
        assert "1,000 objects" in failures(put(server, batch(event("m-1000"))))["m-1000"][1]

    def test_objects_expire(self, server: ProfilesServer, clock: Clock) -> None:
        put(server, batch(*(event(f"m-{n}") for n in range(3))))
        put(server, visitors(visitor(plan="gold")))
        clock.days += 89
        assert failures(put(server, batch(event("m-3")))).keys() == {"m-3"}
        put(server, batch(event("m-2")))  # its time begins again
        clock.days += 2
        assert failures(put(server, batch(event("m-3")))) == {}
        held = server.profiles["ep-1",].objects.values()
        assert [it.get("event_id") for it in held] == ["m-2", None, "m-3"]
        clock.days += 300  # as the domain says of the type that says nothing
        put(server, batch(event("m-4")))
        [kept] = server.profiles["ep-1",].objects.values()
        assert kept["event_id"] == "m-4"

    @pytest.mark.parametrize(
        ("behavior", "events", "of_visitors"),
        [
            (Behavior(refuse_endpoint_data=frozenset({"ep-1"})), set(), {"v0"}),
            (Behavior(refuse_endpoint_ids=frozenset({"ep-1"})), {"m-1"}, set()),
            (Behavior(fail_records_share=1), {"m-1"}, {"v0"}),
        ],
    )
    def test_it_refuses_either(
        self,
        server: ProfilesServer,
        behavior: Behavior,
        events: set[str],
        of_visitors: set[str],
    ) -> None:
        server.behavior = behavior
        assert failures(put(server, batch(event()))).keys() == events
        assert failures(put(server, visitors(visitor(plan="gold")))).keys() == of_visitors

    def test_a_visitor_object_that_cannot_be_mapped_fails(
        self, server: ProfilesServer, observations: Observations
    ) -> None:
        answer = put(server, visitors(visitor(plan="x" * 256), visitor("ep-2", plan="x")))
        assert failures(answer) == {
            "v0": (400, "Field usat_plan has 256 characters, but must have 1 to 255")
        }
        assert observations.told == []

    def test_keys_of_other_names_find_other_profiles(self) -> None:
        other = {**VISITOR_PROPERTIES, "Keys": [key("Other", "endpoint_id", "PROFILE", "UNIQUE")]}
        server = ProfilesServer(map(ObjectType.from_properties, (EVENT_PROPERTIES, other)))
        put(server, visitors(visitor(plan="gold")))
        put(server, batch(event()))
        assert len(server._profiles) == 2

"""The local Customer Profiles: what it refuses, and the profiles that objects make."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from local.destination import Answered, Behaviour, ConnectionDropped, Outcome
from local.profiles import ObjectType, ProfilesServer
from tests.asgi import send

if TYPE_CHECKING:
    import httpx

PATH = "/domains/shop/profiles/objects/batch-put-profile-object"


def field(name: str, source: str, target: str | None = None) -> dict[str, Any]:
    mapping = {"Source": source, "ContentType": "STRING"}
    return {"Name": name, "ObjectTypeField": mapping | ({"Target": target} if target else {})}


PROPERTIES: dict[str, Any] = {
    "DomainName": "shop",
    "ObjectTypeName": "GtmEvent",
    "AllowProfileCreation": True,
    "Fields": [
        field("endpoint_id", "_source.endpoint_id"),
        field("event_type", "_source.event_type"),
        field("usat_plan", "_source.user_attributes.plan", "_profile.Attributes.plan"),
        field("usat_city", "_source.user_attributes.city", "_profile.Address.City"),
    ],
    "Keys": [
        {
            "Name": "GtmEndpointId",
            "ObjectTypeKeyList": [
                {"FieldNames": ["endpoint_id"], "StandardIdentifiers": ["PROFILE", "UNIQUE"]}
            ],
        }
    ],
}
TRIGGER: dict[str, Any] = {
    "DomainName": "shop",
    "ObjectTypeName": "GtmEvent",
    "EventTriggerName": "bought",
    "EventTriggerConditions": [
        {
            "LogicalOperator": "ALL",
            "EventTriggerDimensions": [
                {
                    "ObjectAttributes": [
                        {
                            "FieldName": "event_type",
                            "ComparisonOperator": "INCLUSIVE",
                            "Values": ["purchase"],
                        }
                    ]
                }
            ],
        }
    ],
}


def template(*resources: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {
        "Resources": {
            f"R{number}": {"Type": f"AWS::CustomerProfiles::{kind}", "Properties": properties}
            for number, (kind, properties) in enumerate(resources)
        }
    }


def record(event_id: str = "m-1", endpoint_id: str = "ep-1", **changes: Any) -> dict[str, Any]:
    return {
        "schema_version": "1",
        "event_id": event_id,
        "event_type": "page_view",
        "endpoint_id": endpoint_id,
        "attributes": {},
        "metrics": {},
        "user_attributes": {},
    } | changes


def batch(*records: dict[str, Any]) -> dict[str, Any]:
    return {
        "ObjectTypeName": "GtmEvent",
        "Items": [{"Id": each["event_id"], "Object": json.dumps(each)} for each in records],
    }


def put(server: ProfilesServer, document: object, path: str = PATH) -> httpx.Response:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return send(server.app(), "PUT", path, content=body)


def failures(response: httpx.Response) -> dict[str, tuple[int, str]]:
    assert response.status_code == 200, response.text
    return {it["Id"]: (it["Code"], it["Message"]) for it in response.json()["Failed"]}


class Observations:
    """An observer that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[Answered] = []

    def destination_answered(self, destination: str, answered: Answered) -> None:
        assert destination == "customer-profiles"
        self.told.append(answered)


@pytest.fixture
def observations() -> Observations:
    return Observations()


@pytest.fixture
def server(observations: Observations) -> ProfilesServer:
    found = ObjectType.all_of(template(("ObjectType", PROPERTIES), ("EventTrigger", TRIGGER)))
    return ProfilesServer(found, observer=observations)


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
        (batch(*(record(f"m-{n}") for n in range(11))), "11 members, it must have 1 to 10"),
        (batch(record("m-1"), record("m-1")), "Ids must differ"),
        (batch(record("m.1")), "Id must match"),
        (batch(record("x" * 65)), "65 characters, it must have 1 to 64"),
        (batch(record()) | {"ObjectTypeName": "1st"}, "ObjectTypeName must match"),
        (batch(record()) | {"Domain": "shop"}, 'Unknown parameter in input: "Domain"'),
        ({"ObjectTypeName": "GtmEvent", "Items": [{"Id": "a", "Object": {}}]}, "Object"),
        (batch(record(attributes={"a": "x" * 256_000})), "it must have 1 to 256,000"),
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
        ({"endpoint_id": None}, "no value for its key: endpoint_id"),
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
    ("behaviour", "status", "name"),
    [
        (Behaviour(throttle_next=1), 429, "ThrottlingException"),
        (Behaviour(fail_next=1), 500, "InternalServerException"),
    ],
)
def test_it_throttles_and_fails_as_the_model_says(
    server: ProfilesServer, behaviour: Behaviour, status: int, name: str
) -> None:
    server.behaviour = behaviour
    response = put(server, batch(record()))
    assert (response.status_code, response.headers["x-amzn-errortype"]) == (status, name)
    assert put(server, batch(record())).status_code == 200


def test_it_drops_connections(server: ProfilesServer) -> None:
    server.behaviour = Behaviour(drop_next=1)
    with pytest.raises(ConnectionDropped):
        put(server, batch(record()))
    assert not server.delivered


def test_single_objects_are_refused_or_fail(
    server: ProfilesServer, observations: Observations
) -> None:
    server.behaviour = Behaviour(refuse_endpoint_ids=frozenset({"ep-2"}), refuse_message="No")
    assert failures(put(server, batch(record("m-1"), record("m-2", "ep-2")))) == {
        "m-2": (400, "No")
    }
    server.behaviour = Behaviour(fail_records_share=1)
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
    assert got["The profile that resulted"]["Attributes"] == {"plan": "gold"}
    assert got["Event triggers that it starts"] == ["bought"]
    put(server, batch(record("m-2")))
    assert len(observations.told[1].event.got) == 2


def test_a_trigger_is_started_when_all_its_fields_agree() -> None:
    [condition] = TRIGGER["EventTriggerConditions"]
    vouched_for = {
        "ObjectAttributes": [
            {
                "FieldName": "access",
                "ComparisonOperator": "INCLUSIVE",
                "Values": ["authenticated"],
            }
        ]
    }
    both = condition | {
        "EventTriggerDimensions": [*condition["EventTriggerDimensions"], vouched_for]
    }
    [object_type] = ObjectType.all_of(
        template(
            ("ObjectType", PROPERTIES),
            ("EventTrigger", TRIGGER | {"EventTriggerConditions": [both]}),
        )
    )
    [trigger] = object_type.triggers
    assert trigger.starts({"event_type": "purchase", "access": "authenticated"})
    assert not trigger.starts({"event_type": "purchase", "access": "anonymous"})
    assert not trigger.starts({"event_type": "purchase"})
    assert not trigger.starts({"event_type": "other", "access": "authenticated"})


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
        ObjectType.all_of(template(*resources.items()))

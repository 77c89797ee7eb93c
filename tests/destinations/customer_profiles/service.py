"""Customer Profiles in memory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from gtm_events.aws import Client, ServiceEndpoint
from gtm_events.destinations.customer_profiles import (
    EventsAndVisitors,
    OneObjectType,
    TwoObjectTypes,
)
from tests.destinations.fake import BatchFake, event_of
from tests.unit.builders import Answered, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gtm_events.destinations import Destination
    from gtm_events.destinations.batching import BatchService
    from gtm_events.event import Event
    from tests.destinations.fake import Verdict

DOMAIN = "the-domain"
OBJECT_TYPE = "the-object-type"
VISITOR_OBJECT_TYPE = "the-visitor-object-type"


class FakeCustomerProfiles(BatchFake):
    """``BatchPutProfileObject`` in memory."""

    name = "customer-profiles"
    model = ("customer-profiles", "BatchPutProfileObject")
    parameters: ClassVar = {"DomainName": DOMAIN}
    verdicts = frozenset({"ok", "refused", "throttled", "failed", "denied", "unmentioned"})
    whole: ClassVar = {
        "refused": Answered(400, "BadRequestException"),
        "throttled": Answered(429, "ThrottlingException"),
    }
    max_bytes = 6_000_000  # AWS documents none: ten objects, escaped
    max_entries = 10
    max_entry_bytes = 256_000  # characters
    sends_newest = True
    environment: ClassVar = {
        "CUSTOMER_PROFILES_DOMAIN_NAME": DOMAIN,
        "CUSTOMER_PROFILES_OBJECT_TYPE_NAME": OBJECT_TYPE,
    }
    url = (
        "https://profile.eu-west-1.amazonaws.com"
        "/domains/the-domain/profiles/objects/batch-put-profile-object"
    )
    endpoint = ServiceEndpoint("profile", "us-east-1", "https://profile")

    def service(self) -> BatchService[Any]:
        return OneObjectType(DOMAIN, OBJECT_TYPE)

    def size(self, request: dict[str, Any], body: bytes) -> int:
        assert request["ObjectTypeName"] == OBJECT_TYPE
        ids = [item["Id"] for item in request["Items"]]
        assert len(ids) == len(set(ids))
        return len(body)

    def read(self, request: dict[str, Any]) -> Iterator[Iterable[Event]]:
        for item in request["Items"]:
            event = event_of(item["Object"])
            assert item["Id"] == event.id
            user_attributes: dict[str, Any] = {**event.user_attributes}
            for name, value in user_attributes.items():
                assert len(name) <= 255
                assert isinstance(value, str)
                assert 1 <= len(value) <= 255
            yield [event]

    def written(self, entries: list[list[Event]], verdicts: list[Verdict]) -> dict[str, Any]:
        return _answer((event.id, v) for [event], v in zip(entries, verdicts, strict=True))

    def entry_size(self, request: dict[str, Any]) -> int:
        return len(request["Items"][0]["Object"])

    def adapt(self, expected: Event, got: Event) -> None:  # noqa: ARG002
        one: Any = {
            name: ", ".join(values)[:255] for name, values in expected.user_attributes.items()
        }
        expected.user_attributes = one


def _answer(said: Iterable[tuple[str, Verdict]]) -> dict[str, Any]:
    codes: dict[Verdict, int] = {"refused": 400, "throttled": 429, "failed": 500, "denied": 403}
    answer: dict[str, Any] = {"Successful": [], "Failed": []}
    for item_id, verdict in said:
        if verdict == "ok":
            answer["Successful"].append({"Id": item_id, "ProfileObjectUniqueKey": "k"})
        elif verdict in codes:
            failed = {"Id": item_id, "Code": codes[verdict], "Message": f"it is {verdict}"}
            answer["Failed"].append(failed)
    return answer


class FakeTwoObjectTypes(FakeCustomerProfiles):
    """``BatchPutProfileObject`` of a domain with an object type for events and one for visitors.

    Args:
        decide: Returns the verdict on an event object.
        decide_visitor: Returns the verdict on a visitor object, as it was sent.

    Attributes:
        visitors: The visitor objects of each request.
        taken: The visitor objects that were accepted, in that order.
        profiles: The user attributes of each endpoint, from the accepted visitor objects.
    """

    optional: ClassVar = {"CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME": VISITOR_OBJECT_TYPE}

    def __init__(
        self,
        decide: Callable[[Event], Verdict] = lambda _: "ok",
        decide_visitor: Callable[[dict[str, Any]], Verdict] = lambda _: "ok",
    ) -> None:
        super().__init__(decide)
        self.decide_visitor = decide_visitor
        self.visitors: list[list[dict[str, Any]]] = []
        self.taken: list[dict[str, Any]] = []
        self.profiles: dict[str, dict[str, str]] = {}

    def service(self) -> BatchService[Any]:
        return TwoObjectTypes(DOMAIN, OBJECT_TYPE, VISITOR_OBJECT_TYPE)

    def destination(self, *, requests_per_second: float = 1_000_000) -> Destination:
        return EventsAndVisitors(
            self.service(), Client(self.endpoint, self), requests_per_second=requests_per_second
        )

    def fewest_requests(self) -> int:
        return -(-sum(map(len, self.entries)) // 10) + -(-sum(map(len, self.visitors)) // 10)

    def answer(self, body: bytes) -> Response:
        request = self.parsed(body)
        if request["ObjectTypeName"] == OBJECT_TYPE:
            return super().answer(body)
        assert request["ObjectTypeName"] == VISITOR_OBJECT_TYPE
        self.check(request)
        items = request["Items"]
        assert len({item["Id"] for item in items}) == len(items)
        documents = [json.loads(item["Object"]) for item in items]
        for document in documents:
            check_visitor(document)
        # AWS does not document which of two equal keys in a request wins.
        assert len({document["endpoint_id"] for document in documents}) == len(documents)
        with self._lock:
            self.visitors.append(documents)
        verdicts = [self.decide_visitor(document) for document in documents]
        with self._lock:
            for document, verdict in zip(documents, verdicts, strict=True):
                if verdict == "ok":
                    self.taken.append(document)
                    profile = self.profiles.setdefault(document["endpoint_id"], {})
                    profile.update(document["user_attributes"])
        said = zip((item["Id"] for item in items), verdicts, strict=True)
        return Response(200, json.dumps(_answer(said)).encode())

    def read(self, request: dict[str, Any]) -> Iterator[Iterable[Event]]:
        for item in request["Items"]:
            document = json.loads(item["Object"])
            assert "user_attributes" not in document
            event = event_of(json.dumps(document | {"user_attributes": {}}))
            assert item["Id"] == event.id
            yield [event]

    def adapt(self, expected: Event, got: Event) -> None:
        super().adapt(expected, got)
        profile: dict[str, Any] = self.profiles.get(got.endpoint_id, {})
        got.user_attributes = {name: profile[name] for name in expected.user_attributes}


def check_visitor(document: dict[str, Any]) -> None:
    """Assert that a visitor object has all required members and no others."""
    members = {"endpoint_id", "timestamp", "access", "user_attributes"}
    assert set(document) - {"user_id"} == members
    assert document["access"] in {"authenticated", "anonymous"}
    assert document["access"] == "anonymous" or document["user_id"]
    assert document["user_attributes"]
    for name, value in document["user_attributes"].items():
        assert 1 <= len(name) <= 255
        assert isinstance(value, str)
        assert 1 <= len(value) <= 255


FAKE = FakeCustomerProfiles
FAKES = (FakeCustomerProfiles, FakeTwoObjectTypes)

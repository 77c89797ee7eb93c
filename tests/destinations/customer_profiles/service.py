"""Customer Profiles in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from gtm_events.aws import ServiceEndpoint
from gtm_events.destinations.customer_profiles import OneObjectType
from tests.destinations.fake import BatchFake, event_of
from tests.unit.builders import Answered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gtm_events.destinations.batching import BatchService
    from gtm_events.event import Event
    from tests.destinations.fake import Verdict

DOMAIN = "the-domain"
OBJECT_TYPE = "the-object-type"


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
    max_bytes = 6_000_000  # none is documented: ten objects, escaped
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
        codes: dict[Verdict, int] = {"refused": 400, "throttled": 429, "failed": 500, "denied": 403}
        said = [(event.id, verdict) for [event], verdict in zip(entries, verdicts, strict=True)]
        return {
            "Successful": [
                {"Id": event_id, "ProfileObjectUniqueKey": "k"}
                for event_id, verdict in said
                if verdict == "ok"
            ],
            "Failed": [
                {"Id": event_id, "Code": codes[verdict], "Message": f"it is {verdict}"}
                for event_id, verdict in said
                if verdict in codes
            ],
        }

    def entry_size(self, request: dict[str, Any]) -> int:
        return len(request["Items"][0]["Object"])

    def adapt(self, expected: Event, got: Event) -> None:  # noqa: ARG002
        one: Any = {
            name: ", ".join(values)[:255] for name, values in expected.user_attributes.items()
        }
        expected.user_attributes = one


FAKE = FakeCustomerProfiles

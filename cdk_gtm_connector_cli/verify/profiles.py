"""Questions about Customer Profiles."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cdk_gtm_connector_cli.verify.destinations import judge_let_in
from cdk_gtm_connector_cli.verify.question import (
    CannotAskError,
    Conclusion,
    Evidence,
    Question,
    Source,
    all_hold,
    differs,
    held,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


_DAY_MS: Final = 86_400_000
_MIGRATING: Final = "docs/migrating-from-pinpoint.md"


T = TypeVar("T")


_LOOKS: Final = 12


_RATE: Final = 100


_MAY_WRITE: Final = "--may-write-profiles"


_WRITES: Final = "writes a test profile to the domain and deletes it"


def _judge_rate(evidence: Evidence) -> Conclusion:
    evidence.deployment.delivery("customer-profiles")
    quotas = evidence.deployment.client("service-quotas")
    pages = quotas.get_paginator("list_service_quotas").paginate(ServiceCode="profile")
    for page in pages:
        for quota in page["Quotas"]:
            if "BatchPutProfileObject" in quota["QuotaName"]:
                wrong = [] if quota["Value"] >= _RATE else [f"the quota is {quota['Value']:g}"]
                return all_hold(wrong, f"the quota is {quota['Value']:g} a second")
    raise CannotAskError("Service Quotas lists no quota for BatchPutProfileObject")


@dataclass(frozen=True, slots=True)
class _Visitor:
    """A test visitor in the connector's domain."""

    client: Any
    domain: str
    event_type: str
    visitor_type: str
    endpoint_id: str
    pause: float

    def object_type(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.client.get_profile_object_type(
            DomainName=self.domain, ObjectTypeName=name
        )
        return found

    def put_event(self, number: int, *calculated: str) -> None:
        self._put(
            self.event_type,
            {
                "schema_version": "1",
                "event_id": f"{self.endpoint_id}-{number}",
                "event_type": "verify",
                "endpoint_id": self.endpoint_id,
                "timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "access": "authenticated",
                "attributes": {},
                "metrics": {},
                # A calculated attribute of one event type reads a field that only such events have.
                "calculated": dict.fromkeys(calculated, 1),
            },
        )

    def put_visitor(self, **attributes: str) -> None:
        self._put(
            self.visitor_type,
            {"endpoint_id": self.endpoint_id, "user_attributes": attributes},
        )

    def _put(self, object_type: str, document: Mapping[str, Any]) -> None:
        self.client.put_profile_object(
            DomainName=self.domain, ObjectTypeName=object_type, Object=json.dumps(document)
        )

    def profiles(self) -> list[Mapping[str, Any]]:
        """Return the profiles that have the visitor's endpoint id as a key."""
        keys = self.object_type(self.event_type)["Keys"]
        name = next(
            name
            for name, kinds in keys.items()
            if any("PROFILE" in kind.get("StandardIdentifiers", []) for kind in kinds)
        )
        found: list[Mapping[str, Any]] = self.client.search_profiles(
            DomainName=self.domain, KeyName=name, Values=[self.endpoint_id]
        )["Items"]
        return found

    def attribute(self) -> tuple[str, str]:
        """Return a mapped user attribute, and its name in the profile.

        Raises:
            CannotAskError: No user attribute is mapped.
        """
        for field in self.object_type(self.visitor_type).get("Fields", {}).values():
            source, target = field.get("Source", ""), field.get("Target", "")
            begin, into = "_source.user_attributes.", "_profile.Attributes."
            if source.startswith(begin) and target.startswith(into):
                return source.removeprefix(begin), target.removeprefix(into)
        raise CannotAskError("no user attribute is mapped: set customer_profiles_attributes")

    def look(self, probe: Callable[[], T | None]) -> T | None:
        """Call ``probe`` until it returns a value, and return that; ``None`` after the last try."""
        for again in range(_LOOKS):
            if again:
                time.sleep(self.pause)
            found = probe()
            if found is not None:
                return found
        return None


@contextmanager
def _visitor(evidence: Evidence, name: str) -> Iterator[_Visitor]:
    """Yield a test visitor, and delete its profiles afterward."""
    environment = evidence.deployment.delivery("customer-profiles").environment
    visitor_type = environment.get("CUSTOMER_PROFILES_VISITOR_OBJECT_TYPE_NAME")
    if not visitor_type:
        raise CannotAskError("the connector has a single object type, so it has no visitor objects")
    visitor = _Visitor(
        evidence.deployment.client("customer-profiles"),
        environment["CUSTOMER_PROFILES_DOMAIN_NAME"],
        environment["CUSTOMER_PROFILES_OBJECT_TYPE_NAME"],
        visitor_type,
        f"gtmverify{evidence.run}{name}",
        evidence.deployment.pause,
    )
    try:
        yield visitor
    finally:
        for profile in visitor.profiles():
            visitor.client.delete_profile(DomainName=visitor.domain, ProfileId=profile["ProfileId"])


def _judge_keeps(evidence: Evidence) -> Conclusion:
    with _visitor(evidence, "keeps") as visitor:
        source, target = visitor.attribute()
        visitor.put_visitor(**{source: "verify"})
        if visitor.look(lambda: _value(visitor, target)) is None:
            raise CannotAskError(f"the profile did not get {target} within a minute")
        visitor.put_visitor(**{f"{source}_verify": "other"})
        if visitor.look(lambda: None if _value(visitor, target) else "gone"):
            return differs(f"{target} is gone after an object without it")
        return held(f"{target} is still there after an object without it")


def _value(visitor: _Visitor, target: str) -> str | None:
    for profile in visitor.profiles():
        if value := profile.get("Attributes", {}).get(target):
            return str(value)
    return None


def _judge_order(evidence: Evidence) -> Conclusion:
    with _visitor(evidence, "order") as visitor:
        source, target = visitor.attribute()
        visitor.put_visitor(**{source: "first"})
        if visitor.look(lambda: _value(visitor, target)) is None:
            raise CannotAskError(f"the profile did not get {target} within a minute")
        visitor.put_visitor(**{source: "second"})
        if visitor.look(lambda: _value(visitor, target) == "second" or None):
            return held("the object that was put last counts")
        return differs(f"{target} is still {_value(visitor, target)!r}")


def _judge_single(evidence: Evidence) -> Conclusion:
    with _visitor(evidence, "single") as visitor:
        source, _ = visitor.attribute()
        visitor.put_event(1)
        visitor.put_visitor(**{source: "verify"})
        visitor.put_event(2)
        found = visitor.look(lambda: visitor.profiles() or None)
        if not found:
            raise CannotAskError("no profile was there within a minute")
        more = visitor.look(lambda: visitor.profiles()[1:] or None)
        if more:
            return differs(f"{len(more) + 1} profiles have the endpoint's key")
        return held("three objects made one profile")


def _judge_calculated(evidence: Evidence) -> Conclusion:
    with _visitor(evidence, "calculated") as visitor:
        names = [
            it["CalculatedAttributeName"]
            for it in visitor.client.list_calculated_attribute_definitions(
                DomainName=visitor.domain
            )["Items"]
        ]
        if not names:
            raise CannotAskError("the domain has no calculated attribute")
        visitor.put_event(1, *names)
        visitor.put_event(2, *names)
        profiles = visitor.look(lambda: visitor.profiles() or None)
        if not profiles:
            raise CannotAskError("no profile was there within a minute")

        def value() -> str | None:
            for name in names:
                answer = visitor.client.get_calculated_attribute_for_profile(
                    DomainName=visitor.domain,
                    ProfileId=profiles[0]["ProfileId"],
                    CalculatedAttributeName=name,
                )
                if answer.get("Value") not in (None, "", "0"):
                    return f"{name} is {answer['Value']}"
            return None

        found = visitor.look(value)
        return held(found) if found else differs(f"none of {', '.join(names)} got a value")


def _judge_triggers(evidence: Evidence) -> Conclusion:
    environment = evidence.deployment.delivery("customer-profiles").environment
    client = evidence.deployment.client("customer-profiles")
    domain = environment["CUSTOMER_PROFILES_DOMAIN_NAME"]
    triggers = evidence.deployment.resources_of("AWS::CustomerProfiles::EventTrigger")
    if not triggers:
        raise CannotAskError("the stack has no event trigger: customer_profiles_trigger_event=")
    wrong = []
    for each in triggers:
        name = each.physical_id.rpartition("|")[2]
        found = client.get_event_trigger(DomainName=domain, EventTriggerName=name)
        conditions = found.get("EventTriggerConditions", [])
        if found.get("ObjectTypeName") != environment["CUSTOMER_PROFILES_OBJECT_TYPE_NAME"]:
            wrong.append(f"{name} is about {found.get('ObjectTypeName')}")
        if not conditions or any(it.get("LogicalOperator") != "ALL" for it in conditions):
            wrong.append(f"{name} does not require all of its dimensions")
    return all_hold(
        wrong,
        f"{len(triggers)} triggers are about event objects and require all of their dimensions",
    )


def _judge_key(evidence: Evidence) -> Conclusion:
    environment = evidence.deployment.delivery("customer-profiles").environment
    client = evidence.deployment.client("customer-profiles")
    domain = client.get_domain(DomainName=environment["CUSTOMER_PROFILES_DOMAIN_NAME"])
    if not domain.get("DefaultEncryptionKey"):
        raise CannotAskError("the domain does not have its own key")
    return judge_let_in(evidence, "customer-profiles")


_0025: Final = "docs/decisions/0025-event-and-visitor-objects.md"


QUESTIONS: Final = (
    Question(
        id="profiles-permission",
        assumed="The permission profile:BatchPutProfileObject lets the function put objects.",
        how="The function's log of the last day.",
        breaks="No event is delivered to Customer Profiles.",
        remedy="Also allow profile:PutProfileObject in object_types.grant_put(); open an issue.",
        sources=(Source("issue 4", "IAM of `BatchPutProfileObject`"),),
        judge=lambda evidence: judge_let_in(evidence, "customer-profiles"),
    ),
    Question(
        id="profiles-rate",
        assumed="Customer Profiles accepts 100 BatchPutProfileObject requests per second.",
        how="The quota in Service Quotas.",
        breaks="The function is throttled, and events wait longer.",
        remedy="Set customer_profiles_requests_per_second= to the quota.",
        sources=(
            Source("docs/capacity.md", "the rate of `BatchPutProfileObject`"),
            Source(_MIGRATING, "Customer Profiles' rates and prices"),
        ),
        judge=_judge_rate,
    ),
    Question(
        id="profile-keeps",
        assumed="A profile keeps an attribute that a newer object with the same key does not have.",
        how="Two visitor objects of a test visitor.",
        breaks="A profile loses attributes with every event that sets others.",
        remedy="Send every user attribute with every event: decision 0025; open an issue.",
        sources=(
            Source(_0025, "an account must show it"),
            Source(_MIGRATING, "whether a profile keeps an attribute that a newer object"),
        ),
        judge=_judge_keeps,
        writes=_WRITES,
        permission=_MAY_WRITE,
    ),
    Question(
        id="profile-order",
        assumed="Of two visitor objects, the one that was put last counts.",
        how="Two visitor objects of a test visitor.",
        breaks="A profile keeps an older value of a user attribute.",
        remedy="Compare timestamps before putting an object: decision 0025; open an issue.",
        sources=(Source(_0025, "Customer Profiles is not known to compare it"),),
        judge=_judge_order,
        writes=_WRITES,
        permission=_MAY_WRITE,
    ),
    Question(
        id="one-profile",
        assumed="Event objects and a visitor object that arrive together make one profile.",
        how="Three objects of a test visitor.",
        breaks="A customer has several profiles, each with a part of the history.",
        remedy="Set customer_profiles_single_object_type=true, or turn on identity resolution; "
        "open an issue.",
        sources=(Source(_0025, "makes one profile is for an account to show"),),
        judge=_judge_single,
        writes=_WRITES,
        permission=_MAY_WRITE,
    ),
    Question(
        id="calculated-attributes",
        assumed="A calculated attribute counts event objects.",
        how="Two event objects of a test visitor.",
        breaks="Segments and triggers that use counts never match.",
        remedy="Correct docs/customer-profiles.md; open an issue.",
        sources=(Source("issue 13", "triggers and calculated attributes"),),
        judge=_judge_calculated,
        writes=_WRITES,
        permission=_MAY_WRITE,
    ),
    Question(
        id="triggers",
        assumed="A trigger requires all of its dimensions to match, and is about event objects.",
        how="The stack's triggers as Customer Profiles returns them.",
        breaks="A campaign starts for a stranger's events, or never.",
        remedy="Change event_trigger.py: decision 0023; open an issue.",
        sources=(
            Source(
                "docs/decisions/0023-access-in-records.md",
                "that dimensions are combined as the documentation of `LogicalOperator` says",
            ),
        ),
        judge=_judge_triggers,
    ),
    Question(
        id="profiles-key",
        assumed="Requests from Customer Profiles to KMS carry aws:SourceArn.",
        how="The function's log of the last day, if the domain has its own key.",
        breaks="A domain with its own key refuses objects.",
        remedy="Remove the condition from the key's policy in keys.py; open an issue.",
        sources=(Source("issue 4", "whether Customer Profiles' KMS calls carry `aws:SourceArn`"),),
        judge=_judge_key,
    ),
)

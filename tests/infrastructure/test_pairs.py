"""Props that do not go together, and values that would do nothing, or harm, without a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_events as events
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm

from cdk_gtm_connector import (
    CollectionApi,
    CustomerProfilesDestination,
    Domain,
    EventBridgeDestination,
    EventDelivery,
    IamAuthorizer,
    LambdaAuthorizer,
    PinpointDestination,
    ProfileEventTrigger,
    PropError,
    SignedTokenAuthorizer,
)
from tests.destinations.eventbridge.cases import BUS_ARN
from tests.infrastructure.every_value import NEEDED
from tests.infrastructure.options import CERTIFICATE_ARN, FUNCTION_ARN
from tests.infrastructure.synthesis import add_connector, warnings
from tests.infrastructure.wrong_values import QUEUE_ARN, Values

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.infrastructure.conftest import Synthesize

HERE = cdk.Environment(account="123456789012", region="us-east-1")
THERE = cdk.Environment(account="123456789012", region="eu-west-1")


@pytest.fixture
def stack() -> cdk.Stack:
    """A stack whose place is known."""
    return cdk.Stack(cdk.App(), "Shop", env=HERE)


class TestUserAttributes:
    """Names that no tag sends, or that nobody may set."""

    def test_without_an_authorizer_nobody_is_authenticated(self, stack: cdk.Stack) -> None:
        words = (
            r"^authenticated_user_attributes must not name any without authorizer, .*, "
            r"got \['plan'\] with authorizer=None$"
        )
        with pytest.raises(PropError, match=words) as caught:
            add_connector(stack, authenticated_user_attributes=["plan"])
        assert caught.value.others == {"authorizer": None}

    @pytest.mark.parametrize("names", ["*", [], ()])
    def test_what_says_as_much_is_taken(self, stack: cdk.Stack, names: Any) -> None:
        add_connector(stack, authenticated_user_attributes=names)

    @pytest.mark.parametrize(
        "prop", ["anonymous_user_attributes", "authenticated_user_attributes", "user_attributes"]
    )
    @pytest.mark.parametrize(
        ("names", "words"),
        [
            (["usat_plan"], r"names without usat_, .*, got 'usat_plan': write \"plan\""),
            (["plan", "plan"], r"each name once, got 'plan'"),
            ([""], r"names of 1 to .*, got ''"),
            ([None], r"names.*, got None"),
        ],
    )
    def test_names_are_those_that_a_tag_sends(
        self, stack: cdk.Stack, prop: str, names: list[str], words: str
    ) -> None:
        with pytest.raises(PropError, match=rf"^{prop} must hold {words}$"):
            give_names(stack, prop, names)

    @pytest.mark.parametrize("name", [" plan", "plan ", "\tplan", " "])
    @pytest.mark.parametrize("prop", ["anonymous_user_attributes", "authenticated_user_attributes"])
    def test_white_space_around_a_name_is_none_of_it(
        self, stack: cdk.Stack, prop: str, name: str
    ) -> None:
        with pytest.raises(PropError, match=rf"^{prop} must hold names without white space"):
            give_names(stack, prop, [name])

    @pytest.mark.parametrize("name", ["first name", "usat", "Usat_plan", "müller", "a*"])
    def test_other_names_are_taken(self, stack: cdk.Stack, name: str) -> None:
        add_connector(stack, anonymous_user_attributes=[name])

    def test_a_mapping_is_held_to_the_same(self) -> None:
        with pytest.raises(PropError, match=r"^user_attributes must hold names without usat_"):
            CustomerProfilesDestination(
                domain_name="shop", user_attributes={"usat_email": "EmailAddress"}
            )


def give_names(stack: cdk.Stack, prop: str, names: Any) -> None:
    """Give ``names`` to the construct that has ``prop``."""
    if prop == "user_attributes":
        CustomerProfilesDestination(domain_name="shop", user_attributes=names)
    else:
        add_connector(stack, authorizer=IamAuthorizer(), **{prop: names})


def domain(stack: cdk.Stack, **props: Any) -> Domain:
    """Return a domain with ``props`` over what it needs."""
    if "certificate" not in props:
        props["certificate"] = acm.Certificate.from_certificate_arn(
            stack, "Certificate", CERTIFICATE_ARN
        )
    return Domain(**{"name": "events.shop.example", **props})


def zone(stack: cdk.Stack, name: str) -> route53.IHostedZone:
    """Return a zone that somebody has."""
    return route53.HostedZone.from_hosted_zone_attributes(
        stack, "Zone", hosted_zone_id="Z0123456789", zone_name=name
    )


class TestDomains:
    """A domain's zone and certificate."""

    @pytest.mark.parametrize("name", ["blog.example", "hop.example", "x.events.shop.example", "e"])
    def test_a_zone_that_does_not_hold_the_name(self, stack: cdk.Stack, name: str) -> None:
        words = rf"^hosted_zone must be the zone of name, .*, got '{name}' with name='events\.shop"
        with pytest.raises(PropError, match=words):
            domain(stack, hosted_zone=zone(stack, name))

    @pytest.mark.parametrize(
        "name", ["events.shop.example", "shop.example", "Shop.Example.", "example"]
    )
    def test_zones_that_hold_it(self, stack: cdk.Stack, name: str) -> None:
        domain(stack, hosted_zone=zone(stack, name))

    def test_a_zone_whose_name_is_not_known(self, synthesized: Synthesize) -> None:
        def build(stack: cdk.Stack) -> None:
            by_id = route53.HostedZone.from_hosted_zone_id(stack, "Zone", "Z0123456789")
            add_connector(stack, domain=domain(stack, hosted_zone=by_id))

        records = synthesized(build).all("AWS::Route53::RecordSet")
        assert {record.properties["Name"] for record in records} == {"events.shop.example."}

    def test_a_certificate_of_another_region(self) -> None:
        stack = cdk.Stack(cdk.App(), "Shop", env=THERE)
        words = r"^certificate must be in the stack's Region, eu-west-1, .*, got 'us-east-1': "
        with pytest.raises(PropError, match=words):
            add_connector(stack, domain=domain(stack))

    def test_that_of_a_stack_in_another_region(self) -> None:
        app = cdk.App()
        theirs = cdk.Stack(app, "Theirs", env=HERE, cross_region_references=True)
        ours = cdk.Stack(app, "Ours", env=THERE, cross_region_references=True)
        certificate = acm.Certificate(theirs, "Own", domain_name="events.shop.example")
        with pytest.raises(PropError, match=r"^certificate must be in .*, got 'us-east-1': "):
            add_connector(ours, domain=domain(ours, certificate=certificate))
        add_connector(theirs, domain=domain(theirs, certificate=certificate))

    def test_where_the_stack_is_may_not_be_known(self) -> None:
        stack = cdk.Stack()
        add_connector(stack, domain=domain(stack))

    @pytest.mark.parametrize(
        ("names", "fits"),
        [
            (["shop.example"], False),
            (["*.example"], False),
            (["blog.example", "www.shop.example"], False),
            (["events.shop.example"], True),
            (["*.shop.example"], True),
            (["shop.example", "*.Shop.example"], True),
            (["blog.example", cdk.Token.as_string({"Ref": "Name"})], True),
        ],
    )
    def test_a_certificate_for_other_names(
        self, stack: cdk.Stack, names: list[str], *, fits: bool
    ) -> None:
        certificate = acm.Certificate(
            stack,
            "Own",
            domain_name=names[0],
            subject_alternative_names=names[1:] or None,
            validation=acm.CertificateValidation.from_dns(),
        )
        if fits:
            domain(stack, certificate=certificate)
            return
        with pytest.raises(PropError, match=r"^certificate must be for name, got \["):
            domain(stack, certificate=certificate)


class TestQueues:
    """Queues and topics that take no message, or the wrong ones."""

    @pytest.mark.parametrize(
        "make",
        [
            lambda stack: sqs.Queue(stack, "Fifo", fifo=True),
            lambda stack: sqs.Queue.from_queue_arn(stack, "Fifo", f"{QUEUE_ARN}.fifo"),
        ],
    )
    @pytest.mark.parametrize("prop", ["queue", "dead_letter_queue"])
    def test_fifo_queues(
        self, stack: cdk.Stack, make: Callable[[cdk.Stack], sqs.IQueue], prop: str
    ) -> None:
        words = rf"^{prop} must be a standard queue, .*, got a Queue$"
        queue = make(stack)
        if prop == "queue":
            with pytest.raises(PropError, match=words):
                CollectionApi(stack, "Api", queue=queue)
        else:
            with pytest.raises(PropError, match=words):
                CustomerProfilesDestination(
                    domain_name="shop", create_domain=True, dead_letter_queue=queue
                )
        with pytest.raises(PropError, match=words):
            add_delivery(stack, **{prop: queue})

    @pytest.mark.parametrize(
        "make",
        [
            lambda stack: sns.Topic(stack, "Fifo", fifo=True),
            lambda stack: sns.Topic.from_topic_arn(
                stack, "Fifo", "arn:aws:sns:us-east-1:123456789012:theirs.fifo"
            ),
        ],
    )
    def test_fifo_topics(self, stack: cdk.Stack, make: Callable[[cdk.Stack], sns.ITopic]) -> None:
        with pytest.raises(
            PropError, match=r"^topic must be a standard topic, .*, got an? I?Topic"
        ):
            CollectionApi(stack, "Api", topic=make(stack))

    def test_a_queue_that_is_its_own_dead_letter_queue(self, stack: cdk.Stack) -> None:
        words = (
            r"^dead_letter_queue must be another queue than queue, .*, got an? I?Queue with queue="
        )
        queue = sqs.Queue(stack, "Own")
        with pytest.raises(PropError, match=words):
            add_delivery(stack, queue=queue, dead_letter_queue=queue)
        # Two imports of one queue are two objects.
        one, another = (sqs.Queue.from_queue_arn(stack, name, QUEUE_ARN) for name in ("A", "B"))
        with pytest.raises(PropError, match=words):
            add_delivery(stack, queue=one, dead_letter_queue=another)

    @pytest.mark.parametrize(("seconds", "shown"), [(59, "59 seconds"), (None, "30 seconds")])
    def test_a_queue_that_shows_a_message_too_early(
        self, stack: cdk.Stack, seconds: int | None, shown: str
    ) -> None:
        timeout = None if seconds is None else cdk.Duration.seconds(seconds)
        queue = sqs.Queue(stack, "Own", visibility_timeout=timeout)
        words = rf"^queue must hide a message .*, got {shown} with timeout=1 minute$"
        with pytest.raises(PropError, match=words):
            add_delivery(stack, queue=queue)

    @pytest.mark.parametrize("count", [None, 4])
    def test_messages_that_expire_before_they_are_given_up(
        self, stack: cdk.Stack, count: int | None
    ) -> None:
        props: dict[str, Any] = {} if count is None else {"max_receive_count": count}
        add_connector(stack, message_retention=cdk.Duration.minutes(30), **props)
        told = warnings(stack).get("cdk-gtm-connector:messageRetention", "")
        # Whatever a try takes: 10 take longer than half an hour, and 4 do not.
        assert told.startswith(
            "Pinpoint: 10 tries of a message, one every 6 minutes" if count is None else ""
        )
        assert bool(told) == (count is None)

    def test_no_such_warning_with_the_defaults(self, stack: cdk.Stack) -> None:
        add_connector(stack)
        assert warnings(stack) == {}


def add_delivery(stack: cdk.Stack, **props: Any) -> EventDelivery:
    """Add a delivering half with ``props`` over what it needs."""
    scope = cdk.Stack(stack, f"Scope{len(stack.node.children)}")
    return EventDelivery(
        stack,
        f"Delivery{len(stack.node.children)}",
        **{**NEEDED["EventDelivery"](Values(scope), scope), **props},
    )


class TestAuthorizers:
    """What a browser or API Gateway would not send or ask."""

    def lambda_authorizer(self, stack: cdk.Stack, **props: Any) -> LambdaAuthorizer:
        function = cdk.aws_lambda.Function.from_function_attributes(
            stack, "Theirs", function_arn=FUNCTION_ARN, same_environment=True
        )
        return LambdaAuthorizer(stack, "Token", function=function, **props)

    def test_a_header_that_no_preflight_allows(self, stack: cdk.Stack) -> None:
        sources = [apigateway.IdentitySource.header("X-Session")]
        words = r"^headers must hold each header of identity_sources, .*: add \"X-Session\"$"
        with pytest.raises(PropError, match=words):
            self.lambda_authorizer(stack, identity_sources=sources)

    def test_whatever_its_case(self, stack: cdk.Stack) -> None:
        sources = [apigateway.IdentitySource.header("X-Session")]
        self.lambda_authorizer(stack, identity_sources=sources, headers=["x-session"])

    def test_nothing_to_keep_an_answer_for(self, stack: cdk.Stack) -> None:
        words = r"^identity_sources must not be empty with results_cache_ttl, .*=1 minute$"
        with pytest.raises(PropError, match=words):
            self.lambda_authorizer(
                stack, identity_sources=[], results_cache_ttl=cdk.Duration.minutes(1)
            )

    @pytest.mark.parametrize("source", ["Authorization", "header.X", "method.request.body.x", "$"])
    def test_what_is_no_identity_source(self, stack: cdk.Stack, source: str) -> None:
        with pytest.raises(PropError, match=r"^identity_sources must be a list of identity"):
            self.lambda_authorizer(stack, identity_sources=[source])

    @pytest.mark.parametrize("audience", ["", " ", " shop", 1, ["shop"]])
    def test_an_audience_that_is_none(self, stack: cdk.Stack, audience: Any) -> None:
        with pytest.raises(PropError, match=r"^audience must be a text that is not empty"):
            SignedTokenAuthorizer(stack, "Token", audience=audience)

    def test_api_gateways_own(self, stack: cdk.Stack) -> None:
        theirs: Any = Values(stack)["API Gateway's authorizer"]
        words = (
            r"^authorizer must be an Authorizer, such as SignedTokenAuthorizer\(self, .*, got a C"
        )
        with pytest.raises(PropError, match=words):
            add_connector(stack, authorizer=theirs)


def test_a_bus_that_was_named_by_its_arn(stack: cdk.Stack) -> None:
    bus = events.EventBus.from_event_bus_name(stack, "Bus", BUS_ARN)
    words = rf"^event_bus must be an IEventBus that was imported by its ARN, .*, got '{BUS_ARN}'$"
    with pytest.raises(PropError, match=words):
        EventBridgeDestination(bus)


class TestLater:
    """What is known only after the first pass, or at deployment."""

    def test_a_parameter_that_is_looked_up_passes_every_check_of_a_format(
        self, stack: cdk.Stack
    ) -> None:
        def looked_up(name: str) -> str:
            # What CDK gives in the first pass.
            value = ssm.StringParameter.value_from_lookup(stack, f"/shop/a rather long {name}" * 9)
            assert value.startswith("dummy-value-for-/")
            return value

        profiles = CustomerProfilesDestination(
            domain_name=looked_up("domain"),
            object_type_name=looked_up("type"),
            user_attributes={looked_up("name"): looked_up("field")},
            event_trigger=ProfileEventTrigger(
                event_type=looked_up("event"),
                name=looked_up("trigger"),
                segment=looked_up("segment"),
            ),
        )
        bus = events.EventBus.from_event_bus_name(stack, "Bus", looked_up("bus"))
        add_connector(
            stack,
            destination=None,
            destinations=[
                profiles,
                PinpointDestination(looked_up("application")),
                EventBridgeDestination(bus, source=looked_up("source")),
            ],
            anonymous_user_attributes=[looked_up("attribute")],
            authenticated_user_attributes=[looked_up("another")],
            authorizer=SignedTokenAuthorizer(stack, "Token", audience=looked_up("audience")),
            allowed_origins=[looked_up("origin")],
            domain=domain(
                stack, name=looked_up("host"), hosted_zone=zone(stack, looked_up("zone"))
            ),
        )
        stack.node.root.synth(skip_validation=True)  # type: ignore[attr-defined]

    def test_what_is_put_into_templates_must_be_known(self, stack: cdk.Stack) -> None:
        token = cdk.Token.as_string({"Ref": "Chosen"})
        given: dict[str, Any] = {
            "allowed_origins": [token],
            "anonymous_user_attributes": cdk.Token.as_list({"Ref": "Chosen"}),
        }
        for prop, value in given.items():
            words = rf"^{prop} must be known when the app is synthesized.*, got a token$"
            with pytest.raises(PropError, match=words):
                add_connector(stack, **{prop: value})

    def test_a_duration_is_in_the_unit_that_cloudformation_counts(self, stack: cdk.Stack) -> None:
        number = cdk.Token.as_number({"Ref": "Chosen"})
        words = (
            r"^message_retention must be given as Duration\.seconds\(…\) if its number is known "
            r"only at deployment, got a token: write Duration\.seconds\(…\) instead of "
            r"Duration\.days\(…\)$"
        )
        with pytest.raises(PropError, match=words):
            add_connector(stack, message_retention=cdk.Duration.days(number))

    @pytest.mark.parametrize("prop", ["period", "expiration"])
    def test_a_trigger_cannot_wait_for_its_durations(self, prop: str) -> None:
        props: dict[str, Any] = {"max_invocations": 1, "period": cdk.Duration.days(1)}
        props[prop] = cdk.Duration.seconds(cdk.Token.as_number({"Ref": "Chosen"}))
        with pytest.raises(PropError, match=rf"^{prop} must be known .*, got a token$"):
            ProfileEventTrigger(event_type="buy", **props)

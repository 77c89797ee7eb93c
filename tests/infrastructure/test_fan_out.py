"""Several destinations: one topic, and a queue, a function and a dead-letter queue for each."""

from __future__ import annotations

import json
import re
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns

from cdk_gtm_connector import CollectionApi, Firewall, PinpointDestination, PropError, mapping
from cdk_gtm_connector.destinations.given import _OWN_IDS
from cdk_gtm_connector.endpoint import rules
from tests.destinations.kinesis.cases import add_stream
from tests.destinations.pinpoint.cases import add_pinpoint
from tests.infrastructure.options import DESTINATIONS, SEVERAL, add_domain
from tests.infrastructure.synthesis import add_connector, answer, headers, synthesize

if TYPE_CHECKING:
    from pathlib import Path

    from tests.infrastructure.conftest import Deployable
    from tests.infrastructure.synthesis import Delivery, Template

FAN_OUTS = ("FanOut", "ReversedFanOut", "FanOutEverything")
# See test_encryption.py for what a key of one's own changes.
ENCRYPTED = ("EncryptedFanOut", "FanOutEncryptedByAnImportedKey")
ALONE = [name for name in DESTINATIONS if name not in {*FAN_OUTS, *ENCRYPTED, "TwoOfAKind"}]


@pytest.fixture(params=FAN_OUTS)
def fanned(request: pytest.FixtureRequest, destinations: dict[str, Deployable]) -> Template:
    """A connector with several destinations."""
    return destinations[request.param].template


@pytest.fixture
def topic(fanned: Template) -> Any:
    """Its topic."""
    return fanned.only("AWS::SNS::Topic")


class TestTopic:
    """What passes each event on."""

    def test_there_is_one_only_where_there_are_several(
        self, destinations: dict[str, Deployable]
    ) -> None:
        for name in ALONE:
            kinds = {resource.type for resource in destinations[name].template.resources}
            assert not [kind for kind in kinds if kind.startswith("AWS::SNS::")]

    def test_it_is_encrypted_with_snss_own_key(self, topic: Any) -> None:
        # Its policy lets API Gateway's role use it through SNS, without a grant.
        assert topic.properties["KmsMasterKeyId"] == "alias/aws/sns"

    def test_it_takes_as_much_as_a_queue(self, topic: Any) -> None:
        assert topic.properties["MaximumMessageSize"] == 1_048_576

    def test_it_refuses_what_comes_without_tls_and_opens_nothing(
        self, fanned: Template, topic: Any
    ) -> None:
        policy = fanned.only("AWS::SNS::TopicPolicy")
        assert policy.properties["Topics"] == [topic.ref]
        (statement,) = policy.properties["PolicyDocument"]["Statement"]
        assert statement["Effect"] == "Deny"
        assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    def test_it_passes_on_to_every_queue_and_nowhere_else(
        self, fanned: Template, topic: Any
    ) -> None:
        subscribed = [subscription.properties for subscription in fanned.all(SUBSCRIPTION)]
        assert sorted(subscribed, key=str) == sorted(
            (
                {
                    "TopicArn": topic.ref,
                    "Protocol": "sqs",
                    "Endpoint": delivery.queue.arn,
                    # The message as it is, as with one destination.
                    "RawMessageDelivery": True,
                    # What SNS cannot deliver is not lost.
                    "RedrivePolicy": {"deadLetterTargetArn": delivery.dead_letter_queue.arn},
                }
                for delivery in fanned.deliveries.values()
            ),
            key=str,
        )

    def test_only_it_may_send_to_the_queues(self, fanned: Template, topic: Any) -> None:
        for delivery in fanned.deliveries.values():
            for queue in (delivery.queue, delivery.dead_letter_queue):
                _, opened = fanned.statements(queue)
                assert opened == {
                    "Effect": "Allow",
                    "Principal": {"Service": "sns.amazonaws.com"},
                    "Action": "sqs:SendMessage",
                    "Resource": queue.arn,
                    "Condition": {"ArnEquals": {"aws:SourceArn": topic.ref}},
                }


class TestPublishing:
    """How API Gateway publishes."""

    def test_the_api_may_publish_to_it_and_nothing_else(self, fanned: Template, topic: Any) -> None:
        (credentials,) = {
            method.properties["Integration"]["Credentials"]
            for methods in fanned.routes.values()
            for name, method in methods.items()
            if name != "OPTIONS"
        }
        (role,) = (role for role in fanned.all("AWS::IAM::Role") if role.arn == credentials)
        assert fanned.grants(role) == {("sns:Publish", topic.ref)}

    def test_it_is_publish_in_the_query_protocol(self, fanned: Template) -> None:
        for method in integrations(fanned):
            assert method["Uri"] == ("arn:${AWS::Partition}:apigateway:${AWS::Region}:sns:path//")
            assert method["IntegrationHttpMethod"] == "POST"
            assert method["PassthroughBehavior"] == "NEVER"
            assert method["RequestParameters"] == {
                "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'"
            }

    def test_the_template_is_that_of_the_library_with_the_topics_arn(
        self, destinations: dict[str, Deployable]
    ) -> None:
        template = destinations["FanOut"].template
        (topic,) = template.all("AWS::SNS::Topic")
        sent = template.get_method.properties["Integration"]["RequestTemplates"]
        assert set(sent.values()) == {
            mapping.message(
                call=mapping.publish(topic.ref), content="query", authorizer=None, rules=rules()
            )
        }

    def test_what_a_body_may_be_does_not_depend_on_the_destinations(self, fanned: Template) -> None:
        post = fanned.routes["/events"]["POST"].properties["Integration"]
        for request_template in post["RequestTemplates"].values():
            assert "#if($body.length() <= 300000)" in request_template
            assert "#if($refused == 0)#else&MessageStructure=json&" in request_template

    def test_only_a_200_is_success(self, fanned: Template) -> None:
        for method in integrations(fanned):
            patterns = [r.get("SelectionPattern") for r in method["IntegrationResponses"]]
            assert patterns == ["200", None]

    def test_what_sns_refuses_for_its_size_is_413(
        self, destinations: dict[str, Deployable]
    ) -> None:
        template = destinations["FanOut"].template
        post = template.routes["/events"]["POST"].properties["Integration"]
        failure = answer(post, "502")
        condition, _, rest = failure["ResponseTemplates"]["application/json"].partition(
            "#set($context.responseOverride.status = 413)"
        )
        too_large, _, rest = rest.partition("#elseif")
        too_many, _, failed = rest.partition("#elseif")
        assert '.contains("refused-9000-reason")' in condition
        assert '.contains("Message too long")' in condition
        assert failed.startswith(
            '($said.contains("refused-") || $said.contains("Message Structure"))'
            "#set($context.responseOverride.status = 400)"
        )
        assert "300,000 characters" in too_large
        assert '.contains("refused-8000-reason")' in too_many
        assert "at most 20 events" in too_many
        assert "could not be queued" in failed
        assert headers(failure, "method.response")["Cache-Control"] == "no-store"


class TestChanging:
    """Nothing is lost, and nothing refused, while a deployed stack changes."""

    def test_the_stage_waits_for_subscriptions_and_permission(self, fanned: Template) -> None:
        deployment = fanned.only("AWS::ApiGateway::Deployment")
        subscriptions = {subscription.logical_id for subscription in fanned.all(SUBSCRIPTION)}
        assert subscriptions <= deployment.depends_on
        for subscription in fanned.all(SUBSCRIPTION):
            # A queue that does not yet let SNS in would refuse.
            (policy,) = subscription.depends_on
            assert fanned.document["Resources"][policy]["Type"] == "AWS::SQS::QueuePolicy"

    @pytest.mark.parametrize("name", DESTINATIONS)
    def test_the_stage_waits_for_every_function_and_its_event_source(
        self, destinations: dict[str, Deployable], name: str
    ) -> None:
        # Else the old first destination's function would take what is meant for the new one.
        template = destinations[name].template
        deployment = template.only("AWS::ApiGateway::Deployment")
        functions = {
            function.logical_id
            for function in template.all("AWS::Lambda::Function")
            if function.properties["Handler"] == "gtm_events.handler.handle"
        }
        sources = {source.logical_id for source in template.all(EVENT_SOURCE)}
        assert len(functions) == len(sources) >= 1
        assert functions | sources <= deployment.depends_on
        assert template.stage.properties["DeploymentId"] == deployment.ref

    @pytest.mark.parametrize("kind", ["options", "destinations", "settings"])
    def test_nothing_waits_for_itself(self, request: pytest.FixtureRequest, kind: str) -> None:
        deployables: dict[str, Deployable] = request.getfixturevalue(kind)
        for deployable in deployables.values():
            graph = {
                resource.logical_id: resource.depends_on
                | set(re.findall(r"\$\{(\w+)", json.dumps(resource.properties)))
                for resource in deployable.template.resources
            }
            TopologicalSorter(graph).prepare()  # or it raises CycleError

    def test_the_stage_before_keeps_its_role(self, destinations: dict[str, Deployable]) -> None:
        # CloudFormation deletes it last, when the stage no longer calls with it.
        roles = [
            {
                resource.logical_id.removeprefix("Gtm")
                for resource in destinations[name].template.all("AWS::IAM::Role")
                if "CollectionP" in resource.logical_id or "CollectionI" in resource.logical_id
            }
            for name in ("Pinpoint", "FanOut")
        ]
        assert len(roles[0]) == len(roles[1]) == 1
        assert not roles[0] & roles[1]

    @pytest.mark.parametrize("name", ALONE)
    def test_a_queue_lets_the_topic_in_until_the_stage_has_changed(
        self, destinations: dict[str, Deployable], name: str
    ) -> None:
        template = destinations[name].template
        for queue in (template.deliveries[TOLD[name]].queue,):
            policy = template.only("AWS::SQS::QueuePolicy", Queues=[queue.ref])
            assert template.stage.logical_id in policy.depends_on

    def test_the_first_one_has_the_ids_of_the_only_one(
        self, template: Template, settings: dict[str, Deployable]
    ) -> None:
        missing = template.logical_ids.keys() - settings["fan_out"].template.logical_ids.keys()
        # The API's own, which is not what holds events.
        assert len(missing) == 2
        assert all(name.startswith("ConnectorCollectionIntegrationRole") for name in missing)

    def test_another_place_changes_nothing_of_what_it_brings_along(
        self, destinations: dict[str, Deployable]
    ) -> None:
        # A second object type of the same name could not be made.
        ids = [
            {r.logical_id for r in destinations[name].template.resources if r.type == OBJECT_TYPE}
            for name in ("CustomerProfiles", "FanOut", "ReversedFanOut")
        ]
        assert ids[0] == ids[1] == ids[2] != set()

    def test_queues_outlive_their_destination(self, fanned: Template) -> None:
        for queue in fanned.all("AWS::SQS::Queue"):
            if "Errors" in queue.logical_id:
                continue  # somebody's own
            assert queue.deletion_policy == "RetainExceptOnCreate"
            replaced = fanned.document["Resources"][queue.logical_id]["UpdateReplacePolicy"]
            assert replaced == "Retain"

    def test_so_does_a_lone_ones(self, template: Template) -> None:
        for queue in template.all("AWS::SQS::Queue"):
            assert queue.deletion_policy == "RetainExceptOnCreate"


class TestDeliveries:
    """One outage delays no other destination."""

    def test_they_share_no_queue_function_role_or_log(self, fanned: Template) -> None:
        deliveries = list(fanned.deliveries.values())
        assert len(deliveries) > 1
        for part in ("function", "role", "source", "queue", "dead_letter_queue"):
            assert len({getattr(d, part).logical_id for d in deliveries}) == len(deliveries)
        logs = {d.function.properties["LoggingConfig"]["LogGroup"] for d in deliveries}
        assert len(logs) == len(deliveries)

    def test_each_rejects_into_its_own_dead_letter_queue(self, fanned: Template) -> None:
        for delivery in fanned.deliveries.values():
            url = delivery.environment["DEAD_LETTER_QUEUE_URL"]
            assert url == delivery.dead_letter_queue.ref

    def test_each_may_do_what_it_may_alone(self, destinations: dict[str, Deployable]) -> None:
        several = destinations["FanOut"].template
        for name in ("Pinpoint", "Kinesis", "Firehose", "CustomerProfiles"):
            alone = destinations[name].template
            (kind,) = alone.deliveries
            assert own_grants(several, several.deliveries[kind]) == own_grants(
                alone, alone.deliveries[kind]
            )

    def test_two_of_a_kind_are_told_apart(self, destinations: dict[str, Deployable]) -> None:
        functions = {
            function.logical_id
            for function in destinations["TwoOfAKind"].template.all("AWS::Lambda::Function")
        }
        assert [
            len([name for name in functions if name.startswith(prefix)])
            for prefix in ("GtmDelivery", "GtmKinesisDelivery", "GtmArchiveDelivery")
        ] == [1, 1, 1]

    def test_they_are_public(self) -> None:
        connector = add_connector(
            cdk.Stack(),
            destination=None,
            destinations=[add(cdk.Stack()) for add in SEVERAL],
        )
        assert isinstance(connector.topic, sns.Topic)
        kinds = [delivery.destination.construct_id for delivery in connector.deliveries]
        assert kinds == ["Pinpoint", "Kinesis", "Firehose", "EventBridge", "CustomerProfiles"]
        assert connector.delivery is connector.deliveries[0]
        assert connector.function is connector.deliveries[0].function
        assert connector.queue is connector.deliveries[0].queue
        assert connector.dead_letter_queue is connector.deliveries[0].dead_letter_queue


class TestGiving:
    """How destinations are given."""

    def test_a_list_of_one_is_that_one(self, tmp_path: Path, imported: Template) -> None:
        template = synthesize(
            tmp_path,
            {
                "Theirs": lambda stack: add_connector(
                    stack, destination=None, destinations=[add_pinpoint(stack)]
                )
            },
        )["Theirs"]
        assert template.document == imported.document
        connector = add_connector(cdk.Stack())
        assert connector.topic is None
        assert len(connector.deliveries) == 1

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            (
                {},
                (
                    "destination must be given, or destinations, such as "
                    'CustomerProfilesDestination(domain_name="shop"), got None'
                ),
            ),
            (
                {
                    "destination": PinpointDestination("a"),
                    "destinations": [PinpointDestination("b")],
                },
                (
                    "destinations must not be given with destination, got [a PinpointDestination] "
                    "with destination=a PinpointDestination"
                ),
            ),
            (
                {"destinations": [PinpointDestination("a", construct_id="Topic")]},
                (
                    "construct_id must not be one of the connector's own, ARecord, AaaaRecord, "
                    "Collection, DeadLetterQueue, Delivery, DomainName, InvalidMessageQueue, "
                    "Queue, Topic, WebAcl, WebAclAssociation, WebAclLog, WebAclLogging, got 'Topic'"
                ),
            ),
            ({"destinations": []}, "destinations must hold 1 to 100 of them, got 0"),
            (
                {"destinations": [PinpointDestination(f"a{number}") for number in range(101)]},
                "destinations must hold 1 to 100 of them, got 101",
            ),
            (
                {"destinations": [PinpointDestination("a"), PinpointDestination("b")]},
                (
                    "construct_id must be another for each of several destinations, got "
                    "'Pinpoint': give it to the second of one kind"
                ),
            ),
        ],
    )
    def test_what_is_refused(self, props: dict[str, Any], words: str) -> None:
        with pytest.raises(PropError, match=rf"^{re.escape(words)}$"):
            add_connector(cdk.Stack(), **{"destination": None, **props})

    def test_one_is_checked_as_several_are(self) -> None:
        with pytest.raises(PropError, match=r"^construct_id must not be .*, got 'Queue'$"):
            add_connector(cdk.Stack(), destination=PinpointDestination("a", construct_id="Queue"))

    @pytest.mark.parametrize(
        ("props", "words"),
        [
            ({"destination": "pinpoint"}, "destination must be a Destination, .*, got 'pinpoint'"),
            (
                {"destination": PinpointDestination},
                "destination must be a Destination, .*, got the class PinpointDestination",
            ),
            (
                {"destinations": [PinpointDestination("a"), "kinesis"]},
                "destinations must each be a Destination, .*, got 'kinesis'",
            ),
            (
                {"destinations": "kinesis"},
                "destinations must be a list of destinations, got 'kinesis'",
            ),
            (
                {"destinations": PinpointDestination("a")},
                "destinations must be a list of destinations, got a PinpointDestination",
            ),
        ],
    )
    def test_what_is_no_destination(self, props: dict[str, Any], words: str) -> None:
        with pytest.raises(PropError, match=rf"^{words}$"):
            add_connector(cdk.Stack(), **{"destination": None, **props})

    def test_an_object_is_one_connectors(self) -> None:
        stack, destination = cdk.Stack(), PinpointDestination("a")
        with pytest.raises(PropError, match=r"^destinations must each be an object of its own"):
            add_connector(stack, "Twice", destination=None, destinations=[destination] * 2)
        add_connector(stack, "Shop", destination=destination)
        words = r"of its own .* 'Default/Shop' already, got a Pinpoint.* for 'Default/Blog'$"
        with pytest.raises(PropError, match=rf"^destination must be .* {words}"):
            add_connector(stack, "Blog", destination=destination)

    @pytest.mark.parametrize("given", ["both", "neither"])
    def test_an_api_has_one_receiver(self, given: str) -> None:
        stack = cdk.Stack()
        connector = add_connector(
            stack, destination=None, destinations=[add_pinpoint(stack), add_stream(stack)]
        )
        props: dict[str, Any] = (
            {"queue": connector.queue, "topic": connector.topic} if given == "both" else {}
        )
        words = {
            "both": "topic must not be given with queue, got a Topic with queue=a Queue",
            "neither": "queue must be given, or topic, got None with topic=None",
        }
        with pytest.raises(PropError, match=rf"^{words[given]}$"):
            CollectionApi(stack, "Another", **props)


def integrations(template: Template) -> list[dict[str, Any]]:
    """Return what ``GET`` and ``POST`` are integrated with, on every route."""
    return [
        dict(method.properties["Integration"])
        for methods in template.routes.values()
        for name, method in methods.items()
        if name != "OPTIONS"
    ]


def own_grants(template: Template, delivery: Delivery) -> set[tuple[str, str]]:
    """Return what a function may do beyond its own queues and log."""
    return {
        grant
        for grant in template.grants(delivery.role)
        if not grant[0].startswith(("sqs:", "logs:"))
    }


TOLD = {
    "Pinpoint": "pinpoint",
    "Kinesis": "kinesis",
    "EncryptedKinesis": "kinesis",
    "Firehose": "firehose",
    "EventBridge": "eventbridge",
    "CustomerProfiles": "customer-profiles",
    "ExistingCustomerProfiles": "customer-profiles",
    "NewCustomerProfiles": "customer-profiles",
}
SUBSCRIPTION = "AWS::SNS::Subscription"
EVENT_SOURCE = "AWS::Lambda::EventSourceMapping"
OBJECT_TYPE = "AWS::CustomerProfiles::ObjectType"


def test_every_id_of_the_connectors_own_is_refused_as_a_destinations() -> None:
    stack = cdk.Stack(env=cdk.Environment(region="us-east-1", account="123456789012"))
    destinations = [PinpointDestination("a"), PinpointDestination("b", construct_id="Second")]
    connector = add_connector(
        stack,
        destination=None,
        destinations=destinations,
        domain=add_domain(stack, with_zone=True),
        firewall=Firewall(log_retention=logs.RetentionDays.ONE_WEEK),
    )
    ids = {child.node.id for child in connector.node.children} - {"Pinpoint", "Second"}
    assert ids == set(_OWN_IDS)

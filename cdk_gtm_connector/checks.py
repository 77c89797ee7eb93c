"""Checks of props that several constructs share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sqs as sqs

from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.validation import (
    check_boolean,
    check_construct,
    check_instance,
    check_log_retention,
    check_number,
    check_sequence,
    is_deferred,
    is_token,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

USER_ATTRIBUTE_PREFIX: Final = "usat_"
"""Prefix of a user attribute's URL parameter. It is not part of the attribute's name."""

_SQS_VISIBILITY: Final = 30  # seconds, SQS's default
_AUTHORIZER: Final = (
    *("authorization_type", "authorizer", "subject"),
    *("endpoint_id", "endpoint_required", "headers"),
)


def check_user_attributes(prop: str, names: object, longest: int | None = None) -> None:
    """Require ``"*"``, or a list of user attributes' names that a tag can send.

    Args:
        prop: The prop as the caller wrote it.
        names: What the caller gave.
        longest: Maximum characters of a name at the destinations. Default: no maximum.
    """
    if isinstance(names, str) and names == "*":
        return
    problem = 'must be a list of names, such as ["plan"], or "*" for all'
    check_user_attribute_names(prop, check_sequence(prop, names, problem), longest)


def check_user_attribute_names(
    prop: str, names: Sequence[object], longest: int | None = None
) -> None:
    """Require ``names`` to be names of user attributes, each once.

    Args:
        prop: The prop as the caller wrote it.
        names: The list that the caller gave.
        longest: Maximum characters of a name at the destinations. Default: no maximum.
    """
    limits = "of at least 1 character" if longest is None else f"of 1 to {longest} characters"
    for name in names:
        if not isinstance(name, str):
            raise PropError(prop, 'must hold names, such as "plan"', name)
        if is_deferred(name):
            continue
        if not name or (longest is not None and len(name) > longest):
            raise PropError(prop, f"must hold names {limits}", name)
        if name == "*":
            raise PropError(prop, 'must be "*" itself, without a list, to allow all names', names)
        if name != name.strip():
            raise PropError(
                prop, "must hold names without white space around them", name, _write(name.strip())
            )
        if name.startswith(USER_ATTRIBUTE_PREFIX):
            raise PropError(
                prop,
                f"must hold names without {USER_ATTRIBUTE_PREFIX}, which is the URL parameter's",
                name,
                _write(name.removeprefix(USER_ATTRIBUTE_PREFIX)),
            )
    check_once(prop, names, "name")


def check_once(prop: str, values: Sequence[object], kind: str) -> None:
    """Require ``values``, which are texts, to hold each one once."""
    for number, value in enumerate(values):
        if value in values[:number]:
            raise PropError(prop, f"must hold each {kind} once", value)


def check_authorizer(authorizer: object) -> None:
    """Require a :class:`~cdk_gtm_connector.Authorizer`, not one of ``aws_apigateway``."""
    example = 'SignedTokenAuthorizer(self, "Token")'
    check_construct("authorizer", authorizer, "Authorizer", _AUTHORIZER, example)
    kind = getattr(authorizer, "authorization_type", None)
    if not isinstance(kind, apigateway.AuthorizationType):
        raise PropError(
            "authorizer", "must have an AuthorizationType as its authorization_type", kind
        )


def check_queue(prop: str, queue: object) -> None:
    """Require a standard queue. A FIFO queue does not take messages without a group."""
    check_construct(
        prop,
        queue,
        "IQueue",
        ("queue_arn", "queue_url", "grant", "fifo"),
        'Queue(self, "Queue"), or Queue.from_queue_arn(self, "Queue", arn)',
    )
    if getattr(queue, "fifo", False):
        raise PropError(
            prop,
            "must be a standard queue, because a FIFO queue accepts no message without a group id",
            queue,
        )


def check_topic(topic: object) -> None:
    """Require a standard topic. A FIFO topic does not take messages without a group."""
    check_construct(
        "topic",
        topic,
        "ITopic",
        ("topic_arn", "topic_name", "grant_publish", "fifo"),
        'Topic(self, "Topic"), or Topic.from_topic_arn(self, "Topic", arn)',
    )
    if getattr(topic, "fifo", False):
        raise PropError(
            "topic",
            "must be a standard topic, because a FIFO topic accepts no message without a group id",
            topic,
        )


def check_dead_letter_queue(queue: object, dead_letter_queue: object) -> None:
    """Require two different standard queues."""
    check_queue("queue", queue)
    check_queue("dead_letter_queue", dead_letter_queue)
    # Every import of a queue is another object, so compare ARNs.
    if getattr(queue, "queue_arn", None) == getattr(dead_letter_queue, "queue_arn", None):
        raise PropError(
            "dead_letter_queue",
            "must be another queue than {queue}, or undeliverable messages would come back",
            dead_letter_queue,
            others={"queue": queue},
        )


def check_visibility(queue: sqs.IQueue, timeout: cdk.Duration) -> None:
    """Require a queue of this app to hide a message for as long as the function may run."""
    resource = queue.node.default_child
    if not isinstance(resource, sqs.CfnQueue):
        return
    seconds = resource.visibility_timeout
    if seconds is None:
        seconds = _SQS_VISIBILITY
    if not is_token(seconds) and seconds < timeout.to_seconds():
        raise PropError(
            "queue",
            "must hide a message for at least as long as {timeout}, or Lambda takes no events of "
            "it (6 times as long is what AWS recommends)",
            cdk.Duration.seconds(seconds),
            others={"timeout": timeout},
        )


def check_network(vpc: object, vpc_subnets: object, security_groups: object) -> None:
    """Refuse subnets or security groups without a VPC.

    Args:
        vpc: The prop's value.
        vpc_subnets: The prop's value.
        security_groups: The prop's value.
    """
    if vpc is not None:
        example = 'Vpc.from_lookup(self, "Vpc", vpc_id="vpc-0123456789abcdef0")'
        check_construct("vpc", vpc, "IVpc", ("vpc_id", "select_subnets"), example)
    for prop, value in (("vpc_subnets", vpc_subnets), ("security_groups", security_groups)):
        if value is not None and vpc is None:
            raise PropError(prop, "must not be given without {vpc}", value, others={"vpc": None})
    if vpc_subnets is not None:
        example = "SubnetSelection(subnet_type=SubnetType.PRIVATE_WITH_EGRESS)"
        check_instance("vpc_subnets", vpc_subnets, ec2.SubnetSelection, example)
    if security_groups is not None:
        example = 'SecurityGroup(self, "SecurityGroup", vpc=vpc)'
        problem = f"must be a list of ISecurityGroup, such as [{example}]"
        for group in check_sequence("security_groups", security_groups, problem):
            has = ("security_group_id", "allow_all_outbound")
            check_construct("security_groups", group, "ISecurityGroup", has, example)


def check_endpoint(*, authorizer: object, log_retention: object, **props: object) -> None:
    """Check the props that belong to the endpoint alone.

    Args:
        authorizer: The prop's value.
        log_retention: The prop's value.
        props: Values of limits, whose names end in ``_limit``, and of switches.
    """
    if authorizer is not None:
        check_authorizer(authorizer)
    for prop, value in props.items():
        if not prop.endswith("_limit"):
            check_boolean(prop, value)
        elif value is not None:
            check_number(prop, value, 1, 1_000_000)
    check_log_retention(log_retention)


def check_require_origin(value: object, allowed_origins: object) -> None:
    """Require ``allowed_origins`` with ``require_origin``."""
    check_boolean("require_origin", value)
    if value and allowed_origins is None:
        raise PropError(
            "require_origin",
            "must not be True without {allowed_origins}, because anyone can name some site",
            value,
            others={"allowed_origins": None},
        )


def check_authenticated_max_events(value: object, authorizer: object) -> None:
    """Require an authorizer with a limit for the authenticated route."""
    if value is not None and authorizer is None:
        raise PropError(
            "authenticated_max_events_per_request",
            "must not be given without {authorizer}, because then nobody is authenticated",
            value,
            others={"authorizer": None},
        )


def check_invalid_message_queue(
    queue: sqs.IQueue,
    dead_letter_queue: sqs.IQueue,
    invalid_message_queue: object,
    keep_invalid_messages: object,
) -> None:
    """Require a separate invalid-message queue, or ``keep_invalid_messages`` without one.

    Args:
        queue: The queue of waiting events.
        dead_letter_queue: The queue of messages that the owner can fix.
        invalid_message_queue: The prop's value.
        keep_invalid_messages: The prop's value.
    """
    check_boolean("keep_invalid_messages", keep_invalid_messages)
    if invalid_message_queue is None:
        if not keep_invalid_messages:
            raise PropError(
                "keep_invalid_messages",
                "must be True without {invalid_message_queue}, because nothing else would keep "
                "them",
                got=False,
                others={"invalid_message_queue": None},
            )
        return
    check_queue("invalid_message_queue", invalid_message_queue)
    arn = getattr(invalid_message_queue, "queue_arn", None)
    for name, other in (("queue", queue), ("dead_letter_queue", dead_letter_queue)):
        if other.queue_arn == arn:
            raise PropError(
                "invalid_message_queue",
                f"must be another queue than {{{name}}}, because it separates callers' mistakes",
                invalid_message_queue,
                others={name: other},
            )


def _write(value: str) -> str:
    return f'write "{value}"' if value else ""

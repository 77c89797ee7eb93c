"""Values of every type, and those that a prop of each type accepts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cognito as cognito
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm

from cdk_gtm_connector import (
    Cors,
    DeliveryOptions,
    Domain,
    Firewall,
    IamAuthorizer,
    Monitoring,
    PinpointDestination,
    SignedTokenAuthorizer,
)
from tests.destinations.cases import destination_cases
from tests.destinations.kinesis.cases import STREAM_ARN
from tests.infrastructure.options import (
    CERTIFICATE_ARN,
    FUNCTION_ARN,
    RUNTIME,
    USER_POOL_ARN,
    import_vpc,
)
from tests.infrastructure.synthesis import KEY_ARN

if TYPE_CHECKING:
    from collections.abc import Callable

QUEUE_ARN: Final = "arn:aws:sqs:us-east-1:123456789012:theirs"
TOPIC_ARN: Final = "arn:aws:sns:us-east-1:123456789012:theirs"
SECRET_ARN: Final = "arn:aws:secretsmanager:us-east-1:123456789012:secret:key-AbCdEf"  # noqa: S105

_VALUES: Final[dict[str, Any]] = {
    "None": None,
    "True": True,
    "False": False,
    "number 0": 0,
    "number 1": 1,
    "number 60": 60,
    "number -1": -1,
    "number, large": 10**30,
    "float 1.0": 1.0,
    "float 0.5": 0.5,
    "NaN": float("nan"),
    "infinity": float("inf"),
    "complex": 1j,
    "text, empty": "",
    "text, space": " ",
    "text, name": "plan",
    "text, padded": " plan ",
    "text, capital": "Plan",
    "text, false": "false",
    "text, number": "60",
    "text, line": "a\nb",
    "text, quote": "a'b",
    "text, prefixed": "usat_plan",
    "text, host": "events.shop.example",
    "text, origin": "https://shop.example",
    "text, e-mail": "oncall@shop.example",
    "text, ARN": STREAM_ARN,
    "star": "*",
    "bytes": b"plan",
    "list, empty": [],
    "list of names": ["plan"],
    "tuple of names": ("plan", "city"),
    "list of prefixed": ["usat_plan"],
    "list of padded": [" plan"],
    "list of twice": ["plan", "plan"],
    "list of empty": [""],
    "list of star": ["*"],
    "list of origins": ["https://shop.example"],
    "list of sources": ["method.request.querystring.token"],
    "list of None": [None],
    "list of numbers": [1],
    "list of lists": [["plan"]],
    "mapping, empty": {},
    "mapping": {"plan": "EmailAddress"},
    "mapping of numbers": {"plan": 1},
    "set": {"plan"},
    "function": lambda: None,
    "object": object(),
    "class": PinpointDestination,
    "construct class": SignedTokenAuthorizer,
    "queue class": sqs.Queue,
    "Duration class": cdk.Duration,
    "options class": DeliveryOptions,
    "RetentionDays": logs.RetentionDays.ONE_MONTH,
    "other enumeration": cdk.RemovalPolicy.DESTROY,
    "Duration, 0": cdk.Duration.seconds(0),
    "Duration, minute": cdk.Duration.minutes(1),
    "Duration, day": cdk.Duration.days(1),
    "Duration, 36 hours": cdk.Duration.hours(36),
    "Duration, half": cdk.Duration.millis(60_500),
    "Duration, years": cdk.Duration.days(10_000),
    "Cors": Cors(None),
    "DeliveryOptions": DeliveryOptions(),
    "Firewall": Firewall(),
    "IamAuthorizer": IamAuthorizer(),
    "Monitoring": Monitoring(),
    "directory": RUNTIME,
    "subnets": ec2.SubnetSelection(one_per_az=True),
}

# Functions that create constructs, or values for this run only.
_MADE: Final[dict[str, Callable[[cdk.Stack], Any]]] = {
    "generator": lambda _: (name for name in ("plan", "city")),
    "Destination": lambda _: PinpointDestination("a"),
    "list of Destinations": lambda _: [PinpointDestination("a")],
    "list of Destination classes": lambda _: [PinpointDestination],
    "list in a list of Destinations": lambda _: [[PinpointDestination("a")]],
    "generator of Destinations": lambda _: (PinpointDestination(name) for name in "ab"),
    "App": lambda stack: stack.node.root,
    "Stack": lambda stack: stack,
    "bucket": lambda stack: s3.Bucket.from_bucket_name(stack, "Bucket", "theirs"),
    "queue": lambda stack: sqs.Queue.from_queue_arn(stack, "Queue", QUEUE_ARN),
    "queue, FIFO": lambda stack: sqs.Queue.from_queue_arn(stack, "Fifo", f"{QUEUE_ARN}.fifo"),
    "queue, own FIFO": lambda stack: sqs.Queue(stack, "OwnFifo", fifo=True),
    "CfnQueue": lambda stack: sqs.CfnQueue(stack, "CfnQueue"),
    "topic": lambda stack: sns.Topic.from_topic_arn(stack, "Topic", TOPIC_ARN),
    "topic, FIFO": lambda stack: sns.Topic.from_topic_arn(stack, "FifoT", f"{TOPIC_ARN}.fifo"),
    "VPC": import_vpc,
    "security group": lambda stack: _security_group(stack, "SecurityGroup"),
    "list of security groups": lambda stack: [_security_group(stack, "InAList")],
    "key": lambda stack: kms.Key.from_key_arn(stack, "Key", KEY_ARN),
    "lambda function": lambda stack: lambda_.Function.from_function_attributes(
        stack, "Function", function_arn=FUNCTION_ARN, same_environment=True
    ),
    "lambda function, ARN as name": lambda stack: lambda_.Function.from_function_name(
        stack, "NamedFunction", FUNCTION_ARN
    ),
    "layer": lambda stack: lambda_.LayerVersion.from_layer_version_arn(
        stack, "Layer", "arn:aws:lambda:us-east-1:123456789012:layer:theirs:1"
    ),
    "secret": lambda stack: secretsmanager.Secret.from_secret_complete_arn(
        stack, "Secret", SECRET_ARN
    ),
    "secret, ARN as name": lambda stack: secretsmanager.Secret.from_secret_name_v2(
        stack, "NamedSecret", SECRET_ARN
    ),
    "certificate": lambda stack: acm.Certificate.from_certificate_arn(
        stack, "Certificate", CERTIFICATE_ARN
    ),
    "zone": lambda stack: route53.HostedZone.from_hosted_zone_id(stack, "Zone", "Z0123456789"),
    "zone, other": lambda stack: route53.HostedZone.from_hosted_zone_attributes(
        stack, "OtherZone", hosted_zone_id="Z0123456789", zone_name="blog.example"
    ),
    "list of user pools": lambda stack: [
        cognito.UserPool.from_user_pool_arn(stack, "Pool", USER_POOL_ARN)
    ],
    # In a separate stack, because it is attached to no API.
    "API Gateway's authorizer": lambda _: apigateway.CognitoUserPoolsAuthorizer(
        cdk.Stack(),
        "Theirs",
        cognito_user_pools=[cognito.UserPool.from_user_pool_arn(cdk.Stack(), "P", USER_POOL_ARN)],
    ),
    "Domain": lambda stack: Domain(
        name="events.shop.example",
        certificate=acm.Certificate.from_certificate_arn(stack, "Its", CERTIFICATE_ARN),
    ),
    "text, token": lambda stack: cdk.CfnParameter(stack, "Text").value_as_string,
    "text, looked up": lambda stack: ssm.StringParameter.value_from_lookup(stack, "/shop/name"),
    "list of tokens": lambda _: [cdk.Token.as_string({"Ref": "Text"})],
    "list of looked up": lambda stack: [
        ssm.StringParameter.value_from_lookup(stack, "/shop/other")
    ],
    "list token": lambda stack: (
        cdk.CfnParameter(stack, "List", type="CommaDelimitedList").value_as_list
    ),
    "number, token": lambda stack: cdk.CfnParameter(stack, "Number", type="Number").value_as_number,
    "token, unwritten": lambda _: cdk.Fn.get_att("Queue", "Arn"),
    "Duration, token": lambda _: cdk.Duration.seconds(cdk.Token.as_number({"Ref": "Number"})),
    "Duration, days of a token": lambda _: cdk.Duration.days(
        cdk.Token.as_number({"Ref": "Number"})
    ),
    **{
        label: make
        for cases in destination_cases().values()
        for label, make in cases.values.items()
    },
}

LABELS: Final = (*_VALUES, *_MADE)

# Labels that a prop may accept, as a regular expression, by the prop's annotation. A prop may
# accept fewer.
_TAKEN: Final = {
    "None": "None",
    "bool": "True|False",
    "int": "number .*|number, .*",
    "float": "number [^,]*|float .*",
    "str": "text, (?!empty|space).*|star",
    "Sequence[str]": (
        "list, empty|(list|tuple) of "
        "(names|prefixed|padded|twice|star|origins|sources|tokens|looked up)"
    ),
    "Mapping[str, str]": "mapping, empty|mapping",
    "cdk.Duration": "Duration, (?!half|years).*",
    "logs.RetentionDays": "RetentionDays",
    "sqs.IQueue": "queue",
    "sns.ITopic": "topic",
    "kms.IKey": "key",
    "lambda_.IFunction": "lambda function",
    "lambda_.ILayerVersion": "layer",
    "Path": "directory",
    "secretsmanager.ISecret": "secret",
    "ec2.IVpc": "VPC",
    "ec2.SubnetSelection": "subnets",
    "Sequence[ec2.ISecurityGroup]": "list, empty|list of security groups",
    "acm.ICertificate": "certificate",
    "route53.IHostedZone": "zone",
    "Sequence[cognito.IUserPool]": "list of user pools",
    "Authorizer": "IamAuthorizer",
    "Cors": "Cors",
    "DeliveryOptions": "DeliveryOptions",
    "Destination": "Destination",
    "Sequence[Destination]": "list of Destinations",
    "Domain": "Domain",
    "Firewall": "Firewall",
    "Monitoring": "Monitoring",
    **{
        annotation: labels
        for cases in destination_cases().values()
        for annotation, labels in cases.types.items()
    },
}


def _security_group(stack: cdk.Stack, construct_id: str) -> ec2.ISecurityGroup:
    return ec2.SecurityGroup.from_security_group_id(stack, construct_id, "sg-0123abcd")


class Values:
    """The values by label. Constructs are created once, in ``stack``."""

    def __init__(self, stack: cdk.Stack) -> None:
        self._stack = stack
        self._made: dict[str, Any] = dict(_VALUES)

    def __getitem__(self, label: str) -> Any:
        # A destination belongs to one connector.
        if "Destination" in label and label in _MADE:
            return _MADE[label](self._stack)
        if label not in self._made:
            self._made[label] = _MADE[label](self._stack)
        return self._made[label]


def may_take(annotation: str, label: str) -> bool:
    """Return whether a prop of the type ``annotation`` may accept the value called ``label``.

    Raises:
        KeyError: The values of this type have not been declared.
    """
    if literal := re.search(r"Literal\[(.)\*\1\]", annotation):
        annotation = annotation.replace(literal[0], "").strip(" |")
        if label == "star":
            return True
    kinds = [kind.strip() for kind in annotation.split(" | ") if kind.strip()]
    return re.fullmatch("|".join(_TAKEN[kind] for kind in kinds), label) is not None

"""Settings of the deployable app, read from CDK context (``cdk deploy -c name=value``)."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import aws_cdk as cdk
from aws_cdk import aws_logs as logs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from constructs import Node

T = TypeVar("T")

DESTINATIONS: Final = ("pinpoint", "kinesis", "firehose", "eventbridge", "customer-profiles")
"""What the setting ``destination`` may name."""


class SettingError(Exception):
    """A setting is missing or malformed. The message is one sentence for whoever runs ``cdk``."""

    def __init__(self, name: str, problem: str, value: object, example: str) -> None:
        got = "it is not set" if value is None else f"got {value!r}"
        super().__init__(f"setting {name} {problem}, {got}: {_how_to_set(name, example)}")

    @classmethod
    def from_prop(cls, error: ValueError, names: Mapping[str, str] | None = None) -> SettingError:
        """Return what a construct said of a prop, with how to set it from here.

        The settings carry the props' names, and the constructs' messages begin with them.

        Args:
            error: What the construct said.
            names: Settings by prop, where they are called otherwise.
        """
        setting_error = cls.__new__(cls)
        words, got, value = str(error).partition(", got ")
        for prop, setting in (names or {}).items():
            words = re.sub(rf"(?<![\w.]){re.escape(prop)}(?![\w.])", setting, words)
            value = re.sub(rf"^{re.escape(prop)}(?==)", setting, value)
        words += got + value
        if words.startswith("rate_limit "):
            words = f"firewall_{words}"
        elif words.startswith("domain's name "):
            words = words.replace("domain's name", "domain_name", 1)
        name = words.partition(" ")[0]
        Exception.__init__(setting_error, f"setting {words}: {_how_to_set(name, '…')}")
        return setting_error


def _how_to_set(name: str, example: str) -> str:
    return f'set it with -c {name}={example} or under "context" in cdk.json'


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What ``cdk deploy`` can be told.

    The first few are the app's own, the others are props of ``GtmConnector``; ``None`` leaves one
    at the construct's default.

    Attributes:
        destination: Where the events go, of ``DESTINATIONS``; several for a fan-out.
        pinpoint_app_id: Pinpoint application that receives the events.
        pinpoint_requests_per_second: The account's quota for Pinpoint.
        kinesis_stream_arn: Kinesis data stream that receives the events.
        firehose_delivery_stream_name: Firehose delivery stream that receives the events.
        firehose_events_per_record: Events that share a Firehose record at the most.
        event_bus_name: EventBridge bus that receives the events.
        event_source: The events' source on it.
        customer_profiles_domain: Customer Profiles domain that receives the events.
        customer_profiles_region: Its Region.
        customer_profiles_create_domain: Whether it is made.
        customer_profiles_object_type: Name of the object type in it.
        customer_profiles_create_object_type: Whether that is made.
        customer_profiles_attributes: User attributes that become the profile's: names, or the
            profile's fields by name.
        customer_profiles_trigger_event: Event type that a trigger is made for.
        customer_profiles_requests_per_second: The account's quota for Customer Profiles.
        signed_token: Whether there is an authenticated route, behind signed tokens.
        token_audience: What a token's ``aud`` must hold.
        firewall_rate_limit: Puts a web ACL before the endpoint, with this rate limit.
        domain_name: Domain name for the endpoint.
        certificate_arn: ACM certificate of ``domain_name``.
        encryption_key_arn: Key for the queues, the topic, the log groups and the token's secret.
        cdk_nag: Whether synthesis stops for what cdk-nag's AwsSolutions pack finds.
    """

    destination: Sequence[str] = ("pinpoint",)
    pinpoint_app_id: str = ""
    pinpoint_requests_per_second: int | None = None
    kinesis_stream_arn: str = ""
    firehose_delivery_stream_name: str = ""
    firehose_events_per_record: int | None = None
    event_bus_name: str = "default"
    event_source: str | None = None
    customer_profiles_domain: str = ""
    customer_profiles_region: str | None = None
    customer_profiles_create_domain: bool = False
    customer_profiles_object_type: str | None = None
    customer_profiles_create_object_type: bool = True
    customer_profiles_attributes: Sequence[str] | Mapping[str, str] | None = None
    customer_profiles_trigger_event: str | None = None
    customer_profiles_requests_per_second: int | None = None
    signed_token: bool = False
    token_audience: str | None = None
    firewall_rate_limit: int | None = None
    domain_name: str | None = None
    certificate_arn: str | None = None
    encryption_key_arn: str | None = None
    cdk_nag: bool = False
    anonymous_user_attributes: Sequence[str] | Literal["*"] | None = None
    authenticated_user_attributes: Sequence[str] | Literal["*"] | None = None
    allowed_origins: Sequence[str] | None = None
    allow_http_origins: bool | None = None
    honor_privacy_signals: bool | None = None
    throttling_rate_limit: int | None = None
    throttling_burst_limit: int | None = None
    disable_execute_api_endpoint: bool | None = None
    accept_client_timestamp: bool | None = None
    batch_size: int | None = None
    max_batching_window: cdk.Duration | None = None
    max_concurrency: int | None = None
    memory_size: int | None = None
    timeout: cdk.Duration | None = None
    max_receive_count: int | None = None
    message_retention: cdk.Duration | None = None
    log_retention: logs.RetentionDays | None = None
    cloud_watch_role: bool | None = None
    tracing: bool | None = None

    @classmethod
    def from_context(cls, node: Node) -> Settings:
        """Read the settings from ``node``'s context.

        Raises:
            SettingError: A setting is missing, malformed, or looks like a misspelt one.
        """
        _refuse_misspelt(node)
        domain_name = _read(node, "domain_name", _text, "events.shop.example")
        certificate_arn = _read(node, "certificate_arn", _certificate_arn, _CERTIFICATE_EXAMPLE)
        if domain_name and not certificate_arn:
            raise SettingError(
                "certificate_arn", "must be given with domain_name", None, _CERTIFICATE_EXAMPLE
            )
        if certificate_arn and not domain_name:
            raise SettingError(
                "domain_name", "must be given with certificate_arn", None, "events.shop.example"
            )
        signed_token = _read(node, "signed_token", _boolean, "true") or False
        token_audience = _read(node, "token_audience", _text, "shop")
        if token_audience and not signed_token:
            raise SettingError("signed_token", "must be true with token_audience", None, "true")
        return cls(
            **_destination(node),
            signed_token=signed_token,
            token_audience=token_audience,
            firewall_rate_limit=_read(node, "firewall_rate_limit", _whole_number, "2000"),
            domain_name=domain_name,
            certificate_arn=certificate_arn,
            disable_execute_api_endpoint=_read(
                node, "disable_execute_api_endpoint", _boolean, "true"
            ),
            anonymous_user_attributes=_read(node, "anonymous_user_attributes", _names, "plan,city"),
            authenticated_user_attributes=_read(
                node, "authenticated_user_attributes", _names, "plan,city"
            ),
            allowed_origins=_read(node, "allowed_origins", _origins, "https://shop.example"),
            allow_http_origins=_read(node, "allow_http_origins", _boolean, "true"),
            honor_privacy_signals=_read(node, "honor_privacy_signals", _boolean, "true"),
            throttling_rate_limit=_read(node, "throttling_rate_limit", _whole_number, "1000"),
            throttling_burst_limit=_read(node, "throttling_burst_limit", _whole_number, "500"),
            accept_client_timestamp=_read(node, "accept_client_timestamp", _boolean, "true"),
            batch_size=_read(node, "batch_size", _whole_number, "1000"),
            max_batching_window=_read(node, "max_batching_window", _seconds, "5"),
            max_concurrency=_read(node, "max_concurrency", _whole_number, "2"),
            memory_size=_read(node, "memory_size", _whole_number, "256"),
            timeout=_read(node, "timeout", _seconds, "60"),
            max_receive_count=_read(node, "max_receive_count", _whole_number, "10"),
            message_retention=_read(node, "message_retention", _days, "7"),
            log_retention=_read(node, "log_retention", _retention, "90"),
            cloud_watch_role=_read(node, "cloud_watch_role", _boolean, "true"),
            tracing=_read(node, "tracing", _boolean, "false"),
            encryption_key_arn=_read(node, "encryption_key_arn", _key_arn, _KEY_EXAMPLE),
            cdk_nag=_read(node, "cdk_nag", _boolean, "true") or False,
        )

    def props(self) -> dict[str, Any]:
        """Return the props of ``GtmConnector`` that were set."""
        return {
            field.name: value
            for field in fields(self)
            if field.name not in _OWN and (value := getattr(self, field.name)) is not None
        }

    def ignored(self) -> dict[str, str]:
        """Return the settings that change nothing, their destination not being chosen, and why.

        They are no errors: one ``cdk.json`` may hold the settings of several destinations, such as
        the one that was left, and ``destination`` choose among them.
        """
        chosen = ",".join(self.destination)
        return {
            field.name: (
                f"setting {field.name} is ignored, got {value!r}: events go to {chosen} and not to "
                f"{destination}; to send them there as well set -c destination={chosen},"
                f"{destination}, else remove {field.name}"
            )
            for field in fields(self)
            if (destination := _destination_of(field.name)) not in (None, *self.destination)
            and (value := getattr(self, field.name)) != field.default
        }


_OWN = frozenset(
    {
        "destination",
        "pinpoint_app_id",
        "pinpoint_requests_per_second",
        "kinesis_stream_arn",
        "firehose_delivery_stream_name",
        "firehose_events_per_record",
        "event_bus_name",
        "event_source",
        "customer_profiles_domain",
        "customer_profiles_region",
        "customer_profiles_create_domain",
        "customer_profiles_object_type",
        "customer_profiles_create_object_type",
        "customer_profiles_attributes",
        "customer_profiles_trigger_event",
        "customer_profiles_requests_per_second",
        "signed_token",
        "token_audience",
        "firewall_rate_limit",
        "domain_name",
        "certificate_arn",
        "encryption_key_arn",
        "cdk_nag",
    }
)
_CERTIFICATE_EXAMPLE = "arn:aws:acm:us-east-1:123456789012:certificate/…"

_KEY_EXAMPLE = "arn:aws:kms:us-east-1:123456789012:key/…"


def _refuse_misspelt(node: Node) -> None:
    """Refuse a key that is almost one of ours: it would be ignored without a word."""
    names = [field.name for field in fields(Settings)]
    for key in node.get_all_context():
        if key in names or _CDKS_OWN.search(key):
            continue
        meant = _meant(key, names)
        if meant is not None:
            raise SettingError(meant, "seems to be misspelt", key, "…")


# Feature flags (@aws-cdk/…), the CLI's (aws:cdk:…, aws-cdk:…, cli-…) and what it looked up in an
# account (availability-zones:…, hosted-zone:…).
_CDKS_OWN: Final = re.compile(r"[:/]|^(?:aws-cdk|cli)-")
_ALIKE: Final = 0.85
_ALIKE_WITHIN_DESTINATION: Final = 0.7
_WORDS_IN_COMMON: Final = 2


def _meant(key: str, names: Sequence[str]) -> str | None:
    """Return the setting that ``key`` is a misspelling of, ``None`` if it is somebody's own."""
    # acceptClientTimestamp, batch-size
    spelt = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", key.strip()).lower()
    # api_domain_name: that of something else
    if any(spelt.endswith(f"_{name}") for name in names if "_" in name):
        return None
    words = set(spelt.split("_"))
    destination = _destination_of(spelt)
    for candidates, cutoff in (
        (names, _ALIKE),
        # log_retention_days, firehose_stream_name, user_attributes
        ([name for name in names if _share_words(words, set(name.split("_")))], 0.0),
        # pinpoint_application_id
        (
            [name for name in names if destination and _destination_of(name) == destination],
            _ALIKE_WITHIN_DESTINATION,
        ),
    ):
        for match in difflib.get_close_matches(spelt, candidates, n=1, cutoff=cutoff):
            return match
    return None


def _share_words(one: set[str], other: set[str]) -> bool:
    return len(one & other) >= _WORDS_IN_COMMON and (one <= other or other <= one)


_APP_ID_EXAMPLE = "0123456789abcdef0123456789abcdef"
_STREAM_EXAMPLE = "arn:aws:kinesis:us-east-1:123456789012:stream/events"
_DELIVERY_STREAM_EXAMPLE = "events"
_DOMAIN_EXAMPLE = "shop"


def _destination(node: Node) -> dict[str, Any]:
    """Read where the events go, and what those destinations need to be told."""
    settings: dict[str, Any] = {
        name: value
        for name, value in {
            "destination": _read(node, "destination", _destinations, "kinesis,firehose"),
            "pinpoint_app_id": _read(node, "pinpoint_app_id", _app_id, _APP_ID_EXAMPLE),
            "pinpoint_requests_per_second": _read(
                node, "pinpoint_requests_per_second", _whole_number, "100"
            ),
            "kinesis_stream_arn": _read(node, "kinesis_stream_arn", _stream_arn, _STREAM_EXAMPLE),
            "firehose_delivery_stream_name": _read(
                node,
                "firehose_delivery_stream_name",
                _delivery_stream_name,
                _DELIVERY_STREAM_EXAMPLE,
            ),
            "firehose_events_per_record": _read(
                node, "firehose_events_per_record", _whole_number, "1"
            ),
            "event_bus_name": _read(node, "event_bus_name", _event_bus_name, "default"),
            "event_source": _read(node, "event_source", _text, "shop.example"),
            "customer_profiles_domain": _read(
                node, "customer_profiles_domain", _text, _DOMAIN_EXAMPLE
            ),
            "customer_profiles_region": _read(node, "customer_profiles_region", _text, "eu-west-2"),
            "customer_profiles_create_domain": _read(
                node, "customer_profiles_create_domain", _boolean, "true"
            ),
            "customer_profiles_object_type": _read(
                node, "customer_profiles_object_type", _text, "GtmEvent"
            ),
            "customer_profiles_create_object_type": _read(
                node, "customer_profiles_create_object_type", _boolean, "false"
            ),
            "customer_profiles_attributes": _read(
                node, "customer_profiles_attributes", _targets, "plan,email=EmailAddress"
            ),
            "customer_profiles_trigger_event": _read(
                node, "customer_profiles_trigger_event", _text, "purchase"
            ),
            "customer_profiles_requests_per_second": _read(
                node, "customer_profiles_requests_per_second", _whole_number, "100"
            ),
        }.items()
        if value is not None
    }
    if "destination" not in settings:
        # Else the events would go to Pinpoint, although another destination was meant.
        for name in settings:
            destination = _destination_of(name)
            if destination not in (None, "pinpoint"):
                raise SettingError("destination", f"must be set with {name}", None, destination)
        if not settings:  # nobody who begins today means Pinpoint
            raise SettingError("destination", _ONE_OF, None, "customer-profiles,firehose")
    destinations = settings.get("destination", ("pinpoint",))
    for destination, (name, problem, example) in _REQUIRED.items():
        if destination in destinations and name not in settings:
            raise SettingError(name, problem, None, example)
    return settings


_REQUIRED: Final = {
    "pinpoint": (
        "pinpoint_app_id",
        (
            "must be the ID of the Pinpoint application that receives the events "
            "(letters, digits and hyphens)"
        ),
        _APP_ID_EXAMPLE,
    ),
    "kinesis": (
        "kinesis_stream_arn",
        "must be the ARN of the Kinesis data stream that receives the events",
        _STREAM_EXAMPLE,
    ),
    "firehose": (
        "firehose_delivery_stream_name",
        "must be the name of the Firehose delivery stream that receives the events",
        _DELIVERY_STREAM_EXAMPLE,
    ),
    "customer-profiles": (
        "customer_profiles_domain",
        "must be the name of the Customer Profiles domain that receives the events",
        _DOMAIN_EXAMPLE,
    ),
}


def _destination_of(setting: str) -> str | None:
    """Return the destination that a setting is for, ``None`` if it is for all of them."""
    if setting.startswith("event_"):
        return "eventbridge"
    prefixes = {name: f"{name.replace('-', '_')}_" for name in DESTINATIONS}
    return next((name for name, prefix in prefixes.items() if setting.startswith(prefix)), None)


_ONE_OF: Final = f"must be one of {', '.join(DESTINATIONS)}, or several, comma-separated"


def _destinations(value: object) -> Sequence[str]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list) or not names:
        raise ValueError(_ONE_OF)
    names = [name.strip() if isinstance(name, str) else name for name in names]
    if not all(name in DESTINATIONS for name in names):
        raise ValueError(_ONE_OF)
    if len(set(names)) < len(names):
        raise ValueError("must name each destination once")
    return names


def _app_id(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9-]{1,64}", value.strip(), re.ASCII):
        return value.strip()
    raise ValueError(_REQUIRED["pinpoint"][1])


def _stream_arn(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not re.fullmatch(
        r"arn:[a-z-]+:kinesis:[a-z0-9-]+:\d{12}:stream/[A-Za-z0-9_.-]{1,128}", text, re.ASCII
    ):
        raise ValueError(_REQUIRED["kinesis"][1])
    return text


def _delivery_stream_name(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", text, re.ASCII):
        raise ValueError(_REQUIRED["firehose"][1])
    return text


def _event_bus_name(value: object) -> str:
    text = value.strip() if isinstance(value, str) else ""
    if not re.fullmatch(r"[A-Za-z0-9_./-]{1,256}", text, re.ASCII):
        raise ValueError("must be the name of an EventBridge bus")
    return text


def _targets(value: object) -> Sequence[str] | Mapping[str, str]:
    """Read ``plan,email=EmailAddress``, or the same as a mapping."""
    problem = "must be comma-separated names of user attributes, each alone or with =field"
    if isinstance(value, dict):
        if not all(isinstance(item, str) for item in (*value, *value.values())):
            raise ValueError(problem)
        return value
    names = _names(value)
    if names == "*":
        raise ValueError(problem)
    if not any("=" in name for name in names):
        return names
    pairs = [name.partition("=") for name in names]
    targets = {
        name.strip(): target.strip() if equals else f"Attributes.{name}"
        for name, equals, target in pairs
    }
    if len(targets) < len(names):
        raise ValueError("must name each user attribute once")
    return targets


def _read(node: Node, name: str, convert: Callable[[object], T], example: str) -> T | None:
    """Return the setting ``name`` converted, or ``None`` where it is not set.

    ``convert`` takes what the CLI (always strings) or ``cdk.json`` (any JSON) gives and raises
    ``ValueError`` with what the value must be.
    """
    value = node.try_get_context(name)
    if value is None:
        return None
    try:
        return convert(value)
    except ValueError as error:
        raise SettingError(name, str(error), value, example) from error


def _names(value: object) -> Sequence[str] | Literal["*"]:
    if isinstance(value, str):
        if value.strip() == "*":
            return "*"
        value = value.split(",") if value.strip() else []
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise ValueError("must be comma-separated names or *")
    names = [name.strip() for name in value]
    if "" in names:
        raise ValueError("must be comma-separated names without an empty one, or *")
    return names


def _origins(value: object) -> Sequence[str] | None:
    names = _names(value)
    return None if names == "*" else names


def _text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value.strip()
    raise ValueError("must not be empty")


def _certificate_arn(value: object) -> str:
    text = _text(value)
    if not re.fullmatch(r"arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+", text):
        raise ValueError("must be the ARN of an ACM certificate")
    return text


def _key_arn(value: object) -> str:
    text = _text(value)
    # An alias would not do: no policy can name one.
    if not re.fullmatch(r"arn:[a-z-]+:kms:[a-z0-9-]+:\d{12}:key/[A-Za-z0-9-]+", text, re.ASCII):
        raise ValueError("must be the ARN of a KMS key")
    return text


def _boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "false"):
        return value == "true"
    raise ValueError("must be true or false")


def _whole_number(value: object) -> int:
    # cdk.json gives numbers as floats through jsii.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value)
    raise ValueError("must be a whole number")


def _seconds(value: object) -> cdk.Duration:
    try:
        return cdk.Duration.seconds(_whole_number(value))
    except ValueError:
        raise ValueError("must be a whole number of seconds") from None


def _days(value: object) -> cdk.Duration:
    try:
        return cdk.Duration.days(_whole_number(value))
    except ValueError:
        raise ValueError("must be a whole number of days") from None


_RETENTIONS = {
    1: logs.RetentionDays.ONE_DAY,
    3: logs.RetentionDays.THREE_DAYS,
    5: logs.RetentionDays.FIVE_DAYS,
    7: logs.RetentionDays.ONE_WEEK,
    14: logs.RetentionDays.TWO_WEEKS,
    30: logs.RetentionDays.ONE_MONTH,
    60: logs.RetentionDays.TWO_MONTHS,
    90: logs.RetentionDays.THREE_MONTHS,
    120: logs.RetentionDays.FOUR_MONTHS,
    150: logs.RetentionDays.FIVE_MONTHS,
    180: logs.RetentionDays.SIX_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
    400: logs.RetentionDays.THIRTEEN_MONTHS,
    545: logs.RetentionDays.EIGHTEEN_MONTHS,
    731: logs.RetentionDays.TWO_YEARS,
}


def _retention(value: object) -> logs.RetentionDays:
    allowed = f"must be a number of days out of {', '.join(map(str, _RETENTIONS))}"
    try:
        return _RETENTIONS[_whole_number(value)]
    except (KeyError, ValueError):
        raise ValueError(allowed) from None

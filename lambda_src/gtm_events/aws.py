"""Signed requests to AWS over kept-alive connections, without the SDK's service clients.

The function builds each request's bytes itself, because it has to know their number, and reads the
few members of an answer that decide over an event. What a service client would add to that is time:
loading its model when the function starts, and walking that model again for every request and every
answer. Of the SDK its credentials are used, where they are not in the environment, and its list of
partitions. It also makes the function independent of which operations the runtime's SDK knows. See
docs/decisions/0007-signed-requests.md.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from functools import cache
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import botocore
from botocore.exceptions import BotoCoreError, NoCredentialsError

from gtm_events.connections import Connections
from gtm_events.errors import SettingsError
from gtm_events.failures import failure, json_object
from gtm_events.outcome import RetryReason
from gtm_events.sending import TryAgain
from gtm_events.signing import Keys, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gtm_events.signing import SignedRequest

HEADERS: Final = {"Content-Type": "application/json", "User-Agent": "cdk-gtm-connector"}
"""Headers of every request, unless its call has its own."""

# GovCloud's endpoints of these are FIPS endpoints as they are, and have no others.
_FIPS_IN_GOVCLOUD: Final = frozenset({"events", "kinesis", "sqs"})


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be sent.

    Attributes:
        body: JSON.
        path: Of the URL, percent-encoded.
        method: HTTP's.
        headers: Beside those of every request.
    """

    body: bytes
    path: str = "/"
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A success.

    Attributes:
        status: HTTP's.
        body: JSON.
    """

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the body's object.

        Raises:
            gtm_events.sending.TryAgain: It holds none: a proxy's page, or an answer that was cut.
        """
        document = json_object(self.body)
        if document is None:
            raise TryAgain(RetryReason.UNAVAILABLE)
        return document


class HttpResponse(Protocol):
    """An HTTP response, as far as a client reads it."""

    @property
    def status_code(self) -> int:
        """HTTP's."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """By name, of any case."""
        ...

    @property
    def content(self) -> bytes:
        """The body."""
        ...


class HttpSession(Protocol):
    """Sends requests: :class:`gtm_events.connections.Connections`, which says what it raises."""

    def send(self, request: SignedRequest) -> HttpResponse:
        """Send one request, once, and return its response."""
        ...


class Target(Protocol):
    """Where requests go, and how they are signed for it: :class:`Endpoint` is AWS's."""

    @property
    def url(self) -> str:
        """Where it answers, without a trailing slash."""
        ...

    def signed(self, call: Call) -> SignedRequest:
        """Return the request that ``call`` becomes.

        Raises:
            gtm_events.sending.CallFailed: It cannot be signed now.
            botocore.exceptions.BotoCoreError: There are no credentials now.
        """
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service in a Region.

    Attributes:
        signing_name: The service's name in signatures and IAM.
        region: Such as ``us-east-1``.
        url: Where it answers, without a trailing slash.
    """

    signing_name: str
    region: str
    url: str

    @classmethod
    def of(
        cls,
        service: str,
        environment: Mapping[str, str],
        *,
        host: str,
        signing_name: str | None = None,
        arn: str = "",
        region: str = "",
    ) -> Endpoint:
        """Return the endpoint of a service.

        Args:
            service: The SDK's name of it: ``AWS_ENDPOINT_URL_{SERVICE}`` and ``AWS_ENDPOINT_URL``
                win over AWS's own endpoint, as they do in the SDK.
            environment: The function's. ``AWS_USE_FIPS_ENDPOINT`` is honoured too.
            host: First label of the host's name.
            signing_name: Default: ``host``.
            arn: Of a resource whose Region it is to be. Default: the function's Region.
            region: The Region, where there is no such ARN.

        Raises:
            SettingsError: Neither ``AWS_REGION`` nor ``AWS_DEFAULT_REGION`` is set.
        """
        region = (
            region
            or "".join(arn.split(":")[3:4])
            or environment.get("AWS_REGION")
            or environment.get("AWS_DEFAULT_REGION")
            or ""
        )
        if not region:
            raise SettingsError("AWS_REGION", "must be set", None)
        variable = f"AWS_ENDPOINT_URL_{service.upper().replace('-', '_')}"
        url = environment.get(variable) or environment.get("AWS_ENDPOINT_URL")
        if not url:
            fips = environment.get("AWS_USE_FIPS_ENDPOINT", "").lower() == "true" and not (
                region.startswith("us-gov-") and host in _FIPS_IN_GOVCLOUD
            )
            url = f"https://{host}{'-fips' if fips else ''}.{region}.{_dns_suffix(region)}"
        return cls(signing_name or host, region, url.rstrip("/"))

    def signed(self, call: Call) -> SignedRequest:
        """Return ``call`` with AWS's signature by the function's credentials."""
        return signed(
            call.method,
            self.url + call.path,
            {**HEADERS, **_trace(), **call.headers},
            call.body,
            keys=_credentials(),
            service=self.signing_name,
            region=self.region,
        )


@dataclass(frozen=True, slots=True)
class Client:
    """Sends signed requests to one endpoint. Safe to use from many threads.

    Attributes:
        endpoint: Where to.
        session: Sends them over the network.
    """

    endpoint: Target
    session: HttpSession

    @classmethod
    def to(cls, endpoint: Target, *, connect_seconds: float, read_seconds: float) -> Client:
        """Return a client that sends over the network.

        Args:
            endpoint: Where to.
            connect_seconds: See :class:`~gtm_events.connections.Connections`.
            read_seconds: See :class:`~gtm_events.connections.Connections`.

        Raises:
            SettingsError: The CA bundle or the proxy cannot be used.
        """
        connections = Connections(
            endpoint.url, connect_seconds=connect_seconds, read_seconds=read_seconds
        )
        return cls(endpoint, connections)

    def send(self, call: Call) -> Answer:
        """Send one request, once.

        Raises:
            gtm_events.sending.CallFailed: It was not answered, or with anything but a success.
        """
        # The texts of errors may quote an answer: none is kept.
        try:
            response = self.session.send(self.endpoint.signed(call))
        except BotoCoreError:  # credentials on their way out
            raise TryAgain(RetryReason.UNAVAILABLE) from None
        except TimeoutError:
            raise TryAgain(RetryReason.TIMED_OUT) from None
        except (OSError, HTTPException):
            raise TryAgain(RetryReason.UNREACHABLE) from None
        status = response.status_code
        if 200 <= status < 300:  # noqa: PLR2004 - HTTP's success
            return Answer(status, response.content)
        raise failure(status, response.headers, response.content)


def _trace() -> dict[str, str]:
    """Return the header that the SDK's clients send for Lambda and X-Ray.

    By it the one notices that a function calls itself again and again, and the other joins what
    belongs together.
    """
    trace_id = os.environ.get("_X_AMZN_TRACE_ID")
    if trace_id is None or "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        return {}
    return {"X-Amzn-Trace-Id": trace_id}


@cache  # the destination and the dead-letter queue are in one Region as a rule
def _dns_suffix(region: str) -> str:
    """Return the domain of the Region's partition: ``amazonaws.com`` in most."""
    # The SDK's loader of its data takes longer to import than the file takes to read.
    data = Path(botocore.__file__).with_name("data") / "partitions.json"
    for partition in json.loads(data.read_bytes())["partitions"]:
        if re.match(partition["regionRegex"], region):
            return str(partition["outputs"]["dnsSuffix"])
    return "amazonaws.com"  # a Region newer than the SDK


def _credentials() -> Keys:
    """Return what signs: the environment's keys, as Lambda gives them, or what the SDK finds.

    With SnapStart, and off Lambda, there are none in the environment; finding them takes the rest
    of the SDK, which is not imported for nothing.

    Raises:
        botocore.exceptions.BotoCoreError: There are none.
    """
    environment = os.environ
    access_key = environment.get("AWS_ACCESS_KEY_ID")
    secret_key = environment.get("AWS_SECRET_ACCESS_KEY")
    if access_key and secret_key:
        return Keys(access_key, secret_key, environment.get("AWS_SESSION_TOKEN"))
    from gtm_events import sdk_credentials  # noqa: PLC0415 - see above

    found = sdk_credentials.find()
    if found is None:
        raise NoCredentialsError
    return Keys(found.access_key, found.secret_key, found.token)

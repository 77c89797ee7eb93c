"""Signed requests to AWS over kept-alive connections, without the SDK's service clients.

The function builds each request body itself, because it must know the body's size, and reads only
the members of an answer that decide an event's outcome. A service client would add time: it loads
its model at start, and walks the model for each request and each answer. Without clients the
function also does not depend on the operations that the runtime's SDK knows. It uses the SDK for
credentials that are not in the environment and for the list of partitions. See
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
from gtm_events.errors import SettingsError, TryAgain
from gtm_events.failures import failure, json_object
from gtm_events.outcome import RetryReason
from gtm_events.signing import Keys, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gtm_events.signing import SignedRequest

HEADERS: Final = {"Content-Type": "application/json", "User-Agent": "cdk-gtm-connector"}
"""Default headers of every request."""

# The regular GovCloud endpoints of these services are their FIPS endpoints.
_FIPS_IN_GOVCLOUD: Final = frozenset({"events", "kinesis", "sqs"})


@dataclass(frozen=True, slots=True)
class ServiceRequest:
    """A request to a service, before it is signed.

    Attributes:
        body: JSON body.
        path: Path of the URL, percent-encoded.
        method: HTTP method.
        headers: Headers in addition to the default ones.
    """

    body: bytes
    path: str = "/"
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful response.

    Attributes:
        status: HTTP status.
        body: JSON body.
    """

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """Return the JSON object in the body.

        Raises:
            gtm_events.errors.TryAgain: There is none: a proxy's page, or a truncated answer.
        """
        document = json_object(self.body)
        if document is None:
            raise TryAgain(RetryReason.UNAVAILABLE)
        return document


class HttpResponse(Protocol):
    """The parts of an HTTP response that a client reads."""

    @property
    def status_code(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers, by case-insensitive name."""
        ...

    @property
    def content(self) -> bytes:
        """The body."""
        ...


class HttpSession(Protocol):
    """Sends requests. :class:`gtm_events.connections.Connections` documents its exceptions."""

    def send(self, request: SignedRequest) -> HttpResponse:
        """Send one request, once, and return its response."""
        ...


class Target(Protocol):
    """A service endpoint that signs the requests sent to it."""

    @property
    def url(self) -> str:
        """URL of the endpoint, without a trailing slash."""
        ...

    def signed(self, request: ServiceRequest) -> SignedRequest:
        """Return ``request`` with its signature.

        Raises:
            gtm_events.errors.CallFailed: It cannot be signed now.
            botocore.exceptions.BotoCoreError: There are no valid credentials now.
        """
        ...


@dataclass(frozen=True, slots=True)
class ServiceEndpoint:
    """The endpoint of an AWS service in a Region.

    Attributes:
        signing_name: The service's name in signatures and IAM.
        region: The Region, such as ``us-east-1``.
        url: URL of the endpoint, without a trailing slash.
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
    ) -> ServiceEndpoint:
        """Return the endpoint of a service.

        Args:
            service: The SDK's name of the service. As in the SDK, ``AWS_ENDPOINT_URL_{SERVICE}``
                and ``AWS_ENDPOINT_URL`` override the URL.
            environment: The function's environment. ``AWS_USE_FIPS_ENDPOINT`` is honored too.
            host: First label of the host name.
            signing_name: The service's name in signatures. Default: ``host``.
            arn: ARN of a resource that is in the Region. Default: the function's Region.
            region: The Region, if no ARN names it.

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

    def signed(self, request: ServiceRequest) -> SignedRequest:
        """Return ``request`` signed with the function's credentials."""
        return signed(
            request.method,
            self.url + request.path,
            {**HEADERS, **_trace(), **request.headers},
            request.body,
            keys=_credentials(),
            service=self.signing_name,
            region=self.region,
        )


@dataclass(frozen=True, slots=True)
class Client:
    """Sends signed requests to one endpoint. Safe to use from many threads.

    Attributes:
        endpoint: The endpoint.
        session: Sends the requests over the network.
    """

    endpoint: Target
    session: HttpSession

    @classmethod
    def to(cls, endpoint: Target, *, connect_seconds: float, read_seconds: float) -> Client:
        """Return a client that sends over the network.

        Args:
            endpoint: The endpoint.
            connect_seconds: See :class:`~gtm_events.connections.Connections`.
            read_seconds: See :class:`~gtm_events.connections.Connections`.

        Raises:
            SettingsError: The CA bundle or the proxy cannot be used.
        """
        connections = Connections(
            endpoint.url, connect_seconds=connect_seconds, read_seconds=read_seconds
        )
        return cls(endpoint, connections)

    def send(self, request: ServiceRequest) -> Answer:
        """Send one request, once.

        Raises:
            gtm_events.errors.CallFailed: There was no answer, or none with a 2xx status.
        """
        # Drop the texts of these errors, which may quote an answer.
        try:
            response = self.session.send(self.endpoint.signed(request))
        except BotoCoreError:  # expired or missing credentials
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
    """Return the tracing header that the SDK's clients send.

    Lambda detects recursive invocations by it, and X-Ray joins the segments of a trace.
    """
    trace_id = os.environ.get("_X_AMZN_TRACE_ID")
    if trace_id is None or "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        return {}
    return {"X-Amzn-Trace-Id": trace_id}


@cache  # destination and queue are usually in one Region
def _dns_suffix(region: str) -> str:
    """Return the DNS suffix of the Region's partition, such as ``amazonaws.com``."""
    # Importing the SDK's data loader takes longer than reading the file.
    data = Path(botocore.__file__).with_name("data") / "partitions.json"
    for partition in json.loads(data.read_bytes())["partitions"]:
        if re.match(partition["regionRegex"], region):
            return str(partition["outputs"]["dnsSuffix"])
    return "amazonaws.com"  # a Region newer than the SDK


def _credentials() -> Keys:
    """Return credentials from the environment, where Lambda puts them, or from the SDK.

    With SnapStart and outside Lambda the environment has none. Only then is the rest of the SDK
    imported to find them.

    Raises:
        botocore.exceptions.BotoCoreError: There are no credentials.
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

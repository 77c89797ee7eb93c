"""Signed requests to AWS over kept-alive connections, without the SDK's service clients.

The function builds each request's bytes itself, because it has to know their number, and reads the
few members of an answer that decide over an event. What a service client would add to that is time:
loading its model when the function starts, and walking that model again for every request and every
answer. So the SDK's own parts below its clients are used alone: its signature, its connection pool,
its credentials. It also makes the function independent of which operations the runtime's SDK knows.
See docs/decisions/0007-signed-requests.md.
"""

from __future__ import annotations

import json
import os
import re
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import (
    BotoCoreError,
    ConnectTimeoutError,
    HTTPClientError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.exceptions import ConnectionError as NotConnectedError
from botocore.httpsession import URLLib3Session
from botocore.loaders import create_loader
from botocore.utils import get_environ_proxies

from gtm_events.errors import SettingsError
from gtm_events.outcome import Reason, RetryReason
from gtm_events.sending import CallFailed, Denied, RefusedWhole, TryAgain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.awsrequest import AWSPreparedRequest

_BAD_REQUEST: Final = 400
_REQUEST_TIMEOUT: Final = 408
_PAYLOAD_TOO_LARGE: Final = 413
_HEADERS: Final = {"Content-Type": "application/json", "User-Agent": "cdk-gtm-connector"}

_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERROR: Final = 500

REFUSING: Final = frozenset({_BAD_REQUEST, _PAYLOAD_TOO_LARGE})
"""HTTP statuses that blame what was sent. Of all others, those that do not pass by themselves are
the owner's to mend: a proxy's 407 says nothing of an event, nor does a 302."""

# The JSON protocols answer 400 to everything that is not their own failure; these are the codes of
# "common errors" in the services' API references, what their models say, and those that the SDK
# itself retries (botocore.retries.standard).
_PASSING: Final = {
    "BandwidthLimitExceeded": RetryReason.THROTTLED,
    "EC2ThrottledException": RetryReason.THROTTLED,
    "KMSThrottlingException": RetryReason.THROTTLED,
    "LimitExceededException": RetryReason.THROTTLED,
    "PriorRequestNotComplete": RetryReason.THROTTLED,
    "ProvisionedThroughputExceededException": RetryReason.THROTTLED,
    "RequestLimitExceeded": RetryReason.THROTTLED,
    "RequestThrottled": RetryReason.THROTTLED,
    "RequestThrottledException": RetryReason.THROTTLED,
    "SlowDown": RetryReason.THROTTLED,
    "ThrottledException": RetryReason.THROTTLED,
    "Throttling": RetryReason.THROTTLED,
    "ThrottlingException": RetryReason.THROTTLED,
    "TooManyRequestsException": RetryReason.THROTTLED,
    "TransactionInProgressException": RetryReason.THROTTLED,
    "RequestTimeout": RetryReason.TIMED_OUT,
    "RequestTimeoutException": RetryReason.TIMED_OUT,
    # "a request is aborted before a reply is sent back"
    "RequestAbortedException": RetryReason.UNREACHABLE,
    # The models of the services whose protocol is AWS JSON give their own failures no status.
    "InternalException": RetryReason.UNAVAILABLE,
    "InternalFailure": RetryReason.UNAVAILABLE,
    "InternalFailureException": RetryReason.UNAVAILABLE,
    "ServiceUnavailableException": RetryReason.UNAVAILABLE,
}
# GovCloud's endpoints of these are FIPS endpoints as they are, and have no others.
_FIPS_IN_GOVCLOUD: Final = frozenset({"events", "kinesis", "sqs"})

_NOT_LET_IN_CODES: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidKMSResourceException",
        "InvalidSignatureException",
        "InvalidSourceException",  # a Firehose stream that takes CloudWatch Logs only
        "KMSAccessDeniedException",
        "KMSDisabledException",
        "KMSInvalidStateException",
        "KMSNotFoundException",
        "KMSOptInRequired",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "OptInRequired",
        "RequestExpired",  # signed by a clock that is wrong
        "ResourceNotFoundException",
        "UnrecognizedClientException",
    }
)


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
        document = _object(self.body)
        if document is None:
            raise TryAgain(RetryReason.UNAVAILABLE)
        return document


class HttpSession(Protocol):
    """What is used of :class:`botocore.httpsession.URLLib3Session`."""

    def send(self, request: AWSPreparedRequest) -> Any:
        """Send one request; return its response with ``status_code``, ``headers``, ``content``."""
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


@dataclass(frozen=True, slots=True)
class Client:
    """Sends signed requests to one endpoint. Safe to use from many threads.

    Attributes:
        endpoint: Where to.
        session: Sends them over the network.
    """

    endpoint: Endpoint
    session: HttpSession

    @classmethod
    def to(
        cls,
        endpoint: Endpoint,
        *,
        connect_seconds: float,
        read_seconds: float,
        max_connections: int,
    ) -> Client:
        """Return a client with the SDK's connection pool.

        Args:
            endpoint: Where to.
            connect_seconds: How long a connection may take, to each of the host's addresses.
            read_seconds: How long nothing of an answer may come: one that trickles takes longer.
            max_connections: Kept alive.
        """
        pool: Any = URLLib3Session  # the stubs know neither a bundle's path nor two time-outs
        session = pool(
            verify=os.environ.get("AWS_CA_BUNDLE") or True,
            proxies=get_environ_proxies(endpoint.url),
            timeout=(connect_seconds, read_seconds),
            max_pool_connections=max_connections,
            # As in the SDK's clients. Without it a request's body, which follows its headers in a
            # packet of its own, waits for an acknowledgement: 40 ms.
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )
        return cls(endpoint, session)

    def send(self, call: Call) -> Answer:
        """Send one request, once.

        Raises:
            gtm_events.sending.CallFailed: It was not answered, or with anything but a success.
        """
        try:
            response = self.session.send(self._signed(call))
        except (ReadTimeoutError, ConnectTimeoutError) as error:
            raise TryAgain(RetryReason.TIMED_OUT) from error
        except (HTTPClientError, NotConnectedError) as error:
            raise TryAgain(RetryReason.UNREACHABLE) from error
        except BotoCoreError as error:  # credentials on their way out
            raise TryAgain(RetryReason.UNAVAILABLE) from error
        status = response.status_code
        if 200 <= status < 300:  # noqa: PLR2004 - HTTP's success
            return Answer(status, response.content)
        raise _failure(status, response.headers, response.content)

    def _signed(self, call: Call) -> AWSPreparedRequest:
        request = AWSRequest(
            method=call.method,
            url=self.endpoint.url + call.path,
            headers={**_HEADERS, **_trace(), **call.headers},
            data=call.body,
        )
        SigV4Auth(_credentials(), self.endpoint.signing_name, self.endpoint.region).add_auth(
            request
        )
        return request.prepare()


def _trace() -> dict[str, str]:
    """Return the header that the SDK's clients send for Lambda and X-Ray.

    By it the one notices that a function calls itself again and again, and the other joins what
    belongs together.
    """
    trace_id = os.environ.get("_X_AMZN_TRACE_ID")
    if trace_id is None or "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
        return {}
    return {"X-Amzn-Trace-Id": trace_id}


def problem_of(status: int) -> RetryReason | None:
    """Return why what was answered with ``status`` may be tried again; ``None`` if it may not."""
    if status == _TOO_MANY_REQUESTS:
        return RetryReason.THROTTLED
    if status == _REQUEST_TIMEOUT:
        return RetryReason.TIMED_OUT
    return RetryReason.UNAVAILABLE if status >= _SERVER_ERROR else None


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _failure(status: int, headers: Mapping[str, str], body: bytes) -> CallFailed:
    document = _object(body) or {}
    # "TooManyRequestsException:http://…" in a header, "com.amazonaws…#Name" in a body
    named = headers.get("x-amzn-ErrorType") or document.get("__type") or document.get("code") or ""
    code = str(named).partition(":")[0].rpartition("#")[2]
    if passing := _PASSING.get(code) or problem_of(status):
        return TryAgain(passing)
    if status not in REFUSING or code in _NOT_LET_IN_CODES:
        return Denied(f"{status} {code}".rstrip())
    words = document.get("Message") or document.get("message") or "no message"
    reason = Reason.TOO_LARGE if status == _PAYLOAD_TOO_LARGE else Reason.REFUSED
    return RefusedWhole(reason, f"{status} {code or 'no code'}", words)


def _dns_suffix(region: str) -> str:
    """Return the domain of the Region's partition: ``amazonaws.com`` in most."""
    for partition in create_loader().load_data("partitions")["partitions"]:
        if re.match(partition["regionRegex"], region):
            return str(partition["outputs"]["dnsSuffix"])
    return "amazonaws.com"  # a Region newer than the SDK


def _credentials() -> Any:
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
        return Credentials(access_key, secret_key, environment.get("AWS_SESSION_TOKEN"))
    from gtm_events import sdk_credentials  # noqa: PLC0415 - see above

    found = sdk_credentials.find()
    if found is None:
        raise NoCredentialsError
    return found

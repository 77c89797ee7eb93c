"""Interprets error responses: whose fault an error is, and whether it is temporary.

AWS services answer 400 to nearly every error that is not a failure of the service, so the error
code decides whose fault it is.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from gtm_events.errors import CallFailed, Denied, RefusedWhole, TryAgain, Unexplained
from gtm_events.outcome import Reason, RetryReason

if TYPE_CHECKING:
    from collections.abc import Mapping

_BAD_REQUEST: Final = 400
_REQUEST_TIMEOUT: Final = 408
_PAYLOAD_TOO_LARGE: Final = 413
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERROR: Final = 500

REFUSING: Final = frozenset({_BAD_REQUEST, _PAYLOAD_TOO_LARGE})
"""HTTP statuses that can blame an event.

The owner must fix any other status that is not temporary: a proxy's 407 or a 302 has nothing to do
with an event.
"""

# The codes come from the services' models, from "common errors" in their API references, from AWS's
# older protocols, and from the SDK's list of retryable errors (botocore.retries.standard). They are
# written without "Exception" or "Error" at the end.

# Temporary errors.
_TEMPORARY: Final = {
    "BandwidthLimitExceeded": RetryReason.THROTTLED,
    "EC2Throttled": RetryReason.THROTTLED,
    "KMSThrottling": RetryReason.THROTTLED,
    "KmsThrottled": RetryReason.THROTTLED,
    "LimitExceeded": RetryReason.THROTTLED,
    "OverLimit": RetryReason.THROTTLED,
    "PriorRequestNotComplete": RetryReason.THROTTLED,
    "ProvisionedThroughputExceeded": RetryReason.THROTTLED,
    "RequestLimitExceeded": RetryReason.THROTTLED,
    "RequestThrottled": RetryReason.THROTTLED,
    "SlowDown": RetryReason.THROTTLED,
    "Throttled": RetryReason.THROTTLED,
    "Throttling": RetryReason.THROTTLED,
    "TooManyRequests": RetryReason.THROTTLED,
    "TransactionInProgress": RetryReason.THROTTLED,
    "RequestTimeout": RetryReason.TIMED_OUT,
    # "a request is aborted before a reply is sent back"
    "RequestAborted": RetryReason.UNREACHABLE,
    # The models of AWS JSON services do not give their own failures a status.
    "Internal": RetryReason.UNAVAILABLE,
    "InternalFailure": RetryReason.UNAVAILABLE,
    "InternalServer": RetryReason.UNAVAILABLE,
    "InternalService": RetryReason.UNAVAILABLE,
    "ServiceUnavailable": RetryReason.UNAVAILABLE,
}
# Errors that an event's content can cause.
_BLAMES_EVENT: Final = frozenset(
    {
        "BadRequest",
        "BatchRequestTooLong",
        "InvalidArgument",
        "InvalidInput",
        "InvalidMessageContents",
        "InvalidParameter",
        "InvalidParameterValue",
        "InvalidRequest",
        "PayloadTooLarge",
        "RequestEntityTooLarge",
        "RequestTooLarge",
        "Serialization",
        "Validation",
    }
)
# Errors that no event can cause: the owner's account, keys, policies, resources or settings are
# wrong, or the function is.
_BLAMES_OWNER: Final = frozenset(
    {
        "AccessDenied",
        "AccessDeniedForDependency",
        "AccountProblem",
        "AuthFailure",
        "AuthorizationHeaderMalformed",
        "BatchEntryIdsNotDistinct",
        "Blocked",
        "EmptyBatchRequest",
        "ExpiredToken",
        "Forbidden",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidAction",
        "InvalidAddress",
        "InvalidBatchEntryId",
        "InvalidClientTokenId",
        "InvalidEndpoint",
        "InvalidKMSResource",
        "InvalidSecurity",
        "InvalidSignature",
        "InvalidSource",  # a Firehose stream for CloudWatch Logs only
        "InvalidToken",
        "KMSAccessDenied",
        "KMSDisabled",
        "KMSInvalidState",
        "KMSNotFound",
        "KMSOptInRequired",
        "KmsAccessDenied",
        "KmsDisabled",
        "KmsInvalidKeyUsage",
        "KmsInvalidState",
        "KmsNotFound",
        "KmsOptInRequired",
        "MalformedHttpRequest",
        "MalformedQueryString",
        "MethodNotAllowed",
        "MissingAction",
        "MissingAuthenticationToken",
        "NoSuchVersion",
        "NotAuthorized",
        "NotFound",
        "NotSignedUp",
        "OperationDisabled",
        "OptInRequired",
        "PendingVerification",
        "QueueDoesNotExist",
        "RequestExpired",  # the signer's clock is wrong
        "RequestTimeTooSkewed",
        "ResourceNotFound",
        "SignatureDoesNotMatch",
        "SubscriptionRequired",
        "TokenRefreshRequired",
        "TooManyEntriesInBatchRequest",
        "UnauthorizedAccess",
        "UnauthorizedOperation",
        "UnknownOperation",
        "UnrecognizedClient",
        "UnsupportedOperation",
    }
)

# Codes are logged, so anything that is not shaped like a code is dropped: it may quote an event.
_CODE: Final = re.compile(r"[A-Z][A-Za-z0-9]{2,79}(?:\.[A-Z][A-Za-z0-9]{2,79}){0,2}")
_XML_CODE: Final = re.compile(rb"<Code>\s*([^<\s]{1,240})\s*</Code>")


def failure(status: int, headers: Mapping[str, str], body: bytes) -> CallFailed:
    """Return the exception for an error response.

    For the statuses in :data:`REFUSING` the error code decides, by the tables above. An unlisted
    code, or none, gives :class:`~gtm_events.errors.Unexplained`. Such an
    error may or may not be an event's fault, so the event is not rejected, and the other events are
    still sent.
    """
    document = json_object(body) or {}
    code = _code(headers, document, body)
    short = code.rpartition(".")[2].removesuffix("Exception").removesuffix("Error")
    if retry_reason := _TEMPORARY.get(short) or retry_reason_of(status):
        return TryAgain(retry_reason)
    if status not in REFUSING or short in _BLAMES_OWNER:
        return Denied(f"{status} {code}".rstrip())
    named = f"{status} {code or 'no code'}"
    words = str(document.get("Message") or document.get("message") or "no message")
    if status == _PAYLOAD_TOO_LARGE:
        return RefusedWhole(Reason.TOO_LARGE, named, words)
    return (
        RefusedWhole(Reason.REFUSED, named, words)
        if short in _BLAMES_EVENT
        else Unexplained(named, words)
    )


def _code(headers: Mapping[str, str], document: Mapping[str, Any], body: bytes) -> str:
    """Return the error code of a response, or an empty string."""
    named = headers.get("x-amzn-ErrorType") or document.get("__type") or document.get("code")
    if not named and (found := _XML_CODE.search(body)):
        named = found[1].decode(errors="replace")
    # "TooManyRequestsException:http://…" in a header, "com.amazonaws…#Name" in a body
    code = str(named or "").partition(":")[0].rpartition("#")[2].strip()
    return code if _CODE.fullmatch(code) else ""


def retry_reason_of(status: int) -> RetryReason | None:
    """Return why a request with this status may be retried; ``None`` if it may not."""
    if status == _TOO_MANY_REQUESTS:
        return RetryReason.THROTTLED
    if status == _REQUEST_TIMEOUT:
        return RetryReason.TIMED_OUT
    return RetryReason.UNAVAILABLE if status >= _SERVER_ERROR else None


def json_object(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object in a body, or ``None`` if there is none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None

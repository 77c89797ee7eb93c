"""What an answer without success means: whose fault it is, and whether it passes.

AWS's protocols answer 400 to nearly everything that is not their own failure, so the error code has
to say whose fault it is.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from gtm_events.outcome import Reason, RetryReason
from gtm_events.sending import CallFailed, Denied, RefusedWhole, TryAgain, Unexplained

if TYPE_CHECKING:
    from collections.abc import Mapping

_BAD_REQUEST: Final = 400
_REQUEST_TIMEOUT: Final = 408
_PAYLOAD_TOO_LARGE: Final = 413
_TOO_MANY_REQUESTS: Final = 429
_SERVER_ERROR: Final = 500

REFUSING: Final = frozenset({_BAD_REQUEST, _PAYLOAD_TOO_LARGE})
"""HTTP statuses that can blame what was sent.

Of all others, those that do not pass by themselves are the owner's to mend: a proxy's 407 says
nothing of an event, nor does a 302.
"""

# The codes are those in the services' models, in "common errors" of their API references, those of
# AWS's older protocols, and those that the SDK retries (botocore.retries.standard). Each is written
# without an "Exception" or "Error" at its end.

# It passes by itself.
_PASSING: Final = {
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
    # The models of the services whose protocol is AWS JSON give their own failures no status.
    "Internal": RetryReason.UNAVAILABLE,
    "InternalFailure": RetryReason.UNAVAILABLE,
    "InternalServer": RetryReason.UNAVAILABLE,
    "InternalService": RetryReason.UNAVAILABLE,
    "ServiceUnavailable": RetryReason.UNAVAILABLE,
}
# What an event holds can be the cause.
_BLAMING: Final = frozenset(
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
# No event can be the cause: the owner's account, keys, policies, resources or settings are, or the
# function itself.
_DENYING: Final = frozenset(
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
        "InvalidSource",  # a Firehose stream that takes CloudWatch Logs only
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
        "RequestExpired",  # signed by a clock that is wrong
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

# Anything else in a code's place is somebody's text, which may be of an event: it goes to the log.
_CODE: Final = re.compile(r"[A-Z][A-Za-z0-9]{2,79}(?:\.[A-Z][A-Za-z0-9]{2,79}){0,2}")
_XML_CODE: Final = re.compile(rb"<Code>\s*([^<\s]{1,240})\s*</Code>")


def failure(status: int, headers: Mapping[str, str], body: bytes) -> CallFailed:
    """Return what an answer without success means.

    With the statuses :data:`REFUSING` the error code decides, by the tables above. A code that is
    in none of them, or no code at all, is :class:`~gtm_events.sending.Unexplained`: if an event is
    the cause after all, it must not keep its neighbors from being delivered; if none is, none may
    be rejected for it.
    """
    document = json_object(body) or {}
    code = _code(headers, document, body)
    short = code.rpartition(".")[2].removesuffix("Exception").removesuffix("Error")
    if passing := _PASSING.get(short) or problem_of(status):
        return TryAgain(passing)
    if status not in REFUSING or short in _DENYING:
        return Denied(f"{status} {code}".rstrip())
    named = f"{status} {code or 'no code'}"
    words = str(document.get("Message") or document.get("message") or "no message")
    if status == _PAYLOAD_TOO_LARGE:
        return RefusedWhole(Reason.TOO_LARGE, named, words)
    return (
        RefusedWhole(Reason.REFUSED, named, words)
        if short in _BLAMING
        else Unexplained(named, words)
    )


def _code(headers: Mapping[str, str], document: Mapping[str, Any], body: bytes) -> str:
    """Return an answer's error code, empty if it has none."""
    named = headers.get("x-amzn-ErrorType") or document.get("__type") or document.get("code")
    if not named and (found := _XML_CODE.search(body)):
        named = found[1].decode(errors="replace")
    # "TooManyRequestsException:http://…" in a header, "com.amazonaws…#Name" in a body
    code = str(named or "").partition(":")[0].rpartition("#")[2].strip()
    return code if _CODE.fullmatch(code) else ""


def problem_of(status: int) -> RetryReason | None:
    """Return why what was answered with ``status`` may be tried again; ``None`` if it may not."""
    if status == _TOO_MANY_REQUESTS:
        return RetryReason.THROTTLED
    if status == _REQUEST_TIMEOUT:
        return RetryReason.TIMED_OUT
    return RetryReason.UNAVAILABLE if status >= _SERVER_ERROR else None


def json_object(body: bytes) -> dict[str, Any] | None:
    """Return the JSON object in an answer's body, ``None`` if there is none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None

"""Interpretation of error responses, compared with AWS's models and API references."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import botocore.session
import pytest
from botocore.awsrequest import HeadersDict
from botocore.parsers import create_parser
from botocore.retries import standard

from gtm_events.aws import Answer
from gtm_events.errors import CallFailed, Denied, RefusedWhole, TryAgain, Unexplained
from gtm_events.failures import failure, retry_reason_of
from gtm_events.outcome import Reason, RetryReason
from tests.destinations.services import SERVICES
from tests.unit.builders import Answered, FakeDeadLetters, body, deliver, message_id

if TYPE_CHECKING:
    from gtm_events.event import Event
    from tests.destinations.fake import BatchFake

SESSION = botocore.session.get_session()


def failed(status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> CallFailed:
    received: Any = HeadersDict(headers or {})  # case-insensitive, as in http.client
    return failure(status, received, content)


CODE_FORMS: list[tuple[dict[str, str], dict[str, str]]] = [
    ({"x-amzn-ErrorType": "TheCode"}, {}),
    ({"X-Amzn-Errortype": "TheCode:http://internal.amazon.com/coral/x/"}, {}),
    ({"x-amzn-errortype": "com.amazonaws.x#TheCode"}, {}),
    ({"x-amzn-errortype": "TheCode"}, {"__type": "Other"}),
    ({}, {"__type": "TheCode"}),
    ({}, {"__type": "com.amazonaws.kinesis.v20131202#TheCode"}),
    ({}, {"__type": "com.amazon.coral.service#TheCode:http://internal.amazon.com/"}),
    ({}, {"code": "TheCode"}),
]


@pytest.mark.parametrize(("headers", "members"), CODE_FORMS)
def test_an_error_code_is_read_where_the_sdk_reads_it(
    headers: dict[str, str], members: dict[str, str]
) -> None:
    content = json.dumps({"message": "why", **members}).encode()
    raw = {"headers": HeadersDict(headers), "body": content, "status_code": 400}
    parsers: Any = create_parser  # the stubs require a shape, which errors do not have
    read = {
        parsers(protocol).parse(raw, None)["Error"]["Code"].partition(":")[0]
        for protocol in ("json", "rest-json")
    }
    assert "TheCode" in read
    refused = failed(400, content, headers)
    assert isinstance(refused, RefusedWhole)
    assert refused.detail == "400 TheCode: why"


@pytest.mark.parametrize(
    ("content", "detail"),
    [
        (b'{"Message": "A", "message": "b"}', "400 no code: A"),
        (b'{"message": "b"}', "400 no code: b"),
        (b"{}", "400 no code: no message"),
        (b"<html>", "400 no code: no message"),
        (b'["x"]', "400 no code: no message"),
    ],
)
def test_the_services_words_are_kept(content: bytes, detail: str) -> None:
    refused = failed(400, content)
    assert isinstance(refused, RefusedWhole)
    assert (refused.reason, refused.detail) == (Reason.REFUSED, detail)


def test_a_request_that_is_too_large_says_so() -> None:
    """EventBridge answers so, without a message: https://github.com/boto/boto3/issues/3411."""
    refused = failed(413)
    assert isinstance(refused, RefusedWhole)
    assert refused.reason is Reason.TOO_LARGE


def coded(code: str, status: int = 400) -> CallFailed:
    return failed(status, json.dumps({"__type": f"x#{code}"}).encode())


SDK_RETRIES: Any = standard  # the stubs do not cover its lists


@pytest.mark.parametrize("code", SDK_RETRIES.ThrottledRetryableChecker._THROTTLED_ERROR_CODES)
def test_the_sdks_throttling_codes_are_throttling(code: str) -> None:
    error = coded(code)
    assert isinstance(error, TryAgain)
    assert error.reason is RetryReason.THROTTLED


@pytest.mark.parametrize("code", SDK_RETRIES.TransientRetryableChecker._TRANSIENT_ERROR_CODES)
def test_the_sdks_temporary_codes_are_temporary(code: str) -> None:
    assert isinstance(coded(code), TryAgain)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (408, RetryReason.TIMED_OUT),
        (429, RetryReason.THROTTLED),
        (500, RetryReason.UNAVAILABLE),
        (502, RetryReason.UNAVAILABLE),
        (503, RetryReason.UNAVAILABLE),
        (504, RetryReason.UNAVAILABLE),
        (599, RetryReason.UNAVAILABLE),
    ],
)
def test_a_passing_status_is_tried_again(status: int, reason: RetryReason) -> None:
    error = failed(status, b"<html>")
    assert isinstance(error, TryAgain)
    assert error.reason is retry_reason_of(status) is reason


def test_no_other_status_blames_the_events() -> None:
    """A proxy that requires a password, or redirects, does not blame an event."""
    blaming = {
        status for status in range(300, 600) if not isinstance(failed(status), TryAgain | Denied)
    }
    assert blaming == {400, 413}


# "Common errors" of the API references, and the outcome of a request that fails with each.
COMMON = {
    "AccessDeniedException": (403, Denied),
    "ExpiredTokenException": (403, Denied),
    "IncompleteSignature": (403, Denied),
    "InternalFailure": (500, TryAgain),
    "MalformedHttpRequestException": (400, Denied),
    "NotAuthorized": (401, Denied),
    "OptInRequired": (403, Denied),
    "RequestAbortedException": (400, TryAgain),
    "RequestEntityTooLargeException": (413, RefusedWhole),
    "RequestExpired": (400, Denied),
    "RequestTimeoutException": (408, TryAgain),
    "ServiceUnavailable": (503, TryAgain),
    "ThrottlingException": (400, TryAgain),
    "UnrecognizedClientException": (403, Denied),
    "UnknownOperationException": (404, Denied),
    "ValidationError": (400, RefusedWhole),
}


@pytest.mark.parametrize(("code", "status", "kind"), [(c, *rest) for c, rest in COMMON.items()])
def test_common_errors(code: str, status: int, kind: type[CallFailed]) -> None:
    assert type(coded(code, status)) is kind


# Each error in the model of an operation.
MODELED: dict[str, dict[str, type[CallFailed]]] = {
    "customer-profiles.BatchPutProfileObject": {
        "BadRequestException": RefusedWhole,
        "AccessDeniedException": Denied,
        "ResourceNotFoundException": Denied,
        "ThrottlingException": TryAgain,
        "InternalServerException": TryAgain,
    },
    "events.PutEvents": {"InternalException": TryAgain},
    "firehose.PutRecordBatch": {
        "ResourceNotFoundException": Denied,
        "InvalidArgumentException": RefusedWhole,
        "InvalidKMSResourceException": Denied,
        "InvalidSourceException": Denied,
        "ServiceUnavailableException": TryAgain,
    },
    "kinesis.PutRecords": {
        "ResourceNotFoundException": Denied,
        "InvalidArgumentException": RefusedWhole,
        "ProvisionedThroughputExceededException": TryAgain,
        "KMSDisabledException": Denied,
        "KMSInvalidStateException": Denied,
        "KMSAccessDeniedException": Denied,
        "KMSNotFoundException": Denied,
        "KMSOptInRequired": Denied,
        "KMSThrottlingException": TryAgain,
        "AccessDeniedException": Denied,
        "InternalFailureException": TryAgain,
        "DryRunOperationException": Unexplained,  # never requested
    },
    "pinpoint.PutEvents": {
        "BadRequestException": RefusedWhole,
        "InternalServerErrorException": TryAgain,
        "PayloadTooLargeException": RefusedWhole,
        "ForbiddenException": Denied,
        "NotFoundException": Denied,
        "MethodNotAllowedException": Denied,
        "TooManyRequestsException": TryAgain,
    },
    "sqs.SendMessageBatch": {
        "TooManyEntriesInBatchRequest": Denied,
        "EmptyBatchRequest": Denied,
        "BatchEntryIdsNotDistinct": Denied,
        "BatchRequestTooLong": RefusedWhole,
        "InvalidBatchEntryId": Denied,
        "UnsupportedOperation": Denied,
        "RequestThrottled": TryAgain,
        "QueueDoesNotExist": Denied,
        "InvalidSecurity": Denied,
        "KmsDisabled": Denied,
        "KmsInvalidState": Denied,
        "KmsNotFound": Denied,
        "KmsOptInRequired": Denied,
        "KmsThrottled": TryAgain,
        "KmsAccessDenied": Denied,
        "KmsInvalidKeyUsage": Denied,
        "InvalidAddress": Denied,
    },
}


@pytest.mark.parametrize("called", MODELED)
def test_modeled_errors(called: str) -> None:
    service, _, operation = called.partition(".")
    model = SESSION.get_service_model(service).operation_model(operation)
    kinds = {
        shape.name: type(
            coded(shape.name, shape.metadata.get("error", {}).get("httpStatusCode", 400))
        )
        for shape in model.error_shapes
    }
    # If a newer SDK has another error, somebody must classify it here.
    assert kinds == MODELED[called]


@pytest.mark.parametrize("ending", ["", "Exception", "Error"])
@pytest.mark.parametrize(
    "code",
    [
        "AccessDeniedForDependency",
        "AuthFailure",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidAction",
        "InvalidClientTokenId",
        "InvalidEndpoint",
        "InvalidSignature",
        "MalformedQueryString",
        "MissingAction",
        "MissingAuthenticationToken",
        "NoSuchVersion",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "SubscriptionRequired",
        "UnauthorizedOperation",
        "UnknownOperation",
        "UnrecognizedClient",
    ],
)
def test_errors_that_the_owner_must_fix_blame_no_event(code: str, ending: str) -> None:
    denied = coded(code + ending)
    assert isinstance(denied, Denied)
    assert str(denied) == f"400 {code}{ending}"


@pytest.mark.parametrize("code", ["BrandNewException", "AWS.SimpleQueueService.Odd", ""])
def test_an_unknown_code_blames_nobody(code: str) -> None:
    assert type(coded(code)) is Unexplained
    assert type(coded(code, 413)) is RefusedWhole  # the status itself means: too large


def test_an_older_service_names_its_namespace_too() -> None:
    error = coded("AWS.SimpleQueueService.QueueDoesNotExist")
    assert isinstance(error, Denied)
    assert str(error) == "400 AWS.SimpleQueueService.QueueDoesNotExist"


@pytest.mark.parametrize(
    "content",
    [
        b"<ErrorResponse><Error><Type>Sender</Type><Code>TheCode</Code></Error></ErrorResponse>",
        b'<?xml version="1.0"?>\n<Error>\n  <Code> TheCode </Code><Message>m</Message></Error>',
        b"<Response><Errors><Error><Code>TheCode</Code></Error></Errors></Response>",
    ],
)
def test_a_code_in_xml_is_read(content: bytes) -> None:
    assert str(failed(403, content)) == "403 TheCode"


@pytest.mark.parametrize(
    "code",
    ["visitor@example.com", "visitor-4711", "a b", "x" * 30, "V" * 300, "É", {"a": 1}, ["x"], 4711],
)
def test_malformed_codes_are_not_logged(code: object) -> None:
    for status in (400, 403, 413):
        for answered in (
            failed(status, json.dumps({"__type": code}).encode()),
            failed(status, json.dumps({"code": code}).encode()),
            failed(status, b"", {"x-amzn-ErrorType": str(code)}),
            failed(status, f"<Code>{code}</Code>".encode()),
        ):
            assert str(answered) in (str(status), f"{status} no code")


NESTED = [b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000]


@pytest.mark.parametrize("content", NESTED, ids=["lists", "objects", "whole"])
def test_an_answer_nested_too_deeply_is_no_answer(content: bytes) -> None:
    with pytest.raises(TryAgain) as raised:
        Answer(200, content).json()
    assert raised.value.reason is RetryReason.UNAVAILABLE
    assert type(failed(400, content)) is Unexplained
    assert isinstance(failed(500, content), TryAgain)


def test_a_denial_says_nothing_of_what_was_sent() -> None:
    denied = failed(403, b'{"__type": "x#AccessDeniedException", "Message": "secret words"}')
    assert isinstance(denied, Denied)
    assert str(denied) == "403 AccessDeniedException"


@pytest.mark.parametrize("kind_of_service", SERVICES, ids=lambda service: service.name)
def test_an_event_refused_without_a_reason_delays_no_other(
    kind_of_service: type[BatchFake],
) -> None:
    service, letters = kind_of_service(), FakeDeadLetters()

    def decide(event: Event) -> Any:
        if event.event_type == "odd":
            raise Answered(400, "BrandNewException")
        return "ok"

    service.decide = decide
    batch = deliver(
        [body({"event": "odd" if i == 7 else "e", "endpoint_id": f"ep-{i}"}) for i in range(25)],
        service=service,
        dead_letters=letters,
    )
    assert batch.delivered == 24
    assert batch.failures == [message_id(7)]
    assert batch.retried == {"denied": 1}
    assert letters.letters == []
    assert batch.problems == [
        "the destination denies the function access for 1 of 25 events: 400 BrandNewException"
    ]


@pytest.mark.parametrize("kind_of_service", SERVICES, ids=lambda service: service.name)
def test_repeated_refusals_without_a_reason_reject_no_event(
    kind_of_service: type[BatchFake], monkeypatch: pytest.MonkeyPatch
) -> None:
    service, letters = kind_of_service(), FakeDeadLetters()

    def decide(_: Event) -> Any:
        raise Answered(400, "BrandNewException")

    service.decide = decide
    bodies = [body({"event": "e", "endpoint_id": f"ep-{i}"}) for i in range(100)]
    destination = service.destination()  # the same for both batches, as in one process
    monkeypatch.setattr(service, "destination", lambda **_: destination)
    batch = deliver(bodies, service=service, dead_letters=letters)
    assert batch.retried == {"denied": 100}
    assert letters.letters == []
    assert "the destination denies the function access: 400 BrandNewException" in batch.problems
    found_out = len(service.requests)
    assert found_out < 100  # finding each event alone would take 199
    # The next batch uses what this one has shown.
    deliver(bodies, service=service, dead_letters=letters)
    assert len(service.requests) - found_out <= 10

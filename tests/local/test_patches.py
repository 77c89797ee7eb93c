"""Each patch of MiniStack mends a fault that MiniStack still has.

A test that fails here says that the patch can go: MiniStack does what AWS does.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from ministack.core import lambda_runtime  # type: ignore[import-untyped]
from ministack.core.responses import request_scope  # type: ignore[import-untyped]
from ministack.services import (  # type: ignore[import-untyped]
    apigateway,
    apigateway_v1,
    eventbridge,
    lambda_svc,
    sns,
    sqs,
)
from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]

from local.emulator.patches import PATCHES

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT, REGION = "123456789012", "eu-west-1"
QUEUE_ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue"


@pytest.fixture(autouse=True)
def _scope() -> Iterator[None]:
    with request_scope(ACCOUNT, REGION):
        yield
        sqs.reset()
        sns.reset()
        eventbridge.reset()
        apigateway_v1.reset()
        lambda_svc._esms.clear()


def queue(name: str = "queue") -> str:
    url: str = sqs._act_create_queue({"QueueName": name}, "")["QueueUrl"]
    return url


def bodies(name: str = "queue") -> list[str]:
    found = sqs._queue_by_arn(f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}")
    return [message["body"] for message in found["messages"]]


def topic(**properties: Any) -> str:
    arn, _ = provisioners._sns_create("Topic", {"TopicName": "topic", **properties}, "Stack")
    assert isinstance(arn, str)
    return arn


def subscribe(arn: str, endpoint: str = QUEUE_ARN) -> None:
    properties = {
        "TopicArn": arn,
        "Protocol": "sqs",
        "Endpoint": endpoint,
        "RawMessageDelivery": True,
        "RedrivePolicy": {"deadLetterTargetArn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:letters"},
    }
    provisioners._sns_sub_create("Subscription", properties, "Stack")


def api() -> tuple[str, str]:
    """Return the ids of a new API and of its root resource."""
    _, _, body = apigateway_v1._create_rest_api({"name": "api"})
    created = json.loads(body)["id"]
    return created, next(iter(apigateway_v1._resources[created]))


def checking_delay() -> None:
    sqs._act_send_message({"QueueUrl": queue(), "MessageBody": "x", "DelaySeconds": "901"}, "")


def raising_limit() -> None:
    with pytest.raises(sns.SnsPublishError, match="too long"):
        sns.publish_internal(topic(MaximumMessageSize=1_048_576), "x" * 300_000)


def checking_message() -> None:
    attributes = {"refused-1000-": {"DataType": "Refused", "StringValue": "1"}}
    assert sns.publish_internal(topic(), "x", message_attributes=attributes)


def redriving() -> None:
    queue("letters")
    arn = topic()
    subscribe(arn)
    sns.publish_internal(arn, "message")
    assert bodies("letters") == []


def of_the_entry() -> None:
    eventbridge._ensure_default_bus()
    entry = {"Source": "shop", "DetailType": "GTM Event", "Detail": "{}", "Time": 5.5}
    eventbridge._put_events({"Entries": [entry]})
    (event,) = eventbridge._events_log_list()
    assert event["Time"] > 1_000_000


one_by_one = of_the_entry


def creating_validator() -> None:
    api_id, _ = api()
    properties = {"RestApiId": api_id, "ValidateRequestParameters": True}
    made, _ = provisioners._apigw_request_validator_create("Validator", properties, "Stack")
    _, _, body = apigateway_v1._get_request_validators(api_id, {})
    assert made not in body.decode()


def keeping_validator() -> None:
    api_id, root = api()
    properties = {
        "RestApiId": api_id,
        "ResourceId": root,
        "HttpMethod": "GET",
        "RequestValidatorId": "validator",
        "AuthorizationType": "NONE",
    }
    provisioners._apigw_method_create("Method", properties, "Stack")
    method = apigateway_v1._resources[api_id][root]["resourceMethods"]["GET"]
    assert "validator" not in json.dumps(method)


def keeping_message_size() -> None:
    arn = topic(MaximumMessageSize=1_048_576)
    assert "MaximumMessageSize" not in sns._topics[arn]["attributes"]


def gathering() -> None:
    url = queue()
    lambda_svc._esms["mapping"] = {
        "EventSourceArn": QUEUE_ARN,
        "MaximumBatchingWindowInSeconds": 300,
    }
    for _ in range(11):
        sqs._act_send_message({"QueueUrl": url, "MessageBody": "x"}, "")
    # At once, although the window is open, and no more than ten.
    assert len(sqs._receive_messages_for_esm(url, 100)) == 10


def reading_to_the_end() -> None:
    worker = lambda_runtime.Worker("function", {}, b"")
    late = threading.Timer(0.1, worker._stderr_queue.put, ["line"])
    late.start()
    assert worker._drain_stderr_bounded() == ""
    late.join()


def knowing_own_pools() -> None:
    url = f"http://{apigateway._HOST}:1/eu-west-1_pool/.well-known/jwks.json"
    with pytest.raises(Exception, match=r"(?i)refused|connect"):  # it asks the port
        asyncio.run(apigateway_v1._fetch_jwks(url))


def counting_blank() -> None:
    method = {"requestParameters": {"method.request.querystring.event": True}}
    assert apigateway_v1._missing_request_parameters(method, {}, {}, {"event": [""]}) == []


def by_media_type() -> None:
    api_id, root = api()
    schema = json.dumps({"type": "object"})
    apigateway_v1._create_model(
        api_id, {"name": "Body", "contentType": "application/json", "schema": schema}
    )
    _, _, body = apigateway_v1._create_request_validator(api_id, {"validateRequestBody": True})
    method = {
        "requestModels": {"application/json": "Body"},
        "requestValidatorId": json.loads(body)["id"],
    }
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = apigateway_v1._check_request_validation(
        method, api_id, {"resource_path": "/", "resource_id": root}, headers, b"a=1", {}
    )
    assert answer is not None  # refused


def invoking_service() -> None:
    rendered = apigateway_v1._render_request_template_v1("#foreach($x in [1,2])$x#end", "", {})
    assert rendered != "12"


rendering_response = invoking_service


def reaching_sns() -> None:
    integration = {"uri": f"arn:aws:apigateway:{REGION}:sns:path//", "httpMethod": "POST"}
    invoke, resource = apigateway_v1._invoke_lambda_custom_v1, {"path": "/", "id": "root"}
    status, _, _ = asyncio.run(
        invoke(integration, "api", "stage", {}, resource, "/", "GET", {}, b"", {}, {})
    )
    assert status == 504  # there is no such function


def rendering() -> None:
    integration = {"integrationResponses": {"204": {"statusCode": "204"}}}
    _, _, body = apigateway_v1._invoke_mock_v1(integration)
    assert body == b"{}"


def remembering() -> None:
    # A MOCK integration's template cannot see the request: nobody passes it.
    assert apigateway_v1._invoke_mock_v1.__code__.co_varnames[:1] == ("integration",)
    assert apigateway_v1._invoke_mock_v1.__code__.co_argcount == 1


@pytest.mark.parametrize("name", PATCHES)
def test_ministack_still_needs_it(name: str) -> None:
    globals()[name]()


@pytest.mark.parametrize("name", PATCHES)
def test_it_says_why_it_is_there(name: str) -> None:
    assert PATCHES[name].aws.endswith(".")
    assert PATCHES[name].needless.startswith("MiniStack")


def test_a_log_line_belongs_to_its_invocation_although_its_reader_is_late() -> None:
    program = "import sys; sys.stderr.write('one\\ntwo\\n')"
    worker = lambda_runtime.Worker("function", {}, b"")
    with subprocess.Popen(  # noqa: S603 - its own program
        [sys.executable, "-c", program], stderr=subprocess.PIPE, text=True
    ) as worker._proc:
        worker._proc.wait()
        reader = threading.Timer(0.3, worker._read_stderr)
        reader.start()
        assert PATCHES["reading_to_the_end"].make(None)(worker) == "one\ntwo"
        reader.join()

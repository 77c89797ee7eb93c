"""Who may do what: every policy of the template, read whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.infrastructure.synthesis import APPLICATION_ID

if TYPE_CHECKING:
    from tests.infrastructure.synthesis import Template


def test_the_api_may_send_to_the_queue_and_nothing_else(template: Template) -> None:
    role = template.role("apigateway.amazonaws.com")
    assert template.grants(role) == {("sqs:SendMessage", template.queue.arn)}


def test_the_function_may_do_its_work_and_nothing_else(template: Template) -> None:
    (log,) = (
        log.arn
        for log in template.log_groups
        if log.ref == template.function.properties["LoggingConfig"]["LogGroup"]
    )
    events = (
        "arn:${AWS::Partition}:mobiletargeting:${AWS::Region}:${AWS::AccountId}:"
        f"apps/{APPLICATION_ID}/events"
    )
    assert template.grants(template.role("lambda.amazonaws.com")) == {
        ("mobiletargeting:PutEvents", events),
        ("sqs:ReceiveMessage", template.queue.arn),
        ("sqs:DeleteMessage", template.queue.arn),
        ("sqs:ChangeMessageVisibility", template.queue.arn),
        ("sqs:GetQueueAttributes", template.queue.arn),
        ("sqs:GetQueueUrl", template.queue.arn),
        ("sqs:SendMessage", template.dead_letter_queue.arn),
        ("sqs:SendMessage", template.invalid_message_queue.arn),
        ("logs:CreateLogStream", log),
        ("logs:PutLogEvents", log),
        # X-Ray knows no resource but *.
        ("xray:PutTraceSegments", "*"),
        ("xray:PutTelemetryRecords", "*"),
    }


def test_the_function_acts_as_that_role(template: Template) -> None:
    assert template.function.properties["Role"] == template.role("lambda.amazonaws.com").arn


def test_a_role_is_assumed_by_one_service(template: Template) -> None:
    trusted = [role.properties["AssumeRolePolicyDocument"] for role in template.all(ROLE)]
    assert [document["Statement"] for document in trusted] == [
        [
            {
                "Action": "sts:AssumeRole",
                "Effect": "Allow",
                "Principal": {"Service": service},
            }
        ]
        for service in ("apigateway.amazonaws.com", "lambda.amazonaws.com")
    ]


def test_no_policy_escapes_the_tests_above(template: Template) -> None:
    roles = template.all(ROLE)
    assert len(roles) == 2
    for role in roles:
        assert "ManagedPolicyArns" not in role.properties
    for policy in template.all(POLICY):
        assert len(policy.properties["Roles"]) == 1
        assert set(policy.properties["Roles"]) <= {role.ref for role in roles}
        assert not {"Users", "Groups"} & policy.properties.keys()
    kinds = {r.type for r in template.resources if r.type.startswith("AWS::IAM::")}
    assert kinds == {ROLE, POLICY}


def test_nothing_is_opened_by_a_resources_own_policy(template: Template) -> None:
    for policy in template.all("AWS::SQS::QueuePolicy"):
        effects = {s["Effect"] for s in policy.properties["PolicyDocument"]["Statement"]}
        assert effects == {"Deny"}
    assert "Policy" not in template.only("AWS::ApiGateway::RestApi").properties
    assert not template.all("AWS::Lambda::Permission")
    assert not template.all("AWS::Lambda::Url")


ROLE = "AWS::IAM::Role"
POLICY = "AWS::IAM::Policy"

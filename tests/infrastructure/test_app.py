"""The stack that ``cdk deploy`` deploys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.infrastructure.options import DOMAIN_NAME

if TYPE_CHECKING:
    from tests.infrastructure.conftest import Deployable
    from tests.infrastructure.synthesis import Template


def test_its_outputs_are_what_the_owner_needs_next(template: Template) -> None:
    api = template.only("AWS::ApiGateway::RestApi")
    url = (
        f"https://{api.ref}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}"
        f"/{template.stage.ref}/events"
    )
    assert template.outputs == {
        "EndpointUrl": url,
        "GtmImageUrl": url + "?event={{Event}}&endpoint_id={{endpoint_id}}",
        "QueueName": template.queue.attribute("QueueName"),
        "DeadLetterQueueName": template.dead_letter_queue.attribute("QueueName"),
        "FunctionName": template.function.ref,
        "InvalidMessageQueueName": template.invalid_message_queue.attribute("QueueName"),
    }


def test_each_output_says_what_it_is_for(template: Template) -> None:
    for output in template.document["Outputs"].values():
        assert output["Description"]


def test_it_is_the_construct_and_nothing_else(template: Template, imported: Template) -> None:
    # The app has monitoring unless it is told otherwise, the construct if it is told.
    types = [each.type for each in template.resources if "Monitoring" not in each.logical_id]
    assert sorted(types) == sorted(each.type for each in imported.resources)


def test_whoever_makes_the_dns_record_is_told_what_it_points_to(
    settings: dict[str, Deployable],
) -> None:
    template = settings["domain"].template
    (domain,) = template.all("AWS::ApiGateway::DomainName")
    assert template.outputs["DomainTarget"] == domain.attribute("RegionalDomainName")
    assert template.outputs["DomainTargetHostedZoneId"] == domain.attribute("RegionalHostedZoneId")
    assert template.outputs["EndpointUrl"].startswith(f"https://{DOMAIN_NAME}/")

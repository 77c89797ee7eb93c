"""The JSON schema with which API Gateway validates a posted body."""

from __future__ import annotations

from typing import Final

from aws_cdk import aws_apigateway as apigateway

from cdk_gtm_connector.endpoint import REQUIRED_PARAMETERS

_NOT_BLANK: Final = r"\S"


def json_body_schema() -> apigateway.JsonSchema:
    """Return the schema of a JSON body: one event, a list of events, or nothing.

    API Gateway may read an empty body as ``{}``; the template then reads the query. The schema does
    not limit the number of events. The template does, because it can answer with a sentence.
    """
    event = apigateway.JsonSchema(
        type=apigateway.JsonSchemaType.OBJECT,
        properties={
            "event": apigateway.JsonSchema(
                type=apigateway.JsonSchemaType.STRING, pattern=_NOT_BLANK
            ),
            # Ids of customers in a database are often numbers.
            "endpoint_id": apigateway.JsonSchema(
                type=[apigateway.JsonSchemaType.STRING, apigateway.JsonSchemaType.NUMBER],
                pattern=_NOT_BLANK,
            ),
        },
        required=list(REQUIRED_PARAMETERS),
    )
    events = apigateway.JsonSchema(type=apigateway.JsonSchemaType.ARRAY, min_items=1, items=event)
    return apigateway.JsonSchema(
        schema=apigateway.JsonSchemaVersion.DRAFT4,
        type=apigateway.JsonSchemaType.OBJECT,
        # A body with ``events`` is a list, whatever other members it has.
        properties={"events": events},
        any_of=[
            event,
            apigateway.JsonSchema(required=["events"]),
            apigateway.JsonSchema(max_properties=0),
        ],
    )

"""Questions that only a person can answer."""

from __future__ import annotations

from typing import Final

from cdk_gtm_connector_cli.verify.question import ByHand, Source

_CAPACITY: Final = "docs/capacity.md"

BY_HAND: Final = (
    ByHand(
        id="import",
        question="Whether cdk import accepts an existing domain and an existing object type.",
        steps="In an account without customers, run cdk import for a stack whose domain exists.",
        sources=(Source("issue 4", "`cdk import` of domain and object type"),),
    ),
    ByHand(
        id="event-age",
        question="Which time Customer Profiles takes as the start of an event's age, which a "
        "trigger's expiration limits.",
        steps="With expiration=Duration.minutes(5), send an event whose timestamp is 10 minutes "
        "old, and see whether the campaign starts.",
        sources=(
            Source(
                "cdk_gtm_connector/destinations/customer_profiles/event_trigger.py",
                "is an assumption of the local stand-in",
            ),
        ),
    ),
    ByHand(
        id="prices",
        question="What AWS bills, for the profiles of Customer Profiles too.",
        steps="Compare a day's bill in Cost Explorer with docs/capacity.md.",
        sources=(
            Source(_CAPACITY, "most prices are from third parties"),
            Source(_CAPACITY, "and the price of a profile"),
            Source(_CAPACITY, "Whether API Gateway's access log is charged as vended logs are"),
            Source(_CAPACITY, "Customer Profiles' price was not found"),
        ),
    ),
    ByHand(
        id="pinpoint-quota",
        question="Whether AWS still raises Pinpoint's quota after the end of support.",
        steps="Ask for a higher quota in Service Quotas or through AWS Support.",
        sources=(
            Source(_CAPACITY, "whether it is raised after the end of support is open"),
            Source(
                "capacity/destinations/pinpoint.py",
                "whether it is raised after the end of support is open",
            ),
        ),
    ),
    ByHand(
        id="event-source",
        question="How many messages the event source gets from a ReceiveMessage, and whether a "
        "batching window begins with the first message.",
        steps="Under steady traffic, divide NumberOfMessagesReceived by the number of requests in "
        "Cost Explorer, and compare the events' ages with docs/capacity.md.",
        sources=(
            Source(_CAPACITY, "How many messages a `ReceiveMessage` of the event source brings"),
            Source("capacity/pipeline.py", "because AWS does not document it"),
        ),
    ),
    ByHand(
        id="latency",
        question="How long destinations take to answer, and how they throttle.",
        steps="Turn on X-Ray for the function, or divide its duration by its number of requests.",
        sources=(
            Source(_CAPACITY, "The destinations' latency and the shape of their throttling"),
            Source(_CAPACITY, "Whether EventBridge's quota does count requests"),
            Source("capacity/model.py", "The latency is an assumption."),
            Source(_CAPACITY, "which are assumed"),
            Source("capacity/costs.py", "are assumed to work like the first one's"),
        ),
    ),
    ByHand(
        id="processor",
        question="How much CPU time an event takes on Lambda's arm64 processors.",
        steps="Compare the REPORT lines of full batches with benchmarks/RESULTS.md.",
        sources=(
            Source(_CAPACITY, "The CPU on Lambda"),
            Source(_CAPACITY, "an answer of 800 are estimates"),
            Source("capacity/model.py", "Lambda's processors differ."),
        ),
    ),
    ByHand(
        id="gtm-consent",
        question="Whether denied means that the visitor refused, or that the visitor has not "
        "answered yet.",
        steps="Look at the documentation of the site's consent platform, or ask its vendor.",
        sources=(
            Source(
                "cdk_gtm_connector/gtm/files/visitor-id/README.md",
                "here nobody knows whether *denied* is an answer",
            ),
        ),
    ),
)

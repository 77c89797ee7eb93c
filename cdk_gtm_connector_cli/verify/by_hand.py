"""Questions that no program can ask of a connector."""

from __future__ import annotations

from typing import Final

from cdk_gtm_connector_cli.verify.question import ByHand, Source

_CAPACITY: Final = "docs/capacity.md"

BY_HAND: Final = (
    ByHand(
        id="import",
        question="Whether cdk import takes a domain and an object type that exist.",
        steps="In an account without customers: cdk import a stack whose domain exists.",
        sources=(Source("issue 4", "`cdk import` of domain and object type"),),
    ),
    ByHand(
        id="event-age",
        question="From when Customer Profiles counts the age of an event that a trigger's "
        "expiration limits.",
        steps="With expiration=Duration.minutes(5), send an event whose timestamp is 10 minutes "
        "ago, and look whether the campaign starts.",
        sources=(
            Source(
                "cdk_gtm_connector/destinations/customer_profiles/event_trigger.py",
                "is an assumption of the local stand-in",
            ),
        ),
    ),
    ByHand(
        id="prices",
        question="What is billed, Customer Profiles' profiles among it.",
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
        question="Whether Pinpoint raises its quota after the end of support.",
        steps="Ask for it in Service Quotas or AWS Support.",
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
        question="How the event source receives: how many messages a ReceiveMessage brings, "
        "whether a window begins with the first message.",
        steps="Under steady traffic divide NumberOfMessagesReceived by the requests that Cost "
        "Explorer counts, and compare the events' ages with docs/capacity.md.",
        sources=(
            Source(_CAPACITY, "How many messages a `ReceiveMessage` of the event source brings"),
            Source("capacity/pipeline.py", "because AWS does not document it"),
        ),
    ),
    ByHand(
        id="latency",
        question="How long destinations take, and how they throttle.",
        steps="Turn on X-Ray for the function, or divide its durations by its requests.",
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
        question="What CPU an event takes on Lambda's arm64.",
        steps="Compare the REPORT lines of full batches with benchmarks/RESULTS.md.",
        sources=(
            Source(_CAPACITY, "The CPU on Lambda"),
            Source(_CAPACITY, "an answer of 800 are estimates"),
            Source("capacity/model.py", "Lambda's processors differ."),
        ),
    ),
    ByHand(
        id="gtm-consent",
        question="Whether denied is a visitor's answer or only the state before one.",
        steps="Ask the consent platform of the site.",
        sources=(
            Source(
                "cdk_gtm_connector/gtm/files/visitor-id/README.md",
                "here nobody knows whether *denied* is an answer",
            ),
        ),
    ),
)

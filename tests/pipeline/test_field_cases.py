"""Requests as tags and browsers send them, from the endpoint to a destination without limits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from tests.field_cases import ALLOWED_ORIGINS, FIELD_CASES, FieldCase
from tests.pipeline.conftest import RecordingJournal, invalid_message, wait_for
from tests.pipelines import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.pipeline.stack import Pipeline
    from tests.pipeline.conftest import Send


@pytest.fixture(scope="module")
def journal() -> RecordingJournal:
    """Return the journal of this module's own pipeline."""
    return RecordingJournal()


@pytest.fixture(scope="module")
def _running_pipeline(journal: RecordingJournal) -> Iterator[Pipeline]:
    context = {
        "destination": "kinesis",
        "allowed_origins": ",".join(ALLOWED_ORIGINS),
        "anonymous_user_attributes": "*",
        "batch_size": "10",  # no waiting for more of them
        "max_batching_window": "0",
    }
    with running(context=context, journal=journal) as pipeline:
        yield pipeline


@pytest.mark.parametrize("case", FIELD_CASES, ids=lambda case: case.name)
def test_what_becomes_of_it(case: FieldCase, send: Send, pipeline: Pipeline) -> None:
    answer = send(case.query, method=case.method, headers=case.headers, body=case.body)

    assert answer.status in case.statuses
    if answer.status >= 400:
        assert answer.event_id is None
        return
    assert answer.event_id is not None
    if not case.events:
        assert invalid_message(pipeline, answer.event_id)["Reason"]
        return
    is_list = len(case.events) > 1
    for index, expected in enumerate(case.events):
        event_id = f"{answer.event_id}-{index}" if is_list else answer.event_id
        record = wait_for(f"event {event_id}", partial(_arrived, pipeline, event_id))
        assert {name: record[name] for name in expected} == expected


def _arrived(pipeline: Pipeline, event_id: str) -> dict[str, Any] | None:
    server = pipeline.servers["kinesis"]
    if (record := server.delivered.get(event_id)) is None:
        return None
    return dict(record.event)

"""One pipeline for this folder: all of its access is switched on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from cdk_gtm_connector.tokens import mint as mint_token
from local.destinations.pinpoint.server import PutEventsServer
from tests.pipeline.access.sending import AUDIENCE, received, token_secret
from tests.pipeline.conftest import RecordingJournal
from tests.pipelines import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.pipeline.stack import Pipeline
    from tests.pipeline.access.sending import Mint
    from tests.pipeline.conftest import Send


@pytest.fixture(scope="package")
def journal() -> RecordingJournal:
    """Return the journal of this folder's own pipeline."""
    return RecordingJournal()


@pytest.fixture(scope="package")
def _running_pipeline(journal: RecordingJournal) -> Iterator[Pipeline]:
    context = {
        "signed_token": "true",
        "token_audience": AUDIENCE,
        "allowed_origins": "https://shop.example,https://*.shop.example",
        "authenticated_user_attributes": "plan,city",
        "honor_privacy_signals": "true",
        "batch_size": "10",  # no waiting for more of them
        "max_batching_window": "0",
    }
    putevents = PutEventsServer(observer=journal)
    with running(context=context, journal=journal, putevents=putevents) as pipeline:
        yield pipeline


@pytest.fixture
def mint(pipeline: Pipeline) -> Mint:
    """Return a function that mints tokens with the stack's secret."""
    return partial(mint_token, token_secret(pipeline), audience=AUDIENCE)


@pytest.fixture
def send_signed(send: Send, pipeline: Pipeline) -> Send:
    """Return a function that sends requests to the authenticated route."""
    return partial(send, url=pipeline.authenticated_endpoint_url)


@pytest.fixture
def nothing_queued(pipeline: Pipeline) -> Iterator[None]:
    """Check that a test puts nothing into the queue."""
    before = received(pipeline)
    yield
    assert received(pipeline) == before

"""The function's memory is large enough for any batch, with a margin."""

from __future__ import annotations

import pytest

from gtm_events.caching import cached_if_short
from tests.unit.peak import MOST_BYTES, TWO_TYPES, measured

# The crafted batches with the largest peaks, as `python -m tests.unit.peak` finds them, and
# those that were too large before: an endpoint's newest value, copied for each event.
WORST = [
    ("distinct_attributes_of_one_endpoint", "pinpoint"),
    ("newest_of_one_endpoint", "customer-profiles"),
    ("newest_of_many_attributes", TWO_TYPES),
    ("visitors_too_large_together", TWO_TYPES),
    ("newest_of_one_endpoint", "pinpoint"),
    ("newest_of_many_attributes", "customer-profiles"),
    ("repeated_values", "kinesis"),
]


@pytest.mark.parametrize(("shape", "destination"), WORST, ids="-".join)
def test_a_crafted_batch_takes_less_than_200_mb(shape: str, destination: str) -> None:
    found = measured(shape, destination)
    assert found["bytes"] < MOST_BYTES
    assert found["received"] == found["delivered"] + found["rejected"]
    assert found["problems"] == []


def test_caches_keep_short_texts_only() -> None:
    asked: list[str] = []

    @cached_if_short
    def length(text: str) -> int:
        asked.append(text)
        return len(text)

    assert [length(text) for text in ["a" * 500, "a" * 501] * 2] == [500, 501] * 2
    assert asked == ["a" * 500, "a" * 501, "a" * 501]

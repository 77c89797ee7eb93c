"""Tests of ``PendingEntries``: each entry is settled once, and refused ones are found quickly."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtm_events.splitting import PendingEntries, RefusalRate


def settle(entries: list[int], bad: set[int], refusal_rate: RefusalRate) -> tuple[int, list[int]]:
    """Send a batch; return the number of requests and the entries that were refused alone."""
    pending, requests = PendingEntries(entries, refusal_rate), 0
    settled: list[int] = []
    refused: list[int] = []
    while pending:
        taken, attempt = pending.take()
        requests += 1
        assert attempt == 1
        assert taken
        if bad.isdisjoint(taken):
            pending.answered(())
            settled += taken
        elif pending.refused(blames_entry=True):
            assert len(taken) == 1
            refused += taken
    assert sorted([*settled, *refused]) == sorted(entries)
    return requests, refused


@given(st.lists(st.booleans(), min_size=1, max_size=120), st.lists(st.booleans(), max_size=60))
def test_exactly_the_bad_entries_are_refused_alone(kinds: list[bool], before: list[bool]) -> None:
    refusal_rate = RefusalRate()
    for kind in before:
        refusal_rate.note(taken=not kind, refused=kind)
    entries = list(range(len(kinds)))
    bad = {n for n, kind in enumerate(kinds) if kind}
    _, refused = settle(entries, bad, refusal_rate)
    assert set(refused) == bad


# The entropy is 114, 808, 2,864, 4,690 and 10,000 bits: no search needs fewer requests on average.
@pytest.mark.parametrize(
    ("share", "most"),
    [(0.0, 100), (0.001, 200), (0.01, 950), (0.05, 3_250), (0.1, 5_300), (0.5, 10_300)],
)
def test_the_search_takes_few_requests(share: float, most: int) -> None:
    """Halving every refused group took 240, 1,308, 4,562, 7,316 and 17,330 requests."""
    random = Random(7)  # noqa: S311 - not for cryptography
    bad = set(random.sample(range(10_000), round(share * 10_000)))
    refusal_rate, requests = RefusalRate(), 0
    for start in range(0, 10_000, 100):
        entries = list(range(start, start + 100))
        requests += settle(entries, bad.intersection(entries), refusal_rate)[0]
    assert requests <= most


def test_groups_grow_again_when_nothing_is_refused_any_more() -> None:
    refusal_rate = RefusalRate()
    refusal_rate.note(taken=450, refused=50)
    assert refusal_rate.group_size(100) == 7
    for _ in range(12):
        refusal_rate.note(taken=500)
    assert refusal_rate.group_size(100) == 100


def test_a_request_that_is_too_large_blames_no_entry() -> None:
    """Both halves may be acceptable, so neither counts as refused without being sent."""
    pending = PendingEntries([1, 2, 3, 4], RefusalRate())
    assert pending.take() == ([1, 2, 3, 4], 1)
    assert not pending.refused(blames_entry=False)
    assert pending.take() == ([1, 2], 1)
    pending.answered(())
    assert pending.take() == ([3, 4], 1)  # all of it
    pending.answered(())
    assert not pending


def test_a_suspect_group_is_refused_only_entry_by_entry() -> None:
    pending = PendingEntries([1, 2], RefusalRate())
    pending.take()
    assert not pending.refused(blames_entry=True)
    assert pending.take() == ([1], 1)
    pending.answered(())
    assert pending.take() == ([2], 1)
    assert pending.refused(blames_entry=True)
    assert not pending


def test_a_failure_does_not_change_the_refusal_rate() -> None:
    pending = PendingEntries([1, 2, 3, 4], RefusalRate())
    pending.take()
    pending.refused(blames_entry=True)
    assert pending.take() == ([1, 2], 1)
    assert pending.failed(again=True) == ()
    assert pending.take() == ([1, 2], 2)
    assert pending.failed(again=False) == [1, 2]
    assert pending.take() == ([3, 4], 1)  # no longer known to hold a refused entry
    pending.answered([4])
    assert pending.take() == ([4], 2)
    pending.answered(())
    assert not pending

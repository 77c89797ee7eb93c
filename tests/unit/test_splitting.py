"""Todo: every entry settled once, and what is refused found in few requests."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtm_events.splitting import Refusals, Todo


def settle(entries: list[int], bad: set[int], refusals: Refusals) -> tuple[int, list[int]]:
    """Send a batch; return the number of requests, and what was refused, each by itself."""
    todo, requests = Todo(entries, refusals), 0
    settled: list[int] = []
    refused: list[int] = []
    while todo:
        taken, attempt = todo.take()
        requests += 1
        assert attempt == 1
        assert taken
        if bad.isdisjoint(taken):
            todo.answered(())
            settled += taken
        elif todo.refused(blames_entry=True):
            assert len(taken) == 1
            refused += taken
    assert sorted([*settled, *refused]) == sorted(entries)
    return requests, refused


@given(st.lists(st.booleans(), min_size=1, max_size=120), st.lists(st.booleans(), max_size=60))
def test_exactly_what_is_bad_is_refused_and_alone(kinds: list[bool], before: list[bool]) -> None:
    refusals = Refusals()
    for kind in before:
        refusals.note(taken=not kind, refused=kind)
    entries = list(range(len(kinds)))
    bad = {n for n, kind in enumerate(kinds) if kind}
    _, refused = settle(entries, bad, refusals)
    assert set(refused) == bad


# Entropy alone asks for 114, 808, 2,864, 4,690 and 10,000: no test can do with fewer on average.
@pytest.mark.parametrize(
    ("share", "most"),
    [(0.0, 100), (0.001, 200), (0.01, 950), (0.05, 3_250), (0.1, 5_300), (0.5, 10_300)],
)
def test_finding_what_is_refused_takes_little_more_than_it_must(share: float, most: int) -> None:
    """Halving every group, without a thought, took 240, 1,308, 4,562, 7,316 and 17,330."""
    random = Random(7)  # noqa: S311 - not for cryptography
    bad = set(random.sample(range(10_000), round(share * 10_000)))
    refusals, requests = Refusals(), 0
    for start in range(0, 10_000, 100):
        entries = list(range(start, start + 100))
        requests += settle(entries, bad.intersection(entries), refusals)[0]
    assert requests <= most


def test_groups_grow_again_when_nothing_is_refused_any_more() -> None:
    refusals = Refusals()
    refusals.note(taken=450, refused=50)
    assert refusals.group_size(100) == 7
    for _ in range(12):
        refusals.note(taken=500)
    assert refusals.group_size(100) == 100


def test_a_request_that_is_too_large_blames_no_entry() -> None:
    """Its halves may both be fine, so neither is taken for refused unsent."""
    todo = Todo([1, 2, 3, 4], Refusals())
    assert todo.take() == ([1, 2, 3, 4], 1)
    assert not todo.refused(blames_entry=False)
    assert todo.take() == ([1, 2], 1)
    todo.answered(())
    assert todo.take() == ([3, 4], 1)  # whole
    todo.answered(())
    assert not todo


def test_what_is_suspected_is_refused_only_by_itself() -> None:
    todo = Todo([1, 2], Refusals())
    todo.take()
    assert not todo.refused(blames_entry=True)
    assert todo.take() == ([1], 1)
    todo.answered(())
    assert todo.take() == ([2], 1)
    assert todo.refused(blames_entry=True)
    assert not todo


def test_a_failure_teaches_nothing() -> None:
    todo = Todo([1, 2, 3, 4], Refusals())
    todo.take()
    todo.refused(blames_entry=True)
    assert todo.take() == ([1, 2], 1)
    assert todo.failed(again=True) == ()
    assert todo.take() == ([1, 2], 2)
    assert todo.failed(again=False) == [1, 2]
    assert todo.take() == ([3, 4], 1)  # nobody knows any more that one of them is refused
    todo.answered([4])
    assert todo.take() == ([4], 2)
    todo.answered(())
    assert not todo

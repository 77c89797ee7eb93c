"""Tests of ``pack()``: each entry in one request, within the limits, in few requests."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gtm_events.packing import OpenRequest, pack


@dataclass(frozen=True)
class Entry:
    """An entry of a given size."""

    number: int
    size: int


def entries_of(sizes: list[int]) -> list[Entry]:
    return [Entry(number, size) for number, size in enumerate(sizes)]


SIZES = st.integers(1, 100).flatmap(
    lambda smallest: st.lists(st.integers(smallest, 100), max_size=150)
)


@settings(max_examples=300)
@given(SIZES, st.integers(1, 20), st.integers(100, 400), st.booleans())
def test_every_entry_is_in_exactly_one_request_inside_the_limits(
    sizes: list[int],
    max_entries: int,
    max_bytes: int,
    own_room: bool,  # noqa: FBT001
) -> None:
    entries = entries_of(sizes)
    requests = pack(
        entries,
        max_entries=max_entries,
        max_bytes=max_bytes,
        room=(lambda: OpenRequest(max_bytes)) if own_room else None,
    )
    packed = [entry for request in requests for entry in request]
    assert sorted(packed, key=lambda entry: entry.number) == entries
    assert all(1 <= len(request) <= max_entries for request in requests)
    assert all(sum(entry.size for entry in request) <= max_bytes for request in requests)


@settings(max_examples=300)
@given(SIZES, st.integers(1, 20), st.integers(100, 400))
def test_no_two_requests_that_are_not_full_would_fit_into_one(
    sizes: list[int], max_entries: int, max_bytes: int
) -> None:
    """First fit opens a request only if no earlier one has room, which bounds their number."""
    requests = pack(entries_of(sizes), max_entries=max_entries, max_bytes=max_bytes)
    loose = [
        sum(entry.size for entry in request) for request in requests if len(request) < max_entries
    ]
    full = len(requests) - len(loose)
    assert full <= len(sizes) // max_entries
    # Any two of these exceed the limit together, so at most one is half empty.
    assert sum(size <= max_bytes / 2 for size in loose) <= 1
    assert len(loose) <= 2 * sum(loose) // max_bytes + 1


@pytest.mark.parametrize("bins", [1, 2, 3, 5, 10, 40])
@pytest.mark.parametrize("seed", range(10))
def test_it_is_within_the_bound_of_first_fit_decreasing(bins: int, seed: int) -> None:
    """Full requests cut into pieces: the optimum is known, and 11/9 of it plus 6/9 is the bound."""
    random = Random(seed)  # noqa: S311 - not for cryptography
    sizes = []
    for _ in range(bins):
        cuts = sorted(random.sample(range(1, 1_000), random.randint(0, 9)))
        sizes += [end - start for start, end in zip([0, *cuts], [*cuts, 1_000], strict=True)]
    random.shuffle(sizes)
    requests = pack(entries_of(sizes), max_entries=1_000, max_bytes=1_000)
    assert bins <= len(requests) <= (11 * bins + 6) // 9


@settings(max_examples=200)
@given(st.integers(1, 300), st.integers(1, 100), st.integers(1, 20), st.integers(100, 400))
def test_entries_of_one_size_make_the_fewest_requests(
    number: int, size: int, max_entries: int, max_bytes: int
) -> None:
    requests = pack(entries_of([size] * number), max_entries=max_entries, max_bytes=max_bytes)
    assert len(requests) == -(-number // min(max_entries, max_bytes // size))


@pytest.mark.parametrize("own_room", [False, True])
def test_where_the_number_is_the_limit_the_order_stays(own_room: bool) -> None:  # noqa: FBT001
    entries = entries_of([5, 1, 9, 2, 8, 3, 7])
    requests = pack(
        entries, max_entries=3, max_bytes=100, room=(lambda: OpenRequest(100)) if own_room else None
    )
    assert requests == [entries[:3], entries[3:6], entries[6:]]


def test_no_entries_make_no_requests() -> None:
    assert pack([], max_entries=3, max_bytes=100) == []
    assert pack([], max_entries=3, max_bytes=100, room=lambda: OpenRequest(100)) == []


def test_an_entry_that_is_larger_than_a_request_has_one_of_its_own() -> None:
    """No entry is lost. The caller checks sizes, and the service may still refuse one."""
    entries = entries_of([50, 101, 50])
    requests = pack(entries, max_entries=3, max_bytes=100)
    assert [entries[1]] in requests
    assert sorted(entry.number for request in requests for entry in request) == [0, 1, 2]

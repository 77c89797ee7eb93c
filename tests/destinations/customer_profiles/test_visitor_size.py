"""Merged visitor objects at exactly the size that the service takes."""

from __future__ import annotations

import json

import pytest

from gtm_events.destinations.customer_profiles import MAX_OBJECT_CHARACTERS
from gtm_events.destinations.customer_profiles.visitors import Contribution, Visitor, VisitorObject


def contribution(name: str, value: str, time: int) -> Contribution:
    attributes = json.dumps({name: value}, separators=(",", ":"))[1:-1].encode()
    return Contribution(name, "ep", time, "anonymous", "", attributes)


@pytest.mark.parametrize(("more", "objects"), [(0, 1), (1, 2)])
def test_a_merged_object_is_as_full_as_possible(more: int, objects: int) -> None:
    empty = Visitor([contribution("a", "", 1), contribution("b", "", 2)]).next("v0")
    room = MAX_OBJECT_CHARACTERS - empty.size
    half = room // 2
    visitor = Visitor(
        [contribution("a", "x" * half, 1), contribution("b", "x" * (room - half + more), 2)]
    )
    made: list[VisitorObject] = []
    while visitor.is_due:
        made.append(visitor.next(f"v{len(made)}"))
    assert len(made) == objects
    assert all(it.size == len(it.document) <= MAX_OBJECT_CHARACTERS for it in made)
    assert (made[0].size == MAX_OBJECT_CHARACTERS) == (objects == 1)

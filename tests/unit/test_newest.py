"""Newest: of what a batch says of a user, the newest only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gtm_events.event import Event
from gtm_events.newest import Newest


def event(endpoint_id: str, time: int, user_id: str = "", **user_attributes: str) -> Event:
    listed = {name: [value] for name, value in user_attributes.items()}
    return Event("id", endpoint_id, "e", time, {}, {}, listed, user_id)


def noted(*events: Event) -> Newest:
    newest = Newest()
    for each in events:
        newest.note(each)
    return newest


def test_each_attribute_and_the_user_are_the_newest_of_their_own() -> None:
    newest = noted(
        event("a", 3, plan="new"),
        event("a", 1, "old", plan="old", only="kept"),
        event("a", 2, "new"),
        event("b", 9, "other", plan="other"),
    )
    assert newest.user_attribute("a", "plan") == ["new"]
    assert newest.user_attribute("a", "only") == ["kept"]
    assert newest.user_id("a") == "new"
    assert newest.user_attribute("b", "plan") == ["other"]
    assert newest.user_id("b") == "other"


def test_of_one_millisecond_the_later_noted_wins() -> None:
    newest = noted(event("a", 1, "first", x="first"), event("a", 1, "second", x="second"))
    assert newest.user_attribute("a", "x") == ["second"]
    assert newest.user_id("a") == "second"


def test_an_event_without_a_user_says_nothing_of_one() -> None:
    newest = noted(event("a", 1, "someone"), event("a", 2))
    assert newest.user_id("a") == "someone"


def test_what_was_not_noted_is_not_there() -> None:
    newest = noted(event("a", 1, x="1"))
    with pytest.raises(KeyError):
        newest.user_id("a")
    with pytest.raises(KeyError):
        newest.user_attribute("a", "y")
    with pytest.raises(KeyError):
        newest.user_attribute("b", "x")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.text()), min_size=1))
def test_it_is_what_sorting_by_time_would_give(said: list[tuple[str, int, str]]) -> None:
    newest = noted(*[event(endpoint, time, x=value) for endpoint, time, value in said])
    by_time = {endpoint: value for endpoint, _, value in sorted(said, key=lambda each: each[1])}
    for endpoint, value in by_time.items():
        assert newest.user_attribute(endpoint, "x") == [value]

"""Tests of ``use_newest_values()``: only the newest user data is sent, each value is kept once."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gtm_events.newest import UserUpdate, use_newest_values


def said(endpoint_id: str, time: int, user_id: str = "", **attributes: Any) -> UserUpdate:
    return UserUpdate.of(endpoint_id, time, user_id, attributes)


def renewed(*users: UserUpdate) -> list[tuple[str, dict[str, Any]]]:
    """Return each user's newest id and attributes."""
    use_newest_values(users)
    found = []
    for user in users:
        attributes = json.loads(b"{%b}" % b",".join(user.members))
        assert {name: json.loads(b"{%b}" % m)[name] for name, m in user.by_name()} == attributes
        found.append((user.id, attributes))
    return found


def test_each_attribute_and_the_user_are_the_newest_of_their_own() -> None:
    assert renewed(
        said("a", 3, plan="new"),
        said("a", 1, "old", plan="old", only="kept"),
        said("a", 2, "new"),
        said("b", 9, "other", plan="other"),
    ) == [
        ("", {"plan": "new"}),
        ("new", {"plan": "new", "only": "kept"}),
        ("new", {}),
        ("other", {"plan": "other"}),
    ]


def test_of_one_millisecond_the_later_wins() -> None:
    newest = ("second", {"x": "second"})
    assert renewed(said("a", 1, "first", x="first"), said("a", 1, "second", x="second")) == [
        newest,
        newest,
    ]


def test_a_value_is_in_memory_once() -> None:
    users = [said("a", 0, x="1"), *(said("a", n, x="old") for n in range(9)), said("a", 10, x="2")]
    use_newest_values(users)
    assert len({id(member) for user in users for member in user.members}) == 1
    # The same holds if all values are equal, as for the pages of one site.
    users = [said("a", n, "me", x="same") for n in range(10)]
    use_newest_values(users)
    assert len({id(member) for user in users for member in user.members}) == 1
    assert len({id(user.attributes) for user in users}) == 1


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5), st.text()), min_size=1))
def test_the_result_equals_sorting_by_time(each: list[tuple[str, int, str]]) -> None:
    got = renewed(*[said(endpoint, time, x=value) for endpoint, time, value in each])
    by_time = {endpoint: value for endpoint, _, value in sorted(each, key=lambda said: said[1])}
    assert got == [("", {"x": by_time[endpoint]}) for endpoint, _, _ in each]

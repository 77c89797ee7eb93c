"""Visitor objects that Customer Profiles refuses, or that are too large for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.destinations.customer_profiles.service import FakeTwoObjectTypes
from tests.destinations.customer_profiles.visitors import setting
from tests.unit.builders import Answered, FakeDeadLetters, check_totals, deliver, message_id

if TYPE_CHECKING:
    from tests.destinations.fake import Verdict


pytestmark = pytest.mark.usefixtures("no_backoff")


class TestRefusedVisitors:
    """A bad user attribute rejects its own event and no other."""

    @staticmethod
    def refusing(*, whole: bool = False) -> FakeTwoObjectTypes:
        def refuse(document: dict[str, Any]) -> Verdict:
            if "bad" not in document["user_attributes"].values():
                return "ok"
            if whole:
                raise Answered(400, "BadRequestException")
            return "refused"

        return FakeTwoObjectTypes(decide_visitor=refuse)

    @pytest.mark.parametrize("whole", [False, True], ids=["objects", "requests"])
    def test_the_others_arrive_oldest_first(self, *, whole: bool) -> None:
        service, letters = self.refusing(whole=whole), FakeDeadLetters()
        bodies = [
            setting(4, a="newest"),
            setting(1, a="old", b="1"),
            setting(3, c="bad"),
            setting(2, a="newer", c="2"),
            setting(0, endpoint="other", c="3"),
        ]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert batch.delivered == 4
        assert letters.reasons() == {message_id(2): "user_attributes_refused"}
        assert service.profiles == {
            "ep": {"a": "newest", "b": "1", "c": "2"},
            "other": {"c": "3"},
        }
        assert set(service.accepted.values()) == {1}
        assert batch.problems == []

    @settings(max_examples=80)
    @given(
        st.lists(
            st.tuples(st.integers(0, 2), st.integers(0, 9), st.sampled_from(["good", "bad"])),
            min_size=1,
            max_size=40,
        ),
        st.booleans(),
    )
    def test_any_refused_contributions_are_found(
        self,
        moments: list[tuple[int, int, str]],
        whole: bool,  # noqa: FBT001 - hypothesis gives it
    ) -> None:
        service, letters = self.refusing(whole=whole), FakeDeadLetters()
        bodies = [
            setting(moment, endpoint=f"{endpoint}", a=f"{number}" if value == "good" else "bad")
            for number, (endpoint, moment, value) in enumerate(moments)
        ]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert batch.retried == {}
        good = {number for number, it in enumerate(moments) if it[2] == "good"}
        assert not {message_id(number) for number in good} & set(letters.reasons())
        newest = {
            f"{moments[number][0]}": {"a": f"{number}"}
            for number in sorted(good, key=lambda number: moments[number][1])
        }
        assert service.profiles == newest
        assert set(service.accepted.values()) == {1}
        bad = len(moments) - len(good)
        assert len(service.requests) <= 8 + 2 * bad * 6

    def test_few_requests_find_one_of_a_thousand(self) -> None:
        service, letters = self.refusing(), FakeDeadLetters()
        bodies = [setting(n, **{f"a{n}": "bad" if n == 357 else "x"}) for n in range(1_000)]
        batch = deliver(bodies, service=service, dead_letters=letters)
        assert letters.reasons() == {message_id(357): "user_attributes_refused"}
        assert batch.delivered == 999
        assert len(service.profiles["ep"]) == 999
        assert len(service.visitors) <= 2 * 10 + 1

    def test_equal_contributions_are_refused_together(self) -> None:
        service, letters = self.refusing(), FakeDeadLetters()
        bodies = [setting(n, a="bad") for n in range(1_000)]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert batch.rejected == {"user_attributes_refused": 1_000}
        assert len(service.visitors) == 1

    def test_newer_contributions_are_retried_with_older_ones(self) -> None:
        """Otherwise the retried event would restore its older values."""

        def decide(document: dict[str, Any]) -> Verdict:
            attributes = document["user_attributes"]
            if "bad" in attributes.values():
                return "refused"
            return "failed" if "first" in attributes else "ok"

        service, letters = FakeTwoObjectTypes(decide_visitor=decide), FakeDeadLetters()
        bodies = [setting(0, first="1"), setting(1, a="bad"), setting(2, b="3")]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert batch.retried == {"unavailable": 3}
        assert service.taken == []


class TestLargeVisitors:
    """Visitors whose user attributes exceed the size of one object."""

    @staticmethod
    def named(letter: str, number: int) -> dict[str, str]:
        return {f"{letter}{n:03}": "é" * 250 for n in range(number)}

    def test_contributions_too_large_for_one_object_are_sent_in_turn(self) -> None:
        service, letters = FakeTwoObjectTypes(), FakeDeadLetters()
        bodies = [setting(n, last=f"{n}", **self.named(f"{n}", 400)) for n in range(5)]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert batch.delivered == 5
        assert len(service.visitors) == 3
        assert all(len(request) == 1 for request in service.visitors)
        assert len(service.profiles["ep"]) == 2_001
        assert service.profiles["ep"]["last"] == "4"

    def test_an_event_that_alone_is_too_large_is_rejected_unsent(self) -> None:
        service, letters = FakeTwoObjectTypes(), FakeDeadLetters()
        bodies = [setting(1, **self.named("a", 1_000)), setting(0, b="small")]
        batch = deliver(bodies, service=service, dead_letters=letters)
        check_totals(batch, letters)
        assert letters.reasons() == {message_id(0): "too_large"}
        assert set(service.accepted) == {message_id(1)}
        assert service.profiles == {"ep": {"b": "small"}}

    @pytest.mark.parametrize(("more", "accepted"), [(0, True), (1, False)])
    def test_exactly_the_limit_is_taken(self, *, more: int, accepted: bool) -> None:
        service = FakeTwoObjectTypes()
        attributes = self.named("a", 900)
        deliver([setting(0, endpoint="e", **attributes)], service=service)
        [size] = [
            len(json.dumps(it, ensure_ascii=False, separators=(",", ":"))) for it in service.taken
        ]
        service, letters = FakeTwoObjectTypes(), FakeDeadLetters()
        endpoint = "e" * (256_000 - size + 1 + more)
        bodies = [setting(0, endpoint=endpoint, **attributes)]
        deliver(bodies, service=service, dead_letters=letters)
        assert bool(service.taken) == accepted
        assert letters.reasons() == ({} if accepted else {message_id(0): "too_large"})

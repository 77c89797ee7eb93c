"""Who may change which user attributes."""

from __future__ import annotations

import pytest

from tests.unit.builders import FakePinpoint, body, counted, deliver


@pytest.mark.parametrize(
    ("anonymous", "kept", "denied"),
    [
        (frozenset[str](), {}, 2),
        (frozenset({"plan"}), {"plan": ["gold"]}, 1),
        (frozenset({"other"}), {}, 2),
        (frozenset({"plan", "city"}), {"plan": ["gold"], "city": ["Łódź"]}, 0),
        (None, {"plan": ["gold"], "city": ["Łódź"]}, 0),
    ],
)
def test_anonymous_visitors_change_what_the_owner_permits(
    anonymous: frozenset[str] | None, kept: dict[str, list[str]], denied: int
) -> None:
    pinpoint = FakePinpoint()
    query = {"event": "e", "endpoint_id": "ep", "usat_plan": "gold", "usat_city": "Łódź"}
    batch = deliver([body(query)], pinpoint=pinpoint, anonymous=anonymous)
    assert batch.delivered == 1  # the event goes through whatever its user attributes
    assert pinpoint.user_attributes("ep") == [kept]
    assert counted(batch) == ({"denied_user_attributes": denied} if denied else {})


def test_without_permission_the_endpoint_is_left_alone() -> None:
    pinpoint = FakePinpoint()
    deliver(
        [body({"event": "e", "endpoint_id": "ep", "usat_plan": "gold"})],
        pinpoint=pinpoint,
        anonymous=frozenset(),
    )
    assert [item["Endpoint"] for _, item in pinpoint.items()] == [{}]

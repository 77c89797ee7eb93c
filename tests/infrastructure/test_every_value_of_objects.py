"""Every prop of every other public class, with values of every type.

What a prop takes has to synthesize, and what it does not take is a ``PropError`` that names it. The
props come from the signatures: one that is added without a check fails here.
"""

from __future__ import annotations

import pytest

from tests.infrastructure.every_value import (
    PROPS,
    Outcome,
    assert_each_works_or_is_refused,
    in_scope,
    outcomes_of,
)

OWN = [(name, prop) for name, prop in PROPS if not in_scope(name)]


@pytest.fixture(scope="module")
def outcomes() -> dict[tuple[str, str], Outcome]:
    """What became of each value, for each prop."""
    return outcomes_of(OWN)


@pytest.mark.parametrize(("name", "prop"), OWN)
def test_it_works_or_is_refused(
    outcomes: dict[tuple[str, str], Outcome], name: str, prop: str
) -> None:
    assert_each_works_or_is_refused(outcomes[name, prop], name, prop)

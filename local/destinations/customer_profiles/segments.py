"""Segments of profiles.

- ``Type`` combines a group's dimensions, and ``Include`` combines the groups. [model, ``Group`` and
  ``SegmentGroup``]
- A dimension compares the profile's attributes or its calculated attributes. [model, ``Dimension``]

AWS does not say how several attributes of one dimension combine; the stand-in requires all of them.
It does not support segments of other segments, dynamic values and comparisons of dates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from local.destinations.customer_profiles.comparisons import Comparison

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["Segment", "combined"]

_CALCULATED: Final = "CalculatedAttributes"
_COMBINATIONS: Final[Mapping[str, Callable[[Iterable[bool]], bool]]] = {
    "ALL": all,
    "ANY": any,
    "NONE": lambda found: not any(found),
}


def combined(kind: str, found: Iterable[bool]) -> bool:
    """Return whether all, any or none of ``found`` is true, as ``kind`` says."""
    return _COMBINATIONS[kind](found)


class _Compared(NamedTuple):
    path: tuple[str, ...]
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment's definition.

    Args:
        domain: Name of the domain.
        name: Name of the definition.
        title: Display name in Amazon Connect.
        include: ``ALL``, ``ANY`` or ``NONE`` of the groups must match.
        groups: For each group ``ALL``, ``ANY`` or ``NONE``, and its dimensions.
    """

    domain: str
    name: str
    title: str
    include: str
    groups: tuple[tuple[str, tuple[tuple[_Compared, ...], ...]], ...]

    @classmethod
    def from_properties(cls, properties: Mapping[str, Any]) -> Segment:
        """Return the segment that a resource's properties describe.

        Raises:
            ValueError: The stand-in does not support something in them.
        """
        name = properties["SegmentDefinitionName"]
        found = properties.get("SegmentGroups") or {}
        include = found.get("Include", "ALL")
        groups = found.get("Groups") or []
        kinds = [include, *(group.get("Type", "ALL") for group in groups)]
        if not groups or any("SourceSegments" in it or "SourceType" in it for it in groups):
            raise ValueError(f"segment {name}: the stand-in supports only groups of attributes")
        if unknown := [kind for kind in kinds if kind not in _COMBINATIONS]:
            raise ValueError(
                f"segment {name}: must combine with ALL, ANY or NONE, got {unknown[0]}"
            )
        try:
            return cls(
                properties["DomainName"],
                name,
                properties.get("DisplayName", name),
                include,
                tuple(
                    (
                        group.get("Type", "ALL"),
                        tuple(tuple(_compared(it)) for it in group["Dimensions"]),
                    )
                    for group in groups
                ),
            )
        except ValueError as error:
            raise ValueError(f"segment {name}: {error}") from error

    def has(self, lookup: Callable[[tuple[str, ...]], str | None]) -> bool:
        """Return whether a profile is in the segment.

        Args:
            lookup: Returns the value of an attribute by its path: ``("Attributes", "plan")``.
        """
        return combined(
            self.include,
            (
                combined(
                    kind,
                    (all(it.comparison.holds(lookup(it.path)) for it in each) for each in group),
                )
                for kind, group in self.groups
            ),
        )

    def why_not(self, lookup: Callable[[tuple[str, ...]], str | None]) -> str:
        """Return a text that lists the comparisons that a profile does not meet."""
        reasons = [
            it.comparison.why_not(value)
            for _, group in self.groups
            for each in group
            for it in each
            if not it.comparison.holds(value := lookup(it.path))
        ]
        return "; ".join(reasons) or "a condition excludes it"


def _compared(dimension: Mapping[str, Any]) -> Iterator[_Compared]:
    if dimension.keys() - {"ProfileAttributes", _CALCULATED} or not dimension:
        raise ValueError(f"the stand-in supports only attributes, got {', '.join(dimension)}")
    yield from _leaves(dimension.get("ProfileAttributes", {}), ())
    yield from _leaves(dimension.get(_CALCULATED, {}), (_CALCULATED,))


def _leaves(found: Mapping[str, Any], path: Sequence[str]) -> Iterator[_Compared]:
    for name, each in found.items():
        here = (*path, name)
        if "DimensionType" not in each:
            yield from _leaves(each, here)
            continue
        if each.get("ConditionOverrides"):
            raise ValueError(f"{name}: the stand-in does not support ConditionOverrides")
        made = Comparison.of(".".join(here), each["DimensionType"], each["Values"])
        yield _Compared(here, made)

"""Segments: which profiles meet some conditions.

- A group's dimensions are combined by its ``Type``, and the groups by ``Include``. [model,
  ``Group`` and ``SegmentGroup``]
- A dimension compares the profile's attributes or its calculated attributes. [model, ``Dimension``]

A dimension of several attributes is met if all of them are: AWS does not say. Segments of other
segments, dynamic values and comparisons of dates are not known here.
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
    """Return whether enough of ``found`` is true: for ``ALL``, ``ANY`` or ``NONE``."""
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
        title: What Amazon Connect shows.
        include: How the groups are combined.
        groups: How the dimensions of each are combined, and the dimensions.
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
            ValueError: They name something that is not known here.
        """
        name = properties["SegmentDefinitionName"]
        found = properties.get("SegmentGroups") or {}
        include = found.get("Include", "ALL")
        groups = found.get("Groups") or []
        kinds = [include, *(group.get("Type", "ALL") for group in groups)]
        if not groups or any("SourceSegments" in it or "SourceType" in it for it in groups):
            raise ValueError(f"segment {name}: groups of attributes are known here alone")
        if unknown := [kind for kind in kinds if kind not in _COMBINATIONS]:
            raise ValueError(f"segment {name}: ALL, ANY and NONE are known here, got {unknown[0]}")
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
        """Return whether a profile is in it.

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
        """Return in words which comparisons a profile does not meet."""
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
        raise ValueError(f"attributes are known here alone, got {', '.join(dimension)}")
    yield from _leaves(dimension.get("ProfileAttributes", {}), ())
    yield from _leaves(dimension.get(_CALCULATED, {}), (_CALCULATED,))


def _leaves(found: Mapping[str, Any], path: Sequence[str]) -> Iterator[_Compared]:
    for name, each in found.items():
        here = (*path, name)
        if "DimensionType" not in each:
            yield from _leaves(each, here)
            continue
        if each.get("ConditionOverrides"):
            raise ValueError(f"{name}: ConditionOverrides are not known here")
        made = Comparison.of(".".join(here), each["DimensionType"], each["Values"])
        yield _Compared(here, made)

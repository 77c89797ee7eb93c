"""The parts of a destination's model."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from capacity.model import SECONDS_A_MONTH, ConnectorSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from capacity.model import Traffic
    from capacity.prices import Evidence, Price
    from gtm_events.destinations.batching import BatchService


@dataclass(frozen=True, slots=True)
class Quota:
    """A quota that can bind.

    Attributes:
        name: Name of the quota.
        default: The default in AWS's terms.
        ceiling: Events per second that it admits; infinite if it never binds here.
        remedy: How to raise or avoid it.
        source: The page that states the default.
        evidence: Evidence for the default.
        raised: Text for a raised value; ``{}`` stands for the number.
        limit: The default as a number.
        headroom: Factor over the steady rate's need when it is raised.
        whole: Whether the number must be whole.
    """

    name: str
    default: str
    ceiling: float
    remedy: str
    source: str
    evidence: Evidence
    raised: str = ""
    limit: float = math.nan
    headroom: float = 1.0
    whole: bool = False

    def needed(self, rate: float) -> float:
        """Return the value needed for ``rate`` events per second, at least the default."""
        needed = self.headroom * self.limit * rate / self.ceiling
        return max(self.limit, math.ceil(needed - 1e-9) if self.whole else needed)


@dataclass(frozen=True, slots=True)
class Month:
    """The events of one month, which arrive evenly.

    Attributes:
        events: Number of events.
        settings: Settings of the construct.
        traffic: Sizes.
    """

    events: float
    settings: ConnectorSettings
    traffic: Traffic

    @property
    def hours(self) -> float:
        """Hours in the month."""
        return SECONDS_A_MONTH / 3_600

    @property
    def rate(self) -> float:
        """Events per second."""
        return self.events / SECONDS_A_MONTH


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationModel:
    """A destination: how the function fills and paces its requests, its quotas and its charges.

    Attributes:
        name: The destination.
        service: The function's class, which declares the limits of a request.
        requests_per_second: Default rate limit of one function.
        paced_by: Reason for this limit.
        settable: Whether a setting changes the rate limit.
        quotas: Returns the destination's quotas. The first is the one that binds by default.
        charges: Returns the US dollars of a month by charge; ``None`` if no price was found. Costs
            of reading from the destination and of its own targets are extra.
        staged: The charges in the table of stages, in its order. Default: all.
        prices: The list prices behind the charges.
    """

    name: str
    service: type[BatchService[Any]]
    requests_per_second: float
    paced_by: str
    settable: bool = False
    quotas: Callable[[Traffic], Sequence[Quota]]
    charges: Callable[[Month], Mapping[str, float | None]]
    staged: tuple[str, ...] = ()
    prices: tuple[Price, ...] = ()

    @property
    def entries(self) -> int:
        """Maximum events in a request."""
        return self.service.max_entries

    @property
    def bytes(self) -> int:
        """Maximum bytes of a request, as the service counts them."""
        return self.service.max_bytes

    @property
    def table(self) -> str:
        """Name of the destination's table of stages."""
        return f"stages-{self.name.lower().replace(' ', '-')}"

    def events(self, traffic: Traffic) -> int:
        """Return the number of ordinary events in a request."""
        return min(self.entries, self.bytes // traffic.event)

    def settings(self, traffic: Traffic) -> ConnectorSettings:
        """Return the construct's defaults with this destination."""
        return replace(
            ConnectorSettings(),
            events_per_request=self.events(traffic),
            requests_per_second=self.requests_per_second,
        )

    def staged_charges(self, month: Month) -> dict[str, float | None]:
        """Return the charges in the table of stages."""
        charges = self.charges(month)
        return {name: charges[name] for name in self.staged or charges}


def rounded_up(size: float, step: int) -> float:
    """Return ``size`` rounded up to a multiple of ``step``, as services bill records."""
    return math.ceil(size / step) * step

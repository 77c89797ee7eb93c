"""List prices in us-east-1, each with its source and date.

Those of the connector are in the library's ``prices.toml``. Those of a destination are in its
module of :mod:`capacity.destinations`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

# The product shows the cost of a day with the same prices.
_FILE: Final = Path(__file__).parents[1] / "cdk_gtm_connector" / "monitoring" / "prices.toml"


class Evidence(Enum):
    """Evidence for a number."""

    AWS = "AWS page"
    INFERRED = "inferred from an AWS page"
    SECONDARY = "third-party page"


@dataclass(frozen=True, slots=True)
class Price:
    """A list price in us-east-1.

    Attributes:
        name: Name of the charge.
        unit: Unit of the charge.
        tiers: Upper limit in units per month, and US dollars per unit, of each tier.
        source: The page, with its date if it has one.
        evidence: Evidence for the price.
        looked_up: Date on which the source was read.
        per: Number of units for which tables quote the price.
    """

    name: str
    unit: str
    tiers: tuple[tuple[float, float], ...]
    source: str
    evidence: Evidence
    looked_up: date
    per: int

    @classmethod
    def listed(
        cls,
        name: str,
        unit: str,
        tiers: Mapping[float, float],
        *,
        per: int = 1,
        source: str,
        evidence: Evidence,
        looked_up: date,
    ) -> Price:
        """Return a price as a page quotes it.

        Args:
            name: See :class:`Price`.
            unit: See :class:`Price`.
            tiers: US dollars for ``per`` units, by the tier's upper limit in units per month.
            per: See :class:`Price`.
            source: See :class:`Price`.
            evidence: See :class:`Price`.
            looked_up: See :class:`Price`.
        """
        each = tuple((limit, dollars / per) for limit, dollars in tiers.items())
        return cls(name, unit, each, source, evidence, looked_up, per)

    def cost(self, units: float) -> float:
        """Return the US dollars that ``units`` in one month cost."""
        dollars = 0.0
        below = 0.0
        for limit, price in self.tiers:
            dollars += max(0.0, min(units, limit) - below) * price
            below = limit
        return dollars


def _read() -> dict[str, Price]:
    """Return the prices of the file by their keys."""
    entries: list[dict[str, Any]] = tomllib.loads(_FILE.read_text("utf-8"))["price"]
    return {
        entry["key"]: Price.listed(
            entry["name"],
            entry["unit"],
            {tier["up_to"]: tier["dollars"] for tier in entry["tiers"]},
            per=entry["per"],
            source=entry["source"],
            evidence=Evidence[entry["evidence"].upper()],
            looked_up=entry["looked_up"],
        )
        for entry in entries
    }


_PRICES: Final = _read()

PRICES: Final = tuple(_PRICES.values())
"""The connector's prices, in the order of the file."""

API_GATEWAY: Final = _PRICES["API_GATEWAY"]
SQS: Final = _PRICES["SQS"]
LAMBDA_INVOCATIONS: Final = _PRICES["LAMBDA_INVOCATIONS"]
LAMBDA_ARM64: Final = _PRICES["LAMBDA_ARM64"]
LAMBDA_LOGS: Final = _PRICES["LAMBDA_LOGS"]
ACCESS_LOGS: Final = _PRICES["ACCESS_LOGS"]
LOG_STORAGE: Final = _PRICES["LOG_STORAGE"]
XRAY: Final = _PRICES["XRAY"]
DATA_OUT: Final = _PRICES["DATA_OUT"]
SNS: Final = _PRICES["SNS"]

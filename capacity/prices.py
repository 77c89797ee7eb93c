"""List prices in us-east-1, each with its source and date.

The connector's are in the library's ``prices.toml``. A destination's are in the TOML file beside
its module in :mod:`capacity.destinations`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
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

    def cost(self, units: float) -> float:
        """Return the US dollars that ``units`` in one month cost."""
        dollars = 0.0
        below = 0.0
        for limit, price in self.tiers:
            dollars += max(0.0, min(units, limit) - below) * price
            below = limit
        return dollars


def prices_in(file: Path) -> dict[str, Price]:
    """Return the prices in a TOML file by their keys, in the order of the file."""
    entries: list[dict[str, Any]] = tomllib.loads(file.read_text("utf-8"))["price"]
    return {
        entry["key"]: Price(
            name=entry["name"],
            unit=entry["unit"],
            tiers=tuple((tier["up_to"], tier["dollars"] / entry["per"]) for tier in entry["tiers"]),
            source=entry["source"],
            evidence=Evidence[entry["evidence"].upper()],
            looked_up=entry["looked_up"],
            per=entry["per"],
        )
        for entry in entries
    }


_PRICES: Final = prices_in(_FILE)

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

"""Prices, quotas and a simulation, from which docs/capacity.md is made.

Nothing here is measured. The function's CPU time is a constant in :mod:`capacity.model` from
``benchmarks/RESULTS.md``. ``make capacity`` updates the document.
"""

import sys
from pathlib import Path

# The function's source: its modules declare the destinations' limits.
_FUNCTION = str(Path(__file__).parent.parent / "lambda_src")
if _FUNCTION not in sys.path:
    sys.path.append(_FUNCTION)

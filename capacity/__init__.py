"""Capacity and costs on AWS: prices, quotas and a simulation, from which docs/capacity.md is made.

Nothing here measures: the function's CPU time is a number in :mod:`capacity.model` that comes from
``benchmarks/RESULTS.md``. ``make capacity`` brings the document up to date.
"""

import sys
from pathlib import Path

# The function's source: its modules declare the destinations' limits.
_FUNCTION = str(Path(__file__).parent.parent / "lambda_src")
if _FUNCTION not in sys.path:
    sys.path.append(_FUNCTION)

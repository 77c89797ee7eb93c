"""The whole pipeline on one machine, without an AWS account."""

import sys
from pathlib import Path

# The function's source: the console reads values by the function's own rules.
_FUNCTION = str(Path(__file__).parent.parent / "lambda_src")
if _FUNCTION not in sys.path:
    sys.path.append(_FUNCTION)

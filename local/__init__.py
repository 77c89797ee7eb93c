"""The whole pipeline on one machine, without an AWS account."""

import sys
from pathlib import Path

# The function's source: the console interprets parameters with the function's own code.
_FUNCTION = str(Path(__file__).parent.parent / "lambda_src")
if _FUNCTION not in sys.path:
    sys.path.append(_FUNCTION)

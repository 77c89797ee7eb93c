"""Makes the function's source importable, so that commands read messages with the function's code.

Import this module before ``gtm_events``. An installed wheel has the source beside the library, a
checkout in ``lambda_src``.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import cdk_gtm_connector

_LIBRARY: Final = Path(cdk_gtm_connector.__file__).resolve().parent
_PLACES: Final = (_LIBRARY / "_lambda_src", _LIBRARY.parent / "lambda_src")

if find_spec("gtm_events") is None:
    sys.path += [str(place) for place in _PLACES if place.joinpath("gtm_events").is_dir()]

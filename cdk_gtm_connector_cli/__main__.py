"""``python -m cdk_gtm_connector_cli`` is ``gtm-connector``."""

from __future__ import annotations

import sys

from cdk_gtm_connector_cli.entry import main

if __name__ == "__main__":
    sys.exit(main())

"""``python -m cdk_gtm_connector`` is ``gtm-connector``."""

from __future__ import annotations

import runpy

# By its name: the library imports nothing of the command, which is built on it.
if __name__ == "__main__":
    runpy.run_module("cdk_gtm_connector_cli", run_name="__main__", alter_sys=True)

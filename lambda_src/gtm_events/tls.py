"""The process's only TLS context.

Reading the CA bundle takes about 16 ms of CPU. The SDK's connection pool rereads it for each new
connection (https://github.com/boto/botocore/issues/3171), so the function does not use that pool.
"""

from __future__ import annotations

import os
import ssl
from functools import cache
from pathlib import Path
from typing import Final

import botocore

from gtm_events.errors import SettingsError

# In the SDK's order.
_BUNDLE_VARIABLES: Final = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
# The SDK's module that knows this path would load half of the SDK.
_SDKS_BUNDLE: Final = Path(botocore.__file__).with_name("cacert.pem")


@cache
def context() -> ssl.SSLContext:
    """Return the context of all TLS connections in this process, which requires TLS 1.2.

    The trusted certificate authorities come from the file named by ``AWS_CA_BUNDLE``, or else by
    ``REQUESTS_CA_BUNDLE``, or else from the SDK. Host names are verified.

    Raises:
        SettingsError: The file cannot be read, or holds no certificates.
    """
    variable = next(filter(os.environ.get, _BUNDLE_VARIABLES), None)
    bundle = os.environ[variable] if variable else str(_SDKS_BUNDLE)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # requires a certificate and the host's name
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.hostname_checks_common_name = False
    made.set_alpn_protocols(["http/1.1"])
    try:
        made.load_verify_locations(bundle)
    except OSError as error:
        if variable is None:
            raise
        raise SettingsError(variable, "must name a file of PEM certificates", bundle) from error
    return made

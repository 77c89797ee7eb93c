"""boto3 clients for the services of the emulator on this machine."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, Final

import boto3
from botocore.config import Config

# botocore does not sign some requests to these services. The emulator requires a signature.
_PARTLY_OPEN: Final = ("cognito-identity", "cognito-idp", "sts")

_CREATING: Final = threading.Lock()


def emulator_client(service: str, *, url: str, secret: str, account: str, region: str) -> Any:
    """Return a boto3 client that ignores the machine's own AWS credentials and settings.

    Args:
        service: The service's name in boto3.
        url: The emulator's URL.
        secret: Secret access key with which the emulator checks signatures.
        account: The account's 12 digits.
        region: The Region.
    """
    with _CREATING:  # creating a client of a session is not thread-safe
        client = _session().client(
            service,
            endpoint_url=url,
            region_name=region,
            aws_access_key_id=account,  # MiniStack reads a 12-digit key as the account's number
            aws_secret_access_key=secret,
            config=Config(
                proxies={}, retries={"mode": "standard", "total_max_attempts": 2}, read_timeout=30
            ),
        )
    if service in _PARTLY_OPEN:
        model = client.meta.service_model
        for operation in model.operation_names:
            event = f"choose-signer.{model.service_id.hyphenize()}.{operation}"
            client.meta.events.register_first(event, lambda **_: "v4")
    return client


@cache
def _session() -> Any:
    """Return the session of all clients. A new session would read the services' models again."""
    return boto3.session.Session()

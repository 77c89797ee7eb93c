"""HTTPS endpoints other than AWS's, whose requests carry a signature in their headers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from gtm_events.aws import HEADERS, Client, ServiceEndpoint, ServiceRequest
from gtm_events.errors import CallFailed, Denied, RefusedWhole, SettingsError, TryAgain
from gtm_events.json_values import text_of
from gtm_events.signing import SignedRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_SECRET_SECONDS: Final = 300.0
_SECRET_RETRY_SECONDS: Final = 30.0
_URL: Final = "must be a URL like https://hooks.shop.example/events, without a query"
_PORTS: Final = range(1, 65_536)
_OVERRIDE: Final = "DESTINATION_ENDPOINT_URL"


class Sign(Protocol):
    """Signs requests."""

    def __call__(self, request: ServiceRequest) -> Mapping[str, str]:
        """Return the headers that identify the sender of ``request``.

        Raises:
            gtm_events.errors.CallFailed: The request cannot be signed now.
        """
        ...


@dataclass(frozen=True, slots=True)
class HttpsEndpoint:
    """An HTTPS service endpoint other than AWS's.

    The path of each request is appended to the URL.

    Attributes:
        url: URL of the endpoint, without a trailing slash.
        sign: Signs each request, anew for each attempt.
    """

    url: str
    sign: Sign

    @classmethod
    def of(cls, variable: str, environment: Mapping[str, str], sign: Sign) -> HttpsEndpoint:
        """Return the endpoint whose URL is in the environment.

        Args:
            variable: The variable that holds the URL.
            environment: The function's environment. ``DESTINATION_ENDPOINT_URL`` replaces the
                scheme, host and port of the URL, as ``AWS_ENDPOINT_URL`` does for AWS. It is for
                local runs, and may be without TLS.
            sign: Signs each request.

        Raises:
            SettingsError: The variable is missing, or is not a URL that begins with ``https://``.
        """
        value = environment.get(variable)
        if not value:
            raise SettingsError(variable, "must be set", value)
        _check(variable, value, ("https",))
        override = environment.get(_OVERRIDE)
        if override:
            _check(_OVERRIDE, override, ("http", "https"))
            value = override.rstrip("/") + urlsplit(value).path
        return cls(value.rstrip("/"), sign)

    def signed(self, request: ServiceRequest) -> SignedRequest:
        """See :class:`gtm_events.aws.Target`."""
        headers = {**HEADERS, **request.headers, **self.sign(request)}
        # A path of the endpoint's own stays as it is: "/events" is not "/events/".
        path = "" if request.path == "/" and urlsplit(self.url).path else request.path
        return SignedRequest(request.method, self.url + path, headers, request.body)


def _check(variable: str, value: str, schemes: tuple[str, ...]) -> None:
    try:
        parts = urlsplit(value)
        port = 443 if parts.port is None else parts.port
        good = parts.scheme in schemes and parts.hostname and port in _PORTS
    except ValueError:
        good = False
    else:
        # User name and password would be readable in the function's environment.
        good = (
            good and value.isascii() and not (parts.query or parts.fragment or "@" in parts.netloc)
        )
    if not good:
        raise SettingsError(variable, _URL, value)


@dataclass(slots=True)
class Secret:
    """A text in AWS Secrets Manager, read on demand and cached for five minutes.

    A replaced key therefore stays in use for up to five minutes. While Secrets Manager is
    unavailable, the last known text stays in use. Safe to use from many threads.

    Args:
        arn: ARN of the secret.
        client: Client of Secrets Manager.
        clock: Clock in seconds that also runs while Lambda freezes the process.
    """

    arn: str
    client: Client
    clock: Callable[[], float] = time.time
    _value: str = field(default="", init=False, repr=False)
    _read_at: float = field(default=float("-inf"), init=False)
    _lock: Lock = field(default_factory=Lock, init=False, repr=False)

    @classmethod
    def of(cls, variable: str, environment: Mapping[str, str]) -> Secret:
        """Return the secret whose ARN is in the environment.

        Args:
            variable: The variable that holds the ARN.
            environment: The function's environment.

        Raises:
            SettingsError: The variable is missing.
        """
        arn = environment.get(variable)
        if not arn:
            raise SettingsError(variable, "must be set", arn)
        endpoint = ServiceEndpoint.of(
            "secrets-manager", environment, host="secretsmanager", arn=arn
        )
        return cls(arn, Client.to(endpoint, connect_seconds=2, read_seconds=5))

    def get(self) -> str:
        """Return the text.

        Raises:
            gtm_events.errors.TryAgain: Secrets Manager is unavailable.
            gtm_events.errors.Denied: The owner must fix a permission or the secret.
        """
        with self._lock:
            if not 0 <= (now := self.clock()) - self._read_at < _SECRET_SECONDS:
                self._read_at = now
                try:
                    self._value = self._read()
                except CallFailed as error:
                    if not self._value or not isinstance(error, TryAgain):
                        self._read_at = float("-inf")
                        raise
                    self._read_at += _SECRET_RETRY_SECONDS - _SECRET_SECONDS
            return self._value

    def _read(self) -> str:
        from gtm_events.record import to_json  # noqa: PLC0415 - needed only here

        request = ServiceRequest(
            b'{"SecretId":%b}' % to_json(self.arn).encode(),
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": "secretsmanager.GetSecretValue",
            },
        )
        try:
            text = text_of(self.client.send(request).json().get("SecretString"))
        except (Denied, RefusedWhole) as error:  # no event is to blame
            raise Denied(f"Secrets Manager: {error}") from error
        if not text:
            raise Denied("Secrets Manager: the secret holds no text")
        return text

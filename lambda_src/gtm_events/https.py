"""HTTPS endpoints that are not AWS's: requests that prove by their headers who sends them."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import urlsplit

from gtm_events.aws import HEADERS, Call, Client, Endpoint
from gtm_events.errors import SettingsError
from gtm_events.json_values import text_of
from gtm_events.sending import CallFailed, Denied, RefusedWhole, TryAgain
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

    def __call__(self, call: Call) -> Mapping[str, str]:
        """Return the headers by which the endpoint knows who sends ``call``.

        Raises:
            gtm_events.sending.CallFailed: It cannot be signed now.
        """
        ...


@dataclass(frozen=True, slots=True)
class HttpsEndpoint:
    """An HTTPS endpoint. The path of a :class:`~gtm_events.aws.Call`, if it has one, is added.

    Attributes:
        url: Where it answers, without a trailing slash.
        sign: Signs each request, again for each attempt.
    """

    url: str
    sign: Sign

    @classmethod
    def of(cls, variable: str, environment: Mapping[str, str], sign: Sign) -> HttpsEndpoint:
        """Return the endpoint whose URL is in the environment.

        Args:
            variable: The variable that holds the URL.
            environment: The function's. ``DESTINATION_ENDPOINT_URL`` replaces the URL's scheme,
                host and port, as ``AWS_ENDPOINT_URL`` does for AWS: for a run on one's own
                machine, which may be without TLS.
            sign: Signs each request.

        Raises:
            SettingsError: The variable is missing, or holds no URL that begins with ``https://``.
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

    def signed(self, call: Call) -> SignedRequest:
        """See :class:`gtm_events.aws.Target`."""
        headers = {**HEADERS, **call.headers, **self.sign(call)}
        # An endpoint's own path is whole: "/events" is not "/events/".
        path = "" if call.path == "/" and urlsplit(self.url).path else call.path
        return SignedRequest(call.method, self.url + path, headers, call.body)


def _check(variable: str, value: str, schemes: tuple[str, ...]) -> None:
    try:
        parts = urlsplit(value)
        port = 443 if parts.port is None else parts.port
        good = parts.scheme in schemes and parts.hostname and port in _PORTS
    except ValueError:
        good = False
    else:
        # A user's name and password would be in the environment for everybody to read.
        good = (
            good and value.isascii() and not (parts.query or parts.fragment or "@" in parts.netloc)
        )
    if not good:
        raise SettingsError(variable, _URL, value)


@dataclass(slots=True)
class Secret:
    """A text in AWS Secrets Manager, read when it is needed and again after five minutes.

    A key that was replaced therefore lives on for five minutes. While Secrets Manager cannot be
    read, the key that was read before goes on. Safe to use from many threads.

    Args:
        arn: The secret.
        client: Secrets Manager.
        clock: Seconds, which go on while Lambda freezes the process.
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
            environment: The function's.

        Raises:
            SettingsError: It is missing.
        """
        arn = environment.get(variable)
        if not arn:
            raise SettingsError(variable, "must be set", arn)
        endpoint = Endpoint.of("secrets-manager", environment, host="secretsmanager", arn=arn)
        return cls(arn, Client.to(endpoint, connect_seconds=2, read_seconds=5))

    def get(self) -> str:
        """Return the text.

        Raises:
            gtm_events.sending.TryAgain: Secrets Manager cannot be read now.
            gtm_events.sending.Denied: The owner has something to mend: a permission, the secret.
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
        from gtm_events.record import to_json  # noqa: PLC0415 - events' business, elsewhere

        call = Call(
            b'{"SecretId":%b}' % to_json(self.arn).encode(),
            headers={
                "Content-Type": "application/x-amz-json-1.1",
                "X-Amz-Target": "secretsmanager.GetSecretValue",
            },
        )
        try:
            text = text_of(self.client.send(call).json().get("SecretString"))
        except (Denied, RefusedWhole) as error:  # no event is to blame for what it refuses
            raise Denied(f"Secrets Manager: {error}") from error
        if not text:
            raise Denied("Secrets Manager: the secret holds no text")
        return text

"""Sends an event to the endpoint, and tells how a tag would interpret the answer."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from cdk_gtm_connector_cli.errors import CommandError
from cdk_gtm_connector_cli.messages import event_id_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

REQUEST_ID_HEADER: Final = "x-amz-apigw-id"
METHODS: Final = ("get", "form", "json")
_SECONDS: Final = 35.0  # API Gateway answers within 29
_OK: Final = 200
_NO_CONTENT: Final = 204
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_FORM: Final = "application/x-www-form-urlencoded"

WHY: Final[Mapping[int, tuple[str, str]]] = {
    400: (
        "event or endpoint_id is missing, blank, or a word for a variable without a value",
        "look at the tag's variables in Tag Manager's preview",
    ),
    401: (
        "the token is missing, or the authorizer refuses it",
        "mint one with gtm-connector token, and check exp, aud and the secret",
    ),
    403: (
        "the authorizer, the web ACL or API Gateway refuses the request, or the path is wrong",
        "compare the URL with the output EndpointUrl; look at the token and at the web ACL's log",
    ),
    404: ("the API has no such path", "compare the URL with the output EndpointUrl"),
    413: ("the body has more than 300,000 characters", "send fewer events in one request"),
    414: ("the URL is longer than 10,240 characters", "send a body with POST"),
    415: (
        "the endpoint does not accept this Content-Type",
        "send a form, application/json or text/plain",
    ),
    429: (
        "the requests exceed the limit of the endpoint or the account",
        "raise throttling_rate_limit, or the account's quota of API Gateway",
    ),
    500: ("API Gateway or the authorizer failed", "run gtm-connector doctor"),
    502: (
        "the queue or the topic refused the message",
        "run gtm-connector doctor, which checks the queue and the API's role",
    ),
    504: ("the queue or the topic did not answer in time", "try again; run gtm-connector doctor"),
}
"""Cause and remedy of each status."""


class _NoRedirects(HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        """Follow no redirect: the endpoint itself answers a tag's request."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The answer to a request.

    Attributes:
        status: HTTP status.
        headers: Headers of the answer, with names in lower case.
        body: Body of the answer.
        by_get: Whether the request was a GET, as an image tag sends it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    by_get: bool

    @property
    def request_id(self) -> str:
        """The request's id from API Gateway, as a browser shows it; empty if there is none."""
        return self.headers.get(REQUEST_ID_HEADER, "")

    @property
    def event_id(self) -> str:
        """Id of the event, which is the same at every destination; empty if unknown."""
        return event_id_of(self.request_id)

    @property
    def is_green(self) -> bool:
        """Whether a tag would succeed. For an image tag, only the image counts, not the status."""
        if not self.by_get:
            return self.status == _NO_CONTENT
        is_image = self.headers.get("content-type", "").startswith("image/")
        readable = self.headers.get("cross-origin-resource-policy", "cross-origin")
        return is_image and bool(self.body) and readable == "cross-origin"

    @property
    def is_accepted(self) -> bool:
        """Whether the event is in the queue."""
        return self.is_green and self.status in (_OK, _NO_CONTENT)

    @property
    def why(self) -> tuple[str, str]:
        """The answer's cause, with the endpoint's own message, and the remedy."""
        if self.is_accepted:
            return "the event is in the queue", ""
        if self.is_green:
            return f"{self.status} with an image: a tag shows it as a success", "see the status"
        why, to_do = WHY.get(self.status, (f"unknown status {self.status}", ""))
        if self.status in (_OK, _NO_CONTENT):
            why = f"the answer is not an image but {self.headers.get('content-type', 'nothing')}"
            to_do = "a CDN, a proxy or a web ACL in front of the endpoint may have answered"
        return f"{why}{_said(self.body)}", to_do


def _said(body: bytes) -> str:
    try:
        document = json.loads(body)
    except ValueError:
        return ""
    message = document.get("message") if isinstance(document, dict) else None
    return f" ({message})" if isinstance(message, str) else ""


def send(
    url: str,
    parameters: Sequence[tuple[str, str]],
    *,
    method: str = "get",
    token: str = "",
    origin: str = "",
) -> Sent:
    """Send one event.

    Args:
        url: The endpoint.
        parameters: The event's parameters, with their names in a URL.
        method: One of :data:`METHODS`.
        token: Signed token, which is sent in the query; empty for none.
        origin: Value of the header ``Origin``; empty for none.

    Raises:
        CommandError: The endpoint did not answer.
    """
    headers = {"User-Agent": "gtm-connector", "Accept": "image/avif,image/webp,*/*"}
    if origin:
        headers["Origin"] = origin
    query = [*parameters] if method == "get" else []
    if token:
        query.append(("token", token))
    body: bytes | None = None
    if method == "form":
        body, headers["Content-Type"] = urlencode(parameters).encode(), _FORM
    elif method == "json":
        body, headers["Content-Type"] = json.dumps(dict(parameters)).encode(), "application/json"
    target = f"{url}?{urlencode(query)}" if query else url
    return request(Request(target, body, headers), by_get=method == "get")  # noqa: S310 - checked


def request(wanted: Request, *, by_get: bool) -> Sent:
    """Send a request, and return the answer with any status.

    Raises:
        CommandError: There is no answer.
    """
    parts = urlsplit(wanted.full_url)
    if parts.scheme not in ("http", "https"):
        raise CommandError(
            f"{wanted.full_url!r} is not the URL of an endpoint", "begin with https://"
        )
    # A proxy for the internet cannot reach this machine.
    proxies = ProxyHandler({}) if parts.hostname in _LOOPBACK else ProxyHandler()
    opener = build_opener(_NoRedirects, proxies)
    try:
        with opener.open(wanted, timeout=_SECONDS) as answer:
            status, headers, body = answer.status, answer.headers, answer.read()
    except HTTPError as error:
        with error:
            status, headers, body = error.code, error.headers, error.read()
    except (URLError, HTTPException, OSError) as error:
        reason = getattr(error, "reason", error)
        remedy = (
            "the certificate does not fit the name, or has expired: run gtm-connector doctor"
            if isinstance(reason, ssl.SSLError)
            else "check the URL, the DNS record of the endpoint's domain, and the network"
        )
        raise CommandError(
            f"{parts.scheme}://{parts.netloc} does not answer: {reason}", remedy
        ) from error
    return Sent(status, {name.lower(): value for name, value in headers.items()}, body, by_get)

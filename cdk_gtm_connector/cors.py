"""Cross-origin resource sharing: the sites whose scripts may read an API's answers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import aws_cdk as cdk
from aws_cdk import aws_apigateway as apigateway

from cdk_gtm_connector import mapping
from cdk_gtm_connector.checks import check_once
from cdk_gtm_connector.errors import PropError
from cdk_gtm_connector.named_props import named_props
from cdk_gtm_connector.validation import check_boolean, check_sequence, check_text

if TYPE_CHECKING:
    from collections.abc import Sequence

_HOST_LABEL: Final = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_ORIGIN: Final = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9.-]*)://(?:\*\.)?{_HOST_LABEL}(?:\.{_HOST_LABEL})*(?::(?P<port>[1-9][0-9]*))?",
    re.ASCII,
)
_ORIGINS_LIKE: Final = (
    "must hold origins like https://shop.example, https://*.shop.example or capacitor://localhost "
    "(lower case, no path, no trailing slash)"
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# No page has an origin with one of these schemes. The origin of a local file is null.
_NO_ORIGINS: Final = {"about", "blob", "data", "file", "ftp", "javascript", "ws", "wss"}
_MAX_AGE: Final = cdk.Duration.hours(2)  # Chromium's upper bound


@named_props
class Cors:
    """The sites whose scripts may read an API's answers.

    CORS does not stop requests or image tags; it stops scripts from reading answers. Events from a
    site that is not in the list are rejected at delivery.

    Args:
        allowed_origins: Origins such as ``https://shop.example``, ``https://*.shop.example`` for
            its subdomains at any depth, or ``capacitor://localhost`` for an app with its own
            scheme. ``None`` allows any origin, without credentials. A list never allows ``Origin:
            null``, which names no site.
        allow_http_origins: Whether an origin may begin with ``http://``.

    Raises:
        PropError: An origin is not a scheme, a host and an optional port, or is listed twice.
    """

    def __init__(
        self, allowed_origins: Sequence[str] | None, *, allow_http_origins: bool = False
    ) -> None:
        check_boolean("allow_http_origins", allow_http_origins)
        if allowed_origins is not None:
            _check_origins(allowed_origins, allow_http_origins=allow_http_origins)
        self._origins = None if allowed_origins is None else tuple(allowed_origins)

    @property
    def origins(self) -> Sequence[str] | None:
        """The origins allowed, ``None`` for any."""
        return self._origins

    @property
    def answer_headers(self) -> dict[str, str]:
        """Headers of every answer of an integration."""
        if self._origins is None:
            return {"Access-Control-Allow-Origin": "*"}
        return {"Vary": "Origin"}

    def answer(self, body: str) -> str:
        """Return a response template that renders ``body`` and echoes a listed origin."""
        if self._origins is None:
            return body
        return mapping.read("answer", ORIGINS=self._expression(), BODY=body)

    @property
    def gateway_headers(self) -> dict[str, str]:
        """Headers of API Gateway's own error answers, as response parameters.

        These headers cannot depend on the request. A single exact origin is used as it is. Several
        origins become ``*``, so any site can read *that* a request failed, which it could see from
        its image anyway. (Echoing the request's origin would echo ``null`` too.)
        """
        if self._origins is None:
            return {"Access-Control-Allow-Origin": "'*'"}
        exact = len(self._origins) == 1 and "*" not in self._origins[0]
        return {
            "Access-Control-Allow-Origin": f"'{self._origins[0] if exact else '*'}'",
            "Vary": "'Origin'",
        }

    def add_preflight(
        self, resource: apigateway.IResource, *, methods: Sequence[str], headers: Sequence[str]
    ) -> apigateway.Method:
        """Add the method ``OPTIONS``, which answers preflight requests.

        Args:
            resource: The resource.
            methods: Its other methods.
            headers: Request headers that need a preflight.
        """
        answer_headers = {
            **self.answer_headers,
            "Access-Control-Allow-Methods": ",".join([*methods, "OPTIONS"]),
            "Access-Control-Allow-Headers": ",".join(headers),
            "Access-Control-Max-Age": str(_MAX_AGE.to_seconds()),
        }
        return resource.add_method(
            "OPTIONS",
            apigateway.MockIntegration(
                passthrough_behavior=apigateway.PassthroughBehavior.WHEN_NO_MATCH,
                request_templates={"application/json": '{"statusCode": 204}'},
                integration_responses=[
                    apigateway.IntegrationResponse(
                        status_code="204",
                        response_parameters={
                            f"method.response.header.{name}": f"'{value}'"
                            for name, value in answer_headers.items()
                        },
                        response_templates={"application/json": self.answer("")},
                    )
                ],
            ),
            authorization_type=apigateway.AuthorizationType.NONE,
            method_responses=[
                apigateway.MethodResponse(
                    status_code="204",
                    response_parameters={
                        f"method.response.header.{name}": True for name in answer_headers
                    },
                )
            ],
        )

    def _expression(self) -> str:
        """Return a regular expression for the list, without backslashes, which Velocity removes."""
        return "|".join(
            origin.replace(".", "[.]").replace("*", "[a-z0-9-]+([.][a-z0-9-]+)*")
            for origin in self._origins or ()
        )


def _check_origins(origins: Sequence[str], *, allow_http_origins: bool) -> None:
    prop = "allowed_origins"
    check_sequence(prop, origins, 'must be a list of origins, such as ["https://shop.example"]')
    if not origins:
        raise PropError(
            prop, "must name at least one origin", origins, "leave it out for any origin"
        )
    for origin in origins:
        # It becomes part of a regular expression and of a mapping template.
        check_text(
            prop,
            origin,
            _ORIGIN,
            _ORIGINS_LIKE,
            known=True,
        )
        if found := _ORIGIN.fullmatch(origin):  # not that of a parameter that is looked up yet
            _check_origin(found, allow_http_origins=allow_http_origins)
    check_once(prop, origins, "origin")


def _check_origin(found: re.Match[str], *, allow_http_origins: bool) -> None:
    if found["scheme"] in _NO_ORIGINS:
        raise PropError("allowed_origins", _ORIGINS_LIKE, found[0])
    if found["port"] and (
        int(found["port"]) > 65_535 or int(found["port"]) == _DEFAULT_PORTS.get(found["scheme"])  # noqa: PLR2004
    ):
        # A browser leaves out the scheme's default port, so an origin with that port would never
        # match.
        raise PropError(
            "allowed_origins",
            "must hold origins with a port of at most 65,535 that is not the scheme's own, or "
            "without one",
            found[0],
        )
    if found["scheme"] == "http" and not allow_http_origins:
        raise PropError(
            "allowed_origins",
            "must hold no http origins unless allow_http_origins is set",
            found[0],
        )

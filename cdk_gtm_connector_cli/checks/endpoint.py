"""Checks of the endpoint: its log, its answers, CORS, its domain and certificate."""

from __future__ import annotations

import json
import socket
import ssl
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.request import Request

from cdk_gtm_connector_cli.checks import BAD, DOUBTFUL, GOOD, Finding
from cdk_gtm_connector_cli.sending import request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cdk_gtm_connector_cli.context import Context

_ANY_SITE: Final = "https://www.example.com"
_FOREIGN: Final = "https://not-listed.invalid"
_MOST_ORIGINS: Final = 20
_DAYS_LEFT: Final = 21  # ACM renews 60 days before the end, so something prevents it
_SECONDS: Final = 10.0
_ALLOWED: Final = "access-control-allow-origin"


def log_role(context: Context) -> Iterator[Finding]:
    """The account's role with which API Gateway writes logs."""
    what = "log role"
    if context.local is not None:
        return  # its access log is the emulator's
    role = context.client("apigateway").get_account().get("cloudwatchRoleArn")
    if role:
        yield Finding(what, GOOD, f"API Gateway writes logs as {role}")
    else:
        yield Finding(
            what,
            BAD,
            f"API Gateway has no role to write logs with in {context.home}: no access log, and the "
            "next deployment that changes the stage fails",
            "deploy with cloud_watch_role=true, which creates one for all APIs of the Region",
        )


def endpoint(context: Context) -> Iterator[Finding]:
    """The endpoint refuses a request without parameters."""
    what = "endpoint"
    url = context.connector.endpoint_url
    refused = request(Request(url), by_get=True)  # noqa: S310 - checked there
    if refused.status == 400:  # noqa: PLR2004 - of HTTP
        yield Finding(what, GOOD, f"{url} answers, and refuses a request without parameters")
    else:
        why, to_do = refused.why
        words = f"{url} answers a request without parameters with {refused.status}, not 400: {why}"
        yield Finding(
            what, BAD, words, to_do or "run cdk deploy, because the stage may be outdated"
        )


def cors(context: Context) -> Iterator[Finding]:
    """CORS: scripts of each listed site may read the answers."""
    listed = json.loads(context.connector.deliveries[0].environment.get("ALLOWED_ORIGINS", '"*"'))
    url = context.connector.endpoint_url
    origins = [_ANY_SITE] if listed == "*" else [it.replace("*", "www") for it in listed]
    for origin in origins[:_MOST_ORIGINS]:
        allowed = _allowed(url, origin)
        if allowed in ("*", origin):
            yield Finding("CORS", GOOD, f"scripts of {origin} may read the answers")
        else:
            yield Finding(
                "CORS",
                BAD,
                f"scripts of {origin} may not read the answers: the preflight allows "
                f"{allowed or 'nothing'}",
                "add the site to allowed_origins and deploy; images and beacons need no CORS",
            )
    if listed != "*" and _allowed(url, _FOREIGN) in ("*", _FOREIGN):
        yield Finding(
            "CORS",
            BAD,
            "a site that is not in allowed_origins may read the answers",
            "run cdk deploy, because the stage may be outdated; check for a CDN that adds the "
            "header",
        )


def _allowed(url: str, origin: str) -> str:
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    preflight = Request(url, headers=headers, method="OPTIONS")  # noqa: S310 - checked there
    return request(preflight, by_get=False).headers.get(_ALLOWED, "")


def domain(context: Context) -> Iterator[Finding]:
    """The endpoint's own domain: its DNS record and its certificate."""
    name = context.connector.domain_name
    if name is None or context.local is not None:
        return
    known = context.client("apigateway").get_domain_name(domainName=name)
    target = known.get("regionalDomainName", "")
    status = known.get("domainNameStatus", "AVAILABLE")
    if status != "AVAILABLE":
        words = f"API Gateway says {name} is {status}: {known.get('domainNameStatusMessage', '')}"
        yield Finding("domain", BAD, words, "wait for UPDATING; otherwise deploy again")
    yield from _record(name, target)
    yield from _certificate(context, name, known.get("regionalCertificateArn"))


def _record(name: str, target: str) -> Iterator[Finding]:
    to_do = f"make {name} an alias or CNAME record that points to the output DomainTarget, {target}"
    own = _addresses(name)
    if not own:
        yield Finding("domain", BAD, f"{name} has no DNS record", to_do)
    elif own & _addresses(target):
        yield Finding("domain", GOOD, f"{name} points to the endpoint")
    else:
        # A CDN in front of it has addresses of its own.
        words = f"{name} points to {', '.join(sorted(own))}, not to {target} itself"
        yield Finding("domain", DOUBTFUL, words, f"unless a CDN is in front of it: {to_do}")


def _addresses(name: str) -> set[str]:
    try:
        return {str(it[4][0]) for it in socket.getaddrinfo(name, 443, type=socket.SOCK_STREAM)}
    except OSError:
        return set()


def _certificate(context: Context, name: str, arn: str | None) -> Iterator[Finding]:
    if arn:
        known = context.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
        if known.get("Status") != "ISSUED":
            yield Finding(
                "certificate",
                BAD,
                f"{arn} is {known.get('Status')}",
                "create the validation records that ACM lists, or deploy with another certificate",
            )
    try:
        left, expires = _served_until(name)
    except (OSError, ValueError) as error:
        yield Finding(
            "certificate",
            BAD,
            f"{name} is not served over TLS: {error}",
            "point the DNS record to DomainTarget, and set certificate_arn to a certificate for "
            "the name",
        )
        return
    good = left > _DAYS_LEFT
    yield Finding(
        "certificate",
        GOOD if good else DOUBTFUL,
        f"the certificate of {name} is good until {expires:%Y-%m-%d}, {left} days",
        "" if good else "keep the validation record in DNS, which ACM needs to renew it",
    )


def _served_until(name: str, port: int = 443) -> tuple[int, datetime]:
    """Return the days until a served certificate expires, and the date.

    Raises:
        OSError: No server answers over TLS with a certificate for the name.
    """
    context = ssl.create_default_context()
    with (
        socket.create_connection((name, port), timeout=_SECONDS) as connection,
        context.wrap_socket(connection, server_hostname=name) as tls,
    ):
        certificate: dict[str, Any] = tls.getpeercert() or {}
    expires = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    return (expires - datetime.now(UTC)).days, expires


CHECKS: Final = (log_role, endpoint, cors, domain)

"""The files that Google Tag Manager imports, made for one endpoint.

from cdk_gtm_connector.gtm import files_for

for path, text in files_for("https://….amazonaws.com/Api-PinpointEvents/events").items():
    ...

``python -m cdk_gtm_connector.gtm --help`` writes them on the command line.
"""

from __future__ import annotations

import re
from importlib.resources import files
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from cdk_gtm_connector.gtm.container import container_json

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

TEMPLATES: Final = ("web-template", "server-template", "visitor-id")
"""Folders with the layout that the Community Template Gallery requires of a repository."""

_SHARED: Final = "LICENSE"
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
# None of these characters has a meaning in a URL, JSON, a template, or GTM's URL patterns.
_PATH: Final = re.compile(r"(/[A-Za-z0-9_.~-]+)+")
_LOOPBACK: Final = ("127.0.0.1", "localhost")


def checked_endpoint(url: str) -> str:
    """Return the endpoint's URL with its scheme and host in lower case.

    Args:
        url: ``https://{host}/{path}``, as the stack's output ``EndpointUrl`` has it. ``http://`` is
            accepted only for this machine, where ``make run`` serves an endpoint.

    Raises:
        ValueError: It is no such URL. The message is one sentence.
    """
    scheme, host, path, query, fragment = urlsplit(url.strip())
    host = host.lower()
    if query or fragment or url.rstrip().endswith(("?", "#")):
        raise ValueError(f"the endpoint must have no parameters, nothing from ? or #: {url!r}")
    local = host.partition(":")[0] in _LOOPBACK
    if not (scheme == "https" or (scheme == "http" and local)):
        raise ValueError(f"the endpoint must begin with https://: {url!r}")
    if not (_HOST.fullmatch(host) and _PATH.fullmatch(path)):
        raise ValueError(
            "the endpoint must be a URL such as "
            f"https://abc123.execute-api.eu-west-1.amazonaws.com/Api-PinpointEvents/events: {url!r}"
        )
    return f"{scheme}://{host}{path}"


def files_for(endpoint: str) -> dict[str, str]:
    """Return the text of each file by its path, with ``/`` in it.

    Args:
        endpoint: The endpoint's URL; see :func:`checked_endpoint`.

    Raises:
        ValueError: The URL cannot be an endpoint's.
    """
    endpoint = checked_endpoint(endpoint)
    source = files(__name__).joinpath("files")
    made = {"README.md": _filled(source.joinpath("README.md"), endpoint)}
    for folder in TEMPLATES:
        for entry in source.joinpath(folder).iterdir():
            made[f"{folder}/{entry.name}"] = _filled(entry, endpoint)
        # Each folder may become a repository of its own, so it needs a license.
        made[f"{folder}/{_SHARED}"] = source.joinpath(_SHARED).read_text("utf-8")
    made["container.json"] = container_json(endpoint)
    made["container-with-templates.json"] = container_json(
        endpoint,
        web_template=made["web-template/template.tpl"],
        visitor_id=made["visitor-id/template.tpl"],
    )
    return dict(sorted(made.items()))


def _filled(source: Traversable, endpoint: str) -> str:
    parts = urlsplit(endpoint)
    text = source.read_text("utf-8")
    for placeholder, value in {
        "@ENDPOINT@": endpoint,
        "@HOST@": parts.netloc,
        "@PATTERN@": f"{parts.scheme}://{parts.netloc}/*",
    }.items():
        text = text.replace(placeholder, value)
    return text

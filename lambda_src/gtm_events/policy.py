"""Permissions: which callers may record events and change user attributes.

Unauthenticated changes to customer profiles can ruin segments and messages, so the owner must allow
them explicitly.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from gtm_events.caching import cached_if_short
from gtm_events.losses import Loss
from gtm_events.outcome import Reason

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gtm_events.event import Event
    from gtm_events.losses import RecordLoss
    from gtm_events.message import Request


# Sent by sandboxed frames, by local files, and by Firefox if a page withholds the referrer.
_NO_SITE: Final = "null"


@dataclass(frozen=True, slots=True)
class PolicyViolation:
    """A violation of the access policy, for which an event is rejected.

    Attributes:
        reason: The reason by which operators filter.
        detail: The reason as a phrase.
    """

    reason: Reason
    detail: str


class Origins:
    """A list of origins, such as ``https://shop.example`` and ``https://*.shop.example``.

    Schemes of apps are valid too, as in ``capacitor://localhost``.

    Args:
        patterns: The origins. A leading ``*`` label stands for one or more labels.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        self._patterns = tuple(patterns)
        alternatives = (
            re.escape(pattern).replace(r"\*", r"[a-z0-9-]+(?:\.[a-z0-9-]+)*")
            for pattern in self._patterns
        )
        self._expression = re.compile("|".join(alternatives), re.ASCII)
        # Requests come from a few pages, so the same headers repeat.
        self.allows = cached_if_short(self._allows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Origins) and self._patterns == other._patterns

    def __hash__(self) -> int:
        return hash(self._patterns)

    def _allows(self, header: str) -> bool:
        """Return whether an ``Origin`` or ``Referer`` header names one of the origins."""
        try:
            parts = urlsplit(header)
        except ValueError:
            return False
        origin = f"{parts.scheme}://{parts.netloc}"
        # lower() would turn some non-ASCII letters into ASCII ones.
        return origin.isascii() and self._expression.fullmatch(origin.lower()) is not None


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """The permissions that the owner grants.

    Attributes:
        anonymous: User attributes that anybody may change; ``None`` for all.
        authenticated: User attributes that authenticated visitors may change; ``None`` for all.
        origins: Sites whose visitors may record events; ``None`` for every site.
        require_origin: Whether the ``Origin`` header must name one of these sites.
    """

    anonymous: frozenset[str] | None = frozenset()
    authenticated: frozenset[str] | None = None
    origins: Origins | None = None
    require_origin: bool = False

    def violation(self, request: Request) -> PolicyViolation | None:
        """Return why ``request`` may not record anything, or ``None`` if it may.

        A request that names no site is allowed unless ``require_origin`` is set. Servers send
        neither header, and neither do some browsers. ``Origin: null`` names no site.
        """
        if self.origins is not None:
            origin = "" if request.origin == _NO_SITE else request.origin
            if self.require_origin and not origin:
                return PolicyViolation(Reason.ORIGIN, "no Origin header names a site")
            for name, header in (("Origin", origin), ("Referer", request.referer)):
                if header and not self.origins.allows(header):
                    return PolicyViolation(Reason.ORIGIN, f"the {name} header names another site")
        return None

    def authorize(
        self, event: Event, request: Request, record_loss: RecordLoss
    ) -> PolicyViolation | None:
        """Remove forbidden user attributes from ``event``, or return why it may not be recorded.

        Each removed attribute is reported to ``record_loss``.
        """
        if request.bound and request.endpoint != event.endpoint_id:
            # One customer must not write another's profile.
            named = "another endpoint than endpoint_id" if request.endpoint else "no endpoint"
            return PolicyViolation(Reason.FOREIGN_ENDPOINT, f"the verified claims name {named}")
        event.user_id = request.subject
        asked = event.user_attributes
        allowed = self.authenticated if request.authenticated else self.anonymous
        if asked and allowed is not None and not asked.keys() <= allowed:
            denied = Loss.NOT_FOR_AUTHENTICATED if request.subject else Loss.NOT_FOR_ANONYMOUS
            for name in asked.keys() - allowed:
                del asked[name]
                record_loss(denied, f"usat_{name}")
        return None

"""Who may change which user attributes.

Writing a customer's profile without authentication can ruin segments and messages, so it is off
unless the owner switches it on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gtm_events.event import Event

DENIED_USER_ATTRIBUTES: Final = "denied_user_attributes"


@dataclass(frozen=True, slots=True)
class AttributePolicy:
    """The owner's permission.

    Attributes:
        anonymous: Names of the user attributes that anybody may change; ``None`` for all of them.
    """

    anonymous: frozenset[str] | None = frozenset()

    def authorize(self, event: Event) -> Event:
        """Return ``event`` with the permitted user attributes only. The others are counted."""
        allowed = self.anonymous
        if allowed is None or event.user_attributes.keys() <= allowed:
            return event
        kept = {name: value for name, value in event.user_attributes.items() if name in allowed}
        event.counts[DENIED_USER_ATTRIBUTES] = len(event.user_attributes) - len(kept)
        return event.with_user_attributes(kept)

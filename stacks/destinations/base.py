"""The base class of destinations' settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stacks.setting import SettingsBase

if TYPE_CHECKING:
    from constructs import Construct

    from cdk_gtm_connector import Destination


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationSettings(SettingsBase, ABC):
    """Settings of one destination, each with the destination's prefix."""

    @abstractmethod
    def destination(self, scope: Construct, home: str | None) -> Destination:
        """Return the destination that the settings describe.

        Args:
            scope: Parent of imported resources.
            home: The Region that the stack will be deployed to; ``None`` if it is not known.

        Raises:
            PropError: A setting has a value that cannot work. The error names settings.
        """

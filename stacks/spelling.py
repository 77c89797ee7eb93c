"""Detection of misspelt settings, which the CDK would silently ignore."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Final

from stacks.destinations import destination_of
from stacks.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from constructs import Node

    from stacks.setting import Setting


def refuse_misspelt(node: Node, settings: Mapping[str, Setting]) -> None:
    """Refuse a key of the context that looks like a misspelt setting.

    Args:
        node: Node whose context to check.
        settings: The settings by name.

    Raises:
        SettingError: There is such a key.
    """
    old_names = {each.old_name: name for name, each in settings.items() if each.old_name}
    names = [*settings, *old_names]
    for key in node.get_all_context():
        if key in names or _CDKS_OWN.search(key):
            continue
        meant = _meant(key, names)
        if meant is not None:
            meant = old_names.get(meant, meant)
            raise SettingError(
                meant, "seems to be misspelt", repr(key), value=settings[meant].example
            )


# Feature flags (@aws-cdk/…), keys of the CDK CLI (aws:cdk:…, aws-cdk:…, cli-…), and results of its
# lookups in an account (availability-zones:…, hosted-zone:…).
_CDKS_OWN: Final = re.compile(r"[:/]|^(?:aws-cdk|cli)-")
_ALIKE: Final = 0.85
_ALIKE_WITHIN_DESTINATION: Final = 0.7
_WORDS_IN_COMMON: Final = 2


def _meant(key: str, names: Sequence[str]) -> str | None:
    """Return the setting that ``key`` probably means; ``None`` if it looks like another key."""
    # acceptClientTimestamp, batch-size
    spelt = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+", "_", key.strip()).lower()
    # api_domain_name: a domain name of something else
    if any(spelt.endswith(f"_{name}") for name in names if "_" in name):
        return None
    words = set(spelt.split("_"))
    destination = destination_of(spelt)
    for candidates, cutoff in (
        (names, _ALIKE),
        # log_retention_days, firehose_stream_name, user_attributes
        ([name for name in names if _share_words(words, set(name.split("_")))], 0.0),
        # pinpoint_application_id
        (
            [name for name in names if destination and destination_of(name) == destination],
            _ALIKE_WITHIN_DESTINATION,
        ),
    ):
        for match in difflib.get_close_matches(spelt, candidates, n=1, cutoff=cutoff):
            return match
    return None


def _share_words(one: set[str], other: set[str]) -> bool:
    return len(one & other) >= _WORDS_IN_COMMON and (one <= other or other <= one)

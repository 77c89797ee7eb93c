"""``BatchPutProfileObject``: its limits, its requests and its answers.

Limits are from the service's model. The request is written and signed here, so the runtime's SDK
does not have to know the operation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from gtm_events import record
from gtm_events.aws import Answer, ServiceRequest
from gtm_events.destinations.answers import by_status
from gtm_events.event import Limits
from gtm_events.json_values import objects_of, status_of, text_of
from gtm_events.losses import Loss
from gtm_events.outcome import Delivered, Outcome

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

NAME: Final = "Amazon Connect Customer Profiles"

MAX_OBJECTS: Final = 10
"""Objects in a request."""
MAX_OBJECT_CHARACTERS: Final = 256_000
MAX_REQUEST_CHARACTERS: Final = MAX_OBJECTS * MAX_OBJECT_CHARACTERS
"""Characters of a request's objects. The service documents no separate limit for a request."""
MAX_ATTRIBUTE: Final = 255
"""Maximum characters of a profile attribute's name, and of its value."""

LIMITS: Final = Limits(
    user_attribute_name_length=MAX_ATTRIBUTE, user_attribute_value_length=MAX_ATTRIBUTE
)

REQUESTS_PER_SECOND: Final = 100.0
"""Default quota of ``PutProfileObject``, from "Customer Profiles API throttling quotas" in the
Amazon Connect administrator guide. The page does not list ``BatchPutProfileObject``, which is new
in May 2026. Throttling halves the rate."""

_SEPARATOR: Final = ", "


def path(domain_name: str) -> str:
    """Return the operation's path for a domain."""
    return f"/domains/{quote(domain_name, safe='')}/profiles/objects/batch-put-profile-object"


def put(path: str, object_type_name: str, objects: Iterable[tuple[str, bytes]]) -> ServiceRequest:
    """Return the request that puts objects of one type.

    Args:
        path: See :func:`path`.
        object_type_name: Name of the object type. A request has one.
        objects: Each object's id, which is unique in the request, and the object as JSON.
    """
    items = b",".join(
        b'{"Id":%b,"Object":%b}' % (record.to_json(item_id).encode(), record.as_text(document))
        for item_id, document in objects
    )
    name = record.to_json(object_type_name).encode()
    return ServiceRequest(b'{"ObjectTypeName":%b,"Items":[%b]}' % (name, items), path, "PUT")


def outcomes(item_ids: Sequence[str], answer: Answer) -> Iterator[Outcome]:
    """Yield the outcome of each object that the answer mentions, under the object's id."""
    document = answer.json()
    successful = {text_of(item.get("Id")) for item in objects_of(document.get("Successful"))}
    failed = {text_of(item.get("Id")): item for item in objects_of(document.get("Failed"))}
    for item_id in item_ids:
        if item := failed.get(item_id):
            if status := status_of(item.get("Code")):
                yield by_status(item_id, status, item.get("Message"))
        elif item_id in successful:
            yield Delivered(item_id)


def single_values(
    user_attributes: Mapping[str, Sequence[str]], counts: Counter[str]
) -> dict[str, str]:
    """Return user attributes with the single value that a profile attribute has.

    Args:
        user_attributes: The user attributes of one event.
        counts: Gets the losses.
    """
    return {name: _one_value(values, counts) for name, values in user_attributes.items()}


def _one_value(values: Sequence[str], counts: Counter[str]) -> str:
    value = _SEPARATOR.join(values)
    if len(value) > MAX_ATTRIBUTE:
        counts[Loss.VALUE_TOO_LONG] += 1
    return value[:MAX_ATTRIBUTE]


def characters(encoded: bytes) -> int:
    """Return the number of characters in UTF-8 text: the service counts characters, not bytes."""
    return len(encoded) if encoded.isascii() else len(encoded.decode())

"""Amazon Pinpoint's ``PutEvents``.

Limits are from the quotas page of the Amazon Pinpoint developer guide, as archived before the end
of support on 2026-10-30. Sizes are read as decimal: under the other reading they are merely safe.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError
from botocore.session import get_session

from gtm_events.errors import SettingsError
from gtm_events.event import IGNORED_PARAMETERS, Event, Limits, iso8601
from gtm_events.outcome import Delivered, Outcome, Reason, Rejected, Retry, RetryReason
from gtm_events.pacing import Pacer
from gtm_events.sending import Denied, RefusedWhole, Sender, TryAgain
from gtm_events.settings import required

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gtm_events.deadline import Deadline

MAX_EVENTS: Final = 100
MAX_REQUEST_BYTES: Final = 4_000_000
MAX_EVENT_BYTES: Final = 1_000_000
MAX_ENDPOINT_BYTES: Final = 15_000
LIMITS: Final = Limits(
    name_length=50,
    value_length=200,  # Pinpoint drops an event over it without a word
    attributes_and_metrics=40,
    user_attribute_name_length=50,
    user_attribute_value_length=100,
    user_attribute_values=50,
)

# Default quota per account and Region, burst included.
_REQUESTS_PER_SECOND: Final = 15.0

_CONNECT_SECONDS: Final = 2
_READ_SECONDS: Final = 5
# Pinpoint answers within a second and its quota is small: 16 calls at once are no bottleneck.
_MAX_CALLS: Final = 16

_SERVER_ERROR: Final = 500
_TOO_MANY_REQUESTS: Final = 429
_PAYLOAD_TOO_LARGE: Final = 413
_ACCEPTED: Final = 202
_NOT_LET_IN: Final = frozenset({401, 403, 404, 405})


K = TypeVar("K")
V = TypeVar("V")


def create(environment: Mapping[str, str]) -> PinpointDestination:
    """Return the destination that ``environment`` describes.

    ``PINPOINT_APPLICATION_ID`` is required. ``PINPOINT_REQUESTS_PER_SECOND`` is the account's quota
    for ``PutEvents`` (default: 15).

    Raises:
        SettingsError: A variable is missing or malformed.
    """
    rate = environment.get("PINPOINT_REQUESTS_PER_SECOND") or str(_REQUESTS_PER_SECOND)
    try:
        requests_per_second = float(rate)
    except ValueError:
        requests_per_second = 0.0
    if not 1 <= requests_per_second <= 1_000_000:  # noqa: PLR2004 - not infinite, not NaN
        raise SettingsError("PINPOINT_REQUESTS_PER_SECOND", "must be a number of at least 1", rate)
    return PinpointDestination(
        _client(),
        application_id=required(environment, "PINPOINT_APPLICATION_ID"),
        requests_per_second=requests_per_second,
    )


class PutEventsClient(Protocol):
    """What the destination uses of the SDK's client."""

    def put_events(self, *, ApplicationId: str, EventsRequest: bytes) -> dict[str, Any]:  # noqa: N803
        """Send an ``EventsRequest`` that is already JSON."""
        ...


class PinpointDestination:
    """Sends events with as few ``PutEvents`` requests as its limits allow.

    Args:
        client: Sends the requests.
        application_id: The Pinpoint application.
        requests_per_second: Quota of the account for ``PutEvents``; its burst is as large.
    """

    limits = LIMITS

    def __init__(
        self, client: PutEventsClient, *, application_id: str, requests_per_second: float
    ) -> None:
        self._client = client
        self._application_id = application_id
        self._sender: Sender[_Entry] = Sender(
            call=self._put_events,
            pacer=Pacer(requests_per_second),
            call_seconds=_CONNECT_SECONDS + _READ_SECONDS,
            max_workers=_MAX_CALLS,
        )

    def deliver(
        self, events: Sequence[Event], deadline: Deadline, counts: Counter[str]
    ) -> Iterator[Outcome]:
        """See :meth:`gtm_events.destinations.Destination.deliver`."""
        newest = _Newest.of(events)
        entries = []
        for event in events:
            if event.event_type.startswith("_"):
                yield Rejected(
                    event.id,
                    Reason.RESERVED_EVENT_TYPE,
                    "Amazon Pinpoint keeps event types that begin with _ for its own events",
                )
                continue
            entry = _Entry.encode(event, newest, counts)
            if entry.size > MAX_EVENT_BYTES:
                yield Rejected(
                    event.id,
                    Reason.TOO_LARGE,
                    f"the event is {entry.size:,} bytes, Amazon Pinpoint takes {MAX_EVENT_BYTES:,}",
                )
                continue
            entries.append(entry)
        if entries:
            yield from self._sender.send(pack(entries), deadline, counts)

    def _put_events(self, entries: Sequence[_Entry]) -> Iterator[Outcome]:
        try:
            answer = self._client.put_events(
                ApplicationId=self._application_id, EventsRequest=encode_request(entries)
            )
        except ClientError as error:
            raise _failure(error) from error
        except (ReadTimeoutError, ConnectTimeoutError) as error:
            raise TryAgain(RetryReason.TIMED_OUT) from error
        except (HTTPClientError, EndpointConnectionError) as error:
            raise TryAgain(RetryReason.UNREACHABLE) from error
        except (BotoCoreError, ResponseParserError) as error:  # or credentials on their way out
            raise TryAgain(RetryReason.UNAVAILABLE) from error
        results = answer.get("EventsResponse", {}).get("Results", {})
        for entry in entries:
            outcome = _outcome(entry, results.get(entry.endpoint_id, {}))
            if outcome:
                yield outcome


@dataclass(frozen=True, slots=True)
class _Entry:
    """One event as it goes into a request, encoded once.

    Attributes:
        event_id: The event's id.
        endpoint_id: The event's endpoint.
        endpoint_key: The endpoint id as JSON.
        event: ``"id":{…}`` as JSON.
        user_id: ``"UserId":"…"`` as JSON, empty if nobody vouches for who it is.
        user_attributes: Each user attribute's name and ``"name":[…]`` as JSON.
        size: Bytes that the event takes in a request of its own.
    """

    event_id: str
    endpoint_id: str
    endpoint_key: bytes
    event: bytes
    user_id: bytes
    user_attributes: Mapping[str, bytes]
    size: int

    @classmethod
    def encode(
        cls,
        event: Event,
        newest: _Newest,
        counts: Counter[str],
    ) -> _Entry:
        """Encode ``event``, with what it says of the user at the batch's newest value."""
        fields: dict[str, Any] = {"EventType": event.event_type, "Timestamp": iso8601(event.time)}
        if event.attributes:
            fields["Attributes"] = event.attributes
        if event.metrics:
            fields["Metrics"] = event.metrics
        user_id = b""
        if event.user_id:
            user_id = _member("UserId", newest.user_ids[event.endpoint_id][1])
        user_attributes: dict[str, bytes] = {}
        room = MAX_ENDPOINT_BYTES - _EMPTY_ENDPOINT_BYTES - len(user_id)
        for name in sorted(event.user_attributes):
            encoded = _member(name, newest.user_attributes[event.endpoint_id, name][1])
            room -= len(encoded) + 1
            if room < 0:
                counts[IGNORED_PARAMETERS] += len(event.user_attributes) - len(user_attributes)
                break
            user_attributes[name] = encoded
        endpoint_key = _json(event.endpoint_id)
        encoded_event = _member(event.id, fields)
        return cls(
            event_id=event.id,
            endpoint_id=event.endpoint_id,
            endpoint_key=endpoint_key,
            event=encoded_event,
            user_id=user_id,
            user_attributes=user_attributes,
            size=_REQUEST_BYTES
            + len(endpoint_key)
            + _ENDPOINT_ITEM_BYTES
            + len(user_id)
            + sum(len(encoded) + 1 for encoded in user_attributes.values())
            + len(encoded_event)
            + 1,
        )


def pack(entries: Iterable[_Entry]) -> list[list[_Entry]]:
    """Distribute entries over as few requests as Pinpoint's limits allow.

    Entries of one endpoint go together, so that its user attributes are sent once. Where the size
    and not the number of events is the limit, the largest go first: that leaves the fewest gaps.
    """
    by_endpoint: dict[str, list[_Entry]] = {}
    for entry in entries:
        by_endpoint.setdefault(entry.endpoint_id, []).append(entry)
    ordered = [entry for group in by_endpoint.values() for entry in group]
    largest_first = sorted(ordered, key=lambda entry: entry.size, reverse=True)
    if sum(entry.size for entry in largest_first[:MAX_EVENTS]) > MAX_REQUEST_BYTES:
        ordered = largest_first

    requests: list[list[_Entry]] = []
    open_requests: list[_OpenRequest] = []
    for entry in ordered:
        for request in open_requests:
            if request.add(entry):
                break
        else:
            request = _OpenRequest()
            request.add(entry)
            open_requests.append(request)
            requests.append(request.entries)
        if len(request.entries) == MAX_EVENTS:
            open_requests.remove(request)
    return requests


class _OpenRequest:
    """A request that is being filled."""

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self._size = _REQUEST_BYTES
        self._endpoints: dict[str, tuple[set[bytes], int]] = {}

    def add(self, entry: _Entry) -> bool:
        """Add ``entry`` if the request has room for it."""
        if entry.endpoint_id in self._endpoints:
            members, endpoint_size = self._endpoints[entry.endpoint_id]
            growth = len(entry.event) + 1
        else:
            members, endpoint_size = set(), _EMPTY_ENDPOINT_BYTES
            growth = len(entry.endpoint_key) + _ENDPOINT_ITEM_BYTES + len(entry.event) + 1
        new_members = ({entry.user_id, *entry.user_attributes.values()} - {b""}) - members
        attribute_growth = sum(len(member) + 1 for member in new_members)
        if self.entries and (
            self._size + growth + attribute_growth > MAX_REQUEST_BYTES
            or endpoint_size + attribute_growth > MAX_ENDPOINT_BYTES
        ):
            return False
        self.entries.append(entry)
        self._size += growth + attribute_growth
        members |= new_members
        self._endpoints[entry.endpoint_id] = members, endpoint_size + attribute_growth
        return True


def encode_request(entries: Sequence[_Entry]) -> bytes:
    """Return the ``EventsRequest`` that carries ``entries``, as JSON."""
    endpoints: dict[bytes, list[_Entry]] = {}
    for entry in entries:
        endpoints.setdefault(entry.endpoint_key, []).append(entry)
    return b'{"BatchItem":{%b}}' % b",".join(
        b'%b:{"Endpoint":%b,"Events":{%b}}'
        % (key, _endpoint(group), b",".join(entry.event for entry in group))
        for key, group in endpoints.items()
    )


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _json(value: object) -> bytes:
    return _encode(value).encode()


def _member(name: str, value: object) -> bytes:
    return b"%b:%b" % (_json(name), _json(value))


def _endpoint(entries: Sequence[_Entry]) -> bytes:
    """Return the ``Endpoint`` that one endpoint's entries ask for: empty if they change nothing."""
    user_id = b""
    user_attributes: dict[str, bytes] = {}
    for entry in entries:
        user_id = entry.user_id or user_id
        user_attributes.update(entry.user_attributes)
    members = [user_id] if user_id else []
    if user_attributes:
        members.append(b'"UserAttributes":{%b}' % b",".join(user_attributes.values()))
    return b'{"User":{%b}}' % b",".join(members) if members else b"{}"


_REQUEST_BYTES: Final = len(b'{"BatchItem":{}}')
_EMPTY_ENDPOINT_BYTES: Final = len(b'{"User":{"UserAttributes":{}}}')
# Everything of an endpoint's item but its key, its user and its events.
_ENDPOINT_ITEM_BYTES: Final = len(b',:{"Endpoint":,"Events":{}}') + _EMPTY_ENDPOINT_BYTES


@dataclass(frozen=True, slots=True)
class _Newest:
    """What a batch says of each endpoint's user, the newest only.

    Requests go out in parallel and entries may be retried, so an older value must not be sent at
    all: it could arrive last.

    Attributes:
        user_ids: By endpoint, when it was last vouched for who it is, and who.
        user_attributes: By endpoint and name, when each was last set, and to what.
    """

    user_ids: dict[str, tuple[int, str]]
    user_attributes: dict[tuple[str, str], tuple[int, list[str]]]

    @classmethod
    def of(cls, events: Sequence[Event]) -> _Newest:
        newest = cls({}, {})
        for event in events:
            if event.user_id:
                newest._keep(newest.user_ids, event.endpoint_id, event.time, event.user_id)
            for name, values in event.user_attributes.items():
                newest._keep(newest.user_attributes, (event.endpoint_id, name), event.time, values)
        return newest

    @staticmethod
    def _keep(values: dict[K, tuple[int, V]], key: K, time: int, value: V) -> None:
        if key not in values or values[key][0] <= time:
            values[key] = time, value


def _outcome(entry: _Entry, result: Mapping[str, Any]) -> Outcome | None:
    """Return what the endpoint's result says of ``entry``, ``None`` if it says nothing."""
    event = result.get("EventsItemResponse", {}).get(entry.event_id)
    if not event or "StatusCode" not in event:
        return None
    problem = _problem(entry, event, Reason.REFUSED)
    if problem or not (entry.user_id or entry.user_attributes):
        return problem or Delivered(entry.event_id)
    # The event is recorded, but its user attributes go with the endpoint, which has its own status.
    endpoint = result.get("EndpointItemResponse") or {"StatusCode": _ACCEPTED}
    return _problem(entry, endpoint, Reason.USER_ATTRIBUTES_REFUSED) or Delivered(entry.event_id)


def _problem(entry: _Entry, item: Mapping[str, Any], reason: Reason) -> Outcome | None:
    status = item.get("StatusCode", _ACCEPTED)
    if 200 <= status < 300:  # noqa: PLR2004 - HTTP's success
        return None
    if status == _TOO_MANY_REQUESTS:
        return Retry(entry.event_id, RetryReason.THROTTLED)
    if status >= _SERVER_ERROR:
        return Retry(entry.event_id, RetryReason.UNAVAILABLE)
    return Rejected(entry.event_id, reason, f"{status} {item.get('Message') or 'no message'}")


def _failure(error: ClientError) -> TryAgain | RefusedWhole | Denied:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", _SERVER_ERROR)
    code = error.response.get("Error", {}).get("Code", "")
    if status == _TOO_MANY_REQUESTS or "Throttling" in code or code == "TooManyRequestsException":
        return TryAgain(RetryReason.THROTTLED)
    if status >= _SERVER_ERROR:
        return TryAgain(RetryReason.UNAVAILABLE)
    if status in _NOT_LET_IN:
        return Denied(f"{status} {code}")
    words = f"{status} {code}: {error.response.get('Error', {}).get('Message') or 'no message'}"
    if status == _PAYLOAD_TOO_LARGE:
        return RefusedWhole(Reason.TOO_LARGE, words)
    return RefusedWhole(Reason.REFUSED, words)


def _client() -> PutEventsClient:
    """Return botocore's client, which signs and sends what :func:`encode_request` returns."""
    client = get_session().create_client(
        "pinpoint",
        config=Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            max_pool_connections=_MAX_CALLS,
            # The sender retries: it knows the deadline and the quota.
            retries={"total_max_attempts": 1, "mode": "standard"},
            # The request is encoded here, once, and so is known to the byte before it is packed.
            parameter_validation=False,
        ),
    )
    client.meta.events.register("before-parameter-build.pinpoint.PutEvents", _set_body_aside)
    client.meta.events.register("before-call.pinpoint.PutEvents", _put_body_back)
    return cast("PutEventsClient", client)


def _set_body_aside(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    context["events_request"] = params["EventsRequest"]
    params["EventsRequest"] = {}


def _put_body_back(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    params["body"] = context["events_request"]

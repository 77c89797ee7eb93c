"""Marked requests, their answers, and the messages that became of them."""

from __future__ import annotations

import http.client
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_plus, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

BLANK: Final = "%C2%85" * 51
"""An endpoint id that the endpoint takes and the function rejects, percent-encoded.

It is white space (U+0085) of over 300 encoded characters, which the templates do not examine
(``cdk_gtm_connector/templates/check.vtl``). To neither Java nor JSON Schema's patterns is that
character white space.
"""

BLANK_TEXT: Final = "\x85" * 51
"""The same, for JSON: there written as it is."""

FOREIGN_ORIGIN: Final = "https://gtm-connector-verify.invalid"
"""A site that no connector allows: ``.invalid`` is nobody's (RFC 2606)."""

_MARK: Final = re.compile(r"gtmverify([a-z0-9]{8})n([0-9]{4})e")
_SECONDS: Final = 40  # API Gateway gives up after 29


def mark(run: str, number: int) -> str:
    """Return the mark of a run's request: letters and digits, the same in every encoding."""
    return f"gtmverify{run}n{number:04}e"


def find_mark(text: str) -> tuple[str, int] | None:
    """Return the run and the number of the mark in a text, if there is one."""
    found = _MARK.search(text)
    return (found[1], int(found[2])) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A request to the endpoint. ``{mark}`` and ``{blank}`` in its texts are filled in.

    Attributes:
        about: What it tries, in a few words; unique within its question.
        query: The query string as it is sent.
        method: The HTTP method.
        headers: Its headers.
        body: Its body.
        path: What follows the endpoint's URL.
        data: What the judge has to know, such as the value that was sent.
        malformed: Whether the function rejects it for what it lacks, whatever its endpoint id is.
    """

    about: str
    query: str = ""
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    path: str = ""
    data: Any = None
    malformed: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What the endpoint answered.

    Attributes:
        status: The HTTP status.
        headers: The headers, their names in lower case.
        body: The body.
    """

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def accepted(self) -> bool:
        """Whether the tag would report success."""
        return 200 <= self.status < 300  # noqa: PLR2004 - HTTP's

    def to_json(self) -> dict[str, Any]:
        """Return it for a line of JSON."""
        return {"status": self.status, "headers": dict(self.headers), "body": self.body}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote."""
        return cls(document["status"], document["headers"], document["body"])


@dataclass(frozen=True, slots=True)
class Raw:
    """A message as the endpoint wrote it.

    Attributes:
        envelope: The fields of its first line.
        parameters: The parameters of its second line, decoded, in their order.
    """

    envelope: Mapping[str, str]
    parameters: Sequence[tuple[str, str]]

    @classmethod
    def of(cls, text: str) -> Self:
        """Read a message."""
        first, _, second = text.partition("\n")
        return cls(dict(_pairs(first)), _pairs(second))

    def values(self, name: str) -> list[str]:
        """Return all values of a parameter."""
        return [value for each, value in self.parameters if each == name]


def _pairs(line: str) -> list[tuple[str, str]]:
    parts = (part.partition("=") for part in line.split("&") if part)
    return [(unquote_plus(name), unquote_plus(value)) for name, _, value in parts]


@dataclass(frozen=True, slots=True)
class Observed:
    """A probe with its results.

    Attributes:
        probe: The probe.
        mark: What marks it.
        answer: What the endpoint answered.
        messages: Texts of the messages that became of it: one for each function that keeps it.
    """

    probe: Probe
    mark: str
    answer: Answer
    messages: Sequence[str] = ()

    @property
    def raw(self) -> Raw | None:
        """The message, if one came."""
        return Raw.of(self.messages[0]) if self.messages else None


class _AnyPath:
    """Turns off the check of ``http.client`` that would refuse half of the probes."""

    def _validate_path(self, url: str) -> None:
        pass


class _Http(_AnyPath, http.client.HTTPConnection):
    pass


class _Https(_AnyPath, http.client.HTTPSConnection):
    pass


class Sender:
    """Sends probes one after the other, as they stand: nothing re-encodes them.

    Args:
        url: URL of ``/events``.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        kind = _Https if parts.scheme == "https" else _Http
        self._connection = kind(parts.netloc, timeout=_SECONDS)
        self._path = parts.path

    def send(self, probe: Probe, marked: str) -> Answer:
        """Send a probe; return the answer.

        Args:
            probe: The probe.
            marked: Its mark.

        Raises:
            OSError: There was no answer.
            http.client.HTTPException: The answer is no HTTP.
        """
        query = fill(probe.query, marked)
        target = self._path + probe.path + (f"?{query}" if query else "")
        body = fill(probe.body.decode("latin-1"), marked).encode("latin-1")
        headers = {name: fill(value, marked) for name, value in probe.headers.items()}
        try:
            return self._answer(probe.method, target, body, headers)
        except (http.client.RemoteDisconnected, ConnectionError):
            # A kept connection may have been closed meanwhile.
            self._connection.close()
            return self._answer(probe.method, target, body, headers)

    def _answer(self, method: str, target: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            self._connection.request(method, target, body or None, headers)
            response = self._connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except http.client.HTTPException:
            self._connection.close()
            raise
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, text)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def fill(text: str, marked: str) -> str:
    """Return a probe's text with its mark and the blank endpoint id."""
    return text.replace("{mark}", marked).replace("{blank}", BLANK)

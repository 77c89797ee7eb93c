"""Marked requests, their answers and their messages."""

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
"""A blank endpoint id that the endpoint accepts and the function rejects, percent-encoded.

It is 51 times U+0085. Encoded, that is more than 300 characters, which the templates do not examine
(``cdk_gtm_connector/templates/check.vtl``). Python takes U+0085 for white space. Java and the
patterns of JSON Schema do not.
"""

BLANK_TEXT: Final = "\x85" * 51
"""The same endpoint id, unencoded, for JSON."""

FOREIGN_ORIGIN: Final = "https://gtm-connector-verify.invalid"
"""A site that no connector allows: RFC 2606 reserves ``.invalid``."""

_MARK: Final = re.compile(r"gtmverify([a-z0-9]{8})n([0-9]{4})e")
_SECONDS: Final = 40  # API Gateway gives up after 29


def mark(run: str, number: int) -> str:
    """Return a request's mark: letters and digits, which no encoding changes."""
    return f"gtmverify{run}n{number:04}e"


def find_mark(text: str) -> tuple[str, int] | None:
    """Return the run and the number in a text's mark; ``None`` without a mark."""
    found = _MARK.search(text)
    return (found[1], int(found[2])) if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A request to the endpoint. Its texts have the placeholders ``{mark}`` and ``{blank}``.

    Attributes:
        about: The purpose in a few words; unique within the question.
        query: The query string as it is sent.
        method: The HTTP method.
        headers: Its headers.
        body: Its body.
        path: The path after the endpoint's URL.
        data: The expected result, such as the value that was sent.
        malformed: Whether the function rejects it whatever its endpoint id is, because a part is
            missing.
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
    """The endpoint's answer.

    Attributes:
        status: The HTTP status.
        headers: The headers, with names in lower case.
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
        """Return the answer as JSON data."""
        return {"status": self.status, "headers": dict(self.headers), "body": self.body}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_json` wrote."""
        return cls(document["status"], document["headers"], document["body"])


@dataclass(frozen=True, slots=True)
class WrittenMessage:
    """A message as the endpoint wrote it.

    Attributes:
        envelope: The fields of its first line.
        parameters: The decoded parameters of its second line, in order.
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
    """A probe and its results.

    Attributes:
        probe: The probe.
        mark: The mark in the request.
        answer: The endpoint's answer.
        messages: The texts of its messages: one from each function that rejected it.
    """

    probe: Probe
    mark: str
    answer: Answer
    messages: Sequence[str] = ()

    @property
    def message(self) -> WrittenMessage | None:
        """The message, if one came."""
        return WrittenMessage.of(self.messages[0]) if self.messages else None


class _AnyPath:
    """Turns off the check of ``http.client`` that refuses unencoded characters in a URL."""

    def _validate_path(self, url: str) -> None:
        pass


class _Http(_AnyPath, http.client.HTTPConnection):
    pass


class _Https(_AnyPath, http.client.HTTPSConnection):
    pass


class Sender:
    """Sends probes in sequence, exactly as they are written.

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
            http.client.HTTPException: The answer is not HTTP.
        """
        query = fill(probe.query, marked)
        target = self._path + probe.path + (f"?{query}" if query else "")
        body = fill(probe.body.decode("latin-1"), marked).encode("latin-1")
        headers = {name: fill(value, marked) for name, value in probe.headers.items()}
        try:
            return self._answer(probe.method, target, body, headers)
        except (http.client.RemoteDisconnected, ConnectionError):
            # The endpoint may have closed the connection since the last request.
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
    """Return a probe's text with its placeholders filled in."""
    return text.replace("{mark}", marked).replace("{blank}", BLANK)

"""Reports of answered requests, as lines of JSON for the process that started this one."""

# Replacing private functions is what this package is for, and MiniStack has no types.
# ruff: noqa: SLF001
# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ministack import app

from local.emulator.exchange import CURRENT, Exchange
from local.emulator.targets import mask_token, refuse, split_query

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

_REPORTED_BODY_BYTES: Final = 32_768  # of a posted body


@dataclass(frozen=True, slots=True)
class Reporter:
    """A writer of JSON lines to a file descriptor."""

    fd: int

    def write(self, report: Mapping[str, Any]) -> None:
        """Write one report. If the reader is gone, the parent watch ends the process."""
        line = memoryview(json.dumps(report).encode() + b"\n")
        try:
            while line:
                line = line[os.write(self.fd, line) :]
        except OSError:
            return

    def wrap(
        self, handle: Callable[..., Awaitable[tuple[int, dict[str, str], bytes] | None]]
    ) -> Callable[..., Awaitable[tuple[int, dict[str, str], bytes] | None]]:
        """Wrap MiniStack's handler of API requests to split queries and report answers."""

        async def handle_and_report(  # noqa: PLR0917 - MiniStack's signature
            host: str,
            path: str,
            method: str,
            headers: dict[str, str],
            body: bytes,
            query_params: dict[str, list[str]],
            raw_path: str | None = None,
            raw_query_string: str | None = None,
        ) -> tuple[int, dict[str, str], bytes] | None:
            target = app._parse_execute_api_url(host, path)
            if target is None:
                return await handle(
                    host, path, method, headers, body, query_params, raw_path, raw_query_string
                )
            query = raw_query_string or ""
            exchange = Exchange()
            CURRENT.set(exchange)
            received = int(time.time() * 1000)
            _, stage, api_path = target
            answer = refuse(f"/{stage}{api_path}?{query}") or await handle(
                host, path, method, headers, body, split_query(query), raw_path, query
            )
            if answer is not None:
                status, answer_headers, answer_body = answer
                # This header shows the event's ID in a browser's developer tools.
                answer_headers["x-amz-apigw-id"] = exchange.extended_request_id
                failed = status >= 400  # noqa: PLR2004 - HTTP's errors
                self.write(
                    {
                        "time": received,
                        "method": method,
                        "path": api_path,
                        "query": mask_token(query),
                        "content_type": _content_type(headers),
                        "body": mask_token(body[:_REPORTED_BODY_BYTES].decode(errors="replace")),
                        "body_cut": len(body) > _REPORTED_BODY_BYTES,
                        "status": status,
                        "event_id": exchange.event_id,
                        "opted_out": exchange.opted_out,
                        "detail": answer_body.decode(errors="replace") if failed else "",
                    }
                )
            return answer

        return handle_and_report


def _content_type(headers: Mapping[str, str]) -> str:
    return next((it for name, it in headers.items() if name.lower() == "content-type"), "")

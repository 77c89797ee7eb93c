#!/usr/bin/env python3
"""Check that the external pages to which the documents link still exist: ``make links``.

The exit status is 1 if a page no longer exists. A site that refuses programs (401, 403, 429) or
fails temporarily (5xx) may still have the page, so the script only lists it. No test runs this
script, because changes on other sites must not block a change here.
"""

from __future__ import annotations

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT: Final = Path(__file__).parents[1]
_FENCED: Final = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
_LINK: Final = re.compile(r"\]\((https://[^)\s#]+)(?:#[^)\s]*)?\)")
_GONE: Final = {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}
_SECONDS: Final = 30


def links(root: Path) -> list[str]:
    """Return the distinct addresses that the documents link to."""
    documents = [*root.glob("*.md"), *root.glob("docs/**/*.md")]
    texts = (_FENCED.sub("", path.read_text("utf-8")) for path in documents)
    return sorted({address for text in texts for address in _LINK.findall(text)})


def fault(address: str) -> tuple[bool, str]:
    """Return whether a page no longer exists, and its fault; "" if there is none."""
    request = Request(address, headers={"User-Agent": "cdk-gtm-connector-links"})  # noqa: S310 - https, or a test's
    try:
        with urlopen(request, timeout=_SECONDS):  # noqa: S310 - as above
            return False, ""
    except HTTPError as error:
        return error.code in _GONE, f"{error.code} {error.reason}"
    except (URLError, TimeoutError, ConnectionError) as error:
        return False, str(error)


def check(addresses: Iterable[str]) -> int:
    """Print the fault of each address, and return the exit status."""
    addresses = list(addresses)
    with ThreadPoolExecutor(max_workers=8) as executor:
        faults = list(executor.map(fault, addresses))
    for address, (gone, words) in zip(addresses, faults, strict=True):
        if words:
            sys.stdout.write(f"{'gone' if gone else 'unclear'}: {address}: {words}\n")
    sys.stdout.write(f"{len(addresses)} links, {sum(gone for gone, _ in faults)} gone\n")
    return int(any(gone for gone, _ in faults))


if __name__ == "__main__":
    sys.exit(check(links(ROOT)))

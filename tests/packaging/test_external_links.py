"""The script that asks other sites for their pages, against a site of the test's own."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from scripts.external_links import check, links

if TYPE_CHECKING:
    from collections.abc import Iterator


class Site(BaseHTTPRequestHandler):
    """Answers with the status that the path says."""

    def do_GET(self) -> None:
        self.send_response(int(self.path[1:]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        """Print nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_only_a_page_that_is_gone_fails(site: str, capsys: pytest.CaptureFixture[str]) -> None:
    fine = [f"{site}/200", f"{site}/403", f"{site}/503", "http://127.0.0.1:9/"]
    assert check(fine) == 0
    told = capsys.readouterr().out
    assert f"unclear: {site}/403: 403 Forbidden" in told
    assert "4 links, 0 gone" in told
    assert check([*fine, f"{site}/404"]) == 1
    assert f"gone: {site}/404: 404 Not Found" in capsys.readouterr().out


def test_it_finds_the_links_of_documents(tmp_path: Path) -> None:
    tmp_path.joinpath("docs").mkdir()
    tmp_path.joinpath("README.md").write_text("[a](https://a.example/x#y) [b](docs/b.md)", "utf-8")
    tmp_path.joinpath("docs", "b.md").write_text(
        "[a](https://a.example/x) [c](https://c.example/)\n```\n[d](https://d.example/)\n```\n",
        "utf-8",
    )
    assert links(tmp_path) == ["https://a.example/x", "https://c.example/"]
    assert len(links(Path(__file__).parents[2])) > 5

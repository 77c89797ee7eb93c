"""docs/capacity.md and docs/costs.md say what the code says now."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from capacity import __main__ as command
from capacity import document, plots
from capacity.destinations import destination_models

if TYPE_CHECKING:
    from pathlib import Path

HINT = "run: make capacity"


@pytest.fixture(scope="module")
def text() -> str:
    return "".join(path.read_text("utf-8") for path in document.DOCUMENTS)


def test_every_table_is_in_the_documents_once(text: str) -> None:
    assert sorted(document.names(text)) == sorted(document.TABLES)


@pytest.mark.parametrize("name", document.TABLES)
def test_a_table_is_what_the_code_prints(text: str, name: str) -> None:
    start, end = f"<!-- table: {name} -->\n\n", "\n\n<!-- end -->"
    written = text.partition(start)[2].partition(end)[0]
    assert written == document.TABLES[name](), HINT


def test_the_plots_are_what_the_code_draws(text: str, tmp_path: Path) -> None:
    drawn = plots.draw(tmp_path)
    assert sorted(path.name for path in drawn) == sorted(re.findall(r"\(images/(\S+\.svg)\)", text))
    for path in drawn:
        committed = document.IMAGES / path.name
        assert path.read_bytes() == committed.read_bytes(), HINT
        assert len(path.read_bytes()) < 60_000


def test_a_table_is_rewritten_in_place() -> None:
    stale = "before\n<!-- table: in-flight -->\nold\n<!-- end -->\nafter"
    fresh = document.rewritten(stale)
    assert fresh.startswith("before\n<!-- table: in-flight -->\n\n| batch size")
    assert fresh.endswith("|\n\n<!-- end -->\nafter")
    assert "old" not in fresh
    with pytest.raises(KeyError):
        document.rewritten("<!-- table: unheard-of -->\n<!-- end -->")


def test_a_new_destination_gets_a_section() -> None:
    heading = "### 10,000 and more, with any destination\n"
    before = "".join(
        f"<!-- table: {model.table} -->\n<!-- end -->\n"
        for model in destination_models()
        if model.name != "Kinesis"
    )
    page = document.with_every_destination(before + heading)
    section = "### Kinesis\n\n<!-- table: stages-kinesis -->\n<!-- end -->\n\n"
    assert page == before + section + heading
    assert document.with_every_destination(page) == page
    committed = document.DOCUMENTS[-1].read_text("utf-8")
    assert heading in committed


def test_the_command_prints_tables_and_writes_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "write", lambda: pytest.fail("it was to print"))
    assert command.main(["--print", "in-flight", "--print", "prices"]) == 0
    tables = capsys.readouterr().out
    assert tables == f"{document.TABLES['in-flight']()}\n\n{document.TABLES['prices']()}\n"


def test_the_command_writes_tables_and_plots(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    committed = document.IMAGES / "capacity-crowd.svg"
    page = tmp_path / "capacity.md"
    page.write_text("<!-- table: prices -->\nold\n<!-- end -->\n", encoding="utf-8")
    monkeypatch.setattr(document, "DOCUMENTS", (page,))
    monkeypatch.setattr(document, "IMAGES", tmp_path / "images")
    monkeypatch.setattr(plots, "FIGURES", {"crowd.svg": plots.FIGURES["capacity-crowd.svg"]})
    assert command.main([]) == 0
    written = document.TABLES["prices"]()
    assert page.read_text("utf-8") == f"<!-- table: prices -->\n\n{written}\n\n<!-- end -->\n"
    assert (tmp_path / "images" / "crowd.svg").read_bytes() == committed.read_bytes()

"""The other views of the page, and its files."""

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from rgtsr import pictures, serving, weights
from serving.page.browsing import downloaded, shot, tab
from serving.services import PATIENCE_S, slow, until

PAGE = Path(serving.__file__).parent / "page"


@pytest.mark.parametrize("view", ["compare", "weights"])
def test_a_view_that_is_opened_by_its_address_begins_at_its_top(
    chromium: Any, address: str, view: str
) -> None:
    with tab(chromium, f"{address}#{view}", size=(700, 300)) as opened:
        page = opened.page
        page.locator("#weights-list table").first.wait_for(state="attached")
        page.locator(f"#{view}-view h1").wait_for()
        assert page.evaluate("scrollY") == 0
        page.mouse.wheel(0, 100)
        page.reload()
        page.locator(f"#{view}-view h1").wait_for()
        assert page.evaluate("scrollY") == 0


def test_two_models_are_compared_on_one_picture(page: Any, files: Path, tmp_path: Path) -> None:
    page.click("text=Compare models")
    page.click("#contest .primary")
    assert page.inner_text("#contest-problem") == "Choose a picture first."
    page.set_input_files("#contest-picture", files / "pagoda.jpg")
    page.select_option("#left-model", "swift-x3")  # whose sibling is what enlarges twice
    page.select_option("#right-model", "swift-x2-photo")
    page.click("#contest .primary")
    page.locator("#contest-showing .facts").wait_for()
    assert page.inner_text("#contest-showing .tag.left") == "swift-x2"
    assert page.inner_text("#contest-showing .tag.right") == "swift-x2-photo"
    assert page.locator("#contest-showing dt").all_inner_texts() == ["swift-x2", "swift-x2-photo"]
    for side, name in (("left", "swift-x3"), ("right", "swift-x2-photo")):
        found = downloaded(page, f"text=Download {side}", tmp_path)
        assert name in found.name
        assert pictures.read(found).size == (96, 128)
    for layer in (1, 2):
        image = page.locator(f"#contest-showing .layer:nth-child({layer}) img")
        assert image.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 128


def test_who_leaves_a_comparison_ends_its_jobs(chromium: Any, address: str, tmp_path: Path) -> None:
    (tmp_path / "slow.png").write_bytes(slow())
    before = count(address, 'jobs_ended{state="cancelled"}')
    with tab(chromium, address) as opened:
        page = opened.page
        page.click("text=Compare models")
        page.set_input_files("#contest-picture", tmp_path / "slow.png")
        page.click("#contest .primary")
        page.locator("#contest-progress", has_text=re.compile(r": \d+ %")).wait_for()
        page.goto("about:blank")
        until(lambda: count(address, "unfinished") == 0)
    assert count(address, 'jobs_ended{state="cancelled"}') > before


def count(address: str, name: str) -> float:
    """One of the service's metrics; 0 where it has not come up."""
    text = httpx.get(f"{address}metrics", timeout=PATIENCE_S).text
    found = re.search(rf"^rgtsr_{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_all_weights_are_listed_with_licence_and_scores(page: Any) -> None:
    page.click("text=Weights")
    page.locator("table").first.wait_for()
    shot(page, "weights")
    page.click("text=Figures, for engineers")
    for entry in weights.listing():
        assert entry.licence in row_of(page, "#weights-list", entry.name)
        figures = row_of(page, "#weights-figures", entry.name)
        assert f"Set5 {entry.scores['Set5 paper']:.2f}" in figures


def row_of(page: Any, table: str, name: str) -> str:
    rows = page.locator(f"{table} tbody tr").all_inner_texts()
    (row,) = [row for row in rows if re.split(r"\s", row)[0] == name]
    return row


def test_the_page_names_no_address_that_a_root_path_would_break() -> None:
    for path in (PAGE / "index.html", PAGE / "page.css", *PAGE.glob("*.js")):
        text = path.read_text(encoding="utf-8")
        assert not re.findall(r"""(?:href|src|action)="/|["'`(]/(?:v1|static)""", text), path.name
        assert "style=" not in text, path.name


def test_the_parts_of_others_carry_their_licences() -> None:
    for name in ("img-comparison-slider", "openseadragon"):
        licence = PAGE / "parts" / name / "LICENSE.txt"
        assert "Copyright (c)" in licence.read_text(encoding="utf-8").replace("(C)", "(c)")

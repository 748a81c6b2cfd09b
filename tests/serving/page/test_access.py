"""Whoever comes, and however: keyboard, screen reader, phone, no script, a token."""

from pathlib import Path
from typing import Any

import pytest

from rgtsr import pictures
from serving.page.browsing import DONE, LINE, TIMES, downloaded, enlarge, shot, tab
from serving.services import serving

CONTRAST = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
MOST_TABS = 40


def test_all_of_it_can_be_done_with_the_keyboard(page: Any, files: Path) -> None:
    page.on("filechooser", lambda _: None)  # heard from now on: the key may come before the ear
    tab_to(page, "#picture")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Space")
    chooser.value.set_files(files / "pagoda.jpg")
    tab_to(page, "[name=scale]")
    page.keyboard.press("ArrowRight")
    tab_to(page, "#go")
    page.keyboard.press("Enter")
    page.locator(DONE).wait_for()
    assert f"192 {TIMES} 144" in page.inner_text(".card .line")
    tab_to(page, LINE)
    page.keyboard.press("Home")
    assert page.get_attribute(LINE, "aria-valuenow") == "0"
    page.keyboard.press("+")
    assert page.inner_text("#showing .zoom") == "125 %"
    tab_to(page, "#showing .download")
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert waiting.value.suggested_filename == "pagoda_x3.jpg"


def tab_to(page: Any, selector: str) -> None:
    """By the Tab key alone; where the focus is can be seen all along."""
    ringed = "[document.activeElement, document.activeElement.nextElementSibling,"
    ringed += " document.activeElement.closest('.drop, .light-table')]"
    is_seen = f"{ringed}.some((each) => each && getComputedStyle(each).outlineStyle !== 'none')"
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        assert page.evaluate(is_seen), page.evaluate("document.activeElement.outerHTML")
        if page.evaluate("(what) => document.activeElement.matches(what)", selector):
            return
    raise AssertionError(f"{selector} is not reached by the Tab key")


def test_everything_that_can_be_used_has_a_name(page: Any, files: Path) -> None:
    enlarge(page, files / "pagoda.jpg")
    page.click("summary")
    for view in ("enlarge", "compare", "weights"):
        page.click(f"nav a[href='#{view}']")
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("a, button, input, select, [role=slider]")]
                .filter((each) => each.checkVisibility() && !each.ariaHidden)
                .filter((each) => !(each.ariaLabel || each.innerText?.trim() ||
                    [...(each.labels ?? [])].some((label) => label.innerText.trim())))
                .map((each) => each.outerHTML)"""
        )
        assert nameless == []


def test_no_choice_is_cut_off(page: Any) -> None:
    page.locator("#model option").nth(3).wait_for(state="attached")
    page.click("text=More options")
    for view in ("enlarge", "compare"):
        page.click(f"nav a[href='#{view}']")
        cut = page.evaluate(
            """() => [...document.querySelectorAll("select")].filter((each) => {
                const free = each.cloneNode(true);
                each.after(free);
                free.style.width = "max-content";
                const isCut = free.offsetWidth > each.offsetWidth;
                free.remove();
                return each.checkVisibility() && isCut;
            }).map((each) => each.id)"""
        )
        assert cut == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_stands_out_from_its_ground(
    chromium: Any, address: str, files: Path, scheme: str
) -> None:
    with tab(chromium, address, color_scheme=scheme) as opened:
        page = opened.page
        assert page.evaluate(CONTRAST) == []
        enlarge(page, files / "portrait.png", files / "pagoda.jpg")
        page.click("summary")
        assert page.evaluate(CONTRAST) == []
        page.click("summary")
        if scheme == "dark":
            page.click("text=200 %")
            shot(page, "dark")
        page.click("text=Weights")
        page.locator("table").first.wait_for()
        assert page.evaluate(CONTRAST) == []


def test_a_phone_shows_all_of_it_without_scrolling_sideways(
    chromium: Any, address: str, files: Path
) -> None:
    phone = {"has_touch": True, "is_mobile": True, "reduced_motion": "reduce"}
    with tab(chromium, address, size=(375, 740), **phone) as opened:
        page = opened.page
        assert_fits(page)
        enlarge(page, files / "portrait.png")
        page.locator("#showing .facts").wait_for()
        for seen in (".card .download", "#showing .surface"):
            box = page.locator(seen).bounding_box()
            assert box["y"] >= 0, seen
            assert box["y"] + box["height"] <= 740, seen
        assert box["width"] / box["height"] == pytest.approx(240 / 190, rel=0.01)
        shot(page, "phone")
        page.check("#order [value=other]", force=True)
        page.click("summary")
        assert_fits(page)
        page.click("summary")
        page.check("#order [value='2']", force=True)
        page.tap(".card .open")
        assert 0 <= page.locator("#showing").bounding_box()["y"] < 740 / 2
        for view in ("compare", "weights"):
            page.tap(f"nav a[href='#{view}']")
            assert_fits(page)


def assert_fits(page: Any) -> None:
    """Nothing reaches beyond the window's sides."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_without_javascript_a_plain_form_does_it(
    chromium: Any, address: str, files: Path, tmp_path: Path
) -> None:
    with tab(chromium, address, java_script_enabled=False) as opened:
        opened.page.set_input_files("#picture", files / "pagoda.jpg")
        opened.page.check("[name=scale][value='4']", force=True)
        found = downloaded(opened.page, "#go", tmp_path)
    assert found.name == "pagoda_x4.jpg"
    assert pictures.read(found).size == (192, 256)


def test_a_plain_form_that_fails_is_told_on_a_page(
    chromium: Any, address: str, tmp_path: Path
) -> None:
    (tmp_path / "letter.jpg").write_text("Dear Sir or Madam")
    with tab(chromium, address, may_be_refused=True, java_script_enabled=False) as opened:
        opened.page.set_input_files("#picture", tmp_path / "letter.jpg")
        opened.page.click("#go")
        opened.page.locator("text=no picture that can be read").wait_for()
        opened.page.click("text=Back to the pictures")
        opened.page.locator("#go").wait_for()


def test_where_a_token_is_needed_the_page_asks_for_it(
    chromium: Any, files: Path, tmp_path: Path
) -> None:
    (tmp_path / "tokens").write_text("open sesame, please\n")
    options = ("--auth-token-file", tmp_path / "tokens", "--folder", tmp_path / "spool")
    refusing = {"may_be_refused": True}
    with serving(*options) as service, tab(chromium, service.address, **refusing) as opened:
        page = opened.page
        assert "this service gives it out" in page.inner_text("main")
        assert page.locator("h1 img").evaluate("(logo) => logo.decode().then(() => logo.width)")
        page.fill("[name=token]", "open barley")
        page.click("button")
        page.locator("text=not known here").wait_for()
        page.fill("[name=token]", "open sesame, please")
        page.click("button")
        enlarge(page, files / "pagoda.jpg")
        page.context.clear_cookies()
        page.reload()
        page.locator("[name=token]").wait_for()

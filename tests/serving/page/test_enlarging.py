"""Pictures in, pictures out: a real browser against a real service."""

import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from cli.running import rgtsr
from rgtsr import pictures, weights
from rgtsr.pictures import Picture
from serving.page.browsing import DONE, LINE, TIMES, downloaded, enlarge, shot, tab
from serving.services import serving, slow, until

PAINTED = """() => [...document.querySelectorAll(".deep canvas")].every((canvas) => {
    const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    pixel.drawImage(canvas, -canvas.width / 2, -canvas.height / 2);
    return pixel.getImageData(0, 0, 1, 1).data[3] > 0; })"""


def deep_file(path: Path) -> Path:
    """16 bits and transparency."""
    rng = np.random.default_rng(0)
    pictures.write(Picture.from_array(rng.integers(0, 65536, (30, 40, 4), np.uint16)), path)
    return path


def write(path: Path) -> Path:
    """What takes some seconds."""
    path.write_bytes(slow())
    return path


@pytest.mark.parametrize("name", ["portrait.png", "pagoda.jpg", "deep.tif"])
def test_the_download_is_what_the_command_makes_of_the_same_file(
    page: Any, files: Path, tmp_path: Path, name: str
) -> None:
    source = deep_file(tmp_path / name) if name == "deep.tif" else files / name
    enlarge(page, source)
    found = downloaded(page, "#showing .download", tmp_path)
    made = tmp_path / "command" / found.name
    rgtsr("upscale", source, "-o", made).assert_done()
    assert found.name == f"{source.stem}_x2{source.suffix}"
    one, other = pictures.read(found), pictures.read(made)
    assert kind(one) == kind(other) == kind(pictures.read(source))
    np.testing.assert_array_equal(one.to_array(), other.to_array())


def kind(picture: Picture) -> tuple[int, bool]:
    """Its depth, and whether it can be transparent."""
    return picture.bits, picture.alpha_HW is not None


def test_before_and_after_lie_under_a_line_that_mouse_and_keys_move(page: Any, files: Path) -> None:
    page.locator("#model option").nth(1).wait_for(state="attached")
    shot(page, "empty")
    enlarge(page, files / "portrait.png", files / "pagoda.jpg")
    before, after = (page.locator(f"#showing .layer:nth-child({n}) img") for n in (1, 2))
    natural = "(image) => image.decode().then(() => [image.naturalWidth, image.naturalHeight])"
    assert (before.evaluate(natural), after.evaluate(natural)) == ([240, 190], [480, 380])
    assert before.bounding_box() == after.bounding_box()
    facts = page.inner_text("#showing .facts")
    for told in (f"240 {TIMES} 190", f"480 {TIMES} 380", "swift-x2 with ", "portrait_x2.png"):
        assert told in facts
    line = page.locator(LINE)
    assert line.get_attribute("aria-valuenow") == "50"
    box = line.bounding_box()
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 0.7 * box["height"])
    assert line.get_attribute("aria-valuenow") == "25"
    for key, value in (
        ("ArrowRight", 26),
        ("Shift+ArrowRight", 36),
        ("PageDown", 26),
        ("End", 100),
    ):
        page.keyboard.press(key)
        assert line.get_attribute("aria-valuenow") == str(value)
    faint = page.locator("#showing .tag.is-faint")
    assert faint.all_inner_texts() == ["After"]
    page.keyboard.press("Home")
    assert faint.all_inner_texts() == ["Before"]
    page.keyboard.press("PageUp")
    page.keyboard.press("PageUp")
    assert faint.count() == 0
    line.evaluate("(line) => { line.value = 50; }")
    shot(page, "light")


def test_a_result_larger_than_its_frame_is_first_seen_at_100_per_cent(
    page: Any, files: Path
) -> None:
    page.check("#order [value='4']", force=True)
    enlarge(page, files / "portrait.png")
    page.locator("#showing .zoom", has_text="100 %").wait_for()
    assert page.get_attribute("#showing [data-zoom='1']", "aria-pressed") == "true"
    assert page.locator("#showing .layer img").nth(1).bounding_box()["width"] == 960


def test_pictures_are_zoomed_and_moved_together(page: Any, files: Path) -> None:
    enlarge(page, files / "portrait.png")
    places = [page.locator(f"#showing .layer:nth-child({n}) img") for n in (1, 2)]
    page.click("text=400 %")
    start = places[1].bounding_box()
    assert start["width"] == 4 * 480
    box = page.locator(LINE).bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 50)
    page.mouse.up()
    page.locator(LINE).focus()
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.get_attribute(LINE, "aria-valuenow") == "50"
    moved = places[1].bounding_box()
    assert (moved["x"] - start["x"], moved["y"] - start["y"]) == (-30 - 60, -10 - 60)
    assert places[0].bounding_box() == moved
    page.mouse.wheel(0, 100)
    assert places[1].bounding_box()["width"] < 4 * 480
    page.click("text=Fit")
    assert places[1].bounding_box()["width"] == 480


def test_large_results_are_shown_by_deep_zoom(chromium: Any, address: str, files: Path) -> None:
    with tab(chromium, f"{address}?zoom=deep") as opened:
        page, tiles = opened.page, list[str]()
        page.on("request", lambda request: tiles.append(request.url))
        enlarge(page, files / "portrait.png")
        page.locator("#showing .deep canvas").nth(1).wait_for()
        page.click("text=200 %")
        assert page.inner_text("#showing .zoom") == "200 %"
        until(lambda: page.evaluate(PAINTED))  # wait_for_function's eval is against the policy
        for which in ("before", "after"):
            assert any(re.search(rf"zoom/{which}_files/\d+/\d+_\d+\.jpg", url) for url in tiles)


def test_a_picture_is_cancelled_and_can_be_made_again(page: Any, tmp_path: Path) -> None:
    page.set_input_files("#picture", write(tmp_path / "slow.png"))
    page.click("#go")
    page.locator(".card .line", has_text=re.compile(r"^\d+ %")).wait_for()
    page.click(".card .remove")
    page.locator(".card[data-state=cancelled]").wait_for()
    assert page.inner_text(".card .line") == "Cancelled"
    page.click(".card .again")
    page.locator(".card[data-state=running]").wait_for()
    page.click(".card .remove")
    page.locator(".card[data-state=cancelled]").wait_for()
    page.click(".card .remove")
    assert page.locator(".card").count() == 0
    assert page.locator("#hello").is_visible()


def test_a_result_stays_until_it_is_made_anew(page: Any, files: Path, tmp_path: Path) -> None:
    enlarge(page, files / "portrait.png")
    page.set_input_files("#picture", write(tmp_path / "slow.png"))
    page.click("#go")
    page.locator(".card[data-state=running]", has_text="slow.png").wait_for()
    card = page.locator(".card", has_text="portrait.png")
    page.check("#order [value='4']", force=True)
    card.locator(".again").click()
    card.locator("text=Cancel").wait_for()
    assert card.locator(".download").is_visible()
    card.locator("text=Cancel").click()
    page.locator(DONE, has_text="portrait.png").wait_for()
    assert f"480 {TIMES} 380" in card.locator(".line").inner_text()
    assert "portrait_x2.png" in page.inner_text("#showing .facts")
    card.locator(".again").click()
    page.locator(".card", has_text="slow.png").locator(".remove").click()
    card.locator(".line", has_text=f"960 {TIMES} 760").wait_for()
    assert "portrait_x4.png" in page.inner_text("#showing .facts")


def test_a_bad_file_is_told_in_words_and_holds_up_no_other(
    chromium: Any, address: str, files: Path, tmp_path: Path
) -> None:
    (tmp_path / "letter.jpg").write_text("Dear Sir or Madam")
    with tab(chromium, address, may_be_refused=True) as opened:
        enlarge(opened.page, tmp_path / "letter.jpg", files / "pagoda.jpg", cards=1)
        card = opened.page.locator(".card[data-state=failed]")
        assert "no picture that can be read" in card.locator(".problem").inner_text()
        opened.page.locator("#showing .facts").wait_for()
        opened.page.reload()
        assert "no picture that can be read" in card.locator(".problem").inner_text()
        assert card.locator(".name").inner_text() == "letter.jpg"
        opened.page.locator(DONE).wait_for()


def test_a_result_stays_when_making_it_anew_fails(
    chromium: Any, address: str, files: Path, tmp_path: Path
) -> None:
    with tab(chromium, address, may_be_refused=True) as opened:
        page = opened.page
        enlarge(page, files / "pagoda.jpg")
        page.check("#order [value=other]", force=True)
        page.select_option("#by", "long_side")
        page.fill("#long-side", "100000")
        page.click(".card .again")
        problem = page.locator(".card[data-state=failed] .problem")
        for _ in range(2):
            problem.wait_for()
            assert "still here" in problem.inner_text()
            assert downloaded(page, ".card .download", tmp_path).name == "pagoda_x2.jpg"
            page.locator("#showing .facts").wait_for()
            page.reload()


def test_the_button_says_when_nothing_is_left_to_do(page: Any, files: Path) -> None:
    enlarge(page, files / "pagoda.jpg")
    go, notice = page.locator("#go"), page.locator("#notice")
    assert go.get_attribute("aria-disabled") == "true"
    go.focus()
    page.keyboard.press("Enter")
    assert "Every picture has had its turn" in notice.inner_text()
    assert page.evaluate("document.activeElement.id") == "go"
    page.click(".card .again")
    assert notice.is_hidden()
    page.set_input_files("#picture", files / "portrait.png")
    page.locator(".card").nth(1).wait_for()
    assert go.get_attribute("aria-disabled") == "false"


def test_what_was_made_otherwise_can_be_made_again_by_the_button(page: Any, files: Path) -> None:
    enlarge(page, files / "pagoda.jpg", files / "portrait.png")
    page.check("#order [value='3']", force=True)
    assert page.inner_text("#go") == "Enlarge 2 pictures again"
    page.click("#go")
    for size in (f"192 {TIMES} 144", f"720 {TIMES} 570"):
        page.locator(".card .line", has_text=size).wait_for()
    assert page.get_attribute("#go", "aria-disabled") == "true"
    page.check("#order [value='2']", force=True)
    assert page.get_attribute("#go", "aria-disabled") == "false"


def test_of_an_animation_it_is_said_that_one_frame_was_enlarged(page: Any, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 24, 3), np.uint8)
    frames = pyvips.Image.new_from_array(noise)
    frames.set_type(pyvips.GValue.gint_type, "page-height", 20)
    frames.write_to_file(str(tmp_path / "a.gif"))
    enlarge(page, tmp_path / "a.gif")
    assert "the first of 2 frames" in page.inner_text(f"{DONE} .line")
    facts = page.inner_text("#showing .facts")
    assert "of its 2 frames or pages the first was enlarged" in facts
    assert "--page" not in facts


def test_tiles_and_the_time_left_are_told(page: Any, tmp_path: Path) -> None:
    page.set_input_files("#picture", write(tmp_path / "slow.png"))
    page.click("#go")
    line = page.locator(".card[data-state=running] .line")
    told = line.filter(has_text=re.compile(r"^\d+ % · tile \d+ of \d+ · .* left$"))
    told.wait_for()
    page.click(".card .remove")
    page.locator(".card[data-state=cancelled]").wait_for()
    assert told.count() == 0


def test_what_a_service_has_lost_by_a_restart_is_sent_again(
    chromium: Any, files: Path, tmp_path: Path
) -> None:
    with serving("--folder", tmp_path / "spool") as service:
        port = service.address.rpartition(":")[2]
        with tab(chromium, service.address, may_be_refused=True) as opened:
            page = opened.page
            enlarge(page, files / "portrait.png")
            lost = page.get_attribute(f"{DONE} .download", "href")
            page.set_input_files("#picture", write(tmp_path / "slow.png"))
            page.click("#go")
            page.locator(".card[data-state=running]", has_text="slow.png").wait_for()
            service.process.kill()
            service.process.wait()
            page.locator(".card .line", has_text="No connection").wait_for()
            with serving("--folder", tmp_path / "spool", "--port", port):
                page.locator(".card[data-state=running]", has_text="slow.png").wait_for()
                page.locator(".card", has_text="slow.png").locator(".remove").click()
                again = f"{DONE} .download:not([href='{lost}'])"
                page.locator(again).wait_for()
                assert downloaded(page, again, tmp_path).name == "portrait_x2.png"
                opened.faults[:] = [fault for fault in opened.faults if "net::ERR_" not in fault]


def test_all_results_are_removed_only_when_that_is_confirmed(page: Any, files: Path) -> None:
    enlarge(page, files / "pagoda.jpg", files / "portrait.png")
    for layer in page.locator("#showing .layer img").all():
        layer.evaluate("(image) => image.decode()")
    asked = list[str]()
    page.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    page.click("text=Remove all")
    assert page.locator(".card").count() == 2
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("text=Remove all")
    page.locator("#hello").wait_for()
    assert "2 results" in asked[0]


def test_where_jpegs_are_not_restored_that_is_said(page: Any) -> None:
    page.locator("#model option").nth(1).wait_for(state="attached")
    hint = page.locator("#scale-hint")
    restoring = {each.scale for each in weights.listing() if weights.photo_sibling(each.name)}
    for scale in (2, 3, 4):
        page.check(f"#order [value='{scale}']", force=True)
        assert hint.is_visible() == (scale not in restoring)
    page.check("#order [value=other]", force=True)
    assert "16 is the most" in page.inner_text("#other")


def test_a_folder_is_enlarged_and_comes_back_as_a_zip(
    page: Any, files: Path, tmp_path: Path
) -> None:
    page.set_input_files("#folder", files)
    page.locator(".card").nth(1).wait_for()
    assert "1 file was passed over (.txt)" in page.inner_text("#passed-over")
    assert page.inner_text("#go") == "Enlarge 2 pictures"
    page.click("#go")
    page.locator(DONE).nth(1).wait_for()
    with zipfile.ZipFile(downloaded(page, "#zip", tmp_path)) as archive:
        assert sorted(archive.namelist()) == ["pagoda_x2.jpg", "portrait_x2.png"]
        archive.extractall(tmp_path)
    assert pictures.read(tmp_path / "pagoda_x2.jpg").size == (96, 128)


def test_pictures_are_dropped_and_pasted(page: Any, files: Path) -> None:
    page.evaluate(
        """(data) => {
            const made = (name) => {
                const transfer = new DataTransfer();
                transfer.items.add(new File([new Uint8Array(data)], name, { type: "image/jpeg" }));
                return transfer;
            };
            const drop = { dataTransfer: made("dropped.jpg"), bubbles: true, cancelable: true };
            document.body.dispatchEvent(new DragEvent("drop", drop));
            const paste = { clipboardData: made("pasted.jpg"), bubbles: true };
            document.body.dispatchEvent(new ClipboardEvent("paste", paste));
        }""",
        list((files / "pagoda.jpg").read_bytes()),
    )
    page.locator(".card").nth(1).wait_for()
    assert sorted(page.locator(".card .name").all_inner_texts()) == ["dropped.jpg", "pasted.jpg"]


def test_exact_sizes_and_formats_are_asked_for(page: Any, files: Path, tmp_path: Path) -> None:
    page.check("#order [value=other]", force=True)
    page.select_option("#by", "exact")
    page.fill("#width", "100")
    page.fill("#height", "90")
    page.click("summary")
    page.select_option("#model", "small-x2")
    page.select_option("#format", "webp")
    page.check("[name=strip]")
    enlarge(page, files / "pagoda.jpg")
    found = downloaded(page, "#showing .download", tmp_path)
    assert found.suffix == ".webp"
    assert pictures.read(found).size == (90, 100)
    assert "small-x2, in " in page.inner_text("#showing .facts")


def test_a_reload_finds_the_results_again(page: Any, files: Path) -> None:
    enlarge(page, files / "pagoda.jpg")
    page.reload()
    page.locator(DONE).wait_for()
    assert page.inner_text(".card .name") == "pagoda.jpg"
    page.locator(LINE).wait_for()


def test_restoring_is_not_offered_where_the_services_model_cannot(
    chromium: Any, tmp_path: Path
) -> None:
    with (
        serving("--folder", tmp_path, "--model", "small-x2") as service,
        tab(chromium, service.address) as opened,
    ):
        page = opened.page
        page.locator("#model option").nth(1).wait_for(state="attached")
        page.click("#more-summary")
        assert page.locator("#restore").is_disabled()
        assert "choose another to restore" in page.inner_text("#restore-hint")
        page.select_option("#model", "swift-x2")
        assert page.locator("#restore").is_enabled()


def test_a_proxy_that_fails_for_a_while_loses_no_picture(
    chromium: Any, address: str, files: Path
) -> None:
    failing = iter([502, 502, 504])
    with tab(chromium, address) as opened:
        page = opened.page

        def between(route: Any) -> None:
            status = next(failing, None)
            route.continue_() if status is None else route.fulfill(status=status, body="<p>proxy")

        page.route(re.compile(r"/v1/jobs/\w+(/events)?$"), between)
        enlarge(page, files / "pagoda.jpg")
        assert next(failing, None) is None
        opened.faults[:] = [fault for fault in opened.faults if "status of 50" not in fault]


def test_a_service_that_went_away_is_told(chromium: Any, files: Path, tmp_path: Path) -> None:
    with serving("--folder", tmp_path) as service, tab(chromium, service.address) as opened:
        page = opened.page
        page.locator("#model option").nth(1).wait_for(state="attached")
        service.process.kill()
        service.process.wait()
        page.set_input_files("#picture", files / "pagoda.jpg")
        page.click("#go")
        page.locator(".card[data-state=failed]").wait_for()
        assert "does not answer" in page.inner_text(".card .problem")
        opened.faults.clear()  # that the connection was refused

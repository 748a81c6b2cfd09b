"""A real browser: Debian's Chromium, driven by Playwright, that reports what a page did wrong."""

import contextlib
import os
import shutil
from collections.abc import Generator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
import pyvips

from rgtsr import pictures
from rgtsr.pictures import Picture

DONE = ".card[data-state=done]"
LINE = "#showing img-comparison-slider"
TIMES = "\N{MULTIPLICATION SIGN}"
PATIENCE_MS = 120_000  # other work may have the cores
REFUSED = "Failed to load resource: the server responded with a status of 4"
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
VIOLATIONS = """
addEventListener("securitypolicyviolation", ({ violatedDirective, blockedURI, sourceFile }) =>
    console.error("blocked by the policy:", violatedDirective, blockedURI, sourceFile));
"""


@contextlib.contextmanager
def browser() -> Generator[Any]:  # Any: playwright may not be there
    """Chromium; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("no Chromium is installed (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=chromium, args=list(QUIET))
        yield started
        started.close()


@dataclass
class Tab:
    """A page in a context of its own, and what it should not have done."""

    page: Any  # playwright's Page
    host: str
    may_be_refused: bool
    faults: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.faults.append(f"exception: {error}"))
        self.page.on("request", self._asked)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning") and not (
            self.may_be_refused and message.text.startswith(REFUSED)
        ):
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("blob", "data") and address.netloc != self.host:
            self.faults.append(f"another host: {request.url}")


@contextlib.contextmanager
def tab(
    chromium: Any,
    address: str,
    *,
    size: tuple[int, int] = (1280, 820),
    may_be_refused: bool = False,
    **more: Any,
) -> Generator[Tab]:
    """The page of a service in a new window; afterwards nothing may have gone wrong.

    ``may_be_refused``: that the service refuses something is part of the test; ``more``: arguments
    of Playwright's contexts.
    """
    width, height = size
    context = chromium.new_context(viewport={"width": width, "height": height}, **more)
    context.set_default_timeout(PATIENCE_MS)
    context.add_init_script(VIOLATIONS)
    opened = Tab(context.new_page(), urlsplit(address).netloc, may_be_refused)
    opened.listen()
    try:
        opened.page.goto(address)
        yield opened
        assert opened.faults == [], opened.faults
    finally:
        context.close()


def shot(page: Any, name: str, **more: Any) -> None:
    """Keep a picture of the page where RGTSR_SCREENSHOTS names a folder."""
    if folder := os.environ.get("RGTSR_SCREENSHOTS"):
        taken = page.screenshot(animations="disabled", **more)
        path = Path(folder) / f"{name}.png"
        pyvips.Image.new_from_buffer(taken, "").write_to_file(str(path), palette=True, Q=90)


def photo(path: Path, box: tuple[int, int, int, int], name: str = "astronaut") -> Path:
    """Rows and columns of a demo photo (top, left, height, width) as a file."""
    demo = Path(__file__).parents[3] / "demo" / f"demo-{name}.png"
    top, left, height, width = box
    cut = pictures.read(demo).pixels_HWC[top : top + height, left : left + width]
    pictures.write(Picture.from_array(np.ascontiguousarray(cut)), path)
    return path


def enlarge(page: Any, *paths: Path, cards: int | None = None) -> None:
    """Choose the pictures, press the button, wait until so many cards are done."""
    page.locator("html.is-scripted").wait_for()
    page.set_input_files("#picture", paths)
    page.click("#go")
    page.locator(DONE).nth((cards or len(paths)) - 1).wait_for()


def downloaded(page: Any, button: str, folder: Path) -> Path:
    """What the button brings, in the folder, under the name that it comes with."""
    with page.expect_download() as waiting:
        page.click(button)
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path

"""One service and a few photos for all tests of the page."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from serving.page.browsing import photo, tab
from serving.services import serving


@pytest.fixture(scope="package")
def address(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """Of a service; pages wait by themselves until it is ready."""
    with serving("--folder", tmp_path_factory.mktemp("spool")) as service:
        yield service.address + "/"


@pytest.fixture
def page(chromium: Any, address: str) -> Generator[Any]:
    with tab(chromium, address) as opened:
        yield opened.page


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder: two photos, and what is none."""
    folder = tmp_path_factory.mktemp("files") / "holiday"
    folder.mkdir()
    photo(folder / "portrait.png", (0, 100, 190, 240))
    photo(folder / "pagoda.jpg", (140, 110, 48, 64), "pagoda")
    (folder / "notes.txt").write_text("no picture")
    return folder

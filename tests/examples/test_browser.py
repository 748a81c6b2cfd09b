"""The example for browsers: static files and a real browser, against what rgtsr makes of it."""

import contextlib
import functools
import shutil
import subprocess
import threading
from collections.abc import Generator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rgtsr import exporting, pictures, runtimes, weights
from serving.page.browsing import downloaded, photo, tab

FOLDER = Path(__file__).parents[2] / "examples" / "browser"


class Quiet(SimpleHTTPRequestHandler):
    """Files, and no line about each."""

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as its first lines say how to prepare it."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("browser")
    for path in FOLDER.iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip(f"npm ci failed: {done.stderr.strip()[-300:]}")
    exporting.export(weights.load(weights.DEFAULT_NAME), folder / "model.onnx")
    return folder


@contextlib.contextmanager
def served(folder: Path) -> Generator[str]:
    """The address of a server that knows files alone."""
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_a_photo_is_enlarged_tile_by_tile_inside_the_browser(
    chromium: Any, folder: Path, tmp_path: Path
) -> None:
    source = photo(tmp_path / "photo.png", (0, 100, 90, 200))
    with served(folder) as address, tab(chromium, address) as opened:
        page: Any = opened.page
        page.set_input_files("#picture", source)
        page.locator("#save").wait_for()
        found = pictures.read(downloaded(page, "#save", tmp_path)).pixels_HWC
    runtime = runtimes.open_runtime(weights.load(weights.DEFAULT_NAME), name="onnxruntime")
    pixels_HWC = pictures.read(source).pixels_HWC
    expected_HWC = np.empty((180, 400, 3))
    for left, first in ((0, 0), (72, 80)):  # where a tile begins, and what of it is kept
        tile_NCHW = pixels_HWC[:, left : left + 128].transpose(2, 0, 1)[None] / 255
        enlarged = runtime.upscale_tiles(np.ascontiguousarray(tile_NCHW, np.float32))[0]
        expected_HWC[:, 2 * first : 2 * left + 256] = enlarged.transpose(1, 2, 0)[
            :, 2 * (first - left) :
        ]
    off = np.abs(found - np.round(255 * np.clip(expected_HWC, 0, 1)))
    assert off.max() <= 1, "more than a rounding"
    assert (off > 0).mean() < 0.01

"""The habits of libvips that all reading and writing share."""

import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import pyvips

from cli.running import environment
from pictures.made import photo
from rgtsr import pictures
from rgtsr.pictures import Picture, vips

PRIVATE = r"\b(_to_string|_log_handler_cb|glib_lib|ffi)\b"
READ = """
import sys
import pyvips
from rgtsr import pictures
assert not hasattr(pyvips, "glib_lib"), pyvips.__file__
whole, broken, out = sys.argv[1:]
pictures.write(pictures.read(whole), out)
try:
    pictures.read(broken)
except pictures.reading.PictureError as error:
    print("damaged" in str(error))
"""


def test_a_release_that_calls_its_private_parts_otherwise_is_used_as_it_is(tmp_path: Path) -> None:
    """A real one: pyvips' own files with other names in them."""
    renamed = tmp_path / "site" / "pyvips"
    shutil.copytree(Path(pyvips.__file__).parent, renamed)
    for path in renamed.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(PRIVATE, r"\1_of_another_release", text), encoding="utf-8")
    init = renamed / "__init__.py"
    attribute = r"(_libvips)\.ffi_of_another_release"  # not pyvips' own
    init.write_text(re.sub(attribute, r"\1.ffi", init.read_text(encoding="utf-8")))
    whole, broken, out = (tmp_path / name for name in ("whole.png", "broken.png", "out.png"))
    pictures.write(Picture.from_array(photo()), whole)
    broken.write_bytes(whole.read_bytes()[:-900])
    places = environment().get("PYTHONPATH", "")
    done = subprocess.run(
        [sys.executable, "-c", READ, *map(str, (whole, broken, out))],
        env=environment(PYTHONPATH=f"{renamed.parent}:{places}"),
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr
    assert np.array_equal(pictures.read(out).pixels_HWC, photo())


def test_listeners_that_come_and_go_in_many_threads_hear_all_the_same() -> None:
    deaf: list[int] = []

    def come_and_go() -> None:
        for number in range(1000):
            with vips.listening() as heard:
                if not any(heard is other for other in vips._EAR.listeners):
                    deaf.append(number)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=come_and_go) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert deaf == []
    assert not vips._EAR.listeners


@pytest.mark.parametrize("name", ["a.csv", "a.v"])
def test_a_reader_that_libvips_does_not_trust_refuses(name: str, tmp_path: Path) -> None:
    vips.prepare()
    (tmp_path / "a.csv").write_text("1,2\n3,4\n")
    pyvips.Image.black(2, 2).write_to_file(str(tmp_path / "a.v"))
    loaders = {"a.csv": "csvload", "a.v": "vipsload"}
    with pytest.raises(pyvips.Error, match="operation is blocked"):
        pyvips.Operation.call(loaders[name], str(tmp_path / name))

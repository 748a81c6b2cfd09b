"""Writing that is whole or nothing: interruptions, full disks, links, memory, silence."""

import os
import resource
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pictures.made import photo
from rgtsr.errors import PictureError
from rgtsr.pictures import Metadata, Picture, read, write, write_bands


def test_an_existing_file_is_replaced_and_keeps_its_permissions(tmp_path):
    path = tmp_path / "out.png"
    path.write_text("old")
    path.chmod(0o640)
    write(Picture.from_array(photo()), path)
    assert read(path).size == (40, 60)
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_permissions_that_files_have(tmp_path):
    (tmp_path / "plain").touch()
    write(Picture.from_array(photo()), tmp_path / "out.png")
    assert (tmp_path / "out.png").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real.png").write_text("old")
    (tmp_path / "link.png").symlink_to(tmp_path / "real.png")
    write(Picture.from_array(photo()), tmp_path / "link.png")
    assert (tmp_path / "link.png").is_symlink()
    assert read(tmp_path / "real.png").size == (40, 60)


def test_a_picture_may_replace_the_file_it_was_read_from(tmp_path):
    path = tmp_path / "same.tif"
    write(Picture.from_array(photo()), path)
    write(read(path), path)
    assert np.array_equal(read(path).pixels_HWC, photo())


def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path):
    def bands() -> Iterator[NDArray[np.uint8]]:
        yield photo(20, 60)
        raise KeyboardInterrupt

    (tmp_path / "out.png").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        write_bands(bands(), tmp_path / "out.png", like=Picture.from_array(photo()), size=(40, 60))
    assert [path.name for path in tmp_path.iterdir()] == ["out.png"]
    assert (tmp_path / "out.png").read_text() == "old"


def test_ctrl_c_while_encoding_stops_soon_and_leaves_nothing(tmp_path):
    script = textwrap.dedent("""
        import sys, threading, time, os, signal, pathlib
        import numpy as np
        from rgtsr.pictures import Picture, write_bands
        signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in background jobs
        folder = pathlib.Path(sys.argv[1])
        noise = np.random.default_rng(0).integers(0, 65536, (500, 4000, 3), dtype=np.uint16)

        def interrupt():
            while not list(folder.glob(".*.part")):
                time.sleep(0.005)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=interrupt, daemon=True).start()
        like = Picture.from_array(noise[:2, :2])
        try:
            write_bands((noise for _ in range(8)), folder / "out.png", like=like, size=(4000, 4000))
        except KeyboardInterrupt:
            print("interrupted")
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == ("interrupted\n", "")
    assert list(tmp_path.iterdir()) == []


def test_memory_does_not_grow_with_the_picture(tmp_path):
    script = textwrap.dedent("""
        import resource, sys
        import numpy as np
        from rgtsr.pictures import Picture, write_bands

        def save(rows):
            band = np.tile(np.arange(18_000, dtype=np.uint32) // 100, (64, 1)).astype(np.uint8)
            bands = (band.reshape(64, 6000, 3) for _ in range(rows // 64))
            like = Picture.from_array(band.reshape(64, 6000, 3)[:2])
            write_bands(bands, sys.argv[1], like=like, size=(rows, 6000))
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

        print(save(64), save(64 * 140))
    """)
    for suffix in (".png", ".jpg", ".tif"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path / f"out{suffix}")],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        small, large = map(int, done.stdout.split())
        assert large - small < 110, f"{suffix}: 154 MiB of samples took {large - small} MiB"


def test_a_folder_that_may_not_be_written_is_one_line(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):
        folder = Path("/proc")  # nobody makes files there, root neither
    with pytest.raises(PictureError) as caught:
        write(Picture.from_array(photo()), folder / "out.png")
    assert "another place" in str(caught.value) or "does not exist" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("height", [250, 600])  # full while encoding; full while bands arrive
def test_a_full_disk_is_one_line_and_leaves_nothing(small_disk, suffix, height):
    noise = np.random.default_rng(0).integers(0, 256, (height, 300, 3), dtype=np.uint8)
    with pytest.raises(PictureError, match=r"(?i)no space .* left") as caught:
        write(Picture.from_array(noise), small_disk / f"out{suffix}", quality=100)
    assert "\n" not in str(caught.value)
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_takes_all_but_the_last_byte_is_full(tmp_path, suffix):
    """A write may take a part of what it is given, and say so by a number alone."""
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    label = Metadata(xmp=b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>" + b" " * 40_000 + b"</x:xmpmeta>")
    path = tmp_path / f"out{suffix}"
    write(Picture.from_array(noise, label), path)
    size_bytes = path.stat().st_size
    path.unlink()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes - 1, before[1]))
    try:
        with pytest.raises(PictureError, match="cannot be written"):
            write(Picture.from_array(noise, label), path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


def test_no_file_stays_open(tmp_path, suffix):
    write(Picture.from_array(photo()), tmp_path / f"out{suffix}")
    read(tmp_path / f"out{suffix}")
    links = list(Path("/proc/self/fd").iterdir())
    assert not [link for link in links if str(tmp_path) in os.path.realpath(link)]


def test_nothing_is_printed(tmp_path, suffix, capfd):
    write(Picture.from_array(photo(channels=4)), tmp_path / f"out{suffix}")
    read(tmp_path / f"out{suffix}")
    assert capfd.readouterr() == ("", "")

"""The command itself: killed and started again, and in several processes at once."""

import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
from pyarrow import parquet

from batches import TINY, expected, make_folder, manifest, real, results
from cli.running import command, environment, rgtsr
from rgtsr import weights

NAMES = [f"{number:02}.png" for number in range(16)]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    weights.save(TINY, tmp_path / "tiny.safetensors")
    return tmp_path / "tiny.safetensors"


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*command(), "batch", *map(str, arguments)],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def made(folder: Path) -> int:
    return len(list(folder.glob("[!.]*.png")))


def test_a_driver_that_is_killed_or_stopped_goes_on(tmp_path: Path, model: Path) -> None:
    folder = make_folder(tmp_path / "in", NAMES)
    how = ("-m", model, "--tile", "32")
    with start(folder, tmp_path / "out", *how) as driver:
        while driver.poll() is None and made(tmp_path / "out") < 4:
            time.sleep(0.01)
        driver.kill()
    with start(folder, tmp_path / "out", *how) as driver:
        while driver.poll() is None and made(tmp_path / "out") < 8:
            time.sleep(0.01)
        driver.terminate()
        said = driver.communicate()[0].splitlines()[-1]
    assert driver.returncode == 128 + signal.SIGTERM
    assert re.fullmatch(r"stopped: \d+ enlarged, \d+ there already, 0 failed; the same .* on", said)
    left = [path.name for path in (tmp_path / "out" / "_manifest").iterdir()]
    assert not [name for name in left if name.startswith("_lease")], "the lease is given back"
    for name in ("clip.mp4", "raw.CR2", "notes.txt"):
        (folder / name).touch()
    ahead = rgtsr("batch", folder, tmp_path / "out", *how, "--dry-run").assert_done().out
    *lines, _, said = ahead.splitlines()
    there = 16 - len(lines)
    assert lines[-1] == f"{folder / '15.png'} -> {tmp_path / 'out' / '15.png'}"
    assert there >= 4
    assert said.startswith(
        f"{len(lines)} would be enlarged, {there} are there already, 0 are known"
    )
    done = rgtsr("batch", folder, tmp_path / "out", *how).assert_done()
    assert "0 failed" in done.out
    assert "passed over: 1 .cr2, 1 .mp4\n" in done.out
    assert results(tmp_path / "out") == expected(folder, tmp_path / "alone", real), (
        "and no draft is left"
    )
    assert set(manifest(tmp_path / "out")) == set(NAMES)
    again = rgtsr("batch", folder, tmp_path / "out", *how).assert_done()
    assert "0 enlarged, 16 there already, 0 failed" in again.out


def test_shards_at_once_share_a_manifest_that_any_reader_reads(tmp_path: Path, model: Path) -> None:
    folder = make_folder(tmp_path / "in", NAMES)
    shards = [
        start(folder, tmp_path / "out", "-m", model, "--shard", f"{number}/2") for number in (1, 2)
    ]
    for shard in shards:
        out, errors = shard.communicate()
        assert (shard.returncode, errors) == (0, ""), out
    table = parquet.read_table(tmp_path / "out" / "_manifest")
    assert sorted(table["output"].to_pylist()) == NAMES
    assert set(results(tmp_path / "out")) == set(NAMES)


def test_a_mistake_is_one_line(tmp_path: Path) -> None:
    missing = rgtsr("batch", tmp_path / "gone", tmp_path / "out")
    missing.assert_failed(1, "gone", "is no folder")
    rgtsr("batch", tmp_path, tmp_path / "out", "--shard", "4/3").assert_failed(2, "--shard=4/3")
    rgtsr("batch", "nowhere://x", tmp_path / "out").assert_failed(2, "nowhere")
    (tmp_path / "photos").mkdir()
    nobody = rgtsr("batch", tmp_path / "photos", tmp_path / "out", "--ray", "127.0.0.1:9")
    nobody.assert_failed(1, "--ray 127.0.0.1:9", "no cluster can be reached")
    without = rgtsr("batch", tmp_path, tmp_path / "out", without=("pyarrow",))
    without.assert_failed(1, "pyarrow", "pip install 'rgtsr[cluster]'")
    without = rgtsr("batch", tmp_path, "out", "--ray", "local", without=("ray",))
    without.assert_failed(1, "ray", "pip install 'rgtsr[cluster]'")
    without = rgtsr("batch", "s3://bucket/x", tmp_path / "out", without=("s3fs",))
    without.assert_failed(1, "s3fs")

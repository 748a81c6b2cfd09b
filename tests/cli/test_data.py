"""``rgtsr data``: real photos with real faults, in processes of their own."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvips

from cli.running import rgtsr
from rgtsr import pictures, weights
from rgtsr.pictures import Picture
from training import faults

DEMO = Path(__file__).parents[2] / "demo"


def photo(name: str) -> np.ndarray:
    pixels = pictures.read(DEMO / f"demo-{name}.png").pixels_HWC
    height, width = (side // 24 * 24 for side in pixels.shape[:2])
    return np.ascontiguousarray(pixels[:height, :width])


def write(path: Path, pixels_HWC: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pictures.write(Picture.from_array(pixels_HWC), path)
    return path


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    for name in ("astronaut", "pagoda"):
        write(folder / f"{name}.png", photo(name)[:240, :264])
    return folder


def test_good_photos_are_passed(good: Path) -> None:
    done = rgtsr("data", "check", good).assert_done()
    assert done.out == "2 photos, 0 faults\n"


def test_each_fault_is_listed_with_its_figure(good: Path, tmp_path: Path) -> None:
    folder, brushes, stream = tmp_path / "photos", photo("brushes"), photo("stream")
    write(folder / "a-good.png", photo("pagoda"))
    write(folder / "blurred.png", faults.blurred(brushes, 2))
    write(folder / "blocks.png", faults.compressed(stream, 25))
    write(folder / "enlarged.png", faults.enlarged(photo("astronaut"), 2))
    write(folder / "small.png", brushes[:100, :300])
    (folder / "unreadable.png").write_bytes(b"no picture")
    pyvips.Image.new_from_array(photo("pagoda")).resize(0.7).jpegsave(folder / "z-copy.jpg", Q=85)
    done = rgtsr("data", "check", folder, "--json", tmp_path / "found.json")
    assert (done.status, done.errors) == (1, ())
    found = {(Path(row["path"]).stem, row["kind"]) for row in findings(tmp_path / "found.json")}
    assert found >= {
        ("blurred", "blurred"),
        ("blocks", "JPEG blocks"),
        ("enlarged", "enlarged before"),
        ("small", "too small"),
        ("unreadable", "unreadable"),
        ("z-copy", "copy"),
    }
    assert not [stem for stem, _ in found if stem == "a-good"]
    lines = done.out.splitlines()
    assert not [line for line in lines if line.count("unreadable.png") > 1]
    assert lines[-1] == f"7 photos, {len(findings(tmp_path / 'found.json'))} faults"
    assert any("z-copy.jpg: copy: of" in line and "a-good.png" in line for line in lines)
    for row in findings(tmp_path / "found.json"):
        assert f"{row['path']}: {row['kind']}: {row['measure']}" in lines
        assert (row["figure"] is None) == (row["kind"] == "unreadable")


def test_copies_are_told_apart_from_the_same_file(good: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    shutil.copytree(good, folder / "a")
    shutil.copy(good / "pagoda.png", folder / "b.png")
    done = rgtsr("data", "check", folder, without=("torch",))
    first = folder / "a" / "pagoda.png"
    assert done.out.splitlines() == [
        f"{folder / 'b.png'}: copy: of {first}, pixel by pixel",
        "3 photos, 1 fault",
    ]


def test_of_two_alike_the_one_with_faults_is_the_copy(tmp_path: Path) -> None:
    write(tmp_path / "a.png", faults.blurred(photo("pagoda"), 2))
    write(tmp_path / "b.png", photo("pagoda"))
    lines = rgtsr("data", "check", tmp_path).out.splitlines()
    assert any(f"{tmp_path / 'a.png'}: copy: of {tmp_path / 'b.png'}" in line for line in lines)
    assert not [line for line in lines if line.startswith(f"{tmp_path / 'b.png'}:")]


def findings(path: Path) -> list[dict[str, Any]]:
    return json.loads(path.read_text())["findings"]


def test_lr_that_does_not_lie_on_its_photo_is_listed(tmp_path: Path) -> None:
    hr, lr = tmp_path / "HR", tmp_path / "LR" / "X2"
    for name in ("astronaut", "brushes", "pagoda", "stream"):
        write(hr / f"{name}.png", photo(name)[:240, :264])
        write(lr / f"{name}x2.png", faults.reduced(photo(name)[:240, :264], 2))
    moved = np.roll(pictures.read(lr / "pagodax2.png").pixels_HWC, 1, axis=1)
    write(lr / "pagodax2.png", moved)
    write(lr / "streamx2.png", photo("stream")[:90, :100])
    (lr / "brushesx2.png").unlink()
    done = rgtsr("data", "check", hr, "--lr", tmp_path / "LR", "-s", "2")
    assert done.status == 1
    assert "pagodax2.png: misaligned: +0.0" in done.out
    assert "streamx2.png: another size: " in done.out
    assert f"brushes.png: LR missing: its LR brushesx2.* is not in {tmp_path / 'LR'}" in done.out
    assert done.out.endswith("4 photos, 3 faults\n")
    assert "astronautx2" not in done.out


def test_a_pack_trains_without_libvips(good: Path, tmp_path: Path) -> None:
    packed = tmp_path / "photos.safetensors"
    done = rgtsr("data", "pack", good, packed, "-s", "2", without=("torch",)).assert_done()
    assert done.out.startswith(f"{packed}: 2 photos, ")
    keys = ("variant=tiny", "batch=1", "steps=2", f"photos={packed}", f"holdout={packed}")
    done = rgtsr("train", "small-x2", *keys, "-o", tmp_path / "run", without=("pyvips",))
    assert done.status == 0, done.errors
    assert "2 photos" in done.out and "hold-out" in done.out
    assert weights.load(tmp_path / "run" / "weights.safetensors").variant.name == "tiny"


def test_a_photo_of_one_row_is_one_line(good: Path, tmp_path: Path) -> None:
    row = write(tmp_path / "row.png", np.zeros((1, 40, 3), np.uint8))
    done = rgtsr("data", "check", good, tmp_path, without=("torch",))
    assert (done.status, done.errors) == (1, ())
    assert done.out.splitlines()[0] == f"{row}: too small: 40x1, less than 128 px"
    packed = tmp_path / "photos.safetensors"
    done = rgtsr("data", "pack", good, tmp_path, packed, "-s", "2")
    assert done.status == 0
    assert done.errors == ("rgtsr: row.png is too small: 40x1, but a side needs 2 px.",)
    alone = rgtsr("data", "degrade", tmp_path, tmp_path / "made")
    alone.assert_failed(1, "row.png of 40x1 is too small for x2")


def test_degraded_photos_are_a_benchmark_for_eval(good: Path, tmp_path: Path) -> None:
    made = tmp_path / "web"
    rgtsr("data", "degrade", good, made, "--preset", "web").assert_done()
    again = tmp_path / "again"
    rgtsr("data", "degrade", good, again, "--preset", "web").assert_done()
    small = "LR_bicubic/X2/pagodax2.png"
    assert (made / small).read_bytes() == (again / small).read_bytes()
    scores = tmp_path / "scores.json"
    rgtsr("eval", "-m", "bicubic", "-s", "2", "--data", made, good, "--json", scores).assert_done()
    report = json.loads(scores.read_text())
    degraded, clean = (row["psnr_y"] for row in report["sets"])
    assert 15 < degraded < clean - 1


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("check", ".", "--json", "pagoda.png"), 2, ("must end in .json",)),
        (("check", ".", "--json", "none/found.json"), 1, ("none does not exist",)),
        (("check", "nowhere"), 1, ("nowhere", "holds no pictures")),
        (("pack", "photos.safetensors"), 2, ("DIR... OUT",)),
        (("pack", ".", "photos.tar"), 2, ("must end in .safetensors",)),
        (("degrade", "out"), 2, ("DIR... OUT",)),
        (("degrade", ".", "out", "--preset", "oil"), 2, ("clean, photo, night, web",)),
    ],
)
def test_misuse_is_one_line(
    good: Path, arguments: tuple[str, ...], status: int, words: tuple[str, ...]
) -> None:
    rgtsr("data", *arguments, cwd=good).assert_failed(status, *words)
    assert len(list(good.iterdir())) == 2

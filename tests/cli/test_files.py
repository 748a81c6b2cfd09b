"""Which file becomes which."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.running import command, environment
from faults import BOUND_ROOT
from rgtsr.cli import files
from rgtsr.cli.files import Job, Naming

NAMING = Naming(
    readable=(".png", ".jpg", ".heic"),
    unread=(".bmp", ".psd"),
    writable=(".png", ".jpg"),
    mark="_x2",
)


def jobs(inputs: list[Path], output: str | None, naming: Naming) -> tuple[Job, ...]:
    return files.jobs(inputs, output, naming)[0]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("a.png", "b/c.jpg", "b/.hidden.png", ".git/d.png", "b/notes.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).touch()
    return tmp_path / "in"


def test_without_output_the_result_lies_beside(tmp_path: Path) -> None:
    assert jobs([tmp_path / "a.jpg"], None, NAMING) == (
        Job(tmp_path / "a.jpg", tmp_path / "a_x2.jpg"),
    )


def test_a_folder_keeps_its_structure_and_hidden_files_are_passed_over(tree: Path) -> None:
    out = tree.parent / "out"
    assert jobs([tree], str(out), NAMING) == (
        Job(tree / "a.png", out / "a.png"),
        Job(tree / "b/c.jpg", out / "b/c.jpg"),
    )


def test_the_output_folder_inside_the_input_is_passed_over(tree: Path) -> None:
    out = tree / "b"
    assert [job.source.name for job in jobs([tree], str(out), NAMING)] == ["a.png"]


def test_one_file_may_be_named_and_a_slash_means_a_folder(tmp_path: Path) -> None:
    source = tmp_path / "a.jpg"
    assert jobs([source], str(tmp_path / "o.png"), NAMING)[0].target == tmp_path / "o.png"
    assert jobs([source], f"{tmp_path}/o.png/", NAMING)[0].target == tmp_path / "o.png/a.jpg"


def test_what_cannot_be_written_becomes_png(tmp_path: Path) -> None:
    assert jobs([Path("a.heic")], str(tmp_path), NAMING)[0].target == tmp_path / "a.png"


def test_a_format_changes_the_suffix(tmp_path: Path) -> None:
    naming = Naming(NAMING.readable, (), NAMING.writable, suffix=".png")
    assert jobs([Path("a.jpg")], str(tmp_path), naming)[0].target == tmp_path / "a.png"


def test_what_takes_another_suffix_gives_way_to_what_has_the_name(tmp_path: Path) -> None:
    sources = [Path("a.gif"), Path("a.heic"), Path("a.png"), Path("b.gif")]
    targets = [job.target.name for job in jobs(sources, str(tmp_path), NAMING)]
    assert targets == ["a.gif.png", "a.heic.png", "a.png", "b.png"]


def test_results_among_the_inputs_and_inputs_named_twice_are_passed_over(tmp_path: Path) -> None:
    one, other = tmp_path / "a.jpg", tmp_path / "a_x2.jpg"
    found, passed_over = files.jobs([one, other, one], None, NAMING)
    assert found == (Job(one, other),)
    assert str(passed_over) == f"passed over: 1 result of an earlier run ({other})"


def test_one_picture_is_no_place_for_two(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"z.png is one picture, for one input"):
        jobs([Path("a.png"), Path("b.png")], "z.png", NAMING)
    with pytest.raises(ValueError, match=r"z.png is one picture, for one input"):
        jobs([tmp_path], "z.png", NAMING)


def test_two_results_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"x/a.jpg and y/a.jpg would both become"):
        jobs([Path("x/a.jpg"), Path("y/a.jpg")], str(tmp_path), NAMING)


def test_a_result_in_place_of_a_source_is_refused(tree: Path) -> None:
    with pytest.raises(ValueError, match="would replace the input"):
        jobs([tree], str(tree.parent / "b" / ".." / "in"), NAMING)


def test_a_link_to_a_source_is_that_source(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "link.png").symlink_to("a.png")
    with pytest.raises(ValueError, match="would replace the input"):
        jobs([tmp_path / "a.png"], str(tmp_path / "link.png"), NAMING)


def test_a_folder_without_output_becomes_one_beside_it(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tree.parent / "in_x2"
    expected = (Job(tree / "a.png", out / "a.png"), Job(tree / "b/c.jpg", out / "b/c.jpg"))
    assert jobs([tree], None, NAMING) == expected
    monkeypatch.chdir(tree)
    assert [job.target for job in jobs([Path()], None, NAMING)] == [job.target for job in expected]


def test_folders_of_results_among_the_inputs_are_passed_over(tree: Path) -> None:
    out = tree.parent / "in_x2"
    (out / "b").mkdir(parents=True)
    (out / "a.png").touch()
    found, passed_over = files.jobs([tree, out], None, NAMING)
    assert [job.source.name for job in found] == ["a.png", "c.jpg"]
    assert str(passed_over) == f"passed over: 1 result of an earlier run ({out})"


def test_the_root_has_no_folder_beside_it() -> None:
    with pytest.raises(ValueError, match="say with -o"):
        jobs([Path("/")], None, NAMING)


def test_a_name_that_is_missing_is_answered_by_one_like_it(tmp_path: Path) -> None:
    (tmp_path / "holiday").mkdir()
    assert "did you mean" in str(files.missing(tmp_path / "holidays"))
    assert "check the name" in str(files.missing(tmp_path / "photo.jpg"))
    assert "check the name" in str(files.missing(tmp_path / "no" / "photo.jpg"))


def test_a_result_of_an_unknown_format_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cannot write .bmp pictures: use one of .png, .jpg"):
        jobs([Path("a.jpg")], "o.bmp", NAMING)


def test_pictures_that_are_not_read_linked_and_closed_folders_are_named(tree: Path) -> None:
    for name in ("x.PSD", "b/y.psd", "z.bmp"):
        (tree / name).touch()
    (tree / "link").symlink_to(tree.parent)
    (tree / "closed").mkdir(mode=0)
    if os.access(tree / "closed", os.R_OK):  # root may enter anything
        (tree / "closed").rmdir()
    _, passed_over = files.jobs([tree, tree / "gone"], str(tree.parent / "out"), NAMING)
    said = str(passed_over)
    assert "1 .bmp, 2 .psd" in said
    assert f"1 linked folder, to be named by its own name ({tree / 'link'})" in said
    assert ("that may not be opened" in said) == (tree / "closed").exists()
    assert "notes" not in said


def test_what_may_not_be_opened_is_named_a_few_times() -> None:
    closed = list("abcde")
    assert str(files.PassedOver(closed=closed)) == (
        "passed over: 5 folders that may not be opened (a, b, c, ...)"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="setpriv is Linux's")
def test_a_place_where_nothing_can_be_written_is_said_once_for_all_files(
    photo: Path, model: Path, tmp_path: Path
) -> None:
    for name in ("a.png", "b.png"):
        shutil.copy(photo, tmp_path / name)
    (tmp_path / "closed").mkdir(mode=0o555)
    words = ("upscale", tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "closed/large")
    done = subprocess.run(
        [*(() if os.geteuid() else BOUND_ROOT), *command(), *map(str, words), "-m", str(model)],
        env=environment(),
        capture_output=True,
        text=True,
    )
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("rgtsr: ")]
    assert done.returncode == 1
    assert line.endswith("closed: nothing can be written there: give another place (-o).")

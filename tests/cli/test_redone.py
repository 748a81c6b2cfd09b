"""What had to be redone in float32 stands beside the scores that it went into."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.conftest import write_picture
from fakes import Repeating
from rgtsr.cli import run

NAN = float("nan")


@pytest.fixture(autouse=True)
def broken_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runtime that a command opens makes nothing of use; the one in float32 beside it does."""
    opened: Iterator[Repeating] = iter([Repeating(broken=NAN), Repeating()])
    monkeypatch.setattr("rgtsr.runtimes.open_runtime", lambda *_, **__: next(opened))


def test_eval_counts_what_was_redone_on_each_set(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, count in (("One", 1), ("Two", 2)):
        for index in range(count):
            write_picture(tmp_path / name / "HR" / f"{index}.png", 48, 64)
    folders = [str(tmp_path / name) for name in ("One", "Two")]
    files = ["--json", str(tmp_path / "scores.json"), "--csv", str(tmp_path / "scores.csv")]
    with pytest.warns(UserWarning, match="1 of 1 tiles were redone"):
        status = run(["eval", "-m", str(model), "-m", "bicubic", "--data", *folders, *files])
    assert status == 0
    label = str(model)
    expected = {("One", label): 1, ("Two", label): 2, ("One", "bicubic"): 0, ("Two", "bicubic"): 0}
    told = json.loads((tmp_path / "scores.json").read_text())["sets"]
    assert {(one["name"], one["model"]): one["redone_tiles"] for one in told} == expected
    rows = list(csv.DictReader((tmp_path / "scores.csv").read_text().splitlines()))
    means = [row for row in rows if row["picture"] == "mean"]
    assert {(row["set"], row["model"]): int(row["redone_tiles"]) for row in means} == expected
    lines = [line for line in capsys.readouterr().out.splitlines() if "redone" in line]
    assert lines == [f"redone in float32: {label} on One x2, 1 tile; {label} on Two x2, 2 tiles"]


def test_compare_says_how_many_tiles_were_redone(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_picture(tmp_path / "truth.png", 96, 120)
    arguments = [str(tmp_path / "truth.png"), "-o", str(tmp_path / "sheet.png"), "-m", str(model)]
    with pytest.warns(UserWarning, match="12 of 12 tiles were redone"):
        assert run(["compare", *arguments, "--tile", "32"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if "redone" in line]
    assert lines == ["redone in float32: rgtsr random, 12 tiles"]

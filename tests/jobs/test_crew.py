"""A crew of real processes: they share the work, and what kills one costs that picture alone."""

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from fakes import POISON, Leaking, Poisoned
from rgtsr import pictures, variants, weights
from rgtsr.jobs import Crew, Job, Journal, Line, Order, Outcome, State, Task, Wish
from rgtsr.jobs.crew import Growth
from rgtsr.pictures import Picture
from rgtsr.upscaler import Settings, Upscaler

TINY = weights.random(replace(variants.find("tiny"), depths=(1, 1)), seed=0)

opened = functools.partial(Upscaler, TINY, runtime="openvino", settings=Settings(tile_px=32))


poisoned = functools.partial(Poisoned, *opened.args, **opened.keywords)
leaking = functools.partial(Leaking, *opened.args, **opened.keywords)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    rng = np.random.default_rng(0)
    for number in range(8):
        picture = Picture.from_array(rng.integers(0, 256, (40, 50, 3), np.uint8))
        pictures.write(picture, tmp_path / "in" / f"{number}.png")
    return tmp_path / "in"


def entered(journal: Journal, folder: Path, name: str = "out") -> list[Job]:
    out = folder.parent / name
    return journal.enter((path, out / path.name, name) for path in sorted(folder.iterdir()))


def through(
    folder: Path,
    upscaler: Callable[[], Upscaler] = opened,
    *,
    on_end: Callable[[Outcome], object] = lambda _: None,
    grown_bytes: int = 1 << 40,
) -> tuple[dict[str, Outcome], list[str]]:
    path = folder.parent / "jobs.sqlite"
    outcomes: dict[str, Outcome] = {}
    said: list[str] = []

    def heard(outcome: Outcome) -> None:
        assert outcome.job.source.name not in outcomes, "ended twice"
        outcomes[outcome.job.source.name] = outcome
        on_end(outcome)

    with Journal(path) as journal:
        jobs = entered(journal, folder)
    task = Task(path, upscaler, Wish(), grown_bytes=grown_bytes)
    crew = Crew(task, 2, on_progress=lambda *_: None, on_end=heard, say=said.append)
    crew.run(jobs)
    return outcomes, said


def results(folder: Path, name: str = "out") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder.parent / name).iterdir())}


def test_a_crew_makes_what_a_line_makes(folder: Path) -> None:
    outcomes, said = through(folder)
    assert {outcome.state for outcome in outcomes.values()} == {State.DONE}
    assert said == []
    with Journal(None) as journal, opened() as upscaler:
        jobs = entered(journal, folder, "line")
        line = Line(
            journal,
            lambda _: Order(upscaler, Wish()),
            on_progress=lambda *_: None,
            on_end=lambda _: None,
        )
        line.run(jobs)
    assert results(folder) == results(folder, "line")
    children = [" ".join(child.cmdline()) for child in psutil.Process().children()]
    assert not [command for command in children if "spawn_main" in command]


def test_equal_files_are_enlarged_once_though_two_processes_have_them(folder: Path) -> None:
    for number in range(1, 8):
        (folder / f"{number}.png").write_bytes((folder / "0.png").read_bytes())
    outcomes, _ = through(folder)
    assert {outcome.state for outcome in outcomes.values()} == {State.DONE}
    assert sum(outcome.copied_from is None for outcome in outcomes.values()) == 1
    assert len(set(results(folder).values())) == 1


def test_a_picture_that_kills_its_process_is_named_and_the_others_are_made(folder: Path) -> None:
    outcomes, said = through(folder, poisoned)
    failed = [name for name, outcome in outcomes.items() if outcome.state is State.FAILED]
    assert failed == [POISON]
    assert "process died (signal 11)" in str(outcomes[POISON].error)
    assert len(said) == 1
    assert set(results(folder)) == {f"{n}.png" for n in range(8)} - {POISON}
    with Journal(folder.parent / "jobs.sqlite") as journal:
        entry = journal.entry(outcomes[POISON].job.id)
        assert (entry.state, entry.why) == (State.FAILED, "its process died (signal 11)")


def test_a_process_that_grows_is_replaced(folder: Path) -> None:
    for number in range(8, 60):
        content = (folder / f"{number % 8}.png").read_bytes()
        (folder / f"{number}.png").write_bytes(content + bytes([number]))  # behind its end
    outcomes, said = through(folder, leaking, grown_bytes=1 << 20)
    assert len(outcomes) == len(results(folder)) == 60
    assert any("was replaced" in line for line in said)


def test_growth_is_measured_from_where_a_process_had_settled() -> None:
    growth = Growth(limit_bytes=100)
    assert not any(growth.is_too_much(held) for held in range(800, 1600, 100))
    assert not growth.is_too_much(1500 + 750 + 100)
    assert growth.is_too_much(1500 + 750 + 101)


def test_whoever_interrupts_a_crew_leaves_nothing_half_done(folder: Path) -> None:
    def interrupt(_: Outcome) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        through(folder, on_end=interrupt)
    left = {path.name for path in (folder.parent / "out").iterdir()}
    assert 1 <= len(left) < 8
    assert all(name.endswith(".png") and not name.startswith(".") for name in left)
    outcomes, _ = through(folder)
    assert {outcome.state for outcome in outcomes.values()} == {State.DONE}
    assert sum(outcome.standing is not None for outcome in outcomes.values()) == len(left)

"""The line: pictures through one network, with what is read and written beside it."""

import queue
import resource
import shutil
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fakes import Repeating
from rgtsr import pictures, variants, weights
from rgtsr.errors import PictureError
from rgtsr.jobs import Job, Journal, Line, Order, Outcome, Standing, State, Wish
from rgtsr.jobs.line import Room, Turn
from rgtsr.pictures import Picture
from rgtsr.upscaler import Settings, Upscaler

TINY = weights.random(replace(variants.find("tiny"), depths=(1, 1)), seed=0)


@dataclass
class Alone(Repeating):
    """A runtime that notices when two are in it at once."""

    most: int = 0
    inside: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def upscale_tiles(self, tiles_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        try:
            return super().upscale_tiles(tiles_NCHW)
        finally:
            with self.lock:
                self.inside -= 1


@dataclass
class Ears:
    """What a line told."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    parts: list[tuple[str, int, int]] = field(default_factory=list)

    def on_end(self, outcome: Outcome) -> None:
        assert outcome.job.source.name not in self.outcomes, "ended twice"
        self.outcomes[outcome.job.source.name] = outcome

    def on_progress(self, job: Job, done: int, total: int) -> None:
        self.parts.append((job.source.name, done, total))


def noise(seed: int, height: int = 30, width: int = 40) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    for number in range(6):
        pictures.write(Picture.from_array(noise(number)), tmp_path / "in" / f"{number}.png")
    return tmp_path / "in"


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "jobs.sqlite")


def entered(journal: Journal, folder: Path, wish: str = "wish") -> list[Job]:
    out = folder.parent / "out"
    return journal.enter((path, out / path.name, wish) for path in sorted(folder.iterdir()))


def through(
    journal: Journal,
    jobs: list[Job],
    runtime: Repeating | None = None,
    *,
    overwrite: bool = False,
    wish: Wish | None = None,
) -> Ears:
    ears = Ears()
    upscaler = Upscaler(TINY, runtime=runtime or Repeating(), settings=Settings(tile_px=16))
    Line(
        journal,
        lambda _: Order(upscaler, wish or Wish()),
        on_progress=ears.on_progress,
        on_end=ears.on_end,
        overwrite=overwrite,
    ).run(jobs)
    return ears


def test_every_picture_is_made_and_one_at_a_time_has_the_network(
    journal: Journal, folder: Path
) -> None:
    runtime = Alone()
    jobs = entered(journal, folder)
    ears = through(journal, jobs, runtime)
    assert runtime.most == 1
    for number, job in enumerate(jobs):
        assert ears.outcomes[job.source.name].state is State.DONE
        assert journal.entry(job.id).state is State.DONE
        expected = noise(number).repeat(2, 0).repeat(2, 1)
        assert np.array_equal(pictures.read(job.target).pixels_HWC, expected)
    assert {name for name, done, total in ears.parts if done == total} == set(ears.outcomes)


def test_no_more_pixels_are_held_than_there_is_room_for() -> None:
    room, held, most, lock = Room(100), 0, [0], threading.Lock()

    def hold(pixels: int) -> None:
        nonlocal held
        with room.of(pixels, lambda: None):
            with lock:
                held += pixels
                most.append(held)
            threading.Event().wait(0.001)
            with lock:
                held -= pixels

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(hold, [60, 30, 10, 70, 20, 200, 50, 0, 40, 90] * 5))
    assert max(size for size in most if size < 200) <= 100
    assert 200 in most
    assert not any(100 < size < 200 or size > 200 for size in most), "the largest goes alone"


def test_whoever_waits_for_room_can_be_stopped() -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    room = Room(100)
    with room.of(80, stop), pytest.raises(KeyboardInterrupt), room.of(30, stop):
        pass


def test_nothing_is_made_twice(journal: Journal, folder: Path) -> None:
    through(journal, entered(journal, folder))
    runtime = Repeating()
    ears = through(journal, entered(journal, folder), runtime)
    assert runtime.seen == 0
    assert {o.standing for o in ears.outcomes.values()} == {Standing.RESULT}


def test_other_peoples_files_stay_unless_they_are_to_be_replaced(
    journal: Journal, folder: Path
) -> None:
    jobs = entered(journal, folder)
    jobs[0].target.parent.mkdir()
    jobs[0].target.write_text("mine")
    ears = through(journal, jobs)
    assert ears.outcomes["0.png"].standing is Standing.FOREIGN
    assert jobs[0].target.read_text() == "mine"
    ears = through(journal, jobs, overwrite=True)
    assert {o.standing for o in ears.outcomes.values()} == {None}
    assert pictures.read(jobs[0].target).size == (60, 80)


def test_another_wish_is_another_job(journal: Journal, folder: Path) -> None:
    through(journal, entered(journal, folder))
    again = entered(journal, folder, "another")
    ears = through(journal, again, wish=Wish(width_px=20))
    assert {o.standing for o in ears.outcomes.values()} == {None}
    assert pictures.read(again[0].target).size == (15, 20)


def test_equal_files_are_enlarged_once(journal: Journal, folder: Path) -> None:
    for name in ("copy", "copied"):
        shutil.copy(folder / "0.png", folder / f"{name}.png")
    runtime = Repeating()
    jobs = entered(journal, folder)
    ears = through(journal, jobs, runtime)
    copies = [o for o in ears.outcomes.values() if o.copied_from is not None]
    assert len(copies) == 2
    assert len({job.target.read_bytes() for job in jobs}) == 6
    tiles = {total for *_, total in ears.parts}
    assert runtime.seen == 6 * tiles.pop()


def test_what_fails_is_named_and_the_others_are_made(journal: Journal, folder: Path) -> None:
    (folder / "2.png").write_text("no picture")
    (folder / "3.png").unlink()
    (folder / "3.png").symlink_to(folder / "nowhere")
    jobs = entered(journal, folder)
    ears = through(journal, jobs)
    failed = {name for name, o in ears.outcomes.items() if o.state is State.FAILED}
    assert failed == {"2.png", "3.png"}
    assert isinstance(ears.outcomes["2.png"].error, PictureError)
    assert "2.png" in str(journal.entry(jobs[2].id).why)
    assert {path.name for path in jobs[0].target.parent.iterdir()} == {
        f"{number}.png" for number in (0, 1, 4, 5)
    }


def test_a_job_is_cancelled_within_a_tile(journal: Journal, folder: Path) -> None:
    jobs = entered(journal, folder)
    ears, runtime = Ears(), Repeating()
    upscaler = Upscaler(TINY, runtime=runtime, settings=Settings(tile_px=16))

    def cancelling(job: Job, done: int, total: int) -> None:
        ears.on_progress(job, done, total)
        if done == 2:
            line.cancel(job)
        line.cancel(jobs[-1])

    line = Line(
        journal, lambda _: Order(upscaler, Wish()), on_progress=cancelling, on_end=ears.on_end
    )
    line.run(jobs)
    assert {o.state for o in ears.outcomes.values()} == {State.CANCELLED}
    assert {done for _, done, _ in ears.parts} == {0, 1, 2}
    assert "5.png" not in {name for name, *_ in ears.parts}, "it had not begun"
    assert not list(jobs[0].target.parent.iterdir())
    assert journal.entry(jobs[0].id).state is State.CANCELLED


def test_whoever_is_not_heard_any_more_stops_the_line(journal: Journal, folder: Path) -> None:
    def broken(_: Outcome) -> None:
        raise BrokenPipeError

    jobs = entered(journal, folder)
    upscaler = Upscaler(TINY, runtime=Repeating())
    line = Line(
        journal, lambda _: Order(upscaler, Wish()), on_progress=lambda *_: None, on_end=broken
    )
    with pytest.raises(BrokenPipeError):
        line.run(jobs)
    states = [journal.entry(job.id).state for job in jobs]
    assert State.RUNNING not in states
    assert State.QUEUED in states


def test_a_job_is_cancelled_while_its_result_is_written(journal: Journal, folder: Path) -> None:
    large = Picture.from_array(noise(0, 700, 900))
    pictures.write(large, folder / "0.avif")
    [job] = journal.enter([(folder / "0.avif", folder.parent / "out.avif", "wish")])
    ears = Ears()

    def cancelling(job: Job, done: int, total: int) -> None:
        if done == total:
            line.cancel(job)

    upscaler = Upscaler(TINY, runtime=Repeating())
    line = Line(
        journal, lambda _: Order(upscaler, Wish()), on_progress=cancelling, on_end=ears.on_end
    )
    line.run([job])
    assert ears.outcomes["0.avif"].state is State.CANCELLED
    assert {path.name for path in folder.parent.iterdir() if "sqlite" not in path.name} == {"in"}


@dataclass
class Held(Repeating):
    """A runtime that waits in its first tile until it is let go."""

    has_begun: threading.Event = field(default_factory=threading.Event)
    may_go_on: threading.Event = field(default_factory=threading.Event)

    def upscale_tiles(self, tiles_NCHW: NDArray[np.float32]) -> NDArray[np.float32]:
        self.has_begun.set()
        assert self.may_go_on.wait(30)
        return super().upscale_tiles(tiles_NCHW)


def test_a_job_that_waits_for_the_network_is_cancelled_at_once(
    journal: Journal, folder: Path
) -> None:
    jobs, runtime, outcomes = entered(journal, folder)[:2], Held(), queue.Queue[Outcome]()
    order = Order(Upscaler(TINY, runtime=runtime), Wish())
    line = Line(journal, lambda _: order, on_progress=lambda *_: None, on_end=outcomes.put)
    with ThreadPoolExecutor(1) as other:
        running = other.submit(line.run, jobs)
        assert runtime.has_begun.wait(30)
        begun = [job for job in jobs if journal.entry(job.id).state is State.RUNNING]
        for job in jobs:
            line.cancel(job)
        assert outcomes.get(timeout=30).state is State.CANCELLED
        assert len(begun) <= 2
        assert not runtime.may_go_on.is_set(), "the other has the network still"
        runtime.may_go_on.set()
        running.result(30)
    assert outcomes.get_nowait().state is State.CANCELLED


def test_whoever_came_first_has_the_network_first() -> None:
    turn, had, rows = Turn(), list[int](), [threading.Event() for _ in range(6)]

    def wait(number: int) -> None:
        with turn.of(rows[number].set):
            had.append(number)

    with ThreadPoolExecutor(5) as others, turn.of(lambda: None):
        for number in range(1, 6):
            others.submit(wait, number)
            assert rows[number].wait(30), "it waits, so it heeds"
    assert had == [1, 2, 3, 4, 5]


def test_a_late_cancelling_ends_no_other_job(journal: Journal, folder: Path) -> None:
    """Numbers of jobs that were forgotten do not come back."""
    ears = Ears()
    order = Order(Upscaler(TINY, runtime=Repeating()), Wish())
    line = Line(journal, lambda _: order, on_progress=ears.on_progress, on_end=ears.on_end)
    last = entered(journal, folder)[-1]
    line.run([last])
    journal.forget(last)
    line.cancel(last)
    [after] = journal.enter([(last.source, last.target.with_name("after.png"), "wish")])
    assert after.id != last.id
    ears.outcomes.clear()
    line = Line(journal, lambda _: order, on_progress=ears.on_progress, on_end=ears.on_end)
    line.run([after])
    assert ears.outcomes[after.source.name].state is State.DONE


@pytest.fixture
def small_files() -> Generator[None]:
    """No file may grow beyond 100 kB, as on a disk that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.usefixtures("small_files")
def test_a_picture_that_cannot_be_written_lets_go_of_the_network(folder: Path) -> None:
    pictures.write(Picture.from_array(noise(0, 150, 150)), folder / "0.png")
    outcomes: list[Outcome] = []  # whoever keeps an error keeps its frames
    order = Order(Upscaler(TINY, runtime=Repeating(), settings=Settings(tile_px=16)), Wish())
    with Journal(None) as journal:
        jobs = entered(journal, folder)
        line = Line(journal, lambda _: order, on_progress=lambda *_: None, on_end=outcomes.append)
        thread = threading.Thread(target=line.run, args=(jobs,), daemon=True)
        thread.start()
        thread.join(30)
        assert not thread.is_alive(), outcomes
    assert sorted(each.state for each in outcomes) == [State.DONE] * 5 + [State.FAILED]

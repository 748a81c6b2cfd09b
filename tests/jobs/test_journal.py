"""The journal: what is known of jobs, across processes, kills and other people's files."""

import contextlib
import os
import resource
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cli.running import environment
from rgtsr.errors import RgtsrError
from rgtsr.jobs import Job, Journal, Standing, State

CLAIM = """
import os, sys
from pathlib import Path
from rgtsr.jobs import Journal
journal = Journal(Path(sys.argv[1]))
[job] = journal.enter([(Path(sys.argv[2]), Path(sys.argv[3]), "wish")])
assert journal.claim(job, "content").is_taken
if sys.argv[4] == "named":
    draft = Path(sys.argv[3] + ".draft")
    draft.write_text("result")
    journal.publishing(job, draft, {})
    draft.rename(sys.argv[3])
print("claimed", flush=True)
if sys.argv[4] == "waits":
    sys.stdin.read()
os.kill(os.getpid(), 9)
"""


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    (tmp_path / "a.png").write_text("source")
    return tmp_path / "a.png", tmp_path / "b.png"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


def entered(journal: Journal, files: tuple[Path, Path], wish: str = "wish") -> Job:
    [job] = journal.enter([(*files, wish)])
    return job


def finish(journal: Journal, job: Job, result: str = "result") -> None:
    assert journal.claim(job, "content").is_taken
    draft = job.target.with_suffix(".draft")
    draft.write_text(result)
    journal.publishing(job, draft, {"size": [1, 1]})
    draft.rename(job.target)
    journal.end(job, State.DONE)


def other_process(path: Path, files: tuple[Path, Path], how: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", CLAIM, *map(str, (path, *files)), how],
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "claimed\n"
    return process


def killed_process(path: Path, files: tuple[Path, Path], how: str) -> None:
    with other_process(path, files, how) as process:
        process.communicate()


def test_what_is_done_is_known_to_the_next_journal(path: Path, files: tuple[Path, Path]) -> None:
    with Journal(path) as journal:
        job = entered(journal, files)
        assert journal.standing(job) is Standing.NOTHING
        finish(journal, job)
    with Journal(path) as journal:
        again = entered(journal, files)
        assert journal.standing(again) is Standing.RESULT
        assert journal.entry(again.id).state is State.DONE
        assert journal.entry(again.id).report == {"size": [1, 1]}


@pytest.mark.parametrize("change", ["wish", "source"])
def test_another_wish_or_source_may_replace_the_former_result(
    path: Path, files: tuple[Path, Path], change: str
) -> None:
    with Journal(path) as journal:
        finish(journal, entered(journal, files))
        if change == "source":
            files[0].write_text("another source")
        job = entered(journal, files, "another" if change == "wish" else "wish")
        assert journal.standing(job) is Standing.NOTHING
        assert journal.entry(job.id).state is State.QUEUED
        finish(journal, job, "another result")
        assert journal.standing(job) is Standing.RESULT


def test_a_result_of_another_source_is_that_ones(path: Path, files: tuple[Path, Path]) -> None:
    other = files[0].with_name("other \udce9")
    other.write_text("another source")
    with Journal(path) as journal:
        finish(journal, entered(journal, files))
        assert journal.standing(entered(journal, (other, files[1]))) is Standing.OTHERS
        assert journal.standing(entered(journal, files)) is Standing.RESULT
        files[0].rename(files[0].with_name("moved"))
        moved = (files[0].with_name("moved"), files[1])
        assert journal.standing(entered(journal, moved)) is Standing.RESULT
        assert journal.standing(entered(journal, moved, "another")) is Standing.NOTHING


def test_it_may_go_where_the_same_run_makes_the_other_elsewhere(
    path: Path, files: tuple[Path, Path]
) -> None:
    """As when x.png comes to x.jpg: that becomes x.jpg.png then."""
    other = files[0].with_name("other.png")
    other.write_text("another source")
    with Journal(path) as journal:
        finish(journal, entered(journal, files))
        elsewhere = (files[0], files[1].with_name("b.png.png"))
        both = journal.enter([(other, files[1], "wish"), (*elsewhere, "wish")])
        assert journal.standing(both[0]) is Standing.NOTHING
        assert journal.standing(entered(journal, (other, files[1]))) is Standing.OTHERS


def test_results_of_journals_that_named_no_source_may_go(
    path: Path, files: tuple[Path, Path]
) -> None:
    with Journal(path) as journal:
        finish(journal, entered(journal, files))
    with contextlib.closing(sqlite3.connect(path)) as rows:
        name = "instr(result_of, char(10)) - 1"
        rows.execute(f"UPDATE jobs SET result_of = substr(result_of, 1, {name})")
        rows.commit()
    with Journal(path) as journal:
        assert journal.standing(entered(journal, files)) is Standing.RESULT
        files[0].write_text("another source")
        assert journal.standing(entered(journal, files)) is Standing.NOTHING


def test_a_wish_that_comes_back_finds_its_result(path: Path, files: tuple[Path, Path]) -> None:
    with Journal(path) as journal:
        finish(journal, entered(journal, files))
        assert journal.standing(entered(journal, files, "another")) is Standing.NOTHING
        assert journal.standing(entered(journal, files)) is Standing.RESULT


def test_a_file_that_no_job_made_is_foreign(path: Path, files: tuple[Path, Path]) -> None:
    files[1].write_text("somebody's")
    with Journal(path) as journal:
        assert journal.standing(entered(journal, files)) is Standing.FOREIGN


def test_a_result_that_somebody_changed_is_foreign(path: Path, files: tuple[Path, Path]) -> None:
    with Journal(path) as journal:
        job = entered(journal, files)
        finish(journal, job)
        files[1].write_text("retouched")
        assert journal.standing(job) is Standing.FOREIGN
        assert journal.standing(entered(journal, files, "another")) is Standing.FOREIGN


def test_a_job_is_done_whose_process_was_killed_once_the_result_had_its_name(
    path: Path, files: tuple[Path, Path]
) -> None:
    killed_process(path, files, "named")
    with Journal(path) as journal:
        assert journal.standing(entered(journal, files)) is Standing.RESULT


def test_a_job_whose_process_was_killed_at_work_can_be_claimed(
    path: Path, files: tuple[Path, Path]
) -> None:
    killed_process(path, files, "at once")
    with Journal(path) as journal:
        job = entered(journal, files)
        assert journal.standing(job) is Standing.NOTHING
        assert journal.claim(job, "content").is_taken


def test_a_former_result_can_be_replaced_though_a_process_was_killed_at_that(
    path: Path, files: tuple[Path, Path]
) -> None:
    with Journal(path) as journal:
        finish(journal, entered(journal, files, "another"))
    killed_process(path, files, "at once")
    with Journal(path) as journal:
        assert journal.standing(entered(journal, files)) is Standing.NOTHING


def test_a_job_that_another_process_is_at_cannot_be_claimed(
    path: Path, files: tuple[Path, Path]
) -> None:
    with other_process(path, files, "waits") as process, Journal(path) as journal:
        job = entered(journal, files)
        other = entered(journal, files, "another wish")
        assert not journal.claim(job, "content").is_taken
        assert not journal.claim(other, "content").is_taken
        process.communicate("")
        assert journal.claim(job, "content").is_taken


def test_of_two_runs_with_other_wishes_the_later_one_wins(
    path: Path, files: tuple[Path, Path]
) -> None:
    with Journal(path) as journal:
        earlier = entered(journal, files)
        later = entered(journal, files, "another wish")
        with pytest.raises(RgtsrError, match="another run that began later makes it otherwise"):
            journal.claim(earlier, "content")
        journal.end(earlier, State.FAILED, "what became of the earlier one")
        assert journal.entry(later.id).state is State.QUEUED
        finish(journal, later)
        assert journal.standing(later) is Standing.RESULT
        assert journal.standing(earlier) is Standing.NOTHING


def test_what_was_at_work_for_another_wish_is_made_again_for_the_later_run(
    path: Path, files: tuple[Path, Path]
) -> None:
    with other_process(path, files, "waits") as process, Journal(path) as journal:
        later = entered(journal, files, "another wish")
        assert not journal.claim(later, "content").is_taken
        process.communicate("")
        finish(journal, later)
        assert journal.standing(later) is Standing.RESULT
        assert journal.standing(entered(journal, files)) is Standing.NOTHING


def test_whoever_gives_up_waiting_leaves_the_job_to_its_process(
    path: Path, files: tuple[Path, Path]
) -> None:
    with other_process(path, files, "waits") as process, Journal(path) as journal:
        job = entered(journal, files)
        journal.end(job, State.QUEUED)
        assert journal.entry(job.id).state is State.RUNNING
        assert not journal.claim(job, "content").is_taken
        process.communicate("")


def test_a_job_is_given_up_that_killed_three_processes(
    path: Path, files: tuple[Path, Path]
) -> None:
    for _ in range(3):
        killed_process(path, files, "at once")
    with Journal(path) as journal, pytest.raises(RgtsrError, match="3 processes died"):
        journal.claim(entered(journal, files), "content")


def test_equal_sources_of_one_run_are_found_while_the_result_is_there(
    path: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    names = ("b.png", "c.png", "d.jpg", "e.png")
    with Journal(path) as journal:
        jobs = journal.enter([(files[0], tmp_path / name, "wish") for name in names])
        finish(journal, jobs[0])
        assert journal.claim(jobs[1], "content").equal == jobs[0]
        journal.end(jobs[1], State.FAILED, "no")
        assert journal.claim(jobs[2], "content").equal is None, "another format"
        assert journal.claim(jobs[3], "another").equal is None
        jobs[0].target.unlink()
        assert journal.claim(jobs[1], "content").equal is None, "it is gone"


def test_what_another_run_made_elsewhere_is_not_copied(
    path: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    with Journal(path) as journal:
        finish(journal, entered(journal, files))
        elsewhere = entered(journal, (files[0], tmp_path / "c.png"))
        assert journal.claim(elsewhere, "content").equal is None


def test_an_equal_that_is_at_work_is_waited_for(
    path: Path, files: tuple[Path, Path], tmp_path: Path
) -> None:
    with Journal(path) as journal:
        first, second = journal.enter([(*files, "wish"), (files[0], tmp_path / "c.png", "wish")])
        assert journal.claim(first, "content").is_taken
        assert not journal.claim(second, "content").is_taken
        journal.end(first, State.FAILED, "no")
        assert journal.claim(second, "content").equal is None


def test_names_need_not_be_text(path: Path, tmp_path: Path) -> None:
    files = tmp_path / os.fsdecode(b"\xff.png"), tmp_path / os.fsdecode(b"\xfe.png")
    files[0].write_text("source")
    with Journal(path) as journal:
        job = entered(journal, files)
        finish(journal, job)
        assert journal.entry(job.id).job.source == files[0]


def test_what_is_no_journal_is_said(path: Path) -> None:
    path.write_text("no database at all, but long enough to be taken for the head of one" * 9)
    with pytest.raises(OSError, match="no journal can be kept there"):
        Journal(path)


def test_a_full_disk_is_said_of_the_journal(path: Path, tmp_path: Path) -> None:
    asked = [
        (tmp_path / f"{number}.png", tmp_path / f"{number}.jpg", "wish") for number in range(2000)
    ]
    with Journal(path) as journal:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, before[1]))
        try:
            with pytest.raises(RgtsrError, match=r"jobs\.sqlite: .* cannot be noted there .*room"):
                journal.enter(asked)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        assert len(journal.enter(asked)) == 2000

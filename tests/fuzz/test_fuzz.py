"""A short run of the fuzzer; the long one's table is benchmarks/results/fuzz.json."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fuzz
import mutations

FILES = 40  # of each kind


@pytest.mark.parametrize("kind", (*fuzz.KINDS, *(("jxl",) if fuzz.LEFT_OUT else ())))
def test_mutated_files_are_read_or_refused_within_bounds(kind: str) -> None:
    if kind not in fuzz.KINDS:
        pytest.skip(fuzz.LEFT_OUT)
    row = fuzz.row(kind, list(fuzz.outcomes(kind, 1_000_000, FILES)), keep=None)
    assert row["findings"] == []
    assert row["files"] == FILES
    assert sum(row[what] for what in fuzz.TELLING) == FILES


GREEDY = """
import json
from pathlib import Path
import fuzz
def greedy(path):
    raise KeyError(len(bytearray(300 << 20)))
fuzz.USES["cache"] = greedy
print(json.dumps(fuzz.watched("cache", Path("any"))))
"""


def test_what_a_file_does_wrong_is_found() -> None:
    """In a process of its own: this one may give back memory of other tests meanwhile."""
    path = os.pathsep.join(filter(None, (str(Path(fuzz.__file__).parent), *sys.path)))
    done = subprocess.run(
        [sys.executable, "-c", GREEDY],
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        check=True,
    )
    outcome = json.loads(done.stdout)
    assert outcome["what"].startswith("KeyError: 314572800")
    assert outcome["mib"] > 250


def test_a_file_of_one_number_is_the_same_at_every_run(tmp_path: Path) -> None:
    for kind in fuzz.KINDS:
        first, second = (fuzz.honest_file(kind, tmp_path) for _ in range(2))
        assert first == second, kind
        assert fuzz.mutated(kind, first, 7) == fuzz.mutated(kind, second, 7)
        assert fuzz.mutated(kind, first, 7) != fuzz.mutated(kind, first, 8)


def test_every_change_can_be_made_to_any_file() -> None:
    rng = fuzz.random.Random(0)
    for content in (b"", b"x", bytes(3), b"12345" * 9, bytes(5000)):
        for kind in (*mutations.OWN, "any"):
            for _ in range(20):
                assert isinstance(mutations.mutated(kind, content, rng), bytes)

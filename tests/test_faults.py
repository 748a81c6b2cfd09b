"""A short form of benchmarks/faults.py: whatever befalls a run, the next one makes it good."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from faults import BOUND_ROOT, FAULTS, Undisturbed
from scenes import SCENES

SHORT = (  # of what docs/faults.md tells
    ("folder", "kill"), ("folder", "disk"), ("folder", "vanish"), ("gigapixels", "term"),
    ("gigapixels", "denied"), ("service", "kill"), ("film", "kill"), ("batch", "worker"),
    ("store", "store"), ("cluster", "kill"), ("training", "term"),
)  # fmt: skip
TAKES = {
    "disk": ("unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"),
    "denied": (*BOUND_ROOT, "true"),
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Undisturbed]:
    """How a scene is when nothing befalls it, tried once."""
    known: dict[str, Undisturbed] = {}

    def of(name: str) -> Undisturbed:
        if name not in known:
            known[name] = Undisturbed(SCENES[name], tmp_path_factory.mktemp(name) / "run")
        return known[name]

    return of


@pytest.mark.skipif(sys.platform != "linux", reason="the faults are Linux's")
@pytest.mark.parametrize(("scene", "fault"), SHORT)
def test_nothing_is_lost_or_made_twice_or_left_behind(
    scene: str, fault: str, undisturbed: Callable[[str], Undisturbed], tmp_path: Path
) -> None:
    if fault in TAKES and subprocess.run(TAKES[fault], capture_output=True).returncode:
        pytest.skip(f"{' '.join(TAKES[fault])} takes root")
    number = SHORT.index((scene, fault))
    assert undisturbed(scene).disturbed(fault, number, tmp_path / "round") == []


def test_each_fault_is_part_of_a_scene() -> None:
    assert {fault for scene in SCENES.values() for fault in scene.faults} == FAULTS.keys()

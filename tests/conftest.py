"""What all tests share: how hypothesis behaves, and where optional data lies."""

import os
import shutil
import subprocess
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from serving.page.browsing import browser

ROOT = Path(__file__).parents[1]

# else gcsfs asks by gRPC, for a minute, of what kind a bucket is: no server of the tests knows
os.environ["GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT"] = "false"

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Compiled graphs of tests stay out of the user's cache."""
    os.environ["RGTSR_CACHE_DIR"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def container() -> tuple[str, ...]:
    """What a command begins with to run where process ids of ours mean nothing."""
    apart = ("unshare", "--pid", "--fork")
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"]).returncode:
        pytest.skip("process ids of their own cannot be had here: unshare --pid is refused")
    return apart


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root with the right to mount can make a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="session")
def chromium() -> Generator[Any]:
    """A browser for all tests: a process can have its driver once."""
    with browser() as started:
        yield started


@pytest.fixture(scope="session")
def benchmark_dir() -> Path:
    """Set5 and Set14, which are not in the repository: a folder beside it, if it is there."""
    folder = ROOT.parent / "shared" / "benchmark"
    if not folder.is_dir():
        pytest.skip("the benchmark pictures are not here: ../shared/benchmark")
    return folder


@pytest.fixture(scope="session")
def demo_dir() -> Path:
    """The photos that the repository carries."""
    return ROOT / "demo"

"""Names, places and patience: what needs no worker."""

import itertools
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st

from rgtsr.batch import naming
from rgtsr.batch.failures import Patience, Unreachable, insisting
from rgtsr.batch.places import Place
from rgtsr.batch.sources import Shard, expanded
from rgtsr.batch.systems.servers import Server
from rgtsr.errors import RuntimeUnavailableError, UsageError

hasty = Patience(tries=4, first_s=0.0)


class Far(Server):
    """A server whose files are seen while they are written."""

    def __init__(self) -> None:
        self.moved: list[tuple[str, str]] = []
        super().__init__("sftp://far")

    def _connected(self) -> Any:
        far = self

        class Memory(MemoryFileSystem):
            def mv(self, path1: str, path2: str, **options: object) -> None:
                far.moved.append((path1, path2))
                super().mv(path1, path2, **options)

        return Memory(skip_instance_cache=True)


def failing(times: int, error: Exception) -> Callable[[], int]:
    left = iter([error] * times)

    def what() -> int:
        if (each := next(left, None)) is not None:
            raise each
        return 7

    return what


@pytest.mark.parametrize("error", [ConnectionResetError(), TimeoutError(), OSError(16, "busy")])
def test_what_passes_is_tried_again_but_not_for_ever(error: Exception) -> None:
    assert insisting(failing(3, error), "it", hasty) == 7
    with pytest.raises(Unreachable, match=r"^it: .*asked 4 times"):
        insisting(failing(4, error), "it", hasty)


@pytest.mark.parametrize("error", [FileNotFoundError(), PermissionError(), ValueError("no")])
def test_what_does_not_pass_is_tried_once(error: Exception) -> None:
    with pytest.raises(type(error)):
        insisting(failing(1, error), "it", hasty)


def test_pauses_double_and_are_random() -> None:
    random.seed(0)
    runs = [list(Patience().pauses()) for _ in range(500)]
    means = [sum(pauses) / len(runs) for pauses in zip(*runs, strict=True)]
    for first, second in itertools.pairwise(means):
        assert 1.8 < second / first < 2.2
    assert max(max(run) for run in runs) < 30


def test_where_files_are_seen_at_once_they_are_renamed(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(b"content")
    far = Far()
    place = Place(far, "/out")
    place.put(tmp_path / "photo", "deep/photo.png")
    [(draft, final)] = far.moved
    assert draft.startswith("/out/deep/.rgtsr-")
    assert final == "/out/deep/photo.png"
    assert [found.path for found in place.files()] == ["deep/photo.png"]


def test_braces_and_shards() -> None:
    assert list(expanded("s3://b/{08..10}/x.tar")) == [
        f"s3://b/{n}/x.tar" for n in ("08", "09", "10")
    ]
    assert list(expanded("{0..1}-{2..3}")) == ["0-2", "0-3", "1-2", "1-3"]
    names = [f"{number}.png" for number in range(1000)]
    parts = [[name for name in names if Shard(k, 4).has(name)] for k in (1, 2, 3, 4)]
    assert sorted(itertools.chain(*parts)) == sorted(names)
    assert min(map(len, parts)) > 200


@given(st.text(), st.sampled_from([None, ".jpg", ".png", ".tif"]))
def test_no_name_leads_out_of_the_destination(name: str, suffix: str | None) -> None:
    try:
        path = naming.output(naming.inside(name), suffix)
    except UsageError:
        return
    assert not path.startswith("/")
    assert ".." not in path.split("/")
    assert "" not in path.split("/")


def test_a_store_whose_package_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from rgtsr.batch import places

    monkeypatch.setitem(__import__("sys").modules, "adlfs", None)
    with pytest.raises(RuntimeUnavailableError, match=r"abfs://x.*adlfs"):
        places.at("abfs://x")

"""What is kept between starts lies where nobody else may write."""

import os
import stat
import sys
import warnings
from pathlib import Path

import pytest

from rgtsr.runtimes import cache

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows keeps profiles private")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@posix
def test_the_folder_is_the_users_alone_whatever_the_umask(folder: Path) -> None:
    before = os.umask(0)
    try:
        cache.write("key", b"content")
    finally:
        os.umask(before)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    kept = cache.read("key")
    assert kept is not None and kept.tobytes() == b"content"


@posix
@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o770, 0o702])
def test_a_folder_that_others_may_write_is_not_used_and_that_is_said_once(
    mode: int, folder: Path
) -> None:
    cache.write("key", b"content")
    folder.chmod(mode)
    with pytest.warns(UserWarning, match=r"cache: .* others may write .* chmod") as said:
        assert cache.read("key") is None
        cache.write("other", b"content")
    assert len(said) == 1
    assert "\n" not in str(said[0].message)
    assert [path.name for path in folder.iterdir()] == ["key.graph"]
    with pytest.raises(OSError, match="others may write"):
        cache.place("anything")
    folder.chmod(0o755)
    assert cache.read("key") is not None


@posix
def test_a_folder_of_somebody_else_is_not_used(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.write("key", b"content")
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid + 1)
    if folder.stat().st_uid == 0:  # root may write everywhere: it is trusted
        assert cache.read("key") is not None
        os.chown(folder, 12345, -1)
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.warns(UserWarning, match="others may write"):
        assert cache.read("key") is None


def test_without_a_home_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("RGTSR_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    cache.write("key", b"content")
    assert cache.read("key") is None


def test_where_there_are_no_owners_the_folder_is_taken_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "geteuid", raising=False)
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.write("key", b"content")
        assert cache.read("key") is not None


def test_a_damaged_entry_that_cannot_be_removed_is_made_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def in_use(*_: object, **__: object) -> None:
        raise PermissionError("in use, as Windows says of a mapped file")

    cache.write("key", b"content")
    (folder / "key.graph").write_bytes(b"damaged")
    monkeypatch.setattr(Path, "unlink", in_use)
    with pytest.warns(UserWarning, match="was damaged"):
        assert cache.read("key") is None

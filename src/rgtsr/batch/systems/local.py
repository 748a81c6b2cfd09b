"""The files of this machine."""

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from rgtsr import atomic
from rgtsr.batch.item import Span
from rgtsr.batch.systems.found import Found


class Local:
    """As ``stores.Store``."""

    is_local = True

    def below(self, folder: str) -> Iterator[Found]:
        """What lies in a folder, in no order."""
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    about = entry.stat()
                except OSError:  # a link to nothing: who opens it says so
                    about = entry.stat(follow_symlinks=False)
                is_folder = stat.S_ISDIR(about.st_mode)
                yield Found(entry.path, about.st_size, _stamp(about), is_folder, entry.is_symlink())

    def about(self, path: str) -> Found:
        """One file, or folder."""
        about = Path(path).stat()
        return Found(path, about.st_size, _stamp(about), stat.S_ISDIR(about.st_mode))

    def matches(self, pattern: str) -> list[str]:
        """Those that a name with ``*`` stands for."""
        anchor = Path(pattern).anchor
        return [str(path) for path in Path(anchor).glob(pattern.removeprefix(anchor))]

    def read(self, path: str, span: Span | None) -> bytes:
        """All of a file, or a part."""
        with Path(path).open("rb") as file:
            file.seek(span.offset if span else 0)
            return file.read(span.size if span else -1)

    def put(self, content: Path, path: str) -> None:
        """See ``Store``."""
        with atomic.replacing(self._made(path)) as draft:
            shutil.copyfile(content, draft)

    def write(self, path: str, content: bytes) -> None:
        """See ``Store``."""
        with atomic.replacing(self._made(path)) as draft:
            draft.write_bytes(content)

    def create(self, path: str, content: bytes) -> None:
        """See ``Store``."""
        atomic.create(self._made(path), content)

    def remove(self, path: str) -> None:
        """See ``Store``; its folder goes with the last file."""
        Path(path).unlink()
        with contextlib.suppress(OSError):
            Path(path).parent.rmdir()

    def forget(self) -> None:
        """See ``Store``."""

    def _made(self, path: str) -> Path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return Path(path)


def _stamp(about: os.stat_result) -> str:
    return f"{about.st_size}:{about.st_mtime}"

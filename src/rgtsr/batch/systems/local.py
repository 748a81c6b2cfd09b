"""The files of this machine."""

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
    is_flat = False

    def below(self, folder: str) -> Iterator[Found]:
        """What lies in a folder, in no order."""
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    about = _stat(entry)
                except FileNotFoundError:  # it went meanwhile
                    continue
                is_folder = stat.S_ISDIR(about.st_mode)
                yield Found(entry.path, about.st_size, _stamp(about), is_folder, entry.is_symlink())

    def about(self, path: str) -> Found:
        """One file, or folder."""
        about = Path(path).stat()
        return Found(path, about.st_size, _stamp(about), stat.S_ISDIR(about.st_mode))

    def is_folder(self, path: str) -> bool:
        """See ``Store``."""
        return self.about(path).is_folder

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
        """See ``Store``."""
        Path(path).unlink()

    def forget(self) -> None:
        """See ``Store``."""

    def _made(self, path: str) -> Path:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return Path(path)


def _stat(entry: os.DirEntry[str]) -> os.stat_result:
    try:
        return entry.stat()
    except OSError:  # a link to nothing: who opens it says so
        return entry.stat(follow_symlinks=False)


def _stamp(about: os.stat_result) -> str:
    return f"{about.st_size}:{about.st_mtime}"

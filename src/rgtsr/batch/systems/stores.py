"""Object stores, through fsspec: files appear whole, and folders are a part of their names."""

# fsspec is untyped:
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

import errno
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rgtsr.batch.item import Span
from rgtsr.batch.systems.found import Found, found


class Store:
    """One of them. Paths are what fsspec calls files; so are errors, where they are no OSError."""

    is_local = False
    is_flat = True  # ``below`` gives all files at once, not what lies in a folder

    def __init__(self, system: Any) -> None:  # Any: fsspec's
        self._system = system

    @property
    def system(self) -> Any:
        """fsspec's."""
        return self._system

    def below(self, folder: str) -> Iterator[Found]:
        """Every file below a folder, in no order."""
        for path, about in self.system.find(folder, detail=True).items():
            yield found(path, about)

    def about(self, path: str) -> Found:
        """One file, or folder."""
        return found(path, self.system.info(path))

    def is_folder(self, path: str) -> bool:
        """Whether it is one; what is a folder of some stores looks like a file by ``about``."""
        return self.system.isdir(path)

    def matches(self, pattern: str) -> list[str]:
        """Those that a name with ``*`` stands for."""
        return self.system.glob(pattern)

    def read(self, path: str, span: Span | None) -> bytes:
        """All of a file, or a part; from servers that give no parts more than was asked."""
        ends = {} if span is None else {"start": span.offset, "end": span.offset + span.size}
        return self.system.cat_file(path, **ends)

    def put(self, content: Path, path: str) -> None:
        """A local file under that name, whole or not at all; what was there is replaced."""
        self.system.put_file(str(content), path)

    def write(self, path: str, content: bytes) -> None:
        """The same, of bytes."""
        self.system.pipe_file(path, content)

    def create(self, path: str, content: bytes) -> None:
        """The same; raises FileExistsError where one is there, of several to all but one."""
        try:
            self.system.pipe_file(path, content, mode="create")
        except (NotImplementedError, OSError) as error:
            if isinstance(error, OSError) and error.errno != errno.ENOSYS:
                raise
            self._create_anyhow(path, content)

    def remove(self, path: str) -> None:
        """Away with a file."""
        self.system.rm_file(path)

    def forget(self) -> None:
        """The connection broke: have another."""

    def _create_anyhow(self, path: str, content: bytes) -> None:
        """The same where nothing can be put on a condition: of two at once both may succeed."""
        try:
            self.about(path)
        except FileNotFoundError:
            self.write(path, content)
        else:
            raise FileExistsError(path)

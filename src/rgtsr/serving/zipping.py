"""Several files as one zip that is never held whole. Pictures are not compressed once more."""

import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

PIECE_BYTES = 1 << 20


class _Sink:
    """What was written and not yet handed on; no file, so that nothing is sought in it."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, piece: bytes) -> int:
        """Take a piece."""
        self._written += piece
        return len(piece)

    def flush(self) -> None:
        """There is nothing behind it."""

    def taken(self) -> bytes:
        """All that was written since."""
        piece, self._written = bytes(self._written), bytearray()
        return piece


def pieces(files: Sequence[tuple[Path, str]]) -> Iterator[bytes]:
    """The zip, piece by piece, of files and the names they get; names that clash are numbered."""
    sink, seen = _Sink(), Counter[str]()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:  # pyright: ignore -- any sink
        for path, name in files:
            seen[name] += 1
            with (
                archive.open(_numbered(name, seen[name]), "w", force_zip64=True) as entry,
                path.open("rb") as file,
            ):
                while piece := file.read(PIECE_BYTES):
                    entry.write(piece)
                    yield sink.taken()
    yield sink.taken()


def _numbered(name: str, number: int) -> str:
    pure = PurePosixPath(name)
    return name if number == 1 else f"{pure.stem} ({number}){pure.suffix}"

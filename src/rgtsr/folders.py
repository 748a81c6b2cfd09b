"""Folders for results: made where they lack. Knows nothing of what lies in them."""

import contextlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from rgtsr.errors import RgtsrError


def make_for(target: Path) -> None:
    """The folder that the file will lie in. Raises RgtsrError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RgtsrError(
            f"{target}: its folder cannot be made ({error.strerror}): give another place."
        ) from error


@contextmanager
def made_for(target: Path) -> Generator[None]:
    """The same; those that had to be made are gone again if nothing comes of it."""
    fresh = [folder for folder in target.parents if not folder.exists()]
    make_for(target)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # something lies in it
            for folder in fresh:
                folder.rmdir()
        raise

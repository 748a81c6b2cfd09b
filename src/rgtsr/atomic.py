"""Files that appear whole or not at all. Knows nothing of what is in them."""

import contextlib
import os
import shutil
from collections.abc import Generator
from pathlib import Path

HIDDEN = ".rgtsr-"


@contextlib.contextmanager
def replacing(path: Path) -> Generator[Path]:
    """A hidden name beside ``path`` to write to: it becomes ``path`` at the end, or goes.

    A link stays a link: the file behind it is replaced. Raises OSError.
    """
    draft = beside(path, "part")
    try:
        yield draft
        publish(draft, path)
    finally:
        remove(draft)


def beside(path: Path, suffix: str) -> Path:
    """A free hidden name in the folder of ``path``: only within one file system is a rename whole.

    Behind a link it is the folder of the file that is linked to.
    """
    name = f"{HIDDEN}{os.getpid()}-{os.urandom(4).hex()}.{suffix}"
    return _behind_links(path).with_name(name)


def publish(draft: Path, path: Path) -> None:
    """On the disk first, under its name then, with the rights of the file that it replaces."""
    final = _behind_links(path)
    with draft.open("rb+") as file:
        os.fsync(file.fileno())
    if final.exists():
        shutil.copymode(final, draft)
    else:
        draft.chmod(0o666 & ~_umask())  # some libraries make files for their owner alone
    draft.replace(final)


def remove(draft: Path) -> None:
    """Whatever is left of a draft."""
    with contextlib.suppress(OSError):
        draft.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove the drafts that killed processes left in a folder that is now ours alone."""
    for draft in folder.glob(f"{HIDDEN}*"):
        remove(draft)


def _behind_links(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current

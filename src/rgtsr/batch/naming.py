"""Where the result of a picture lies: a function of its own name and the options, of nothing else.

So every process of a thousand finds the same name without knowing of the other pictures, and two
pictures never have one: what takes another suffix keeps its own before it (``photo.png.jpg``).
"""

import re
from pathlib import PurePosixPath

from rgtsr.errors import UsageError
from rgtsr.pictures import WRITABLE_SUFFIXES

FALLBACK_SUFFIX = ".png"
SCHEME = re.compile(r"\w+://([^/@]*@)?")  # and who asks, with a word that is no name


def output(path: str, suffix: str | None) -> str:
    """The result's path, by the source's; ``suffix``: that was asked for, with its dot."""
    own = PurePosixPath(path).suffix.lower()
    wanted = suffix or own
    if wanted not in WRITABLE_SUFFIXES:
        wanted = FALLBACK_SUFFIX
    return path if _same(wanted, own) else path + wanted


def inside(name: str) -> str:
    """The path under the destination for a URL, a path or a name in a tar file.

    Raises UsageError for one that leads out of it.
    """
    parts = below(SCHEME.sub("", name).replace("\\", "/")).split("/")
    return "/".join(part.replace(":", "_") if part[1:2] == ":" else part for part in parts)


def below(path: str) -> str:
    """The same of a path in a folder: ``a//b`` is ``a/b``, as disks take it. Raises as that."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if ".." in parts or not parts:
        raise UsageError(f"{path}: a name that leads out of its folder is not followed.")
    return "/".join(parts)


def _same(one: str, other: str) -> bool:
    from rgtsr.pictures import formats

    return any({one, other} <= set(form.suffixes) for form in formats.WRITABLE)

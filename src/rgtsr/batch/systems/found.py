"""What a file system tells of a file. Knows none."""

from typing import Any, NamedTuple

STAMPS = ("ETag", "etag", "md5Hash", "content_md5", "mtime", "LastModified", "updated")


class Found(NamedTuple):
    """A file or folder: its path, bytes, and what tells its content from another's.

    ``is_link``: of a folder, that it is reached through one.
    """

    path: str
    size: int
    stamp: str
    is_folder: bool = False
    is_link: bool = False


def found(path: str, about: dict[str, Any], *, is_link: bool = False) -> Found:  # Any: fsspec's
    """The same as fsspec says it."""
    told = next((str(about[name]).strip('"') for name in STAMPS if about.get(name)), "")
    is_folder = about["type"] == "directory"
    return Found(path, about["size"] or 0, f"{about['size']}:{told}", is_folder, is_link)

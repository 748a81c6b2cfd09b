"""What a source holds: a folder, a list in Parquet, tar files. Knows names, no pixels."""

import contextlib
import errno
import os
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import PurePosixPath
from typing import NamedTuple

from rgtsr import film
from rgtsr.batch import lists, naming, places
from rgtsr.batch.failures import PATIENT, Patience, reason
from rgtsr.batch.item import Item, Span
from rgtsr.batch.places import Place
from rgtsr.errors import RgtsrError, UsageError
from rgtsr.pictures import SUFFIXES, UNREAD_SUFFIXES

LIST, TAR = ".parquet", ".tar"
PACKED = (".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tar.xz")
NAMELESS, AGAIN = "rows without a name", "named again"  # of lists, as they are counted
RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
BLOCK_BYTES = 1 << 16  # read at once to find the next picture's name in a tar file


@dataclass(frozen=True)
class Shard:
    """Which part of all, of how many: by the names alone, so it does not matter who lists when."""

    number: int = 1
    count: int = 1

    def has(self, name: str) -> bool:
        """Whether this part is the one with that name."""
        return zlib.crc32(name.encode("utf-8", "surrogateescape")) % self.count == self.number - 1

    def __str__(self) -> str:
        return f"{self.number}-of-{self.count}"


ALL = Shard()


class Unlisted(NamedTuple):
    """What cannot be done, by its name: a picture in a file of many, or the rest of such a file."""

    source: str
    error: Exception
    is_rest: bool = False


@dataclass(frozen=True)
class Source:
    """What SOURCE names, of which one shard is meant. Raises as ``places.at``, and UsageError.

    What somebody might expect to be enlarged, once listed: ``passed_over`` by suffix, or as rows of
    a list; ``closed`` folders, which cannot be listed, and ``links`` to some.
    """

    url: str
    destination: Place
    suffix: str | None = None
    shard: Shard = ALL
    patience: Patience = PATIENT
    passed_over: Counter[str] = field(default_factory=Counter[str], compare=False)
    closed: list[str] = field(default_factory=list[str], compare=False)
    links: list[str] = field(default_factory=list[str], compare=False)

    def items(self) -> "list[Item | Unlisted] | Iterator[Item | Unlisted]":
        """Every picture of the shard once, in order; tar files are looked through on the way.

        Raises UsageError where two results would have one name, or one would replace a source, and
        RgtsrError where there is nothing.
        """
        if self.url.endswith(PACKED):
            raise UsageError(f"{self.url}: is packed as a whole: only plain {TAR} can be read in.")
        if self.url.endswith(TAR):
            return self._packed(self._tars())
        return self._checked(self._listed() if self.url.endswith(LIST) else self._found())

    def _tars(self) -> list[str]:
        """Those that are named, each once. Raises UsageError where two would share a folder."""
        tars: dict[str, str] = {}
        named = list(self._named())
        if not any(map(self._is_there, named)):
            raise RgtsrError(f"{self.url}: nothing is called so: check the name.")
        for tar in named:
            if (other := tars.setdefault(_folder(tar), tar)) != tar:
                raise UsageError(
                    f"pictures of {other} and {tar} would both lie in"
                    f" {self.destination.url(_folder(tar))}: enlarge them into different places."
                )
        return list(tars.values())

    def _packed(self, tars: Iterable[str]) -> Iterator[Item | Unlisted]:
        for tar in tars:
            if self.shard.has(tar):
                yield from self._members(tar)

    def _named(self) -> Iterator[str]:
        """The URLs that {000..123} and * stand for."""
        for url in expanded(self.url):
            place = self._at(url)
            if "*" not in url:
                yield url
                continue
            with _blaming(url):
                found = place.matches()
            if not found:
                raise RgtsrError(f"{url}: nothing is called so: check the name.")
            for path in found:
                yield place.named(path)

    def _found(self) -> Iterator[Item | Unlisted]:
        """Pictures in a folder and in all below it, but for those of the destination."""
        place, own = self._at(self.url), self.destination
        with _blaming(self.url):
            is_folder = place.is_folder()
        if not is_folder:
            raise RgtsrError(
                f"{self.url}: is no folder, no {TAR} and no {LIST}: check the name, and that it"
                " may be read."
            )
        if place.has(own) and own.has(place):
            raise UsageError(
                f"{own}: a result there would replace a source, or be taken for one: give another"
                " destination."
            )
        has_results = place.has(own)
        for passed_over in (self.passed_over, self.closed, self.links):
            passed_over.clear()
        for path, _, stamp, *_ in place.files(closed=self.closed, links=self.links):
            if self._is_passed_over(path) or PurePosixPath(path).suffix.lower() not in SUFFIXES:
                continue
            if has_results and place.full(path).startswith(f"{own.root}/"):
                continue
            yield self._item(place.url(path), path, naming.below, stamp)

    def _listed(self) -> Iterator[Item | Unlisted]:
        """What lists name: URLs, paths, or paths beside the list."""
        self.passed_over.clear()
        for url in self._named():
            folder = url.rpartition("/")[0] or "."
            for name in lists.names(self._at(url)):
                if name is None:
                    self.passed_over[NAMELESS] += 1
                    continue
                if self._is_passed_over(name):
                    continue
                is_whole = "://" in name or name.startswith("/")
                source = name if is_whole else f"{folder}/{name}"
                whole = source if "://" in source else os.path.realpath(source)
                yield self._item(whole, name, naming.inside)

    def _is_passed_over(self, name: str) -> bool:
        """Whether it is a film, or a picture of a kind that is not read; it is counted."""
        suffix = PurePosixPath(name).suffix.lower()
        if suffix not in (*UNREAD_SUFFIXES, *film.SUFFIXES):
            return False
        self.passed_over[suffix] += 1
        return True

    def _item(
        self, source: str, name: str, place: Callable[[str], str], stamp: str = ""
    ) -> Item | Unlisted:
        try:
            return Item(source, naming.output(place(name), self.suffix), stamp)
        except UsageError as error:
            return Unlisted(source, error)

    def _checked(self, found: Iterator[Item | Unlisted]) -> list[Item | Unlisted]:
        """Those of the shard. What is remembered of all others is a number each."""
        own: list[Item | Unlisted] = []
        sources: dict[int, int] = {}
        targets: dict[int, int] = {}
        for item in found:
            if isinstance(item, Unlisted):
                if self.shard.has(item.source):
                    own.append(item)
                continue
            source, target = hash(item.source), hash(self.destination.url(item.output))
            if source in sources:
                self.passed_over[AGAIN] += 1
                continue
            if target in targets:
                other = next(each for each in self._again() if each.output == item.output)
                raise UsageError(
                    f"{other.source} and {item.source} would both become"
                    f" {self.destination.url(item.output)}: enlarge them into different places."
                )
            sources[source] = targets[target] = source
            if self.shard.has(item.output):
                own.append(item)
        if both := sources.keys() & targets.keys():
            names = (self.destination.url(each.output) for each in self._again())
            name = next(name for name in names if hash(name) in both)
            raise UsageError(f"{name} would replace a source: give another destination.")
        if not sources and not own and self.shard.count == 1:
            raise RgtsrError(f"{self.url}: has no picture that can be read: check the name.")
        return own

    def _again(self) -> Iterator[Item]:
        found = self._listed() if self.url.endswith(LIST) else self._found()
        return (each for each in found if isinstance(each, Item))

    def _members(self, tar: str) -> Iterator[Item | Unlisted]:
        """Pictures in a tar file; their results lie in a folder that is called as it is."""
        place = self._at(tar)
        try:
            about = place.about()
            if about is None:
                raise FileNotFoundError(errno.ENOENT, "no such file")
            with (
                place.open(BLOCK_BYTES) as file,
                tarfile.open(fileobj=file, mode="r:") as members,
            ):
                seen: set[int] = set()
                while (member := members.next()) is not None:
                    vars(members)["members"].clear()  # it would keep all of them
                    if PurePosixPath(member.name).suffix.lower() not in SUFFIXES:
                        continue
                    if member.isreg() or member.islnk() or member.issym():
                        yield self._member(member, place, about.stamp, seen)
                file.seek(members.offset)  # tarfile takes any damage there for the end
                if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                    raise tarfile.ReadError("is damaged or cut off")
        except (OSError, tarfile.TarError, RgtsrError) as error:
            yield Unlisted(tar, error, is_rest=True)

    def _member(
        self, member: tarfile.TarInfo, tar: Place, stamp: str, seen: set[int]
    ) -> Item | Unlisted:
        """One of them; ``seen``: of names of results that the file has given so far."""
        source = f"tar://{member.name}::{tar.url()}"
        try:
            if not member.isreg():
                raise UsageError("is a link, which is not followed.")
            path = f"{_folder(tar.root)}/{naming.inside(member.name)}"
            output = naming.output(path, self.suffix)
            if hash(output) in seen:
                raise UsageError("stands in it twice: the first one is taken.")
        except UsageError as error:
            return Unlisted(source, error)
        seen.add(hash(output))
        return Item(source, output, stamp, Span(member.offset_data, member.size), tar.url())

    def _is_there(self, tar: str) -> bool:
        """Whether it is, or cannot be asked for; who reads it says why."""
        try:
            return self._at(tar).about() is not None
        except (OSError, RgtsrError):
            return True

    def _at(self, url: str) -> Place:
        return places.at(url, self.patience)


@contextlib.contextmanager
def _blaming(url: str) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise RgtsrError(f"{url}: cannot be read ({reason(error)}).") from error


def _folder(tar: str) -> str:
    """Where the results of its pictures lie, under the destination."""
    return PurePosixPath(tar).name.removesuffix(TAR)


def expanded(url: str) -> Iterator[str]:
    """``a-{08..10}`` is a-08, a-09 and a-10."""
    parts = RANGE.split(url)  # text, from, to, text, from, to, text
    ranges = [
        [f"{number:0{len(first)}}" for number in range(int(first), int(last) + 1)]
        for first, last in zip(parts[1::3], parts[2::3], strict=True)
    ]
    for numbers in product(*ranges):
        yield "".join(map("".join, zip(parts[::3], (*numbers, ""), strict=True)))

"""Which file becomes which, and which are passed over. Knows folders and names, opens nothing."""

import difflib
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from rgtsr.errors import PictureError, RgtsrError, UsageError

FALLBACK_SUFFIX = ".png"  # for what can be read but not written
ALIKE = 0.75  # of two names, that one may be meant by the other
MOST_NAMED = 3  # of one kind that is passed over


@dataclass(frozen=True)
class Job:
    """One picture file and where its enlarged picture goes; the folder if it was found in one."""

    source: Path
    target: Path
    folder: Path | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Naming:
    """How results are called.

    ``readable``, ``unread`` and ``writable`` are suffixes such as ``.png``, ``unread`` those of
    pictures that are passed over; ``suffix`` is the one asked for, if any, of pictures; ``mark``
    goes behind the name of a result that lies beside its source. ``films`` are suffixes too, and
    ``animated``, of what keeps its own if it moves.
    """

    readable: tuple[str, ...]
    unread: tuple[str, ...]
    writable: tuple[str, ...]
    suffix: str | None = None
    mark: str = "_x2"
    films: tuple[str, ...] = ()
    film_writable: tuple[str, ...] = ()
    film_fallback: str = ""
    animated: tuple[str, ...] = ()
    is_animated: Callable[[Path], bool] = lambda _: False

    @property
    def all_writable(self) -> tuple[str, ...]:
        """Suffixes of pictures and films."""
        return (*self.writable, *self.film_writable, *self.animated)

    def result(self, source: Path) -> str:
        """The file name of a result in a folder of its own."""
        return self._renamed(source, "")

    def beside(self, source: Path) -> str:
        """The file name of a result beside its source."""
        return self._renamed(source, self.mark)

    def _renamed(self, source: Path, mark: str) -> str:
        if source.suffix.lower() in self.films:
            is_kept = source.suffix.lower() in self.film_writable
            return f"{source.stem}{mark}{source.suffix if is_kept else self.film_fallback}"
        suffix = self.suffix or source.suffix
        stays = suffix.lower() in self.animated and self.is_animated(source)
        if suffix.lower() not in self.writable and not stays:
            suffix = FALLBACK_SUFFIX
        return f"{source.stem}{mark}{suffix}"


@dataclass
class PassedOver:
    """What lies in the folders and is not enlarged, though somebody might expect it."""

    unread: Counter[str] = field(default_factory=Counter[str])  # by suffix
    closed: list[str] = field(default_factory=list[str])  # folders that may not be entered
    links: list[str] = field(default_factory=list[str])  # to folders
    found: Counter[Path] = field(default_factory=Counter[Path])  # what can be read, by input folder
    results: list[Path] = field(default_factory=list[Path])  # of other inputs, from an earlier run

    def add(self, job: Job) -> None:
        """Pass over what was found in a folder and cannot be read after all."""
        assert job.folder is not None
        self.unread[job.source.suffix.lower()] += 1
        self.found[job.folder] -= 1

    @property
    def barren(self) -> list[Path]:
        """Folders in which nothing could be read."""
        return [folder for folder, count in self.found.items() if not count]

    def __str__(self) -> str:
        """One line, or nothing."""
        parts = [f"{count} {suffix}" for suffix, count in sorted(self.unread.items())]
        parts += [
            f"{len(paths)} {what}{'s' * (len(paths) > 1)}{more}"
            f" ({', '.join(map(str, paths[:MOST_NAMED]))}"
            f"{', ...' if len(paths) > MOST_NAMED else ''})"
            for what, more, paths in (
                ("folder", " that may not be opened", self.closed),
                ("linked folder", ", to be named by its own name", self.links),
                ("folder", " without a picture that can be read", self.barren),
                ("result", " of an earlier run", self.results),
            )
            if paths
        ]
        return f"passed over: {', '.join(parts)}" if parts else ""


def jobs(
    inputs: Sequence[Path], output: str | None, naming: Naming
) -> tuple[tuple[Job, ...], PassedOver]:
    """Every picture to make, in order; folders are searched through, their structure kept.

    ``output`` is a folder, or for one input file a picture file; without it each result lies beside
    its source, those of a folder in one beside it. Hidden files, and the output folder inside an
    input folder, do not count.

    Raises:
        UsageError: when a result would replace a source, or two results have one name.
    """
    passed_over = PassedOver()
    if output is None:
        found = tuple(_beside(dict.fromkeys(inputs), naming, passed_over))
    elif _is_file_name(inputs, output, naming):
        found = (Job(inputs[0], Path(output)),)
    else:
        found = _apart(_into(dict.fromkeys(inputs), Path(output), naming, passed_over))
    _check(found)
    return found, passed_over


def _beside(inputs: Collection[Path], naming: Naming, passed_over: PassedOver) -> Iterator[Job]:
    places = {source: _place_beside(source, naming) for source in inputs}
    targets = set(places.values())
    for source, target in places.items():
        if source in targets:  # as when ``*.png`` is enlarged once more
            passed_over.results.append(source)
        elif source.is_dir():
            yield from _apart(_into([source], target, naming, passed_over))
        else:
            yield Job(source, target)


def _place_beside(source: Path, naming: Naming) -> Path:
    """Where the result of a file lies, or the results of a folder."""
    if not source.is_dir():
        return source.with_name(naming.beside(source))
    named = source if source.name not in ("", "..") else Path(os.path.realpath(source))
    if not named.name:
        raise UsageError(f"{source} has no folder beside it: say with -o where the results go.")
    return named.with_name(f"{named.name}{naming.mark}")


def _apart(found: Iterable[Job]) -> tuple[Job, ...]:
    """What takes another suffix gives way where its name is taken: ``a.gif.png`` beside a.png."""
    jobs = tuple(found)
    taken = {job.target for job in jobs if not _is_changed(job)}
    apart: list[Job] = []
    for job in jobs:
        gives_way = _is_changed(job) and job.target in taken
        full_name = job.target.with_name(f"{job.source.name}{job.target.suffix}")
        apart.append(replace(job, target=full_name) if gives_way else job)
        taken.add(apart[-1].target)
    return tuple(apart)


def _is_changed(job: Job) -> bool:
    return job.source.suffix.lower() != job.target.suffix.lower()


def _into(
    inputs: Collection[Path], folder: Path, naming: Naming, passed_over: PassedOver
) -> Iterator[Job]:
    for source in inputs:
        if not source.is_dir():
            yield Job(source, folder / naming.result(source))
            continue
        passed_over.found[source] = 0
        for picture in _pictures(source, folder, naming, passed_over):
            inside = picture.relative_to(source).parent
            passed_over.found[source] += 1
            yield Job(picture, folder / inside / naming.result(picture), source)


def _pictures(
    folder: Path, output: Path, naming: Naming, passed_over: PassedOver
) -> Iterator[Path]:
    not_ours = os.path.realpath(output)

    def closed(error: OSError) -> None:
        passed_over.closed.append(error.filename)

    for place, folders, files in os.walk(folder, onerror=closed):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(Path(place) / name) != not_ours
        )
        passed_over.links += [
            str(path) for name in folders if (path := Path(place) / name).is_symlink()
        ]
        for name in sorted(files):
            suffix = Path(name).suffix.lower()
            if name.startswith("."):
                continue
            if suffix in naming.readable or suffix in naming.films:
                yield Path(place) / name
            elif suffix in naming.unread:
                passed_over.unread[suffix] += 1


def _is_file_name(inputs: Sequence[Path], output: str, naming: Naming) -> bool:
    """Whether -o names the result itself."""
    path = Path(output)
    named_as_folder = output.endswith("/") or path.is_dir() or not path.suffix
    if named_as_folder:
        return False
    if len(inputs) != 1 or inputs[0].is_dir():
        if path.suffix.lower() in naming.all_writable:
            what = "film" if path.suffix.lower() in naming.film_writable else "picture"
            raise UsageError(f"{output} is one {what}, for one input: end a folder's name with /.")
        return False
    is_film = inputs[0].suffix.lower() in naming.films
    if path.suffix.lower() not in naming.all_writable:
        what, able = ("films", naming.film_writable) if is_film else ("pictures", naming.writable)
        raise UsageError(
            f"{output}: cannot write {path.suffix} {what}: use one of {', '.join(able)}; or, for a"
            " folder, end its name with /."
        )
    if naming.suffix not in (None, path.suffix.lower()):
        raise UsageError(f"{output} and --format {naming.suffix[1:]} contradict each other.")
    return True


def check_places(todo: Iterable[Job]) -> None:
    """Raise RgtsrError, once for all, where nothing can be written in any of their folders."""
    folders = {job.target.parent for job in todo}
    there = [
        next((each for each in (place, *place.parents) if each.exists()), place)
        for place in folders
    ]
    closed = [each for each in there if each.is_dir() and not os.access(each, os.W_OK | os.X_OK)]
    if closed and len(closed) == len(there):
        raise RgtsrError(f"{closed[0]}: nothing can be written there: give another place (-o).")


def missing(path: Path) -> PictureError:
    """That there is no such input, and what of that kind there is."""
    if path.is_symlink():
        return PictureError(f"{path}: is a link to {path.readlink()}, which does not exist.")
    try:
        there = [each.name for each in path.parent.iterdir()]
    except OSError:
        there = []
    near = difflib.get_close_matches(path.name, there, 1, ALIKE)
    hint = f"did you mean {path.with_name(near[0])}?" if near else "check the name."
    return PictureError(f"{path}: no such file or folder: {hint}")


def _check(found: Sequence[Job]) -> None:
    sources = {os.path.realpath(job.source): job.source for job in found}
    targets: dict[str, Job] = {}
    for job in found:
        target = os.path.realpath(job.target)
        if target in sources:
            raise UsageError(
                f"{job.target} would replace the input {sources[target]}: give another -o."
            )
        if target in targets:
            raise UsageError(
                f"{targets[target].source} and {job.source} would both become {job.target}:"
                " enlarge them one after the other, into different folders."
            )
        targets[target] = job

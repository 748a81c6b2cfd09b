"""Which file becomes which. Knows folders and names, opens nothing."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

FALLBACK_SUFFIX = ".png"  # for what can be read but not written


@dataclass(frozen=True)
class Job:
    """One picture file and where its enlarged picture goes."""

    source: Path
    target: Path


@dataclass(frozen=True)
class Naming:
    """How results are called.

    ``readable`` and ``writable`` are suffixes such as ``.png``; ``suffix`` is the one asked for, if
    any; ``mark`` goes behind the name of a result that lies beside its source.
    """

    readable: tuple[str, ...]
    writable: tuple[str, ...]
    suffix: str | None = None
    mark: str = "_x2"

    def result(self, source: Path) -> str:
        """The file name of a result in a folder of its own."""
        return self._renamed(source, "")

    def beside(self, source: Path) -> str:
        """The file name of a result beside its source."""
        return self._renamed(source, self.mark)

    def _renamed(self, source: Path, mark: str) -> str:
        suffix = self.suffix or source.suffix
        if suffix.lower() not in self.writable:
            suffix = FALLBACK_SUFFIX
        return f"{source.stem}{mark}{suffix}"


def jobs(inputs: Sequence[Path], output: str | None, naming: Naming) -> tuple[Job, ...]:
    """Every picture to make, in order; folders are searched through, their structure kept.

    ``output`` is a folder, or for one input file a picture file; without it each result lies beside
    its source. Hidden files, and the output folder inside an input folder, are passed over.

    Raises:
        ValueError: when a result would replace a source, or two results have one name.
    """
    if output is None:
        found = tuple(_beside(inputs, naming))
    elif _is_file_name(inputs, output, naming):
        found = (Job(inputs[0], Path(output)),)
    else:
        found = tuple(_into(inputs, Path(output), naming))
    _check(found)
    return found


def _beside(inputs: Sequence[Path], naming: Naming) -> Iterator[Job]:
    for source in inputs:
        if source.is_dir():
            raise ValueError(f"{source} is a folder: say with -o where its enlarged pictures go.")
        yield Job(source, source.with_name(naming.beside(source)))


def _into(inputs: Sequence[Path], folder: Path, naming: Naming) -> Iterator[Job]:
    for source in inputs:
        if not source.is_dir():
            yield Job(source, folder / naming.result(source))
            continue
        for picture in _pictures(source, folder, naming):
            inside = picture.relative_to(source).parent
            yield Job(picture, folder / inside / naming.result(picture))


def _pictures(folder: Path, passed_over: Path, naming: Naming) -> Iterator[Path]:
    skipped = os.path.realpath(passed_over)
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and os.path.realpath(Path(place) / name) != skipped
        )
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in naming.readable:
                yield Path(place) / name


def _is_file_name(inputs: Sequence[Path], output: str, naming: Naming) -> bool:
    """Whether -o names the result itself."""
    path = Path(output)
    named_as_folder = output.endswith("/") or path.is_dir() or not path.suffix
    if named_as_folder or len(inputs) != 1 or inputs[0].is_dir():
        return False
    if path.suffix.lower() not in naming.writable:
        raise ValueError(
            f"{output}: cannot write {path.suffix} pictures: use one of"
            f" {', '.join(naming.writable)}; or, for a folder, end its name with /."
        )
    if naming.suffix not in (None, path.suffix.lower()):
        raise ValueError(f"{output} and --format {naming.suffix[1:]} contradict each other.")
    return True


def _check(found: Sequence[Job]) -> None:
    sources = {os.path.realpath(job.source): job.source for job in found}
    targets: dict[str, Job] = {}
    for job in found:
        target = os.path.realpath(job.target)
        if target in sources:
            raise ValueError(
                f"{job.target} would replace the input {sources[target]}: give another -o."
            )
        if target in targets:
            raise ValueError(
                f"{targets[target].source} and {job.source} would both become {job.target}:"
                " enlarge them one after the other, into different folders."
            )
        targets[target] = job

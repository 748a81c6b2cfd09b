"""Which files become which files. Pure paths and one listing of folders; reads no picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Job:
    """One picture to enlarge: where it is, and where the result goes."""

    source: Path
    target: Path


def jobs(
    inputs: list[Path],
    output: Path | None,
    *,
    label: str,
    suffix: str | None,
    readable: tuple[str, ...],
    writable: tuple[str, ...],
) -> list[Job]:
    """Every picture named by ``inputs``; folders are walked, and their structure kept.

    A single file may have an output file; otherwise ``output`` is a folder. Without an output the
    results lie beside their sources, named ``photo_{label}.jpg``. ``suffix`` overrides the format;
    a source whose own format cannot be written becomes ``.png``.

    Raises:
        ValueError: two sources with one target, or a target that is its own source.
    """
    is_file = output is not None and output.suffix.lower() in writable and not output.is_dir()
    if is_file and (len(inputs) > 1 or inputs[0].is_dir()):
        raise ValueError(f"{output} is one file, but there are several inputs: give a folder.")
    found: list[Job] = []
    for source, relative in _sources(inputs, readable):
        own = relative.suffix.lower()
        ending = suffix or (relative.suffix if own in writable else ".png")
        if is_file:
            assert output is not None
            target = output
        elif output is None:
            target = source.with_name(f"{source.stem}_{label}{ending}")
        else:
            target = output / relative.with_suffix(ending)
        found.append(Job(source, target))
    _check(found)
    return found


def _sources(inputs: list[Path], readable: tuple[str, ...]) -> Iterator[tuple[Path, Path]]:
    """Each source and its path below the input that it came from."""
    for path in inputs:
        if not path.is_dir():
            yield path, Path(path.name)
            continue
        for inside in sorted(path.rglob("*")):
            if inside.is_file() and inside.suffix.lower() in readable and inside.name[0] != ".":
                yield inside, inside.relative_to(path)


def _check(found: list[Job]) -> None:
    owners: dict[Path, Path] = {}
    for job in found:
        target = job.target.resolve()
        if target == job.source.resolve():
            raise ValueError(f"the output {job.target} is the input itself: give another -o.")
        if target in owners:
            raise ValueError(f"{owners[target]} and {job.source} would both become {job.target}.")
        owners[target] = job.source

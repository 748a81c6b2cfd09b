"""The weights that come with the package: which there are, and whether their files are whole."""

import difflib
import hashlib
import json
import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from rgtsr.errors import UnknownWeightsError

DEFAULTS = {2: "swift-x2", 3: "swift-x3", 4: "swift-x4"}  # the best there are, by scale
DEFAULT_NAME = DEFAULTS[2]
PHOTO = "-photo"
FOLDER = Path(str(resources.files("rgtsr.weights"))) / "packaged"


class Name(NamedTuple):
    """What the name of weights says: ``swift-x2-photo`` is ``swift`` at x2, for photos.

    ``for_photos``: for pictures with noise, blur or compression. A name need not say a scale.
    """

    variant: str
    scale: int | None = None
    for_photos: bool = False

    @classmethod
    def of(cls, text: str) -> "Name":
        """The parts of a name; what follows no rule is all ``variant``."""
        stem = text.removesuffix(PHOTO)
        found = re.fullmatch(r"(.+)-x(\d)", stem)
        variant, scale = (found[1], int(found[2])) if found else (stem, None)
        return cls(variant, scale, text.endswith(PHOTO))

    def __str__(self) -> str:
        scale = "" if self.scale is None else f"-x{self.scale}"
        return f"{self.variant}{scale}{PHOTO * self.for_photos}"

    @property
    def family(self) -> str:
        """The name without its scale: ``small-photo``."""
        return self.variant + PHOTO * self.for_photos


@dataclass(frozen=True)
class Entry:
    """One packaged weights file: its name, scale, purpose, licence and the sha256 it must have."""

    name: str
    variant: str
    scale: int
    purpose: str
    licence: str
    parameters: int
    minutes: float
    scores: dict[str, float]
    sha256: str
    folder: Path = FOLDER

    @property
    def family(self) -> str:
        """What these weights are called at every scale."""
        return Name.of(self.name).family

    @property
    def for_photos(self) -> bool:
        """Whether they are for pictures with noise, blur or compression."""
        return Name.of(self.name).for_photos

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self.folder / f"{self.name}.safetensors"

    def is_whole(self) -> bool:
        """Whether the file is there and is, byte for byte, the one that was released."""
        return self.path.is_file() and sha256(self.path) == self.sha256


def listing(folder: Path = FOLDER) -> tuple[Entry, ...]:
    """All packaged weights, the defaults first, by their scale."""
    rows = json.loads((folder / "catalog.json").read_text(encoding="utf-8"))["weights"]
    entries = (Entry(**row, folder=folder) for row in rows)
    by_name = {entry.name: entry for entry in sorted(entries, key=lambda entry: entry.name)}
    defaults = {name: by_name[name] for name in DEFAULTS.values() if name in by_name}
    return tuple((defaults | by_name).values())


def find(name: str, *, scale: int | None = None, folder: Path = FOLDER) -> Entry:
    """The packaged weights of that name (``small-x2``), or of its family at another scale.

    ``small-x2`` and ``small-x4`` are a family, ``small``, which without a scale is the smallest;
    ``small-x4-photo`` is of another family.

    Raises:
        UnknownWeightsError: with the nearest name, or with the scales that there are.
    """
    entries = listing(folder)
    known = {entry.name: entry for entry in entries}
    family = Name.of(name).family
    scales = {entry.scale: entry for entry in entries if entry.family == family}
    if name in known and scale in (None, known[name].scale):
        return known[name]
    if scale in scales:
        return scales[scale]
    if scale is None and scales and name == family:
        return scales[min(scales)]
    if scales:
        have = ", ".join(f"x{found}" for found in sorted(scales))
        asked = "" if scale is None else f" at scale {scale}"
        raise UnknownWeightsError(f"no weights {name!r}{asked}: {family} has {have}.")
    nearest = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {nearest[0]!r}?" if nearest else f"There are: {', '.join(known)}."
    raise UnknownWeightsError(f"no weights {name!r}: neither a file nor a packaged name. {hint}")


def default(scale: int | None = None) -> Entry:
    """What is taken where no weights are named, at that scale or at 2.

    Raises:
        UnknownWeightsError: where there are none; it says at which scales there are.
    """
    if scale is not None and scale not in DEFAULTS:
        have = ", ".join(f"x{found}" for found in DEFAULTS)
        raise UnknownWeightsError(f"no weights at scale {scale}: there are {have}.")
    return find(DEFAULT_NAME if scale is None else DEFAULTS[scale])


def siblings(path: Path | None) -> dict[int, Entry]:
    """The packaged weights of a file's family by their scale, its own among them; else none."""
    entries = listing()
    family = next((entry.family for entry in entries if entry.path == path), None)
    return {entry.scale: entry for entry in entries if entry.family == family}


def photo_sibling(name: str) -> Entry | None:
    """The packaged weights for worn pictures that were trained from those of that name, if any."""
    photos = str(Name.of(name)._replace(for_photos=True))
    return next((entry for entry in listing() if entry.name == photos != name), None)


def sha256(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

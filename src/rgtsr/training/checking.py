"""What would spoil a run, photo by photo: ``inspection``'s measures of files. Knows no torch."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from rgtsr import atomic
from rgtsr.errors import PictureError
from rgtsr.pictures import blocking, color, enlargement, pairs
from rgtsr.pictures.pairs import Files, Pixels
from rgtsr.training import inspection
from rgtsr.training.inspection import Fingerprint, Luma


@dataclass(frozen=True)
class Finding:
    """One fault of one photo: its kind, in words the figure and its limit, and both as numbers."""

    path: Path
    kind: str
    measure: str
    figure: float | None = None
    limit: float | None = None


class Whole(NamedTuple):
    """A photo that could be read, and by what its copies are known."""

    path: Path
    has_faults: bool
    fingerprint: Fingerprint
    digest: bytes


def findings(
    photos: Sequence[Files], lacking: Sequence[tuple[Path, str]], scale: int, crop_px: int
) -> Iterator[Finding]:
    """All faults: missing LR, then those of each photo, copies at the end.

    ``photos``, ``lacking``: as ``folders.paired`` has them; ``scale``: of LR that is given;
    ``crop_px``: what a photo's shorter side must have.
    """
    for path, what in lacking:
        yield Finding(path, "LR missing", what)
    whole: list[Whole] = []
    for photo in photos:
        try:
            hr = pairs.read8(photo.hr, rgb=True)
        except PictureError as error:
            yield Finding(photo.hr, "unreadable", str(error).removeprefix(f"{photo.hr}: "))
            continue
        luma = color.luma(hr)
        faults = list(_faults(photo.hr, luma, crop_px))
        yield from faults
        if photo.lr is not None:
            yield from _misaligned(photo, hr, scale)
        digest = hashlib.sha256(hr.data).digest()
        whole.append(Whole(photo.hr, bool(faults), inspection.fingerprint(luma), digest))
    yield from _copies(sorted(whole, key=lambda photo: photo.has_faults))


def _copies(whole: Sequence[Whole]) -> Iterator[Finding]:
    """Each photo that an earlier one is like."""
    limit = inspection.DUPLICATE_LIMIT_BITS
    for first, second, bits in inspection.alike([photo.fingerprint for photo in whole], limit):
        original, copy = whole[first], whole[second]
        measure = f"of {original.path}, {bits} bits of {inspection.BITS} differ, at most {limit}"
        if original.digest == copy.digest:
            measure = f"of {original.path}, pixel by pixel"
        yield Finding(copy.path, "copy", measure, bits, limit)


def _faults(path: Path, luma: Luma, crop_px: int) -> Iterator[Finding]:
    height, width = luma.shape
    side = min(height, width)
    if side < crop_px:
        measure = f"{width}x{height}, less than {crop_px} px"
        yield Finding(path, "too small", measure, side, crop_px)
        return
    rhythm, limit = enlargement.enlargement(luma), enlargement.LIMIT
    if rhythm > limit:
        measure = f"rhythm {rhythm:.1f}, more than {limit:g}"
        yield Finding(path, "enlarged before", measure, rhythm, limit)
    blocks, limit = blocking.blocking(luma), blocking.LIMIT
    if blocks > limit:
        measure = f"{blocks:.2f}, more than {limit:g}"
        yield Finding(path, "JPEG blocks", measure, blocks, limit)
    fine_db, limit = inspection.sharpness_db(luma), inspection.SHARPNESS_LIMIT_DB
    if fine_db < limit:
        measure = f"fine detail {fine_db:.1f} dB, less than {limit:g} dB"
        yield Finding(path, "blurred", measure, fine_db, limit)


def _misaligned(photo: Files, hr: Pixels, scale: int) -> Iterator[Finding]:
    assert photo.lr is not None
    try:
        lr = pairs.read8(photo.lr, rgb=True)
    except PictureError as error:
        yield Finding(photo.lr, "unreadable", str(error).removeprefix(f"{photo.lr}: "))
        return
    try:
        cut = pairs.matched(hr, lr, scale, hr_name=str(photo.hr), lr_name=str(photo.lr))
    except PictureError as error:
        yield Finding(photo.lr, "another size", str(error))
        return
    found = inspection.alignment(color.luma(cut), color.luma(lr), scale)
    likeness, distance_px = found.likeness, found.distance_px
    if likeness < (limit := inspection.LIKENESS_LIMIT):
        measure = f"correlation {likeness:.2f}, less than {limit:g}"
        yield Finding(photo.lr, "another picture", measure, likeness, limit)
    elif distance_px > (limit := inspection.SHIFT_LIMIT_PX):
        down, right = found.shift_px
        measure = f"{down:+.2f} px down, {right:+.2f} px right, more than {limit:g}"
        yield Finding(photo.lr, "misaligned", measure, distance_px, limit)


def write(found: Sequence[Finding], path: Path) -> None:
    """All findings as JSON. Raises OSError."""
    rows = [asdict(finding) | {"path": str(finding.path)} for finding in found]
    with atomic.replacing(path) as draft:
        draft.write_text(json.dumps({"findings": rows}, indent=1) + "\n", encoding="utf-8")

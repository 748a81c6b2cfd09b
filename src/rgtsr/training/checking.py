"""What would spoil a run, photo by photo: ``inspection``'s measures of files. Knows no torch."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from rgtsr import drafts
from rgtsr.errors import PictureError, TrainingError
from rgtsr.pictures import blocking
from rgtsr.training import albums, inspection
from rgtsr.training.albums import Photo, Pixels
from rgtsr.training.inspection import Luma


@dataclass(frozen=True)
class Finding:
    """One fault of one photo: its kind, and the figure with its limit."""

    path: Path
    kind: str
    measure: str


def findings(photos: Sequence[Photo], scale: int, crop_px: int) -> Iterator[Finding]:
    """All faults, in the order of the photos; copies at the end.

    ``scale``: of LR that is given; ``crop_px``: what a photo's shorter side must have.
    """
    whole: list[Path] = []
    prints: list[int] = []
    for photo in photos:
        try:
            hr = albums.read8(photo.hr)
        except PictureError as error:
            yield Finding(photo.hr, "unreadable", str(error))
            continue
        luma = inspection.luma_of(hr)
        yield from _faults(photo.hr, luma, crop_px)
        if photo.lr is not None:
            yield from _misaligned(photo, hr, scale)
        whole.append(photo.hr)
        prints.append(inspection.fingerprint(luma))
    limit = inspection.DUPLICATE_LIMIT_BITS
    for first, second, bits in inspection.alike(np.array(prints, np.uint64), limit):
        measure = f"of {whole[first]}, {bits} of 64 bits differ, at most {limit}"
        yield Finding(whole[second], "copy", measure)


def _faults(path: Path, luma: Luma, crop_px: int) -> Iterator[Finding]:
    height, width = luma.shape
    if min(height, width) < crop_px:
        yield Finding(path, "too small", f"{width}x{height}, less than {crop_px} px")
        return
    enlarged = inspection.enlargement(luma)
    if enlarged > inspection.ENLARGEMENT_LIMIT:
        limit = inspection.ENLARGEMENT_LIMIT
        yield Finding(path, "enlarged before", f"rhythm {enlarged:.1f}, more than {limit:g}")
    blocks = blocking.blocking(luma)
    if blocks > blocking.LIMIT:
        yield Finding(path, "JPEG blocks", f"{blocks:.2f}, more than {blocking.LIMIT:g}")
    sharp = inspection.sharpness_db(luma)
    if sharp < inspection.SHARPNESS_LIMIT_DB:
        limit = inspection.SHARPNESS_LIMIT_DB
        yield Finding(path, "blurred", f"fine detail {sharp:.1f} dB, less than {limit:g} dB")


def _misaligned(photo: Photo, hr: Pixels, scale: int) -> Iterator[Finding]:
    assert photo.lr is not None
    try:
        cut, lr = albums.matched(photo, hr, albums.read8(photo.lr), scale)
    except (PictureError, TrainingError) as error:
        yield Finding(photo.lr, "does not belong to its photo", str(error))
        return
    found = inspection.alignment(inspection.luma_of(cut), inspection.luma_of(lr), scale)
    if found.likeness < inspection.LIKENESS_LIMIT:
        limit = inspection.LIKENESS_LIMIT
        yield Finding(
            photo.lr, "another picture", f"correlation {found.likeness:.2f}, less than {limit:g}"
        )
    elif found.distance_px > inspection.SHIFT_LIMIT_PX:
        down, right = found.shift_px
        measure = (
            f"{down:+.2f} px down, {right:+.2f} px right, more than {inspection.SHIFT_LIMIT_PX:g}"
        )
        yield Finding(photo.lr, "misaligned", measure)


def write(found: Sequence[Finding], path: Path) -> None:
    """All findings as JSON. Raises OSError."""
    rows = [asdict(finding) | {"path": str(finding.path)} for finding in found]
    with drafts.replacing(path) as draft:
        draft.write_text(json.dumps({"findings": rows}, indent=1) + "\n", encoding="utf-8")

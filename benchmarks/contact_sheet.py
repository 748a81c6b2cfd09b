"""One picture of many details at 100 %: bicubic, clean weights, photo weights, choice, truth.

    python benchmarks/contact_sheet.py small-x2 demo/demo-pagoda.png:160,200 -o docs/worn.jpg
    python benchmarks/contact_sheet.py small-x2 photos/*.avif --damages PNG "noise 6, JPEG 85" web

A photo's detail is around row,column where they are given, else in the middle. Damages are those of
``cells.py``. Needs the extra ``dev``.
"""

import argparse
from pathlib import Path

import numpy as np

import cells
import worn
from rgtsr import Picture, pictures, weights
from rgtsr.evaluation import lettering
from rgtsr.pictures import color

COLUMNS = (*cells.WAYS, "truth")
GAP_PX = 4  # between details
BACKGROUND, INK = 38, 230


def main() -> None:
    known = {str(damage): damage for damage in cells.DAMAGES}
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("model", help="the weights for clean pictures")
    parser.add_argument("photos", nargs="+", metavar="PHOTO[:ROW,COLUMN]")
    parser.add_argument(
        "--damages", nargs="+", choices=known, default=["JPEG 92", "JPEG 75", "noise 6, JPEG 85"]
    )
    parser.add_argument("--side", type=int, default=128, help="of a detail, in px")
    parser.add_argument("--quality", type=int, default=84, help="of a JPEG")
    parser.add_argument("-o", "--output", type=Path, required=True)
    arguments = parser.parse_args()
    scale = weights.find(arguments.model).scale
    rows = [line(COLUMNS, arguments.side)]
    for photo in arguments.photos:
        crop = around(photo, worn.LR_PX[scale] * scale)
        for damage in arguments.damages:
            row, share = details(arguments.model, crop, known[damage], arguments.side)
            rows += [line((damage, "", "", f"share {share:g}", ""), arguments.side), row]
        print(crop.photo, flush=True)
    sheet = Picture.from_array(np.concatenate(rows))
    pictures.write(sheet, arguments.output, quality=arguments.quality)


def around(photo: str, side: int) -> worn.Crop:
    """The square of a photo around its place, inside of the photo."""
    path, _, place = photo.partition(":")
    pixels_HWC = color.to_rgb(pictures.read(path).pixels_HWC)
    size = pixels_HWC.shape[:2]
    centre = [int(each) for each in place.split(",")] if place else [each // 2 for each in size]
    top, left = (
        min(max(at - side // 2, 0), length - side) for at, length in zip(centre, size, strict=True)
    )
    return worn.Crop(Path(path).name, pixels_HWC[top : top + side, left : left + side], seed=0)


def details(
    model: str, crop: worn.Crop, damage: worn.Damage | str, side: int
) -> tuple[np.ndarray, float]:
    """The middle of a crop in every column, and the share that was chosen."""
    enlarged, share = cells.enlarged(model, crop, damage)
    shown = [worn.middle(each, side) for each in (*enlarged.values(), crop.truth_HWC)]
    gap = np.full((side, GAP_PX, 3), BACKGROUND, np.uint8)
    return np.concatenate([part for each in shown for part in (each, gap)], axis=1), share


def line(texts: tuple[str, ...], side: int) -> np.ndarray:
    """A text above each column."""
    strip = np.full((13, (side + GAP_PX) * len(texts), 3), BACKGROUND, np.uint8)
    for index, text in enumerate(texts):
        ink = lettering.rendered(text, size=1)
        left = index * (side + GAP_PX) + 2
        strip[2 : 2 + ink.shape[0], left : left + ink.shape[1]][ink] = INK
    return strip


if __name__ == "__main__":
    main()

"""The part of a corpus that travels to a lent GPU: the photos with most detail for their bytes.

    python checkpoints/packed_corpus.py ../shared/corpus corpus --mib 23

Of ``train*`` the files go in as they are, best first, until ``--mib`` is full; ``holdout`` goes in
whole and comes on top. Detail is what bicubic misses: the mean error of a photo after x2 down and
up again, times its pixels. To code photos anew, smaller, does not pay: docs/training.md.
"""

import argparse
import shutil
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rgtsr.pictures import bicubic, color, pairs
from rgtsr.training import folders


@dataclass(frozen=True)
class Photo:
    path: Path
    size_bytes: int
    megapixels: float
    detail: float  # summed over its pixels

    @property
    def worth(self) -> float:
        return self.detail / self.size_bytes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("corpus", type=Path, help="a corpus: train*, holdout")
    parser.add_argument("out", type=Path, help="a folder that is not there yet")
    parser.add_argument("--mib", type=float, default=23)
    parser.add_argument("--processes", type=int, default=1)
    arguments = parser.parse_args()
    found = folders.paths(sorted(p for p in arguments.corpus.glob("train*") if p.is_dir()))
    with ProcessPoolExecutor(arguments.processes) as pool:
        photos = list(pool.map(looked_at, found, chunksize=8))
    taken = chosen(photos, int(arguments.mib * (1 << 20)))
    for folder in ("train", "holdout"):
        (arguments.out / folder).mkdir(parents=True)
    for rank, photo in enumerate(taken):  # so that targets are made of the best first
        shutil.copyfile(photo.path, arguments.out / "train" / f"{rank:04}-{photo.path.name}")
    for path in folders.paths([arguments.corpus / "holdout"]):
        shutil.copyfile(path, arguments.out / "holdout" / path.name)
    for name, some in (("taken", taken), ("of", photos)):
        print(f"{name} {in_figures(some)}")


def looked_at(path: Path) -> Photo:
    hr, lr = pairs.made(pairs.read8(path, rgb=True), 2, name=str(path))
    error = np.abs(color.luma(hr) - color.luma(bicubic.resize(lr, 2)))
    return Photo(path, path.stat().st_size, error.size / 1e6, float(error.sum()))


def chosen(photos: list[Photo], room_bytes: int) -> list[Photo]:
    taken: list[Photo] = []
    for photo in sorted(photos, key=lambda photo: -photo.worth):
        if photo.size_bytes <= room_bytes:
            taken.append(photo)
            room_bytes -= photo.size_bytes
    return taken


def in_figures(photos: list[Photo]) -> str:
    megapixels, detail = sum(p.megapixels for p in photos), sum(p.detail for p in photos)
    size_mib = sum(p.size_bytes for p in photos) / (1 << 20)
    return (
        f"{len(photos)} photos, {megapixels:.1f} megapixels, {size_mib:.1f} MiB,"
        f" bicubic's mean error in luma {detail / megapixels / 1e6:.2f} of 255"
    )


if __name__ == "__main__":
    main()

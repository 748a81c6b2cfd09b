"""What a network makes of the LR of packed photos, as lossless WebP: targets for smaller ones.

    python checkpoints/targets.py runs/light-x2/weights.safetensors photos.safetensors targets

A photo that is there is not made again, so that it can be stopped at any moment.
"""

import argparse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyvips

from rgtsr import atomic
from rgtsr.evaluation import score
from rgtsr.pictures.pairs import Pixels
from rgtsr.training import pack
from rgtsr.upscaler import Settings, Upscaler

EFFORT = 3  # of 0..6
ROUND = 32  # photos that wait for their encoding


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("weights", type=Path)
    parser.add_argument("photos", type=Path, help="of rgtsr data pack")
    parser.add_argument("out", type=Path)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="gpu")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    photos = pack.read(arguments.photos)
    upscaler = Upscaler(
        arguments.weights, runtime="torch", device=arguments.device, settings=Settings(whole=True)
    )
    enlarge = score.enlarging(upscaler)
    wanted = [(arguments.out / f"{Path(p.name).stem}.webp", p) for p in photos.photos]
    wanted = [(path, photo) for path, photo in wanted if not path.exists()]
    with ThreadPoolExecutor() as encoders:
        for first in range(0, len(wanted), ROUND):
            waiting = [
                encoders.submit(save, path, enlarge(photos.pair(photo, upscaler.scale).lr_HWC))
                for path, photo in wanted[first : first + ROUND]
            ]
            for each in waiting:
                each.result()
            print(f"{first + len(waiting)} of {len(wanted)} targets", flush=True)


def save(path: Path, enlarged_HWC: Pixels) -> None:
    image = pyvips.Image.new_from_array(enlarged_HWC)
    with atomic.replacing(path) as draft:
        draft.write_bytes(image.webpsave_buffer(lossless=True, effort=EFFORT))


if __name__ == "__main__":
    main()

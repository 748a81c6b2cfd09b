"""Draw a run's curve: hold-out PSNR-Y and training loss against the minutes spent.

    python benchmarks/training_curve.py checkpoints/small-x2.safetensors docs/small-x2-curve.png
    python benchmarks/training_curve.py checkpoints/swift-x2.json docs/swift-x2-curve.png

The curve lies in the checkpoint's header; of a standing run in its story, against patches and
without the loss. Needs the extra ``dev``.
"""

import json
import sys
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from safetensors import safe_open

from rgtsr.training import history

LOSS_COLOR, PSNR_COLOR = "#b8b8b8", "#1f5fa8"


def main(run: str, picture: str) -> None:
    figure, psnr = plt.subplots(figsize=(8, 4.5), dpi=120, layout="constrained")
    (of_story if run.endswith(".json") else of_checkpoint)(run, psnr)
    psnr.set_ylabel("hold-out PSNR-Y / dB", color=PSNR_COLOR)
    psnr.grid(alpha=0.25)
    for axes in figure.axes:
        for spine in ("top", "left", "right"):
            axes.spines[spine].set_visible(False)
    figure.savefig(picture)


def of_story(path: str, psnr: Axes) -> None:
    curve = json.loads(Path(path).read_text())["curve"]
    patches = [point["patches"] / 1000 for point in curve]
    draw(psnr, patches, [point["holdout_psnr_y"] for point in curve])
    psnr.set_xlabel("thousand patches of 64 x 64")


def of_checkpoint(path: str, psnr: Axes) -> None:
    with safe_open(path, framework="np") as file:
        curve = history.from_header(file.metadata()).curve
    minutes = [point.minutes for point in curve]
    draw(psnr, minutes, [point.holdout_psnr_y for point in curve])
    psnr.set_xlabel("minutes")
    loss = psnr.twinx()
    loss.plot(minutes, [point.loss for point in curve], "-", color=LOSS_COLOR, zorder=0)
    loss.set_ylabel("loss, mean of 200 steps", color="#888888")


def draw(psnr: Axes, across: list[float], holdout: list[float]) -> None:
    psnr.plot(across, holdout, "o-", color=PSNR_COLOR, markersize=4)


if __name__ == "__main__":
    main(*sys.argv[1:])

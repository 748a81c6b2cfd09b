"""Draw a run's curve: hold-out PSNR-Y and training loss against the minutes spent.

    python benchmarks/training_curve.py checkpoints/small-x2.safetensors docs/small-x2-curve.png

The curve lies in the checkpoint's header. Needs the extra ``dev``.
"""

import sys

from matplotlib import pyplot as plt
from safetensors import safe_open

from rgtsr.training import history

LOSS_COLOR, PSNR_COLOR = "#b8b8b8", "#1f5fa8"


def main(checkpoint: str, picture: str) -> None:
    with safe_open(checkpoint, framework="np") as file:
        curve = history.from_header(file.metadata()).curve
    minutes = [p.minutes for p in curve]
    figure, psnr = plt.subplots(figsize=(8, 4.5), dpi=120, layout="constrained")
    psnr.plot(minutes, [p.holdout_psnr_y for p in curve], "o-", color=PSNR_COLOR, markersize=4)
    psnr.set_xlabel("minutes")
    psnr.set_ylabel("hold-out PSNR-Y / dB", color=PSNR_COLOR)
    psnr.grid(alpha=0.25)
    loss = psnr.twinx()
    loss.plot(minutes, [p.loss for p in curve], "-", color=LOSS_COLOR, zorder=0)
    loss.set_ylabel("loss, mean of 200 steps", color="#888888")
    for spine in ("top", "left", "right"):
        psnr.spines[spine].set_visible(False)
        loss.spines[spine].set_visible(False)
    figure.savefig(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])

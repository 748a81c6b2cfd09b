"""Two minutes on a GPU: is it there, is what it makes right, and does compiling training pay?

    python checkpoints/smoke.py --json smoke.json                # --device cpu --tiny: a dry run

A row of JSON each as soon as it is known; what fails is a row as well. The file has ``compile``:
whether compiled steps came to the losses of eager ones, and sooner.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rgtsr import variants, weights
from rgtsr.network import RGT
from rgtsr.pictures.pairs import Pair, made
from rgtsr.runtimes import open_runtime
from rgtsr.training import degrade, recipe
from rgtsr.training.crops import Crops
from rgtsr.training.learner import Learner

PRODUCT_SIDE = 8192
STEPS = 20
COMPARED = 5  # losses: later ones drift apart in bf16
MOST_APART = 0.02  # of a loss
PHOTO_PX = 800


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--device", choices=("cpu", "gpu"), default="gpu")
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    device = "cuda" if arguments.device == "gpu" else "cpu"
    light, baseline, batch = ("tiny", None, 1) if arguments.tiny else ("light", "baseline", 32)
    steps = 2 if arguments.tiny else STEPS
    found: dict[str, Any] = {"compile": False, "rows": []}

    def tell(row: dict[str, Any]) -> None:
        found["rows"].append(row)
        print(json.dumps(row), flush=True)
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")

    tell(about(device))
    tell(right(light, arguments.device))
    eager = told(light, batch, steps, device, compiled=False)
    tell(eager)
    tell(photo_step(light, batch, device))
    if device == "cuda":
        compiled = told(light, batch, steps, device, compiled=True)
        found["compile"] = pays(eager, compiled)
        tell(compiled | {"pays": found["compile"]})
    if baseline is not None:
        tell(told(baseline, batch, 5, device, compiled=False))


def about(device: str) -> dict[str, Any]:
    """The device, and how fast its products are."""
    row: dict[str, Any] = {"torch": torch.__version__, "device": device}
    if device == "cpu":
        return row
    a = torch.rand(PRODUCT_SIDE, PRODUCT_SIDE, device=device, dtype=torch.bfloat16)
    seconds: list[float] = []
    for _ in range(10):
        torch.cuda.synchronize()
        started = time.perf_counter()
        _ = a @ a
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    rate = 2 * PRODUCT_SIDE**3 / min(seconds) / 1e12
    return row | {"name": torch.cuda.get_device_name(), "bf16_tflop_s": round(rate)}


def right(variant: str, device: str) -> dict[str, Any]:
    """How near the same network on this device comes to that on the CPU."""
    loaded = weights.random(variants.find(variant), seed=0)
    tiles = np.random.default_rng(0).random((1, 3, 64, 64), np.float32)
    try:
        one, other = (
            open_runtime(loaded, name="torch", device=where, precision="float32").upscale_tiles(
                tiles
            )
            for where in ("cpu", device)
        )
    except Exception as error:  # the next row may still be had
        return {"what": "enlarging", "error": in_one_line(error)}
    return {"what": "enlarging", "most_apart": float(np.abs(one - other).max())}


def told(variant: str, batch: int, steps: int, device: str, *, compiled: bool) -> dict[str, Any]:
    """A row of training steps: the first one's seconds, the others' median, losses, memory."""
    row = {"what": "train", "variant": variant, "batch": batch, "compiled": compiled}
    try:
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
        seconds, losses = zip(*taken(variant, batch, steps, device, compiled), strict=True)
    except Exception as error:  # such as a compiler that is missing: training goes on without
        return row | {"error": in_one_line(error)}
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else 0
    row |= {"first_s": round(seconds[0], 2), "step_s": round(statistics.median(seconds[1:]), 4)}
    return row | {"peak_mib": peak >> 20, "losses": losses[:COMPARED]}


def taken(
    variant: str, batch: int, steps: int, device: str, compiled: bool
) -> Iterator[tuple[float, float]]:
    """Seconds and loss of steps as ``rgtsr train`` takes them, each waited for."""
    chosen = recipe.load("light-x2", (f"variant={variant}", f"compile={compiled}"))
    torch.manual_seed(0)
    learner, crops = Learner(RGT(chosen.network_variant).to(device), chosen), noise(batch, device)
    for step in range(steps):
        started = time.perf_counter()
        loss = learner.train_step(*crops.draw(step), rate=1e-5).loss()
        yield time.perf_counter() - started, loss


def photo_step(variant: str, batch: int, device: str) -> dict[str, Any]:
    """Seconds that LR for photos takes to be made on the device, of one batch."""
    chosen = recipe.load("light-x2-photo", (f"variant={variant}",))
    crops, seconds = noise(batch, device, margin_px=degrade.MARGIN_PX), []
    try:
        for step in range(3):
            started, rng = time.perf_counter(), np.random.default_rng(step)
            _, hr = crops.draw(step)
            lr, _ = degrade.pair(hr, 2, chosen.degrade, rng, patch_px=chosen.patch_px)
            assert bool(lr.isfinite().all())
            seconds.append(time.perf_counter() - started)
    except Exception as error:
        return {"what": "degrade", "error": in_one_line(error)}
    return {"what": "degrade", "batch": batch, "seconds": round(min(seconds), 4)}


def noise(batch: int, device: str, *, margin_px: int = 0) -> Crops:
    rng = np.random.default_rng(0)
    photos = rng.integers(256, size=(2, PHOTO_PX, PHOTO_PX, 3), dtype=np.uint8)
    return Crops(
        (Pair("noise", *made(photo, 2)) for photo in photos),
        batch=batch,
        patch_px=64 + 2 * margin_px,
        permute_rgb=True,
        seed=0,
        device=device,
    )


def pays(eager: dict[str, Any], compiled: dict[str, Any]) -> bool:
    if "error" in compiled:
        return False
    if "error" in eager:
        return True
    pairs = zip(eager["losses"], compiled["losses"], strict=True)
    agree = all(abs(one - other) < MOST_APART * one for one, other in pairs)
    return agree and compiled["step_s"] < eager["step_s"]


def in_one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:300]


if __name__ == "__main__":
    main()

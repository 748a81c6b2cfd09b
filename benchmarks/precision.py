"""What bf16 costs the packaged weights: PSNR-Y, untiled, of both precisions.

    python benchmarks/precision.py ../shared/corpus/holdout ../shared/benchmark/Set5

Needs a CPU that has bf16.
"""

import argparse
import json
from pathlib import Path

from rgtsr import Settings, Upscaler, weights
from rgtsr.evaluation import benchmarks, score
from rgtsr.weights import catalog

RESULTS = Path(__file__).parent / "results/precision.json"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--model", default=weights.DEFAULT_NAME)
    parser.add_argument("--json", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    loaded = weights.load(arguments.model)
    assert loaded.path is not None
    report = {"model": loaded.card.name, "sha256": catalog.sha256(loaded.path)}
    report["rows"] = [row(loaded, folder) for folder in arguments.sets]
    arguments.json.write_text(json.dumps(report, indent=1) + "\n")


def row(loaded: weights.Weights, folder: Path) -> dict:
    found = benchmarks.find(folder, loaded.variant.scale)
    made = {"set": found.name}
    for precision in ("float32", "bf16"):
        with Upscaler(loaded, precision=precision, settings=Settings(whole=True)) as upscaler:
            made[precision] = score.score(found, score.enlarging(upscaler), model="").psnr_y
    print(made, flush=True)
    return made


if __name__ == "__main__":
    main()

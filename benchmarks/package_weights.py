"""Put a run's weights into the package, with their scores, and enter them in the catalog.

    cd runs/small-x2
    rgtsr eval -m weights.safetensors --data Set5 Set14 --json paper.json
    rgtsr eval -m weights.safetensors --data Set5 Set14 --json baseline.json --protocol baseline
    python benchmarks/package_weights.py weights.safetensors paper.json baseline.json

The file holds float16; that this moves no score by 0.01 dB is for ``rgtsr eval -m NAME`` to show.
"""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

from rgtsr import weights
from rgtsr.weights import catalog

LICENCE = "Apache-2.0"
PURPOSES = {False: "clean pictures", True: "photos with noise, blur or compression"}
TRAINING_DATA = (
    "588 openly licensed photos (CC0, CC BY, CC BY-SA, Unsplash, Pexels, Pixabay), 193 megapixels;"
    " listed in docs/training-photos.csv"
)


def main(trained: str, *score_files: str) -> None:
    loaded = weights.load(trained)
    scores = {name: value for file in score_files for name, value in read_scores(Path(file))}
    purpose = PURPOSES[weights.Name.of(loaded.card.name).for_photos]
    card = replace(
        loaded.card, licence=LICENCE, training_data=TRAINING_DATA, purpose=purpose, scores=scores
    )
    path = catalog.FOLDER / f"{card.name}.safetensors"
    weights.save(replace(loaded, card=card), path, dtype="float16")
    entry = catalog.Entry(
        name=card.name,
        variant=loaded.variant.name,
        scale=loaded.variant.scale,
        purpose=purpose,
        licence=LICENCE,
        parameters=sum(tensor.size for tensor in loaded.tensors.values()),
        minutes=card.minutes or 0.0,
        scores=scores,
        sha256=catalog.sha256(path),
    )
    others = [other for other in catalog.listing() if other.name != entry.name]
    entries = [asdict(each) for each in sorted((entry, *others), key=lambda each: each.name)]
    for row in entries:
        del row["folder"]
    (catalog.FOLDER / "catalog.json").write_text(json.dumps({"weights": entries}, indent=2) + "\n")
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


def read_scores(path: Path) -> list[tuple[str, float]]:
    """PSNR-Y of the model (not of bicubic beside it), by set and protocol."""
    report = json.loads(path.read_text())
    protocol = report["protocol"]["name"]
    return [
        (f"{row['name']} {protocol}", round(row["psnr_y"], 3))
        for row in report["sets"]
        if row["model"] != "bicubic"
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])

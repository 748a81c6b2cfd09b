"""Option files of BasicSR, the authors' training code, as recipes. Knows no torch.

Source: BasicSR's options and those that come with RGT's code (train_RGT_x2.yml and the like).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError

from rgtsr import drafts, variants
from rgtsr.training.recipe import Recipe

NETWORK_KEYS = {  # what makes a variant, by BasicSR's names
    "embed_dim": "channels",
    "depth": "depths",
    "num_heads": "heads",
    "split_size": "split",
    "mlp_ratio": "mlp_ratio",
    "c_ratio": "c_ratio",
    "resi_connection": "resi_connection",
}
IMPLIED: dict[str, object] = {  # what every recipe does anyway
    "model_type": "RGTModel",
    "datasets.train.type": "PairedImageDataset",
    "datasets.train.use_hflip": True,
    "datasets.train.use_rot": True,
    "network_g.type": "RGT",
    "network_g.in_chans": 3,
    "network_g.img_range": 1.0,
    "network_g.qkv_bias": True,
    "path.strict_load_g": True,
    "train.optim_g.weight_decay": 0,
    "train.scheduler.type": "MultiStepLR",
    "train.scheduler.gamma": 0.5,
    "train.pixel_opt.type": "L1Loss",
    "train.pixel_opt.loss_weight": 1.0,
    "train.pixel_opt.reduction": "mean",
}
OPTIMIZERS = {"Adam": "adam", "AdamW": "adamw"}


class Options:
    """An option file by dotted keys; it knows which of them were asked for."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = dict(_dotted(values))
        self._left = set(self._values)

    def take(self, key: str, default: Any = None) -> Any:  # Any: YAML
        """The value of a key, which is then spoken for."""
        self._left.discard(key)
        found = self._values.get(key)
        return default if found is None else found

    def left(self) -> list[str]:
        """Keys that nobody asked for, and that are not what every recipe does anyway."""
        return sorted(
            key
            for key in self._left
            if self._values[key] is not None and IMPLIED.get(key) != self._values[key]
        )


def recipe_of(path: Path) -> tuple[dict[str, Any], list[str]]:
    """The recipe of a BasicSR option file as plain values, and the keys that have no counterpart.

    Raises:
        ValueError: for another kind of file, a network that no variant is, or values out of range.
    """
    try:
        loaded: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    values = cast(dict[str, Any], loaded) if isinstance(loaded, dict) else {}
    if not isinstance(values.get("network_g"), dict):
        raise ValueError(f"{path} is no option file of BasicSR: it has no network_g.")
    options = Options(values)
    scale = options.take("scale", 2)
    options.take("network_g.upscale")
    patch_px, rest = divmod(options.take("datasets.train.gt_size", 64 * scale), scale)
    if rest:
        raise ValueError(f"{path}: gt_size is no multiple of the scale, {scale}.")
    kind = options.take("train.optim_g.type", "Adam")
    if kind not in OPTIMIZERS:
        raise ValueError(f"{path}: optimizer {kind}: there are {', '.join(OPTIMIZERS)}.")
    recipe = {
        "variant": _variant(options, path),
        "scale": scale,
        "photos": _listed(options.take("datasets.train.dataroot_gt", [])),
        "lr_photos": _listed(options.take("datasets.train.dataroot_lq", [])),
        "filename_tmpl": options.take("datasets.train.filename_tmpl", "{}"),
        "start_from": options.take("path.pretrain_network_g"),
        "steps": options.take("train.total_iter"),
        "batch": options.take("datasets.train.batch_size_per_gpu", 1) * options.take("num_gpu", 1),
        "patch_px": patch_px,
        "optimizer": OPTIMIZERS[kind],
        "learning_rate": options.take("train.optim_g.lr", 2e-4),
        "betas": options.take("train.optim_g.betas", [0.9, 0.99]),
        "clip_norm": None,
        "warmup_steps": max(0, options.take("train.warmup_iter", 0)),
        "cooldown": 0,
        "milestones": options.take("train.scheduler.milestones", []),
        "ema": options.take("train.ema_decay", 0),
        "drop_path": options.take("network_g.drop_path_rate", 0.1),  # RGT's default
        "start": "paper",
        "precision": "float32",
        "seed": options.take("manual_seed", 0),
    }
    try:
        Recipe.model_validate(recipe)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "recipe"
        raise ValueError(f"{path}: {key}: {first['msg']} (found {first['input']!r}).") from error
    return {key: value for key, value in recipe.items() if value not in (None, [])}, options.left()


def convert(source: Path, target: Path) -> list[str]:
    """Write the recipe of an option file; returns the keys that were left out.

    Raises:
        ValueError: as ``recipe_of``.
        OSError: when the file cannot be written.
    """
    recipe, left = recipe_of(source)
    recipe["clip_norm"] = None  # said: the default would be another
    with drafts.replacing(target) as draft:
        draft.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return left


def _dotted(values: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for key, value in values.items():
        if isinstance(value, dict):
            found += _dotted(cast(dict[str, Any], value), f"{before}{key}.")
        else:
            found.append((f"{before}{key}", value))
    return found


def _listed(value: object) -> list[str]:
    return (
        [str(each) for each in cast(list[object], value)]
        if isinstance(value, list)
        else [str(value)]
    )


def _variant(options: Options, path: Path) -> str:
    """The name of the variant with the file's numbers."""
    asked: dict[str, object] = {}
    for key, name in NETWORK_KEYS.items():
        value = options.take(f"network_g.{key}")
        if value is None:
            continue
        if name == "heads" and isinstance(value, list):
            each = cast(list[object], value)
            if len(set(each)) > 1:
                raise ValueError(f"{path}: num_heads={value} differ between groups.")
            value = each[0]
        asked[name] = tuple(cast(list[object], value)) if isinstance(value, list) else value
    for base in variants.BASES.values():
        if all(getattr(base, name) == value for name, value in asked.items()):
            return base.name
    numbers = ", ".join(f"{name}={value}" for name, value in asked.items())
    raise ValueError(f"{path}: no variant has {numbers}: there are {', '.join(variants.BASES)}.")

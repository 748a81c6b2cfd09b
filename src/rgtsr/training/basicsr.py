"""Option files of BasicSR, the authors' training code, as recipes. Knows no torch.

Source: BasicSR's options and those that come with RGT's code (train_RGT_x2.yml and the like).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import yaml
from pydantic import ValidationError

from rgtsr import atomic, variants
from rgtsr.errors import UsageError
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
NETWORK_DEFAULTS: dict[str, object] = {"c_ratio": 0.5, "resi_connection": "1conv"}  # RGT's code
IMPLIED: dict[str, object] = {  # what every recipe does anyway
    "model_type": "RGTModel",
    "datasets.train.type": "PairedImageDataset",
    "datasets.train.use_hflip": True,
    "datasets.train.use_rot": True,
    "network_g.type": "RGT",
    "network_g.in_chans": 3,
    "network_g.img_range": 1.0,
    "network_g.qkv_bias": True,
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

    def whole(self, key: str, default: int) -> int:
        """A key's whole number; the key is then spoken for. Raises ValueError for another value."""
        value = self.take(key, default)
        if not isinstance(value, int):
            raise ValueError(f"{key}: {value!r} is no whole number.")
        return value

    def has(self, key: str, value: object) -> bool:
        """Whether it says so; the key is not spoken for by that."""
        return self._values.get(key) == value

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
        ValueError: for another kind of file, a network that no RGT is, or values out of range.
    """
    try:
        loaded: object = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    values = cast(dict[str, Any], loaded) if isinstance(loaded, dict) else {}
    if not isinstance(values.get("network_g"), dict):
        raise UsageError(f"{path} is no option file of BasicSR: it has no network_g.")
    options = Options(values)
    try:
        recipe = _recipe(options)
        Recipe.model_validate(recipe)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "recipe"
        raise UsageError(f"{path}: {key}: {first['msg']} (found {first['input']!r}).") from error
    except ValueError as error:
        raise UsageError(f"{path}: {error}") from error
    kept = {key: value for key, value in recipe.items() if value not in (None, [])}
    return kept | {"clip_norm": None}, options.left()  # said: the default would be another


def convert(source: Path, target: Path) -> list[str]:
    """Write the recipe of an option file; returns the keys that were left out.

    Raises:
        ValueError: as ``recipe_of``, and for a target that is the source.
        OSError: when a file cannot be read or written.
    """
    recipe, left = recipe_of(source)
    if target.exists() and target.samefile(source):
        raise UsageError(f"{target} is the input itself: give another name.")
    with atomic.replacing(target) as draft:
        draft.write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    return left


def _recipe(options: Options) -> dict[str, Any]:
    """The recipe's values. Raises ValueError."""
    scale = options.whole("scale", 2)
    if scale not in variants.SCALES:
        raise ValueError(f"scale={scale} is not one of {variants.SCALES}.")
    if options.whole("network_g.upscale", scale) != scale:
        raise ValueError(f"network_g.upscale is not the scale, {scale}.")
    patch_px, rest = divmod(options.whole("datasets.train.gt_size", 64 * scale), scale)
    if rest:
        raise ValueError(f"gt_size is no multiple of the scale, {scale}.")
    kind = options.take("train.optim_g.type", "Adam")
    if kind not in OPTIMIZERS:
        raise ValueError(f"optimizer {kind}: there are {', '.join(OPTIMIZERS)}.")
    return {
        "variant": _variant(options),
        "scale": scale,
        "photos": _listed(options.take("datasets.train.dataroot_gt", [])),
        "lr_photos": _listed(options.take("datasets.train.dataroot_lq", [])),
        "filename_tmpl": options.take("datasets.train.filename_tmpl", "{}"),
        "pretrained": options.take("path.pretrain_network_g"),
        "upsampler": "rephased" if options.take("path.strict_load_g", True) else "random",
        "steps": options.take("train.total_iter"),
        "batch": _batch(options),
        "patch_px": patch_px,
        "optimizer": OPTIMIZERS[kind],
        "learning_rate": options.take("train.optim_g.lr", 2e-4),
        "betas": options.take("train.optim_g.betas", [0.9, 0.99]),
        "clip_norm": None,
        "warmup_steps": max(0, options.whole("train.warmup_iter", 0)),
        "cooldown": 0,
        "milestones": options.take("train.scheduler.milestones", []),
        "ema": options.take("train.ema_decay", 0),
        "drop_path": options.take("network_g.drop_path_rate", 0.1),  # RGT's default
        "init": "paper",
        "precision": "float32",
        "seed": options.take("manual_seed", 0),
    }


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


def _batch(options: Options) -> int:
    """Patches a step on all GPUs; ``num_gpu: auto`` cannot be known, stays left, and is one."""
    each = options.whole("datasets.train.batch_size_per_gpu", 1)
    return each if options.has("num_gpu", "auto") else each * max(1, options.whole("num_gpu", 1))


def _variant(options: Options) -> str | dict[str, Any]:
    """The name of the variant with the file's numbers, or these. Raises ValueError."""
    asked = {key: _frozen(options.take(f"network_g.{key}")) for key in NETWORK_KEYS}
    asked = NETWORK_DEFAULTS | {key: value for key, value in asked.items() if value is not None}
    lacking = sorted(NETWORK_KEYS.keys() - asked.keys())
    if lacking:
        raise ValueError(f"network_g lacks {', '.join(lacking)}.")
    heads = cast(tuple[int, ...], asked["num_heads"])
    if not isinstance(asked["num_heads"], tuple) or len(set(heads)) != 1:
        raise ValueError(f"num_heads is {heads}: it must be one number for all groups.")
    numbers: dict[str, Any] = {name: asked[key] for key, name in NETWORK_KEYS.items()}
    numbers["heads"] = heads[0]
    for base in variants.BASES.values():
        if all(getattr(base, name) == number for name, number in numbers.items()):
            return base.name
    return numbers | {name: list(numbers[name]) for name in ("depths", "split")}


def _frozen(value: object) -> object:
    return tuple(cast(list[object], value)) if isinstance(value, list) else value

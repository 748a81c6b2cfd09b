"""A recipe: everything that decides how a run goes. Knows no torch.

A recipe is a small YAML file; every key of it can be overridden as ``key=value``.
"""

import difflib
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    model_validator,
)

from rgtsr import variants
from rgtsr.errors import UsageError
from rgtsr.training.folders import TEMPLATE
from rgtsr.variants import Variant

LISTS = ("photos", "lr_photos", "milestones", "degrade")  # keys that take A,B on the command line

FORMER_KEYS = {"start": "init", "start_from": "pretrained"}  # of older recipes and checkpoints
FORMER_NAMES = {"seed-x2": "baseline-x2"}

Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(ge=0, lt=1)]
Upsampler = Literal["rephased", "random"]


class VariantNumbers(BaseModel):
    """A variant of one's own, by the names that ``Variant`` has for its numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = "own"
    channels: int
    depths: tuple[int, ...]
    heads: int
    split: tuple[int, int]
    num_feat: int = variants.NUM_FEAT
    mlp_ratio: float = 2.0
    c_ratio: float = 0.5
    resi_connection: variants.ResiConnection = "1conv"
    mean_rgb: tuple[float, float, float] = variants.DIV2K_MEAN_RGB


def _variant_kind(value: object) -> str:
    return "name" if isinstance(value, str) else "numbers"


VariantChoice = Annotated[
    Annotated[str, Tag("name")] | Annotated[VariantNumbers, Tag("numbers")],
    Discriminator(_variant_kind),
]


class Recipe(BaseModel):
    """What is trained, on what, and how; a run is a pure function of this, its photos and its seed.

    Exactly one schedule: ``cooldown`` (the last part of the budget falls linearly to zero) or
    ``milestones`` (steps at which the rate halves, the paper's way).
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    variant: VariantChoice = "small"
    scale: int = 2
    photos: tuple[Path, ...] = ()  # folders, or packs
    lr_photos: tuple[Path, ...] = ()  # a folder of given LR for each of photos; (): LR is made
    filename_tmpl: str = TEMPLATE  # an LR's name after its photo's
    holdout: Path | None = None
    pretrained: str | None = None  # weights (name or file) to begin with, of any scale
    upsampler: Upsampler = "rephased"  # what of it is made of another scale's weights

    steps: Positive | None = None
    batch: Positive = 32
    patch_px: Annotated[int, Field(ge=64, le=255)] = 64  # LR pixels; T is 2 for these sides only
    permute_rgb: bool = False
    degrade: tuple[
        Literal["bicubic", "clean", "photo", "night", "web"], ...
    ] = ()  # (): LR by the exact bicubic

    optimizer: Literal["adamw", "adam", "muon"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 5e-4
    betas: tuple[Share, Share] = (0.9, 0.99)
    clip_norm: Annotated[float, Field(gt=0)] | None = 0.5
    fft_loss: Annotated[float, Field(ge=0, le=1)] = 0.0  # share of the loss, the rest is L1
    warmup_steps: Annotated[int, Field(ge=0)] = 100
    cooldown: Annotated[float, Field(ge=0, le=1)] = 0.2
    milestones: tuple[Positive, ...] = ()
    ema: Share = 0.999
    drop_path: Share = 0.0
    init: Literal["interpolating", "paper"] = "interpolating"
    precision: Literal["auto", "float32", "bf16"] = "auto"
    compile: bool = False
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0

    checkpoint_minutes: Annotated[float, Field(gt=0)] = 5.0
    validate_minutes: Annotated[float, Field(gt=0)] = 10.0

    @model_validator(mode="before")
    @classmethod
    def _todays_keys(cls, values: Any) -> Any:  # Any: pydantic hands on what it was given
        return _renamed(cast(dict[str, Any], values)) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        _ = self.network_variant
        if self.lr_photos and len(self.lr_photos) != len(self.photos):
            raise ValueError(f"{len(self.lr_photos)} lr_photos for {len(self.photos)} photos.")
        if self.filename_tmpl.count("{}") != 1:
            raise ValueError(f"filename_tmpl {self.filename_tmpl!r} needs one {{}} for the name.")
        if self.degrade and self.lr_photos:
            raise ValueError("degrade makes LR pictures, lr_photos gives them: set one of them.")
        if self.milestones and self.cooldown:
            raise ValueError("milestones and cooldown exclude each other: set cooldown=0.")
        return self

    @property
    def network_variant(self) -> Variant:
        """The variant that this recipe trains."""
        if isinstance(self.variant, str):
            return variants.find(self.variant, scale=self.scale)
        return Variant(scale=self.scale, **dict(self.variant))


def load(name_or_path: str | Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """The recipe of that packaged name or file, with ``key=value`` overrides (values are YAML).

    Raises:
        ValueError: no such recipe, an unknown key (with a suggestion), or a value out of range.
    """
    source = _locate(name_or_path)
    values: object = _yaml(source.read_text(encoding="utf-8"), str(source)) or {}
    if not isinstance(values, dict):
        raise UsageError(f"{source} holds no mapping of keys to values.")
    return _validated(cast(dict[str, Any], values), overrides, str(source))


def changed(recipe: Recipe, overrides: tuple[str, ...]) -> Recipe:
    """The recipe with ``key=value`` overrides. Raises ValueError, as ``load``."""
    return _validated(recipe.model_dump(), overrides, "the recipe")


def as_yaml(recipe: Recipe) -> str:
    """A recipe file that says the same, every key in it."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def names() -> tuple[str, ...]:
    """The packaged recipes."""
    return tuple(sorted(entry.name.removesuffix(".yml") for entry in _packaged().iterdir()))


def _packaged() -> Traversable:
    return resources.files("rgtsr.training").joinpath("recipes")


def _locate(name_or_path: str | Path) -> Traversable | Path:
    path = Path(name_or_path)
    if path.is_file():
        return path
    name = FORMER_NAMES.get(str(name_or_path), str(name_or_path))
    if name in names():
        return _packaged().joinpath(f"{name}.yml")
    nearest = difflib.get_close_matches(str(name_or_path), names(), n=1)
    hint = f"Did you mean {nearest[0]!r}?" if nearest else f"There are: {', '.join(names())}."
    raise UsageError(f"no recipe {str(name_or_path)!r}: neither a file nor a packaged name. {hint}")


def _override(text: str) -> tuple[str, object]:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"{text!r} is not an override: write key=value.")
    if key in LISTS and not value.startswith("["):
        return key, [part for part in value.split(",") if part]
    if key == "filename_tmpl":  # its braces would be YAML's
        return key, value
    return key, _yaml(value, text)


def _yaml(text: str, source: str) -> Any:  # Any: YAML
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{source} is not YAML: {' '.join(str(error).split())}") from error


def _validated(values: dict[str, Any], overrides: tuple[str, ...], source: str) -> Recipe:
    values = _renamed(values) | _renamed(dict(_override(text) for text in overrides))
    unknown = [key for key in values if key not in Recipe.model_fields]
    if unknown:
        raise UsageError(_unknown_key(str(unknown[0])))
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "recipe"
        raise UsageError(f"{source}: {key}: {first['msg']} (found {first['input']!r}).") from error


def _renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {FORMER_KEYS.get(key, key): value for key, value in values.items()}


def _unknown_key(key: str) -> str:
    nearest = difflib.get_close_matches(key, Recipe.model_fields, n=1)
    hint = f"Did you mean {nearest[0]!r}?" if nearest else "See docs/training.md for the keys."
    return f"unknown recipe key {key!r}. {hint}"

from pathlib import Path

import pytest

from rgtsr import variants
from rgtsr.errors import UsageError
from rgtsr.training import recipe
from rgtsr.variants import Variant


@pytest.mark.parametrize("name", recipe.names())
def test_every_packaged_recipe_is_valid(name: str) -> None:
    assert recipe.load(name).network_variant.name in variants.BASES


def test_a_recipe_is_a_yaml_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text("variant: tiny\nscale: 3\nsteps: 7\n")
    mine = recipe.load(path)
    assert (mine.network_variant, mine.steps) == (variants.find("tiny", scale=3), 7)


def test_every_key_can_be_overridden() -> None:
    values = {
        "variant": ("tiny", "tiny"),
        "scale": ("4", 4),
        "photos": ("a,b", (Path("a"), Path("b"))),
        "lr_photos": ("c,d", (Path("c"), Path("d"))),
        "filename_tmpl": ("{}_small", "{}_small"),
        "holdout": ("h", Path("h")),
        "pretrained": ("light-x2", "light-x2"),
        "upsampler": ("random", "random"),
        "steps": ("9", 9),
        "batch": ("3", 3),
        "patch_px": ("80", 80),
        "permute_rgb": ("false", False),
        "degrade": ("[]", ()),
        "optimizer": ("adam", "adam"),
        "learning_rate": ("1e-3", 1e-3),
        "betas": ("[0.8, 0.9]", (0.8, 0.9)),
        "clip_norm": ("null", None),
        "fft_loss": ("0.5", 0.5),
        "warmup_steps": ("5", 5),
        "cooldown": ("0", 0),
        "milestones": ("10,20", (10, 20)),
        "ema": ("0.9", 0.9),
        "drop_path": ("0.2", 0.2),
        "init": ("paper", "paper"),
        "precision": ("float32", "float32"),
        "compile": ("true", True),
        "seed": ("5", 5),
        "checkpoint_minutes": ("1", 1),
        "validate_minutes": ("2", 2),
    }
    assert values.keys() == recipe.Recipe.model_fields.keys()
    overrides = tuple(f"{key}={text}" for key, (text, _) in values.items())
    mine = recipe.load("light-x2", overrides)
    assert {key: getattr(mine, key) for key in values} == {k: v for k, (_, v) in values.items()}


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("lerning_rate=1", "Did you mean 'learning_rate'?"),
        ("batch=0", "batch"),
        ("patch_px=48", "patch_px"),
        ("patch_px=256", "patch_px"),
        ("variant=lihgt", "Did you mean 'light'?"),
        ("scale=5", "scale=5"),
        ("fft_loss=1.5", "fft_loss"),
        ("milestones=1,2", "exclude each other"),
        ("degrade=oil", "clean"),
        ("nonsense", "key=value"),
    ],
)
def test_a_wrong_override_is_refused_with_the_way_out(override: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("?", r"\?")):
        recipe.load("light-x2", (override,))


def test_an_unknown_recipe_is_refused_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="Did you mean 'light-x2'"):
        recipe.load("ligt-x2")


@pytest.mark.parametrize(
    "override",
    [
        "learning_rate=.inf",
        "clip_norm=.inf",
        "betas=[2, 3]",
        "betas=[-1, .nan]",
        "milestones=-5",
        "seed=-1",
        f"seed={2**63}",
        "validate_minutes=.inf",
        "checkpoint_minutes=.nan",
        "steps=.inf",
        "mlp_ratio: .inf",
        "c_ratio: .nan",
        "mean_rgb: [.nan, 0, .inf]",
    ],
)
def test_numbers_that_make_no_sense_are_refused(override: str) -> None:
    key, text = override.partition("=")[0].partition(":")[0], override
    if ":" in override:
        text = f"variant={{channels: 48, depths: [4], heads: 4, split: [8, 16], {override}}}"
    with pytest.raises(UsageError, match=key):
        recipe.load("small-x2", (text,))


@pytest.mark.parametrize("variant", ["rgt", "rgt-s"])
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_the_papers_six_runs_come_from_one_template(variant: str, scale: int) -> None:
    paper = recipe.load("paper", (f"variant={variant}", f"scale={scale}"))
    assert paper.network_variant == variants.find(variant, scale=scale)
    assert (paper.steps, paper.batch, paper.patch_px) == (500_000, 32, 64)
    assert (paper.optimizer, paper.learning_rate, paper.betas) == ("adam", 2e-4, (0.9, 0.99))
    assert paper.milestones == (250_000, 400_000, 450_000, 475_000)
    assert (paper.cooldown, paper.warmup_steps, paper.clip_norm) == (0, 0, None)
    assert (paper.ema, paper.precision, paper.init) == (0, "float32", "paper")


def test_the_starting_points_run_has_its_length() -> None:
    seed = recipe.load("baseline-x2")
    assert (seed.steps, seed.network_variant.depths) == (5600, (12, 12))


def test_a_variant_can_be_written_by_its_numbers(tmp_path: Path) -> None:
    path = tmp_path / "mine.yml"
    path.write_text("variant: {channels: 72, depths: [4, 4], heads: 4, split: [8, 16]}\nscale: 3\n")
    mine = recipe.load(path)
    assert mine.network_variant == Variant("own", 3, 72, (4, 4), 4, (8, 16))
    assert recipe.Recipe.model_validate_json(mine.model_dump_json()) == mine
    assert recipe.changed(mine, ("scale=4",)).network_variant.channels == 72
    assert recipe.changed(mine, ("variant=tiny",)).variant == "tiny"


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (
            "{channels: 72, depths: [4, 4], split: [8, 16]}",
            "numbers.heads: Field required",
        ),
        ("{channels: 72, depth: [4, 4]}", r"variant\.numbers"),
        ("{channels: 70, depths: [4], heads: 4, split: [8, 16]}", "must be even and divide"),
        ("7", "variant"),
    ],
)
def test_numbers_that_no_network_can_have_are_refused(numbers: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        recipe.load("small-x2", (f"variant={numbers}",))


def test_former_names_of_keys_and_recipes_still_load(tmp_path: Path) -> None:
    path = tmp_path / "former.yml"
    path.write_text("variant: tiny\nstart: paper\nstart_from: light-x2\n")
    mine = recipe.load(path, ("start_from=small-x2",))
    assert (mine.init, mine.pretrained) == ("paper", "small-x2")
    former = mine.model_dump_json(exclude={"init", "pretrained", "upsampler"})
    former = former[:-1] + ',"start": "paper", "start_from": "small-x2"}'
    assert recipe.Recipe.model_validate_json(former) == mine
    assert recipe.load("seed-x2") == recipe.load("baseline-x2")
    assert recipe.load("small-x3", ("start_from=mine",)).pretrained == "mine"


def test_lr_is_given_or_made_worse_not_both() -> None:
    assert recipe.load("light-x2", ("degrade=photo,web",)).degrade == ("photo", "web")
    with pytest.raises(ValueError, match="set one of them"):
        recipe.load("light-x2", ("photos=a", "lr_photos=b", "degrade=web"))

"""Option files of BasicSR: what becomes of each key."""

from pathlib import Path

import pytest
import yaml

from cli.running import rgtsr
from rgtsr.training import basicsr, recipe

OPTIONS = """
name: train_RGT_S_x3
model_type: RGTModel
scale: 3
num_gpu: 4
manual_seed: 10
datasets:
  train:
    name: DF2K
    type: PairedImageDataset
    dataroot_gt: [data/DIV2K_HR, data/Flickr2K_HR]
    dataroot_lq: [data/DIV2K_LR/X3, data/Flickr2K_LR/X3]
    filename_tmpl: '{}x3'
    io_backend: {type: disk}
    gt_size: 192
    use_hflip: true
    use_rot: true
    batch_size_per_gpu: 8
network_g:
  type: RGT
  upscale: 3
  in_chans: 3
  img_size: 64
  img_range: 1.
  depth: [6, 6, 6, 6, 6, 6]
  embed_dim: 180
  num_heads: [6, 6, 6, 6, 6, 6]
  mlp_ratio: 2
  c_ratio: 0.5
  resi_connection: 1conv
  split_size: [8, 32]
path:
  pretrain_network_g: weights/RGT_S_x2.pth
  strict_load_g: false
train:
  optim_g: {type: Adam, lr: !!float 2e-4, weight_decay: 0, betas: [0.9, 0.99]}
  scheduler: {type: MultiStepLR, milestones: [125000, 200000, 225000, 237500], gamma: 0.5}
  total_iter: 250000
  warmup_iter: -1
  pixel_opt: {type: L1Loss, loss_weight: 1.0, reduction: mean}
val:
  val_freq: !!float 5e3
"""


def options(path: Path, **changes: tuple[str, str]) -> Path:
    text = OPTIONS
    for old, new in changes.values():
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


def test_an_option_file_becomes_a_recipe(tmp_path: Path) -> None:
    target = tmp_path / "mine.yml"
    done = rgtsr("convert", options(tmp_path / "train_RGT_S_x3.yml"), target)
    done.assert_done()
    mine = recipe.load(target)
    assert (mine.variant, mine.scale, mine.batch, mine.patch_px) == ("rgt-s", 3, 32, 64)
    assert mine.photos == (Path("data/DIV2K_HR"), Path("data/Flickr2K_HR"))
    assert mine.lr_photos == (Path("data/DIV2K_LR/X3"), Path("data/Flickr2K_LR/X3"))
    assert (mine.filename_tmpl, mine.pretrained) == ("{}x3", "weights/RGT_S_x2.pth")
    assert (mine.steps, mine.milestones[-1], mine.cooldown) == (250_000, 237_500, 0)
    assert (mine.optimizer, mine.learning_rate, mine.betas) == ("adam", 2e-4, (0.9, 0.99))
    assert (mine.clip_norm, mine.warmup_steps, mine.ema, mine.seed) == (None, 0, 0, 10)
    assert (mine.init, mine.precision, mine.drop_path) == ("paper", "float32", 0.1)
    left = "datasets.train.io_backend.type, datasets.train.name, name, network_g.img_size"
    assert left in done.out
    assert "val.val_freq" in done.out
    assert mine.upsampler == "random"
    assert "use_hflip" not in done.out and "strict_load_g" not in done.out


def test_the_paper_recipe_is_the_one_of_its_option_file(tmp_path: Path) -> None:
    path = options(
        tmp_path / "x2.yml",
        scale=("scale: 3", "scale: 2"),
        size=("gt_size: 192", "gt_size: 128"),
        depth=("depth: [6, 6, 6, 6, 6, 6]", "depth: [6, 6, 6, 6, 6, 6, 6, 6]"),
        heads=("num_heads: [6, 6, 6, 6, 6, 6]", "num_heads: [6, 6, 6, 6, 6, 6, 6, 6]"),
        steps=("total_iter: 250000", "total_iter: 500000"),
        rates=("[125000, 200000, 225000, 237500]", "[250000, 400000, 450000, 475000]"),
        seed=("manual_seed: 10", "manual_seed: 0"),
        start=("pretrain_network_g: weights/RGT_S_x2.pth", "pretrain_network_g: ~"),
    )
    basicsr.convert(path, tmp_path / "paper.yml")
    converted = yaml.safe_load((tmp_path / "paper.yml").read_text())
    for key in ("photos", "lr_photos", "filename_tmpl"):
        del converted[key]
    (tmp_path / "bare.yml").write_text(yaml.safe_dump(converted))
    assert recipe.load(tmp_path / "bare.yml") == recipe.load("paper")


def test_a_network_without_a_name_is_written_by_its_numbers(tmp_path: Path) -> None:
    path = options(tmp_path / "options.yml", width=("embed_dim: 180", "embed_dim: 96"))
    basicsr.convert(path, tmp_path / "mine.yml")
    variant = recipe.load(tmp_path / "mine.yml").network_variant
    assert (variant.name, variant.scale, variant.channels) == ("own", 3, 96)
    assert (variant.depths, variant.heads, variant.split) == ((6,) * 6, 6, (8, 32))


def test_what_auto_leaves_open_is_said(tmp_path: Path) -> None:
    path = options(tmp_path / "options.yml", gpus=("num_gpu: 4", "num_gpu: auto"))
    done = rgtsr("convert", path, tmp_path / "mine.yml").assert_done()
    assert recipe.load(tmp_path / "mine.yml").batch == 8
    assert "num_gpu: auto counts as one GPU" in done.out


def test_the_option_file_is_not_written_over(tmp_path: Path) -> None:
    path = options(tmp_path / "options.yml")
    before = path.read_bytes()
    rgtsr("convert", path, path).assert_failed(2, "is the input itself")
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("embed_dim: 180", "embed_dim: 100", r"heads=6 must be even and divide channels=100"),
        ("  split_size: [8, 32]\n", "", "network_g lacks split_size"),
        ("upscale: 3", "upscale: 2", "upscale is not the scale, 3"),
        ("\nscale: 3", "\nscale: 0", "scale=0 is not one of"),
        ("batch_size_per_gpu: 8", "batch_size_per_gpu: many", "'many' is no whole number"),
        ("network_g:", "network_d:", "no option file of BasicSR"),
        ("gt_size: 192", "gt_size: 100", "gt_size is no multiple"),
        ("gt_size: 192", "gt_size: 96", "patch_px"),
        ("{type: Adam,", "{type: Lion,", "optimizer Lion"),
        (
            "num_heads: [6, 6, 6, 6, 6, 6]",
            "num_heads: [6, 6, 6, 6, 6, 4]",
            r"num_heads is \(6, 6, 6, 6, 6, 4\)",
        ),
        ("scale: 3", "scale: [", "is not YAML"),
    ],
)
def test_what_no_recipe_can_say_is_refused(tmp_path: Path, old: str, new: str, words: str) -> None:
    path = options(tmp_path / "options.yml", change=(old, new))
    with pytest.raises(ValueError, match=words):
        basicsr.convert(path, tmp_path / "mine.yml")
    assert not (tmp_path / "mine.yml").exists()

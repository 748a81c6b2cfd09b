"""The authors' .pth files: made by the real torch, read and written by us without it."""

import collections
import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from port import stand_in_for_torchvision
from rgtsr import network, variants, weights
from rgtsr.errors import WeightsError
from rgtsr.variants import DIV2K_MEAN_RGB
from rgtsr.weights import Weights, original, pickles
from rgtsr.weights.converting import window_buffers

State = dict[str, torch.Tensor]


def state_of(small: Weights, *, buffers: bool = True) -> State:
    arrays = dict(small.tensors) | (dict(window_buffers(small)) if buffers else {})
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def saved(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


WRAPPINGS: dict[str, Callable[[State], object]] = {
    "params_ema": lambda state: {"params": {"wrong": torch.zeros(1)}, "params_ema": state},
    "params": lambda state: {"params": state},
    "bare": lambda state: state,
    "ordered": collections.OrderedDict,
    "parallel": lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
    "parameters": lambda state: {
        name: nn.Parameter(t) if t.is_floating_point() else t for name, t in state.items()
    },
}


@pytest.mark.parametrize("wrap", WRAPPINGS.values(), ids=WRAPPINGS.keys())
def test_every_wrapping_of_the_authors_loads(
    wrap: Callable[[State], object], small: Weights, tmp_path: Path
) -> None:
    loaded = weights.load(saved(wrap(state_of(small)), tmp_path / "rgt.pth"))
    assert loaded.variant == small.variant
    assert loaded.tensors.keys() == small.tensors.keys()
    assert all(np.array_equal(loaded.tensors[n], t) for n, t in small.tensors.items())


@pytest.mark.parametrize("split", [(4, 16), (16, 4), (8, 8)])
def test_the_window_is_read_from_the_bias_table(
    split: tuple[int, int], small: Weights, tmp_path: Path
) -> None:
    other = replace(small, variant=replace(small.variant, split=split))
    assert weights.load(saved(state_of(other), tmp_path / "rgt.pth")).variant.split == split


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(
    dtype: torch.dtype, small: Weights, tmp_path: Path
) -> None:
    state = {n: t.to(dtype) if t.is_floating_point() else t for n, t in state_of(small).items()}
    loaded = weights.load(saved(state, tmp_path / "rgt.pth"))
    name = "layers.0.blocks.0.attn.qkv.weight"
    assert loaded.tensors[name].dtype == np.float32
    assert np.array_equal(loaded.tensors[name], state[name].float().numpy())


def test_views_of_one_storage_are_read_with_their_strides(small: Weights, tmp_path: Path) -> None:
    state = state_of(small)
    name = "layers.0.blocks.0.attn.proj.weight"
    shared = torch.cat([torch.zeros(7), state[name].t().contiguous().flatten()])
    state[name] = shared[7:].view(64, 64).t()
    loaded = weights.load(saved(state, tmp_path / "rgt.pth"))
    assert np.array_equal(loaded.tensors[name], small.tensors[name])


def test_another_mean_is_taken_from_the_file(small: Weights, tmp_path: Path) -> None:
    state = state_of(small) | {"mean": torch.full((1, 3, 1, 1), 0.5)}
    assert weights.load(saved(state, tmp_path / "rgt.pth")).variant.mean_rgb == (0.5, 0.5, 0.5)


class Exploding:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def test_a_pickle_that_would_run_something_is_refused_and_not_run(
    small: Weights, tmp_path: Path
) -> None:
    marker = tmp_path / "marker"
    path = saved({"params": state_of(small), "x": Exploding(marker)}, tmp_path / "evil.pth")
    with pytest.raises(WeightsError, match=r"evil\.pth: holds posix\.system, which is no tensor"):
        weights.load(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [{"params": {"x": 3}}, [1, 2], {"params": {}}, {"epoch": 7}],
    ids=["numbers", "a list", "nothing", "a counter"],
)
def test_a_file_without_tensors_is_refused(content: object, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"odd\.pth: holds"):
        weights.load(saved(content, tmp_path / "odd.pth"))


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="which is no tensor: refused"):
        weights.load(saved(nn.Linear(2, 2), tmp_path / "module.pth"))


@pytest.mark.parametrize("part", [0, 1, 3, 50, 90, 99])
def test_a_truncated_file_is_refused(part: int, small: Weights, tmp_path: Path) -> None:
    path = saved(state_of(small), tmp_path / "rgt.pth")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * part // 100])
    with pytest.raises(WeightsError, match=r"rgt\.pth: is (empty|damaged)"):
        weights.load(path)


def test_the_format_before_zip_is_refused_with_a_reason(small: Weights, tmp_path: Path) -> None:
    path = tmp_path / "old.pth"
    torch.save(state_of(small), path, _use_new_zipfile_serialization=False)
    with pytest.raises(WeightsError, match=r"no \.pth file of torch >= 1\.6"):
        weights.load(path)


def test_a_zip_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rgt.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(WeightsError, match=r"not one that torch\.save wrote"):
        weights.load(path)


@pytest.mark.parametrize("claim", ["longer", "beyond"])
def test_a_tensor_that_reaches_beyond_its_storage_is_refused(claim: str, tmp_path: Path) -> None:
    path = saved({"params": {"x": torch.zeros(4)}}, tmp_path / "rgt.pth")
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    name = next(entry for entry in entries if entry.endswith("data.pkl"))
    old, new = (b"K\x04", b"K\x7f") if claim == "beyond" else (b"K\x04tq", b"K\x05tq")
    assert old in entries[name]
    entries[name] = entries[name].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for entry, content in entries.items():
            archive.writestr(entry, content)
    with pytest.raises(WeightsError, match=r"rgt\.pth"):
        weights.load(path)


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({"layers.0.residual_group.blocks.0.attn.relative_position_bias_table": (9, 2)}, "SwinIR"),
        ({"model.0.weight": (64, 3, 3, 3)}, "looks like ESRGAN"),
        ({"something.else": (3,)}, "its first tensors are something.else"),
    ],
)
def test_another_networks_file_is_named(
    tensors: dict[str, tuple[int, ...]], words: str, tmp_path: Path
) -> None:
    state = {name: torch.zeros(shape) for name, shape in tensors.items()}
    with pytest.raises(WeightsError, match=words) as refusal:
        weights.load(saved(state, tmp_path / "other.pth"))
    assert "other.pth" in str(refusal.value)


def test_reading_needs_no_torch(small: Weights, tmp_path: Path) -> None:
    path = saved({"params": state_of(small)}, tmp_path / "rgt.pth")
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from rgtsr import weights\n"
        "print(weights.load(sys.argv[1]).variant.channels)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "64\n"), done.stderr


def test_torch_reads_what_we_write_with_its_own_safe_reader(small: Weights, tmp_path: Path) -> None:
    weights.convert(small, tmp_path / "ours.pth", to="original")
    state = torch.load(tmp_path / "ours.pth", weights_only=True)["params"]
    assert list(state) == list(small.tensors)
    net = network.RGT(small.variant)
    net.load_state_dict(state)
    assert all(np.array_equal(t.numpy(), small.tensors[name]) for name, t in state.items())


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_spandrel_recognises_a_converted_file_and_computes_the_same(
    suffix: str, small: Weights, tmp_path: Path
) -> None:
    stand_in_for_torchvision()
    import spandrel

    path = tmp_path / f"for_spandrel{suffix}"
    weights.convert(small, path, to="spandrel")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.meshgrid")
        described = spandrel.ModelLoader(device="cpu").load_from_file(path)
    assert (described.architecture.id, described.scale) == ("RGT", 2)
    x = torch.rand(1, 3, 48, 40)
    with torch.inference_mode():
        theirs, ours = described.model.eval()(x), network.from_weights(small)(x)
    assert float((theirs - ours).abs().max()) <= 1e-5


def test_a_converted_file_comes_back_the_same(small: Weights, tmp_path: Path) -> None:
    weights.convert(small, tmp_path / "there.pth", to="spandrel")
    back = weights.load(tmp_path / "there.pth")
    assert back.variant == small.variant
    assert all(np.array_equal(back.tensors[n], t) for n, t in small.tensors.items())


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("a.bin", {"to": "original"}, "must end in .pth or .safetensors"),
        ("a.pth", {"to": "rgtsr"}, "must end in .safetensors"),
        ("a.pth", {"to": "original", "half": True}, "half=True"),
    ],
)
def test_a_conversion_that_cannot_be_is_refused(
    name: str, options: dict[str, Any], words: str, small: Weights, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=words):
        weights.convert(small, tmp_path / name, **options)


def test_a_mean_that_others_do_not_know_is_not_lost_silently(
    small: Weights, tmp_path: Path
) -> None:
    assert small.variant.mean_rgb == DIV2K_MEAN_RGB
    other = replace(small, variant=replace(small.variant, mean_rgb=(0.5, 0.5, 0.5)))
    with pytest.raises(ValueError, match="would shift all colors"):
        weights.convert(other, tmp_path / "a.pth", to="spandrel")


def test_features_that_others_do_not_know_are_not_written_for_them(tmp_path: Path) -> None:
    narrow = weights.random(replace(variants.find("tiny"), num_feat=32))
    with pytest.raises(ValueError, match="num_feat=32"):
        weights.convert(narrow, tmp_path / "a.pth", to="original")
    original.write(tmp_path / "a.pth", narrow.tensors)
    found = weights.load(tmp_path / "a.pth").variant
    assert found == replace(narrow.variant, name="custom")


@pytest.mark.parametrize(
    ("module", "name"),
    [("builtins", "eval"), ("os", "system"), ("torch", "load"), ("torch.nn", "Module")],
)
def test_a_name_that_is_no_tensors_is_refused(module: str, name: str) -> None:
    with pytest.raises(pickles.RefusedError, match=rf"{module}\.{name}"):
        pickles.load(pickle.GLOBAL + f"{module}\n{name}\n".encode() + pickle.STOP)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_protocol_of_torch_is_read(protocol: int, small: Weights, tmp_path: Path) -> None:
    extra = {"epoch": 7, "rate": 0.5, "big": 1 << 40, "best": None, "done": True, "by": ["me", ()]}
    content = {"params": collections.OrderedDict(state_of(small)), **extra}
    torch.save(content, tmp_path / "rgt.pth", pickle_protocol=protocol)
    loaded = weights.load(tmp_path / "rgt.pth")
    assert all(np.array_equal(loaded.tensors[n], t) for n, t in small.tensors.items())

"""Runtimes through their one door: what they agree on, what they refuse, what they keep."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from rgtsr import runtimes, variants, weights
from rgtsr.errors import RuntimeUnavailableError
from rgtsr.evaluation import metrics
from rgtsr.pictures import color, pairs
from rgtsr.runtimes import cache, memory
from rgtsr.runtimes.onnxruntime import ONNXRuntime
from rgtsr.runtimes.openvino import EMULATED_BF16, WITHOUT_BF16, core, isa_limit
from rgtsr.runtimes.shapes import FEW, KEPT_SHAPES
from rgtsr.runtimes.torch import TorchRuntime

PHOTO = Path(__file__).parents[2] / "demo/demo-pagoda.png"
SMALL = weights.random(replace(variants.find("small"), depths=(3, 2)), seed=0)
TILE = np.random.default_rng(0).random((1, 3, 32, 48), dtype=np.float32)


@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "torch"])
def test_every_runtime_agrees_with_torch_in_float32(name: str) -> None:
    runtime = runtimes.open_runtime(SMALL, name=name, precision="float32", device="cpu")
    exact = runtimes.open_runtime(SMALL, name="torch", precision="float32", device="cpu")
    enlarged = runtime.upscale_tiles(TILE)
    assert (runtime.name, runtime.scale, runtime.precision) == (name, 2, "float32")
    assert enlarged.dtype == np.float32
    assert np.abs(enlarged - exact.upscale_tiles(TILE)).max() <= 2e-5


@pytest.mark.parametrize(
    ("name", "precision"), [("openvino", "bf16"), ("torch", "bf16"), ("torch", "float16")]
)
def test_reduced_precision_costs_at_most_a_fiftieth_of_a_decibel(name: str, precision: str) -> None:
    if name == "openvino" and isa_limit() in WITHOUT_BF16:
        pytest.skip(f"ONEDNN_MAX_CPU_ISA={isa_limit()} leaves no bf16")
    packaged = weights.load(weights.DEFAULT_NAME)
    truth = pairs.read8(PHOTO)[:256, :256]
    truth, small = pairs.made(truth, packaged.variant.scale)
    tile = (small.transpose(2, 0, 1)[None] / 255).astype(np.float32)

    def psnr(precision: str) -> float:
        runtime = runtimes.open_runtime(packaged, name=name, precision=precision, device="cpu")
        assert runtime.precision == precision
        enlarged = color.from_float(runtime.upscale_tiles(tile)[0].transpose(1, 2, 0), np.uint8)
        return metrics.on_luma(enlarged, truth, shave=packaged.variant.scale).psnr

    assert abs(psnr(precision) - psnr("float32")) <= 0.02


def test_float32_through_torch_is_not_tf32_and_the_settings_of_others_come_back() -> None:
    runtime = TorchRuntime(SMALL, "float32", torch.device("cpu"), None)
    seen: list[tuple[bool, bool]] = []

    def look(*_: object) -> None:
        seen.append((torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32))

    runtime._network.register_forward_pre_hook(look)
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=True):
        runtime.upscale_tiles(TILE)
        assert torch.backends.cudnn.allow_tf32
    assert seen == [(False, False)]


def test_auto_is_openvino_in_bf16_where_the_cpu_has_it() -> None:
    runtime = runtimes.open_runtime(SMALL)
    has_bf16 = "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    has_bf16 &= isa_limit() not in (*WITHOUT_BF16, *EMULATED_BF16)
    assert (runtime.name, runtime.precision) == ("openvino", "bf16" if has_bf16 else "float32")


def limited(isa: str, *arguments: str, cache_dir: Path) -> subprocess.CompletedProcess[str]:
    """Open OpenVINO under oneDNN's limit, run a tile, print the precision."""
    program = (
        "import sys\n"
        "import numpy as np\n"
        "from rgtsr import runtimes, variants, weights\n"
        "small = weights.random(variants.find('small'), seed=0)\n"
        "runtime = runtimes.open_runtime(small, name='openvino', precision=sys.argv[1])\n"
        "runtime.upscale_tiles(np.full((1, 3, 16, 16), 0.5, np.float32))\n"
        "print(runtime.precision)\n"
    )
    limits = {"ONEDNN_MAX_CPU_ISA": isa, "RGTSR_CACHE_DIR": str(cache_dir)}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | limits)


@pytest.mark.parametrize("isa", ["AVX2", "avx2_vnni", "AVX512_CORE", "avx512_core_vnni"])
def test_below_bf16s_instructions_auto_is_float32(isa: str, tmp_path: Path) -> None:
    done = limited(isa, "auto", cache_dir=tmp_path)
    assert (done.returncode, done.stdout) == (0, "float32\n"), done.stderr


def test_bf16_is_refused_where_the_limit_leaves_none_of_it(tmp_path: Path) -> None:
    done = limited("AVX2", "bf16", cache_dir=tmp_path)
    assert "RuntimeUnavailableError: the openvino runtime has no bf16 under" in done.stderr
    assert "ONEDNN_MAX_CPU_ISA=avx2: use --precision float32" in done.stderr


def test_a_graph_compiled_under_another_limit_is_another(tmp_path: Path) -> None:
    for isa, graphs in (("AVX512_CORE", 1), ("AVX2", 2), ("AVX512_CORE", 2)):
        done = limited(isa, "float32", cache_dir=tmp_path)
        assert (done.returncode, done.stdout) == (0, "float32\n"), done.stderr
        assert len(list(tmp_path.glob("*.graph"))) == graphs


def test_openvinos_converter_is_not_imported_but_can_be() -> None:
    program = (
        "import sys\n"
        "from rgtsr import runtimes, variants, weights\n"
        "runtimes.open_runtime(weights.random(variants.find('tiny')))\n"
        "assert not [name for name in sys.modules if name.startswith('openvino.tools.ovc')]\n"
        "import openvino.tools.ovc\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"name": "openvin"}, "runtime 'openvin' is not one of auto, openvino"),
        ({"precision": "int3"}, "precision 'int3' is not one of auto, float32, bf16"),
        ({"device": "tpu"}, "device 'tpu' is not one of auto, cpu, gpu"),
    ],
)
def test_an_unknown_word_is_refused_with_the_known_ones(option: dict[str, str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        runtimes.open_runtime(SMALL, **option)


@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "torch"])
def test_a_gpu_that_is_not_there_is_refused(name: str) -> None:
    if name == "torch" and _has_gpu():
        pytest.skip("this machine has a GPU")
    with pytest.raises(RuntimeUnavailableError, match="GPU"):
        runtimes.open_runtime(SMALL, name=name, device="gpu")


def _has_gpu() -> bool:
    from rgtsr.runtimes.torch import gpu_device

    return gpu_device() is not None


@pytest.mark.parametrize(("name", "lacks"), [("onnxruntime", "bf16"), ("openvino", "float16")])
def test_a_precision_that_a_runtime_lacks_is_refused(name: str, lacks: str) -> None:
    with pytest.raises(RuntimeUnavailableError, match=lacks):
        runtimes.open_runtime(SMALL, name=name, precision=lacks)


@pytest.mark.parametrize(
    ("name", "extra"), [("onnxruntime", r"rgtsr\[onnxruntime\]"), ("torch", r"rgtsr\[train\]")]
)
def test_a_package_that_is_not_installed_is_named_with_its_extra(name: str, extra: str) -> None:
    program = (
        "import sys; sys.modules[sys.argv[1]] = None\n"
        "from rgtsr import runtimes, variants, weights\n"
        "runtimes.open_runtime(weights.random(variants.find('tiny')), name=sys.argv[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", program, name], capture_output=True, text=True)
    assert f"RuntimeUnavailableError: the runtime '{name}' is not installed" in done.stderr
    assert extra.replace("\\", "") in done.stderr


def test_other_weights_of_the_same_shape_are_another_network() -> None:
    other = weights.random(SMALL.variant, seed=1)
    first = runtimes.open_runtime(SMALL).upscale_tiles(TILE)
    second = runtimes.open_runtime(other).upscale_tiles(TILE)
    assert np.abs(first - second).max() > 0.1


def test_signals_are_received_after_runtimes_have_gone_in_the_order_they_came() -> None:
    program = """
import faulthandler, gc, os, signal
import numpy as np
from rgtsr import runtimes, variants, weights
faulthandler.enable()
received = []
signal.signal(signal.SIGTERM, lambda *_: received.append(1))
small = weights.random(variants.find("small"), seed=0)
opened = [runtimes.open_runtime(small, name="openvino") for _ in range(2)]
for runtime in opened:
    runtime.upscale_tiles(np.zeros((1, 3, 16, 16), np.float32))
del runtime
while opened:
    del opened[0]
    gc.collect()
os.kill(os.getpid(), signal.SIGTERM)
print("received", received)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "received [1]\n"), done.stderr


def test_the_last_few_shapes_are_kept_and_fewer_where_memory_is_short() -> None:
    tiny = weights.random(variants.find("tiny"))

    def kept(limit_bytes: int | None) -> int:
        runtime = ONNXRuntime(tiny, limit_bytes)
        for side in range(16, 16 + KEPT_SHAPES + 2):
            runtime.upscale_tiles(np.zeros((1, 3, side, 16), np.float32))
        return len(runtime._sessions)

    assert kept(None) == KEPT_SHAPES
    assert FEW <= kept(memory.used_bytes() + (600 << 20)) < KEPT_SHAPES


@pytest.mark.parametrize("name", ["openvino", "onnxruntime", "torch"])
def test_several_threads_may_use_one_runtime(name: str) -> None:
    runtime = runtimes.open_runtime(SMALL, name=name, precision="float32", device="cpu")
    rng = np.random.default_rng(1)
    tiles = [rng.random((1, 3, 24 + 8 * (i % 2), 32), dtype=np.float32) for i in range(8)]
    alone = [runtime.upscale_tiles(tile) for tile in tiles]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(runtime.upscale_tiles, tiles))
    for one, other in zip(alone, together, strict=True):
        assert np.abs(one - other).max() <= 1e-6


def test_the_second_start_finds_the_compiled_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(tmp_path))
    first = runtimes.open_runtime(SMALL).upscale_tiles(TILE)
    (kept,) = [path.stat().st_ino for path in tmp_path.iterdir()]
    second = runtimes.open_runtime(SMALL).upscale_tiles(TILE)
    assert [path.stat().st_ino for path in tmp_path.iterdir()] == [kept]
    assert np.array_equal(first, second)


@pytest.mark.parametrize("damage", ["cut", "emptied", "one bit"])
def test_a_damaged_cache_is_made_again_and_said_once(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(tmp_path))
    first = runtimes.open_runtime(SMALL).upscale_tiles(TILE)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    middle = len(whole) // 2
    damaged = {
        "cut": whole[:middle],
        "emptied": b"",
        "one bit": whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :],
    }
    path.write_bytes(damaged[damage])
    runtime = runtimes.open_runtime(SMALL)
    with pytest.warns(UserWarning, match="was damaged: the compiled graph is made again"):
        again = runtime.upscale_tiles(TILE)
    assert np.array_equal(again, first)
    assert np.array_equal(runtimes.open_runtime(SMALL).upscale_tiles(TILE), first)


def test_two_processes_may_fill_the_cache_at_once(tmp_path: Path) -> None:
    program = (
        "import numpy as np\n"
        "from rgtsr import runtimes, variants, weights\n"
        "runtime = runtimes.open_runtime(weights.random(variants.find('tiny')))\n"
        "print(runtime.upscale_tiles(np.full((1, 3, 32, 32), 0.5, np.float32)).sum())\n"
    )
    environment = os.environ | {"RGTSR_CACHE_DIR": str(tmp_path)}
    both = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
        )
        for _ in range(2)
    ]
    outcomes = [process.communicate() for process in both]
    assert [errors for _, errors in outcomes] == [b"", b""]
    assert outcomes[0] == outcomes[1]
    assert len(list(tmp_path.iterdir())) == 1


def test_the_cache_drops_what_was_not_used_for_longest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "LIMIT_BYTES", 3000)
    for age, key in enumerate("abc"):
        cache.write(key, bytes(900))
        os.utime(tmp_path / f"{key}.graph", (age, age))
    assert cache.read("a") is not None
    cache.write("d", bytes(900))
    assert {path.stem for path in tmp_path.iterdir()} == {"a", "c", "d"}


def test_a_cache_that_cannot_be_written_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder can be made here")
    monkeypatch.setenv("RGTSR_CACHE_DIR", str(tmp_path / "file" / "cache"))
    assert runtimes.open_runtime(SMALL).upscale_tiles(TILE).shape == (1, 3, 64, 96)

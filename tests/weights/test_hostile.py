"""Weights files that mean harm: one line each, within bounds of memory and time."""

import io
import json
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import fuzz
from rgtsr import variants
from rgtsr.weights import pickles

MOST_BYTES = 256 << 20  # more than to load nothing
MOST_SECONDS = 10.0  # of the processor, imports aside; a bomb takes minutes, or all memory

PROGRAM = """
import sys, time
import numpy
from rgtsr import weights
from rgtsr.errors import WeightsError
from fuzz import peak_bytes
before, started = peak_bytes(), time.process_time()
try:
    print(weights.load(sys.argv[1]).variant)
except WeightsError as error:
    print(error)
print(peak_bytes() - before, time.process_time() - started)
"""


def pth(path: Path, pickled: bytes, storages: tuple[bytes, ...] = (), **options: Any) -> None:
    with zipfile.ZipFile(path, "w", **options) as archive:
        archive.writestr("archive/data.pkl", pickled)
        for key, content in enumerate(storages):
            archive.writestr(f"archive/data/{key}", content)


def tensor(size: tuple[int, ...], stride: tuple[int, ...], count: int) -> bytes:
    """Of storage 0, as torch writes it."""

    def integers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"

    return (
        b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\0\0\0storagectorch\nFloatStorage\n"
        b"X\x01\0\0\x000X\x03\0\0\0cpuJ" + struct.pack("<i", count) + b"tQK\0"
        + integers(size) + integers(stride) + b"\x89}tR"
    )  # fmt: skip


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def state(*items: tuple[str, bytes]) -> bytes:
    return b"\x80\x02}(" + b"".join(text(name) + value for name, value in items) + b"u."


def stride_of_zero(path: Path) -> None:
    pth(path, state(("x", tensor((10_000, 10_000), (0, 0), 1))), (bytes(4),))


def many_strides_of_zero(path: Path) -> None:
    one = tensor((1_000, 1_000), (1_000, 1), 1_000_000)
    pth(path, state(*((f"x{i}", one) for i in range(500))), (bytes(4_000_000),))


def the_same_storage_again_and_again(path: Path) -> None:
    one = tensor((1,), (1,), 2_000_000)
    pth(path, state(*((f"x{i}", one) for i in range(2_000))), (bytes(8_000_000),))


def compressed_pickle(path: Path) -> None:
    pth(path, b"\x80\x02" + b"}" * 300_000_000 + b".", compression=zipfile.ZIP_DEFLATED)


def compressed_storage(path: Path) -> None:
    count = 75_000_000
    one = state(("x", tensor((count,), (1,), count)))
    pth(path, one, (bytes(4 * count),), compression=zipfile.ZIP_DEFLATED)


def large_memo(path: Path) -> None:
    pth(path, b"\x80\x02Nr" + struct.pack("<I", 400_000_000) + b".")


def text_without_end(path: Path) -> None:
    pth(path, b"\x80\x02X" + struct.pack("<I", 1_000_000_000) + b"abc.")


def nested_key(path: Path) -> None:
    """A key whose hash takes 2^60 steps."""
    twice = b"".join(b"q\x00h\x00\x86" for _ in range(60))
    pth(path, b"\x80\x02})" + twice + b"Ns.")


def copies_of_a_list(path: Path) -> None:
    size = b"ctorch\nSize\n"
    pth(path, b"\x80\x02](" + b"K\x01" * 300_000 + b"eq\x01" + size + b"q\x020"
        + b"h\x02h\x01\x85R" * 30_000 + b".")  # fmt: skip


def deep_pickle(path: Path) -> None:
    pth(path, b"\x80\x02" + b"]" * 1_000_000 + b"a" * 999_999 + b".")


def many_entries(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", state(("x", tensor((1,), (1,), 1))))
        archive.writestr("archive/data/0", bytes(4))
    content = path.read_bytes()
    start = content.index(b"PK\x01\x02")
    entry = content[start : content.index(b"PK\x01\x02", start + 1)]
    many = entry * 1_000_000
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, len(many), start, 0)
    path.write_bytes(content[:start] + many + end)


def a_large_group(path: Path) -> None:
    conv = np.zeros((64, 3, 3, 3), np.float32)
    save_file({"layers.20000000.blocks.0.x": conv[0, 0, 0], "conv_first.weight": conv[:1]}, path)


def many_groups(path: Path) -> None:
    blocks = {f"layers.{i}.blocks.0.gamma": np.zeros(0, np.float32) for i in range(40_000)}
    shaped = {
        "conv_first.weight": (64, 3, 3, 3),
        "layers.0.blocks.0.mlp.fc1.weight": (128, 64),
        "layers.0.blocks.0.attn.attns.0.pos.pos3.2.weight": (2, 2),
    }
    own = {name: np.zeros(shape, np.float32) for name, shape in shaped.items()}
    own["layers.0.blocks.0.attn.attns.0.rpe_biases"] = np.array([[7, 15]] * 465, np.float32)
    save_file(own | blocks, path)


def a_deep_block(path: Path) -> None:
    save_file({
        "conv_first.weight": np.zeros((64, 3, 3, 3), np.float32),
        "layers.0.blocks.200000000.mlp.fc1.weight": np.zeros((128, 64), np.float32),
        "layers.0.blocks.0.mlp.fc1.weight": np.zeros((128, 64), np.float32),
        "layers.0.blocks.0.attn.attns.0.pos.pos3.2.weight": np.zeros((2, 2), np.float32),
        "layers.0.blocks.0.attn.attns.0.rpe_biases": np.array([[7, 15]] * 465, np.float32),
    }, path)  # fmt: skip


def claimed(path: Path, **changes: object) -> None:
    variant = asdict(variants.find("tiny")) | changes
    header = {"rgtsr": "1", "variant": json.dumps(variant), "card": '{"name": "x"}'}
    save_file({"conv_first.weight": np.zeros((48, 3, 3, 3), np.float32)}, path, header)


def many_blocks(path: Path) -> None:
    claimed(path, depths=[300_000])


def many_groups_of_blocks(path: Path) -> None:
    claimed(path, depths=[1 << 19] * 300_000)


def deep_header(path: Path) -> None:
    header = {"rgtsr": "1", "variant": "[" * 100_000, "card": "{}"}
    save_file({"x": np.zeros(1, np.float32)}, path, header)


def long_header(path: Path) -> None:
    entries = ",".join(
        f'"{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}' for i in range(1_000_000)
    )
    path.write_bytes(struct.pack("<Q", len(entries) + 2) + f"{{{entries}}}".encode())


ATTACKS: tuple[Callable[[Path], None], ...] = (
    stride_of_zero,
    many_strides_of_zero,
    the_same_storage_again_and_again,
    compressed_pickle,
    compressed_storage,
    large_memo,
    text_without_end,
    nested_key,
    copies_of_a_list,
    deep_pickle,
    many_entries,
    a_large_group,
    many_groups,
    a_deep_block,
    many_blocks,
    many_groups_of_blocks,
    deep_header,
    long_header,
)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_an_attack_ends_in_one_line_within_bounds(
    attack: Callable[[Path], None], tmp_path: Path
) -> None:
    path = tmp_path / "harm.pth"
    attack(path)
    if zipfile.is_zipfile(path) is False:
        path = path.rename(tmp_path / "harm.safetensors")
    command = [sys.executable, "-c", PROGRAM, path]
    places = [str(Path(fuzz.__file__).parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, places))}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    said, figures = done.stdout.splitlines()
    grown_bytes, seconds = figures.split()
    assert said.startswith(f"{path}: ")
    assert len(said) < 1000
    assert int(grown_bytes) < MOST_BYTES
    assert float(seconds) < MOST_SECONDS


def test_any_other_pickle_is_refused_or_read_as_python_reads_it() -> None:
    """All that Python's own machine makes of containers, numbers and text, ours does."""
    content = {
        "a": [1, -1, 255, 65_535, 1 << 31, -(1 << 40), 1.5, None, True, False],
        "b": {1: (), 2: (1,), 3: (1, 2), 4: (1, 2, 3), 5: (1, 2, 3, 4)},
        "ä" * 300: b"bytes" * 100,
    }
    for protocol in (2, 3, 4, 5):
        stream = io.BytesIO()
        pickle.Pickler(stream, protocol).dump(content)
        try:
            assert pickles.load(stream.getvalue()) == content
        except pickles.RefusedError as error:
            assert protocol == 2 and "_codecs.encode" in str(error)

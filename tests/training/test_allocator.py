"""Another allocator than the system's, in processes of their own."""

import subprocess
import sys
from ctypes.util import find_library

import pytest

from cli.running import environment

OPEN_AFTER_A_STEP = """
import numpy as np
import torch
from rgtsr import runtimes, variants, weights

torch.ones(64, 64, requires_grad=True).square().sum().backward()
runtime = runtimes.open_runtime(weights.random(variants.find("tiny")), name="openvino")
print(runtime.upscale_tiles(np.zeros((1, 3, 16, 16), np.float32)).shape)
"""


def test_openvino_opens_in_a_process_that_trains_with_tcmalloc() -> None:
    library = find_library("tcmalloc_minimal")
    if library is None:
        pytest.skip("tcmalloc is not installed (Debian: libtcmalloc-minimal4)")
    done = subprocess.run(
        [sys.executable, "-c", OPEN_AFTER_A_STEP],
        env=environment(LD_PRELOAD=library),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "(1, 3, 32, 32)\n"

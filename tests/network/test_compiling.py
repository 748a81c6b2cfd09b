import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cli.running import environment

COMPILED = """
import sys
from dataclasses import replace
import torch
from rgtsr import variants
from rgtsr.network import RGT
from rgtsr.network.compiling import compile_blocks

torch.set_num_threads(int(sys.argv[1]))
net = RGT(replace(variants.find("tiny"), depths=(1,)))
compile_blocks(net)
net(torch.rand(2, 3, 64, 64))
"""


def test_what_was_compiled_for_two_threads_is_not_run_by_one(tmp_path: Path) -> None:
    if shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler: g++ is not installed")
    for threads in ("2", "1"):
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", COMPILED, threads],
            env=environment(TORCHINDUCTOR_CACHE_DIR=str(tmp_path)),
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert (done.returncode, done.stderr) == (0, "")

"""Several processes, started by torchrun, that train one network: real ones, over gloo."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import load_file

from rgtsr.training.distributed import Rank, joined

STATE = "checkpoint.safetensors"


def training(processes: int, photos: Path, folder: Path, *keys: str) -> subprocess.Popen[str]:
    torchrun = ("torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m")
    command = (sys.executable, "-m", *(torchrun if processes > 1 else ()), "rgtsr", "train")
    recipe = ("small-x2", "variant=tiny", "precision=float32", f"photos={photos}", *keys)
    return subprocess.Popen(
        [*command, *recipe, "-o", str(folder)],
        env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_make_one_run(photo_folder: Path, tmp_path: Path) -> None:
    run = training(2, photo_folder, tmp_path / "run", "steps=2", "batch=4")
    out, errors = run.communicate(timeout=300)
    assert run.returncode == 0, errors
    assert out.splitlines().count(str(tmp_path / "run/weights.safetensors")) == 1, "one speaks"
    assert load_file(tmp_path / "run" / STATE)


IN_FLOAT64 = """
import sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from rgtsr.training import Callbacks, recipe, schedule
from rgtsr.training.learner import Learner
from rgtsr.training.distributed import joined
from rgtsr.training.run import open_run

photos, target = sys.argv[1:]
keys = ("variant=tiny", "batch=2", "precision=float32", "steps=3")
mine = recipe.load("small-x2", (*keys, f"photos={photos}"))
with joined() as rank:
    run = open_run(
        mine,
        Path(target),
        budget=schedule.Budget(mine.steps, None),
        device="cpu",
        rank=rank,
        callbacks=Callbacks(),
    )
    learner = Learner(run.learner.network.double(), mine, rank)
    for step in range(mine.steps):
        lr, hr = run.batch(step)
        learner.train_step(lr.double(), hr.double(), rate=1e-3)
    if rank.is_main:
        save_file({n: p.detach().contiguous() for n, p in learner.parameters.items()}, target)
"""


def test_two_processes_learn_what_one_learns_with_the_whole_batch(
    photo_folder: Path, tmp_path: Path
) -> None:
    """In float64: Adam makes a step of full size of whatever float32 rounds near zero."""
    one, two = tmp_path / "one", tmp_path / "two"
    for target, processes in ((one, 1), (two, 2)):
        for run in together(processes, IN_FLOAT64, str(photo_folder), str(target)):
            run.communicate(timeout=300)
            assert run.returncode == 0
    first, second = load_file(one), load_file(two)
    assert first.keys() == second.keys()
    assert max(float((first[name] - second[name]).abs().max()) for name in first) <= 1e-11


def test_a_batch_that_cannot_be_shared_is_refused(photo_folder: Path, tmp_path: Path) -> None:
    run = training(2, photo_folder, tmp_path, "steps=1", "batch=3")
    _, errors = run.communicate(timeout=120)
    assert run.returncode != 0
    assert "batch=3 cannot be shared evenly by 2 processes" in errors


def test_when_one_process_is_killed_the_rest_end_with_a_state_that_goes_on(
    photo_folder: Path, tmp_path: Path
) -> None:
    keys = ("steps=100000", "batch=2", "checkpoint_minutes=0.01")
    run = training(2, photo_folder, tmp_path, *keys)
    deadline = time.monotonic() + 120
    while not (tmp_path / STATE).exists():
        assert time.monotonic() < deadline and run.poll() is None
        time.sleep(0.1)
    ranks = workers(run.pid)
    assert len(ranks) == 2
    os.kill(ranks[1], signal.SIGKILL)
    _, errors = run.communicate(timeout=120)
    assert run.returncode != 0, errors
    assert not [pid for pid in ranks if Path(f"/proc/{pid}/cmdline").exists()]
    resume = ("--resume", str(tmp_path / STATE), "--max-minutes", "0.001")
    again = subprocess.run(
        [sys.executable, "-m", "rgtsr", "train", *resume],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert again.returncode == 0, again.stderr
    assert "resumed" in again.stdout


def workers(pid: int) -> list[int]:
    """The processes that torchrun started, by rank."""
    found: dict[int, int] = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        variables = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        ranks = [int(v.removeprefix(b"RANK=")) for v in variables if v.startswith(b"RANK=")]
        found |= dict.fromkeys(ranks, int(child))
    return [found[rank] for rank in sorted(found)]


LEAVE = """
import os
from pathlib import Path
import torch
from rgtsr.training.distributed import joined

with joined() as rank:
    parameter = torch.nn.Parameter(torch.ones(3))
    parameter.sum().backward()
    rank.average([parameter.grad])
    torch.optim.AdamW([parameter]).step()
print([task.joinpath("comm").read_text().strip() for task in Path("/proc/self/task").iterdir()])
"""


def test_a_process_that_has_left_the_others_has_none_of_their_threads() -> None:
    for run in together(2, LEAVE):
        out, _ = run.communicate(timeout=120)
        assert run.returncode == 0
        assert "python" in out and "gloo" not in out


def together(processes: int, program: str, *arguments: str) -> list[subprocess.Popen[str]]:
    """The program in so many processes of one group, as torchrun would start them; or alone."""
    group = {"LOCAL_RANK": "0", "WORLD_SIZE": str(processes), "TORCHELASTIC_RUN_ID": "none"}
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    joined_up = group | place if processes > 1 else {}
    return [
        subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            env=os.environ | joined_up | {"RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(processes)
    ]


def free_port() -> int:
    with socket.socket() as tried:
        tried.bind(("127.0.0.1", 0))
        return int(tried.getsockname()[1])


def test_alone_there_is_nothing_to_agree_on() -> None:
    with joined() as rank:
        assert rank == Rank()
    tensor = torch.ones(3)
    rank.average([tensor])
    assert tensor.tolist() == [1, 1, 1]
    assert rank.agree(2.5, False) == (2.5, False)

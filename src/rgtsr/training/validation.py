"""The hold-out during a run, scored through the product: Upscaler and evaluation."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rgtsr.errors import TrainingError
from rgtsr.evaluation import benchmarks, score
from rgtsr.evaluation.benchmarks import Benchmark
from rgtsr.evaluation.metrics import Picture8
from rgtsr.pictures.pairs import Files
from rgtsr.training import folders, pack
from rgtsr.training.pack import PackedBenchmark
from rgtsr.upscaler import Settings, Upscaler
from rgtsr.weights import Weights

SAMPLES = 3  # pictures to look at as a run goes on


@dataclass(frozen=True)
class Holdout:
    """Photos that no step ever sees; they decide every choice."""

    benchmark: Benchmark
    device: str

    @classmethod
    def load(cls, folder: Path, scale: int, device: str) -> "Holdout":
        """The pictures below ``folder``, with their LR where a benchmark's layout has it.

        Raises:
            TrainingError, EvaluationError: when there are none.
        """
        if folder.suffix == pack.SUFFIX:
            return cls(PackedBenchmark(folder.stem, scale, "packed", (), pack.read(folder)), device)
        if not folder.is_dir():
            raise TrainingError(f"{folder}: there is no such hold-out folder.")
        if (folder / "HR").is_dir():
            return cls(benchmarks.find(folder, scale), device)
        files = tuple(map(Files, folders.paths([folder])))
        return cls(Benchmark(folder.name, scale, "made", files), device)

    @property
    def count(self) -> int:
        """How many pictures it has."""
        if isinstance(self.benchmark, PackedBenchmark):
            return len(self.benchmark.pack.photos)
        return len(self.benchmark.files)

    def judge(
        self, weights: Weights, on_progress: Callable[[int, int], None] = lambda _done, _total: None
    ) -> tuple[float, tuple[Picture8, ...]]:
        """Mean PSNR-Y in dB, untiled; and the first pictures as these weights enlarge them.

        ``on_progress`` is told of pictures (done, in all), first of none done.
        """
        device = "cpu" if self.device == "cpu" else "gpu"
        upscaler = Upscaler(
            weights,
            runtime="torch",
            device=device,
            precision="float32",
            settings=Settings(whole=True),
        )
        enlarge = score.enlarging(upscaler)
        samples: list[Picture8] = []
        done = itertools.count(1)
        on_progress(0, self.count)

        def enlarge_and_keep(lr_HWC: Picture8) -> Picture8:
            enlarged = enlarge(lr_HWC)
            if len(samples) < SAMPLES:
                samples.append(enlarged)
            on_progress(next(done), self.count)
            return enlarged

        psnr_y = score.score(self.benchmark, enlarge_and_keep, model="").psnr_y
        return psnr_y, tuple(samples)

"""The hold-out during a run, scored through the product: Upscaler and evaluation."""

from dataclasses import dataclass
from pathlib import Path

from rgtsr.errors import TrainingError
from rgtsr.evaluation import score
from rgtsr.evaluation.benchmarks import Benchmark
from rgtsr.training import photos
from rgtsr.upscaler import Settings, Upscaler
from rgtsr.weights import Weights


@dataclass(frozen=True)
class Holdout:
    """Photos that no step ever sees; they decide every choice."""

    benchmark: Benchmark
    device: str

    @classmethod
    def load(cls, folder: Path, scale: int, device: str) -> "Holdout":
        """The pictures below ``folder``. Raises TrainingError when there are none."""
        if not folder.is_dir():
            raise TrainingError(f"{folder}: there is no such hold-out folder.")
        files = tuple((path, None) for path in photos.paths([folder]))
        return cls(Benchmark(folder.name, scale, "made", files), device)

    def psnr_y(self, weights: Weights) -> float:
        """Mean PSNR-Y in dB, untiled."""
        device = "cpu" if self.device == "cpu" else "gpu"
        upscaler = Upscaler(weights, "torch", device, "float32", Settings(whole=True))
        return score.score(self.benchmark, score.enlarging(upscaler), model="").psnr_y

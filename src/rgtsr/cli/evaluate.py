"""``rgtsr eval``: scores of models, or of anyone's pictures, on benchmark folders."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from rgtsr import atomic
from rgtsr.cli import options
from rgtsr.cli.network import opened
from rgtsr.cli.terminal import Steps, steps
from rgtsr.errors import EvaluationError, UsageError

if TYPE_CHECKING:
    from rgtsr.evaluation.benchmarks import Benchmark
    from rgtsr.evaluation.score import Enlarge, Picture8, Protocol, SetScore
    from rgtsr.upscaler import Upscaler

DEFAULT_SCALE = 2
BICUBIC = "bicubic"
BASELINE = "baseline"

Data = Annotated[
    list[Path],
    typer.Option(
        "--data",
        metavar="DIR...",
        help="Benchmarks: HR and LR_bicubic/X2 in a folder, or just pictures.",
    ),
]
More = Annotated[list[Path] | None, typer.Argument(metavar="DIR", hidden=True)]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "-m",
        "--model",
        metavar="NAME|FILE",
        help="As for `rgtsr upscale`, or `bicubic`; may be repeated.",
    ),
]
Results = Annotated[
    list[Path] | None,
    typer.Option("--results", metavar="DIR", help="Score the pictures in DIR, made by anyone."),
]
Rules = Annotated[
    Literal["paper", "baseline", "seed"],
    typer.Option("--protocol", help="The literature's, or the starting point's (once: seed)."),
]
Csv = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write the scores there.")]
Json = Annotated[
    Path | None, typer.Option("--json", metavar="FILE", help="Write scores and protocol there.")
]
Tile = Annotated[
    int | None,
    typer.Option(
        "--tile", metavar="PX", min=1, help="Cut into tiles; scores of record are untiled."
    ),
]


@dataclass(frozen=True)
class Contestant:
    """Whose pictures are scored: a function's that enlarges, or those that lie in a folder.

    ``redone``: of each picture of the set that is being scored, tiles that were redone in float32.
    """

    label: str
    scale: int
    enlarge: "Enlarge | None" = None
    folder: Path | None = None
    redone: list[int] = field(default_factory=list[int])

    @property
    def is_network(self) -> bool:
        return self.folder is None and self.label != BICUBIC


def evaluate(
    more: More = None,
    *,
    data: Data,
    model: Models = None,
    scale: options.WholeScale = None,
    results: Results = None,
    protocol: Rules = "paper",
    csv: Csv = None,
    json: Json = None,
    tile: Tile = None,
    overlap: options.Overlap = None,
    ensemble: options.Ensemble = False,
    precision: options.Precision = "float32",
    runtime: options.RuntimeName = "auto",
    device: options.Device = "auto",
) -> int:
    """Score models on benchmarks: PSNR-Y and SSIM-Y, per picture and in the mean."""
    from rich.console import Console

    from rgtsr.evaluation import report

    if overlap is not None and tile is None:
        raise UsageError("--overlap is that of tiles: give --tile as well.")
    protocol = BASELINE if protocol == "seed" else protocol
    if protocol == BASELINE and results:
        raise UsageError("--protocol baseline makes its own LR: it cannot score --results.")
    for path in (csv, json):
        _check_name(path)
    models = list(model or ([] if results else [""]))
    if protocol == BASELINE and BICUBIC not in models:
        models.append(BICUBIC)
    opening = partial(
        opened,
        scale=scale,
        tile_px=tile,
        overlap_px=overlap,
        whole=tile is None,
        ensemble=ensemble,
        precision=precision,
        runtime=runtime,
        device=device,
    )
    upscalers = {name: opening(name or None) for name in models if name != BICUBIC}
    overlaps = {each.settings.overlap_px for each in upscalers.values()}
    cut = "untiled" if tile is None else f"{tile} px, overlapping by {max(overlaps, default=0)} px"
    entered = contestants(models, upscalers, results or [], scale)
    rules, sets = score_all(entered, [*data, *(more or [])], protocol, _tiles(entered, cut))
    console = Console(width=None if os.isatty(1) else 120)
    console.print(report.table(sets))
    print(f"protocol: {_in_words(rules)}")
    for remark in report.remarks(sets):
        print(remark)
    if csv is not None:
        _save(csv, report.as_csv(sets))
    if json is not None:
        _save(json, report.as_json(rules, sets))
    return 0


def _check_name(path: Path | None) -> None:
    """Raises UsageError and EvaluationError for a file that scores cannot be written to."""
    from rgtsr.pictures.formats import SUFFIXES

    if path is None:
        return
    if path.suffix.lower() in SUFFIXES:
        raise UsageError(f"{path} is the name of a picture: end it in .csv or .json.")
    if not path.parent.is_dir():
        raise EvaluationError(f"{path}: the folder {path.parent} does not exist.")


def contestants(
    models: Sequence[str],
    upscalers: "dict[str, Upscaler]",
    folders: Sequence[Path],
    scale: int | None,
) -> list[Contestant]:
    """Everyone who takes part; bicubic and folders take the models' scale if none is given."""
    from rgtsr.evaluation import score

    own = next((each.scale for each in upscalers.values()), DEFAULT_SCALE)
    common = own if scale is None else scale
    entered: list[Contestant] = []
    for name in models:
        if name == BICUBIC:
            entered.append(Contestant(name, common, score.enlarging_bicubic(common)))
        else:
            upscaler = upscalers[name]
            label = name or upscaler.weights.card.name
            redone: list[int] = []
            enlarge = score.enlarging(upscaler, redone.append)
            entered.append(Contestant(label, upscaler.scale, enlarge, redone=redone))
    return entered + [Contestant(path.name, common, folder=path) for path in folders]


def score_all(
    entered: Sequence[Contestant], data: Sequence[Path], protocol: str, tiles: str
) -> "tuple[Protocol, list[SetScore]]":
    """Each contestant on each benchmark, and the rules by which it was done."""
    from rgtsr.evaluation import benchmarks, score

    rounds = [(benchmarks.find(folder, each.scale), each) for folder in data for each in entered]
    if protocol == BASELINE:
        rules = score.baseline_protocol(tiles=tiles)
    else:
        sources = sorted({benchmark.lr_source for benchmark, _ in rounds})
        rules = score.paper_protocol(tiles=tiles, lr_source=" and ".join(sources))
    with steps(len(rounds)) as say:
        return rules, [_score(benchmark, each, protocol, say) for benchmark, each in rounds]


def _score(benchmark: "Benchmark", who: Contestant, protocol: str, say: Steps) -> "SetScore":
    from rgtsr.evaluation import score

    on_progress = say.start(f"{benchmark.name} x{benchmark.scale}, {who.label}")
    if who.folder is not None:
        result = score.score_results(benchmark, who.folder, model=who.label)
    else:
        enlarge, done = who.enlarge, 0
        assert enlarge is not None

        def counted(lr_HWC: "Picture8") -> "Picture8":
            nonlocal done
            enlarged_HWC = enlarge(lr_HWC)
            done += 1
            on_progress(done, max(done, len(benchmark.files)))
            return enlarged_HWC

        scorer = score.score_by_baseline_protocol if protocol == BASELINE else score.score
        who.redone.clear()
        result = scorer(benchmark, counted, model=who.label)
        result = replace(result, redone_tiles=sum(who.redone))
    say.finish()
    return result


def _tiles(entered: Sequence[Contestant], tiling: str) -> str:
    """How each kind of contestant was cut."""
    kinds = [tiling] if any(each.is_network for each in entered) else []
    if any(each.folder is not None for each in entered):
        kinds.append("unknown of finished pictures")
    return "; ".join(kinds) or "untiled"


def _in_words(rules: "Protocol") -> str:
    return "; ".join(f"{key}: {value}" for key, value in vars(rules).items())


def _save(path: Path, text: str) -> None:
    try:
        with atomic.replacing(path) as draft:
            draft.write_text(text, encoding="utf-8")
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be written ({error.strerror}).") from error
    print(path)

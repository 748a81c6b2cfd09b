"""``rgtsr data``: photos for training, looked through, packed, made worse."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rgtsr.cli import extras, options
from rgtsr.cli.terminal import complain
from rgtsr.errors import TrainingError, UsageError

if TYPE_CHECKING:
    from rgtsr.pictures.pairs import Files

DEFAULT_SCALE = 2
LEAST_LR_PX = 64  # of a recipe's patches
MOST_SEED = 2**63 - 1  # torch's

app = typer.Typer(
    help="Look through photos before they are trained on, pack them, make their LR.",
    rich_markup_mode=None,
    no_args_is_help=True,
)

Folders = Annotated[list[Path], typer.Argument(metavar="DIR", help="Folders of photos.")]
Given = Annotated[
    list[Path] | None,
    typer.Option("--lr", metavar="DIR", help="The folder of LR of each DIR, if LR is given."),
]
Template = Annotated[
    str | None,
    typer.Option("--filename-tmpl", help="An LR's name after its photo's. Default: {}x2, {}x3 ..."),
]


@app.command()
def check(
    folders: Folders,
    *,
    lr: Given = None,
    filename_tmpl: Template = None,
    scale: options.WholeScale = None,
    crop: Annotated[
        int | None,
        typer.Option(
            "--crop",
            metavar="PX",
            min=1,
            help="Photos with a shorter side are too small. Default: 64 times the scale.",
        ),
    ] = None,
    json: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write what was found here too.")
    ] = None,
) -> int:
    """List photos that would spoil a run; the exit status is 1 if there are any.

    Unreadable, too small, twice there, blurred, with the blocks of JPEG, enlarged before; with --lr
    also LR that is missing, of another size, or does not lie on its photo.
    """
    from rgtsr.training import checking
    from rgtsr.training import folders as photo_folders

    if json is not None and json.suffix != ".json":
        raise UsageError(f"{json}: its name must end in .json.")
    if json is not None and not json.parent.is_dir():
        raise TrainingError(f"{json}: the folder {json.parent} does not exist: make it first.")
    factor, template = _or_default(scale), filename_tmpl or photo_folders.TEMPLATE
    photos, lacking = photo_folders.paired(folders, lr or (), template=template, scale=factor)
    crop_px = LEAST_LR_PX * factor if crop is None else crop
    found: list[checking.Finding] = []
    for finding in checking.findings(photos, lacking, factor, crop_px):
        print(f"{finding.path}: {finding.kind}: {finding.measure}", flush=True)
        found.append(finding)
    if json is not None:
        checking.write(found, json)
    print(f"{len(photos)} photos, {len(found)} fault{'s' * (len(found) != 1)}")
    return 1 if found else 0


@app.command()
def pack(
    paths: Annotated[
        list[Path], typer.Argument(metavar="DIR... OUT", help="Folders, and a .safetensors file.")
    ],
    *,
    lr: Given = None,
    filename_tmpl: Template = None,
    scale: options.WholeScale = None,
) -> int:
    """Put photos into one file: photos=OUT trains without libvips, and starts at once.

    With --scale, LR of that scale is kept as well.
    """
    from rgtsr.training import pack as packs

    *folders, target = paths
    if not folders:
        raise UsageError("give folders and a file: rgtsr data pack DIR... OUT.safetensors")
    if lr and scale is None:
        raise UsageError("--lr needs --scale: which one do these pictures have?")
    photos = _photos(folders, lr, filename_tmpl, scale)
    count = packs.write(target, photos, scale=scale, on_skip=complain)
    print(f"{target}: {count} photos, {target.stat().st_size / 1e6:.1f} MB")
    return 0


@app.command()
def degrade(
    folders: Annotated[
        list[Path], typer.Argument(metavar="DIR... OUT", help="Folders of photos, and a new one.")
    ],
    *,
    preset: Annotated[
        str, typer.Option("--preset", help="bicubic, clean, photo, night or web: docs/training.md.")
    ] = "photo",
    scale: options.WholeScale = None,
    seed: Annotated[int, typer.Option(min=0, max=MOST_SEED, help="Of all that is random.")] = 0,
) -> int:
    """Make a benchmark whose LR has blur, noise and compression: for eval and holdout=."""
    with extras.training():
        from rgtsr.training import degraded

    factor, (*sources, target) = _or_default(scale), folders
    if not sources:
        raise UsageError("give folders of photos and a new one: rgtsr data degrade DIR... OUT")
    count = degraded.benchmark(_photos(sources, None, None, None), target, preset, factor, seed)
    print(f"{target}: {count} photos at x{factor}, preset {preset}")
    return 0


def _photos(
    folders: list[Path], lr: list[Path] | None, template: str | None, scale: int | None
) -> "list[Files]":
    from rgtsr.training import folders as photo_folders

    template, factor = template or photo_folders.TEMPLATE, _or_default(scale)
    return photo_folders.photos(folders, lr or (), template=template, scale=factor)


def _or_default(scale: int | None) -> int:
    return DEFAULT_SCALE if scale is None else scale

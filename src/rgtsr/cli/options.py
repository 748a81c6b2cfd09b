"""What can be said on the command line, apart from what is done with it. Nothing heavy."""

from pathlib import Path
from typing import Annotated, Literal

import typer

SIZE, NETWORK, FILES, FILMS = "Size", "Network", "Files", "Films"

Inputs = Annotated[
    list[Path],
    typer.Argument(
        metavar="INPUT",
        help="Pictures, films, or folders of them; - is stdin.",
        readable=False,  # what is not is reported and passed over
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="OUT",
        help="A folder (it is made), or a file for one input file. Without it photo.jpg becomes"
        " photo_x2.jpg, and the folder holiday holiday_x2, beside it. - is stdout.",
    ),
]

Scale = Annotated[
    str | None,
    typer.Option(
        "-s",
        "--scale",
        metavar="FACTOR",
        rich_help_panel=SIZE,
        help="How many times longer each side gets: 2, 3, 4, or any number such as 2.5."
        " Default: the model's own.",
    ),
]
WholeScale = Annotated[
    int | None,
    typer.Option(
        "-s",
        "--scale",
        metavar="2|3|4",
        min=2,
        max=4,
        help="Which scale. Default: the model's own, or 2.",
    ),
]
Width = Annotated[
    int | None,
    typer.Option("--width", metavar="PX", rich_help_panel=SIZE, help="Exactly this wide."),
]
Height = Annotated[
    int | None,
    typer.Option(
        "--height",
        metavar="PX",
        rich_help_panel=SIZE,
        help="Exactly this high. With --width the picture covers both and is cropped evenly.",
    ),
]
LongSide = Annotated[
    int | None,
    typer.Option(
        "--long-side", metavar="PX", rich_help_panel=SIZE, help="The longer side exactly this long."
    ),
]

Model = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="NAME|FILE",
        rich_help_panel=NETWORK,
        help="A name that `rgtsr models` lists, or a .safetensors or .pth file."
        " Default: auto, the first of `rgtsr models`, restored as each picture asks for.",
    ),
]
Restore = Annotated[
    str | None,
    typer.Option(
        "--restore",
        metavar="0..1|auto",
        rich_help_panel=NETWORK,
        help="How far noise and JPEG's traces are removed. Default: auto, as each picture asks for;"
        " 0 with a model of your choice.",
    ),
]
Tile = Annotated[
    int | None,
    typer.Option(
        "--tile",
        metavar="PX",
        min=1,
        rich_help_panel=NETWORK,
        help="Side of the tiles; less needs less memory. Default: 192, or what fits.",
    ),
]
Overlap = Annotated[
    int | None,
    typer.Option(
        "--overlap",
        metavar="PX",
        rich_help_panel=NETWORK,
        help="How far tiles reach into each other. Default: 16.",
    ),
]
Whole = Annotated[
    bool,
    typer.Option(
        "--whole",
        rich_help_panel=NETWORK,
        help="Never cut into tiles: slower, and memory grows with the picture.",
    ),
]
MaxMemory = Annotated[
    str | None,
    typer.Option(
        "--max-memory",
        metavar="SIZE",
        rich_help_panel=NETWORK,
        help="Such as 2GiB: tiles are chosen to fit; with --whole the picture runs in bands."
        " Default: what is free.",
    ),
]
Ensemble = Annotated[
    bool,
    typer.Option(
        "--ensemble",
        rich_help_panel=NETWORK,
        help="Average over 8 flips and turns: a little better, 8 times slower.",
    ),
]
Precision = Annotated[
    Literal["auto", "float32", "bf16", "float16"],
    typer.Option(
        "--precision",
        rich_help_panel=NETWORK,
        help="bf16 is faster where the hardware has it; float16 is for GPUs.",
    ),
]
RuntimeName = Annotated[
    Literal["auto", "openvino", "onnxruntime", "torch"],
    typer.Option("--runtime", rich_help_panel=NETWORK, help="What runs the network."),
]
Device = Annotated[
    Literal["auto", "cpu", "gpu"],
    typer.Option("--device", rich_help_panel=NETWORK, help="Where the network runs."),
]

Strip = Annotated[
    bool,
    typer.Option("--strip", rich_help_panel=FILES, help="Keep no metadata but the colour profile."),
]
Quality = Annotated[
    int | None,
    typer.Option(
        "--quality",
        metavar="1..100",
        rich_help_panel=FILES,
        help="Of JPEG and WebP (default 95) and AVIF (85).",
    ),
]
Format = Annotated[
    Literal["png", "jpg", "webp", "tif", "avif"] | None,
    typer.Option("--format", rich_help_panel=FILES, help="What to write. Default: as the input."),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        metavar="N",
        rich_help_panel=FILES,
        help="Refuse pictures with more pixels. Default: 400 million.",
    ),
]
Page = Annotated[
    int | None,
    typer.Option(
        "--page",
        metavar="N",
        rich_help_panel=FILES,
        help="Which frame of an animation, or page of many; not of APNG or MPO. Default: all of an"
        " animation, else the first.",
    ),
]
Salvage = Annotated[
    bool,
    typer.Option(
        "--salvage",
        rich_help_panel=FILES,
        help="Take what is there of damaged files, and say how much that is; they fail otherwise.",
    ),
]
Pyramid = Annotated[
    bool,
    typer.Option(
        "--pyramid",
        rich_help_panel=FILES,
        help="TIFF in tiles, with smaller copies of the picture behind it, as viewers like it.",
    ),
]
Codec = Annotated[
    Literal["libx264", "libx265", "libsvtav1", "libvpx-vp9", "ffv1"] | None,
    typer.Option(
        "--codec",
        rich_help_panel=FILMS,
        help="What a film is written with. Default: libx264, or libx265 from 10 bit on; in WebM"
        " libvpx-vp9; ffv1 for what has lost nothing.",
    ),
]
Crf = Annotated[
    int | None,
    typer.Option(
        "--crf",
        metavar="N",
        rich_help_panel=FILMS,
        help="Quality of a film, less is better. Default: 16 for libx264, 18 for libx265.",
    ),
]
Preset = Annotated[
    str | None,
    typer.Option(
        "--preset",
        metavar="NAME",
        rich_help_panel=FILMS,
        help="How long the encoder takes for a smaller film, such as slow. Default: medium.",
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        rich_help_panel=FILES,
        help="Make again what is there already; it is skipped otherwise.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        rich_help_panel=FILES,
        help="Make nothing: list what would be made, with sizes, room on the disk, and seconds"
        " where the network has run here, or `rgtsr bench` measured them.",
    ),
]
Quiet = Annotated[
    bool, typer.Option("-q", "--quiet", rich_help_panel=FILES, help="Say nothing but errors.")
]
Verbose = Annotated[
    bool,
    typer.Option(
        "-v", "--verbose", rich_help_panel=FILES, help="Say what runs the network, and how."
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers",
        metavar="N",
        min=1,
        rich_help_panel=NETWORK,
        help="Processes that share the cores; each holds a network. Several are faster for many"
        " small pictures, and on many cores.",
    ),
]
ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE.json",
        rich_help_panel=FILES,
        help="Write what became of every file.",
    ),
]

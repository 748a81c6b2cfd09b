"""Which codec a film is written with, and how; what a file of a kind can hold. Plain data."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rgtsr.errors import PictureError, UsageError
from rgtsr.film.hdr import Light

PIXEL_BYTES = 0.1  # of an enlarged film, 8 bit, as most codecs write it
SUBSAMPLINGS = ("420", "422", "444")
SHARED = {"420": (2, 2), "422": (1, 2), "444": (1, 1)}


@dataclass(frozen=True)
class Codec:
    """One that films are written with.

    ``depths``: bits a sample; ``chroma``: subsamplings, the usual first; ``rgb``: the encoder that
    takes it as it is, if any. ``crf``: the usual quality, less is better; None without loss.
    ``crf_most``: the least that there is. ``presets``: from slow to fast; ``preset``: the usual.
    ``least_px``: the shortest side; ``pixel_bytes``: what a pixel of an enlarged film takes, 8 bit.
    """

    name: str
    depths: tuple[int, ...]
    chroma: tuple[str, ...] = SUBSAMPLINGS
    rgb: str | None = None
    has_grey: bool = False
    crf: int | None = None
    crf_most: int = 51
    presets: tuple[str, ...] = ()
    preset: str | None = None
    preset_option: str = "preset"
    least_px: int = 16
    pixel_bytes: float = PIXEL_BYTES


# fmt: off
X26X = (
    "placebo", "veryslow", "slower", "slow", "medium", "fast", "faster", "veryfast", "superfast",
    "ultrafast",
)
# fmt: on
X264 = Codec(
    "libx264",
    (8, 10),
    rgb="libx264rgb",
    has_grey=True,
    crf=16,
    presets=X26X,
    preset="medium",
)
X265 = Codec(
    "libx265",
    (8, 10, 12),
    least_px=64,  # below, it writes where it must not (4.1)
    rgb="libx265",
    has_grey=True,
    crf=18,
    presets=X26X,
    preset="medium",
)
AV1 = Codec(
    "libsvtav1",
    (8, 10),
    chroma=("420",),
    least_px=64,
    crf=24,
    crf_most=63,
    presets=tuple(map(str, range(14))),
    preset="6",
)
VP9 = Codec(
    "libvpx-vp9",
    (8,),
    rgb="libvpx-vp9",
    crf=20,
    crf_most=63,
    presets=tuple(map(str, range(9))),
    preset="2",
    preset_option="cpu-used",
)
FFV1 = Codec("ffv1", (8, 9, 10, 12, 16), rgb="ffv1", has_grey=True, pixel_bytes=1.5)


@dataclass(frozen=True)
class Kind:
    """A kind of film file. ``codecs``: those that it holds, the usual one of each depth first."""

    name: str
    suffixes: tuple[str, ...]
    muxer: str
    codecs: tuple[Codec, ...]


MP4 = Kind("MP4", (".mp4", ".m4v"), "mp4", (X264, X265, AV1, VP9))
MOV = Kind("QuickTime", (".mov",), "mov", (X264, X265, AV1))
MKV = Kind("Matroska", (".mkv",), "matroska", (X264, X265, FFV1, AV1, VP9))
WEBM = Kind("WebM", (".webm",), "webm", (VP9, AV1))
AVIF = Kind("AVIF", (".avif",), "avif", (AV1,))
KINDS = (MP4, MOV, MKV, WEBM, AVIF)
WRITABLE = tuple(suffix for kind in KINDS for suffix in kind.suffixes)
FALLBACK = ".mkv"  # for films whose own kind is not written here: it holds most
LOSSLESS = ("ffv1", "huffyuv", "ffvhuff", "utvideo", "rawvideo", "v210", "magicyuv", "png", "qtrle")


@dataclass(frozen=True)
class Asked:
    """What was asked of the encoder; None stands for what is usual."""

    codec: str | None = None
    crf: int | None = None
    preset: str | None = None


USUAL = Asked()


@dataclass(frozen=True)
class Spec:
    """How a film is encoded.

    ``encoder`` and ``layout`` by PyAV's names; ``options`` are the encoder's; ``shared``: how many
    rows and columns share a chroma sample.
    """

    codec: Codec
    encoder: str
    layout: str
    bits: int
    shared: tuple[int, int]
    options: tuple[tuple[str, str], ...]
    notes: tuple[str, ...] = ()


def kind_of(target: Path) -> Kind:
    """The kind of film that a name asks for. Raises UsageError for none."""
    for kind in KINDS:
        if target.suffix.lower() in kind.suffixes:
            return kind
    names = ", ".join(WRITABLE)
    raise UsageError(
        f"{target}: a film cannot be written as {target.suffix or 'that'}: use one of {names}."
    )


def spec(target: Path, asked: Asked, *, layout: str, bits: int, codec: str, light: Light) -> Spec:
    """How a film of that ``layout``, depth and ``codec`` is to be encoded for a file.

    Raises:
        UsageError: for a codec that the file does not hold, or an option that it does not have.
        PictureError: for one that cannot hold the film's depth.
    """
    kind = kind_of(target)
    chosen = _chosen(target, kind, asked, bits, is_lossless=codec in LOSSLESS)
    depth = min((each for each in chosen.depths if each >= bits), default=None)
    if depth is None:
        able = [each.name for each in kind.codecs if max(each.depths) >= bits]
        way = f"take --codec {' or '.join(able)}" if able else "write it as .mkv with --codec ffv1"
        raise PictureError(
            f"{target}: {chosen.name} has no {bits} bit here, as the film has: {way}."
        )
    encoder, stored, shared, notes = _layout(chosen, layout)
    ending = "" if depth == 8 else f"{depth}le"
    if stored == "gbrp" and chosen is FFV1 and depth == 8:
        stored = "bgr0"
    return Spec(
        codec=chosen,
        encoder=encoder,
        layout=f"{stored}{ending}" if stored != "rgb24" else stored,
        bits=depth,
        shared=shared,
        options=tuple(_options(chosen, asked, light).items()),
        notes=notes,
    )


def _chosen(target: Path, kind: Kind, asked: Asked, bits: int, *, is_lossless: bool) -> Codec:
    if asked.codec is not None:
        for codec in kind.codecs:
            if codec.name == asked.codec:
                return codec
        names = ", ".join(codec.name for codec in kind.codecs)
        raise UsageError(f"{target}: {kind.name} does not hold {asked.codec}: take {names}.")
    if is_lossless and FFV1 in kind.codecs and asked.crf is None and asked.preset is None:
        return FFV1
    usual = kind.codecs if bits == 8 else kind.codecs[1:]
    return next((codec for codec in usual if max(codec.depths) >= bits), kind.codecs[0])


def _layout(codec: Codec, layout: str) -> tuple[str, str, tuple[int, int], tuple[str, ...]]:
    """The encoder, its planes without their depth, what shares a sample, and what is lost."""
    if layout.startswith("gbr"):
        if codec.rgb is not None:
            return codec.rgb, "rgb24" if codec.rgb == "libx264rgb" else "gbrp", (1, 1), ()
        layout = "yuv444p"
    if layout.startswith("gray"):
        if codec.has_grey:
            return codec.name, "gray", (1, 1), ()
        layout = "yuv420p"
    chroma = layout[3:6]
    if chroma in codec.chroma:
        return codec.name, f"yuv{chroma}p", SHARED[chroma], ()
    least = codec.chroma[0]
    note = f"{codec.name} keeps colours at half the height and width (4:2:0)"
    return codec.name, f"yuv{least}p", SHARED[least], (note,)


def _options(codec: Codec, asked: Asked, light: Light) -> dict[str, str]:
    """The encoder's. Raises UsageError for what it does not have."""
    options: dict[str, str] = {}
    if codec.crf is None:
        if asked.crf is not None:
            raise UsageError(f"--crf={asked.crf}: {codec.name} loses nothing: leave --crf out.")
    else:
        crf = codec.crf if asked.crf is None else asked.crf
        if not 0 <= crf <= codec.crf_most:
            raise UsageError(
                f"--crf={crf} is out of range: 0 to {codec.crf_most} for {codec.name}."
            )
        options["crf"] = str(crf)
    if asked.preset is not None and asked.preset not in codec.presets:
        there = f"take one of {', '.join(codec.presets)}" if codec.presets else "leave it out"
        raise UsageError(f"--preset={asked.preset} is none of {codec.name}'s: {there}.")
    preset = asked.preset or codec.preset
    if preset is not None:
        options[codec.preset_option] = preset
    return options | EXTRAS[codec.name](asked, light)


def _x265(asked: Asked, light: Light) -> dict[str, str]:
    lossless = "lossless=1" if asked.crf == 0 else ""
    return {"x265-params": ":".join(filter(None, ("log-level=none", lossless, light.x265)))}


def _av1(_: Asked, light: Light) -> dict[str, str]:
    return {"svtav1-params": light.svtav1} if light.svtav1 else {}


def _vp9(asked: Asked, _: Light) -> dict[str, str]:
    lossless = {"lossless": "1"} if asked.crf == 0 else {}
    return {"b": "0", "row-mt": "1"} | lossless


def _ffv1(_: Asked, _light: Light) -> dict[str, str]:
    return {"level": "3", "slicecrc": "1", "g": "1"}


def _plain(_: Asked, _light: Light) -> dict[str, str]:
    return {}


EXTRAS: dict[str, Callable[[Asked, Light], dict[str, str]]] = {
    X264.name: _plain,
    X265.name: _x265,
    AV1.name: _av1,
    VP9.name: _vp9,
    FFV1.name: _ffv1,
}

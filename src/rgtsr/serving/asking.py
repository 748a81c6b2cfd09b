"""From the options of a request to what is to become of its picture. Knows no files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import Literal, NamedTuple

from rgtsr import weights
from rgtsr.errors import UnknownWeightsError, UsageError
from rgtsr.jobs import Wish
from rgtsr.pictures import WRITABLE_SUFFIXES
from rgtsr.serving.problems import Refusal, of
from rgtsr.upscaler.restoring import SHARES
from rgtsr.variants import SCALES

AUTO = "auto"
FORMATS = ("png", "jpg", "webp", "tif", "avif")
FALLBACK = ".png"
NAMELESS = "picture"
LONGEST_NAME = 120
NAMES = ("scale", "width", "height", "long_side", "model", "restore", "format", "quality", "strip")
TRUTHS = {"true": True, "1": True, "on": True, "false": False, "0": False, "": False}


class Network(NamedTuple):
    """Which weights run, and how far they restore; ``scale``: which of a family is its first."""

    model: str | None
    scale: int | None
    restore: float | Literal["auto"]


@dataclass(frozen=True)
class Asked:
    """What somebody wants of one picture. ``suffix``: of the result, without it the picture's."""

    network: Network
    wish: Wish
    suffix: str | None = None
    name: str = NAMELESS
    marked: tuple[str | None, float | None] = field(default=(None, None))

    def result_suffix(self, source: str) -> str:
        """That of the result of a picture whose own is ``source``."""
        suffix = self.suffix or source
        return suffix if suffix in WRITABLE_SUFFIXES else FALLBACK

    def result_name(self, own_scale: int, suffix: str) -> str:
        """What the result is called where it is kept."""
        model, restore = self.marked
        mark = self.wish.mark(own_scale, model=model, restore=restore)
        return f"{PurePosixPath(self.name).stem}{mark}{suffix}"


def first_network(model: str | None) -> Network:
    """What pictures get for which nothing else was asked."""
    return _network(None, model, None, None)


def understood(
    given: Mapping[str, str], *, name: str | None, model: str | None, max_pixels: int
) -> Asked:
    """The options of a request. ``model``: what those get that name none.

    Raises:
        Refusal: ``bad-option`` or ``unknown-model``.
    """
    unknown = sorted(set(given) - {*NAMES, "name"})
    if unknown:
        raise Refusal(
            "bad-option", f"there is no option {unknown[0]!r}: there are {', '.join(NAMES)}, name."
        )
    try:
        wish = Wish(
            scale=_number(given, "scale"),
            width_px=_whole(given, "width"),
            height_px=_whole(given, "height"),
            long_side_px=_whole(given, "long_side"),
            quality=_whole(given, "quality"),
            strip=_truth(given, "strip"),
            max_pixels=max_pixels,
        )
        restore = _restore(given.get("restore"))
        named = given.get("model") or AUTO
        network = _network(None if named == AUTO else named, model, wish.scale, restore)
    except UsageError as error:
        raise of(error) from error
    form = given.get("format") or None
    if form is not None and form not in FORMATS:
        raise Refusal("bad-option", f"format={form!r} is none: one of {', '.join(FORMATS)}.")
    chosen = restore if isinstance(restore, float) else None
    return Asked(
        network,
        wish,
        suffix=form and f".{form}",
        name=plain(given.get("name") or name),
        marked=(named, chosen),
    )


def plain(name: str | None) -> str:
    """A file name without folders and without what no file system takes: only ever shown."""
    last = PureWindowsPath(PurePosixPath(name or "").name).name
    kept = "".join(letter for letter in last if letter.isprintable() and letter not in '<>:"|?*')
    stem, dot, suffix = kept.rpartition(".")
    if not stem.strip(". "):
        return NAMELESS
    return f"{stem[:LONGEST_NAME]}{dot}{suffix[:10]}"


def _network(
    named: str | None,
    usual: str | None,
    scale: float | None,
    restore: float | Literal["auto"] | None,
) -> Network:
    """Raises UsageError for names that nobody has; a service opens no file that others name."""
    whole = int(scale) if scale in SCALES else None
    if named is None and usual is None:
        first = whole if whole in weights.DEFAULTS else None
        return Network(None, first, AUTO if restore is None else restore)
    if named is not None:
        try:
            found = weights.find(named, scale=whole).name
        except UnknownWeightsError:  # at that scale: it runs again and again
            found = weights.find(named).name
        if restore and weights.photo_sibling(found) is None:
            raise UsageError(f"{found} has no weights that restore: leave restore out.")
        return Network(found, None, restore or 0.0)
    return Network(usual, None, restore or 0.0)


def _restore(text: str | None) -> float | Literal["auto"] | None:
    if not text:
        return None
    if text == AUTO:
        return AUTO
    shares = {f"{share:g}": share for share in SHARES} | {"0.0": 0.0, "1.0": 1.0, "0.50": 0.5}
    if text not in shares:
        allowed = ", ".join(f"{share:g}" for share in SHARES)
        raise UsageError(f"restore={text!r} is none: auto, {allowed}.")
    return shares[text]


def _number(given: Mapping[str, str], name: str) -> float | None:
    if not (text := given.get(name)):
        return None
    try:
        return float(text)
    except ValueError as error:
        raise UsageError(f"{name}={text!r} is no number.") from error


def _whole(given: Mapping[str, str], name: str) -> int | None:
    number = _number(given, name)
    if number is not None and not number.is_integer():
        raise UsageError(f"{name}={given[name]!r} is no whole number.")
    return None if number is None else int(number)


def _truth(given: Mapping[str, str], name: str) -> bool:
    text = given.get(name, "").lower()
    if text not in TRUTHS:
        raise UsageError(f"{name}={text!r} is neither true nor false.")
    return TRUTHS[text]

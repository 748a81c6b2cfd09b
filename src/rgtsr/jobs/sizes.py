"""How large a picture is to become. Pure arithmetic; sizes are (height, width) in pixels."""

from collections.abc import Callable

from rgtsr.errors import PictureError, UsageError

Size = tuple[int, int]
FinalSize = Callable[[Size], Size]

MAX_FACTOR = 16.0


def final_size(
    *,
    scale: float | None = None,
    width_px: int | None = None,
    height_px: int | None = None,
    long_side_px: int | None = None,
) -> FinalSize | None:
    """The rule from a picture's size to its enlarged size; None where nothing was asked for.

    Width and height together are covered and cropped; everything else keeps the shape, to within
    half a pixel.

    Raises:
        UsageError: for sizes that exclude each other or lie out of range.
    """
    asked = {"--width": width_px, "--height": height_px, "--long-side": long_side_px}
    given = [name for name, pixels in asked.items() if pixels is not None]
    if scale is not None:
        given.insert(0, "--scale")
    if len(given) > 1 and given != ["--width", "--height"]:
        raise UsageError(f"{' and '.join(given)} exclude each other: give one of them.")
    for name, pixels in asked.items():
        if pixels is not None and pixels < 1:
            raise UsageError(f"{name}={pixels} is too small: at least 1 pixel.")
    if scale is not None and not 1 <= scale <= MAX_FACTOR:
        raise UsageError(f"--scale={scale:g} is out of range: 1 to {MAX_FACTOR:g}.")
    if not given:
        return None
    return lambda size: _checked(size, _size(size, scale, width_px, height_px, long_side_px))


def _size(
    size: Size,
    scale: float | None,
    width_px: int | None,
    height_px: int | None,
    long_side_px: int | None,
) -> Size:
    height, width = size
    if width_px is not None and height_px is not None:
        return height_px, width_px
    if width_px is not None:
        return _rounded(height * width_px / width), width_px
    if height_px is not None:
        return height_px, _rounded(width * height_px / height)
    if long_side_px is not None:
        scale = long_side_px / max(size)
    assert scale is not None
    return _rounded(height * scale), _rounded(width * scale)


def _checked(before: Size, after: Size) -> Size:
    factor = max(after[0] / before[0], after[1] / before[1])
    if factor > MAX_FACTOR:
        raise PictureError(
            f"{before[1]} x {before[0]} pixels cannot become {after[1]} x {after[0]}: more than"
            f" {MAX_FACTOR:g} times is nothing but invention."
        )
    return after


def _rounded(length: float) -> int:
    return max(1, int(length + 0.5))

"""What decoded pictures carry beside their samples: how they are turned, and how bright they are.

The blocks are FFmpeg's structures as they lie in memory: rationals of two 32 bit numbers, flags.
"""

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

TURNING, MASTERING, LEVEL = "DISPLAYMATRIX", "MASTERING_DISPLAY_METADATA", "CONTENT_LIGHT_LEVEL"
DYNAMIC = {
    "DYNAMIC_HDR_PLUS": "HDR10+'s brightness of every scene",
    "DOVI_METADATA": "Dolby Vision",
    "DOVI_RPU_BUFFER": "Dolby Vision",
    "DYNAMIC_HDR_VIVID": "HDR Vivid",
}
CHROMA_STEPS, LUMINANCE_STEPS = 50_000, 10_000  # in which encoders take them


@dataclass(frozen=True)
class Light:
    """The screen on which a film was graded, and its brightest pictures, as encoders take them.

    ``screen``: x and y of red, green, blue and white, in 50,000ths; then the most and the least
    light in 10,000ths of a candela a square metre. ``most``: of a pixel, of a picture, in candela.
    """

    screen: tuple[int, ...] | None = None
    most: tuple[int, int] | None = None

    @property
    def x265(self) -> str:
        """As x265 wants it."""
        parts: list[str] = []
        if self.screen:
            red, green, blue, white = (self.screen[n : n + 2] for n in range(0, 8, 2))
            named = zip("GBR", (green, blue, red), strict=True)
            places = "".join(f"{name}({x},{y})" for name, (x, y) in named)
            most, least = self.screen[8:]
            parts.append(f"master-display={places}WP({white[0]},{white[1]})L({most},{least})")
        if self.most:
            parts.append(f"max-cll={self.most[0]},{self.most[1]}")
        return ":".join(["hdr10=1", *parts]) if parts else ""

    @property
    def svtav1(self) -> str:
        """As SVT-AV1 wants it."""
        parts: list[str] = []
        if self.screen:
            x, y = self.screen[0:8:2], self.screen[1:8:2]
            places = [
                f"{name}({a / CHROMA_STEPS:.5f},{b / CHROMA_STEPS:.5f})"
                for name, a, b in zip(("R", "G", "B", "WP"), x, y, strict=True)
            ]
            red, green, blue, white = places
            most, least = (each / LUMINANCE_STEPS for each in self.screen[8:])
            parts.append(f"mastering-display={green}{blue}{red}{white}L({most:.4f},{least:.4f})")
        if self.most:
            parts.append(f"content-light={self.most[0]},{self.most[1]}")
        return ":".join(parts)


def turning(frame: "VideoFrame") -> tuple[int, ...] | None:
    """The matrix by which players turn it; None for one that turns nothing."""
    block = _block(frame, TURNING)
    matrix = struct.unpack("<9i", block[:36]) if block else None
    return None if matrix == (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30) else matrix


def light(frame: "VideoFrame") -> Light:
    """How bright it was meant to be."""
    return Light(_screen(_block(frame, MASTERING)), _level(_block(frame, LEVEL)))


def dropped(frame: "VideoFrame") -> tuple[str, ...]:
    """A line for what no encoder here takes."""
    names = {kind.type.name for kind in _blocks(frame)}
    lost = dict.fromkeys(what for name, what in DYNAMIC.items() if name in names)
    return tuple(f"{what} was left out" for what in lost)


def _block(frame: "VideoFrame", name: str) -> bytes | None:
    return next((bytes(each) for each in _blocks(frame) if each.type.name == name), None)


def _blocks(frame: "VideoFrame") -> "list[Any]":
    blocks: Any = frame.side_data  # typed in PyAV as if it held motion vectors alone
    return list(blocks)


def _screen(block: bytes | None) -> tuple[int, ...] | None:
    if block is None or len(block) < 88:
        return None
    numbers = struct.unpack("<20i2i", block[:88])
    if not all(numbers[20:]) or not all(numbers[1:20:2]):
        return None
    ratios = [numbers[n] / numbers[n + 1] for n in range(0, 20, 2)]
    places = [round(each * CHROMA_STEPS) for each in ratios[:8]]
    least, most = (round(each * LUMINANCE_STEPS) for each in ratios[8:])
    return (*places, most, least)


def _level(block: bytes | None) -> tuple[int, int] | None:
    if block is None or len(block) < 8:
        return None
    most, mean = struct.unpack("<2I", block[:8])
    return most, mean

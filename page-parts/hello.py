"""Makes the photo of the page's first view: ``PYTHONPATH=src python page-parts/hello.py``.

A piece of demo/demo-astronaut.png (NASA, public domain), twice as large: before, stretched by
bicubic; and after, enlarged by the default weights.
"""

from pathlib import Path

import numpy as np
import pyvips

from rgtsr import Picture, Upscaler, pictures

HERE = Path(__file__).parent
DEMO = HERE.parent / "demo" / "demo-astronaut.png"
PAGE = HERE.parent / "src" / "rgtsr" / "serving" / "page"
TOP, LEFT, HEIGHT, WIDTH = 62, 76, 140, 280
QUALITY = 82


def main() -> None:
    """Write both files."""
    photo = pictures.read(DEMO).pixels_HWC
    piece = np.ascontiguousarray(photo[TOP : TOP + HEIGHT, LEFT : LEFT + WIDTH])
    with Upscaler() as upscaler:
        after = upscaler.upscale(Picture.from_array(piece)).to_array()
    before = pyvips.Image.new_from_array(piece).resize(2, kernel="cubic")
    for name, image in (("before", before), ("after", pyvips.Image.new_from_array(after))):
        image.webpsave(str(PAGE / f"hello-{name}.webp"), Q=QUALITY, effort=6)


if __name__ == "__main__":
    main()

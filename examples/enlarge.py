"""Enlarges a picture with a file that `rgtsr export` wrote: pip install onnxruntime pillow, then

python enlarge.py swift-x2.onnx photo.png large.png
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image

model, source, target = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
print(session.get_modelmeta().custom_metadata_map)

pixels_HWC = np.asarray(Image.open(source).convert("RGB"), np.float32) / 255
tiles_NCHW = np.ascontiguousarray(pixels_HWC.transpose(2, 0, 1)[None])
(enlarged_NCHW,) = session.run(["enlarged"], {"tiles": tiles_NCHW})
enlarged_HWC = np.clip(enlarged_NCHW[0].transpose(1, 2, 0), 0, 1)
Image.fromarray(np.round(255 * enlarged_HWC).astype(np.uint8)).save(target)

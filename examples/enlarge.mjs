// Enlarges a PNG with a file that `rgtsr export` wrote: npm install, then
//     node enlarge.mjs swift-x2.onnx photo.png large.png
import { readFileSync, writeFileSync } from "node:fs";
import * as ort from "onnxruntime-web";
import { PNG } from "pngjs";

const [model, source, target] = process.argv.slice(2);
const { data, width, height } = PNG.sync.read(readFileSync(source)); // RGBA, 8 bit
const planes = new Float32Array(3 * width * height); // RGB in 0..1, one channel after the other
for (let i = 0; i < planes.length; i++)
  planes[i] = data[4 * (i % (width * height)) + Math.floor(i / (width * height))] / 255;

const session = await ort.InferenceSession.create(readFileSync(model));
const tiles = new ort.Tensor("float32", planes, [1, 3, height, width]);
const { enlarged } = await session.run({ tiles });

const [, , tall, wide] = enlarged.dims;
const large = new PNG({ width: wide, height: tall });
for (let i = 0; i < 4 * tall * wide; i++) {
  const value = i % 4 < 3 ? enlarged.data[(i % 4) * tall * wide + Math.floor(i / 4)] : 1;
  large.data[i] = Math.min(255, Math.max(0, Math.round(255 * value)));
}
writeFileSync(target, PNG.sync.write(large, { colorType: 2 }));

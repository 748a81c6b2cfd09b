// Enlarges a picture inside the browser, with a file that `rgtsr export` wrote:
//     npm ci; rgtsr export -m swift-x2 -o model.onnx; python -m http.server
// and open http://localhost:8000/ (?model=other.onnx takes another file).
import * as ort from "./node_modules/onnxruntime-web/dist/ort.wasm.min.mjs";

const TILE = 128; // pixels a side; what a tile shares with its neighbour is cut in the middle
const OVERLAP = 16;
const part = (id) => document.getElementById(id);
const model = new URLSearchParams(location.search).get("model") ?? "model.onnx";
const session = ort.InferenceSession.create(model, { executionProviders: ["wasm"] });

/** Where tiles begin along a side: evenly, all of one length, the last one at the end. */
function starts(length) {
  const count = length <= TILE ? 1 : Math.ceil((length - OVERLAP) / (TILE - OVERLAP));
  return Array.from({ length: count }, (_, index) => Math.round((index * (length - TILE)) / Math.max(1, count - 1)));
}

/** RGBA bytes to RGB in 0..1, one channel after the other. */
function toTensor({ data, width, height }) {
  const planes = new Float32Array(3 * width * height);
  for (let i = 0; i < width * height; i++)
    for (let c = 0; c < 3; c++) planes[c * width * height + i] = data[4 * i + c] / 255;
  return new ort.Tensor("float32", planes, [1, 3, height, width]);
}

function toImage({ data, dims: [, , height, width] }) {
  const image = new ImageData(width, height); // its bytes are rounded and clipped as they are set
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = 255 * data[c * width * height + i];
    image.data[4 * i + 3] = 255;
  }
  return image;
}

async function enlarge(file) {
  const picture = await createImageBitmap(file);
  const { width, height } = picture;
  const source = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  source.drawImage(picture, 0, 0);
  const [wide, high] = [Math.min(TILE, width), Math.min(TILE, height)];
  const places = starts(height).flatMap((y) => starts(width).map((x) => [Math.max(0, x), Math.max(0, y)]));
  const target = part("enlarged").getContext("2d");
  for (const [index, [x, y]] of places.entries()) {
    const { enlarged } = await (await session).run({ tiles: toTensor(source.getImageData(x, y, wide, high)) });
    const scale = enlarged.dims[3] / wide;
    if (!index) Object.assign(part("enlarged"), { width: scale * width, height: scale * height });
    const [left, top] = [x, y].map((start) => (start ? (scale * OVERLAP) / 2 : 0));
    target.putImageData(toImage(enlarged), scale * x, scale * y, left, top, scale * wide - left, scale * high - top);
    part("progress").value = (index + 1) / places.length;
  }
}

part("picture").addEventListener("change", async ({ target: { files: [file] } }) => {
  const begun = performance.now();
  part("told").value = "";
  await enlarge(file);
  const blob = await new Promise((done) => part("enlarged").toBlob(done));
  Object.assign(part("save"), { href: URL.createObjectURL(blob), download: `${file.name.replace(/\.[^.]*$/, "")}_large.png`, hidden: false });
  part("told").value = `${((performance.now() - begun) / 1000).toFixed(1)} s`;
});

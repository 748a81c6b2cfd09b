/** Numbers as people read them. */

const whole = new Intl.NumberFormat("en");

/** @param {{width: number, height: number}} size */
export const pixels = ({ width, height }) => `${whole.format(width)} × ${whole.format(height)}`;

/** @param {number} bytes */
export function fileSize(bytes) {
  if (bytes < 1e3) return counted(bytes, "byte");
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** @param {number} seconds */
export function timeLeft(seconds) {
  if (seconds < 5) return "a few seconds left";
  if (seconds < 90) return `about ${5 * Math.ceil(seconds / 5)} s left`;
  return `about ${duration(seconds)} left`;
}

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${whole.format(count)} ${count === 1 ? one : many}`;

/** @param {string} format as the service names it */
export const formatName = (format) =>
  FORMATS[format.toLowerCase()] ?? format.toUpperCase();

const FORMATS = {
  jpg: "JPEG", jpe: "JPEG", jpeg: "JPEG", jfif: "JPEG", tif: "TIFF", webp: "WebP", heif: "HEIC", hif: "HEIC",
  dib: "BMP", jxl: "JPEG XL",
};

/** How far a picture was restored, and what for.
 * @param {number} share @param {string|null} wear as the service says it: "JPEG of quality 75, noise 3" */
export function restored(share, wear) {
  if (!share) return "no: left as it is";
  const quality = Number(/JPEG of quality (\d+)/.exec(wear)?.[1] ?? 100);
  const noise = Number(/noise (\d+)/.exec(wear)?.[1] ?? 0);
  const found = [
    quality < 100 && `${quality < 50 ? "strong " : quality < 80 ? "" : "slight "}JPEG traces`,
    noise > 0 && `${noise > 10 ? "strong " : noise > 3 ? "" : "slight "}noise`,
  ].filter(Boolean);
  const much = share <= 0.25 ? "a little" : share <= 0.5 ? "by half" : share < 1 ? "mostly" : "fully";
  return found.length ? `${much}, for ${found.join(" and ")}` : much;
}

/** Where a job is, in one line.
 * @param {import("./service.js").Phase} phase */
export function standing(phase) {
  if (phase.at === "waiting") return phase.note ?? "Ready";
  if (phase.at === "uploading") return phase.sent < 1 ? `Sending, ${Math.round(100 * phase.sent)} %` : "Being received";
  if (phase.at === "refused") return phase.isStarting ? "The service is starting" : "The service is busy: waiting for a place";
  if (phase.at === "lost") return "No connection: trying again";
  if (phase.at === "cancelled") return "Cancelled";
  if (phase.at === "failed") return "Could not be enlarged";
  const { job } = phase;
  if (job.state === "queued")
    return job.position ? `In the queue, ${counted(job.position, "picture")} before it` : "In the queue, next";
  if (job.state === "running") {
    const parts = [job.tiles ? `${Math.floor(100 * job.progress)} %` : "Being prepared"];
    if (job.tiles > 1) parts.push(`tile ${whole.format(job.tiles_done)} of ${whole.format(job.tiles)}`);
    if (job.seconds_left !== null && job.tiles_done) parts.push(timeLeft(job.seconds_left));
    return parts.join(" · ");
  }
  if (!job.result) return "";
  const [, count] = job.result.notes.map((note) => ONE_OF.exec(note)).find(Boolean) ?? [];
  return [pixels(job.result), duration(job.result.seconds), count && `the first of ${count} frames`].filter(Boolean).join(" · ");
}

const ONE_OF = /^of its (\d+) frames or pages /; // as the service says it

/** What weights are for, for a photographer. @param {{purpose: string, name: string}} model */
export const goodFor = ({ name, purpose }) => (name.endsWith("-photo") ? "JPEGs and noisy photos" : purpose.replace("pictures", "photos"));

/** @param {{variant: string}} model */
export const pace = ({ variant }) => PACES[variant] ?? "";
const PACES = { tiny: "fast", swift: "fast", small: "slower", light: "slow", medium: "very slow" };

/** Weights in a list to choose from, by the size of their results.
 * @param {object[]} models @param {(option: HTMLOptionElement, model: object) => void} [each] */
export function modelOptions(models, each) {
  const scales = [...new Set(models.map(({ scale }) => scale))].sort((a, b) => a - b);
  return scales.map((scale) => {
    const group = Object.assign(document.createElement("optgroup"), { label: `${scale}×` });
    for (const model of models.filter((one) => one.scale === scale)) {
      const short = goodFor(model).replace("JPEGs and noisy photos", "noisy JPEGs");
      const option = new Option([`${model.name}: ${short}`, pace(model)].filter(Boolean).join(", "), model.name);
      each?.(option, model);
      group.append(option);
    }
    return group;
  });
}

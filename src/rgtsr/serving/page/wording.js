/** Numbers as people read them. */

const whole = new Intl.NumberFormat("en");

/** @param {{width: number, height: number}} size */
export const pixels = ({ width, height }) => `${whole.format(width)} × ${whole.format(height)}`;

/** @param {number} bytes */
export function fileSize(bytes) {
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

/** @param {number} share */
export const restored = (share) =>
  ({ 0: "not at all", 0.25: "by a quarter", 0.5: "by half", 0.75: "by three quarters", 1: "fully" })[share] ??
  `by ${Math.round(100 * share)} %`;

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
    const parts = [job.tiles ? `Tile ${whole.format(job.tiles_done)} of ${whole.format(job.tiles)}` : "Being prepared"];
    if (job.seconds_left !== null && job.tiles_done) parts.push(timeLeft(job.seconds_left));
    return parts.join(" · ");
  }
  return job.result ? `${pixels(job.result)} · ${duration(job.result.seconds)}` : "";
}

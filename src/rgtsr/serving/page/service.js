/** Speaks with the service. Knows no element of the page.
 *
 * @typedef {{width: number, height: number, format: string, size_bytes: number}} Source
 * @typedef {Source & {name: string, models: string[], seconds: number, restored: number|null,
 *   wear: string|null, notes: string[], can_view: boolean}} Result
 * @typedef {{id: string, state: "queued"|"running"|"done"|"failed"|"cancelled", name: string,
 *   position: number|null, progress: number, tiles_done: number, tiles: number,
 *   seconds_left: number|null, source: Source, result: Result|null, problem: object|null}} Job
 * @typedef {{at: "waiting", note?: string} | {at: "uploading", sent: number} | {at: "refused", isStarting: boolean}
 *   | {at: "lost"} | {at: "cancelled"} | {at: "failed", problem: Problem}
 *   | {at: "service", job: Job}} Phase
 */

const AGAIN_S = 3; // where a busy service does not say when to ask again
const LONGEST_S = 60; // between two tries with a service that does not answer
const OVER = [401, 403, 404, 410]; // answers that stay what they are

/** What went wrong, in a sentence for a person. */
export class Problem extends Error {
  /** @param {{status?: number, code?: string, detail?: string, title?: string}|null} told
   * @param {number} status */
  constructor(told, status = 0) {
    super(told?.detail || told?.title || IN_SHORT[status] || IN_SHORT[0]);
    this.status = told?.status ?? status;
    this.code = told?.code ?? "";
  }
}

const IN_SHORT = {
  0: "The service does not answer. Is it still running? Nothing is lost here: try again.",
  413: "The service takes no file as large as this one.",
  502: "The service does not answer just now. Try again in a minute.",
  503: "The service is starting or stopping. Try again in a minute.",
  504: "The service took too long to answer. Try again.",
};

/** @param {string} path @returns {Promise<any>} */
export async function get(path) {
  const response = await fetch(path, { headers: { Accept: "application/json" } }).catch(() => null);
  if (response?.ok) return response.json();
  throw new Problem((await response?.json().catch(() => null)) ?? null, response?.status);
}

/** Cancel a job if it is not done, and forget it. @param {string} id */
export const forget = (id) => fetch(`v1/jobs/${id}`, { method: "DELETE", keepalive: true }).catch(() => null);

/** Upload a picture and follow it to its end; waits where the queue is full or the service starts.
 * @param {File} file @param {Record<string, string>} options
 * @param {(phase: Phase) => void} tell @param {AbortSignal} signal ends the job wherever it is
 * @returns {Promise<Job>} done */
export async function enlarge(file, options, tell, signal) {
  for (;;) {
    const { job, againS, isStarting } = await upload(file, options, tell, signal);
    if (job) return follow(job, tell, signal);
    tell({ at: "refused", isStarting });
    await pause(againS, signal);
  }
}

/** @param {Job} job @param {(phase: Phase) => void} tell @param {AbortSignal} signal
 * @returns {Promise<Job>} done */
export function follow(job, tell, signal) {
  return new Promise((resolve, reject) => {
    /** @type {EventSource} */ let events;
    let againS = 1;
    const end = (settle) => (what) => {
      events?.close();
      signal.removeEventListener("abort", cancel);
      settle(what);
    };
    const [done, fail] = [end(resolve), end(reject)];
    const cancel = () => {
      forget(job.id);
      fail(signal.reason);
    };
    const heard = (/** @type {Job} */ news) => {
      tell({ at: "service", job: news });
      if (news.state === "done") done(news);
      if (news.state === "failed") fail(new Problem(news.problem));
      if (news.state === "cancelled") fail(new DOMException("cancelled elsewhere", "AbortError"));
    };
    const listen = () => {
      events = new EventSource(`v1/jobs/${job.id}/events`);
      events.addEventListener("job", (event) => {
        againS = 1;
        heard(JSON.parse(event.data));
      });
      events.onerror = () => {
        tell({ at: "lost" });
        if (events.readyState === EventSource.CLOSED) ask(); // else it tries again by itself
      };
    };
    const ask = async () => {
      await pause(againS, signal).catch(() => null);
      againS = Math.min(2 * againS, LONGEST_S);
      if (signal.aborted) return;
      const news = await get(`v1/jobs/${job.id}`).catch((problem) => problem);
      if (signal.aborted) return;
      if (news instanceof Problem) return OVER.includes(news.status) ? fail(news) : ask();
      heard(news);
      if (["queued", "running"].includes(news.state)) listen();
    };
    if (signal.aborted) return cancel();
    signal.addEventListener("abort", cancel);
    heard(job);
    if (["queued", "running"].includes(job.state)) listen();
  });
}

/** XMLHttpRequest, since fetch does not tell how far an upload is.
 * @returns {Promise<{job?: Job, againS: number, isStarting: boolean}>} no job: not yet */
function upload(file, options, tell, signal) {
  const form = new FormData();
  for (const [name, value] of Object.entries(options)) form.set(name, value);
  form.set("picture", file, file.name);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.responseType = "json";
    request.upload.onprogress = ({ loaded, total }) => tell({ at: "uploading", sent: total ? loaded / total : 0 });
    request.onload = () => {
      const isStarting = request.response?.code === "starting";
      const againS = Number(request.getResponseHeader("Retry-After")) || AGAIN_S;
      if (request.status === 202) resolve({ job: request.response, againS, isStarting });
      else if (request.status === 429 || isStarting) resolve({ againS, isStarting });
      else reject(new Problem(request.response, request.status));
    };
    request.onerror = () => reject(new Problem(null));
    request.onabort = () => reject(signal.reason);
    request.onloadend = () => signal.removeEventListener("abort", stop);
    if (signal.aborted) return reject(signal.reason);
    signal.addEventListener("abort", stop);
    tell({ at: "uploading", sent: 0 });
    request.open("POST", "v1/jobs");
    request.setRequestHeader("Accept", "application/json");
    request.send(form);
  });
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(signal.reason)), { once: true });
  });
}

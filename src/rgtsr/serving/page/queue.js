/** The pictures that were chosen: each a card, from waiting to done.
 *
 * Few are at the service at once; the others wait here, so that a browser's six connections and the
 * service's room are for everybody.
 */

import { enlarge, follow, forget, get, Problem } from "./service.js";
import { thumbnail } from "./pictures.js";
import { fileSize, pixels, standing } from "./wording.js";

const AT_ONCE = 2; // one is enlarged while the next is read
const KEPT = "rgtsr-jobs"; // in the session: what a reload finds again
const LOST = { at: "waiting", note: "The service had lost it: sent again" };
const GONE = { detail: "The service has it no more: choose the picture again." };

/** @typedef {{
 *   file: File|null, path: string, phase: import("./service.js").Phase, card: HTMLElement,
 *   size: {width: number, height: number}|null, preview: string|null, options: object, stop: AbortController|null,
 *   made: import("./service.js").Job|null, madeBy: object|null, isResent?: boolean,
 * }} Item made: what was last done of it, by which options; it stays until something else is */

export class Queue {
  /** @type {Item[]} */ items = [];
  /** @type {Item|null} */ open = null;
  maxBytes = Infinity;

  /** @param {HTMLElement} list @param {{opened: (item: Item|null) => void, chosen: () => void, changed: () => void,
   *   say: (sentence: string) => void}} on @param {() => object} options */
  constructor(list, on, options) {
    this.list = list;
    this.on = on;
    this.options = options;
  }

  /** @param {import("./pictures.js").Found[]} found */
  add(found) {
    const items = found.map(({ file, path }) => this.#enter({ file, path, phase: { at: "waiting" } }));
    for (const item of items) this.#look(item, () => item.file);
    if (!this.open && items.length) this.show(items[0]);
    this.on.changed();
  }

  /** What a former page of this tab had at the service. */
  async restore() {
    for (const { path, id, madeId, problem } of JSON.parse(sessionStorage.getItem(KEPT) ?? "[]")) {
      const made = madeId ? await get(`v1/jobs/${madeId}`).catch(() => null) : null;
      const last = id && id !== madeId ? await get(`v1/jobs/${id}`).catch(() => null) : made;
      const job = last?.state === "cancelled" ? made : last;
      if (last && !job) continue;
      const failed = problem ?? (job ? job.state === "failed" && job.problem : GONE);
      const phase = failed ? { at: "failed", problem: new Problem(failed) } : { at: "service", job };
      const item = this.#enter({ file: null, path, phase, made });
      const seen = made ?? phase.job;
      if (seen) this.#look(item, async () => (await fetch(`v1/jobs/${seen.id}/view/before`)).blob());
      if (["queued", "running"].includes(phase.job?.state)) this.#watch(item, (tell, signal) => follow(job, tell, signal));
      if (!this.open && made) this.show(item);
    }
    this.#keep();
    this.on.changed();
  }

  /** Enlarge all that wait, as the form says now; where none does, those again that were made otherwise. */
  start() {
    const options = this.options();
    for (const item of this.waiting().length ? this.waiting() : this.stale()) {
      this.#order(item, options);
    }
    this.#pump();
  }

  waiting = () => this.items.filter(({ phase, options }) => phase.at === "waiting" && !options);
  stale = () => {
    const now = JSON.stringify(this.options());
    return this.items.filter(({ file, stop, made, madeBy }) => file && !stop && made && JSON.stringify(madeBy) !== now);
  };
  done = () => this.items.filter(({ made }) => made);
  /** Whether somebody who leaves now would lose pictures that were to be enlarged. */
  isSending = () => this.items.some(({ phase: { at }, options }) => options && ["waiting", "uploading", "refused"].includes(at));

  /** @param {Item|null} item */
  show(item) {
    this.open = item;
    for (const each of this.items) {
      each.card.classList.toggle("is-open", each === item);
      each.card.querySelector(".open").toggleAttribute("aria-current", each === item);
    }
    this.on.opened(item);
  }

  /** All but what is under way. */
  clear() {
    this.#remove(...this.items.filter(({ stop }) => !stop));
  }

  #enter(given) {
    const card = document.getElementById("card").content.cloneNode(true).firstElementChild;
    const item = { size: null, preview: null, options: null, stop: null, made: null, madeBy: null, ...given, card };
    card.querySelector(".name").textContent = item.path;
    card.querySelector(".name").title = item.path;
    card.querySelector(".open").addEventListener("click", () => (this.show(item), this.on.chosen()));
    card.querySelector(".remove").addEventListener("click", () => this.#cancelOrRemove(item));
    card.querySelector(".again").addEventListener("click", () => this.#again(item));
    this.items.push(item);
    this.list.append(card);
    this.#render(item);
    return item;
  }

  async #look(item, blob) {
    item.size = await thumbnail(item.card.querySelector("canvas"), blob);
    if (item.file && item.size) item.preview = URL.createObjectURL(item.file);
    this.#render(item);
    if (item === this.open) this.on.opened(item);
  }

  #pump() {
    const turn = this.items.filter(({ phase, options, stop }) => phase.at === "waiting" && options && !stop);
    const room = AT_ONCE - this.items.filter(({ stop }) => stop).length;
    for (const item of turn.slice(0, Math.max(0, room)))
      this.#watch(item, (tell, signal) => {
        if (item.file.size > this.maxBytes)
          throw new Problem({ detail: `The file has ${fileSize(item.file.size)}; this service takes ${fileSize(this.maxBytes)}.` });
        return enlarge(item.file, item.options, tell, signal);
      });
    this.on.changed();
  }

  async #watch(item, work) {
    item.stop = new AbortController();
    try {
      await work((phase) => this.#say(item, phase), item.stop.signal);
      this.on.say(`${item.path} is done: ${standing(item.phase)}`);
      if (!item.size) this.#look(item, async () => (await fetch(`v1/jobs/${item.phase.job.id}/view/before`)).blob());
    } catch (error) {
      if (error.name === "AbortError") this.#say(item, item.made ? { at: "service", job: item.made } : { at: "cancelled" });
      else if (error.code === "unknown-job" && item.file && !item.isResent) {
        item.isResent = true; // once: a service that forgets each time is none
        this.#say(item, LOST);
        this.#missResults();
      }
      else if (error instanceof Problem) this.#say(item, { at: "failed", problem: error });
      else throw error;
      if (item.phase.at !== "waiting") this.on.say(error instanceof Problem ? `${item.path} could not be enlarged. ${error.message}` : `${item.path} was cancelled.`);
    } finally {
      item.stop = null;
      this.#render(item);
      this.#pump();
    }
    if (!this.open || this.#isWorthLess(this.open)) this.show(item);
    else if (this.open === item) this.on.opened(item);
  }

  /** What a service has lost of what was made is made again, where the picture is still here. */
  async #missResults() {
    for (const item of this.items) {
      const { made } = item;
      if (!made || item.stop) continue;
      const found = await get(`v1/jobs/${made.id}`).catch((problem) => problem);
      if (found.code !== "unknown-job" || item.made !== made || item.stop) continue;
      item.made = null;
      this.#say(item, item.file ? LOST : { at: "failed", problem: new Problem(GONE) });
      if (item === this.open) this.on.opened(item);
    }
    this.#pump();
  }

  /** Whether what is shown should give way to a result: nobody chose it. */
  #isWorthLess = ({ phase, made }) => !made && ["failed", "cancelled"].includes(phase.at);

  #again(item) {
    this.#order(item, this.options());
    this.#pump();
  }

  #order(item, options) {
    Object.assign(item, { options, isResent: false });
    this.#say(item, { at: "waiting", note: "Waits for its turn" });
  }

  #cancelOrRemove(item) {
    if (item.stop) item.stop.abort();
    else if (this.#isToBeMadeAgain(item)) this.#say(item, { at: "service", job: item.made });
    else this.#remove(item);
  }

  #isToBeMadeAgain = ({ phase, made }) => phase.at === "waiting" && made;

  #remove(...gone) {
    const last = gone.at(-1).card;
    const next = last.nextElementSibling ?? last.previousElementSibling;
    for (const { card, made, preview } of gone) {
      if (made) forget(made.id);
      if (preview) URL.revokeObjectURL(preview);
      card.remove();
    }
    this.items = this.items.filter((each) => !gone.includes(each));
    if (gone.includes(this.open)) this.show(this.items.at(0) ?? null);
    (next?.isConnected ? next.querySelector(".open") : document.getElementById("picture")).focus();
    this.#keep();
    this.on.changed();
  }

  #say(item, phase) {
    item.phase = phase;
    if (phase.job?.state === "done" && phase.job.id !== item.made?.id) {
      if (item.made) forget(item.made.id);
      item.made = phase.job;
      item.madeBy = item.options;
    }
    this.#render(item);
    this.#keep();
    this.on.changed();
  }

  #keep() {
    const kept = this.items
      .map(({ phase, path, made }) => ({ path, id: phase.job?.id, madeId: made?.id, problem: phase.problem && { detail: phase.problem.message } }))
      .filter(({ id, madeId, problem }) => id || madeId || problem);
    sessionStorage.setItem(KEPT, JSON.stringify(kept));
  }

  #render(item) {
    const { card, phase, size, file, path, stop, options, made } = item;
    const part = (name) => card.querySelector(name);
    const job = phase.at === "service" ? phase.job : null;
    card.dataset.state = job?.state ?? phase.at;
    const isNew = phase.at === "waiting" && !options;
    part(".line").textContent = isNew && file
      ? [size && pixels(size), fileSize(file.size)].filter(Boolean).join(" · ")
      : standing(phase);
    const progress = part("progress");
    progress.hidden = !stop && !(phase.at === "waiting" && options);
    progress.ariaLabel = `Progress of ${path}`;
    if (phase.at === "uploading") progress.value = 0;
    else if (job) progress.value = job.progress;
    part(".problem").hidden = phase.at !== "failed";
    part(".problem").textContent = [phase.problem?.message, made && "What was made before is still here."].filter(Boolean).join(" ");
    const download = part(".download");
    download.hidden = !made;
    if (made) {
      download.href = `v1/jobs/${made.id}/result`;
      download.ariaLabel = `Download ${made.result.name}`;
    }
    const isOver = job?.state === "done" || ["failed", "cancelled"].includes(phase.at);
    part(".again").hidden = !file || !isOver || Boolean(stop);
    part(".again").ariaLabel = `Enlarge ${path} again, as the form says now`;
    const verb = stop || this.#isToBeMadeAgain(item) ? "Cancel" : "Remove";
    part(".remove").textContent = verb;
    part(".remove").ariaLabel = `${verb} ${path}`;
  }
}

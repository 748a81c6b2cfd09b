/** Two models on one picture. */

import { ran, showFacts, side } from "./facts.js";
import { LightTable } from "./light-table.js";
import { enlarge, forget, Problem } from "./service.js";
import { duration, fileSize, modelOptions, pixels, standing } from "./wording.js";

const part = (id) => document.getElementById(id);

export class Contest {
  /** @type {File|null} */ #file = null;
  /** @type {AbortController|null} */ #stop = null;
  /** @type {string|null} */ #preview = null;
  /** @type {string[]} */ #ids = [];
  /** @type {LightTable|null} */ #table = null;

  /** @param {(sentence: string) => void} say */
  constructor(say) {
    this.say = say;
    part("contest-picture").required = false;
    part("contest-picture").addEventListener("change", ({ target }) => this.take(target.files[0]));
    part("contest").addEventListener("submit", (event) => (event.preventDefault(), this.#run()));
    part("contest-cancel").addEventListener("click", () => this.#stop?.abort());
    addEventListener("pagehide", () => (this.#stop?.abort(), this.#ids.forEach(forget)));
  }

  /** @param {object[]} models */
  offer(models) {
    const usual = Math.max(0, models.findIndex(({ is_default }) => is_default));
    const other = models.findIndex(({ scale }, index) => index !== usual && scale === models[usual].scale);
    for (const [id, index] of [["left-model", usual], ["right-model", Math.max(0, other)]])
      part(id).replaceChildren(...modelOptions(models, (option, { name }) => (option.defaultSelected = name === models[index].name)));
  }

  /** @param {File|undefined} file */
  async take(file) {
    if (!file) return;
    this.#file = file;
    if (this.#preview) URL.revokeObjectURL(this.#preview);
    this.#preview = URL.createObjectURL(file);
    part("contest-name").textContent = `${file.name} · ${fileSize(file.size)}`;
    part("contest-problem").hidden = true;
    const picture = await createImageBitmap(file).catch(() => null); // null: no browser reads it
    if (picture && this.#file === file)
      this.#lay({ width: picture.width, height: picture.height }, { image: this.#preview, label: file.name }, null);
    picture?.close();
  }

  /** On the light table. */
  #lay(size, left, right) {
    part("contest-hello").hidden = true;
    part("contest-showing").hidden = false;
    part("contest-showing").querySelector(".facts")?.remove();
    this.#table ??= new LightTable(part("contest-showing"), "Where the left model's picture ends and the right one's begins");
    this.#table.show(size, left, right);
  }

  async #run() {
    if (this.#stop) return;
    if (!this.#file) return this.#fail("Choose a picture first.");
    const names = ["left-model", "right-model"].map((id) => part(id).value);
    const scale = part("contest").elements["contest-scale"].value;
    this.#ids.splice(0).forEach(forget);
    this.#stop = new AbortController();
    this.#busy(true);
    try {
      const jobs = [];
      for (const [index, model] of names.entries()) jobs.push(await this.#enlarged(model, scale, index)); // or each waits for the other
      this.#show(jobs);
      this.say(`Both are done: ${jobs.map(({ result }) => ran(result)).join(" and ")}.`);
    } catch (error) {
      if (error instanceof Problem) this.#fail(error.message);
      else if (error.name !== "AbortError") throw error;
    } finally {
      this.#stop = null;
      this.#busy(false);
    }
  }

  async #enlarged(model, scale, index) {
    const row = part("contest-progress").children[index];
    const tell = (phase) => {
      row.firstElementChild.textContent = `${model}: ${standing(phase)}`;
      row.querySelector("progress").value = phase.at === "service" ? phase.job.progress : 0;
    };
    const job = await enlarge(this.#file, { model, scale, restore: "0" }, tell, this.#stop.signal);
    this.#ids.push(job.id);
    return job;
  }

  #busy(is) {
    if (is)
      for (const row of part("contest-progress").children) {
        row.firstElementChild.textContent = "Waits for its turn";
        row.querySelector("progress").value = 0;
      }
    part("contest-progress").hidden = part("contest-cancel").hidden = !is;
    if (is) part("contest-problem").hidden = true;
    part("contest").querySelector(".primary").disabled = is;
  }

  #fail(sentence) {
    part("contest-problem").textContent = sentence;
    part("contest-problem").hidden = false;
  }

  #show([left, right]) {
    const [a, b] = [left, right].map((job) => side(job.id, "after", ran(job.result), job.result.can_view));
    this.#lay(left.result, a, b);
    const line = ({ result }) => [pixels(result), duration(result.seconds), fileSize(result.size_bytes)].join(" · ");
    const downloads = [["left", left], ["right", right]].map(([which, job]) => [`Download ${which}`, job.id]);
    showFacts(part("contest-showing"), [left, right].map((job) => [ran(job.result), line(job)]), downloads);
  }
}

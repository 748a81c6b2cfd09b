/** Puts the page together: views, the form, the pictures, the light table. */

import { Contest } from "./compare.js";
import { showFacts, side, told } from "./facts.js";
import { LightTable } from "./light-table.js";
import { inWords, offer, options } from "./order.js";
import { chosen, dropped, sorted } from "./pictures.js";
import { Queue } from "./queue.js";
import { get } from "./service.js";
import { counted, formatName } from "./wording.js";
import { showWeights } from "./weights.js";

const part = (id) => document.getElementById(id);
const VIEWS = ["enlarge", "compare", "weights"];

document.documentElement.classList.add("is-scripted");

let reads = [".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".avif", ".gif", ".bmp"];
/** @type {LightTable|null} */ let table = null;
const queue = new Queue(part("cards"), { opened: show, chosen: () => reveal(part("showing")), changed: count, say }, options);
const contest = new Contest(say);

const view = () => (VIEWS.includes(location.hash.slice(1)) ? location.hash.slice(1) : "enlarge");

function turn() {
  for (const name of VIEWS) part(`${name}-view`).hidden = name !== view(); // no element bears the hash: browsers scroll to those
  for (const link of document.querySelectorAll("nav a"))
    if (link.hash === `#${view()}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  document.title = { enlarge: "rgtsr – enlarge pictures", compare: "rgtsr – compare models", weights: "rgtsr – weights" }[view()];
}

/** To whoever listens to a screen reader. */
function say(sentence) {
  part("said").textContent = sentence;
}

/** Beside the button, until something is done about it. */
function notice(sentence) {
  part("notice").textContent = sentence;
  part("notice").hidden = !sentence;
}

/** @param {import("./pictures.js").Found[]} found */
function take(found) {
  const { pictures, passedOver } = sorted(found, reads);
  if (view() === "compare") return contest.take(pictures[0]?.file);
  if (view() === "weights") location.hash = "#enlarge";
  notice("");
  part("passed-over").textContent = passedOver;
  part("passed-over").hidden = !passedOver;
  queue.add(pictures);
}

/** What the button and the queue's head say. */
function count() {
  const waiting = queue.waiting().length, again = waiting ? 0 : queue.stale().length;
  part("go").textContent = (waiting || again) > 1 ? `Enlarge ${counted(waiting || again, "picture")}` : "Enlarge";
  if (again) part("go").textContent += " again";
  part("go").ariaDisabled = String(!waiting && !again && queue.items.length > 0);
  document.querySelector(".queue").hidden = !queue.items.length;
  part("queue-title").textContent = counted(queue.items.length, "picture");
  const done = queue.done();
  part("zip").hidden = done.length < 2;
  part("zip").href = `v1/results.zip?${new URLSearchParams(done.map(({ made }) => ["job", made.id]))}`;
  part("clear").hidden = queue.items.length < 2 || queue.items.every(({ stop }) => stop);
}

/** A picture on the light table. @param {import("./queue.js").Item|null} item */
function show(item) {
  const job = item?.made ?? null;
  const isShown = Boolean(job || item?.preview);
  part("hello").hidden = isShown;
  part("showing").hidden = !isShown;
  if (!isShown) return table?.close();
  table ??= new LightTable(part("showing"), "Where before ends and after begins");
  part("showing").querySelector(".facts")?.remove();
  if (job) {
    const { can_view } = job.result;
    table.show(job.result, side(job.id, "before", "Before", can_view), side(job.id, "after", "After", can_view));
    showFacts(part("showing"), told(job), [[`Download ${job.result.name}`, job.id]]);
  } else table.show(item.size, { image: item.preview, label: item.path }, null);
}

/** Where all lies in one column, what happens may be out of sight. @param {HTMLElement} element */
function reveal(element) {
  const behavior = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  if (!matchMedia("(min-width: 60rem)").matches) element.scrollIntoView({ behavior, block: "start" });
}

part("picture").multiple = true;
part("picture").required = false;
for (const input of [part("picture"), part("folder")])
  input.addEventListener("change", () => {
    take(chosen(input.files));
    input.value = ""; // the same picture may be chosen again
  });
part("choose-folder").addEventListener("click", () => part("folder").click());
part("clear").addEventListener("click", () => {
  const done = queue.done().length;
  if (!done || confirm(`Remove all, with ${counted(done, "result")}? There is no way back.`)) queue.clear();
});
part("order").addEventListener("submit", (event) => {
  event.preventDefault();
  const count = queue.waiting().length || queue.stale().length;
  if (count) {
    say(`${counted(count, "picture")} will be enlarged ${inWords()}.`);
    notice("");
    queue.start();
    return reveal(document.querySelector(".queue"));
  }
  if (queue.items.length) return notice("Every picture has had its turn: choose another, or press “Again” at one.");
  notice("Choose a picture first.");
  part("picture").focus();
});
part("order").addEventListener("change", count);
part("cards").addEventListener("click", () => notice(""));

history.scrollRestoration = "manual"; // each view begins at its top
document.querySelector(".skip").addEventListener("click", (event) => (event.preventDefault(), part("main").focus()));
addEventListener("hashchange", () => (turn(), scrollTo(0, 0)));
addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData?.files.length) take(chosen(clipboardData.files));
});
addEventListener("dragover", (event) => {
  if (![...event.dataTransfer.types].includes("Files")) return;
  event.preventDefault();
  document.body.classList.add("is-dragging");
});
addEventListener("dragleave", ({ relatedTarget }) => {
  if (!relatedTarget) document.body.classList.remove("is-dragging");
});
addEventListener("drop", async (event) => {
  document.body.classList.remove("is-dragging");
  if (!event.dataTransfer.files.length) return;
  event.preventDefault();
  take(await dropped(event.dataTransfer));
});
addEventListener("beforeunload", (event) => {
  if (queue.isSending()) event.preventDefault();
});

turn();
if (part("picture").files.length) part("picture").dispatchEvent(new Event("change")); // chosen before we were here
try {
  const service = await get("v1/models");
  reads = service.reads;
  part("drop-hint").textContent = [...new Set(reads.map((suffix) => formatName(suffix.slice(1))))].join(", ");
  queue.maxBytes = service.limits.max_body_bytes;
  offer(service);
  contest.offer(service.models);
  showWeights(part("weights-list"), part("weights-figures"), service.models);
  await queue.restore();
} catch (problem) {
  part("banner").textContent = problem.message;
  if (problem.status === 401) part("banner").append(" ", Object.assign(document.createElement("a"), { href: "./", textContent: "Sign in" }));
  part("banner").hidden = false;
}

/** The weights of the service: what each is for, and figures for those who want them. */

import { goodFor, pace } from "./wording.js";

const million = (parameters) => `${(parameters / 1e6).toFixed(2)} M`;
const training = (minutes) => (minutes < 90 ? `${Math.round(minutes)} min` : `${Math.round(minutes / 60)} h`);
const PROTOCOL = / (paper|baseline)$/; // of a score: as papers measure, or as this project's start did
const OURS = { "holdout-photo": "worn photos", "holdout-web": "web pictures" }; // that no training saw
const setName = (name) => name.replace(PROTOCOL, "").replace(/-x\d$/, "");

const PLAIN = [["Good for", goodFor], ["Speed", pace], ["Licence", ({ licence }) => licence]];
const FIGURES = [
  ["Parameters", ({ parameters }) => million(parameters)],
  ["Trained", ({ minutes }) => (minutes ? training(minutes) : "not told")],
  ["PSNR, dB", ({ scores }) => listed(scores)],
];

/** @param {HTMLElement} plain @param {HTMLElement} figures @param {object[]} models */
export function showWeights(plain, figures, models) {
  const scales = [...new Set(models.map(({ scale }) => scale))].sort((a, b) => a - b);
  for (const [host, columns] of [[plain, PLAIN], [figures, FIGURES]])
    host.replaceChildren(...scales.map((scale) => table(scale, models.filter((model) => model.scale === scale), columns)));
}

function table(scale, models, columns) {
  const made = document.createElement("table");
  made.createCaption().textContent = `Enlarge ${scale}×`;
  const head = made.createTHead().insertRow();
  for (const name of ["Name", ...columns.map(([label]) => label)])
    head.append(Object.assign(document.createElement("th"), { scope: "col", textContent: name }));
  const body = made.createTBody();
  for (const model of models) {
    const row = body.insertRow();
    const name = Object.assign(document.createElement("th"), { scope: "row", textContent: model.name });
    if (model.is_default) name.append(" ", Object.assign(document.createElement("span"), { className: "mark", textContent: "usual" }));
    row.append(name);
    for (const [label, cell] of columns) {
      const place = row.insertCell();
      place.dataset.label = label;
      place.append(cell(model));
    }
  }
  return made;
}

function listed(given) {
  const list = document.createElement("ul");
  for (const [set, score] of Object.entries(given ?? {}))
    if (PROTOCOL.exec(set)?.[1] !== "baseline")
      list.append(Object.assign(document.createElement("li"), { textContent: `${OURS[setName(set)] ?? setName(set)} ${score.toFixed(2)}` }));
  return list.children.length ? list : "not measured";
}

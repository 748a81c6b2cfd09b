/** The weights of the service, with licence and scores. */

const million = (parameters) => `${(parameters / 1e6).toFixed(2)} M`;
const training = (minutes) => (minutes < 90 ? `${Math.round(minutes)} min` : `${Math.round(minutes / 60)} h`);
const PROTOCOL = / (paper|baseline)$/; // of a score: as papers measure, or as this project's start did
const setName = (name) => name.replace(PROTOCOL, "").replace(/-x\d$/, "").replaceAll("-", " ");

/** @param {HTMLElement} host @param {object[]} models */
export function showWeights(host, models) {
  const scales = [...new Set(models.map(({ scale }) => scale))].sort((a, b) => a - b);
  host.replaceChildren(...scales.map((scale) => table(scale, models.filter((model) => model.scale === scale))));
}

function table(scale, models) {
  const made = document.createElement("table");
  made.createCaption().textContent = `Enlarge ${scale}×`;
  const names = ["Name", "For", "Parameters", "Trained", "Licence", "PSNR, dB"];
  const head = made.createTHead().insertRow();
  for (const name of names) head.append(Object.assign(document.createElement("th"), { scope: "col", textContent: name }));
  const body = made.createTBody();
  for (const model of models) {
    const row = body.insertRow();
    const name = Object.assign(document.createElement("th"), { scope: "row", textContent: model.name });
    if (model.is_default) name.append(" ", Object.assign(document.createElement("span"), { className: "mark", textContent: "usual" }));
    row.append(name);
    const cells = [
      model.purpose, million(model.parameters), model.minutes ? training(model.minutes) : "not told", model.licence, scores(model.scores),
    ];
    cells.forEach((cell, index) => {
      const place = row.insertCell();
      place.dataset.label = names[index + 1];
      place.append(cell);
    });
  }
  return made;
}

function scores(given) {
  const list = document.createElement("ul");
  for (const [set, score] of Object.entries(given ?? {}))
    if (PROTOCOL.exec(set)?.[1] !== "baseline")
      list.append(Object.assign(document.createElement("li"), { textContent: `${setName(set)} ${score.toFixed(2)}` }));
  return list.children.length ? list : "not measured";
}

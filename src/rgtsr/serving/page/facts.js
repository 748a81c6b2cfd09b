/** What became of a picture, in words. */

import { duration, fileSize, formatName, pixels, restored } from "./wording.js";

/** @param {import("./service.js").Source} file */
const inWords = (file) => [pixels(file), formatName(file.format), fileSize(file.size_bytes)].join(" · ");

/** @param {import("./service.js").Job} job done @returns {[string, string][]} */
export function told({ source, result }) {
  const facts = [
    ["Before", inWords(source)],
    ["After", inWords(result)],
    ["Model", `${result.models.join(", then ")} in ${duration(result.seconds)}`],
  ];
  if (result.restored !== null) facts.push(["Restored", restored(result.restored) + (result.wear ? ` (${result.wear})` : "")]);
  const notes = result.notes.filter((note) => !/^(not )?restored\b/.test(note));
  if (notes.length) facts.push(["Note", notes.join("; ")]);
  return facts;
}

/** @param {HTMLElement} host @param {[string, string][]} facts @param {string|null} address of a download
 * @param {string} [name] */
export function showFacts(host, facts, address, name) {
  const piece = document.getElementById("facts").content.cloneNode(true);
  for (const [what, value] of facts) {
    const group = document.createElement("div");
    for (const [tag, text] of [["dt", what], ["dd", value]]) group.append(Object.assign(document.createElement(tag), { textContent: text }));
    piece.querySelector("dl").append(group);
  }
  const download = piece.querySelector("a");
  if (address) Object.assign(download, { href: address, textContent: `Download ${name}` });
  else download.remove();
  host.querySelector(".facts")?.remove();
  host.append(piece);
}

/** One side of the light table. @param {string} id of a job @param {"before"|"after"} which
 * @param {string} label @param {boolean} canView @returns {import("./light-table.js").Side} */
export const side = (id, which, label, canView) => ({
  image: canView ? `v1/jobs/${id}/view/${which}` : undefined,
  deep: `v1/jobs/${id}/zoom/${which}.dzi`,
  label,
});

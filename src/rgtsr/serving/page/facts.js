/** What became of a picture, in words. */

import { duration, fileSize, formatName, pixels, restored } from "./wording.js";

/** @param {import("./service.js").Source} file */
const inWords = (file) => [pixels(file), formatName(file.format), fileSize(file.size_bytes)].join(" · ");

/** Whose output it is. @param {import("./service.js").Result} result */
export const ran = ({ models: [first, ...others], restored: share }) =>
  [share ? `${first} with ${Math.round(100 * share)} % of its photo weights` : first, ...others].join(", then ");

/** With figures for those who know what they mean. */
function detailed(sentence, figures) {
  const small = Object.assign(document.createElement("small"), { className: "hint", textContent: figures ?? "" });
  const both = document.createDocumentFragment();
  both.append(sentence, small);
  return both;
}

/** @param {import("./service.js").Job} job done @returns {[string, string|Node][]} */
export function told({ source, result }) {
  const facts = [
    ["Before", inWords(source)],
    ["After", inWords(result)],
    ["Model", `${ran(result)}, in ${duration(result.seconds)}`],
    ["Restored", detailed(restored(result.restored, result.wear), result.wear)],
  ];
  const notes = result.notes.filter((note) => !/^(not )?restored\b/.test(note));
  if (notes.length) facts.push(["Note", notes.join("; ")]);
  return facts;
}

/** @param {HTMLElement} host @param {[string, string|Node][]} facts
 * @param {[string, string][]} downloads what each is called, and of which job it is */
export function showFacts(host, facts, downloads) {
  const piece = document.getElementById("facts").content.cloneNode(true);
  for (const [what, value] of facts) {
    const group = document.createElement("div");
    for (const [tag, content] of [["dt", what], ["dd", value]]) {
      const part = document.createElement(tag);
      part.append(content);
      group.append(part);
    }
    piece.querySelector("dl").append(group);
  }
  const link = piece.querySelector("a");
  link.replaceWith(...downloads.map(([text, id]) =>
    Object.assign(link.cloneNode(), { href: `v1/jobs/${id}/result`, textContent: text })));
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

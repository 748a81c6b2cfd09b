/** What the form asks for: options of the service, and what they come to in words. */

import { formatName, modelOptions } from "./wording.js";

const form = document.getElementById("order");
const field = (id) => document.getElementById(id);
let restoring = new Map(); // whether what is usual at an enlargement can restore
const LOSSY = ["", "jpg", "webp", "avif"]; // "": as the picture, which may be one

/** The models and formats of the service.
 * @param {{models: object[], formats: string[], restores: boolean}} offer */
export function offer({ models, formats, restores }) {
  field("model").options[0].dataset.restores = restores;
  field("model").append(...modelOptions(models, (option, model) => (option.dataset.restores = model.restores)));
  const usual = models.filter(({ is_default }) => restores && is_default);
  restoring = new Map(usual.map((model) => [String(model.scale), model.restores]));
  field("format").replaceChildren(
    new Option("As the picture", ""),
    ...formats.map((format) => new Option(formatName(format), format)),
  );
  update();
}

/** @returns {Record<string, string>} */
export function options() {
  const said = Object.fromEntries([...new FormData(form)].filter(([name, value]) => value !== "" && name !== "picture"));
  if (said.model === "auto") delete said.model;
  if (field("quality").value && !field("quality").disabled) said.quality = field("quality").value;
  if (said.scale === "other") {
    delete said.scale;
    const by = field("by").value;
    if (by === "factor") said.scale = field("factor").value;
    if (by === "long_side") said.long_side = field("long-side").value;
    if (by === "exact") Object.assign(said, { width: field("width").value, height: field("height").value });
  }
  return said;
}

/** The options in a few words, for a picture that waits. */
export function inWords(said = options()) {
  if (said.scale) return `${said.scale}×`;
  return said.long_side ? `to ${said.long_side} px` : `to ${said.width} × ${said.height}`;
}

/** At which enlargement worn pictures are not restored, and at which they are. @param {string} scale */
function asItIs(scale) {
  const others = [...restoring].filter(([, restores]) => restores).map(([other]) => `${other}×`);
  const better = others.length ? ` ${others.join(" and ")} ${others.length > 1 ? "remove" : "removes"} them.` : "";
  return `At ${scale}× noise and the traces of JPEG stay.${better}`;
}

/** What can be chosen follows from what was chosen. */
function update() {
  const isOther = form.elements.scale.value === "other";
  field("other").hidden = field("other").disabled = !isOther;
  for (const part of field("other").querySelectorAll("[data-by]")) {
    part.hidden = part.dataset.by !== field("by").value;
    for (const input of part.querySelectorAll("input")) {
      input.disabled = part.hidden;
      input.required = !part.hidden;
    }
  }
  const chosen = field("model").selectedOptions[0];
  field("scale-hint").hidden = chosen.value !== "auto" || restoring.get(form.elements.scale.value) !== false;
  field("scale-hint").textContent = asItIs(form.elements.scale.value);
  const restores = chosen.dataset.restores !== "false";
  field("restore").disabled = !restores;
  const wayOut = field("model").options[0].dataset.restores === "false" ? "choose another" : "choose Automatic";
  field("restore-hint").textContent = restores
    ? "Removes noise and the traces of JPEG; clean pictures are left as they are."
    : `This model comes as it is: ${wayOut} to restore.`;
  field("quality").disabled = !LOSSY.includes(field("format").value);
  const named = [
    chosen.value !== "auto" && chosen.value,
    restores && field("restore").value !== "auto" && `restore: ${field("restore").selectedOptions[0].text.toLowerCase()}`,
    field("format").value && field("format").selectedOptions[0].text,
  ];
  field("more-summary").textContent = named.filter(Boolean).join(", ") || "all automatic";
}

form.addEventListener("change", update);

/** Pictures from the machine of the person: chosen, dropped, pasted; and small views of them. */

import { counted } from "./wording.js";

/** @typedef {{file: File, path: string}} Found a file, and its name with the folders it came in */

/** All files of a drop, those of folders too. Must be called within the event.
 * @param {DataTransfer} transfer @returns {Promise<Found[]>} */
export async function dropped(transfer) {
  const entries = [...transfer.items].filter(({ kind }) => kind === "file").map((item) => item.webkitGetAsEntry());
  if (!entries.every(Boolean)) return chosen(transfer.files);
  return (await Promise.all(entries.map(below))).flat();
}

/** @param {FileList} files @returns {Found[]} */
export const chosen = (files) => [...files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));

/** @param {FileSystemEntry} entry @returns {Promise<Found[]>} */
async function below(entry) {
  const path = entry.fullPath.replace(/^\//, "");
  if (entry.isFile) return [{ file: await new Promise((done, fail) => entry.file(done, fail)), path }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, fail) => reader.readEntries(done, fail)); // 100 at most
    if (!some.length) return found;
    for (const each of some) found.push(...(await below(each)));
  }
}

/** What may be a picture, and a sentence about the rest.
 * @param {Found[]} found @param {string[]} reads suffixes, with their dots */
export function sorted(found, reads) {
  const suffix = ({ file }) => /\.[^.]+$/.exec(file.name)?.[0].toLowerCase() ?? "";
  const visible = found.filter(({ file }) => !file.name.startsWith("."));
  const isPicture = (each) => reads.includes(suffix(each)) || each.file.type.startsWith("image/");
  const others = visible.filter((each) => !isPicture(each));
  const kinds = [...new Set(others.map((each) => suffix(each) || "no suffix"))].slice(0, 5).join(", ");
  const passedOver = others.length
    ? `${counted(others.length, "file was", "files were")} passed over (${kinds}): no pictures that can be read here.`
    : visible.length ? "" : "There was no picture in it.";
  return { pictures: visible.filter(isPicture), passedOver };
}

let last = Promise.resolve();

/** Draws a small view of a picture, one after another, so that hundreds do not fill the memory.
 * @param {HTMLCanvasElement} canvas @param {() => Promise<Blob>|Blob} blob
 * @returns {Promise<{width: number, height: number}|null>} its size; null where the browser cannot read it */
export function thumbnail(canvas, blob) {
  const drawn = last.then(async () => {
    const picture = await createImageBitmap(await blob());
    const size = { width: picture.width, height: picture.height };
    const side = Math.min(size.width, size.height);
    const [x, y] = [(size.width - side) / 2, (size.height - side) / 2];
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, x, y, side, side, 0, 0, canvas.width, canvas.height);
    picture.close();
    canvas.classList.add("is-drawn");
    return size;
  });
  last = drawn.catch(() => null);
  return last;
}

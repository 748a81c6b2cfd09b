/** Two pictures on one another with a line between them: zoom, move, compare.
 *
 * What is shown is either two images that the browser holds whole (flat.js), or tiles of what is
 * too large for that (deep-zoom.js). The line is <img-comparison-slider>.
 *
 * @typedef {{image?: string, deep?: string, label: string}} Side an address for <img>, or of a .dzi
 * @typedef {{width: number, height: number}} Size
 * @typedef {{
 *   fit: () => void, zoomTo: (zoom: number, at?: [number, number]) => void,
 *   panBy: (x: number, y: number) => void, zoom: () => number, resized: () => void, close: () => void,
 * }} View zoom 1: a pixel of the picture is one of the screen; places are CSS pixels of the surface
 */

import "./parts/img-comparison-slider/img-comparison-slider.js";
import { openDeep } from "./deep-zoom.js";
import { openFlat } from "./flat.js";

const STEP = 1.25; // of a key or a notch of the wheel
const LEAP = 10; // of the line, in per cent; its step is 1
const PAN_PX = 60;
const MOST_ZOOM = 16;
const ALWAYS_DEEP = new URLSearchParams(location.search).get("zoom") === "deep";

export class LightTable {
  /** @type {View|null} */ #view = null;
  #isFit = true;
  #shown = "";
  /** @type {Map<number, PointerEvent>} */ #pointers = new Map();

  /** @param {HTMLElement} host @param {string} label what the line divides, for a screen reader */
  constructor(host, label) {
    const piece = document.getElementById("light-table").content.cloneNode(true);
    this.root = piece.querySelector(".light-table");
    this.surface = piece.querySelector(".surface");
    this.line = piece.querySelector("img-comparison-slider");
    this.layers = [...piece.querySelectorAll(".layer")];
    this.handle = piece.querySelector(".handle");
    this.line.setAttribute("aria-label", label);
    host.prepend(piece);
    this.#listen();
  }

  /** @param {Size} size of the larger picture @param {Side} left @param {Side|null} right null: one picture alone */
  async show(size, left, right) {
    const shown = JSON.stringify([size, left, right]);
    if (shown === this.#shown) return;
    this.close();
    this.#shown = shown;
    this.root.classList.toggle("is-single", !right);
    this.line.value = right ? 50 : 100;
    for (const [place, side] of [["left", left], ["right", right]])
      this.root.querySelector(`.tag.${place}`).textContent = side?.label ?? "";
    this.surface.style.aspectRatio = `${size.width} / ${size.height}`;
    this.#slid();
    const sides = right ? [left, right] : [left];
    const canZoomDeep = sides.every((side) => side.deep);
    const isDeep = canZoomDeep && (ALWAYS_DEEP || !sides.every((side) => side.image));
    const opened = (deep) => this.#open(deep ? openDeep : openFlat, size, sides, shown, () =>
      canZoomDeep && !deep ? opened(true) : this.#failed());
    await opened(isDeep);
  }

  async #open(open, size, sides, shown, failed) {
    const isNow = () => shown === this.#shown;
    this.#view?.close();
    const view = await open(this.layers, size, sides, { changed: () => this.#zoomed(), failed: () => isNow() && failed() });
    if (!isNow()) return view.close();
    this.#view = view;
    this.isDeep = open === openDeep;
    this.#fit();
    const isRoomy = matchMedia("(min-width: 60rem)").matches; // else a finger that scrolls the page would be caught
    if (isRoomy && !this.root.classList.contains("is-single") && view.zoom() < 1) this.#zoomTo(1);
  }

  close() {
    this.#shown = "";
    this.#view?.close();
    this.#view = null;
    this.root.querySelector(".trouble").hidden = true;
    for (const layer of this.layers) layer.replaceChildren();
  }

  #failed() {
    const trouble = this.root.querySelector(".trouble");
    trouble.textContent = "This picture cannot be shown here. The download is not affected.";
    trouble.hidden = false;
  }

  #zoomed() {
    if (!this.#view) return;
    const zoom = this.#view.zoom();
    this.root.querySelector(".zoom").textContent = `${Math.round(100 * zoom)} %`;
    for (const button of this.root.querySelectorAll("[data-zoom]")) {
      const isIt = button.dataset.zoom === "fit" ? this.#isFit : !this.#isFit && Math.abs(zoom - button.dataset.zoom) < 0.005;
      button.setAttribute("aria-pressed", String(isIt));
    }
    this.root.classList.toggle("is-zoomed", !this.#isFit);
    this.line.handle = this.isDeep || !this.#isFit; // else anywhere on the picture drags the line
  }

  #zoomTo(zoom, at) {
    this.#isFit = false;
    this.#view?.zoomTo(Math.min(MOST_ZOOM, Math.max(0.02, zoom)), at);
    this.#zoomed();
  }

  #fit() {
    this.#isFit = true;
    this.#view?.fit();
    this.#zoomed();
  }

  #slid() {
    this.line.setAttribute("aria-valuenow", String(Math.round(this.line.value)));
    this.line.setAttribute("aria-valuetext", `${Math.round(this.line.value)} % from the left`);
    const [wide, at] = [this.surface.clientWidth, (this.line.value / 100) * this.surface.clientWidth];
    const tag = (place) => this.root.querySelector(`.tag.${place}`);
    tag("left").classList.toggle("is-faint", at < tag("left").offsetWidth);
    tag("right").classList.toggle("is-faint", wide - at < tag("right").offsetWidth);
  }

  #listen() {
    this.line.addEventListener("slide", () => this.#slid());
    for (const button of this.root.querySelectorAll("[data-zoom]"))
      button.addEventListener("click", () =>
        button.dataset.zoom === "fit" ? this.#fit() : this.#zoomTo(Number(button.dataset.zoom)));
    const full = this.root.querySelector(".full");
    full.hidden = !document.fullscreenEnabled;
    full.addEventListener("click", () =>
      document.fullscreenElement ? document.exitFullscreen() : this.root.requestFullscreen());
    document.addEventListener("fullscreenchange", () => {
      full.textContent = document.fullscreenElement === this.root ? "Leave full screen" : "Full screen";
    });
    new ResizeObserver(() => (this.#isFit ? this.#fit() : this.#view?.resized())).observe(this.surface);
    this.surface.addEventListener("keydown", (event) => this.#key(event), { capture: true });
    this.surface.addEventListener("wheel", (event) => this.#wheel(event), { capture: true, passive: false });
    this.surface.addEventListener("dblclick", (event) =>
      this.#isFit ? this.#zoomTo(Math.max(1, 2 * this.#view.zoom()), this.#place(event)) : this.#fit());
    this.surface.addEventListener("pointerdown", (event) => this.#press(event), { capture: true });
    this.surface.addEventListener("pointermove", (event) => this.#drag(event));
    for (const end of ["pointerup", "pointercancel"])
      this.surface.addEventListener(end, (event) => this.#release(event));
  }

  /** Arrows are the line's; with Shift they leap, or move a picture that is larger than its frame. */
  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !this.#view) return;
    const side = { ArrowLeft: -1, ArrowRight: 1, PageDown: -LEAP, PageUp: LEAP }[event.key];
    const way = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    const ends = { Home: 0, End: 100 };
    if (way && !this.#isFit && (event.shiftKey || way[1])) this.#view.panBy(PAN_PX * way[0], PAN_PX * way[1]);
    else if (event.key === "+" || event.key === "=") this.#zoomTo(this.#view.zoom() * STEP);
    else if (event.key === "-") this.#zoomTo(this.#view.zoom() / STEP);
    else if (event.key === "0") this.#fit();
    else if ("124".includes(event.key)) this.#zoomTo(Number(event.key));
    else if (event.key in ends) this.line.value = ends[event.key];
    else if (side) this.line.value = Math.min(100, Math.max(0, this.line.value + side * (event.shiftKey ? LEAP : 1)));
    else return;
    this.#slid();
    event.preventDefault();
    event.stopPropagation();
  }

  /** Where the page itself has to scroll, the wheel zooms with Ctrl alone. */
  #wheel(event) {
    if (!event.ctrlKey && !matchMedia("(min-width: 60rem)").matches) return event.stopPropagation();
    event.preventDefault();
    event.stopPropagation();
    if (this.#view) this.#zoomTo(this.#view.zoom() * STEP ** (-event.deltaY / (event.ctrlKey ? 25 : 100)), this.#place(event));
  }

  #press(event) {
    const box = this.handle.getBoundingClientRect();
    const isOnHandle = !this.root.classList.contains("is-single") && event.clientX >= box.left && event.clientX <= box.right
      && event.clientY >= box.top && event.clientY <= box.bottom;
    if (isOnHandle) return event.stopPropagation(); // the line takes the mouse and touch events that follow
    this.#pointers.set(event.pointerId, event);
    if (this.#pointers.size === 2) this.#isFit = false;
    if (this.#isFit) return;
    this.surface.setPointerCapture(event.pointerId);
    this.root.classList.add("is-panning");
  }

  #drag(event) {
    const before = this.#pointers.get(event.pointerId);
    if (!before || !this.#view) return;
    this.#pointers.set(event.pointerId, event);
    if (this.#isFit) return;
    const other = [...this.#pointers.values()].find(({ pointerId }) => pointerId !== event.pointerId);
    if (other) {
      const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      const [x, y] = this.#place(other);
      const [right, down] = this.#place(event);
      this.#zoomTo((this.#view.zoom() * apart(event)) / Math.max(1, apart(before)), [(x + right) / 2, (y + down) / 2]);
    } else this.#view.panBy(event.clientX - before.clientX, event.clientY - before.clientY);
  }

  #release(event) {
    this.#pointers.delete(event.pointerId);
    this.root.classList.toggle("is-panning", this.#pointers.size > 0 && !this.#isFit);
  }

  /** @returns {[number, number]} */
  #place(event) {
    const box = this.surface.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}

/** Two pictures of any size, of which only the tiles in sight are fetched: OpenSeadragon. */

const SCRIPT = "static/parts/openseadragon/openseadragon.js";

/** @type {Promise<void>|null} */
let loaded = null;

/** The same promises as flat.js. */
export async function openDeep(layers, size, sides, on) {
  await (loaded ??= load());
  const viewers = sides.map((side, index) => open(layers[index], side));
  await Promise.all(viewers.map((viewer) => opened(viewer, on.failed)));
  const lead = viewers.at(-1).viewport;
  for (const viewer of viewers) cover(viewer, size);
  const all = (move) => {
    for (const { viewport } of viewers) (move(viewport), viewport.applyConstraints(true));
    on.changed();
  };
  const scale = () => (lead.getZoom() * lead.getContainerSize().x) / size.width; // CSS px of a pixel

  return {
    fit: () => all((viewport) => {
      viewport.fitBounds(new OpenSeadragon.Rect(0, 0, 1, size.height / size.width), true);
      const most = size.width / viewport.getContainerSize().x;
      if (viewport.getZoom() > most) viewport.zoomTo(most, null, true);
    }),
    zoomTo: (zoom, at) => all((viewport) => {
      const wanted = (zoom / window.devicePixelRatio) * (size.width / viewport.getContainerSize().x);
      viewport.zoomTo(wanted, at && viewport.pointFromPixel(new OpenSeadragon.Point(...at)), true);
    }),
    panBy: (x, y) => all((viewport) => {
      viewport.panBy(viewport.deltaPointsFromPixels(new OpenSeadragon.Point(-x, -y)), true);
    }),
    zoom: () => scale() * window.devicePixelRatio,
    resized: on.changed,
    close: () => viewers.forEach((viewer) => viewer.destroy()),
  };
}

/** One viewer that does what we say: gestures and keys are the light table's, for both alike. */
function open(layer, side) {
  const element = document.createElement("div");
  element.className = "deep";
  element.role = "img";
  element.ariaLabel = side.label;
  layer.replaceChildren(element);
  return OpenSeadragon({
    element,
    tileSources: side.deep,
    tabIndex: "",
    drawer: "canvas",
    showNavigationControl: false,
    mouseNavEnabled: false,
    immediateRender: true,
    animationTime: 0,
    visibilityRatio: 1,
    constrainDuringPan: true,
    minZoomImageRatio: 0.5,
    maxZoomPixelRatio: 64,
  });
}

/** The picture in a frame of this size's shape, cut evenly where it reaches beyond. */
function cover(viewer, size) {
  const item = viewer.world.getItemAt(0);
  if (!item) return;
  const own = item.getContentSize();
  const width = Math.max(1, (size.height / size.width) * (own.x / own.y));
  const height = width * (own.y / own.x);
  item.setWidth(width, true);
  const [left, top] = [(1 - width) / 2, (size.height / size.width - height) / 2];
  item.setPosition(new OpenSeadragon.Point(left, top), true);
  const pixel = own.x / width; // of its own, in a unit of the viewport
  item.setClip(new OpenSeadragon.Rect(-left * pixel, -top * pixel, pixel, pixel * (size.height / size.width)));
}

const opened = (viewer, failed) =>
  new Promise((done) => {
    viewer.addOnceHandler("open", done);
    viewer.addOnceHandler("open-failed", () => (failed(), done()));
  });

function load() {
  // OpenSeadragon adds a <style>, which our Content-Security-Policy blocks, unless it finds one:
  // this is found, and is none.
  const none = document.createElementNS("about:blank", "style");
  none.setAttribute("data-openseadragon-mobile-css", "");
  document.head.append(none);
  return new Promise((done, fail) => {
    const script = document.createElement("script");
    script.src = SCRIPT;
    script.onload = () => done();
    script.onerror = () => fail(new Error("OpenSeadragon could not be loaded"));
    document.head.append(script);
  });
}

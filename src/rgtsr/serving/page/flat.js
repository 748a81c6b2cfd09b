/** Two whole images, placed to the pixel. */

/** @type {(layers: HTMLElement[], size: import("./light-table.js").Size,
 *   sides: import("./light-table.js").Side[], on: {changed: () => void, failed: () => void})
 *   => Promise<import("./light-table.js").View>} */
export async function openFlat(layers, size, sides, on) {
  const images = sides.map((side) => {
    const image = new Image();
    image.alt = side.label;
    image.draggable = false;
    image.onerror = on.failed;
    image.src = side.image;
    return image;
  });
  images.forEach((image, index) => layers[index].replaceChildren(image));
  let [scale, left, top] = [1, 0, 0]; // CSS pixels of a pixel of the picture; where its corner lies
  const room = () => [layers.at(-1).clientWidth, layers.at(-1).clientHeight];

  function place() {
    const [wide, high] = room();
    left = within(left, wide, size.width * scale);
    top = within(top, high, size.height * scale);
    const grid = window.devicePixelRatio;
    for (const { style } of images) {
      style.left = `${Math.round(left * grid) / grid}px`;
      style.top = `${Math.round(top * grid) / grid}px`;
      style.width = `${size.width * scale}px`;
      style.height = `${size.height * scale}px`;
    }
    on.changed();
  }

  return {
    fit() {
      const [wide, high] = room();
      scale = Math.min(1, wide / size.width, high / size.height);
      place();
    },
    zoomTo(zoom, at = room().map((length) => length / 2)) {
      const factor = zoom / window.devicePixelRatio / scale;
      [left, top] = [at[0] - factor * (at[0] - left), at[1] - factor * (at[1] - top)];
      scale *= factor;
      place();
    },
    panBy(x, y) {
      left += x;
      top += y;
      place();
    },
    zoom: () => scale * window.devicePixelRatio,
    resized: place,
    close() {
      for (const image of images) image.onerror = null;
    },
  };
}

/** The nearest start at which a length fills the room, or stands in its middle. */
const within = (start, room, length) =>
  length <= room ? (room - length) / 2 : Math.min(0, Math.max(room - length, start));

// The picture with its masks on a canvas: zoom, pan, brush and eraser.
import { decode, encode } from "./rle.js";

// Bright, apart from each other and from soil, leaves and water.
const COLOURS = [
  [255, 64, 64], [0, 200, 255], [255, 220, 0], [255, 64, 220], [64, 255, 96],
  [255, 140, 0], [150, 110, 255], [255, 255, 255],
];
const FILL_ALPHA = 90;
const STROKES_KEPT = 50;
const EDGE_PX = 8; // around a picture that is fitted
const TOOLS_PX = 64; // below it, where the tools are

export const colourOf = (target) => `rgb(${COLOURS[target % COLOURS.length].join(" ")})`;

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.image = null;
    this.layers = [];
    this.shown = true;
    this.tool = "hand";
    this.radius = 8;
    this.target = 0;
    this.correctable = false;
    this.onChange = () => {};
    this.#listen();
    new ResizeObserver(() => this.#resize()).observe(canvas);
  }

  /** Show an image (or null) with masks; `corrections` has one entry a mask or is empty. */
  show(image, masks, corrections, correctable) {
    this.image = image;
    this.correctable = correctable && image !== null;
    this.target = 0;
    this.strokes = [];
    this.layers = masks.map((rle, index) => {
      const [height, width] = rle.size;
      const surface = new OffscreenCanvas(width, height);
      const layer = {
        height, width, surface, visible: true,
        original: decode(rle),
        mask: decode(corrections[index] ?? rle),
        colour: COLOURS[index % COLOURS.length],
        context: surface.getContext("2d"),
      };
      paint(layer, 0, 0, width, height);
      return layer;
    });
    this.fit();
  }

  /** The corrected masks as run lengths, null where a mask is as it was; [] if all are. */
  corrections() {
    const changed = this.layers.map((layer) =>
      layer.mask.some((value, i) => value !== layer.original[i])
        ? encode(layer.mask, layer.height, layer.width) : null);
    return changed.some((mask) => mask !== null) ? changed : [];
  }

  undoStroke() {
    const stroke = this.strokes?.pop();
    if (!stroke) return false;
    const layer = this.layers[stroke.target];
    layer.mask = stroke.before;
    paint(layer, 0, 0, layer.width, layer.height);
    this.#changed();
    return true;
  }

  fit() {
    const { width, height } = this.#imageSize();
    const free = Math.max(1, this.canvas.clientHeight - TOOLS_PX);
    this.scale = Math.min((this.canvas.clientWidth - 2 * EDGE_PX) / width, (free - EDGE_PX) / height);
    this.x = (this.canvas.clientWidth - width * this.scale) / 2;
    this.y = (free + EDGE_PX - height * this.scale) / 2;
    this.draw();
  }

  zoom(factor, x = this.canvas.clientWidth / 2, y = this.canvas.clientHeight / 2) {
    const scale = Math.min(64, Math.max(0.02, this.scale * factor));
    this.x = x - ((x - this.x) * scale) / this.scale;
    this.y = y - ((y - this.y) * scale) / this.scale;
    this.scale = scale;
    this.draw();
  }

  draw() {
    const { context, canvas } = this;
    const ratio = window.devicePixelRatio;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    if (!this.image) return;
    const { width, height } = this.#imageSize();
    context.setTransform(ratio * this.scale, 0, 0, ratio * this.scale, ratio * this.x, ratio * this.y);
    context.imageSmoothingEnabled = this.scale * ratio < 2; // enlarged pixels stay pixels
    context.drawImage(this.image, 0, 0, width, height);
    context.imageSmoothingEnabled = false;
    for (const layer of this.layers) {
      if (this.shown && layer.visible) context.drawImage(layer.surface, 0, 0, width, height);
    }
    if (this.tool !== "hand" && this.cursor) this.#drawCursor();
  }

  #drawCursor() {
    const { context } = this;
    context.beginPath();
    context.arc(this.cursor.x, this.cursor.y, this.radius, 0, 2 * Math.PI);
    context.lineWidth = 3 / this.scale;
    context.strokeStyle = "rgb(0 0 0 / 60%)";
    context.stroke();
    context.lineWidth = 1.5 / this.scale;
    context.strokeStyle = this.tool === "brush" ? "white" : "tomato";
    context.stroke();
  }

  #imageSize() {
    return { width: this.image?.width ?? 1, height: this.image?.height ?? 1 };
  }

  #resize() {
    const ratio = window.devicePixelRatio;
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    this.fit();
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - box.left, event.clientY - box.top];
    return { left: x, top: y, x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  #listen() {
    const { canvas } = this;
    let last = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = this.#place(event);
      this.painting = event.button === 0 && !this.holding && this.tool !== "hand"
        && this.correctable && this.layers.length > 0;
      if (this.painting) {
        this.strokes.push({ target: this.target, before: this.layers[this.target].mask.slice() });
        if (this.strokes.length > STROKES_KEPT) this.strokes.shift();
        this.#stroke(last, last);
      }
    });
    canvas.addEventListener("pointermove", (event) => {
      const now = this.#place(event);
      this.cursor = now;
      if (last && this.painting) {
        this.#stroke(last, now);
        last = now;
      } else if (last) {
        this.x += now.left - last.left;
        this.y += now.top - last.top;
        last = this.#place(event);
      }
      this.draw();
    });
    const stop = () => {
      if (this.painting) this.#changed();
      last = null;
      this.painting = false;
    };
    canvas.addEventListener("pointerup", stop);
    canvas.addEventListener("pointercancel", stop);
    canvas.addEventListener("pointerleave", () => { this.cursor = null; this.draw(); });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const { left, top } = this.#place(event);
      this.zoom(Math.exp(-event.deltaY / 500), left, top);
    }, { passive: false });
  }

  /** Set or clear the pixels whose centre is within the radius of a line. */
  #stroke(from, to) {
    const layer = this.layers[this.target];
    const value = this.tool === "brush" ? 1 : 0;
    const r = this.radius;
    const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - r));
    const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - r));
    const right = Math.min(layer.width, Math.ceil(Math.max(from.x, to.x) + r));
    const bottom = Math.min(layer.height, Math.ceil(Math.max(from.y, to.y) + r));
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const length = dx * dx + dy * dy;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) {
        const [px, py] = [x + 0.5 - from.x, y + 0.5 - from.y];
        const along = length ? Math.min(1, Math.max(0, (px * dx + py * dy) / length)) : 0;
        if ((px - along * dx) ** 2 + (py - along * dy) ** 2 <= r * r) {
          layer.mask[y * layer.width + x] = value;
        }
      }
    }
    paint(layer, left - 1, top - 1, right + 1, bottom + 1);
    this.draw();
  }

  #changed() {
    this.draw();
    this.onChange();
  }
}

/** Bring a part of a layer's surface up to date: a clear outline, a thin filling. */
function paint(layer, left, top, right, bottom) {
  const { mask, width, height, colour } = layer;
  [left, top] = [Math.max(0, left), Math.max(0, top)];
  [right, bottom] = [Math.min(width, right), Math.min(height, bottom)];
  if (right <= left || bottom <= top) return;
  const pixels = new ImageData(right - left, bottom - top);
  const at = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x];
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      if (!mask[y * width + x]) continue;
      const within = at(x - 1, y) && at(x + 1, y) && at(x, y - 1) && at(x, y + 1);
      const place = 4 * ((y - top) * (right - left) + x - left);
      pixels.data.set(colour, place);
      pixels.data[place + 3] = within ? FILL_ALPHA : 255;
    }
  }
  layer.context.putImageData(pixels, left, top);
}

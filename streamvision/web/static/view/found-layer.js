// A canvas over a picture, on which what was found is drawn in the page's own resolution, and what can be pointed at there.

import { drawScene } from "./draw.js";
import { objectAt } from "./followed.js";
import { Past } from "./past.js";

export class FoundLayer {
  past = new Past();
  #canvas;
  #picture;
  #onSeen;
  #size = { width: 0, height: 0 }; // of the canvas, in pixels of the page
  #given = null;
  #seen = [];
  #observer;

  // `canvas` is as large as what shows the picture, and both keep the picture's shape (object-fit: contain). `picture` is
  // what shows it; `onSeen(seen, result)` is told of the objects, and gives the one to be shown as chosen, or null.
  constructor(canvas, { picture, onSeen = () => null }) {
    this.#canvas = canvas;
    this.#picture = picture;
    this.#onSeen = onSeen;
    this.#observer = new ResizeObserver(([{ contentRect }]) => {
      this.#size = { width: contentRect.width, height: contentRect.height };
      this.redraw();
    });
    this.#observer.observe(canvas);
  }

  // How large the canvas is, {width, height} in pixels of the page.
  get size() {
    return this.#size;
  }

  // The objects as they are drawn, the largest first.
  get seen() {
    return this.#seen;
  }

  // Of which result they are; null where nothing is known of the picture.
  get result() {
    return this.#given?.result ?? null;
  }

  // Draws {result, scene, style, shape, isDrawn}: as drawScene() takes them; `shape` is [width, height] of the picture.
  draw(given) {
    this.#given = given;
    this.redraw();
  }

  redraw() {
    if (!this.#given) return;
    const { result, shape, ...rest } = this.#given;
    const ratio = window.devicePixelRatio || 1;
    const scale = result ? Math.min(this.#size.width / shape[0], this.#size.height / shape[1]) * ratio : 0;
    const pen = this.#cleared(Math.round(shape[0] * scale) || 0, Math.round(shape[1] * scale) || 0);
    const choose = (seen) => {
      this.#seen = seen;
      return this.#onSeen(seen, result);
    };
    if (scale > 0) drawScene(pen, { result, ...rest, ratio, picture: this.#picture, past: this.past, choose });
    else choose([]);
  }

  // The object at which an event points, or null.
  at({ clientX, clientY }) {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    const { width: across, height: down } = this.#canvas;
    const scale = Math.min(width / across, height / down);
    if (!(scale > 0)) return null;
    const begin = [left + (width - across * scale) / 2, top + (height - down * scale) / 2];
    return objectAt(this.#seen, [(clientX - begin[0]) / scale, (clientY - begin[1]) / scale], 6 / scale);
  }

  close() {
    this.#observer.disconnect();
  }

  #cleared(width, height) {
    const pen = this.#canvas.getContext("2d");
    if (this.#canvas.width === width && this.#canvas.height === height) {
      pen.clearRect(0, 0, width, height);
    } else {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    return pen;
  }
}

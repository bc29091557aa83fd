// The masks of one stream, over its picture and by name, while they are not edited.

import { node } from "./dom.js";
import { regionShape } from "./shapes.js";

const WIDTH = 1000; // of the drawing

export class MaskView {
  #drawing;
  #canvas;
  #section;
  #list;
  #masks = [];

  constructor(element) {
    this.#drawing = element.querySelector(".masks");
    this.#canvas = element.querySelector("canvas.picture");
    this.#section = element.querySelector(".mask-section");
    this.#list = element.querySelector(".mask-names");
    new ResizeObserver(() => this.fit()).observe(this.#drawing);
  }

  show(masks) {
    this.#masks = masks;
    this.#section.hidden = !masks.length;
    this.#list.replaceChildren(...masks.map(({ name }) => node("li", { text: name })));
    this.fit();
  }

  // Draws them anew for the shape of the picture.
  fit() {
    const height = (WIDTH * this.#canvas.height) / this.#canvas.width;
    const unit = WIDTH / (this.#drawing.getBoundingClientRect().width || WIDTH);
    const placed = this.#masks.map((mask, index) => ({ ...mask, kind: "mask", index, points: mask.points.map(([x, y]) => [x * WIDTH, y * height]) }));
    this.#drawing.setAttribute("viewBox", `0 0 ${WIDTH} ${height}`);
    this.#drawing.replaceChildren(...placed.map((mask) => regionShape(mask, unit)));
  }
}

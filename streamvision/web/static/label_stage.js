// The stage: the picture, as large as it fits or as somebody has zoomed it, and the boxes over it as SVG, in pixels of the screen.

import { HANDLES, handlePoint } from "./label_boxes.js";
import { fitted, panned, seenOf, toPicture, toStage, zoomed } from "./label_view.js";
import { percent } from "./format.js";
import { placeLabels } from "./view/labels.js";
import { colourOf, wordsOn } from "./view/palette.js";

const SVG = "http://www.w3.org/2000/svg";
const HANDLE_PX = 5; // half of its side
const SMALL_PX = 48; // side of a box
const FONT_PX = 13;
const NAME_GAP_PX = 4;
const SHARP_SCALE = 3; // from which on pixels are shown as squares
const MEASURE = document.createElement("canvas").getContext("2d");

export class Stage {
  #element;
  #picture;
  #svg;
  #size = [1, 1];
  #view = { scale: 1, x: 0, y: 0 };
  #isFitted = true;
  #shown = { marks: [], chosen: null, classes: [], drawn: null };
  #hasNames = true;

  constructor(element) {
    this.#element = element;
    this.#picture = element.querySelector("img");
    this.#svg = element.querySelector("svg");
    new ResizeObserver(() => (this.#isFitted ? this.fit() : this.#paint())).observe(element);
  }

  get size() {
    return this.#size;
  }

  get scale() {
    return this.#view.scale;
  }

  // What of the picture is seen, as a box.
  get seen() {
    return seenOf(this.#view, this.#size, this.#room);
  }

  get #room() {
    return [this.#element.clientWidth || 1, this.#element.clientHeight || 1];
  }

  // Shows another picture, a Blob of [width, height]; resolves once its pixels are there.
  async open(blob, size, words) {
    this.#size = size;
    this.#picture.alt = words;
    URL.revokeObjectURL(this.#picture.src);
    this.#picture.src = URL.createObjectURL(blob);
    this.#shown = { ...this.#shown, marks: [], chosen: null, drawn: null };
    this.fit();
    await this.#picture.decode();
    this.#picture.hidden = false;
  }

  close() {
    this.#picture.hidden = true;
    this.show({ marks: [], chosen: null, drawn: null });
  }

  // Marks to draw, the number of the one that is taken or null, names of all classes in order, and the box being drawn.
  show(shown) {
    this.#shown = { ...this.#shown, ...shown };
    this.#paint();
  }

  // Shows or hides the names of the boxes, which cover what is beside them.
  switchNames() {
    this.#hasNames = !this.#hasNames;
    this.#paint();
  }

  fit() {
    this.#isFitted = true;
    this.#look(fitted(this.#size, this.#room));
  }

  zoom(factor, at = this.#room.map((side) => side / 2)) {
    const view = zoomed(this.#view, factor, at, this.#size, this.#room);
    this.#isFitted = view.scale === fitted(this.#size, this.#room).scale;
    this.#look(view);
  }

  // Larger or smaller around the middle of a box.
  zoomAround([left, top, right, bottom], factor) {
    this.zoom(factor, toStage(this.#view, [(left + right) / 2, (top + bottom) / 2]));
  }

  pan(dx, dy) {
    if (this.#isFitted) return;
    this.#look(panned(this.#view, dx, dy, this.#size, this.#room));
  }

  // By a share of what is seen.
  panBy(x, y) {
    this.pan(...this.#room.map((side, at) => -side * [x, y][at]));
  }

  // Where a pointer is: on the stage and in the picture.
  pointOf({ clientX, clientY }) {
    const { left, top } = this.#element.getBoundingClientRect();
    const stage = [clientX - left - this.#element.clientLeft, clientY - top - this.#element.clientTop];
    return { stage, picture: toPicture(this.#view, stage) };
  }

  // The handle of a box at a point of the stage, or null.
  handleAt(box, point, reach_px) {
    const distance = (handle) => {
      const [x, y] = toStage(this.#view, handlePoint(box, handle));
      return Math.max(Math.abs(x - point[0]), Math.abs(y - point[1]));
    };
    const [nearest] = HANDLES.map((handle) => [handle, distance(handle)]).sort((a, b) => a[1] - b[1]);
    const [left, top] = toStage(this.#view, box);
    const [right, bottom] = toStage(this.#view, box.slice(2));
    const middle = Math.min(right - left, bottom - top) / 3; // of a small box the middle still moves it
    const isInside = point[0] > left && point[0] < right && point[1] > top && point[1] < bottom;
    return nearest[1] <= (isInside ? Math.min(reach_px, middle) : reach_px) ? nearest[0] : null;
  }

  #look(view) {
    this.#view = view;
    const [width, height] = this.#size;
    const { style, classList } = this.#picture;
    [style.width, style.height] = [`${width * view.scale}px`, `${height * view.scale}px`];
    style.transform = `translate(${view.x}px, ${view.y}px)`;
    classList.toggle("sharp", view.scale >= SHARP_SCALE);
    this.#paint();
  }

  #paint() {
    const { marks, chosen, classes, drawn } = this.#shown;
    const order = marks.map((_, number) => number).filter((number) => number !== chosen);
    if (chosen !== null && marks[chosen]) order.push(chosen); // in front of all others
    const shapes = order.map((number) => this.#mark(marks[number], number, number === chosen, classes));
    if (drawn) shapes.push(...this.#frame(drawn.box, colourOf(classes.indexOf(drawn.className)), "drawn"));
    else if (this.#hasNames) shapes.push(...this.#names(order.reverse().map((number) => marks[number]), classes));
    this.#svg.replaceChildren(...shapes);
  }

  #mark({ box, className, confirmed }, number, isChosen, classes) {
    const colour = colourOf(classes.indexOf(className));
    const group = make("g", { class: `${confirmed ? "confirmed" : "proposed"}${isChosen ? " chosen" : ""}`, "data-number": number });
    group.append(...this.#frame(box, colour, "edge", isChosen));
    if (isChosen) group.append(...this.#handles(box, colour));
    return group;
  }

  #frame(box, colour, look, isFilled = false) {
    const [x, y] = toStage(this.#view, box);
    const [right, bottom] = toStage(this.#view, box.slice(2));
    const place = { x, y, width: Math.max(0, right - x), height: Math.max(0, bottom - y) };
    return [
      make("rect", { ...place, class: "ground" }),
      make("rect", { ...place, class: look, stroke: colour, fill: isFilled ? `${colour}22` : "none" }),
    ];
  }

  // The names of marks beside their boxes, and not on each other while there is room; the first is the most important.
  #names(marks, classes) {
    MEASURE.font = `600 ${FONT_PX}px ${getComputedStyle(this.#element).fontFamily}`;
    const words = marks.map(({ className, score, confirmed }) => (score === null || confirmed ? className : `${className} ${percent(Math.round(score * 100) / 100)}`));
    const sizes = words.map((text) => [Math.ceil(MEASURE.measureText(text).width) + 2 * NAME_GAP_PX, FONT_PX + 6]);
    const boxes = marks.map(({ box }) => [...toStage(this.#view, box), ...toStage(this.#view, box.slice(2))]);
    const places = placeLabels(boxes, sizes, { picture: [0, 0, ...this.#room], taken: [], gap: 2 });
    return marks.flatMap(({ className }, at) => {
      const colour = colourOf(classes.indexOf(className));
      const [{ left: x, top: y }, [width, height]] = [places[at], sizes[at]];
      const text = make("text", { x: x + NAME_GAP_PX, y: y + FONT_PX, "font-size": FONT_PX, fill: wordsOn(colour) });
      text.textContent = words[at];
      return [make("rect", { x, y, width, height, fill: colour, class: "name" }), text];
    });
  }

  // Of a box that is small on the screen only the corners, and small ones: what is in it is to be seen.
  #handles(box, colour) {
    const isSmall = Math.min(box[2] - box[0], box[3] - box[1]) * this.#view.scale < SMALL_PX;
    const half = isSmall ? HANDLE_PX / 2 : HANDLE_PX;
    return HANDLES.filter((handle) => !isSmall || handle.length === 2).map((handle) => {
      const [x, y] = toStage(this.#view, handlePoint(box, handle));
      return make("rect", { x: x - half, y: y - half, width: 2 * half, height: 2 * half, class: "handle", stroke: colour });
    });
  }
}

function make(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

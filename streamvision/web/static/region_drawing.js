// One region, drawn over a picture: by clicks, by a drag (a rectangle), or by keys.

import { crossShape, NEAR_PX, unfinishedShape } from "./shapes.js";

const WIDTH = 1000; // of the drawing
const STEP = 0.02; // of the picture, for an arrow key; with Shift five
const MOST_CORNERS = 64;
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
export const HINT = "Drag a rectangle, or click corners and the first again. Keys: arrows move the cross, Space sets a corner, Enter closes, Escape ends.";

export class RegionDrawing {
  #svg;
  #tell;
  #corners = []; // in fractions of the picture
  #region = null;
  #cross = [0.5, 0.5];
  #from = null;
  #open = false;

  // `tell` has: done(points), ended().
  constructor(svg, tell) {
    this.#svg = svg;
    this.#tell = tell;
    svg.addEventListener("pointerdown", (event) => this.#press(event));
    svg.addEventListener("pointermove", (event) => this.#move(event));
    svg.addEventListener("pointerup", (event) => this.#release(event));
    svg.addEventListener("keydown", (event) => this.#key(event));
    new ResizeObserver(() => this.#paint()).observe(svg);
  }

  get region() {
    return this.#region;
  }

  open() {
    this.#open = true;
    this.#region = null;
    this.#corners = [];
    this.#svg.removeAttribute("hidden");
    this.#svg.classList.add("open");
    this.#svg.tabIndex = 0;
    this.#svg.focus({ preventScroll: true });
    this.#paint();
  }

  // Draws no more; a region that is finished stays in sight.
  close() {
    this.#open = false;
    this.#corners = [];
    this.#svg.classList.remove("open");
    this.#svg.tabIndex = -1;
    this.#svg.toggleAttribute("hidden", this.#region === null);
    this.#paint();
    this.#tell.ended();
  }

  #press(event) {
    if (!this.#open || event.button) return;
    event.preventDefault();
    this.#svg.setPointerCapture(event.pointerId);
    this.#from = this.#pointOf(event);
  }

  #move(event) {
    if (!this.#open || !this.#from) return;
    const to = this.#pointOf(event);
    if (!this.#corners.length && this.#apart(this.#from, to) > NEAR_PX) this.#paint(rectangle(this.#from, to));
  }

  #release(event) {
    if (!this.#open || !this.#from) return;
    const [from, to] = [this.#from, this.#pointOf(event)];
    this.#from = null;
    if (!this.#corners.length && this.#apart(from, to) > NEAR_PX) return this.#finish(rectangle(from, to));
    if (this.#corners.length >= 3 && this.#apart(to, this.#corners[0]) < NEAR_PX) return this.#finish(this.#corners);
    this.#set(to);
  }

  #key(event) {
    if (!this.#open || event.altKey || event.ctrlKey || event.metaKey) return;
    const arrow = ARROWS[event.key];
    if (arrow) this.#cross = this.#cross.map((value, axis) => clamp(value + arrow[axis] * (event.shiftKey ? 5 : 1)));
    else if (event.key === " ") this.#set(this.#cross);
    else if (event.key === "Enter" && this.#corners.length >= 3) return this.#finish(this.#corners);
    else if (event.key === "Escape") return this.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
    this.#paint();
  }

  #set(point) {
    if (this.#corners.length < MOST_CORNERS) this.#corners = [...this.#corners, point];
    this.#paint();
  }

  #finish(points) {
    this.#region = points.map((point) => point.map((value) => Number(value.toFixed(4))));
    this.close();
    this.#tell.done(this.#region);
  }

  #paint(unfinished = this.#corners) {
    const { width, height } = this.#svg.getBoundingClientRect();
    if (!width) return;
    const size = [WIDTH, (WIDTH * height) / width];
    this.#svg.setAttribute("viewBox", `0 0 ${size[0]} ${size[1]}`);
    const unit = WIDTH / width;
    const place = (point) => point.map((value, axis) => value * size[axis]);
    const parts = [];
    if (this.#region) parts.push(closed(this.#region.map(place)));
    if (unfinished.length) parts.push(unfinishedShape(unfinished.map(place), unit));
    if (this.#open) parts.push(crossShape(place(this.#cross), unit));
    this.#svg.replaceChildren(...parts);
  }

  #pointOf(event) {
    const { left, top, width, height } = this.#svg.getBoundingClientRect();
    return [clamp((event.clientX - left) / width), clamp((event.clientY - top) / height)];
  }

  #apart([ax, ay], [bx, by]) {
    const { width, height } = this.#svg.getBoundingClientRect();
    return Math.hypot((ax - bx) * width, (ay - by) * height);
  }
}

const clamp = (value) => Math.min(1, Math.max(0, value));
const rectangle = ([ax, ay], [bx, by]) => [[ax, ay], [bx, ay], [bx, by], [ax, by]];

function closed(points) {
  const shape = document.createElementNS("http://www.w3.org/2000/svg", "polygon");
  shape.setAttribute("points", points.map((point) => point.join(",")).join(" "));
  shape.setAttribute("class", "edge");
  return shape;
}

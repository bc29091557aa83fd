// Draws lines and zones over the picture of one stream: with mouse, pen or finger, applied as soon as they are let go.

import { KINDS, moved, withChange, withCorner, withoutRegion, withRegion } from "./regions.js";

const SVG = "http://www.w3.org/2000/svg";
const HANDLE_PX = 7;
const TOUCH_PX = 18;
const NEAR_PX = 12;
const HINTS = {
  select: "Drag a line, a zone or a corner to move it.",
  line: "Draw a line from one end to the other; the arrow is its first direction.",
  zone: "Click the corners of the zone one after the other; click the first again, or press Enter, to close it.",
};

export class Editor {
  #element;
  #svg;
  #canvas;
  #url;
  #config = null;
  #selected = null; // {kind, index}
  #mode = "select";
  #corners = []; // points of what is being drawn, in fractions of the picture
  #drag = null;
  #sending = Promise.resolve();

  constructor(element, id) {
    this.#element = element;
    this.#svg = this.#find(".drawing");
    this.#canvas = this.#find("canvas.picture");
    this.#url = `/api/streams/${encodeURIComponent(id)}/analytics`;
    this.#find(".edit").addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    this.#find(".done").addEventListener("click", () => this.close());
    for (const button of element.querySelectorAll("[data-mode]")) {
      button.addEventListener("click", () => this.#enter(button.dataset.mode));
    }
    this.#find(".remove").addEventListener("click", () => this.#remove());
    this.#find(".turn").addEventListener("click", () => this.#change({ points: [...this.#region().points].reverse() }));
    this.#find(".copy").addEventListener("click", () => this.#copy());
    this.#find(".close-yaml").addEventListener("click", () => this.#find(".yaml").close());
    for (const input of element.querySelectorAll(".properties [name]")) {
      input.addEventListener("change", () => this.#change({ [input.name]: valueOf(input) }));
    }
    this.#svg.addEventListener("pointerdown", (event) => this.#press(event));
    this.#svg.addEventListener("pointermove", (event) => this.#move(event));
    this.#svg.addEventListener("pointerup", (event) => this.#release(event));
    this.#svg.addEventListener("pointercancel", () => this.#cancel());
    addEventListener("keydown", (event) => this.#key(event), { capture: true });
    new ResizeObserver(() => this.isOpen && this.#paint()).observe(this.#svg);
  }

  get isOpen() {
    return this.#config !== null;
  }

  async open() {
    const response = await fetch(this.#url, { cache: "no-store" });
    const answer = await response.json();
    if (!response.ok) return this.#say(answer.error, true);
    this.#config = answer.config;
    const choices = answer.classes.map((name) => new Option(name, name));
    this.#find('.properties [name="classes"]').replaceChildren(...choices);
    this.#element.classList.add("editing");
    this.#find(".edit").setAttribute("aria-pressed", "true");
    this.#enter("select");
  }

  close() {
    this.#config = null;
    this.#selected = null;
    this.#corners = [];
    this.#element.classList.remove("editing");
    this.#find(".edit").setAttribute("aria-pressed", "false");
  }

  #enter(mode) {
    this.#mode = mode;
    this.#corners = [];
    if (mode !== "select") this.#selected = null;
    for (const button of this.#element.querySelectorAll("[data-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    }
    this.#say(HINTS[mode]);
    this.#paint();
  }

  // --- pointer and keys -------------------------------------------------------------------------------------------

  #press(event) {
    if (event.button) return;
    event.preventDefault();
    document.activeElement?.blur(); // what was typed belongs to the region that was selected until now
    this.#svg.setPointerCapture(event.pointerId);
    const point = this.#pointOf(event);
    if (this.#mode === "select") return this.#grab(event, point);
    if (this.#mode === "zone" && this.#corners.length > 2 && this.#near(point, this.#corners[0])) return this.#finish();
    if (this.#mode === "line" && this.#corners.length === 2) return this.#end(point);
    this.#corners = this.#mode === "line" ? [point, point] : [...this.#corners, point];
    this.#paint();
  }

  #grab(event, point) {
    const target = event.target.closest("[data-kind]");
    if (!target) {
      this.#selected = null;
    } else {
      const corner = target.dataset.corner === undefined ? null : Number(target.dataset.corner);
      this.#selected = { kind: target.dataset.kind, index: Number(target.dataset.index) };
      this.#drag = { from: point, corner, points: this.#region().points, before: this.#config };
    }
    this.#paint();
  }

  #move(event) {
    if (!this.isOpen) return;
    const point = this.#pointOf(event);
    if (this.#drag) {
      const { from, corner, points } = this.#drag;
      const changed = corner === null ? moved(points, point[0] - from[0], point[1] - from[1]) : withCorner(points, corner, point);
      this.#config = withChange(this.#config, this.#selected, { points: changed });
      this.#paint();
    } else if (this.#mode === "line" && this.#corners.length === 2) {
      this.#corners = [this.#corners[0], point];
      this.#paint();
    }
  }

  #release(event) {
    const drag = this.#drag;
    this.#drag = null;
    if (drag) {
      if (this.#config !== drag.before) this.#apply(drag.before);
    } else if (this.#mode === "line" && this.#corners.length === 2) {
      this.#end(this.#pointOf(event)); // a click without a drag leaves the line open, for a second click
    }
  }

  #end(point) {
    if (this.#near(point, this.#corners[0])) return;
    this.#corners = [this.#corners[0], point];
    this.#finish();
  }

  #cancel() {
    if (this.#drag) this.#config = this.#drag.before;
    this.#drag = null;
    this.#corners = [];
    this.#paint();
  }

  #key(event) {
    if (!this.isOpen || event.target.closest?.("input, textarea, dialog")) return;
    const handled = {
      Escape: () => (this.#corners.length || this.#mode !== "select" ? this.#enter("select") : this.close()),
      ...(this.#mode === "zone" && this.#corners.length > 2 && { Enter: () => this.#finish() }),
      Delete: () => this.#selected && this.#remove(),
      Backspace: () => this.#selected && this.#remove(),
      ArrowLeft: () => {},
      ArrowRight: () => {},
    }[event.key];
    if (!handled) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // the page itself moves on by these keys
    handled();
  }

  // --- changes ----------------------------------------------------------------------------------------------------

  #finish() {
    const before = this.#config;
    const kind = this.#mode;
    this.#config = withRegion(before, kind, this.#corners);
    this.#enter("select");
    this.#selected = { kind, index: this.#config[KINDS[kind]].length - 1 };
    this.#apply(before);
  }

  #remove() {
    const before = this.#config;
    this.#config = withoutRegion(before, this.#selected);
    this.#selected = null;
    this.#apply(before);
  }

  #change(change) {
    const before = this.#config;
    this.#config = withChange(before, this.#selected, change);
    this.#apply(before);
  }

  // One after the other: the server must end with what was changed last.
  #apply(before) {
    this.#paint();
    const wanted = this.#config;
    this.#sending = this.#sending.then(async () => {
      try {
        const response = await fetch(this.#url, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify(wanted),
        });
        const answer = await response.json();
        if (!response.ok) throw new Error(answer.error);
        if (this.#config === wanted) this.#config = answer.config;
        this.#say("Applied. It lasts until the program ends: copy it as YAML to keep it.");
      } catch (error) {
        if (this.#config === wanted) this.#config = before;
        this.#say(error.message, true);
      }
      if (this.isOpen) this.#paint();
    });
  }

  async #copy() {
    const response = await fetch(`${this.#url}?form=yaml`, { cache: "no-store" });
    const text = await response.text();
    const box = this.#find(".yaml textarea");
    box.value = text;
    this.#find(".yaml").showModal();
    box.select();
    const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    this.#find(".yaml .hint").textContent = copied ? "It is in the clipboard." : "Select all and copy.";
  }

  // --- drawing ----------------------------------------------------------------------------------------------------

  #paint() {
    const { width, height } = this.#canvas;
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const unit = width / (this.#svg.getBoundingClientRect().width || width); // picture pixels in one of the screen
    const parts = [];
    for (const kind of ["zone", "line"]) {
      this.#config[KINDS[kind]].forEach((region, index) => parts.push(this.#shape(kind, index, region, unit)));
    }
    if (this.#corners.length) parts.push(this.#unfinishedShape(unit));
    this.#svg.replaceChildren(...parts);
    this.#showProperties();
  }

  #shape(kind, index, region, unit) {
    const points = region.points.map((point) => this.#pixels(point));
    const chosen = this.#selected?.kind === kind && this.#selected.index === index;
    const group = make("g", { class: `region ${kind}${region.ignore ? " ignored" : ""}${chosen ? " chosen" : ""}`, "data-kind": kind, "data-index": index });
    const path = points.map((point) => point.join(",")).join(" ");
    const tag = kind === "zone" ? "polygon" : "polyline";
    group.append(make(tag, { points: path, class: "reach", "stroke-width": 2 * NEAR_PX * unit }));
    group.append(make(tag, { points: path, class: "edge" }));
    if (kind === "line") group.append(arrow(points, unit));
    const [x, y] = kind === "line" ? middle(points) : points[0];
    const name = make("text", { x: x + 8 * unit, y: y - 8 * unit, "font-size": 14 * unit });
    name.textContent = region.name;
    group.append(name);
    if (chosen) {
      points.forEach(([cx, cy], corner) => {
        const data = { cx, cy, "data-kind": kind, "data-index": index, "data-corner": corner };
        group.append(make("circle", { ...data, r: HANDLE_PX * unit, class: "handle" }));
        group.append(make("circle", { ...data, r: TOUCH_PX * unit, class: "reach" }));
      });
    }
    return group;
  }

  #unfinishedShape(unit) {
    const points = this.#corners.map((point) => this.#pixels(point));
    const group = make("g", { class: "unfinished" });
    group.append(make("polyline", { points: points.map((point) => point.join(",")).join(" "), class: "edge" }));
    for (const [cx, cy] of points) group.append(make("circle", { cx, cy, r: HANDLE_PX * unit, class: "handle" }));
    return group;
  }

  #showProperties() {
    const region = this.#selected && this.#region();
    this.#find(".properties").hidden = !region;
    this.#find(".remove").disabled = !region;
    if (!region) return;
    this.#find(".properties").dataset.kind = this.#selected.kind;
    for (const input of this.#element.querySelectorAll(".properties [name]")) {
      if (document.activeElement !== input) show(input, region[input.name]);
    }
  }

  #region() {
    return this.#config[KINDS[this.#selected.kind]][this.#selected.index];
  }

  #pixels([x, y]) {
    return [x * this.#canvas.width, y * this.#canvas.height];
  }

  #pointOf(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.#svg.getScreenCTM().inverse());
    const clamp = (value) => Math.min(1, Math.max(0, value));
    return [clamp(at.x / this.#canvas.width), clamp(at.y / this.#canvas.height)];
  }

  #near(a, b) {
    const scale = this.#svg.getScreenCTM().a;
    const [ax, ay] = this.#pixels(a);
    const [bx, by] = this.#pixels(b);
    return Math.hypot(ax - bx, ay - by) * scale < NEAR_PX;
  }

  #say(words, wrong = false) {
    const message = this.#find(".editor-words");
    message.textContent = words;
    message.classList.toggle("wrong", wrong);
  }

  #find(selector) {
    return this.#element.querySelector(selector);
  }
}

// What an input says: text, or a number, or null where a number was taken out; names that are chosen, or null for none.
function valueOf(input) {
  if (input.type === "checkbox") return input.checked;
  if (input.multiple) return input.selectedOptions.length ? Array.from(input.selectedOptions, (option) => option.value) : null;
  if (input.type !== "number") return input.value;
  return input.value === "" ? null : Number(input.value);
}

function show(input, value) {
  if (input.type === "checkbox") input.checked = value ?? false;
  else if (input.multiple) for (const option of input.options) option.selected = value?.includes(option.value) ?? false;
  else input.value = value ?? (input.name === "anchor" ? "bottom" : "");
}

function middle([[x0, y0], [x1, y1]]) {
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}

// Points to the right of the line, seen from its first end: its first direction.
function arrow(points, unit) {
  const [[x0, y0], [x1, y1]] = points;
  const length = Math.hypot(x1 - x0, y1 - y0) || 1;
  const [ax, ay] = [(-(y1 - y0) / length) * 22 * unit, ((x1 - x0) / length) * 22 * unit];
  const [mx, my] = middle(points);
  const [tx, ty] = [mx + ax, my + ay];
  const side = (sign) => `${tx - 0.4 * (ax + sign * ay)},${ty - 0.4 * (ay - sign * ax)}`;
  return make("path", { d: `M${mx},${my}L${tx},${ty}M${side(1)}L${tx},${ty}L${side(-1)}`, class: "edge" });
}

function make(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

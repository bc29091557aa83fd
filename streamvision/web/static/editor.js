// Draws lines, zones and masks over the picture of one stream: with mouse, pen, finger or keys, applied at once.

import { MaskView } from "./masks.js";
import { Properties } from "./properties.js";
import { FEWEST_CORNERS, fraction, KINDS, moved, nudged, withChange, withCorner, withoutRegion, withRegion } from "./regions.js";
import { RegionList } from "./region_list.js";
import { RegionStore } from "./region_store.js";
import { crossShape, NEAR_PX, regionShape, unfinishedShape } from "./shapes.js";

const WIDTH = 1000; // of the drawing: its own, since pictures come larger and smaller as the network has it
const STEP = 0.01; // of the picture, for an arrow key; with Shift five
const REST_MS = 400; // a row of key presses is one change
const SELECT_KEYS = "Keys: arrows move it, Page Down takes one corner after the other, Delete removes it.";
const DRAW_KEYS = "Keys: arrows move the cross, Space sets a corner";
const HINTS = {
  select: `Drag a line, a zone, a mask or a corner to move it. ${SELECT_KEYS}`,
  line: `Draw a line from one end to the other; the arrow is its first direction. ${DRAW_KEYS}.`,
  zone: `Click the corners of the zone; click the first again, or press Enter, to close it. ${DRAW_KEYS}.`,
  mask: `Objects in a mask are not looked at. Click its corners; click the first again, or press Enter, to close it. ${DRAW_KEYS}.`,
};
const ARROWS = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

export class Editor {
  #element;
  #svg;
  #canvas;
  #masks;
  #store;
  #properties;
  #list;
  #size = [WIDTH, WIDTH];
  #config = null;
  #lasting = false;
  #selected = null; // {kind, index}
  #held = null; // the corner that keys move; null: all
  #mode = "select";
  #corners = []; // points of what is being drawn, in fractions of the picture
  #cross = [0.5, 0.5]; // where the keyboard draws
  #drag = null;
  #resting = null; // {timer, before}: keys that were pressed and not yet sent
  #sending = Promise.resolve();
  #onKey = (event) => this.#key(event);

  constructor(element, id) {
    this.#element = element;
    this.#svg = this.#find(".drawing");
    this.#canvas = this.#find("canvas.picture");
    this.#store = new RegionStore(id);
    this.#masks = this.#find(".masks") && new MaskView(element); // only a service has some
    this.#properties = new Properties(this.#find(".properties"), (change) => this.#change(change));
    this.#list = new RegionList(this.#find(".region-list"), (region) => this.#choose(region));
    this.#find(".edit")?.addEventListener("click", () => (this.isOpen ? this.close() : this.open()));
    this.#find(".done").addEventListener("click", () => this.close());
    for (const button of element.querySelectorAll("[data-mode]")) {
      button.addEventListener("click", () => this.#enter(button.dataset.mode));
    }
    this.#find(".remove").addEventListener("click", () => this.#remove());
    this.#find(".turn").addEventListener("click", () => this.#change({ points: [...this.#region().points].reverse() }));
    this.#find(".copy").addEventListener("click", () => this.#copy());
    this.#find(".close-yaml").addEventListener("click", () => this.#find(".yaml").close());
    this.#svg.addEventListener("pointerdown", (event) => this.#press(event));
    this.#svg.addEventListener("pointermove", (event) => this.#move(event));
    this.#svg.addEventListener("pointerup", (event) => this.#release(event));
    this.#svg.addEventListener("pointercancel", () => this.#cancel());
    new ResizeObserver(() => this.isOpen && this.#paint()).observe(this.#svg);
  }

  get isOpen() {
    return this.#config !== null;
  }

  // Shows the masks that there are, while nothing is edited.
  async look() {
    if (!this.#masks) return;
    const masks = await this.#store.masks().catch(() => null); // a page that lost its server says so elsewhere
    if (!this.isOpen) this.#masks.show(masks ?? []);
  }

  // Takes note that pictures come in another shape.
  fit() {
    this.#masks?.fit();
  }

  async open() {
    try {
      const { config, classes, lasting } = await this.#store.load();
      this.#config = config;
      this.#lasting = lasting;
      this.#properties.classes = classes;
    } catch (error) {
      return this.#say(error.message, true);
    }
    this.#find('[data-mode="mask"]').hidden = !this.#lasting;
    this.#element.classList.add("editing");
    this.#find(".edit").setAttribute("aria-pressed", "true");
    addEventListener("keydown", this.#onKey, { capture: true });
    this.#enter("select");
  }

  close() {
    if (!this.isOpen) return;
    this.#settle();
    this.#masks?.show(this.#config.masks);
    this.#config = null;
    this.#selected = null;
    this.#corners = [];
    this.#element.classList.remove("editing");
    this.#find(".edit").setAttribute("aria-pressed", "false");
    removeEventListener("keydown", this.#onKey, { capture: true });
  }

  #enter(mode) {
    this.#settle();
    this.#mode = mode;
    this.#corners = [];
    if (mode !== "select") this.#select(null);
    for (const button of this.#element.querySelectorAll("[data-mode]")) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
    }
    if (mode !== "select") this.#svg.focus({ preventScroll: true });
    this.#say(HINTS[mode]);
    this.#paint();
  }

  #choose(region) {
    this.#enter("select");
    this.#select(region);
    this.#paint();
  }

  #select(region) {
    this.#settle();
    this.#selected = region;
    this.#held = null;
  }

  // --- pointer ----------------------------------------------------------------------------------------------------

  #press(event) {
    if (event.button) return;
    event.preventDefault();
    this.#svg.focus({ preventScroll: true }); // what was typed belongs to the region that was selected until now
    this.#svg.setPointerCapture(event.pointerId);
    const point = this.#pointOf(event);
    if (this.#mode === "select") return this.#grab(event, point);
    const closes = this.#mode !== "line" && this.#complete && this.#near(point, this.#corners[0]);
    if (closes) return this.#finish();
    if (this.#mode === "line" && this.#corners.length === 2) return this.#end(point);
    this.#corners = this.#mode === "line" ? [point, point] : [...this.#corners, point];
    this.#paint();
  }

  #grab(event, point) {
    const target = event.target.closest("[data-kind]");
    if (!target) {
      this.#select(null);
    } else {
      const corner = target.dataset.corner === undefined ? null : Number(target.dataset.corner);
      this.#select({ kind: target.dataset.kind, index: Number(target.dataset.index) });
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

  // --- keys -------------------------------------------------------------------------------------------------------

  #key(event) {
    if (!this.isOpen || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.target.closest?.("input, select, textarea") || document.querySelector(":popover-open, dialog[open]")) return;
    const onControl = event.target.closest?.("button, a");
    const handled = this.#actions(event.shiftKey ? 5 : 1)[event.key];
    if (!handled || (onControl && [" ", "Enter"].includes(event.key))) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // the page itself moves on by these keys
    handled();
  }

  #actions(steps) {
    const arrows = Object.entries(ARROWS).map(([key, [dx, dy]]) => [key, () => this.#step(dx * steps, dy * steps)]);
    return {
      Escape: () => (this.#corners.length || this.#mode !== "select" ? this.#enter("select") : this.close()),
      ...Object.fromEntries(arrows),
      ...(this.#mode === "select" && this.#selected && {
        Delete: () => this.#remove(),
        Backspace: () => this.#remove(),
        PageDown: () => this.#hold(1),
        PageUp: () => this.#hold(-1),
      }),
      ...(this.#mode !== "select" && { " ": () => this.#set(), Enter: () => (this.#complete ? this.#finish() : this.#say(`A ${this.#mode} needs ${FEWEST_CORNERS[this.#mode]} corners or more; ${this.#corners.length} set. ${DRAW_KEYS}.`)) }),
    };
  }

  #step(dx, dy) {
    if (this.#mode !== "select") {
      this.#cross = [fraction(this.#cross[0] + dx), fraction(this.#cross[1] + dy)];
    } else if (this.#selected) {
      const before = this.#resting?.before ?? this.#config;
      clearTimeout(this.#resting?.timer);
      this.#config = withChange(this.#config, this.#selected, { points: nudged(this.#region().points, this.#held, dx, dy) });
      this.#resting = { before, timer: setTimeout(() => this.#settle(), REST_MS) };
    }
    this.#paint();
  }

  // Sends what keys have moved.
  #settle() {
    if (!this.#resting) return;
    const { before, timer } = this.#resting;
    clearTimeout(timer);
    this.#resting = null;
    this.#apply(before);
  }

  // Takes the next corner, and after the last of them all together.
  #hold(by) {
    const corners = this.#region().points.length;
    const place = (this.#held === null ? corners : this.#held) + by + corners + 1;
    this.#held = place % (corners + 1) === corners ? null : place % (corners + 1);
    this.#say(this.#held === null ? "Arrow keys move all of it." : `Arrow keys move corner ${this.#held + 1} of ${corners}.`);
    this.#paint();
  }

  #set() {
    this.#corners = [...this.#corners, this.#cross];
    if (this.#mode === "line" && this.#corners.length === 2) return this.#finish();
    const n = this.#corners.length;
    this.#say(`${n} corner${n === 1 ? "" : "s"} set. ${DRAW_KEYS}${this.#complete ? ", Enter closes it" : ""}.`);
    this.#paint();
  }

  // --- changes ----------------------------------------------------------------------------------------------------

  get #complete() {
    return this.#corners.length >= FEWEST_CORNERS[this.#mode];
  }

  #finish() {
    const before = this.#config;
    const kind = this.#mode;
    this.#config = withRegion(before, kind, this.#corners);
    this.#enter("select");
    this.#select({ kind, index: this.#config[KINDS[kind]].length - 1 });
    this.#apply(before);
  }

  #remove() {
    this.#settle();
    const before = this.#config;
    this.#config = withoutRegion(before, this.#selected);
    this.#select(null);
    this.#apply(before);
  }

  #change(change) {
    this.#settle();
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
        const accepted = await this.#store.save(wanted, before);
        if (this.#config === wanted) this.#config = accepted;
        if (!this.isOpen) this.#masks?.show(accepted.masks);
        this.#say(this.#lasting ? "Applied and saved." : "Applied. It lasts until the program ends: copy it as YAML to keep it.");
      } catch (error) {
        if (this.#config === wanted) this.#config = before;
        if (!this.isOpen) this.#masks?.show(before.masks);
        this.#say(error.message, true);
      }
      if (this.isOpen) this.#paint();
    });
  }

  async #copy() {
    const text = await this.#store.yaml();
    const box = this.#find(".yaml textarea");
    box.value = text;
    this.#find(".yaml").showModal();
    box.select();
    const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    this.#find(".yaml .hint").textContent = copied ? "It is in the clipboard." : "Select all and copy.";
  }

  // --- drawing ----------------------------------------------------------------------------------------------------

  #paint() {
    const [width, height] = (this.#size = [WIDTH, (WIDTH * this.#canvas.height) / this.#canvas.width]);
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const unit = width / (this.#svg.getBoundingClientRect().width || width); // of the drawing, in one pixel of the screen
    const parts = ["mask", "zone", "line"].flatMap((kind) =>
      this.#config[KINDS[kind]].map((region, index) => {
        const points = region.points.map((point) => this.#place(point));
        return regionShape({ ...region, kind, index, points, chosen: this.#isSelected(kind, index), corner: this.#held }, unit);
      }),
    );
    if (this.#corners.length) parts.push(unfinishedShape(this.#corners.map((point) => this.#place(point)), unit));
    if (this.#mode !== "select") parts.push(crossShape(this.#place(this.#cross), unit));
    this.#svg.replaceChildren(...parts);
    this.#showSelected();
  }

  #showSelected() {
    const region = this.#selected && this.#region();
    this.#find(".remove").disabled = !region;
    this.#properties.show(this.#selected?.kind, region);
    this.#list.show(this.#config, this.#selected);
  }

  #isSelected(kind, index) {
    return this.#selected?.kind === kind && this.#selected.index === index;
  }

  #region() {
    return this.#config[KINDS[this.#selected.kind]][this.#selected.index];
  }

  #place([x, y]) {
    return [x * this.#size[0], y * this.#size[1]];
  }

  #pointOf(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.#svg.getScreenCTM().inverse());
    const clamp = (value) => Math.min(1, Math.max(0, value));
    return [clamp(at.x / this.#size[0]), clamp(at.y / this.#size[1])];
  }

  #near(a, b) {
    const scale = this.#svg.getScreenCTM().a;
    const [ax, ay] = this.#place(a);
    const [bx, by] = this.#place(b);
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

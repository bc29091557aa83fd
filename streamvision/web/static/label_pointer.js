// Mouse, pen and fingers on the stage: what is drawn, moved, resized, pushed about and zoomed.

import { isTiny, numbersAt, shifted, spanned, stretched } from "./label_boxes.js";

const CLICK_PX = 4; // a pointer that moves less has clicked
const REACH_PX = { mouse: 8, pen: 12, touch: 22 }; // of a handle
const EDGE_PX = 4; // how far beside a box a click still means it
const WHEEL = 0.0015; // of the zoom, to a pixel of the wheel
const CURSORS = { nw: "nwse-resize", se: "nwse-resize", ne: "nesw-resize", sw: "nesw-resize", n: "ns-resize", s: "ns-resize", e: "ew-resize", w: "ew-resize" };

export class Pointer {
  #element;
  #stage;
  #page;
  #fingers = new Map(); // pointer id -> point on the stage
  #gesture = null;

  // `page`: {marks, chosen, choose(number), draw(box), drawing(box), change(number, box, row), tiny()}.
  constructor(element, stage, page) {
    this.#element = element;
    this.#stage = stage;
    this.#page = page;
    element.addEventListener("pointerdown", (event) => this.#press(event));
    element.addEventListener("pointermove", (event) => this.#move(event));
    element.addEventListener("pointerup", (event) => this.#release(event));
    element.addEventListener("pointercancel", (event) => this.#cancel(event));
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  #press(event) {
    event.preventDefault(); // no text is selected, no picture dragged away
    this.#element.focus({ preventScroll: true });
    this.#element.setPointerCapture(event.pointerId);
    const { stage, picture } = this.#stage.pointOf(event);
    this.#fingers.set(event.pointerId, stage);
    if (this.#fingers.size > 1) return this.#pinch();
    if (event.button) this.#gesture = { kind: "pan", last: stage };
    else this.#gesture = this.#begun(event, stage, picture);
  }

  #begun(event, stage, picture) {
    const { marks, chosen } = this.#page;
    const begin = { stage, picture, isMoved: false, row: `drag ${event.timeStamp}` };
    if (chosen === null) return { kind: "draw", ...begin };
    const { box } = marks[chosen];
    const handle = this.#stage.handleAt(box, stage, REACH_PX[event.pointerType] ?? REACH_PX.mouse);
    if (handle) return { kind: "resize", handle, box, ...begin };
    return numbersAt([box], picture).length ? { kind: "move", box, ...begin } : { kind: "draw", ...begin };
  }

  // A second finger: what the first one has begun is not meant.
  #pinch() {
    if (this.#gesture?.isMoved && this.#gesture.kind !== "draw") this.#page.change(this.#page.chosen, this.#gesture.box, this.#gesture.row);
    this.#page.drawing(null);
    this.#gesture = { kind: "pinch", ...this.#spread() };
  }

  #spread() {
    const [a, b] = [...this.#fingers.values()];
    return { middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2], distance: Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1])) };
  }

  #move(event) {
    const { stage, picture } = this.#stage.pointOf(event);
    if (this.#fingers.has(event.pointerId)) this.#fingers.set(event.pointerId, stage);
    const gesture = this.#gesture;
    if (!gesture) return this.#hover(event, stage, picture);
    if (gesture.kind === "pinch") return this.#pinched(gesture);
    if (gesture.kind === "pan") {
      this.#stage.pan(stage[0] - gesture.last[0], stage[1] - gesture.last[1]);
      gesture.last = stage;
      return;
    }
    gesture.isMoved ||= Math.hypot(stage[0] - gesture.stage[0], stage[1] - gesture.stage[1]) >= CLICK_PX;
    if (gesture.isMoved) this.#drag(gesture, picture);
  }

  #pinched(gesture) {
    if (this.#fingers.size < 2) return;
    const { middle, distance } = this.#spread();
    this.#stage.zoom(distance / gesture.distance, middle);
    this.#stage.pan(middle[0] - gesture.middle[0], middle[1] - gesture.middle[1]);
    Object.assign(gesture, { middle, distance });
  }

  #drag(gesture, picture) {
    const { size } = this.#stage;
    if (gesture.kind === "draw") return this.#page.drawing(spanned(gesture.picture, picture, size));
    const [dx, dy] = [picture[0] - gesture.picture[0], picture[1] - gesture.picture[1]];
    const box = gesture.kind === "move" ? shifted(gesture.box, dx, dy, size) : stretched(gesture.box, gesture.handle, dx, dy, size);
    this.#page.change(this.#page.chosen, box, gesture.row);
  }

  #release(event) {
    const gesture = this.#gesture;
    this.#fingers.delete(event.pointerId);
    if (gesture?.kind === "pinch" && this.#fingers.size) return; // the other finger draws nothing
    this.#gesture = null;
    this.#page.drawing(null);
    if (!gesture || gesture.kind === "pan" || gesture.kind === "pinch") return;
    const { picture } = this.#stage.pointOf(event);
    if (!gesture.isMoved) return this.#click(picture);
    if (gesture.kind !== "draw") return;
    const box = spanned(gesture.picture, picture, this.#stage.size);
    if (isTiny(box)) this.#page.tiny();
    else this.#page.draw(box);
  }

  #cancel(event) {
    const { kind, box, isMoved, row } = this.#gesture ?? {};
    this.#fingers.delete(event.pointerId);
    this.#gesture = null;
    this.#page.drawing(null);
    if (isMoved && box && kind !== "draw") this.#page.change(this.#page.chosen, box, row);
  }

  // Takes the smallest box at a point, or the next larger one where that is taken already.
  #click(picture) {
    const { marks, chosen } = this.#page;
    const found = numbersAt(marks.map(({ box }) => box), picture, EDGE_PX / this.#stage.scale);
    this.#page.choose(found.length ? found[(found.indexOf(chosen) + 1) % found.length] : null);
  }

  #hover(event, stage, picture) {
    const { marks, chosen } = this.#page;
    const box = chosen === null ? null : marks[chosen].box;
    const handle = box && this.#stage.handleAt(box, stage, REACH_PX[event.pointerType] ?? REACH_PX.mouse);
    this.#element.style.cursor = handle ? CURSORS[handle] : box && numbersAt([box], picture).length ? "move" : "crosshair";
  }

  #wheel(event) {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 33 : 1);
    this.#stage.zoom(Math.exp(-pixels * WHEEL), this.#stage.pointOf(event).stage);
  }
}

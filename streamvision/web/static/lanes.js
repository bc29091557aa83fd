// The lanes of the timeline: one for each camera, with what was recorded and what happened; moved by pointer and wheel.

import { node } from "./dom.js";
import { atShare, moved, share, ticks, widthOf, zoomed } from "./timescale.js";

const MARK_PX = 18; // events as near as this are one mark, since its number takes as much room
const NEAR_PX = 9; // of the pointer to a mark
const STILL_PX = 5; // a pointer that moved less was clicked
const WHEEL = 0.0016;
const LEAST_PX = 2; // that a stretch is wide, however short it is

export class Lanes {
  #element;
  #tell;
  #axis = node("div", { look: "axis" });
  #rows = new Map(); // stream -> {row, marks, track}
  #playhead = node("div", { look: "playhead" });
  #band = node("div", { look: "span-band", hidden: true });
  #model = { shown: { since: 0, until: 1 }, stretches: [], events: [], found: [], at: null, stream: null, span: null };
  #clusters = []; // {stream, x, events}
  #pointers = new Map();
  #drag = null;
  #painting = false;

  // `tell` has: show(shown), go(stream, unix_s), open(event), scrub(stream, unix_s, isOver), choose(stream, span), peek(what).
  constructor(element, tell) {
    this.#element = element;
    this.#tell = tell;
    element.append(this.#axis, this.#band, this.#playhead);
    const listen = (name, act) => element.addEventListener(name, act);
    listen("pointerdown", (event) => this.#press(event));
    listen("pointermove", (event) => this.#move(event));
    listen("pointerup", (event) => this.#release(event));
    listen("pointercancel", (event) => this.#forget(event));
    listen("pointerleave", () => this.#tell.peek(null));
    element.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    new ResizeObserver(() => this.update({})).observe(element);
  }

  // Shows a lane for each stream, in this order; `names` by id.
  arrange(streams, names) {
    if (streams.join("\n") === [...this.#rows.keys()].join("\n")) return;
    for (const { row } of this.#rows.values()) row.remove();
    this.#rows = new Map(streams.map((stream) => [stream, this.#row(stream, names[stream] ?? stream)]));
    this.update({});
  }

  // Takes what has changed of what is shown.
  update(change) {
    Object.assign(this.#model, change);
    if (this.#painting) return;
    this.#painting = true;
    requestAnimationFrame(() => {
      this.#painting = false;
      this.#paint();
    });
  }

  #row(stream, name) {
    const parts = { marks: node("div", { look: "marks" }), track: node("div", { look: "track" }) };
    const row = node("div", { look: "lane", children: [node("span", { look: "lane-name", text: name }), parts.marks, parts.track] });
    row.dataset.stream = stream;
    this.#element.append(row);
    return { row, ...parts };
  }

  // --- painting ---------------------------------------------------------------------------------------------------

  get #width_px() {
    return this.#element.clientWidth || 1;
  }

  #paint() {
    const { shown, at, stream, span } = this.#model;
    this.#axis.replaceChildren(...ticks(shown, this.#width_px).map((tick) => placed(node("span", { text: tick.words }), share(shown, tick.at))));
    this.#clusters = [];
    for (const [name, parts] of this.#rows) this.#paintRow(name, parts);
    for (const [name, { row }] of this.#rows) row.classList.toggle("chosen", name === stream);
    this.#playhead.hidden = at === null || at < shown.since || at > shown.until;
    placed(this.#playhead, share(shown, at ?? 0));
    this.#band.hidden = !span;
    if (span) stretched(this.#band, shown, span.since, span.until, this.#width_px);
  }

  #paintRow(name, { marks, track }) {
    const { shown, stretches, events, found } = this.#model;
    const seen = stretches.filter((one) => one.stream === name && one.end_unix_s > shown.since && one.start_unix_s < shown.until);
    const parts = seen.map((one) => this.#part("stretch", one.kind, one.start_unix_s, one.end_unix_s));
    const places = found.filter((one) => one.stream === name && one.until > shown.since && one.at < shown.until);
    track.replaceChildren(...parts, ...places.map((one) => this.#part("stretch", "motion", one.at, one.until)));
    const clusters = this.#clustered(name, events.filter((one) => one.stream === name));
    this.#clusters.push(...clusters);
    marks.replaceChildren(...clusters.map(markOf).map((mark, at) => placed(mark, clusters[at].x / this.#width_px)));
  }

  #part(look, kind, since, until) {
    const part = node("i", { look });
    part.dataset.kind = kind;
    return stretched(part, this.#model.shown, since, until, this.#width_px);
  }

  #clustered(stream, events) {
    const clusters = [];
    for (const event of events) {
      const x = share(this.#model.shown, event.at) * this.#width_px;
      if (x < -NEAR_PX || x > this.#width_px + NEAR_PX) continue;
      const last = clusters.at(-1);
      if (last && x - last.x < MARK_PX) last.events.push(event);
      else clusters.push({ stream, x, events: [event] });
    }
    return clusters;
  }

  // --- pointer ----------------------------------------------------------------------------------------------------

  #press(event) {
    if (event.button) return;
    this.#element.focus({ preventScroll: true });
    this.#element.setPointerCapture(event.pointerId);
    this.#pointers.set(event.pointerId, this.#xOf(event));
    this.#tell.peek(null);
    if (this.#pointers.size === 2) return this.#beginPinch();
    const onAxis = event.target.closest(".axis") !== null;
    const kind = onAxis ? "scrub" : event.shiftKey ? "span" : "pan";
    this.#drag = { kind, x: this.#xOf(event), shown: this.#model.shown, stream: this.#streamOf(event), moved: false };
    if (onAxis) this.#scrub(event, false);
  }

  #beginPinch() {
    const [a, b] = [...this.#pointers.values()];
    this.#drag = { kind: "pinch", apart: Math.abs(a - b) || 1, at: this.#timeAt((a + b) / 2), shown: this.#model.shown, moved: true };
  }

  #move(event) {
    if (!this.#pointers.has(event.pointerId)) return event.pointerType === "mouse" && this.#hover(event);
    this.#pointers.set(event.pointerId, this.#xOf(event));
    const drag = this.#drag;
    if (!drag) return;
    const by_px = this.#xOf(event) - drag.x;
    if (drag.kind !== "pinch" && Math.abs(by_px) > STILL_PX) drag.moved = true;
    if (drag.kind === "pinch") this.#pinch();
    else if (drag.kind === "scrub") this.#scrub(event, false);
    else if (drag.moved && drag.kind === "span") this.#tell.choose(drag.stream, this.#spanTo(event));
    else if (drag.moved) this.#tell.show(moved(drag.shown, (-by_px / this.#width_px) * widthOf(drag.shown)));
  }

  #pinch() {
    const [a, b] = [...this.#pointers.values()];
    this.#tell.show(zoomed(this.#drag.shown, this.#drag.apart / Math.max(20, Math.abs(a - b)), this.#drag.at));
  }

  #release(event) {
    const drag = this.#drag;
    this.#forget(event);
    if (!drag || drag.kind === "pinch") return;
    if (drag.kind === "scrub") return this.#scrub(event, true, drag);
    if (drag.moved) return;
    const mark = this.#markAt(event);
    if (mark) this.#tell.open(mark.events.at(-1));
    else this.#tell.go(drag.stream, this.#timeAt(this.#xOf(event)));
  }

  #forget(event) {
    this.#pointers.delete(event.pointerId);
    this.#drag = null;
  }

  #scrub(event, isOver) {
    this.#tell.scrub(this.#model.stream, this.#timeAt(this.#xOf(event)), isOver);
  }

  #spanTo(event) {
    const ends = [this.#drag.x, this.#xOf(event)].sort((a, b) => a - b).map((x) => this.#timeAt(x));
    return { since: ends[0], until: ends[1] };
  }

  #hover(event) {
    const mark = this.#markAt(event);
    const at = mark ? mark.events.at(-1).at : this.#timeAt(this.#xOf(event));
    this.#element.style.cursor = mark ? "pointer" : "";
    this.#tell.peek({ stream: this.#streamOf(event), at, events: mark?.events ?? [], x: event.clientX, y: this.#element.getBoundingClientRect().top });
  }

  #wheel(event) {
    event.preventDefault();
    const unit = event.deltaMode ? 30 : 1; // lines, where pixels are not told
    const across = Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey;
    const { shown } = this.#model;
    if (across) this.#tell.show(moved(shown, ((unit * (event.deltaX || event.deltaY)) / this.#width_px) * widthOf(shown)));
    else this.#tell.show(zoomed(shown, Math.exp(unit * event.deltaY * WHEEL), this.#timeAt(this.#xOf(event))));
  }

  #markAt(event) {
    const stream = this.#streamOf(event);
    const inMarks = this.#rows.get(stream)?.track.getBoundingClientRect().top > event.clientY;
    const away = (one) => Math.abs(one.x - this.#xOf(event));
    const near = this.#clusters.filter((one) => inMarks && one.stream === stream && away(one) <= NEAR_PX);
    return near.sort((a, b) => away(a) - away(b))[0] ?? null;
  }

  // Of the lane under the pointer, though it is captured.
  #streamOf(event) {
    for (const [stream, { row }] of this.#rows) if (event.clientY <= row.getBoundingClientRect().bottom) return stream;
    return [...this.#rows.keys()].at(-1) ?? null;
  }

  #xOf(event) {
    return event.clientX - this.#element.getBoundingClientRect().left - this.#element.clientLeft;
  }

  #timeAt(x_px) {
    return atShare(this.#model.shown, x_px / this.#width_px);
  }
}

function markOf({ events }) {
  const mark = node("b", { look: "mark", text: events.length > 1 ? String(Math.min(99, events.length)) : "" });
  mark.dataset.kind = events.at(-1).kind;
  return mark;
}

function placed(element, part) {
  element.style.left = `${100 * part}%`;
  return element;
}

function stretched(element, shown, since, until, width_px) {
  const [left, right] = [Math.max(0, share(shown, since)), Math.min(1, share(shown, until))];
  element.style.left = `${100 * left}%`;
  element.style.width = `${100 * Math.max(right - left, LEAST_PX / width_px)}%`;
  return element;
}

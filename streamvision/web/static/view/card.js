// The card of one object: what is known of it, and a picture of it. It follows the object until it is closed.

import { crop, fileName } from "./crop.js";
import { objectBeside, sameObject, zonesAt } from "./followed.js";
import { attributeWords, nameOf, short } from "./visible.js";

const MOST_ATTRIBUTES = 12;

export class ObjectCard {
  #dialog;
  #canvas;
  #source;
  #onChange;
  #one = null; // the object, as draw.js gave it last
  #result = null; // that it is of
  #lost_s = null; // when it was seen last
  #key = (event) => this.#onKey(event);
  #opener = null;

  // `parent` is what the card lies over; `source` gives {picture, result, seen, scene, past, name} of what is shown now;
  // `onChange()` is told when it is of another object, or of none.
  constructor(parent, source, onChange = () => {}) {
    this.#source = source;
    this.#onChange = onChange;
    this.#canvas = make("canvas", { className: "crop", role: "img" });
    const step = (text, by, label) => action(text, () => this.#step(by), { className: "step", ariaLabel: label });
    this.#dialog = make("dialog", { className: "object-card", ariaLabel: "Object" }, [
      make("header", {}, [make("h3"), step("‹", -1, "Previous object"), step("›", 1, "Next object"), action("×", () => this.close(), { className: "close", ariaLabel: "Close" })]),
      this.#canvas,
      make("dl"),
      make("p", { className: "lost" }),
      make("footer", {}, [action("Take again", () => this.#take()), action("Download", () => this.#download())]),
    ]);
    parent.append(this.#dialog);
  }

  get isOpen() {
    return this.#dialog.open;
  }

  // The object on the picture that is shown, or null.
  get shown() {
    return this.#lost_s === null ? this.#one : null;
  }

  open(one) {
    const { result } = this.#source();
    if (!one || !result) return;
    if (!this.isOpen) {
      this.#opener = document.activeElement;
      this.#dialog.show();
      addEventListener("keydown", this.#key, { capture: true });
    }
    this.#one = one;
    this.#result = result;
    this.#lost_s = null;
    const [left, , right] = one.object.box_xyxy_px;
    this.#dialog.classList.toggle("at-left", left + right > result.width_px); // not over the object
    this.#take();
    this.#write();
    this.#onChange();
  }

  // Takes the first object, for who has no pointer.
  openFirst() {
    this.open(objectBeside(this.#source().seen, null, 1));
  }

  close() {
    if (!this.isOpen) return;
    this.#dialog.close();
    this.#one = null;
    removeEventListener("keydown", this.#key, { capture: true });
    this.#onChange();
    if (this.#opener?.isConnected) this.#opener.focus({ preventScroll: true });
  }

  // Takes what is on the next picture.
  update(seen, result) {
    if (!this.isOpen) return;
    const same = sameObject(seen, this.#one);
    if (same) {
      [this.#one, this.#result, this.#lost_s] = [same, result, null];
    } else {
      this.#lost_s ??= performance.now() / 1000;
    }
    this.#write();
  }

  #step(by) {
    this.open(objectBeside(this.#source().seen, this.#one, by));
  }

  #onKey(event) {
    if (event.key !== "Escape" || document.querySelector(":modal, :popover-open")) return;
    event.preventDefault();
    event.stopImmediatePropagation(); // the page itself goes back by this key
    this.close();
  }

  #take() {
    if (this.#lost_s !== null) return;
    this.#canvas.hidden = !crop(this.#canvas, this.#source().picture, { object: this.#one.object, result: this.#result });
    this.#canvas.ariaLabel = `Picture of ${nameOf(this.#one.object)}`;
  }

  #download() {
    const { name } = this.#source();
    const { class_name: kind, track_id: id } = this.#one.object;
    const called = fileName([name, kind, id], new Date());
    this.#canvas.toBlob((blob) => {
      if (!blob) return;
      const link = make("a", { href: URL.createObjectURL(blob), download: called });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  }

  #write() {
    const { scene, past } = this.#source();
    const { object, colour } = this.#one;
    this.#dialog.style.setProperty("--colour", colour);
    text(this.#find("h3"), nameOf({ ...object, attributes: null }, scene?.names));
    const facts = factsOf(object, { zones: zonesAt(object, this.#result, scene?.regions), seen_s: past?.seenFor(object.track_id) ?? null });
    const list = this.#find("dl");
    const rows = facts.flatMap(([name, words]) => [["dt", name], ["dd", words]]);
    while (list.children.length > rows.length) list.lastChild.remove();
    rows.forEach(([tag, words], n) => {
      if (!list.children[n]) list.append(make(tag));
      text(list.children[n], words);
    });
    const gone_s = this.#lost_s === null ? 0 : Math.floor(performance.now() / 1000 - this.#lost_s);
    text(this.#find(".lost"), gone_s < 1 ? "" : `Out of sight for ${gone_s} s.`);
  }

  #find(selector) {
    return this.#dialog.querySelector(selector);
  }
}

// [[name, words]] of what is known of an object.
export function factsOf(object, { zones, seen_s }) {
  const { class_name: kind, track_id: id = null, global_id: everywhere, score, speed_kmh: speed, attributes } = object;
  const found = Object.entries(attributes ?? {}).slice(0, MOST_ATTRIBUTES);
  return [
    ["Class", short(kind ?? object.class_id)],
    ["Identity", id === null ? "not confirmed" : String(id)],
    ...(everywhere === undefined ? [] : [["In all cameras", Number.isInteger(everywhere) ? `#${everywhere}` : "not known yet"]]),
    ...(Number.isFinite(score) ? [["Score", score.toFixed(2)]] : []),
    ...(seen_s === null ? [] : [["In sight", `for ${seen_s < 10 ? seen_s.toFixed(1) : Math.round(seen_s)} s, as far as this page saw`]]),
    ...(Number.isFinite(speed) ? [["Speed", `${speed.toFixed(0)} km/h`]] : []),
    ...(zones.length ? [["Zone", zones.map(short).join(", ")]] : []),
    ...found.map(([name, one]) => [short(name), `${short(attributeWords(one) || "nothing yet")}${Number.isFinite(one?.score) ? ` (${one.score.toFixed(2)})` : ""}`]),
  ];
}

function text(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function make(tag, properties = {}, children = []) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function action(words, act, properties = {}) {
  const button = make("button", { type: "button", textContent: words, ...properties });
  button.addEventListener("click", act);
  return button;
}

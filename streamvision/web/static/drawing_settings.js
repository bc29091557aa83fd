// What is drawn over pictures, and how: kept in this browser, and the same in every tile.

import { node } from "./dom.js";
import { recall, remember } from "./kept.js";
import { FIGURES, LAYERS, styleOf, usualStyle } from "./view/style.js";

const KEPT = "live-style";
const CHANGED = "live-style-changed";
const AS_SERVER = ""; // in place of words: what the server is set to draw

// The style that was chosen in this browser, as style.js gives it; null where none was.
export const keptStyle = () => styleOf(recall(KEPT, null, AS_SERVER));

export class DrawingSettings {
  #element;
  #onChange;
  #style = keptStyle();
  #scene = null;
  #follow = ({ detail }) => this.#take(detail);

  // `element` has the controls; `onChange(settings)` is told when the style is another, in whatever tile.
  constructor(element, onChange) {
    this.#element = element;
    this.#onChange = onChange;
    this.#control("figure").append(...FIGURES.map((name) => node("option", { value: name, text: name.replaceAll("_", " ") })));
    element.addEventListener("change", (event) => event.target.name && this.#choose());
    element.querySelector(".as-server").addEventListener("click", () => this.#tell(AS_SERVER));
    addEventListener(CHANGED, this.#follow);
    this.#show();
  }

  // As style.js gives it; null where the server's settings count.
  get style() {
    return this.#style;
  }

  // Takes the stream's scene, which says what the server is set to draw.
  set scene(scene) {
    if (scene === this.#scene) return;
    this.#scene = scene;
    this.#show();
  }

  // Whether the page draws; what is in the picture already cannot be changed here.
  set draws(draws) {
    const fields = this.#element.querySelector("fieldset");
    if (fields.disabled !== draws) return;
    fields.disabled = !draws;
    this.#element.querySelector(".drawn-there").hidden = draws;
  }

  close() {
    removeEventListener(CHANGED, this.#follow);
  }

  #choose() {
    const boxes = this.#control("shapes").checked ? [this.#control("figure").value] : [];
    const layers = LAYERS.filter((name) => this.#control(name).checked);
    this.#tell(`${[...boxes, ...layers].join(", ") || "none"} by ${this.#control("colour").value}`);
  }

  #tell(words) {
    remember(KEPT, words);
    dispatchEvent(new CustomEvent(CHANGED, { detail: words }));
  }

  #take(words) {
    this.#style = styleOf(words);
    this.#show();
    this.#onChange(this);
  }

  #show() {
    const { shapes, grounds, layers, colour } = this.#style ?? usualStyle(this.#scene);
    const [figure] = [...shapes, ...grounds];
    this.#control("shapes").checked = figure !== undefined;
    if (figure) this.#control("figure").value = figure;
    for (const name of LAYERS) this.#control(name).checked = layers.includes(name);
    this.#control("colour").value = colour;
    this.#element.querySelector(".as-server").disabled = this.#style === null;
  }

  #control(name) {
    return this.#element.querySelector(`[name="${name}"]`);
  }
}

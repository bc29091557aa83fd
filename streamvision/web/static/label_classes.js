// The classes: a list with a search, in which one that is missing is added.

import { node } from "./dom.js";
import { colourOf } from "./view/palette.js";

const MOST_SHOWN = 200;
export const LONGEST_NAME = 100; // characters

export class ClassList {
  #search;
  #list;
  #names = [];
  #chosen = null;
  #onChoose;

  // `onChoose(name)` is called with the class that somebody takes, which may be a new one.
  constructor(search, list, onChoose) {
    this.#search = search;
    this.#list = list;
    this.#onChoose = onChoose;
    search.maxLength = LONGEST_NAME;
    search.addEventListener("input", () => this.#paint());
    search.addEventListener("keydown", (event) => this.#key(event));
    list.addEventListener("click", (event) => {
      const entry = event.target.closest("button");
      if (entry) this.#take(entry.dataset.name);
    });
  }

  // Names in the order of the classes, and the one that holds.
  show(names, chosen) {
    this.#names = names;
    this.#chosen = chosen;
    this.#paint();
  }

  focus() {
    this.#search.focus();
    this.#search.select();
  }

  get #found() {
    const asked = this.#search.value.trim().toLowerCase();
    const found = this.#names.filter((name) => name.toLowerCase().includes(asked));
    const rank = (name) => (name.toLowerCase() === asked ? 0 : name.toLowerCase().startsWith(asked) ? 1 : 2);
    return asked ? found.sort((a, b) => rank(a) - rank(b)) : found;
  }

  #key(event) {
    if (event.key === "Escape") this.#close();
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    const asked = this.#search.value.trim();
    const name = this.#found[0] ?? asked;
    if (asked && name) this.#take(name);
  }

  #take(name) {
    this.#close();
    this.#onChoose(name);
  }

  #close() {
    this.#search.value = "";
    this.#search.blur();
    this.#paint();
  }

  #paint() {
    const found = this.#found;
    const asked = this.#search.value.trim().replaceAll(/\s+/g, " ");
    const entries = found.slice(0, MOST_SHOWN).map((name) => this.#entry(name));
    if (asked && !this.#names.includes(asked)) {
      entries.push(node("li", { children: [node("button", { look: "class-entry", text: `Add “${asked}”`, type: "button" })] }));
      entries.at(-1).firstChild.dataset.name = asked;
    }
    if (found.length > MOST_SHOWN) entries.push(node("li", { look: "hint", text: `${found.length - MOST_SHOWN} more: search for them` }));
    this.#list.replaceChildren(...entries);
  }

  #entry(name) {
    const number = this.#names.indexOf(name);
    const swatch = node("span", { look: "swatch" });
    swatch.style.background = colourOf(number);
    const children = [swatch, node("span", { look: "class-name", text: name })];
    if (number < 10) children.push(node("kbd", { text: String((number + 1) % 10) }));
    const entry = node("button", { look: "class-entry", type: "button", children });
    entry.dataset.name = name;
    entry.setAttribute("aria-pressed", String(name === this.#chosen));
    return node("li", { children: [entry] });
  }
}

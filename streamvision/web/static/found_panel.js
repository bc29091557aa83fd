// What was found in the picture of one tile: the switches of what is drawn, and the card of an object.

import { DrawingSettings } from "./drawing_settings.js";
import { ObjectCard } from "./view/card.js";

export class FoundPanel {
  #element;
  #live;
  #name;
  #settings;
  #card;
  #more;

  // `element` is the tile's, `live` its picture, `name` that of the stream.
  constructor(element, live, name) {
    this.#element = element;
    this.#live = live;
    this.#name = name;
    this.#settings = new DrawingSettings(element.querySelector(".drawing-settings"), ({ style }) => (live.style = style));
    live.style = this.#settings.style;
    this.#card = new ObjectCard(element.querySelector(".stage"), () => this.#shown);
    this.#more = element.querySelector(".show-object");
    this.#more.addEventListener("click", () => this.#card.openFirst());
    element.querySelector(".stage .open").addEventListener("click", (event) => this.#point(event));
  }

  // Takes the objects of the next picture; gives the one to be shown as chosen, or null.
  see(seen, result) {
    this.#more.disabled = !seen.length;
    this.#settings.scene = this.#live.scene;
    this.#settings.draws = !this.#live.isDrawn;
    this.#card.update(seen, result);
    return this.#card.shown;
  }

  closeCard() {
    this.#card.close();
  }

  close() {
    this.#settings.close();
    this.#card.close();
  }

  get #shown() {
    const { found, scene, picture } = this.#live;
    return { picture, result: found.result, seen: found.seen, past: found.past, scene, name: this.#name };
  }

  // A click on an object opens its card where the picture is large; on the wall it enlarges the picture.
  #point(event) {
    const { classList } = this.#element;
    const isFocused = classList.contains("focused");
    if (!isFocused && !classList.contains("large")) return;
    const object = this.#live.found.at(event);
    if (!object && !isFocused) return;
    event.preventDefault();
    event.stopPropagation();
    if (object) this.#card.open(object);
    else this.#card.close();
  }
}

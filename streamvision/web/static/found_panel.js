// What was found in the picture of one tile: the switches of what is drawn, and the card of an object.

import { DrawingSettings } from "./drawing_settings.js";
import { ObjectCard } from "./view/card.js";
import { usualStyle } from "./view/style.js";

export class FoundPanel {
  #element;
  #live;
  #name;
  #settings;
  #card;
  #more;
  #isEdited = false; // lines and zones are; then the editor draws them

  // `element` is the tile's, `live` its picture, `name` that of the stream.
  constructor(element, live, name) {
    this.#element = element;
    this.#live = live;
    this.#name = name;
    this.#settings = new DrawingSettings(element.querySelector(".drawing-settings"), () => this.#apply());
    this.#apply();
    this.#card = new ObjectCard(element.querySelector(".stage"), () => this.#shown, () => live.found.redraw());
    this.#more = element.querySelector(".show-object");
    this.#more.addEventListener("click", () => this.#card.openFirst());
    const place = element.querySelector(".stage .open");
    place.addEventListener("click", (event) => this.#point(event));
    place.addEventListener("pointermove", (event) => (place.style.cursor = this.#isLarge && live.found.at(event) ? "pointer" : ""));
  }

  // Takes the objects of the next picture; gives the one to be shown as chosen, or null.
  see(seen, result) {
    this.#more.disabled = !seen.length;
    this.#settings.scene = this.#live.scene;
    this.#settings.draws = !this.#live.isDrawn;
    const isEdited = this.#element.classList.contains("editing");
    if (isEdited !== this.#isEdited) {
      this.#isEdited = isEdited;
      this.#apply();
    }
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

  #apply() {
    const style = this.#settings.style ?? (this.#isEdited ? usualStyle(this.#live.scene) : null);
    this.#live.style = this.#isEdited ? { ...style, layers: style.layers.filter((name) => name !== "region") } : style;
  }

  get #shown() {
    const { found, scene, picture } = this.#live;
    return { picture, result: found.result, seen: found.seen, past: found.past, scene, name: this.#name };
  }

  get #isLarge() {
    return this.#isFocused || this.#element.classList.contains("large");
  }

  get #isFocused() {
    return this.#element.classList.contains("focused");
  }

  // A click on an object opens its card where the picture is large; on the wall it enlarges the picture.
  #point(event) {
    const object = this.#isLarge ? this.#live.found.at(event) : null;
    if (!object && !this.#isFocused) return;
    event.preventDefault();
    event.stopPropagation();
    if (object) this.#card.open(object);
    else this.#card.close();
  }
}

// The regions by name, as buttons: the way to them without a mouse.

import { KINDS } from "./regions.js";

export class RegionList {
  #element;
  #onChoose;

  // `onChoose({kind, index})` is called with the region that is to be selected.
  constructor(element, onChoose) {
    this.#element = element;
    this.#onChoose = onChoose;
  }

  // Buttons stay where they are, so that the one that has the focus keeps it.
  show(config, selected) {
    const regions = Object.entries(KINDS).flatMap(([kind, group]) => config[group].map(({ name }, index) => ({ kind, index, name })));
    while (this.#element.children.length > regions.length) this.#element.lastChild.remove();
    while (this.#element.children.length < regions.length) this.#element.append(this.#item());
    regions.forEach(({ kind, index, name }, at) => {
      const button = this.#element.children[at].firstChild;
      Object.assign(button.dataset, { kind, index });
      button.textContent = name;
      button.setAttribute("aria-pressed", String(selected?.kind === kind && selected.index === index));
    });
  }

  #item() {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.addEventListener("click", () => this.#onChoose({ kind: button.dataset.kind, index: Number(button.dataset.index) }));
    item.append(button);
    return item;
  }
}

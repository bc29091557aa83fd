// The fields of the region that is chosen.

export class Properties {
  #element;

  // `onChange(change)` is called with what was typed or chosen.
  constructor(element, onChange) {
    this.#element = element;
    for (const input of element.querySelectorAll("[name]")) {
      input.addEventListener("change", () => onChange({ [input.name]: valueOf(input) }));
    }
  }

  set classes(names) {
    this.#element.querySelector('[name="classes"]').replaceChildren(...names.map((name) => new Option(name, name)));
  }

  show(kind, region) {
    this.#element.hidden = !region || kind === "mask"; // of a mask there is nothing to say but where it is
    if (this.#element.hidden) return;
    this.#element.dataset.kind = kind;
    for (const input of this.#element.querySelectorAll("[name]")) {
      if (document.activeElement !== input) fill(input, region[input.name]);
    }
  }
}

// What an input says: text, or a number, or null where a number was taken out; names that are chosen, or null for none.
function valueOf(input) {
  if (input.type === "checkbox") return input.checked;
  if (input.multiple) return input.selectedOptions.length ? Array.from(input.selectedOptions, (option) => option.value) : null;
  if (input.type !== "number") return input.value;
  return input.value === "" ? null : Number(input.value);
}

function fill(input, value) {
  if (input.type === "checkbox") input.checked = value ?? false;
  else if (input.multiple) for (const option of input.options) option.selected = value?.includes(option.value) ?? false;
  else input.value = value ?? (input.name === "anchor" ? "bottom" : "");
}

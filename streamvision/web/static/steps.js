// The steps of OpenCV that find objects on a camera whose model has no network: their kinds, their order, their settings.

import { button, node } from "./dom.js";
import { Fields } from "./fields.js";

const MAX_STEPS = 32;
const OBJECTS = "contours";

export class StepsEditor {
  #element;
  #list = node("ol", { look: "steps" });
  #add = button("Add a step", () => this.#append());
  #kinds = []; // as the server describes them
  #steps = []; // { kind: select, fields, element }

  constructor(element) {
    this.#element = element;
    element.append(this.#list, this.#add);
  }

  set kinds(kinds) {
    this.#kinds = kinds;
  }

  show(steps) {
    this.#steps = steps.map(({ name, options }) => this.#made(name, options ?? {}));
    this.#arrange();
  }

  // As the configuration has them; what is left out is at its default.
  get value() {
    return this.#steps.map(({ kind, fields }) => ({ name: kind.value, options: given(fields.values) }));
  }

  // In front of a last step that makes objects, as nothing may end with a step that only marks.
  #append() {
    const step = this.#made(this.#kinds[0].name, {});
    const behind = this.#steps.at(-1)?.kind.value === OBJECTS ? 1 : 0;
    this.#steps.splice(this.#steps.length - behind, 0, step);
    this.#arrange();
    step.kind.focus();
  }

  #made(name, options) {
    const kind = node("select", { ariaLabel: "What the step does" });
    for (const one of this.#kinds) kind.append(new Option(one.name, one.name));
    if (!this.#known(name)) kind.append(new Option(name, name)); // of a package that is not installed any more
    kind.value = name;
    const about = node("p", { look: "hint" });
    const settings = node("div", { look: "pair" });
    const step = { kind, fields: null };
    const moves = [
      button("↑", () => this.#move(step, -1)),
      button("↓", () => this.#move(step, 1)),
      button("✕", () => this.#remove(step)),
    ];
    ["Earlier", "Later", "Remove"].forEach((words, at) => moves[at].setAttribute("aria-label", `${words}: this step`));
    const describe = (values) => {
      const found = this.#known(kind.value);
      about.textContent = found?.summary ?? "It is not known here.";
      step.fields = new Fields(settings, Object.entries(found?.options ?? {}).map(field));
      step.fields.show(values);
    };
    kind.addEventListener("change", () => describe({}));
    describe(options);
    step.element = node("li", { children: [node("div", { look: "step-head", children: [kind, ...moves] }), about, settings] });
    return step;
  }

  #move(step, by) {
    const at = this.#steps.indexOf(step);
    this.#steps.splice(at, 1);
    this.#steps.splice(Math.max(at + by, 0), 0, step);
    this.#arrange();
    step.kind.focus();
  }

  #remove(step) {
    this.#steps = this.#steps.filter((one) => one !== step);
    this.#arrange();
    this.#add.focus();
  }

  #arrange() {
    this.#list.replaceChildren(...this.#steps.map(({ element }) => element));
    this.#add.disabled = this.#steps.length >= MAX_STEPS || !this.#kinds.length;
  }

  #known(name) {
    return this.#kinds.find((kind) => kind.name === name);
  }
}

// A field for a setting that is described in JSON Schema.
function field([key, schema]) {
  const usual = [schema.default].flat().join(", ");
  const common = { key, words: key.replaceAll("_", " "), title: schema.description, unset: usual ? `${usual} (default)` : "default" };
  if (schema.enum) return { ...common, kind: "choice", choices: Object.fromEntries(schema.enum.map((one) => [one, one])) };
  if (schema.type === "boolean") return { ...common, kind: "flag", unset: `${schema.default ? "yes" : "no"} (default)` };
  if (schema.type === "array") return { ...common, kind: "numbers" };
  if (schema.type !== "number" && schema.type !== "integer") return { ...common, kind: "text" };
  const bounds = { min: schema.minimum ?? schema.exclusiveMinimum, max: schema.maximum ?? schema.exclusiveMaximum };
  return { ...common, kind: "number", ...bounds, step: schema.type === "integer" ? 1 : "any" };
}

const given = (values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== null));

// Fields of a form for keys of the configuration: what they are called, and what was changed as a merge patch (RFC 7396).

export const DRAWN = [
  { key: "overlay.boxes", words: "Boxes", kind: "flag" },
  { key: "overlay.labels", words: "Labels: class, identity, score", kind: "flag" },
  { key: "overlay.analytics", words: "Lines and zones with their counts", kind: "flag" },
  { key: "overlay.status", words: "Id, fps and age, for recordings", kind: "flag" },
  { key: "overlay.trails_s", words: "Trail behind an object, in seconds", kind: "number", min: 0, max: 30, step: "any" },
];
export const FOUND = [
  { key: "score", words: "Least score of an object", kind: "number", min: 0, max: 1, step: "any" },
  { key: "classes", words: "Classes, with commas between them", kind: "names", otherwise: "all" },
  {
    key: "tracker.name",
    words: "Tracker",
    kind: "choice",
    choices: { steady: "steady", sort: "SORT", bytetrack: "ByteTrack", ocsort: "OC-SORT", botsort: "BoT-SORT", none: "none: no identities" },
  },
  {
    key: "adaptive.mode",
    words: "The network looks at",
    kind: "choice",
    choices: { full: "all of every frame", adaptive: "what has changed" },
  },
  {
    key: "slices.tiles",
    words: "Tiles, for small objects",
    kind: "suggested",
    suggestions: { off: "none", auto: "where a picture is large", "2x2": "2 columns, 2 rows", "4x2": "4 columns, 2 rows", "960px": "960 pixels long" },
    title: "In which overlapping tiles a picture is shown to the network besides the whole: off, auto, COLSxROWS such as 4x2, or the side of a tile such as 960px. Each tile takes as long as the whole picture does.",
  },
];

export const FILM = [
  { key: "realtime", words: "At its own speed, as if it were live", kind: "flag" },
  { key: "loop", words: "Again from the beginning when it ends", kind: "flag" },
];
export const KEPT = [
  { key: "record", words: "Recorded with what is drawn", kind: "flag" },
  {
    key: "recording.mode",
    words: "Recorded as the camera sends it",
    kind: "choice",
    choices: { off: "not", events: "around events", continuous: "all the time" },
  },
];

// Fields in an element. Where `optional`, each may be left to what holds otherwise, and says so; `unset` of a field says
// it for that one.
export class Fields {
  #inputs = new Map(); // field -> input
  #shown = {};
  #optional;

  constructor(element, fields, { optional = null } = {}) {
    this.#optional = optional;
    element.replaceChildren(...fields.map((field) => this.#row(field)));
  }

  show(config) {
    this.#shown = config;
    for (const [field, input] of this.#inputs) fill(input, at(config, field.key));
  }

  // Everything, as a configuration has it.
  get values() {
    const values = {};
    for (const [field, input] of this.#inputs) put(values, field.key, valueOf(field, input));
    return values;
  }

  // What differs from what was shown, as a merge patch.
  get patch() {
    const patch = {};
    for (const [field, input] of this.#inputs) {
      const value = valueOf(field, input);
      if (JSON.stringify(value) !== JSON.stringify(at(this.#shown, field.key) ?? unset(input))) put(patch, field.key, value);
    }
    for (const [section, changes] of Object.entries(patch)) if (emptied(this.#shown[section], changes)) patch[section] = null;
    return patch;
  }

  #row(field) {
    const label = document.createElement("label");
    label.className = "field";
    const input = this.#input(field);
    if (field.title) input.title = field.title;
    this.#inputs.set(field, input);
    if (input.type === "checkbox") {
      label.classList.add("flag");
      label.append(input, field.words);
    } else {
      label.append(field.words, input);
    }
    if (field.suggestions) label.append(this.#suggestions(field, input));
    return label;
  }

  #input(field) {
    const optional = field.unset ?? this.#optional;
    if (field.kind === "choice") return select(Object.entries(field.choices), optional);
    if (field.kind === "flag" && optional) return select([["true", "yes"], ["false", "no"]], optional);
    const input = document.createElement("input");
    input.type = { flag: "checkbox", number: "number" }[field.kind] ?? "text";
    for (const name of ["min", "max", "step"]) if (field[name] !== undefined) input[name] = field[name];
    input.placeholder = field.unset ?? this.#optional ?? field.otherwise ?? "";
    input.required = field.required ?? false;
    return input;
  }

  // What may be typed, as a list that opens below the input.
  #suggestions(field, input) {
    const list = document.createElement("datalist");
    list.id = `suggested-${field.key}`;
    for (const [value, words] of Object.entries(field.suggestions)) list.append(Object.assign(document.createElement("option"), { value, label: words }));
    input.setAttribute("list", list.id);
    return list;
  }
}

function select(choices, optional) {
  const element = document.createElement("select");
  if (optional) element.append(new Option(optional, ""));
  for (const [value, words] of choices) element.append(new Option(words, value));
  return element;
}

export function at(config, key) {
  return key.split(".").reduce((value, name) => value?.[name], config) ?? undefined;
}

// What holds where a key is not set.
const unset = (input) => (input.type === "checkbox" ? false : null);

function put(patch, key, value) {
  const [name, ...rest] = key.split(".");
  if (rest.length) put((patch[name] ??= {}), rest.join("."), value);
  else patch[name] = value;
}

// Whether nothing is left of a section once its nulls are taken out.
function emptied(section, changes) {
  if (changes === null || typeof changes !== "object" || Array.isArray(changes)) return false;
  return Object.entries({ ...section, ...changes }).every(([, value]) => value === null);
}

function fill(input, value) {
  if (input.type === "checkbox") {
    input.checked = value ?? false;
    return;
  }
  const text = Array.isArray(value) ? value.join(", ") : String(value ?? "");
  if (input.tagName === "SELECT" && ![...input.options].some((option) => option.value === text)) input.append(new Option(text, text));
  input.value = text;
}

function valueOf(field, input) {
  if (input.type === "checkbox") return input.checked;
  const text = input.value.trim();
  if (text === "") return null;
  if (field.kind === "flag") return text === "true";
  if (field.kind === "number") return Number(text);
  if (field.kind !== "names" && field.kind !== "numbers") return text;
  const parts = text.split(",").map((part) => part.trim()).filter(Boolean);
  return field.kind === "numbers" ? parts.map((part) => (Number.isNaN(Number(part)) ? part : Number(part))) : parts;
}

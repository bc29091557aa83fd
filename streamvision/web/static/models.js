// Models on the settings page: which run, and how another one takes the place of one of them.

import { find, say } from "./dom.js";
import { Fields } from "./fields.js";
import { ENDED } from "./model_change.js";
import { ModelEntry } from "./model_entry.js";
import { ask } from "./server.js";

const BUSY_MS = 1000;
const IDLE_MS = 5000;
const HOW = [
  { key: "min_agreement", words: "Least agreement, 0 to 1", kind: "number", min: 0, max: 1, step: "any" },
  { key: "shadow_share", words: "Compared on this share of the frames, 0 to 1", kind: "number", min: 0, max: 1, step: "any" },
  { key: "shadow_s", words: "For so many seconds at least", kind: "number", min: 0, max: 86400, step: "any" },
  { key: "take_over", words: "It takes over", kind: "choice", choices: { ask: "when I say so", automatic: "by itself, where they agree" } },
];
const BEGIN = { min_agreement: 0.8, shadow_share: 0.1, shadow_s: 60, take_over: "ask" };
const EXECUTION = [
  { key: "backend", words: "Runtime", kind: "text", otherwise: "by the file" },
  { key: "device", words: "Device", kind: "text", otherwise: "auto" },
  { key: "head", words: "Layout of its outputs", kind: "text", otherwise: "as the file says" },
  { key: "names", words: "Class names", kind: "names", otherwise: "as the file says" },
];

const entries = new Map(); // id -> entry
let form = null;
let how = null;
let execution = null;
let replaced = null; // the id of the model whose dialog is open
let timer = 0;

export async function manageModels() {
  form = find("replacement-form");
  how = new Fields(find("replacement-fields"), HOW);
  execution = new Fields(find("replacement-execution"), EXECUTION);
  find("replacement-cancel").addEventListener("click", () => find("replacement").close());
  form.elements.prove.addEventListener("change", showFolder);
  form.addEventListener("submit", replace);
  document.addEventListener("visibilitychange", () => document.hidden || list());
  await list();
}

async function list() {
  clearTimeout(timer);
  let isBusy = false;
  try {
    const { models, shipped } = await ask("api/models");
    show(models, shipped);
    isBusy = models.some(({ change }) => change && !ENDED.includes(change.state));
  } catch (error) {
    say(find("models-said"), error.message, true);
  }
  clearTimeout(timer); // of another list that was asked for meanwhile
  if (!document.hidden) timer = setTimeout(list, isBusy ? BUSY_MS : IDLE_MS);
}

function show(models, shipped) {
  for (const model of models) {
    if (!entries.has(model.id)) {
      const entry = new ModelEntry(model.id, { open: () => open(model.id), act, tell });
      entries.set(model.id, entry);
      find("model-list").append(entry.element);
    }
    entries.get(model.id).show(model);
  }
  const files = new Set(models.flatMap(({ path, previous_path, change }) => [path, previous_path, change?.path]).filter(Boolean));
  const named = models.filter(({ name }) => name !== null).map(({ name, path }) => new Option(path, name));
  const ships = shipped.map((name) => new Option("ships with this program", name));
  find("model-paths").replaceChildren(...named, ...ships, ...[...files].map((file) => new Option(file, file)));
}

function open(id) {
  replaced = id;
  form.reset();
  showFolder();
  say(find("replacement-wrong"), "");
  find("replacement-title").textContent = `Replace ${entries.get(id).title}`;
  how.show(BEGIN);
  execution.show({});
  find("replacement").showModal();
}

function showFolder() {
  const isAsked = form.elements.prove.value === "data";
  find("replacement-data").hidden = !isAsked;
  form.elements.data.required = isAsked;
}

async function replace(event) {
  event.preventDefault();
  const { path, prove, data } = form.elements;
  const given = { path: path.value.trim(), prove: prove.value, data: prove.value === "data" ? data.value.trim() : null, ...how.values, ...execution.values };
  const body = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null));
  try {
    await ask(pathOf(replaced), { method: "PUT", body });
    find("replacement").close();
    say(find("models-said"), "");
  } catch (error) {
    say(find("replacement-wrong"), error.message);
  }
  await list();
}

// What a button of an entry asks for.
async function act(id, what, method) {
  try {
    await ask(`${pathOf(id)}/${what}`, { method });
    say(find("models-said"), "");
  } catch (error) {
    say(find("models-said"), error.message, true);
  }
  await list();
}

const tell = (sentence) => say(find("announcer"), sentence);
const pathOf = (id) => `api/models/${encodeURIComponent(id)}`;

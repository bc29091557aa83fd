// Who is told of events: targets with their state, and the rules by which they are told.

import { button, find, node, say } from "./dom.js";
import { Fields } from "./fields.js";
import { ask } from "./server.js";

const STATE_S = 5;
const RULE = [
  { key: "name", words: "Name", kind: "text", required: true },
  { key: "to", words: "Targets", kind: "names", otherwise: "all" },
  { key: "kinds", words: "Kinds of events", kind: "names", otherwise: "all" },
  { key: "classes", words: "Classes", kind: "names", otherwise: "all" },
  { key: "regions", words: "Lines and zones", kind: "names", otherwise: "all" },
  { key: "streams", words: "Cameras, by id", kind: "names", otherwise: "all" },
  { key: "dwell_s", words: "When it has lasted, in seconds", kind: "number", min: 0, step: "any" },
  { key: "hours", words: "Times of the day, such as 22:00-06:00", kind: "names", otherwise: "all day" },
  { key: "days", words: "Days: mon, tue ...", kind: "names", otherwise: "all" },
  { key: "time_zone", words: "Time zone", kind: "text", otherwise: "of the server" },
  { key: "every_min", words: "At most one in so many minutes", kind: "number", min: 0, step: "any" },
  { key: "picture", words: "With the picture", kind: "flag" },
  { key: "clip", words: "With the address of the clip", kind: "flag" },
];
const NEW_RULE = { picture: true, clip: false, every_min: 0 };
const FORMS = { text: "text", number: "number", flag: "flag", texts: "names", pairs: "names" };

const target = find("target-form");
const rule = find("rule-form");
const ruleFields = new Fields(find("rule-fields"), RULE);
let settings = { targets: {}, rules: [] };
let kinds = [];
let targetFields = null;
let changedRule = null; // its place; null: a new one

export async function manageNotify(notify) {
  settings = notify;
  target.elements.kind.addEventListener("change", () => showOptions({}));
  find("new-target").addEventListener("click", () => openTarget(null));
  find("new-rule").addEventListener("click", () => openRule(null));
  find("target-cancel").addEventListener("click", () => find("target").close());
  find("rule-cancel").addEventListener("click", () => find("rule").close());
  target.addEventListener("submit", (event) => saved(event, "target", () => patch({ targets: { [target.elements.name.value]: targetValues() } })));
  rule.addEventListener("submit", (event) => saved(event, "rule", () => patch({ rules: withRule(ruleFields.values) })));
  await listTargets();
  setInterval(listTargets, STATE_S * 1000);
  listRules();
  find("new-target").disabled = find("new-rule").disabled = false;
}

async function patch(notify) {
  settings = (await ask("api/settings", { method: "PATCH", body: { notify } })).notify;
  listRules();
  await listTargets();
}

async function saved(event, name, save) {
  event.preventDefault();
  try {
    await save();
    find(name).close();
  } catch (error) {
    say(find(`${name}-wrong`), error.message, true);
  }
}

async function attempt(what, done = "") {
  try {
    await what();
    say(find("notify-said"), done);
  } catch (error) {
    say(find("notify-said"), error.message, true);
  }
}

// --- targets ----------------------------------------------------------------------------------------------------------

async function listTargets() {
  if (document.hidden) return;
  try {
    const state = await ask("api/notify");
    kinds = state.kinds;
    const rows = [...state.targets.map(targetRow), ...(state.mqtt ? [row(cells(state.mqtt), "mqtt", [])] : [])];
    find("target-list").replaceChildren(...rows);
    find("targets").hidden = rows.length === 0;
  } catch (error) {
    say(find("notify-said"), error.message, true);
  }
}

function cells({ name, kind, state, reason, waiting, sent, lost }) {
  const gone = Object.entries(lost).map(([cause, count]) => `${count} ${cause}`).join(", ");
  return [name, kind, reason ? `${state}: ${reason}` : state, `${waiting} waiting, ${sent} sent${gone ? `, lost: ${gone}` : ""}`];
}

function targetRow(status) {
  const { name } = status;
  const test = () => attempt(() => ask(`api/notify/${encodeURIComponent(name)}/test`, { method: "POST", body: {} }), `${name} has taken a message.`);
  const acts = [["Test", test], ["Change", () => openTarget(name)], ["Remove", () => attempt(() => patch({ targets: { [name]: null } }))]];
  return row(cells(status), name, acts);
}

function openTarget(name) {
  target.reset();
  say(find("target-wrong"), "");
  target.elements.kind.replaceChildren(...kinds.map((kind) => new Option(`${kind.name}: ${kind.summary}`, kind.name)));
  target.elements.name.readOnly = name !== null;
  if (name !== null) {
    target.elements.name.value = name;
    target.elements.kind.value = settings.targets[name].kind;
  }
  showOptions(name === null ? {} : settings.targets[name]);
  find("target").showModal();
}

const options = () => kinds.find((kind) => kind.name === target.elements.kind.value)?.options ?? [];

function showOptions(present) {
  const fields = options().map(({ name, words, form, required }) => ({ key: name, words: labelOf(words, form), kind: FORMS[form], step: "any", required }));
  targetFields = new Fields(find("target-fields"), fields);
  const pairs = options().filter(({ name, form }) => form === "pairs" && present[name]);
  const lists = pairs.map(({ name }) => [name, Object.entries(present[name]).map(([key, value]) => `${key}: ${value}`)]);
  targetFields.show({ ...present, ...Object.fromEntries(lists) });
}

function labelOf(words, form) {
  const label = words.replace(/\.$/, "");
  return form === "pairs" ? `${label}, as Name: value` : label;
}

function targetValues() {
  const values = targetFields.values;
  for (const { name, form } of options()) {
    if (form === "pairs" && values[name]) values[name] = Object.fromEntries(values[name].map(pair));
    if (form === "flag" && values[name] === false && settings.targets[target.elements.name.value]?.[name] === undefined) delete values[name];
  }
  return { kind: target.elements.kind.value, ...values };
}

function pair(text) {
  const [name, ...value] = text.split(":");
  return [name.trim(), value.join(":").trim()];
}

// --- rules ------------------------------------------------------------------------------------------------------------

function listRules() {
  find("rule-list").replaceChildren(...settings.rules.map(ruleRow));
  find("rules").hidden = settings.rules.length === 0;
  find("no-rules").hidden = settings.rules.length > 0;
}

function ruleRow(one, place) {
  const asked = RULE.slice(2, 11).filter(({ key }) => one[key]?.length || one[key] > 0);
  const words = asked.map(({ key, words }) => `${words}: ${[one[key]].flat().join(", ")}`).join("; ") || "everything";
  const others = settings.rules.filter((_, at) => at !== place);
  return row([one.name, one.to?.join(", ") ?? "all", words], one.name, [["Change", () => openRule(place)], ["Remove", () => attempt(() => patch({ rules: others }))]]);
}

function openRule(place) {
  changedRule = place;
  say(find("rule-wrong"), "");
  ruleFields.show(place === null ? NEW_RULE : settings.rules[place]);
  find("rule").showModal();
}

function withRule(values) {
  const one = { ...values, every_min: values.every_min ?? 0 };
  return changedRule === null ? [...settings.rules, one] : settings.rules.map((rule, at) => (at === changedRule ? one : rule));
}

function row(cells, name, acts) {
  const buttons = acts.map(([words, act]) => {
    const one = button(words, act);
    one.setAttribute("aria-label", `${words} ${name}`);
    return one;
  });
  const last = node("td", { children: [node("div", { look: "acts", children: buttons })] });
  return node("tr", { children: [...cells.map((text) => node("td", { text })), last] });
}

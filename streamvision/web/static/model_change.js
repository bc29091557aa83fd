// How the replacement of a model goes: its steps, its figures beside those of the model that runs, its examples.

import { node } from "./dom.js";
import { count, duration, percent } from "./format.js";
import { exampleFigure, legend } from "./shadow_examples.js";

export const ENDED = ["done", "refused", "cancelled", "rolled_back"];
const STEPS = { loading: "Load", proving: "Prove", shadowing: "Compare", taking_over: "Take over" };
const PROVEN_ON = { streams: "of its cameras", data: "of the folder" };

// The elements are made once, so that what is read stays where it is while figures change.
export class ModelChangeView {
  #path;
  #sentence = node("p", { look: "change-words" });
  #steps = node("ol", { look: "steps" });
  #progress = node("progress", { max: 1, ariaLabel: "The comparison" });
  #figures = node("div", { look: "change-figures" });
  #examples = node("div", { look: "change-examples" });
  #shown = ""; // which examples are there

  constructor(path) {
    this.#path = path;
    this.element = node("div", { look: "change", children: [this.#sentence, this.#steps, this.#progress, this.#figures, this.#examples] });
  }

  show(change) {
    this.element.hidden = change === null;
    if (change === null) return;
    const { state, sentence, shadow } = change;
    this.#sentence.textContent = sentence;
    this.#sentence.classList.toggle("wrong", state === "refused");
    const states = Object.keys(STEPS);
    this.#steps.hidden = ENDED.includes(state);
    this.#steps.replaceChildren(...states.map((one, place) => step(STEPS[one], place, states.indexOf(state))));
    this.#progress.hidden = state !== "shadowing" || !shadow?.asked_s;
    if (shadow?.asked_s) this.#progress.value = Math.min(1, shadow.for_s / shadow.asked_s);
    this.#figures.replaceChildren(...figures(change));
    this.#showExamples(change);
  }

  #showExamples({ number, state, shadow }) {
    const examples = shadow?.examples ?? [];
    const present = presentWord(state);
    const shown = [number, present, ...examples.map((example) => example.number)].join();
    if (shown === this.#shown) return; // pictures are not fetched anew
    this.#shown = shown;
    const pictures = examples.map((example) => exampleFigure(example, `${this.#path}/examples/${example.number}/picture?change=${number}`));
    const heading = node("h4", { text: "Where they differ most" });
    const words = legend({ current: `the ${present} model`, new: "the new one" });
    this.#examples.replaceChildren(...(pictures.length ? [heading, words, node("div", { look: "example-list", children: pictures })] : []));
  }
}

function step(words, place, at) {
  const item = node("li", { text: words, look: place < at ? "past" : "" });
  if (place === at) item.setAttribute("aria-current", "step");
  return item;
}

// What the model that was there first is called, once the new one has taken over.
const presentWord = (state) => (["taking_over", "done"].includes(state) ? "former" : "present");

// What was measured; nothing where nothing was.
function figures({ path, state, description, memory, proof, shadow }) {
  const facts = [["New model", path]];
  if (description) facts.push(["Executes as", description]);
  if (memory) facts.push(["Memory", memoryWords(memory)]);
  if (proof) facts.push(["Proof", proofWords(proof)]);
  if (shadow) facts.push(["Comparison", shadowWords(shadow)]);
  const list = node("dl", { look: "model-facts", children: facts.flatMap(([name, words]) => [node("dt", { text: name }), node("dd", { text: words })]) });
  const compared = shadow?.comparison.pictures ? shadow.comparison : proof?.comparison;
  return compared?.pictures ? [list, comparisonTable(compared, presentWord(state))] : [list];
}

function memoryWords({ needed_mb, available_mb, grown_mb }) {
  const free = available_mb === null ? "" : `, ${megabytes(available_mb)} free`;
  return `${megabytes(needed_mb)} needed${free}${grown_mb === null ? "" : `, ${megabytes(grown_mb)} taken`}`;
}

function proofWords({ by, min_agreement, comparison, notes }) {
  const said = comparison ? `${agreed(comparison)} on ${count(comparison.pictures)} pictures ${PROVEN_ON[by] ?? ""}, at least ${percent(min_agreement)}` : "the report of its export";
  return [said, ...notes].join("; ");
}

function shadowWords({ for_s, skipped, comparison }) {
  const overlap = comparison.mean_iou === null ? "" : `, boxes overlap by ${percent(comparison.mean_iou)}`;
  return `${agreed(comparison)}${overlap}, on ${count(comparison.pictures)} frames in ${duration(for_s)}, ${count(skipped)} left out`;
}

function comparisonTable({ current_ms, new_ms, classes }, present) {
  const times = [["Time a picture, median", "p50_ms"], ["Time a picture, 95 % within", "p95_ms"]].map(([words, key]) => [words, milliseconds(current_ms?.[key]), milliseconds(new_ms?.[key]), ""]);
  const rows = classes.map(({ name, current, new: found, matched }) => [name, count(current), count(found), count(matched)]);
  const head = [node("td"), ...[present[0].toUpperCase() + present.slice(1), "New", "Both"].map((text) => node("th", { scope: "col", text }))];
  const body = [...times, ...rows].map(row);
  return node("table", { look: "comparison", children: [node("thead", { children: [node("tr", { children: head })] }), node("tbody", { children: body })] });
}

function row([name, ...cells]) {
  return node("tr", { children: [node("th", { scope: "row", text: name }), ...cells.map((text) => node("td", { text }))] });
}

const agreed = ({ agreement }) => (agreement === null ? "no objects yet" : `${percent(agreement)} agreement`);
const milliseconds = (value) => (value === undefined ? "–" : `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ms`);
const megabytes = (value) => `${count(Math.round(value))} MB`;

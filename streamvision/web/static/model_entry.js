// One model in the list: what it is, how its replacement goes, and what can be done about it.

import { button, node } from "./dom.js";
import { ModelChangeView } from "./model_change.js";

const MAX_CLASSES = 12;
const WORDS = {
  loading: "loading",
  proving: "being proven",
  shadowing: "being compared",
  taking_over: "taking over",
  done: "replaced",
  refused: "refused",
  cancelled: "discarded",
  rolled_back: "put back",
};

// The elements are made once: what is focused keeps the focus while figures change.
export class ModelEntry {
  #tell;
  #state = null; // that was shown last
  #heading;
  #facts = node("dl", { look: "model-facts" });
  #badge = node("p", { look: "badge" });
  #change;
  #buttons;

  constructor(id, { open, act, tell }) {
    this.#tell = tell;
    this.title = id === "default" ? "the run's model" : id;
    this.#heading = node("h3", { text: id === "default" ? "The run's model" : id, tabIndex: -1 });
    this.#change = new ModelChangeView(`api/models/${encodeURIComponent(id)}/change`);
    this.#buttons = {
      accept: button("Take over", () => act(id, "take-over", "POST"), "button main"),
      cancel: button("Discard", () => act(id, "change", "DELETE")),
      rollBack: button("Put the former back", () => act(id, "rollback", "POST")),
      replace: button("Replace", open),
    };
    for (const one of Object.values(this.#buttons)) one.setAttribute("aria-label", `${one.textContent}: ${this.title}`);
    const head = node("header", { children: [this.#heading, this.#badge, node("span", { look: "spacer" }), ...Object.values(this.#buttons)] });
    this.element = node("article", { look: "model", children: [head, this.#facts, this.#change.element] });
  }

  show(model) {
    const { change } = model;
    this.#facts.replaceChildren(...facts(model).flatMap(([name, words]) => [node("dt", { text: name }), node("dd", { text: words })]));
    this.#badge.hidden = change === null;
    this.#badge.textContent = change ? badgeWords(change) : "";
    this.#badge.dataset.change = change?.state ?? "";
    this.#change.show(change);
    this.#showButtons(model);
    if (change && this.#state !== null && this.#state !== change.state) this.#tell(`${this.title}: ${change.sentence}`);
    this.#state = change?.state ?? "";
  }

  #showButtons({ previous_path, change }) {
    const { accept, cancel, rollBack, replace } = this.#buttons;
    const focused = document.activeElement; // a button that is hidden loses the focus at once
    accept.hidden = !change?.may_accept;
    cancel.hidden = !change?.may_cancel;
    rollBack.hidden = change ? !change.may_roll_back : previous_path === null;
    rollBack.title = previous_path ?? "";
    replace.hidden = Boolean(change && change.ended_unix_s === null);
    if (focused?.hidden && this.element.contains(focused)) this.#heading.focus();
  }
}

// Where a change stands; one that is compared long enough waits for somebody to say so.
function badgeWords({ state, shadow, may_accept, take_over }) {
  const isCompared = shadow && shadow.for_s >= shadow.asked_s;
  return state === "shadowing" && may_accept && take_over === "ask" && isCompared ? "waits for you" : WORDS[state];
}

function facts({ path, previous_path, description, task, classes, streams }) {
  const found = [["File", path]];
  if (description) found.push(["Executes as", description]);
  if (task) found.push(["Task", task]);
  if (classes?.length) found.push([classes.length === 1 ? "Class" : `${classes.length} classes`, listed(classes)]);
  found.push(["Cameras", listed(streams) || "none"]);
  if (previous_path) found.push(["Before", previous_path]);
  return found;
}

const listed = (names) => names.slice(0, MAX_CLASSES).join(", ") + (names.length > MAX_CLASSES ? ", …" : "");

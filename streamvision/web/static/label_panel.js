// What the labelling page says beside the picture: why it was kept, its boxes as a list, the filters, the help.

import { button, find, node } from "./dom.js";
import { percent } from "./format.js";
import { sizeInWords } from "./label_boxes.js";
import { HELP } from "./label_keys.js";
import { colourOf } from "./view/palette.js";

const REASONS = {
  uncertain: "uncertain",
  flicker: "flickering",
  disagreement: "disagreement",
  unseen: "not seen before",
  asked: "asked for",
};

const inWords = (kind) => REASONS[kind] ?? kind;

// Why a picture was kept, and what it is called.
export function showWhy(picture) {
  const reasons = picture.reasons.flatMap(({ kind, why }) => [node("span", { look: "badge", text: inWords(kind) }), `${why || "no more is known"}. `]);
  const state = picture.state === "labelled" ? [node("span", { look: "badge", text: "labelled" })] : [];
  find("why").replaceChildren(...state, ...reasons, node("span", { look: "hint", text: picture.name }));
}

// The boxes as a list, which says them to whoever does not see them; `marks` is null where no picture is open.
export function showBoxes(marks, chosen, classes, { choose, remove }) {
  if (!marks) return find("boxes").replaceChildren();
  const rows = marks.map(({ className, score, box, confirmed }, number) => {
    const swatch = node("span", { look: "swatch" });
    swatch.style.background = colourOf(classes.indexOf(className));
    const how = confirmed ? "" : score === null ? ", proposed" : `, proposed, ${percent(Math.round(score * 100) / 100).replace(" ", "\u00a0")}`;
    const words = node("span", { look: "box-words", children: [`${className}${how}`, node("small", { text: sizeInWords(box) })] });
    const entry = node("button", { look: "box-entry", type: "button", children: [swatch, words] });
    entry.setAttribute("aria-pressed", String(number === chosen));
    entry.addEventListener("click", () => choose(number));
    const gone = button("✕", () => remove(number), "icon-button");
    gone.setAttribute("aria-label", `Remove box ${number + 1}, ${className}`);
    return node("li", { children: [entry, gone] });
  });
  find("boxes").replaceChildren(...(rows.length ? rows : [node("li", { look: "hint", text: "None: accepted so, nothing is on the picture." })]));
}

// Filters with what there is to choose; `onChange` gets {state, reason, className}.
export function listenToFilters(onChange) {
  const keys = { "by-state": "state", "by-reason": "reason", "by-class": "className" };
  for (const [id, key] of Object.entries(keys)) find(id).addEventListener("change", ({ target }) => onChange({ [key]: target.value }));
}

export function showFilters(pictures, shown, leftOut) {
  offer(find("by-reason"), new Set(pictures.flatMap(({ reasons }) => reasons)), inWords);
  offer(find("by-class"), new Set(pictures.flatMap(({ classes }) => classes)), (name) => name);
  const more = leftOut ? ` ${leftOut} more are not listed yet.` : "";
  find("shown-words").textContent = `${shown.length} of ${pictures.length} pictures.${more}`;
}

// Options behind the first one; what is chosen stays, also where no picture has it any more.
function offer(select, values, words) {
  const chosen = select.value;
  const wanted = [...new Set([...values, ...(chosen ? [chosen] : [])])].sort();
  if (wanted.join("\n") === [...select.options].slice(1).map(({ value }) => value).join("\n")) return;
  select.replaceChildren(select.options[0], ...wanted.map((value) => new Option(words(value), value)));
  select.value = chosen;
}

export function fillHelp() {
  const rows = ([keys, words]) => [node("dt", { text: keys }), node("dd", { text: words })];
  const parts = Object.entries(HELP).flatMap(([heading, table]) => [node("h3", { text: heading }), node("dl", { children: table.flatMap(rows) })]);
  find("help-rows").replaceChildren(...parts);
  find("close-help").addEventListener("click", () => find("help").close());
}

// Says what the server has not got: decisions that wait, why they do, and changes that were not accepted.
export function showUnsaved(waiting, trouble, isChanged) {
  const pictures = waiting === 1 ? "1 picture" : `${waiting} pictures`;
  const words = waiting && trouble ? `${pictures} not saved: ${trouble}` : waiting ? "saving …" : isChanged ? "changed, not accepted" : "";
  const said = find("saved");
  if (said.textContent !== words) said.textContent = words;
  said.classList.toggle("waits", words !== "");
}

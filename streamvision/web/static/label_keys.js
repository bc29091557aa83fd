// The keys of the labelling page: one table for what they do and for the help that says so.

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const FASTER_AFTER = 8; // repeats of a held arrow
const FASTER = 5;

// [keys, what they do, name of the action]. A letter means the same with and without Shift, unless both are listed.
const TABLE = [
  ["Enter, Space", "accept what is marked, and go on to the next picture", "accept"],
  ["X", "throw the picture away, and go on", "refuse"],
  ["PageDown", "next picture, nothing decided", "next"],
  ["PageUp", "picture before", "previous"],
  ["B", "take the next box", "nextBox"],
  ["Shift+B", "take the box before", "previousBox"],
  ["N", "new box in the middle of what is seen", "newBox"],
  ["Delete, Backspace", "remove the box that is taken", "remove"],
  ["Escape", "let the box go", "letGo"],
  ["C, /", "find or add a class", "findClass"],
  ["Z, Ctrl+Z", "undo; behind the first change, take the last decision back", "undo"],
  ["Shift+Z, Ctrl+Shift+Z, Ctrl+Y", "redo", "redo"],
  ["+, =", "larger; with a box taken, around it", "larger"],
  ["-", "smaller", "smaller"],
  ["F", "the whole picture", "fit"],
  ["L", "names of the boxes shown or hidden", "names"],
  ["W", "push the picture about: further up", "lookUp"],
  ["A", "further left", "lookLeft"],
  ["S", "further down", "lookDown"],
  ["D", "further right", "lookRight"],
  ["?, H", "this help", "help"],
];
const MORE_HELP = [
  ["1 … 9, 0", "the first ten classes, of the box that is taken or else of the next one"],
  ["Arrows", "move the box; without one, picture before and next"],
  ["Shift + arrows", "move its right and lower edge; held keys go faster"],
];
const POINTER_HELP = [
  ["Drag", "a new box; on the one that is taken: move it; on its handles: resize it"],
  ["Click", "take a box; again: the one below it"],
  ["Wheel, two fingers", "larger and smaller"],
  ["Right button, two fingers", "push the picture about"],
];
const NAMES = new Map(TABLE.flatMap(([keys, , action]) => keys.split(", ").map((key) => [key.toLowerCase(), action])));

// Calls `actions[name](...)` for what is typed while no field, dialog or button takes it. Single letters, digits and signs
// count on the stage alone, so that whoever dictates or hits a key beside it changes nothing (WCAG 2.1.4).
export function listen(stage, actions) {
  let repeats = 0;
  addEventListener("keydown", (event) => {
    if (event.altKey || event.metaKey || event.isComposing) return;
    if (event.target.closest?.("input, select, textarea, summary") || document.querySelector(":popover-open, dialog[open]")) return;
    if (event.key.length === 1 && !event.ctrlKey && !stage.contains(event.target)) return;
    const onControl = event.target.closest?.("button, a");
    if (onControl && ["Enter", " "].includes(event.key)) return;
    const arrow = ARROWS[event.key];
    repeats = event.repeat ? repeats + 1 : 0;
    if (arrow && !event.ctrlKey) {
      const step = repeats > FASTER_AFTER ? FASTER : 1;
      event.preventDefault();
      return actions.arrow(arrow[0] * step, arrow[1] * step, event.shiftKey, event.repeat);
    }
    if (/^\d$/.test(event.key) && !event.ctrlKey) {
      event.preventDefault();
      return actions.classNumber((Number(event.key) + 9) % 10);
    }
    const action = actionOf(event);
    if (!action || (event.repeat && ["accept", "refuse", "newBox", "remove"].includes(action))) return;
    event.preventDefault();
    actions[action]();
  });
}

// The name of the action of a key, or undefined.
export function actionOf({ key, ctrlKey, shiftKey }) {
  const plain = (key === " " ? "space" : key).toLowerCase();
  const isLetter = /^[a-z]$/.test(plain);
  const name = `${ctrlKey ? "ctrl+" : ""}${shiftKey && isLetter ? "shift+" : ""}${plain}`;
  return NAMES.get(name) ?? (isLetter && !ctrlKey ? NAMES.get(plain) : undefined);
}

// Rows of the help: [keys, words], under headings.
export const HELP = {
  Keys: [...TABLE.map(([keys, words]) => [keys, words]).slice(0, 4), ...MORE_HELP, ...TABLE.map(([keys, words]) => [keys, words]).slice(4)],
  "Mouse and fingers": POINTER_HELP,
};

// Pictures on which two models were compared, with the boxes of both drawn over them.

import { node } from "./dom.js";
import { percent } from "./format.js";
import { address } from "./server.js";

const SVG = "http://www.w3.org/2000/svg";
const SETS = ["current", "new"];

// What an example shows, beside its boxes: two models' words for the same picture.
export function exampleFigure(example, path) {
  const picture = shape("svg", { viewBox: `0 0 ${example.width_px} ${example.height_px}`, role: "img", "aria-label": wordsOf(example) }, [
    shape("image", { href: address(path), width: example.width_px, height: example.height_px }),
    ...SETS.flatMap((set) => example[set].map((object) => boxOf(object, set, example))),
  ]);
  const agreement = example.agreement === null ? "" : `, agreement ${percent(example.agreement)}`;
  return node("figure", { look: "example", children: [picture, node("figcaption", { text: `${example.stream_id}, frame ${example.frame}${agreement}` })] });
}

// A line as boxes of a set have it, with what it means.
export function legend(words) {
  const items = SETS.map((set) => {
    const line = shape("svg", { viewBox: "0 0 28 10", width: 28, height: 10, "aria-hidden": "true" }, lines({ x1: 1, x2: 27, y1: 5, y2: 5 }, set, "line"));
    return node("li", { children: [line, words[set]] });
  });
  return node("ul", { look: "legend", children: [...items, node("li", { text: "faint: found by both" })] });
}

function boxOf({ class_name, score, box_xyxy_px, matched }, set, { width_px, height_px }) {
  const [left, top, right, bottom] = box_xyxy_px;
  const box = { x: left, y: top, width: Math.max(0, right - left), height: Math.max(0, bottom - top) };
  const group = shape("g", { class: matched ? "both" : "alone" }, lines(box, set, "rect"));
  if (matched) return group;
  const size = width_px / 26;
  const y = set === "new" ? Math.min(height_px - 2, bottom + size) : Math.max(size, top - size / 4); // two labels of one place stay apart
  const label = shape("text", { x: Math.min(left, width_px - size * 5), y, "font-size": size, class: set });
  label.textContent = `${class_name} ${score.toFixed(2)}`;
  group.append(label);
  return group;
}

// A line over a dark one, so that it is seen on every picture.
const lines = (place, set, tag) => [shape(tag, { ...place, class: "ground" }), shape(tag, { ...place, class: set })];

function wordsOf({ stream_id, frame, current, new: found }) {
  return `${stream_id}, frame ${frame}: the present model finds ${counted(current)}; the new one finds ${counted(found)}`;
}

function counted(objects) {
  const counts = new Map();
  for (const { class_name } of objects) counts.set(class_name, (counts.get(class_name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${count} ${name}`).join(", ") || "nothing";
}

function shape(tag, attributes, children = []) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

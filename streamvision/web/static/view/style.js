// What of a result is drawn, and how: a choice of names after the annotators of the `supervision` library.

import { SHAPES } from "./annotators.js";
import { GROUNDS } from "./grounds.js";

export const LAYERS = ["label", "trace", "mask", "skeleton", "region", "birds_eye"]; // what is drawn beside the shapes of objects
export const COLOURS = ["track", "class"]; // by what an object's colour is chosen
export const FIGURES = [...Object.keys(SHAPES), ...Object.keys(GROUNDS)];
const KNOWN = new Set([...FIGURES, ...LAYERS]);
const MOST = 16;

// Takes "box_corner, label, trace by class"; what it does not know is left out. Null where nothing is known: then it is
// the usual style.
export function styleOf(words) {
  const [names, by] = String(words ?? "").toLowerCase().split(/\s+by\s+/);
  const known = [...new Set(names.split(/[\s,+]+/).filter((name) => KNOWN.has(name)))].slice(0, MOST);
  if (!known.length && names.trim() !== "none") return null;
  return {
    shapes: known.filter((name) => name in SHAPES),
    grounds: known.filter((name) => name in GROUNDS),
    layers: known.filter((name) => LAYERS.includes(name)),
    colour: COLOURS.includes(by?.trim()) ? by.trim() : "track",
  };
}

export const styleWords = ({ shapes, grounds, layers, colour }) => `${[...grounds, ...shapes, ...layers].join(", ") || "none"} by ${colour}`;

// The style of the pictures that the server draws itself.
export function usualStyle(scene) {
  const { boxes = true, labels = true, trails_s: trails = 2, analytics = true } = scene?.drawn ?? {};
  const layers = { label: labels, trace: trails > 0, mask: boxes, skeleton: boxes, region: analytics, birds_eye: boxes };
  return { shapes: boxes ? ["box"] : [], grounds: [], layers: LAYERS.filter((name) => layers[name]), colour: "track" };
}

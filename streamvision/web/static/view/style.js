// What of a result is drawn, and how: a choice of names after the annotators of the `supervision` library.

import { SHAPES } from "./annotators.js";

export const LAYERS = ["label", "trace", "mask", "skeleton", "region"]; // which are drawn beside the shapes of objects
export const COLOURS = ["track", "class"]; // by what an object's colour is chosen
export const NAMES = [...Object.keys(SHAPES), ...LAYERS];

export const USUAL = { shapes: ["box"], layers: [...LAYERS], colour: "track" };

// Takes "box_corner, label, trace by class"; what it does not know is left out, and nothing known is the usual style.
export function styleOf(words) {
  const [names, colour] = String(words ?? "").split(/\s+by\s+/);
  const known = names.split(/[\s,+]+/).filter((name) => NAMES.includes(name));
  const style = { shapes: known.filter((name) => name in SHAPES), layers: known.filter((name) => LAYERS.includes(name)) };
  return { ...(known.length ? style : { ...USUAL }), colour: COLOURS.includes(colour?.trim()) ? colour.trim() : USUAL.colour };
}

export const styleWords = ({ shapes, layers, colour }) => `${[...shapes, ...layers].join(", ")} by ${colour}`;

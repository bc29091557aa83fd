// Draws what was found on a picture over it: objects with their labels, trails, masks, keypoints, and regions.

import { arc, line, SHAPES, through } from "./annotators.js";
import { placeLabels } from "./labels.js";
import { BLACK, wordsOn } from "./palette.js";
import { USUAL } from "./style.js";
import { keypointsOf, visibleObjects } from "./visible.js";

// Draws a result, in the pixels of the canvas; what was on the canvas before stays. Returns the objects as they are seen,
// each with its box in pixels of the canvas, for who wants to know which one was clicked.
//
// result: a `result` record of the server, or one like it: {width_px, height_px, objects, is_tracked, ...};
// scene: its `scene` record; style: as style.js gives it; at: where on the canvas the picture is, {left, top, width,
// height}; ratio: pixels of the canvas in one of the page; picture: what to take the picture from, for styles that need it.
export function drawScene(pen, { result, scene = null, style = USUAL, at = wholeOf(pen), ratio = window.devicePixelRatio || 1 }) {
  const { width_px: width, height_px: height } = result;
  if (!(width > 0 && height > 0 && at.width > 0 && at.height > 0)) return [];
  const place = ([x, y]) => [at.left + (x * at.width) / width, at.top + (y * at.height) / height];
  const seen = visibleObjects(result, { names: scene?.names, place, by: style.colour });
  const look = lookOf(at, ratio);
  const has = (layer) => style.layers.includes(layer);
  pen.save();
  pen.lineJoin = pen.lineCap = "round";
  for (const shape of style.shapes) for (const one of seen) SHAPES[shape](pen, one, look);
  if (has("skeleton")) for (const one of seen) drawKeypoints(pen, one, look, { place, skeleton: scene?.skeleton ?? [] });
  if (has("label")) drawLabels(pen, seen, look, { at, taken: [] });
  pen.restore();
  return seen;
}

const wholeOf = ({ canvas }) => ({ left: 0, top: 0, width: canvas.width, height: canvas.height });

// Sizes that follow the picture's, as those of the pictures that the server draws do.
function lookOf({ width, height }, ratio) {
  const short = Math.min(width, height) / ratio;
  const text = Math.max(12, 8 + short / 58);
  const sizes = { line: Math.max(2, short / 300), thin: Math.max(1.5, short / 540), halo: 1, text, pad: Math.max(4, 0.28 * text) };
  return Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, size * ratio]));
}

function drawKeypoints(pen, seen, look, { place, skeleton }) {
  const points = keypointsOf(seen.object, place);
  for (const [a, b] of skeleton) if (points[a] && points[b]) line(pen, seen, look, through([points[a], points[b]], false));
  for (const point of points) {
    if (!point) continue;
    pen.fillStyle = BLACK;
    pen.fill(arc(...point, look.line + look.halo));
    pen.fillStyle = seen.colour;
    pen.fill(arc(...point, look.line));
  }
}

function drawLabels(pen, seen, { line: gap, text, pad }, { at, taken }) {
  const objects = [...seen].sort((a, b) => b.importance - a.importance);
  pen.font = `600 ${0.72 * text}px system-ui, sans-serif`;
  pen.textBaseline = "middle";
  const words = objects.map(({ name, figures }) => [name, ...figures].join("  "));
  const sizes = words.map((one) => [Math.ceil(pen.measureText(one).width + 2 * pad), Math.round(text)]);
  const picture = [at.left, at.top, at.left + at.width, at.top + at.height];
  const places = placeLabels(objects.map(({ box }) => box), sizes, { picture, taken, gap: gap / 2 });
  // The most important label is drawn last: where there is no room it lies on top.
  for (let n = objects.length - 1; n >= 0; n -= 1) {
    const [{ left, top }, [width, height]] = [places[n], sizes[n]];
    pen.fillStyle = objects[n].colour;
    pen.fillRect(left, top, width, height);
    pen.fillStyle = wordsOn(objects[n].colour);
    pen.fillText(words[n], left + pad, top + height * 0.53);
  }
}

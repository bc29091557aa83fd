// Draws what was found on a picture over it: objects with their labels, trails, masks, keypoints, regions, and
// objects in space from above.

import { arc, line, SHAPES, through } from "./annotators.js";
import { drawBirdsEye } from "./birds-eye.js";
import { GROUNDS } from "./grounds.js";
import { BLACK, colourOf, faint, WHITE } from "./palette.js";
import { drawRegions } from "./region-marks.js";
import { usualStyle } from "./style.js";
import { isNumbers, keypointsOf, short, visibleObjects } from "./visible.js";
import { Words } from "./words.js";

const MASK_OPACITY = 0.45;
const MOST_MARKS = 1000;
const MOST_LINES = 5; // of text about the picture as a whole
const LINE_LETTERS = 46; // of a text that is broken into lines
const COLOUR = /^#[0-9a-f]{6}$/;

// Draws a result, in the pixels of the canvas; what was on the canvas before stays. Returns the objects as they are seen,
// each with its `box` in pixels of the canvas, the largest first.
//
// result: a `result` record of the server, or one like it: {width_px, height_px, objects, is_tracked, ...};
// scene: its `scene` record; style: as style.js gives it, or null for what the server draws itself;
// at: where on the canvas the picture is, {left, top, width, height}; ratio: pixels of the canvas in one of the page;
// picture: what shows the picture, for styles that change it; past: what past.js remembers of the stream;
// isDrawn: whether all is in the picture already, so that only the objects are wanted; choose(seen): gives the one that is
// looked at, or null.
export function drawScene(pen, given) {
  const { result, scene = null, style = null, at = wholeOf(pen), ratio = devicePixelRatio || 1, picture = null, past = null } = given;
  const { isDrawn = false, choose = () => null } = given;
  const { width_px: width, height_px: height } = result;
  if (!(width > 0 && height > 0 && at.width > 0 && at.height > 0)) return [];
  const { shapes, grounds, layers, colour } = style ?? usualStyle(scene);
  const place = ([x, y]) => [at.left + (x * at.width) / width, at.top + (y * at.height) / height];
  const seen = visibleObjects(result, { names: scene?.names, place, by: colour });
  const look = lookOf(at, ratio);
  const has = (layer) => layers.includes(layer);
  past?.add(result, scene?.drawn?.trails_s || undefined);
  const chosen = choose(seen);
  if (isDrawn) {
    if (chosen) highlight(pen, chosen, ratio);
    return seen;
  }
  pen.save();
  pen.lineCap = "round";
  pen.miterLimit = 2; // corners of boxes are square, sharp ones of outlines are cut
  for (const ground of grounds) GROUNDS[ground](pen, seen, { at, picture, past });
  if (has("trace") && past) drawTrails(pen, past.trails, { at, look, seen });
  if (has("mask")) drawMasks(pen, seen);
  for (const shape of shapes) for (const one of seen) SHAPES[shape](pen, one, look);
  if (has("skeleton")) for (const one of seen) drawKeypoints(pen, one, look, { place, skeleton: scene?.skeleton ?? [] });
  if (chosen) highlight(pen, chosen, ratio);
  const regions = has("region") ? drawRegions(pen, { regions: scene?.regions, counts: result.counts }, { at, look }) : [];
  const above = has("birds_eye") ? drawBirdsEye(pen, seen, { at, look }) : null;
  const words = new Words(pen, at, look);
  if (above) words.taken.push(above);
  words.regions(regions);
  if (has("label")) writeWhole(words, result, { at, look });
  if (has("label")) words.labels(seen);
  drawMarks(pen, words, result.marks, { place, look });
  pen.restore();
  return seen;
}

// Shows which object is looked at.
function highlight(pen, { box: [left, top, right, bottom] }, ratio) {
  const away = 5 * ratio;
  const path = new Path2D();
  path.roundRect(left - away, top - away, right - left + 2 * away, bottom - top + 2 * away, away);
  line(pen, { colour: WHITE, confirmed: true }, { line: 2 * ratio, halo: ratio }, path);
}

const wholeOf = ({ canvas }) => ({ left: 0, top: 0, width: canvas.width, height: canvas.height });

// Sizes that follow the picture's, as those of the pictures that the server draws do.
function lookOf({ width, height }, ratio) {
  const short_px = Math.min(width, height) / ratio;
  const text = Math.max(12, 8 + short_px / 58);
  const sizes = { line: Math.max(2, short_px / 300), thin: Math.max(2, short_px / 540), halo: 1, text, pad: Math.max(4, 0.28 * text) };
  return Object.fromEntries(Object.entries(sizes).map(([name, size]) => [name, size * ratio]));
}

function drawTrails(pen, trails, { at, look, seen }) {
  pen.lineJoin = "round";
  const colours = new Map(seen.map(({ object, colour }) => [object.track_id, colour]));
  for (const [id, feet] of trails) {
    const points = feet.filter(Boolean).map(([x, y]) => [at.left + x * at.width, at.top + y * at.height]);
    const extent = (axis) => Math.max(...points.map((point) => point[axis])) - Math.min(...points.map((point) => point[axis]));
    if (points.length < 2 || Math.max(extent(0), extent(1)) < 2 * look.text) continue; // of what stands still it is a scribble
    const colour = colours.get(id) ?? colourOf(id);
    line(pen, { colour, confirmed: true }, { ...look, line: look.thin }, through(points, false));
  }
  pen.lineJoin = "miter";
}

function drawMasks(pen, seen) {
  for (const { mask, colour } of seen) {
    if (!mask) continue;
    pen.fillStyle = faint(colour, MASK_OPACITY);
    pen.fill(mask, "evenodd");
  }
}

function drawKeypoints(pen, seen, look, { place, skeleton }) {
  const points = keypointsOf(seen.object, place);
  const limb = { colour: seen.colour, confirmed: true };
  for (const [a, b] of skeleton) if (points[a] && points[b]) line(pen, limb, look, through([points[a], points[b]], false));
  for (const point of points) {
    if (!point) continue;
    pen.fillStyle = BLACK;
    pen.fill(arc(...point, look.line + look.halo));
    pen.fillStyle = seen.colour;
    pen.fill(arc(...point, look.line));
  }
}

// What was said of the picture as a whole: its classes and numbers at the top, what slow models last said below.
function writeWhole(words, { classes, values, units, text, key_frames: keyFrames }, { at, look }) {
  const likely = (classes ?? []).slice(0, 3).map(({ class_id: id, class_name: name, score }) => [`${short(name)} ${fixed(score)}`, colourOf(id)]);
  const numbers = numberWords(values, units).map((said) => [short(said), BLACK]);
  const read = wrapped(text?.text).map((said) => [said, BLACK]);
  [...likely, ...numbers, ...read].slice(0, MOST_LINES).forEach(([said, colour], n) => words.write(said, at.left + look.pad, at.top + look.pad + n * words.line, colour));
  // From below; of a text that takes several lines the last comes first.
  const slow = Object.entries(keyFrames ?? {}).flatMap(([name, said]) => keyFrameLines(name, said).reverse()).slice(0, MOST_LINES);
  slow.forEach((said, n) => words.write(said, at.left + look.pad, at.top + at.height - look.pad - (n + 1) * words.line, BLACK));
}

// A line, or below its name and age the lines of a long text.
function keyFrameLines(name, said) {
  const lines = wrapped(said.text?.text);
  return lines.length > 1 ? [keyFrameWords(name, { ...said, text: null }), ...lines] : [keyFrameWords(name, said)];
}

// A text in lines of at most so many letters, broken at blanks; none of what is no text.
function wrapped(text) {
  const lines = [];
  for (const word of typeof text === "string" ? text.split(/\s+/).filter(Boolean) : []) {
    const longer = lines.length ? `${lines.at(-1)} ${word}` : word;
    if (lines.length && longer.length <= LINE_LETTERS) lines[lines.length - 1] = longer;
    else if (lines.push(word) === MOST_LINES) break;
  }
  return lines.map(short);
}

// Numbers with their names and, where they are known, their units.
function numberWords(values, units) {
  return Object.entries(values ?? {}).map(([name, value]) => `${name} ${figure(value)} ${units?.[name] ?? ""}`.trimEnd());
}

function keyFrameWords(name, { age_s: age, text, classes, values, units }) {
  const best = classes?.length ? [`${classes[0].class_name} ${fixed(classes[0].score)}`] : [];
  return [`${name} ${fixed(age, 1)} s ago`, ...(text?.text ? [text.text] : []), ...best, ...numberWords(values, units)].map(short).join("  ");
}

const fixed = (value, digits = 2) => (Number.isFinite(value) ? value.toFixed(digits) : "–");
const figure = (value) => (Number.isFinite(value) ? String(Number(value.toPrecision(4))) : "–");

// Lines and words of stages: those of the user's, and of second models.
function drawMarks(pen, words, marks, { place, look }) {
  for (const { points_px: points, closed, text, at_px: at, colour } of (marks ?? []).slice(0, MOST_MARKS)) {
    if (!COLOUR.test(colour)) continue;
    if (Array.isArray(points) && points.every((point) => isNumbers(point, 2))) {
      line(pen, { colour, confirmed: true }, look, through(points.map(place), closed === true));
    } else if (isNumbers(at, 2)) {
      words.write(short(text), ...place(at), colour, false);
    }
  }
}

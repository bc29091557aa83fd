// The objects of a result as they can be seen on a canvas. What comes from outside is checked here: numbers are numbers.

import { through } from "./annotators.js";
import { colourOf, UNCONFIRMED } from "./palette.js";

const MOST_OBJECTS = 500;
const MOST_LETTERS = 48;
const MOST_POINTS = 20_000; // of all outlines of an object
const SURE_KEYPOINT = 0.25; // below it a model seldom knows where it is

// [{object, box, shape, mask, colour, confirmed, name, figures, importance}], the largest first; `shape` is its box as a
// path, oriented where it is, `mask` that of its own outlines or null; `place` turns [x, y] of the
// result's pixels into those of the canvas, and `by` is "track" or "class".
export function visibleObjects(result, { names, place, by }) {
  const { width_px: width, height_px: height, is_tracked: tracked = false } = result;
  const seen = (result.objects ?? []).slice(0, MOST_OBJECTS).map((object) => visible(object, { width, height, tracked, names, place, by }));
  return seen.filter(Boolean).sort((a, b) => area(b.box) - area(a.box));
}

function visible(object, { width, height, tracked, names, place, by }) {
  const { box_xyxy_px: edges, class_id: classId = 0, track_id: id = null, score } = object;
  if (!isNumbers(edges, 4)) return null;
  const [left, top, right, bottom] = edges.map((edge, at) => Math.min(Math.max(edge, 0), at % 2 ? height : width));
  if (!(left < right && top < bottom)) return null;
  const confirmed = id !== null || !tracked;
  const key = by === "track" && id !== null ? id : classId;
  const box = [...place([left, top]), ...place([right, bottom])].map(Math.round); // lines between pixels would be soft
  return {
    object,
    box,
    shape: through(isNumbers(object.obb, 5) ? corners(object.obb).map(place) : upright(box)),
    mask: maskOf(object, place),
    colour: confirmed && Number.isInteger(key) && key >= 0 ? colourOf(key) : UNCONFIRMED,
    confirmed,
    name: nameOf(object, names),
    figures: figuresOf(object),
    importance: (Number.isFinite(score) ? score : 0) + confirmed,
  };
}

// Class, with the identity where there is one, and what second models say.
export function nameOf({ class_id: classId, class_name: given, track_id: id = null, global_id: everywhere = null, attributes }, names = []) {
  const name = short(given ?? names[classId] ?? `class ${classId}`);
  const found = Object.values(attributes ?? {}).map(attributeWords).filter(Boolean);
  return [name, ...(id === null ? [] : [id]), ...(Number.isInteger(everywhere) ? [`#${everywhere}`] : []), ...(found.length ? [short(found.join(" "))] : [])].join(" ");
}

// What a second model found on an object, in few words.
export function attributeWords(found) {
  const first = found?.objects?.[0] ?? found;
  const word = plain(first?.text || first?.class_name || "");
  return !word && Number.isFinite(first?.distance_m) ? `${first.estimated ? "~" : ""}${first.distance_m.toFixed(0)} m` : word;
}

function figuresOf({ score, speed_kmh: speed }) {
  return [...(Number.isFinite(score) ? [score.toFixed(2)] : []), ...(Number.isFinite(speed) ? [`${speed.toFixed(0)} km/h`] : [])];
}

// [[x, y] or null where a model is not sure] of an object's keypoints.
export function keypointsOf({ keypoints }, place) {
  if (!Array.isArray(keypoints)) return [];
  return keypoints.slice(0, MOST_OBJECTS).map((one) => (isNumbers(one, 3) && one[2] >= SURE_KEYPOINT ? place(one) : null));
}

// The outlines of an object and of the holes in it; they go through the middle of pixels.
function maskOf({ outlines_px: outlines }, place) {
  if (!Array.isArray(outlines) || outlines.reduce((sum, ring) => sum + (ring?.length ?? 0), 0) > 2 * MOST_POINTS) return null;
  const path = new Path2D();
  for (const ring of outlines) {
    if (!Array.isArray(ring) || ring.length < 6 || !ring.every(Number.isFinite)) continue;
    for (let n = 0; n + 1 < ring.length; n += 2) {
      const [x, y] = place([ring[n] + 0.5, ring[n + 1] + 0.5]);
      if (n) path.lineTo(x, y);
      else path.moveTo(x, y);
    }
    path.closePath();
  }
  return path;
}

export const isNumbers = (values, length) => Array.isArray(values) && values.length === length && values.every(Number.isFinite);

export const short = (words) => (plain(words).length > MOST_LETTERS ? `${plain(words).slice(0, MOST_LETTERS - 1)}…` : plain(words));

// Words for a value of a result; an object may not even be turned into some, and is no words.
const plain = (value) => (value !== null && typeof value === "object" ? "" : String(value));

const upright = ([left, top, right, bottom]) => [[left, top], [right, top], [right, bottom], [left, bottom]];

const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);

// Of an oriented box: centre, width, height, and rotation in radians, clockwise on the picture.
function corners([x, y, width, height, rotation]) {
  const along = [(Math.cos(rotation) * width) / 2, (Math.sin(rotation) * width) / 2];
  const across = [(-Math.sin(rotation) * height) / 2, (Math.cos(rotation) * height) / 2];
  const corner = (a, b) => [x + a * along[0] + b * across[0], y + a * along[1] + b * across[1]];
  return [corner(-1, -1), corner(1, -1), corner(1, 1), corner(-1, 1)];
}

// From a picture to the network's input, and from its raw outputs to what is on the picture. Plain JavaScript, no
// libraries. `card` is card.json and `reading` is in bundle.json: {layout, score, iou, max_detections}.
import { cuboid, madePicture, numbers, sentence } from "./answers.mjs";
import { candidates, suppress } from "./boxes.mjs";
import { classMap, instanceMasks } from "./maps.mjs";
import { suppressOriented, toPictureOriented, upright } from "./oriented.mjs";

/** Where a picture lies in the network's input, and the way back. */
export class Placement {
  constructor(width, height, input) {
    Object.assign(this, { width, height, left: 0, top: 0 });
    const ratioX = input.width_px / width, ratioY = input.height_px / height, ratio = Math.min(ratioX, ratioY);
    if (input.resize === "stretch") {
      Object.assign(this, { contentWidth: input.width_px, contentHeight: input.height_px, scaleX: ratioX, scaleY: ratioY });
    } else if (input.resize === "letterbox_top_left") {
      this.contentWidth = Math.max(Math.trunc(width * ratio), 1);
      this.contentHeight = Math.max(Math.trunc(height * ratio), 1);
      this.scaleX = this.scaleY = ratio;
    } else if (input.resize === "letterbox_center") {
      this.contentWidth = Math.max(roundHalfEven(width * ratio), 1);
      this.contentHeight = Math.max(roundHalfEven(height * ratio), 1);
      this.left = roundHalfEven((input.width_px - this.contentWidth) / 2 - 0.1);
      this.top = roundHalfEven((input.height_px - this.contentHeight) / 2 - 0.1);
    } else if (input.resize === "crop_center") { // the middle of the picture; left and top are below 0 by what is cut off
      const shorter = input.crop_short_side_px ?? Math.max(input.width_px, input.height_px), least = Math.min(width, height);
      this.contentWidth = width === least ? shorter : Math.trunc((shorter * width) / least);
      this.contentHeight = height === least ? shorter : Math.trunc((shorter * height) / least);
      this.left = middle(this.contentWidth, input.width_px);
      this.top = middle(this.contentHeight, input.height_px);
    } else throw new Error(`no rule for resize ${input.resize}`);
    this.scaleX ??= this.contentWidth / width;
    this.scaleY ??= this.contentHeight / height;
  }

  /** Points of the network's input, [x, y, x, y, ...], in the picture's own pixels and cut at its edges. */
  toPicture(points) {
    return this.cut(points.map((value, at) => (at % 2 ? (value - this.top) / this.scaleY : (value - this.left) / this.scaleX)));
  }

  /** Points [x, y, x, y, ...] cut at the picture's edges, in single precision. */
  cut(points) {
    return points.map((value, at) => Math.fround(Math.min(Math.max(value, 0), at % 2 ? this.height : this.width)));
  }
}

/** The input tensor. `rgba` holds the whole picture resized to the placement's content size, as a canvas gives it. */
export function toTensor(rgba, place, input) {
  const { width_px: width, height_px: height, mean, std } = input;
  const divisor = Math.fround(1 / input.scale), area = width * height, planar = input.layout === "nchw";
  const tensor = input.dtype === "uint8" ? new Uint8Array(3 * area) : new Float32Array(3 * area);
  const border = input.resize === "crop_center" ? 0 : input.pad_value;
  const bottom = Math.min(place.top + place.contentHeight, height), right = Math.min(place.left + place.contentWidth, width);
  for (let channel = 0; channel < 3; channel++) {
    const from = input.color === "rgb" ? channel : 2 - channel;
    const value = (level) => (Math.fround(level / divisor) - (mean?.[channel] ?? 0)) / (std?.[channel] ?? 1);
    const [start, step] = planar ? [channel * area, 1] : [channel, 3];
    for (let at = 0; at < area; at++) tensor[start + at * step] = value(border);
    for (let y = Math.max(place.top, 0); y < bottom; y++) {
      for (let x = Math.max(place.left, 0); x < right; x++) {
        const level = rgba[4 * ((y - place.top) * place.contentWidth + x - place.left) + from];
        tensor[start + (y * width + x) * step] = value(level);
      }
    }
  }
  return tensor;
}

/** What the network says of the picture: {detections, classScores, classMap, numbers, sentence, cuboid, picture}, each where the
 *  model's task gives it.
 *  `outputs` are the network's, in its own order: [{data: Float32Array, dims: [1, ...]}]. */
export function decode(outputs, place, card, reading) {
  const found = { detections: [], classScores: [], classMap: null, numbers: [], sentence: null, cuboid: null, picture: null };
  if (card.task === "classify") {
    const several = reading.layout === "several", scores = outputs.find(({ data }) => !several || data.length > 1);
    if (several) found.numbers = numbers(outputs, card);
    if (scores) found.classScores = classScores(scores.data, reading);
  } else if (card.task === "semantic") found.classMap = classMap(outputs, place, card);
  else if (card.task === "caption") found.sentence = sentence(outputs, card.names);
  else if (card.task === "cuboid") found.cuboid = cuboid(outputs);
  else if (card.task === "image") found.picture = madePicture(outputs, place, card);
  else found.detections = detect(outputs, place, card, reading);
  return found;
}

/** Objects on the picture, best first: [{box: [left, top, right, bottom] in pixels, score, classId}], and what the task
 *  adds: `mask` {left, top, width, height, bits}, `keypoints` [{x, y, score}] or `oriented` {centerX, centerY, width,
 *  height, angle}, all in pixels of the picture. */
export function detect(outputs, place, card, reading) {
  const found = candidates(outputs, card, reading);
  found.sort((a, b) => b.score - a.score);
  const better = card.task === "obb" ? suppressOriented : suppress;
  const kept = card.nms_inside ? found.slice(0, reading.max_detections) : better(found, reading);
  const maskOf = card.task === "segment" ? instanceMasks(outputs, place, card.input) : null;
  const placed = kept.map(({ box: inInput, score, classId, extra }) => {
    if (card.task === "obb") {
      const oriented = toPictureOriented(extra, place);
      const { centerX, centerY, width, height, angle } = oriented;
      return { box: place.cut(upright(centerX, centerY, width, height, angle)), score, classId, oriented };
    }
    const box = place.toPicture(inInput);
    if (maskOf) return { box, score, classId, mask: maskOf(box, extra) };
    if (card.task === "pose") return { box, score, classId, keypoints: keypointsOf(extra, place, card) };
    return { box, score, classId };
  });
  return placed.filter(({ box }) => box[2] > box[0] && box[3] > box[1]);
}

/** Keypoints in pixels of the picture: x and y, and how sure each is, 1 where the network does not say. */
function keypointsOf(extra, place, card) {
  const count = card.keypoints.names.length, values = extra.length / count;
  const [unitX, unitY] = card.box_unit === "normalized" ? [card.input.width_px, card.input.height_px] : [1, 1];
  return Array.from({ length: count }, (_, index) => {
    const [x, y, score = 1] = extra.slice(index * values, (index + 1) * values);
    const [onX, onY] = place.toPicture([x * unitX, y * unitY]);
    return { x: onX, y: onY, score };
  });
}

/** Probability of every class, the likeliest first: [{classId, score}]. */
function classScores(data, { layout }) {
  const highest = data.reduce((a, b) => Math.max(a, b), -Infinity);
  const odds = layout === "logits" ? Array.from(data, (value) => Math.exp(value - highest)) : Array.from(data);
  const sum = layout === "logits" ? odds.reduce((a, b) => a + b, 0) : 1;
  return odds.map((value, classId) => ({ classId, score: value / sum })).sort((a, b) => b.score - a.score);
}

function middle(content, input) {
  return input > content ? Math.floor((input - content) / 2) : -roundHalfEven((content - input) / 2);
}

function roundHalfEven(value) {
  const below = Math.floor(value), rest = value - below;
  return rest === 0.5 ? below + (below % 2) : Math.round(value);
}

// Compares the decoder, or a whole app, with the golden vectors of the bundle: `node web/self_test.mjs`, or `selfTest` in
// a page.
import { differentAnswers } from "./answers.mjs";
import { overlap } from "./boxes.mjs";
import { Placement, decode, toTensor } from "./decoder.mjs";
import { overlapMasks } from "./maps.mjs";
import { overlapOriented } from "./oriented.mjs";

/** How near to the golden vectors the decoder itself comes: nothing but rounding is between them. */
const EXACT = {
  iou: 0.99, score: 1e-4, mask_iou: 0.99, keypoint_share: 2e-3, class_score: 1e-4, same_pixels: 0.999, number: 1e-5, same_words: 1, levels: 0.01,
};
/** Keypoints that the golden vectors are less sure of are anywhere. */
const CERTAIN_KEYPOINT = 0.5;
const CUBOID = ["length", "width", "height", "alpha", "depthFactor", "offsetX", "offsetY", "spread"];

/** The golden vectors. `read(path)` resolves to the ArrayBuffer of a file of the bundle, such as "golden/input.f32". */
export async function readGolden(read) {
  const json = async (path) => JSON.parse(new TextDecoder().decode(await read(path)));
  const [card, bundle] = await Promise.all([json("card.json"), json("bundle.json")]);
  const { golden } = bundle, types = { uint8: Uint8Array, uint32: Uint32Array, float32: Float32Array };
  const tensor = async ({ file, dtype, shape }) => ({ data: new types[dtype](await read(file)), dims: shape });
  const optional = async (described) => (described ? (await tensor(described)).data : null);
  const withAlpha = (rgb) => {
    const rgba = new Uint8ClampedArray((rgb.length / 3) * 4).fill(255);
    for (let pixel = 0; pixel < rgb.length / 3; pixel++) rgba.set(rgb.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
    return rgba;
  };
  const objects = golden.detections ? await json(golden.detections) : [], masks = readMasks(await optional(golden.masks));
  const detections = objects.map(({ box_xyxy_px: box, score, class_id: classId, keypoints, obb }, at) => ({
    box, score, classId, mask: masks[at],
    keypoints: keypoints?.map(([x, y, certainty]) => ({ x, y, score: certainty })),
    oriented: obb && { centerX: obb[0], centerY: obb[1], width: obb[2], height: obb[3], angle: obb[4] },
  }));
  const classScores = Array.from(await optional(golden.classes) ?? [], (score, classId) => ({ classId, score }));
  const classIds = await optional(golden.class_map), [height, width] = golden.class_map?.shape ?? [];
  const values = Array.from(await optional(golden.numbers) ?? []), placed = await optional(golden.cuboid), made = await optional(golden.made);
  const answers = {
    numbers: values.map((value, at) => ({ name: card.numbers[at].name, value, unit: card.numbers[at].unit ?? null })),
    sentence: golden.sentence
      && { text: new TextDecoder().decode(await read(golden.sentence)), wordScores: Array.from(await optional(golden.words)) },
    cuboid: placed && Object.fromEntries(CUBOID.map((name, at) => [name, placed[at]])),
    picture: made && { width: golden.made.shape[1], height: golden.made.shape[0], rgba: withAlpha(made) },
  };
  return {
    card, bundle, rgba: withAlpha((await tensor(golden.content)).data),
    prediction: {
      detections, classScores: classScores.sort((a, b) => b.score - a.score), classMap: classIds && { width, height, classIds }, ...answers,
    },
    place: new Placement(golden.picture.width_px, golden.picture.height_px, card.input),
    input: await tensor(golden.input),
    outputs: await Promise.all(golden.outputs.map(tensor)),
  };
}

/** Masks out of runs: left, top, width, height, the number of runs, and their lengths along the rows, zeros first. */
function readMasks(values) {
  const masks = [];
  for (let at = 0; values && at < values.length;) {
    const [left, top, width, height, runs] = values.subarray(at, (at += 5)), bits = new Uint8Array(width * height);
    for (let run = 0, pixel = 0; run < runs; run++) bits.fill(run % 2, pixel, (pixel += values[at++]));
    masks.push({ left, top, width, height, bits });
  }
  return masks;
}

/** What differs between two predictions, one sentence each. Objects are the same when they have one class, overlap and
 *  score nearly the same; what lies that near to the `threshold` may be on one side only. */
export function differences(found, expected, tolerance, threshold) {
  const same = (one, other) => other.classId === one.classId && Math.abs(other.score - one.score) <= tolerance.score
    && overlap(other.box, one.box) >= tolerance.iou;
  const told = ({ classId, score, box }) => `class ${classId}, score ${score.toFixed(4)}, at ${box.map((edge) => edge.toFixed(1))}`;
  const lacking = (from, those, word) => from
    .filter((one) => one.score >= threshold + tolerance.score && !those.some((other) => same(one, other)))
    .map((one) => `${word}: ${told(one)}`);
  const changed = expected.detections.flatMap((one) => {
    const partners = found.detections.filter((other) => same(one, other)).map((other) => unlike(other, one, tolerance));
    return partners.length && partners.every(Boolean) ? [`${partners[0]} differs: ${told(one)}`] : [];
  });
  return [
    ...lacking(expected.detections, found.detections, "missing"), ...lacking(found.detections, expected.detections, "not expected"),
    ...changed, ...differentClasses(found.classScores, expected.classScores, tolerance),
    ...differentMap(found.classMap, expected.classMap, tolerance), ...differentAnswers(found, expected, tolerance),
  ];
}

/** Which of the values that a task adds to a box differs; null where none does. */
function unlike(found, expected, tolerance) {
  if (expected.mask && !(found.mask && overlapMasks(found.mask, expected.mask) >= tolerance.mask_iou)) return "mask";
  if (expected.oriented && !(found.oriented && overlapOriented(found.oriented, expected.oriented) >= tolerance.iou)) return "rotation";
  const certain = (expected.keypoints ?? []).map((point, at) => [point, found.keypoints?.[at]]).filter(([{ score }]) => score >= CERTAIN_KEYPOINT);
  if (certain.length === 0) return null;
  const [left, top, right, bottom] = expected.box, size = Math.sqrt(Math.max(right - left, 1) * Math.max(bottom - top, 1));
  const distance = certain.reduce((sum, [one, other]) => sum + (other ? Math.hypot(one.x - other.x, one.y - other.y) : Infinity), 0);
  return distance / certain.length / size <= tolerance.keypoint_share ? null : "pose";
}

function differentClasses(found, expected, tolerance) {
  const scores = new Map(found.map(({ classId, score }) => [classId, score]));
  return expected.filter(({ classId, score }) => !(Math.abs((scores.get(classId) ?? Infinity) - score) <= tolerance.class_score))
    .map(({ classId, score }) => `class ${classId} has the probability ${scores.get(classId)}, not ${score.toFixed(4)}`);
}

function differentMap(found, expected, tolerance) {
  if (!expected) return [];
  if (found?.width !== expected.width || found.height !== expected.height) return ["the map of classes has another size"];
  const equal = expected.classIds.reduce((count, classId, at) => count + (classId === found.classIds[at]), 0);
  const same = equal / expected.classIds.length;
  return same >= tolerance.same_pixels ? [] : [`the class of ${(100 * (1 - same)).toFixed(2)} % of the cells differs`];
}

/** What differs between the decoder and the golden vectors, one sentence each. */
export function selfTest({ card, bundle, rgba, place, input, outputs, prediction }) {
  const tensor = toTensor(rgba, place, card.input), most = card.input.dtype === "float16" ? 2e-3 : 1e-5;
  let off = tensor.length === input.data.length ? 0 : Infinity;
  for (let at = 0; at < tensor.length; at++) off = Math.max(off, Math.abs(tensor[at] - input.data[at]));
  const wrongTensor = off <= most ? [] : [`the input tensor is off by up to ${off}`];
  return [...wrongTensor, ...differences(decode(outputs, place, card, bundle.reading), prediction, EXACT, bundle.reading.score)];
}

if (typeof process !== "undefined" && process.argv?.[1]?.endsWith("self_test.mjs")) {
  const { readFile } = await import("node:fs/promises");
  const read = async (path) => Uint8Array.from(await readFile(new URL(`../${path}`, import.meta.url))).buffer;
  const found = selfTest(await readGolden(read));
  found.forEach((sentence) => console.log(sentence));
  console.log(found.length ? "FAILED" : "ok: the decoder agrees with the golden vectors");
  process.exitCode = found.length ? 1 : 0;
}

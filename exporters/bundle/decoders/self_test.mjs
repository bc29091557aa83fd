// Compares the decoder with the golden vectors of the bundle: `node web/self_test.mjs`, or `selfTest` in a page.
import { Placement, detect, overlap, toTensor } from "./decoder.mjs";

/** The golden vectors. `read(path)` resolves to the ArrayBuffer of a file of the bundle, such as "golden/input.f32". */
export async function readGolden(read) {
  const json = async (path) => JSON.parse(new TextDecoder().decode(await read(path)));
  const [card, bundle] = await Promise.all([json("card.json"), json("bundle.json")]);
  const { golden } = bundle;
  const tensor = async ({ file, dtype, shape }) => {
    const buffer = await read(file);
    return { data: dtype === "uint8" ? new Uint8Array(buffer) : new Float32Array(buffer), dims: shape };
  };
  const rgb = (await tensor(golden.content)).data, rgba = new Uint8ClampedArray((rgb.length / 3) * 4).fill(255);
  for (let pixel = 0; pixel < rgb.length / 3; pixel++) rgba.set(rgb.subarray(3 * pixel, 3 * pixel + 3), 4 * pixel);
  const detections = (await json(golden.detections)).map(({ box_xyxy_px, score, class_id }) => ({ box: box_xyxy_px, score, classId: class_id }));
  return {
    card, bundle, rgba, detections,
    place: new Placement(golden.picture.width_px, golden.picture.height_px, card.input),
    input: await tensor(golden.input),
    outputs: await Promise.all(golden.outputs.map(tensor)),
  };
}

/** What differs between two sets of objects, one sentence each. Objects are the same when they have one class, overlap by
 *  `iou` or more and score within `score` of each other; what lies that near to the threshold may be on one side only. */
export function differences(found, expected, { iou, score }, threshold) {
  const lacking = (from, those, word) => from
    .filter((one) => one.score >= threshold + score && !those.some((other) => other.classId === one.classId
      && overlap(other.box, one.box) >= iou && Math.abs(other.score - one.score) <= score))
    .map((one) => `${word}: class ${one.classId}, score ${one.score.toFixed(4)}, at ${one.box.map((edge) => edge.toFixed(1))}`);
  return [...lacking(expected, found, "missing"), ...lacking(found, expected, "not expected")];
}

/** What differs between the decoder and the golden vectors, one sentence each. */
export function selfTest({ card, bundle, rgba, place, input, outputs, detections }) {
  const tensor = toTensor(rgba, place, card.input);
  let off = tensor.length === input.data.length ? 0 : Infinity;
  for (let at = 0; at < tensor.length; at++) off = Math.max(off, Math.abs(tensor[at] - input.data[at]));
  const wrongTensor = off <= 1e-5 ? [] : [`the input tensor is off by up to ${off}`];
  const found = detect(outputs, place, card, bundle.reading);
  return [...wrongTensor, ...differences(found, detections, { iou: 0.99, score: 1e-4 }, bundle.reading.score)];
}

if (typeof process !== "undefined" && process.argv?.[1]?.endsWith("self_test.mjs")) {
  const { readFile } = await import("node:fs/promises");
  const read = async (path) => Uint8Array.from(await readFile(new URL(`../${path}`, import.meta.url))).buffer;
  const found = selfTest(await readGolden(read));
  found.forEach((sentence) => console.log(sentence));
  console.log(found.length ? "FAILED" : "ok: the decoder agrees with the golden vectors");
  process.exitCode = found.length ? 1 : 0;
}

// Boxes in the raw outputs of networks, and suppression of duplicates. Plain JavaScript, no libraries.
import { upright } from "./oriented.mjs";

/** Most boxes that are compared, the best by score: the time grows with the square. */
const MOST_COMPARED = 5000;

/** Objects whose score reaches the threshold: `box` [left, top, right, bottom] in pixels of the network's input, score,
 *  classId, and in `extra` what the task adds: weights of masks, keypoints, or [x, y, width, height, angle] of an oriented
 *  box. */
export function candidates(outputs, card, { layout, score: threshold }) {
  const { width_px: width, height_px: height } = card.input, classes = card.names.length, found = [];
  const [unitX, unitY] = card.box_unit === "normalized" ? [width, height] : [1, 1];
  const keep = (box, score, classId, extra) => {
    if (score >= threshold && [score, ...box, ...extra].every(Number.isFinite)) found.push({ box, score, classId, extra });
  };
  const add = (left, top, right, bottom, score, classId, extra = []) =>
    keep([left * unitX, top * unitY, right * unitX, bottom * unitY], score, classId, extra);
  const centred = (x, y, w, h, score, id, extra) => {
    if (card.task !== "obb") return add(x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, id, extra);
    const oriented = [x * unitX, y * unitY, w * unitX, h * unitY, extra[0]];
    keep(upright(...oriented), score, id, oriented);
  };
  const bestClass = (data, start, step) => {
    let best = 0;
    for (let id = 1; id < classes; id++) if (data[start + id * step] > data[start + best * step]) best = id;
    return best;
  };
  const { data, dims: [, rows, columns] } = outputs.find((output) => output.dims.length === 3) ?? outputs[0];
  if (layout === "yolo_v8") { // (1, 4 + classes + extra, boxes): centre, size, a score for each class, what the task adds
    for (let box = 0; box < columns; box++) {
      const value = (row) => data[row * columns + box], id = bestClass(data, 4 * columns + box, columns);
      if (!(value(4 + id) >= threshold)) continue;
      const extra = Array.from({ length: rows - 4 - classes }, (_, row) => value(4 + classes + row));
      centred(value(0), value(1), value(2), value(3), value(4 + id), id, extra);
    }
  } else if (layout === "yolo_end2end") { // (1, boxes, 6 + extra): corners, of oriented boxes centre and size; score, class
    for (let at = 0; at < rows * columns; at += columns) {
      const [a, b, c, d, score, id] = data.subarray(at, at + 6), put = card.task === "obb" ? centred : add;
      if (score >= threshold && id >= 0 && id < classes) put(a, b, c, d, score, Math.trunc(id), Array.from(data.subarray(at + 6, at + columns)));
    }
  } else if (layout === "tflite_detection") { // boxes (1, rows, 4) as top, left, bottom, right; classes; scores; number
    const [, { data: ids }, { data: scores }, { data: [count] }] = outputs;
    for (let row = 0, at = 0; row < Math.min(count, rows); row++, at += 4) {
      if (ids[row] >= 0 && ids[row] < classes) add(data[at + 1], data[at], data[at + 3], data[at + 2], scores[row], Math.trunc(ids[row]));
    }
  } else if (layout === "vision_objects") { // coordinates (boxes, 4): centre, size; confidence (boxes, classes)
    const scores = outputs[1].data, boxes = data.length / 4, step = scores.length / boxes;
    for (let box = 0, at = 0; box < boxes; box++, at += 4) {
      const id = bestClass(scores, box * step, 1);
      centred(data[at], data[at + 1], data[at + 2], data[at + 3], scores[box * step + id], id);
    }
  } else if (layout === "yolo_v5" || layout === "yolox") { // (1, boxes, 5 + classes), with an objectness
    const cells = layout === "yolox" ? gridCells(width, height) : null;
    for (let box = 0, at = 0; box < rows; box++, at += columns) {
      if (data[at + 4] < threshold) continue;
      const id = bestClass(data, at + 5, 1), score = Math.fround(data[at + 4] * data[at + 5 + id]);
      const [x, y, w, h] = data.subarray(at, at + 4);
      if (!cells) centred(x, y, w, h, score, id);
      else {
        const [column, row, stride] = cells[box];
        centred((x + column) * stride, (y + row) * stride, Math.exp(w) * stride, Math.exp(h) * stride, score, id);
      }
    }
  } else throw new Error(`no decoder for the layout ${layout}`);
  return found;
}

/** Greedy non-maximum suppression within each class; `found` is sorted, the best score first. */
export function suppress(found, { iou, max_detections: limit }) {
  const kept = [];
  for (const object of found.slice(0, MOST_COMPARED)) {
    if (kept.length === limit) break;
    if (object.box[2] - object.box[0] < 0.01 || object.box[3] - object.box[1] < 0.01) continue;
    if (kept.every((better) => better.classId !== object.classId || overlap(better.box, object.box) <= iou)) kept.push(object);
  }
  return kept;
}

/** Intersection over union. */
export function overlap(a, b) {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const both = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]);
  return (width * height) / (both - width * height);
}

function gridCells(width, height) {
  const cells = [];
  for (const stride of [8, 16, 32]) {
    for (let row = 0; row < Math.floor(height / stride); row++) {
      for (let column = 0; column < Math.floor(width / stride); column++) cells.push([column, row, stride]);
    }
  }
  return cells;
}

// From a picture to the network's input, and from its raw outputs to boxes on the picture. Plain JavaScript, no imports.
// `card` is card.json and `reading` is in bundle.json: {layout, score, iou, max_detections}.

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
      this.scaleX = this.contentWidth / width;
      this.scaleY = this.contentHeight / height;
    } else throw new Error(`no rule for resize ${input.resize}`);
  }

  /** A box of the network's input, [left, top, right, bottom], in the picture's own pixels and cut at its edges. */
  toPicture([left, top, right, bottom]) {
    const cut = (value, limit) => Math.min(Math.max(value, 0), limit);
    return [
      cut((left - this.left) / this.scaleX, this.width), cut((top - this.top) / this.scaleY, this.height),
      cut((right - this.left) / this.scaleX, this.width), cut((bottom - this.top) / this.scaleY, this.height),
    ];
  }
}

/** The input tensor. `rgba` holds the picture resized to the placement's content size, as a canvas gives it. */
export function toTensor(rgba, place, input) {
  const { width_px: width, height_px: height, mean, std } = input;
  const divisor = Math.fround(1 / input.scale), area = width * height, planar = input.layout === "nchw";
  const tensor = input.dtype === "uint8" ? new Uint8Array(3 * area) : new Float32Array(3 * area);
  for (let channel = 0; channel < 3; channel++) {
    const from = input.color === "rgb" ? channel : 2 - channel;
    const value = (level) => (Math.fround(level / divisor) - (mean?.[channel] ?? 0)) / (std?.[channel] ?? 1);
    const [start, step] = planar ? [channel * area, 1] : [channel, 3];
    for (let at = 0; at < area; at++) tensor[start + at * step] = value(input.pad_value);
    for (let y = 0; y < place.contentHeight; y++) {
      for (let x = 0; x < place.contentWidth; x++) {
        const level = rgba[4 * (y * place.contentWidth + x) + from];
        tensor[start + ((y + place.top) * width + x + place.left) * step] = value(level);
      }
    }
  }
  return tensor;
}

/** Objects on the picture, best first: [{box: [left, top, right, bottom] in pixels, score, classId}].
 *  `outputs` are the network's, in its own order: [{data: Float32Array, dims: [1, ...]}]. */
export function detect(outputs, place, card, reading) {
  const found = candidates(outputs, card, reading);
  found.sort((a, b) => b.score - a.score);
  const kept = card.nms_inside ? found.slice(0, reading.max_detections) : suppress(found, reading);
  const placed = kept.map((object) => ({ ...object, box: place.toPicture(object.box) }));
  return placed.filter(({ box }) => box[2] > box[0] && box[3] > box[1]);
}

/** Boxes in pixels of the network's input whose score reaches the threshold. */
export function candidates(outputs, card, { layout, score: threshold }) {
  const { width_px: width, height_px: height } = card.input, classes = card.names.length, found = [];
  const [unitX, unitY] = card.box_unit === "normalized" ? [width, height] : [1, 1];
  const add = (left, top, right, bottom, score, classId) => {
    const box = [left * unitX, top * unitY, right * unitX, bottom * unitY];
    if (score >= threshold && box.every(Number.isFinite)) found.push({ box, score, classId });
  };
  const centred = (x, y, w, h, score, id) => add(x - w / 2, y - h / 2, x + w / 2, y + h / 2, score, id);
  const bestClass = (data, start, step) => {
    let best = 0;
    for (let id = 1; id < classes; id++) if (data[start + id * step] > data[start + best * step]) best = id;
    return best;
  };
  const { data, dims: [, rows, columns] } = outputs.find((output) => output.dims.length === 3) ?? outputs[0];
  if (layout === "yolo_v8") { // (1, 4 + classes, boxes): centre, size, a score for each class
    for (let box = 0; box < columns; box++) {
      const value = (row) => data[row * columns + box], id = bestClass(data, 4 * columns + box, columns);
      if (value(4 + id) >= threshold) centred(value(0), value(1), value(2), value(3), value(4 + id), id);
    }
  } else if (layout === "yolo_end2end") { // (1, boxes, 6): corners, score, class
    for (let at = 0; at < rows * columns; at += columns) {
      const id = Math.trunc(data[at + 5]);
      if (data[at + 5] >= 0 && id < classes) add(data[at], data[at + 1], data[at + 2], data[at + 3], data[at + 4], id);
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
  for (const object of found) {
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

function roundHalfEven(value) {
  const below = Math.floor(value), rest = value - below;
  return rest === 0.5 ? below + (below % 2) : Math.round(value);
}

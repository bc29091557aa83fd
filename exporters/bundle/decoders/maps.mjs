// Masks of objects and classes of pixels, out of the coarse maps that networks give. Plain JavaScript, no libraries.

const CELL = 4, PROTOTYPES = 32;

/** A function of (box on the picture, weights) that gives an object's mask, {left, top, width, height, bits}: `bits` holds
 *  1 where the object is, row by row, one element a pixel of the picture. A mask is where the weighted sum of the
 *  prototypes, interpolated to the picture's own pixels, is above 0 (YOLACT, arXiv:1904.02689). */
export function instanceMasks(outputs, place, input) {
  const { data, dims } = outputs.find((output) => output.dims.length === 4);
  const [rows, columns] = [input.height_px / CELL, input.width_px / CELL];
  const planar = dims[1] === PROTOTYPES && dims[2] === rows && dims[3] === columns; // else as TensorFlow's converters give them
  const [cellStep, stepOfPrototype] = planar ? [1, rows * columns] : [PROTOTYPES, 1];
  const right = CELL * columns - place.contentWidth - place.left, below = CELL * rows - place.contentHeight - place.top;
  const step = [place.left, place.top, right, below].reduce(commonDivisor, CELL);
  const down = contentTaps(rows, place.top, place.contentHeight, place.height, step);
  const across = contentTaps(columns, place.left, place.contentWidth, place.width, step);
  return (box, weights) => {
    const [left, top, right, bottom] = box.map(Math.ceil), width = right - left, height = bottom - top;
    if (width <= 0 || height <= 0) return { left, top, width: 0, height: 0, bits: new Uint8Array(0) };
    const [row, rowEnd] = span(down, top, bottom), [column, columnEnd] = span(across, left, right);
    const cells = new Float32Array((rowEnd - row) * (columnEnd - column));
    for (let y = row, at = 0; y < rowEnd; y++) {
      for (let x = column; x < columnEnd; x++, at++) {
        for (let k = 0, from = (y * columns + x) * cellStep; k < PROTOTYPES; k++, from += stepOfPrototype) cells[at] += weights[k] * data[from];
      }
    }
    const wide = widened(cells, columnEnd - column, rowEnd - row, across.slice(left, right), column);
    const bits = new Uint8Array(width * height);
    for (let y = 0; y < height; y++) {
      const { first, weights: taps } = down[top + y];
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let tap = 0; tap < taps.length; tap++) sum += taps[tap] * wide[(first - row + tap) * width + x];
        bits[y * width + x] = sum > 0 ? 1 : 0;
      }
    }
    return { left, top, width, height, bits };
  };
}

/** The class of each cell, {width, height, classIds}: a grid over the part of the picture that the network sees, one cell
 *  for each pixel of its input. */
export function classMap(outputs, place, { input, names }) {
  const { data, dims } = outputs.find((output) => output.dims.length === 4 || output.dims.length === 3);
  const left = Math.max(place.left, 0), right = Math.min(place.left + place.contentWidth, input.width_px);
  const top = Math.max(place.top, 0), bottom = Math.min(place.top + place.contentHeight, input.height_px);
  const width = right - left, height = bottom - top, classIds = new Uint8Array(width * height);
  if (dims.length === 3) { // (1, rows, columns) of class ids
    const [, rows, columns] = dims;
    for (let y = 0; y < height; y++) {
      const row = Math.floor(((top + y) * rows) / input.height_px);
      for (let x = 0; x < width; x++) {
        classIds[y * width + x] = Number(data[row * columns + Math.floor(((left + x) * columns) / input.width_px)]);
      }
    }
    return { width, height, classIds };
  }
  const known = (count) => count === names.length || (count === 1 && names.length === 2), planar = known(dims[1]);
  const [channels, rows, columns] = planar ? dims.slice(1) : [dims[3], dims[1], dims[2]], area = rows * columns;
  const down = bilinear(rows, input.height_px).slice(top, bottom), across = bilinear(columns, input.width_px).slice(left, right);
  // A single channel holds the logit of class 1 against class 0.
  const best = new Float32Array(width * height).fill(channels === 1 ? 0 : -Infinity);
  for (let channel = 0; channel < channels; channel++) {
    const classId = channels === 1 ? 1 : channel;
    const cells = planar ? data.subarray(channel * area, (channel + 1) * area)
      : Float32Array.from({ length: area }, (_, cell) => data[cell * channels + channel]);
    const wide = widened(cells, columns, rows, across, 0);
    for (let y = 0, at = 0; y < height; y++) {
      const { first, weights: [one, other = 0] } = down[y], below = Math.min(first + 1, rows - 1);
      for (let x = 0; x < width; x++, at++) {
        const value = Math.fround(one * wide[first * width + x] + other * wide[below * width + x]);
        if (value > best[at]) [best[at], classIds[at]] = [value, classId];
      }
    }
  }
  return { width, height, classIds };
}

/** Intersection over union of two masks; two empty ones are the same. */
export function overlapMasks(a, b) {
  let both = 0, either = 0;
  for (const mask of [a, b]) for (const bit of mask.bits) either += bit;
  for (let y = Math.max(a.top, b.top); y < Math.min(a.top + a.height, b.top + b.height); y++) {
    for (let x = Math.max(a.left, b.left); x < Math.min(a.left + a.width, b.left + b.width); x++) {
      both += a.bits[(y - a.top) * a.width + x - a.left] & b.bits[(y - b.top) * b.width + x - b.left];
    }
  }
  return either === 0 ? 1 : both / (either - both);
}

/** Bilinear interpolation of `source` samples to `target` ones, the middles laid onto each other: for each target the
 *  first of its neighbours, and the weights of that and the next. */
function bilinear(source, target) {
  return Array.from({ length: target }, (_, at) => {
    const position = Math.max((at + 0.5) * (source / target) - 0.5, 0), first = Math.min(Math.floor(position), source - 1);
    const share = position - first;
    return first === source - 1 ? { first, weights: [1] } : { first, weights: [1 - share, share] };
  });
}

/** From cells to pixels of the picture: cells are refined until the border ends between two of them, the border is cut
 *  off, and what is left is interpolated. */
function contentTaps(cells, border, content, picture, step) {
  const refined = bilinear(cells, (cells * CELL) / step).slice(border / step, (border + content) / step);
  return bilinear(refined.length, picture).map(({ first, weights }) => {
    const start = refined[first].first, last = refined[first + weights.length - 1];
    const taps = new Array(last.first + last.weights.length - start).fill(0);
    weights.forEach((weight, next) => {
      const cell = refined[first + next];
      cell.weights.forEach((share, tap) => { taps[cell.first - start + tap] += weight * share; });
    });
    return { first: start, weights: taps };
  });
}

/** The cells that the targets from `start` to `end` need: the first, and one past the last. */
function span(taps, start, end) {
  return [taps[start].first, Math.max(...taps.slice(start, end).map(({ first, weights }) => first + weights.length))];
}

/** Rows of cells, interpolated across; `offset` is the number of their first column. */
function widened(cells, columns, rows, taps, offset) {
  const wide = new Float32Array(rows * taps.length);
  for (let y = 0, at = 0; y < rows; y++) {
    for (const { first, weights } of taps) {
      let sum = 0;
      for (let tap = 0; tap < weights.length; tap++) sum += weights[tap] * cells[y * columns + first - offset + tap];
      wide[at++] = sum;
    }
  }
  return wide;
}

function commonDivisor(a, b) {
  return b === 0 ? Math.abs(a) : commonDivisor(b, a % b);
}

// Boxes in pixels of the picture: [left, top, right, bottom]. Edges that somebody sets lie on whole pixels. No page in here.

export const LEAST_PX = 3; // of a side: what is smaller is a slip of the hand, and no network learns from it
export const HANDLES = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];

const within = (value, least, most) => Math.min(most, Math.max(least, value));

// The box between two points, cut to a picture of [width, height].
export function spanned([ax, ay], [bx, by], [width, height]) {
  const [x0, x1] = [ax, bx].map((x) => within(Math.round(x), 0, width)).sort((a, b) => a - b);
  const [y0, y1] = [ay, by].map((y) => within(Math.round(y), 0, height)).sort((a, b) => a - b);
  return [x0, y0, x1, y1];
}

// The box moved by whole pixels, as far as the picture goes.
export function shifted([left, top, right, bottom], dx, dy, [width, height]) {
  const x = within(Math.round(dx), -left, width - right);
  const y = within(Math.round(dy), -top, height - bottom);
  return [left + x, top + y, right + x, bottom + y];
}

// The box with the edges of one handle ("n", "se", ...) moved by whole pixels: inside the picture, and not through the other edge.
export function stretched([left, top, right, bottom], handle, dx, dy, [width, height]) {
  const [x, y] = [dx, dy].map(Math.round);
  const least = (side) => Math.min(LEAST_PX, side); // one that is smaller already stays as it is
  const [w, h] = [least(right - left), least(bottom - top)];
  return [
    handle.includes("w") ? within(left + x, 0, right - w) : left,
    handle.includes("n") ? within(top + y, 0, bottom - h) : top,
    handle.includes("e") ? within(right + x, left + w, width) : right,
    handle.includes("s") ? within(bottom + y, top + h, height) : bottom,
  ];
}

// Where a handle is.
export function handlePoint([left, top, right, bottom], handle) {
  const x = handle.includes("w") ? left : handle.includes("e") ? right : (left + right) / 2;
  const y = handle.includes("n") ? top : handle.includes("s") ? bottom : (top + bottom) / 2;
  return [x, y];
}

export const isTiny = ([left, top, right, bottom]) => right - left < LEAST_PX || bottom - top < LEAST_PX;

export const areaOf = ([left, top, right, bottom]) => (right - left) * (bottom - top);

export function holds([left, top, right, bottom], [x, y], reach = 0) {
  return x >= left - reach && x <= right + reach && y >= top - reach && y <= bottom + reach;
}

// The numbers of the boxes that hold a point, the smallest box first: a sign in front of a house is meant, not the house.
export function numbersAt(boxes, point, reach = 0) {
  const found = boxes.map((box, number) => ({ box, number })).filter(({ box }) => holds(box, point, reach));
  return found.sort((a, b) => areaOf(a.box) - areaOf(b.box)).map(({ number }) => number);
}

// A box in the middle of what is seen, a fifth of its shorter side wide and high: where the keyboard begins.
export function begun([left, top, right, bottom], size) {
  const half = Math.max(LEAST_PX, Math.min(right - left, bottom - top) / 10);
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  return spanned([x - half, y - half], [x + half, y + half], size);
}

export const sizeInWords = ([left, top, right, bottom]) =>
  `${Math.round(right - left)} × ${Math.round(bottom - top)} at ${Math.round(left)}, ${Math.round(top)}`;

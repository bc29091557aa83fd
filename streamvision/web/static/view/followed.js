// The object that somebody looks at, found again on each picture. No page in here.

import { overlap } from "./motion.js";

const ALIKE = 0.3; // overlap by which an object without identity is taken for the same
const NEAR = 6; // pixels of the canvas beside a box that still count as it

// The smallest object at a point of the canvas, of objects as draw.js gives them: the largest first.
export function objectAt(seen, [x, y], near = NEAR) {
  const holds = ({ box: [left, top, right, bottom] }) => x >= left - near && x <= right + near && y >= top - near && y <= bottom + near;
  return seen.findLast(holds) ?? null;
}

// The object beside another one in the order of their places, from left to right; the first one where there is no other.
export function objectBeside(seen, other, by) {
  const inOrder = [...seen].sort((a, b) => a.box[0] - b.box[0] || a.box[1] - b.box[1]);
  if (!inOrder.length) return null;
  const at = inOrder.indexOf(other);
  return at < 0 ? inOrder[0] : inOrder.at((at + by) % inOrder.length);
}

// The same object on another picture, or null: by its identity, or by its place where it has none.
export function sameObject(seen, one) {
  const { track_id: id, class_id: kind } = one.object;
  if (id !== null && id !== undefined) return seen.find(({ object }) => object.track_id === id) ?? null;
  const alike = seen.filter(({ object }) => object.class_id === kind && (object.track_id ?? null) === null);
  const shares = alike.map(({ object }) => overlap(object.box_xyxy_px, one.object.box_xyxy_px));
  const best = Math.max(...shares);
  return best > ALIKE ? alike[shares.indexOf(best)] : null;
}

// The names of the zones in which an object stands, with the middle of its lower edge.
export function zonesAt({ box_xyxy_px: box }, { width_px: width, height_px: height }, regions) {
  const foot = [(box[0] + box[2]) / 2 / width, box[3] / height];
  return (regions ?? []).filter(({ kind, points }) => kind === "zone" && isInside(foot, points ?? [])).map(({ name }) => name);
}

// By the crossings of a ray to the right (even-odd rule).
function isInside([x, y], points) {
  const crossed = points.filter(([ax, ay], n) => {
    const [bx, by] = points.at(n - 1);
    return ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax;
  });
  return crossed.length % 2 === 1;
}

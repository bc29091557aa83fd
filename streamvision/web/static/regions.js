// Lines, zones and masks as they are edited: what there is, where, and what a change makes of it. No page in here.

export const KINDS = { line: "lines", zone: "zones", mask: "masks" };
export const FEWEST_CORNERS = { line: 2, zone: 3, mask: 3 };
const MOST_DIGITS = 4;

export const fraction = (value) => Number(Math.min(1, Math.max(0, value)).toFixed(MOST_DIGITS));

// A name that no region of the kind has yet.
export function freshName(config, kind) {
  const taken = new Set(config[KINDS[kind]].map((region) => region.name));
  for (let number = 1; ; number += 1) if (!taken.has(`${kind} ${number}`)) return `${kind} ${number}`;
}

export function withRegion(config, kind, points) {
  const region = { name: freshName(config, kind), points: points.map(([x, y]) => [fraction(x), fraction(y)]) };
  return { ...config, [KINDS[kind]]: [...config[KINDS[kind]], region] };
}

export function withoutRegion(config, { kind, index }) {
  return { ...config, [KINDS[kind]]: config[KINDS[kind]].filter((_, at) => at !== index) };
}

export function withChange(config, { kind, index }, change) {
  return { ...config, [KINDS[kind]]: config[KINDS[kind]].map((region, at) => (at === index ? { ...region, ...change } : region)) };
}

// All points moved together, as far as the picture goes.
export function moved(points, dx, dy) {
  const limit = (values, by) => Math.min(1 - Math.max(...values), Math.max(-Math.min(...values), by));
  const [x, y] = [limit(points.map((p) => p[0]), dx), limit(points.map((p) => p[1]), dy)];
  return points.map((p) => [fraction(p[0] + x), fraction(p[1] + y)]);
}

// All points, or one of them, moved by a step.
export function nudged(points, corner, dx, dy) {
  if (corner === null) return moved(points, dx, dy);
  const [x, y] = points[corner];
  return withCorner(points, corner, [x + dx, y + dy]);
}

export function withCorner(points, corner, [x, y]) {
  return points.map((point, at) => (at === corner ? [fraction(x), fraction(y)] : point));
}

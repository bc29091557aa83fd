// Lines and zones as they are edited: what there is, where it is, and what a change makes of it. No page in here.

export const KINDS = { line: "lines", zone: "zones" };
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

export function withCorner(points, corner, [x, y]) {
  return points.map((point, at) => (at === corner ? [fraction(x), fraction(y)] : point));
}

// Objects that would cover each other become one mark with their number.

const CLUSTER_PX = 42;
const SEPARATE_FROM_ZOOM = 20;

const pointOf = new Map();
for (const one of objects) if (one.at) pointOf.set(one, { x: worldX(one.at[1]), y: worldY(one.at[0]) });

let clusterCache = new Map();
hear("objects", () => { clusterCache = new Map(); });

function clustersAt(zoom) {
  const step = Math.round(zoom * 2) / 2;
  if (!clusterCache.has(step)) {
    if (clusterCache.size > 12) clusterCache.clear();
    const placed = shown.filter((one) => one.at).sort((a, b) => a.id - b.id);
    clusterCache.set(step, gathered(placed, step >= SEPARATE_FROM_ZOOM ? 0 : CLUSTER_PX / (256 * 2 ** step)));
  }
  return clusterCache.get(step);
}

function gathered(placed, reach) {
  if (!reach) return placed.map((one) => cluster([one]));
  const cells = new Map();
  const keyOf = (column, row) => `${column},${row}`;
  for (const one of placed) {
    const { x, y } = pointOf.get(one);
    const key = keyOf(Math.floor(x / reach), Math.floor(y / reach));
    if (!cells.has(key)) cells.set(key, []);
    cells.get(key).push(one);
  }
  const taken = new Set();
  const found = [];
  for (const one of placed) {
    if (taken.has(one)) continue;
    const { x, y } = pointOf.get(one);
    const members = [];
    for (let column = Math.floor(x / reach) - 1; column <= Math.floor(x / reach) + 1; column += 1) {
      for (let row = Math.floor(y / reach) - 1; row <= Math.floor(y / reach) + 1; row += 1) {
        for (const other of cells.get(keyOf(column, row)) ?? []) {
          const point = pointOf.get(other);
          if (taken.has(other) || Math.hypot(point.x - x, point.y - y) > reach) continue;
          taken.add(other);
          members.push(other);
        }
      }
    }
    found.push(cluster(members));
  }
  return found;
}

function cluster(members) {
  const bounds = new Bounds();
  let x = 0;
  let y = 0;
  for (const one of members) {
    const point = pointOf.get(one);
    bounds.add(point.x, point.y);
    x += point.x / members.length;
    y += point.y / members.length;
  }
  return { members, bounds, x, y };
}

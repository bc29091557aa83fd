// Regions as SVG, in units of the drawing; `unit` is how many of them one pixel of the screen takes.

const SVG = "http://www.w3.org/2000/svg";
const HANDLE_PX = 7;
const TOUCH_PX = 18;
export const NEAR_PX = 12;

// One region; `corner` is the one that the keyboard holds, or null for all, and only matters where it is chosen.
export function regionShape({ kind, index, name, points, ignore, chosen, corner }, unit) {
  const look = `region ${kind}${ignore ? " ignored" : ""}${chosen ? " chosen" : ""}`;
  const group = make("g", { class: look, "data-kind": kind, "data-index": index });
  const path = points.map((point) => point.join(",")).join(" ");
  const tag = kind === "line" ? "polyline" : "polygon";
  group.append(make(tag, { points: path, class: "reach", "stroke-width": 2 * NEAR_PX * unit }));
  group.append(make(tag, { points: path, class: "edge" }));
  if (kind === "line") group.append(arrow(points, unit));
  const [x, y] = kind === "line" ? middle(points) : points[0];
  const label = make("text", { x: x + 8 * unit, y: y - 8 * unit, "font-size": 14 * unit });
  label.textContent = name;
  group.append(label);
  if (chosen) group.append(...points.flatMap((point, at) => handle(point, { kind, index, at, held: corner === at }, unit)));
  return group;
}

function handle([cx, cy], { kind, index, at, held }, unit) {
  const data = { cx, cy, "data-kind": kind, "data-index": index, "data-corner": at };
  return [
    make("circle", { ...data, r: HANDLE_PX * unit, class: held ? "handle held" : "handle" }),
    make("circle", { ...data, r: TOUCH_PX * unit, class: "reach" }),
  ];
}

export function unfinishedShape(points, unit) {
  const group = make("g", { class: "unfinished" });
  group.append(make("polyline", { points: points.map((point) => point.join(",")).join(" "), class: "edge" }));
  for (const [cx, cy] of points) group.append(make("circle", { cx, cy, r: HANDLE_PX * unit, class: "handle" }));
  return group;
}

// Where the keyboard would set the next corner.
export function crossShape([x, y], unit) {
  const arm = 14 * unit;
  return make("path", { d: `M${x - arm},${y}H${x + arm}M${x},${y - arm}V${y + arm}`, class: "cross" });
}

function middle([[x0, y0], [x1, y1]]) {
  return [(x0 + x1) / 2, (y0 + y1) / 2];
}

// Points to the right of the line, seen from its first end: its first direction.
function arrow(points, unit) {
  const [[x0, y0], [x1, y1]] = points;
  const length = Math.hypot(x1 - x0, y1 - y0) || 1;
  const [ax, ay] = [(-(y1 - y0) / length) * 22 * unit, ((x1 - x0) / length) * 22 * unit];
  const [mx, my] = middle(points);
  const [tx, ty] = [mx + ax, my + ay];
  const side = (sign) => `${tx - 0.4 * (ax + sign * ay)},${ty - 0.4 * (ay - sign * ax)}`;
  return make("path", { d: `M${mx},${my}L${tx},${ty}M${side(1)}L${tx},${ty}L${side(-1)}`, class: "edge" });
}

function make(tag, attributes) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

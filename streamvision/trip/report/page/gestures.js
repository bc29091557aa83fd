// Pointers, wheel and keys on the map.

const TOUCH_PX = 24;
const POINTER_PX = 15;
const STEP_PX = 90;
const pointers = new Map();
let travelled_px = 0;
const canvas = map.canvas;

const local = (event) => {
  const box = canvas.getBoundingClientRect();
  return { left: event.clientX - box.left, top: event.clientY - box.top };
};

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  if (!pointers.size) travelled_px = 0;
  pointers.set(event.pointerId, local(event));
  find("map-tip").hidden = true;
});

canvas.addEventListener("pointermove", (event) => {
  const before = pointers.get(event.pointerId);
  const now = local(event);
  if (!before) return tip(now, event.pointerType);
  const [middle, apart] = middleOf([...pointers.values()]);
  pointers.set(event.pointerId, now);
  const [newMiddle, newApart] = middleOf([...pointers.values()]);
  travelled_px += Math.hypot(now.left - before.left, now.top - before.top);
  if (travelled_px < 4) return undefined;
  map.moveBy(newMiddle.left - middle.left, newMiddle.top - middle.top);
  if (apart > 10 && newApart > 10) map.zoomTo(map.zoom + Math.log2(newApart / apart), newMiddle.left, newMiddle.top);
  return undefined;
});

function middleOf(points) {
  const left = points.reduce((sum, point) => sum + point.left, 0) / points.length;
  const top = points.reduce((sum, point) => sum + point.top, 0) / points.length;
  const apart = points.length > 1 ? Math.hypot(points[0].left - points[1].left, points[0].top - points[1].top) : 0;
  return [{ left, top }, apart];
}

function release(event) {
  const known = pointers.delete(event.pointerId);
  if (!known || event.type !== "pointerup" || pointers.size || travelled_px >= 4) return;
  press(local(event), event.pointerType);
}
canvas.addEventListener("pointerup", release);
canvas.addEventListener("pointercancel", release);
canvas.addEventListener("pointerleave", () => { find("map-tip").hidden = true; });

// The mark under a pixel; of marks on one spot, the one after that which is chosen.
function hit({ left, top }, pointerType) {
  const reach = pointerType === "touch" ? TOUCH_PX : POINTER_PX;
  const near = map.visible
    .map((one) => ({ one, px: Math.hypot(map.px(one.x) - left, map.py(one.y) - top) - (one.members.length > 1 ? clusterRadius(one.members.length) - 8 : 0) }))
    .filter(({ px }) => px < reach)
    .sort((a, b) => a.px - b.px);
  if (!near.length) return null;
  const pile = near.filter(({ px }) => px - near[0].px < 1).map(({ one }) => one);
  const at = pile.findIndex((one) => one.members[0] === chosen.object);
  return pile[(at + 1) % pile.length];
}

function press(point, pointerType) {
  const found = hit(point, pointerType);
  if (!found) return chosen.object && chooseObject(null);
  if (found.members.length === 1) return chooseObject(found.members[0]);
  return map.fit(found.bounds, { deepest: Math.min(Math.max(map.zoom + 3, 16), DEEPEST_ZOOM), margin: 90 });
}

function tip(point, pointerType) {
  const found = pointerType === "touch" ? null : hit(point, pointerType);
  canvas.classList.toggle("pointing", Boolean(found));
  const words = find("map-tip");
  words.hidden = !found;
  if (!found) return;
  words.textContent = found.members.length > 1 ? many(found.members.length, "object") : `${objectName(found.members[0])} · ${found.members[0].id}`;
  words.style.left = `${Math.min(point.left + 14, map.width - 150)}px`;
  words.style.top = `${point.top + 14}px`;
}

canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const lines = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
  const { left, top } = local(event);
  map.zoomTo(map.zoom - Math.max(Math.min(event.deltaY * lines, 300), -300) * (event.ctrlKey ? 0.01 : 0.0025), left, top);
}, { passive: false });

canvas.addEventListener("dblclick", (event) => {
  const { left, top } = local(event);
  map.zoomTo(map.zoom + 1, left, top);
});

const MAP_KEYS = {
  ArrowLeft: () => map.moveBy(STEP_PX, 0),
  ArrowRight: () => map.moveBy(-STEP_PX, 0),
  ArrowUp: () => map.moveBy(0, STEP_PX),
  ArrowDown: () => map.moveBy(0, -STEP_PX),
  "+": () => map.zoomTo(map.zoom + 0.5),
  "=": () => map.zoomTo(map.zoom + 0.5),
  "-": () => map.zoomTo(map.zoom - 0.5),
  0: () => map.fit(boundsOfAll()),
  Escape: () => chooseObject(null),
};
canvas.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !MAP_KEYS[event.key]) return;
  event.preventDefault();
  MAP_KEYS[event.key]();
});
find("map-in").addEventListener("click", () => map.zoomTo(map.zoom + 1));
find("map-out").addEventListener("click", () => map.zoomTo(map.zoom - 1));
find("map-all").addEventListener("click", () => map.fit(boundsOfAll()));

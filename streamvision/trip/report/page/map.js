// The map: what part of the world is seen, and when it is drawn again.

const DEEPEST_ZOOM = 21;
const FARTHEST_ZOOM = 1;

class MapView {
  constructor(canvas) {
    Object.assign(this, { canvas, x: 0.5, y: 0.5, zoom: 3, width: 1, height: 1, visible: [], asked: false, bounds: new Bounds() });
    this.context = canvas.getContext("2d");
  }
  get worldPx() {
    return 256 * 2 ** this.zoom;
  }
  px(x) {
    return (x - this.x) * this.worldPx + this.width / 2;
  }
  py(y) {
    return (y - this.y) * this.worldPx + this.height / 2;
  }
  near(x, y, margin) {
    const [left, top] = [this.px(x), this.py(y)];
    return left > -margin && left < this.width + margin && top > -margin && top < this.height + margin;
  }
  // What lies under a pixel.
  at(left, top) {
    return [this.x + (left - this.width / 2) / this.worldPx, this.y + (top - this.height / 2) / this.worldPx];
  }
  moveBy(dx, dy) {
    this.look(this.x - dx / this.worldPx, this.y - dy / this.worldPx, this.zoom);
  }
  // Zooms about a pixel, which stays where it is.
  zoomTo(zoom, left = this.width / 2, top = this.height / 2) {
    const [x, y] = this.at(left, top);
    const wanted = Math.min(Math.max(zoom, FARTHEST_ZOOM), DEEPEST_ZOOM);
    const worldPx = 256 * 2 ** wanted;
    this.look(x - (left - this.width / 2) / worldPx, y - (top - this.height / 2) / worldPx, wanted);
  }
  look(x, y, zoom) {
    this.x = Math.min(Math.max(x, -1), 2);
    this.y = Math.min(Math.max(y, 0), 1);
    this.zoom = Math.min(Math.max(zoom, FARTHEST_ZOOM), DEEPEST_ZOOM);
    this.redraw();
  }
  fit(bounds, { deepest = 17, margin = 48 } = {}) {
    if (bounds.isEmpty) return;
    const room = (px) => Math.max(px - 2 * margin, 40);
    const zoom = Math.log2(Math.min(room(this.width) / (bounds.right - bounds.left || 1e-12), room(this.height) / (bounds.bottom - bounds.top || 1e-12)) / 256);
    this.look((bounds.left + bounds.right) / 2, (bounds.top + bounds.bottom) / 2, Math.min(zoom, deepest));
  }
  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    const sharp = Math.min(devicePixelRatio || 1, 3);
    this.width = Math.max(clientWidth, 1);
    this.height = Math.max(clientHeight, 1);
    this.canvas.width = Math.round(this.width * sharp);
    this.canvas.height = Math.round(this.height * sharp);
    this.context.setTransform(sharp, 0, 0, sharp, 0, 0);
    this.draw();
  }
  redraw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      this.draw();
    });
  }
  draw() {
    const { context, width, height } = this;
    const [left, top] = this.at(-20, -20);
    const [right, bottom] = this.at(width + 20, height + 20);
    this.bounds = Object.assign(new Bounds(), { left, top, right, bottom });
    context.fillStyle = colour("map-ground");
    context.fillRect(0, 0, width, height);
    const scale = scaleOf(this);
    if (!data.tiles) drawGrid(context, this, scale.world);
    drawTiles(context, this);
    drawWays(context, this);
    drawMoment(context, this);
    this.visible = drawObjects(context, this);
    showScale(scale);
  }
}

// A round distance that is some 60 to 150 pixels long here.
function scaleOf(view) {
  const pxPerM = view.worldPx / worldM(view.y);
  const most_m = 150 / pxPerM;
  const ten = 10 ** Math.floor(Math.log10(most_m));
  const length_m = [5, 2, 1].map((times) => times * ten).find((m) => m <= most_m);
  return { length_m, px: length_m * pxPerM, world: length_m / worldM(view.y) };
}

function showScale({ length_m, px }) {
  const words = length_m < 1 ? `${Math.round(length_m * 100)} cm` : length_m < 1000 ? `${length_m} m` : `${length_m / 1000} km`;
  find("scale-words").textContent = words;
  find("scale-bar").style.width = `${px}px`;
  find("scale").setAttribute("aria-label", `Scale: the bar is ${words} long`);
}

function drawGrid(context, view, every) {
  context.strokeStyle = colour("map-grid");
  context.lineWidth = 1;
  context.beginPath();
  for (let x = Math.ceil(view.bounds.left / every) * every; x < view.bounds.right; x += every) {
    const left = Math.round(view.px(x)) + 0.5;
    context.moveTo(left, 0);
    context.lineTo(left, view.height);
  }
  for (let y = Math.ceil(view.bounds.top / every) * every; y < view.bounds.bottom; y += every) {
    const top = Math.round(view.py(y)) + 0.5;
    context.moveTo(0, top);
    context.lineTo(view.width, top);
  }
  context.stroke();
}

const map = new MapView(find("map-canvas"));

function boundsOfDrive(index) {
  const bounds = new Bounds();
  for (const { bounds: piece } of ways[index]) bounds.add(piece.left, piece.top).add(piece.right, piece.bottom);
  return bounds;
}

function boundsOfAll() {
  const bounds = new Bounds();
  drives.forEach((_, index) => {
    const one = boundsOfDrive(index);
    if (!one.isEmpty) bounds.add(one.left, one.top).add(one.right, one.bottom);
  });
  for (const { x, y } of pointOf.values()) bounds.add(x, y);
  return bounds;
}

function showObject(one) {
  const point = pointOf.get(one);
  if (!point) return;
  const covered = clustersAt(map.zoom).some(({ members }) => members.length > 1 && members.includes(one));
  map.look(point.x, point.y, covered || map.zoom < 15 ? Math.max(map.zoom, 17) : map.zoom);
}

themeListeners.push(() => map.draw());
for (const kind of ["objects", "object", "drive", "moment"]) hear(kind, () => map.redraw());

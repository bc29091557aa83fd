// The ways of the drives, each in as many points as the zoom can show.

const WAY_TOLERANCE_PX = 0.6;
const CHUNK = 48;
const ARROW_EVERY_PX = 130;

const ways = drives.map((drive) => drive.way.map(wayPiece));

function wayPiece({ at, matters_dm }) {
  const count = matters_dm.length;
  const piece = { x: new Float64Array(count), y: new Float64Array(count), matters_m: new Float64Array(count), bounds: new Bounds(), levels: new Map() };
  let latitude = 0;
  let longitude = 0;
  for (let i = 0; i < count; i += 1) {
    latitude += at[2 * i];
    longitude += at[2 * i + 1];
    piece.x[i] = worldX(longitude);
    piece.y[i] = worldY(latitude);
    piece.matters_m[i] = matters_dm[i] < 0 ? Infinity : matters_dm[i] / 10;
    piece.bounds.add(piece.x[i], piece.y[i]);
  }
  return piece;
}

// A level: the points of a piece that matter at a zoom, in chunks with bounds, and where its arrows stand.
function levelAt(piece, zoom) {
  const step = Math.ceil(zoom);
  if (!piece.levels.has(step)) {
    if (piece.levels.size > 6) piece.levels.clear();
    piece.levels.set(step, thinned(piece, step));
  }
  return piece.levels.get(step);
}

function thinned(piece, step) {
  const worldPx = 256 * 2 ** step;
  const tolerance_m = (WAY_TOLERANCE_PX / worldPx) * worldM(piece.y[0]);
  const kept = [];
  for (let i = 0; i < piece.x.length; i += 1) if (piece.matters_m[i] > tolerance_m) kept.push(i);
  const points = kept.map((i) => [piece.x[i], piece.y[i]]);
  const chunks = [];
  for (let i = 0; i < points.length - 1; i += CHUNK) {
    const chunk = points.slice(i, i + CHUNK + 1);
    const bounds = new Bounds();
    chunk.forEach(([x, y]) => bounds.add(x, y));
    chunks.push({ points: chunk, bounds });
  }
  return { chunks, arrows: arrowsAlong(points, ARROW_EVERY_PX / worldPx) };
}

function arrowsAlong(points, every) {
  const arrows = [];
  let wait = every / 2;
  for (let i = 1; i < points.length; i += 1) {
    const [fromX, fromY] = points[i - 1];
    const [toX, toY] = points[i];
    const length = Math.hypot(toX - fromX, toY - fromY);
    while (wait <= length && length > 0) {
      const share = wait / length;
      arrows.push({ x: fromX + (toX - fromX) * share, y: fromY + (toY - fromY) * share, angle: Math.atan2(toY - fromY, toX - fromX) });
      wait += every;
    }
    wait -= length;
  }
  return arrows;
}

function drawWays(context, view) {
  context.lineJoin = context.lineCap = "round";
  const order = drives.map((_, index) => index).sort((a, b) => (a === chosen.drive) - (b === chosen.drive));
  for (const index of order) {
    const faint = filters.drive !== null && filters.drive !== index;
    const line = colour(faint ? "way-faint" : index === chosen.drive ? "way-chosen" : "way");
    drawHoles(context, view, ways[index], line);
    for (const piece of ways[index]) {
      if (!piece.bounds.meets(view.bounds)) continue;
      const level = levelAt(piece, view.zoom);
      stroke(context, view, level, colour("map-ground"), faint ? 4 : 7);
      stroke(context, view, level, line, faint ? 2 : 4);
      if (!faint) drawArrows(context, view, level, line);
    }
    if (!faint) drawEnds(context, view, ways[index], line);
  }
}

function stroke(context, view, level, style, width) {
  context.strokeStyle = style;
  context.lineWidth = width;
  context.beginPath();
  for (const { points, bounds } of level.chunks) {
    if (!bounds.meets(view.bounds)) continue;
    context.moveTo(view.px(points[0][0]), view.py(points[0][1]));
    for (let i = 1; i < points.length; i += 1) context.lineTo(view.px(points[i][0]), view.py(points[i][1]));
  }
  context.stroke();
}

function drawHoles(context, view, pieces, line) {
  context.strokeStyle = line;
  context.lineWidth = 2;
  context.setLineDash([2, 6]);
  context.beginPath();
  for (let i = 1; i < pieces.length; i += 1) {
    const before = pieces[i - 1];
    const last = before.x.length - 1;
    context.moveTo(view.px(before.x[last]), view.py(before.y[last]));
    context.lineTo(view.px(pieces[i].x[0]), view.py(pieces[i].y[0]));
  }
  context.stroke();
  context.setLineDash([]);
}

function drawArrows(context, view, level, line) {
  context.strokeStyle = line;
  context.fillStyle = colour("way-arrow");
  context.lineWidth = 1.8;
  for (const { x, y, angle } of level.arrows) {
    if (x < view.bounds.left || x > view.bounds.right || y < view.bounds.top || y > view.bounds.bottom) continue;
    context.save();
    context.translate(view.px(x), view.py(y));
    context.rotate(angle);
    context.beginPath();
    context.moveTo(-5, -5.5);
    context.lineTo(7, 0);
    context.lineTo(-5, 5.5);
    context.closePath();
    context.fill();
    context.stroke();
    context.restore();
  }
}

function drawEnds(context, view, pieces, line) {
  if (!pieces.length) return;
  const last = pieces.at(-1);
  const end = last.x.length - 1;
  context.lineWidth = 3;
  context.strokeStyle = line;
  context.fillStyle = colour("panel");
  context.beginPath();
  context.arc(view.px(pieces[0].x[0]), view.py(pieces[0].y[0]), 6, 0, 2 * Math.PI);
  context.fill();
  context.stroke();
  context.beginPath();
  context.rect(view.px(last.x[end]) - 5, view.py(last.y[end]) - 5, 10, 10);
  context.fill();
  context.stroke();
}

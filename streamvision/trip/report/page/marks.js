// Objects on the map: marks, clusters, ellipses, and the moment of the plot.

const ELLIPSE_FROM_PX = 7;
const MOST_ELLIPSES = 150;
const formPaths = FORMS.map((form) => new Path2D(form));

function drawObjects(context, view) {
  const visible = clustersAt(view.zoom).filter(({ x, y }) => view.near(x, y, 40));
  drawEllipses(context, view, visible.filter(({ members }) => members.length === 1).map(({ members }) => members[0]));
  for (const one of visible) {
    if (one.members.length > 1) drawCluster(context, view, one);
    else if (one.members[0] !== chosen.object) drawMark(context, view, one.members[0], 1);
  }
  if (chosen.object?.at) drawChosen(context, view, chosen.object);
  return visible;
}

function drawEllipses(context, view, some) {
  const wanted = some.length <= MOST_ELLIPSES ? [...some] : [];
  if (chosen.object?.at && !wanted.includes(chosen.object)) wanted.push(chosen.object);
  for (const one of wanted) {
    if (!one.ellipse) continue;
    const { x, y } = pointOf.get(one);
    const scale = view.worldPx / worldM(y);
    const [long, short, direction_deg] = one.ellipse;
    if (long * scale < ELLIPSE_FROM_PX || long * scale > 20000) continue;
    context.beginPath();
    context.ellipse(view.px(x), view.py(y), long * scale, Math.max(short * scale, 1), ((direction_deg - 90) * Math.PI) / 180, 0, 2 * Math.PI);
    context.fillStyle = context.strokeStyle = colour(`class-${colourOf(one.class)}`);
    context.globalAlpha = one === chosen.object ? 0.22 : 0.1;
    context.fill();
    context.globalAlpha = one === chosen.object ? 1 : 0.55;
    context.lineWidth = 1.5;
    context.stroke();
    context.globalAlpha = 1;
  }
}

function drawMark(context, view, one, size) {
  const { x, y } = pointOf.get(one);
  context.save();
  context.translate(view.px(x), view.py(y));
  context.scale(size, size);
  if (one.gone) context.globalAlpha = 0.75;
  if (one.limit_kmh !== null) drawSign(context, one.limit_kmh);
  else drawForm(context, one);
  if (one.gone) {
    context.lineWidth = 2.5;
    context.strokeStyle = colour("ink");
    context.beginPath();
    context.moveTo(-9, 9);
    context.lineTo(9, -9);
    context.stroke();
  }
  context.restore();
}

function drawForm(context, one) {
  context.save();
  context.scale(7, 7);
  context.lineWidth = 4 / 7;
  context.lineJoin = "round";
  context.strokeStyle = colour("mark-edge");
  context.stroke(formPaths[formOf(one.class)]);
  context.fillStyle = colour(`class-${colourOf(one.class)}`);
  context.fill(formPaths[formOf(one.class)]);
  context.restore();
}

function drawSign(context, kmh) {
  context.beginPath();
  context.arc(0, 0, 10, 0, 2 * Math.PI);
  context.fillStyle = "#fff";
  context.fill();
  context.lineWidth = 3;
  context.strokeStyle = "#c8102e";
  context.stroke();
  context.fillStyle = "#111";
  context.font = `700 ${kmh > 99 ? 8 : 10}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(kmh), 0, 0.5);
}

function drawChosen(context, view, one) {
  const { x, y } = pointOf.get(one);
  if (one.bearing_deg !== null) drawBearing(context, view.px(x), view.py(y), one.bearing_deg);
  context.beginPath();
  context.arc(view.px(x), view.py(y), 17, 0, 2 * Math.PI);
  context.fillStyle = colour("panel");
  context.fill();
  context.lineWidth = 3;
  context.strokeStyle = colour("ink");
  context.stroke();
  drawMark(context, view, one, 1.2);
}

// The direction of travel from which it was seen, as an arrow that comes towards it.
function drawBearing(context, x, y, deg) {
  context.save();
  context.translate(x, y);
  context.rotate((deg * Math.PI) / 180);
  context.strokeStyle = context.fillStyle = colour("ink");
  context.lineWidth = 2.5;
  context.beginPath();
  context.moveTo(0, 46);
  context.lineTo(0, 28);
  context.stroke();
  context.beginPath();
  context.moveTo(-5, 30);
  context.lineTo(0, 20);
  context.lineTo(5, 30);
  context.fill();
  context.restore();
}

const clusterRadius = (count) => 13 + Math.min(Math.log2(count) * 1.6, 12);

function drawCluster(context, view, { members, x, y }) {
  const radius = clusterRadius(members.length);
  const [left, top] = [view.px(x), view.py(y)];
  context.beginPath();
  context.arc(left, top, radius + 1.5, 0, 2 * Math.PI);
  context.fillStyle = colour("panel");
  context.fill();
  const parts = new Map();
  for (const one of members) parts.set(one.class, (parts.get(one.class) ?? 0) + 1);
  let from = -Math.PI / 2;
  context.lineWidth = 4;
  context.lineCap = "butt";
  for (const [index, count] of [...parts].sort((a, b) => b[1] - a[1])) {
    const to = from + (2 * Math.PI * count) / members.length;
    context.strokeStyle = colour(`class-${colourOf(index)}`);
    context.beginPath();
    context.arc(left, top, radius - 1, from, to);
    context.stroke();
    from = to;
  }
  context.fillStyle = colour("ink");
  context.font = "650 12px system-ui, sans-serif";
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(String(members.length), left, top + 0.5);
}

function drawMoment(context, view) {
  if (chosen.moment_s === null || !drives.length) return;
  const { at, course_deg } = momentOf(drives[chosen.drive], chosen.moment_s);
  if (!at) return;
  context.save();
  context.translate(view.px(worldX(at[1])), view.py(worldY(at[0])));
  context.beginPath();
  context.arc(0, 0, 7, 0, 2 * Math.PI);
  context.fillStyle = colour("moment");
  context.fill();
  context.lineWidth = 2.5;
  context.strokeStyle = colour("panel");
  context.stroke();
  if (course_deg !== null) {
    context.rotate((course_deg * Math.PI) / 180);
    context.beginPath();
    context.moveTo(-5, -9);
    context.lineTo(0, -17);
    context.lineTo(5, -9);
    context.fill();
  }
  context.restore();
}

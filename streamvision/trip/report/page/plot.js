// Speed of one drive against the limit that was seen last; its objects stand below the time.

const PLOT = { height: 220, left: 38, right: 12, top: 12, marks: 34, axis: 18 };
const TIME_STEPS_S = [1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
const SHORTEST_S = 20;
const MARK_REACH_PX = 9;
const plot = { box: find("plot"), width: 0, from_s: 0, to_s: 1, cursor: null };
const lengthOf = (drive) => Math.max(drive.end - drive.start, 1);

const plotX = (s) => PLOT.left + ((s - plot.from_s) / (plot.to_s - plot.from_s)) * (plot.width - PLOT.left - PLOT.right);
const plotSeconds = (x) => plot.from_s + ((x - PLOT.left) / (plot.width - PLOT.left - PLOT.right)) * (plot.to_s - plot.from_s);
const plotBottom = PLOT.height - PLOT.marks - PLOT.axis;

function topSpeed(drive) {
  const fastest = drive.moments.speed.reduce((most, value) => Math.max(most, value ?? 0), 0) / 10;
  const highest = limitsOf(drive).reduce((most, { kmh }) => Math.max(most, kmh), 0);
  return Math.max(Math.ceil((Math.max(fastest, Math.min(highest, 300)) * 1.08) / 10) * 10, 20);
}

function drawPlot() {
  const drive = drives[chosen.drive];
  plot.width = plot.box.clientWidth;
  if (!drive || plot.width < 80) return;
  const top_kmh = topSpeed(drive);
  const y = (kmh) => plotBottom - (Math.min(kmh, top_kmh) / top_kmh) * (plotBottom - PLOT.top);
  const clip = svg("clipPath", { id: "plot-clip" }, [svg("rect", { x: PLOT.left, y: 0, width: plot.width - PLOT.left - PLOT.right, height: PLOT.height })]);
  plot.cursor = svg("path", { class: "plot-cursor" });
  const inside = svg("g", { "clip-path": "url(#plot-clip)" }, [...speedShapes(drive, y), ...plotMarks(drive), plot.cursor]);
  plot.box.replaceChildren(svg("svg", { width: plot.width, height: PLOT.height, viewBox: `0 0 ${plot.width} ${PLOT.height}`, "aria-hidden": "true" }, [
    svg("defs", {}, [clip]), ...speedLines(top_kmh, y), ...timeLines(drive), inside,
  ]));
  if (!drive.moments.speed.some((value) => value !== null)) plot.box.firstChild.append(svg("text", { x: plot.width / 2, y: plotBottom / 2, class: "plot-empty" }, ["No speed is known of this drive"]));
  showCursor();
}

function speedLines(top_kmh, y) {
  const step = [10, 20, 50, 100, 200].find((one) => top_kmh / one <= 5) ?? 500;
  const lines = [];
  for (let kmh = 0; kmh <= top_kmh; kmh += step) {
    lines.push(svg("path", { d: `M${PLOT.left} ${y(kmh)}H${plot.width - PLOT.right}`, class: kmh ? "plot-line" : "plot-line base" }));
    lines.push(svg("text", { x: PLOT.left - 6, y: y(kmh) + 4, class: "plot-number" }, [String(kmh)]));
  }
  lines.push(svg("text", { x: 2, y: PLOT.top - 2, class: "plot-unit" }, ["km/h"]));
  return lines;
}

function timeLines(drive) {
  const span_s = plot.to_s - plot.from_s;
  const room = Math.max(Math.floor((plot.width - PLOT.left) / 80), 2);
  const step = TIME_STEPS_S.find((one) => span_s / one <= room) ?? 7 * 86400;
  const zone_s = -new Date(drive.start * 1000).getTimezoneOffset() * 60;
  const lines = [];
  for (let at = Math.ceil((drive.start + plot.from_s + zone_s) / step) * step - zone_s; at <= drive.start + plot.to_s; at += step) {
    const x = plotX(at - drive.start);
    lines.push(svg("path", { d: `M${x} ${PLOT.top}V${plotBottom}`, class: "plot-line" }));
    if (x > PLOT.left + 12 && x < plot.width - 24) lines.push(svg("text", { x, y: plotBottom + 14, class: "plot-time" }, [said(step < 60 ? "second" : "minute", at)]));
  }
  return lines;
}

function speedShapes(drive, y) {
  const { step_s, speed } = drive.moments;
  const seen = limitsOf(drive);
  let way = "";
  let over = "";
  let pen = false;
  let limit = 0;
  for (let i = 0; i < speed.length; i += 1) {
    if (speed[i] === null) {
      pen = false;
      continue;
    }
    const x = plotX(i * step_s).toFixed(1);
    way += `${pen ? "L" : "M"}${x} ${y(speed[i] / 10).toFixed(1)}`;
    while (limit < seen.length && seen[limit].from_s <= i * step_s) limit += 1;
    const kmh = limit ? seen[limit - 1].kmh : Infinity;
    if (pen && Math.max(speed[i], speed[i - 1]) / 10 > kmh) {
      const before = plotX((i - 1) * step_s).toFixed(1);
      over += `M${before} ${y(kmh).toFixed(1)}L${before} ${y(Math.max(speed[i - 1] / 10, kmh)).toFixed(1)}L${x} ${y(Math.max(speed[i] / 10, kmh)).toFixed(1)}L${x} ${y(kmh).toFixed(1)}Z`;
    }
    pen = true;
  }
  const steps = seen.map(({ from_s, kmh }, i) => `M${plotX(from_s).toFixed(1)} ${y(kmh)}H${plotX(seen[i + 1]?.from_s ?? lengthOf(drive)).toFixed(1)}${seen[i + 1] ? `V${y(seen[i + 1].kmh)}` : ""}`);
  return [svg("path", { d: over, class: "plot-over" }), svg("path", { d: steps.join(""), class: "plot-limit" }), svg("path", { d: way, class: "plot-speed" })];
}

// Views of the drive that the filters let through, where the camera passed the object.
function passedIn(index) {
  return shown.flatMap((one) => one.views.filter(([drive]) => drive === index).map(([, , last]) => ({ one, s: last - drives[index].start })));
}

function plotMarks() {
  const y = PLOT.height - PLOT.marks / 2;
  return passedIn(chosen.drive).map(({ one, s }) => {
    const x = plotX(s);
    if (x < PLOT.left - 10 || x > plot.width) return "";
    const place = `translate(${x.toFixed(1)} ${y})`;
    if (one.limit_kmh !== null) {
      return svg("g", { transform: place, class: one === chosen.object ? "plot-mark chosen" : "plot-mark" }, [
        svg("circle", { r: 8.5, class: "sign" }), svg("text", { y: 3, class: one.limit_kmh > 99 ? "sign-words small" : "sign-words" }, [String(one.limit_kmh)]),
      ]);
    }
    return svg("path", { d: FORMS[formOf(one.class)], transform: `${place} scale(5)`, class: `class-${colourOf(one.class)} plot-mark ${one === chosen.object ? "chosen" : ""}` });
  });
}

function showCursor() {
  const drive = drives[chosen.drive];
  const s = chosen.moment_s;
  find("plot-watch").hidden = !drive?.video || s === null;
  if (!drive) return;
  plot.box.setAttribute("aria-valuemax", Math.round(lengthOf(drive)));
  plot.box.setAttribute("aria-valuenow", Math.round(s ?? 0));
  const words = s === null ? "Point at the plot, or use the arrow keys, to see a moment here and on the map." : momentWords(drive, s);
  find("plot-words").textContent = words;
  find("plot-words").classList.toggle("hint", s === null);
  plot.box.setAttribute("aria-valuetext", words);
  plot.cursor?.setAttribute("d", s === null ? "" : `M${plotX(s)} ${PLOT.top}V${PLOT.height}`);
}

function momentWords(drive, s) {
  const { kmh, limit } = momentOf(drive, s);
  const parts = [said("second", drive.start + s), kmh === null ? "speed unknown" : `${Math.round(kmh)} km/h`];
  if (limit) parts.push(`limit ${limit.kmh}, seen at ${said("second", drive.start + limit.from_s)}`);
  if (limit && kmh > limit.kmh) parts.push(`${Math.round(kmh - limit.kmh)} above it`);
  return parts.join(" · ");
}

function plotSum(drive) {
  const { step_s, speed } = drive.moments;
  let over_s = 0;
  speed.forEach((value, i) => {
    const { kmh, limit } = value === null ? {} : momentOf(drive, i * step_s);
    if (limit && kmh > limit.kmh) over_s += step_s;
  });
  return limitsOf(drive).length ? `${duration(over_s)} above the limit seen last` : "no limit was read on this drive";
}

function spanPlot(from_s, to_s) {
  const whole = lengthOf(drives[chosen.drive]);
  const span = Math.min(Math.max(to_s - from_s, Math.min(SHORTEST_S, whole)), whole);
  plot.from_s = Math.min(Math.max((from_s + to_s - span) / 2, 0), whole - span);
  plot.to_s = plot.from_s + span;
  drawPlot();
}

function stretchPlot(times) {
  const half = ((plot.to_s - plot.from_s) * times) / 2;
  const middle = chosen.moment_s ?? (plot.from_s + plot.to_s) / 2;
  spanPlot(middle - half, middle + half);
}

function movePlotCursor(seconds) {
  chooseMoment(chosen.drive, seconds);
  const span = plot.to_s - plot.from_s;
  if (chosen.moment_s < plot.from_s || chosen.moment_s > plot.to_s) spanPlot(chosen.moment_s - span / 2, chosen.moment_s + span / 2);
}

function pointAtPlot(event) {
  const x = event.clientX - plot.box.getBoundingClientRect().left;
  movePlotCursor(Math.min(Math.max(plotSeconds(x), plot.from_s), plot.to_s));
  return x;
}

plot.box.addEventListener("pointermove", (event) => { if (drives.length) pointAtPlot(event); });
plot.box.addEventListener("click", (event) => {
  if (!drives.length) return;
  const x = pointAtPlot(event);
  const near = passedIn(chosen.drive).map(({ one, s }) => ({ one, px: Math.abs(plotX(s) - x) })).sort((a, b) => a.px - b.px)[0];
  if (near && near.px <= MARK_REACH_PX) {
    chooseObject(near.one);
    showObject(near.one);
  }
});
const PLOT_KEYS = {
  ArrowLeft: () => movePlotCursor((chosen.moment_s ?? plot.to_s) - (plot.to_s - plot.from_s) / 100),
  ArrowRight: () => movePlotCursor((chosen.moment_s ?? plot.from_s) + (plot.to_s - plot.from_s) / 100),
  PageDown: () => movePlotCursor((chosen.moment_s ?? plot.to_s) - (plot.to_s - plot.from_s) / 10),
  PageUp: () => movePlotCursor((chosen.moment_s ?? plot.from_s) + (plot.to_s - plot.from_s) / 10),
  Home: () => movePlotCursor(0),
  End: () => movePlotCursor(Infinity),
  "+": () => stretchPlot(0.5),
  "-": () => stretchPlot(2),
};
plot.box.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || !PLOT_KEYS[event.key] || !drives.length) return;
  event.preventDefault();
  PLOT_KEYS[event.key]();
});
find("plot-in").addEventListener("click", () => drives.length && stretchPlot(0.5));
find("plot-out").addEventListener("click", () => drives.length && stretchPlot(2));
find("plot-drive").addEventListener("change", (event) => chooseDrive(Number(event.target.value)));

function showPlotDrive() {
  if (!drives.length) return;
  find("plot-drive").value = String(chosen.drive);
  find("plot-sum").textContent = plotSum(drives[chosen.drive]);
  spanPlot(0, Infinity);
}
hear("drive", showPlotDrive);
hear("objects", drawPlot);
hear("object", drawPlot);
hear("moment", showCursor);

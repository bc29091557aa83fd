// Lines and zones of the analytics over a picture, with their counts.

import { line, through } from "./annotators.js";
import { BLACK, WHITE } from "./palette.js";
import { isNumbers, short } from "./visible.js";

const MOST_REGIONS = 100;
const MOST_CORNERS = 256;
const ARROW = 1.4; // length of a line's arrow, in heights of text

// Draws regions and returns what is to be written at them: [{text, left, top, colour}], not yet placed.
export function drawRegions(pen, { regions, counts }, { at, look }) {
  const place = ([x, y]) => [at.left + x * at.width, at.top + y * at.height];
  return (regions ?? []).slice(0, MOST_REGIONS).flatMap((region, n) => {
    const points = (region.points ?? []).slice(0, MOST_CORNERS).filter((point) => isNumbers(point, 2)).map(place);
    if (region.kind === "line" && points.length === 2) return [drawLine(pen, region, points, counts?.[n], look)];
    if (region.kind === "zone" && points.length > 2) return [drawZone(pen, region, points, counts?.[n], look)];
    return [];
  });
}

function drawZone(pen, { name }, points, counts, look) {
  line(pen, { colour: WHITE, confirmed: true }, { ...look, line: look.thin }, through(points));
  const [left, top] = [0, 1].map((axis) => Math.min(...points.map((point) => point[axis])) + look.pad);
  return { text: counted([name, counts?.[0]]), left, top, colour: BLACK };
}

function drawLine(pen, { name, directions }, [from, to], counts, look) {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
  const ahead = [-(to[1] - from[1]) / length, (to[0] - from[0]) / length]; // to its right, seen from its first end
  const middle = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
  const reach = ARROW * look.text;
  const tip = [middle[0] + ahead[0] * reach, middle[1] + ahead[1] * reach];
  const side = (sign) => [tip[0] - 0.4 * reach * (ahead[0] - sign * ahead[1]), tip[1] - 0.4 * reach * (ahead[1] + sign * ahead[0])];
  for (const path of [[from, to], [middle, tip], [side(1), tip, side(-1)]]) line(pen, { colour: WHITE, confirmed: true }, look, through(path, false));
  const text = counted([name, ...(counts ? (directions ?? []).map((way, n) => `${short(way)} ${counts[n]}`) : [])]);
  return { text, behind: { middle, ahead }, colour: BLACK };
}

const counted = (words) => words.filter((word) => word !== undefined).map(short).join("  ");

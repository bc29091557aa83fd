// Objects in space from above, in a corner of the picture: the camera below, what is ahead of it above.

import { line, through } from "./annotators.js";
import { BLACK, faint, WHITE } from "./palette.js";
import { isNumbers } from "./visible.js";

const AHEAD_M = 80;
const ASIDE_M = 24; // to each side
const RINGS_M = [20, 40, 60];
const SHARE = 0.42; // of the picture's height
const MOST_M = 1e4;
const MOST_PLACED = 500;

// Draws the objects whose place is known, and returns where: [left, top, right, bottom]; null where there are none.
export function drawBirdsEye(pen, seen, { at, look }) {
  const placed = seen.flatMap(({ object, colour }) => Object.values(object.attributes ?? {}).filter(isPlaced).map((one) => ({ one, colour }))).slice(0, MOST_PLACED);
  if (!placed.length) return null;
  const height = Math.round(SHARE * at.height);
  const scale = height / AHEAD_M;
  const width = Math.round(2 * ASIDE_M * scale);
  const [left, top] = [Math.round(at.left + at.width - width - look.pad), Math.round(at.top + look.pad)];
  const place = ([x, z]) => [left + width / 2 + x * scale, top + height - z * scale];
  pen.save();
  const frame = new Path2D();
  frame.rect(left, top, width, height);
  pen.fillStyle = faint(BLACK, 0.72);
  pen.fill(frame);
  pen.clip(frame);
  drawRings(pen, place, scale, look);
  for (const { one, colour } of placed) drawObject(pen, one, colour, place, look);
  pen.restore();
  return [left, top, left + width, top + height];
}

const isPlaced = (one) =>
  isNumbers(one?.center_m, 3) && isNumbers(one?.size_lwh_m, 3) && Number.isFinite(one?.yaw_rad) &&
  [...one.center_m, ...one.size_lwh_m].every((value) => Math.abs(value) < MOST_M) && one.size_lwh_m.every((side) => side > 0);

// How far it is, and the camera.
function drawRings(pen, place, scale, look) {
  const [x, y] = place([0, 0]);
  pen.strokeStyle = faint(WHITE, 0.35);
  pen.fillStyle = faint(WHITE, 0.8);
  pen.lineWidth = Math.max(1, look.thin / 2);
  pen.font = `600 ${0.55 * look.text}px system-ui, sans-serif`;
  pen.textBaseline = "bottom";
  for (const ring_m of RINGS_M) {
    pen.beginPath();
    pen.arc(x, y, ring_m * scale, -Math.PI, 0);
    pen.stroke();
    pen.fillText(`${ring_m} m`, x + look.pad / 2, y - ring_m * scale);
  }
  const half = 0.4 * look.text;
  pen.fill(through([[x - half, y], [x, y - 2 * half], [x + half, y]]));
}

// Its ground, with a line from its middle to its front.
function drawObject(pen, { center_m: [x, , z], size_lwh_m: [length, width], yaw_rad: yaw }, colour, place, look) {
  const [sine, cosine] = [Math.sin(yaw), Math.cos(yaw)];
  const corner = (ahead, right) => place([x + ahead * sine + right * cosine, z + ahead * cosine - right * sine]);
  const ground = through([[1, -1], [1, 1], [-1, 1], [-1, -1]].map(([ahead, right]) => corner((ahead * length) / 2, (right * width) / 2)));
  pen.fillStyle = faint(colour, 0.6);
  pen.fill(ground);
  line(pen, { colour, confirmed: true }, { ...look, line: look.thin, halo: 0 }, ground);
  line(pen, { colour: WHITE, confirmed: true }, { ...look, line: look.thin, halo: 0 }, through([corner(0, 0), corner(length / 2, 0)], false));
}

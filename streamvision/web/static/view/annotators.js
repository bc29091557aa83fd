// The shapes that objects are drawn with, by name; the names are those of the `supervision` library's annotators.
// Each takes (pen, seen, look): a canvas' 2D context, an object as visible.js gives it, and {line, thin, halo, text}, in
// pixels.

import { BLACK, faint } from "./palette.js";

export const SHAPES = {
  box(pen, seen, look) {
    line(pen, seen, look, seen.shape);
  },
  box_corner(pen, seen, look) {
    const [left, top, right, bottom] = seen.box;
    const arm = Math.min(right - left, bottom - top) / 4;
    const path = new Path2D();
    for (const [x, y, dx, dy] of [[left, top, arm, arm], [right, top, -arm, arm], [right, bottom, -arm, -arm], [left, bottom, arm, -arm]]) {
      path.moveTo(x + dx, y);
      path.lineTo(x, y);
      path.lineTo(x, y + dy);
    }
    line(pen, seen, look, path);
  },
  round_box(pen, seen, look) {
    const [left, top, right, bottom] = seen.box;
    const path = new Path2D();
    path.roundRect(left, top, right - left, bottom - top, Math.min(right - left, bottom - top) / 5);
    line(pen, seen, look, path);
  },
  circle(pen, seen, look) {
    const [left, top, right, bottom] = seen.box;
    line(pen, seen, look, arc((left + right) / 2, (top + bottom) / 2, Math.hypot(right - left, bottom - top) / 2));
  },
  ellipse(pen, seen, look) {
    const [left, , right, bottom] = seen.box;
    const path = new Path2D();
    path.ellipse((left + right) / 2, bottom, (right - left) / 2, (right - left) * 0.18, 0, -0.25 * Math.PI, 1.3 * Math.PI);
    line(pen, seen, look, path);
  },
  dot(pen, seen, look) {
    const [left, top, right, bottom] = seen.box;
    fill(pen, seen, look, arc((left + right) / 2, (top + bottom) / 2, 2.5 * look.line));
  },
  triangle(pen, seen, look) {
    const [left, top, right] = seen.box;
    const [x, y, side] = [(left + right) / 2, top - 2 * look.line, 4 * look.line];
    fill(pen, seen, look, through([[x, y], [x - side, y - 1.5 * side], [x + side, y - 1.5 * side]]));
  },
  color(pen, seen) {
    pen.fillStyle = faint(seen.colour, 0.4);
    pen.fill(seen.shape);
  },
  polygon(pen, seen, look) {
    line(pen, seen, look, seen.mask ?? seen.shape);
  },
  halo(pen, { shape, mask, colour }, { line: wide }) {
    pen.save();
    pen.shadowColor = pen.strokeStyle = colour;
    pen.shadowBlur = 6 * wide;
    pen.lineWidth = wide;
    for (let times = 0; times < 2; times += 1) pen.stroke(mask ?? shape);
    pen.restore();
  },
  percentage_bar(pen, seen, { text, halo }) {
    const [left, top, right] = seen.box;
    const [width, height] = [Math.max(right - left, 2 * text), text / 3];
    pen.fillStyle = BLACK;
    pen.fillRect(left - halo, top - height - halo, width + 2 * halo, height + 2 * halo);
    pen.fillStyle = seen.colour;
    pen.fillRect(left, top - height, width * Math.min(1, Math.max(0, Number(seen.object.score) || 0)), height);
  },
};

// A coloured line between two dark ones, so that it shows on any picture.
export function line(pen, { colour, confirmed }, { line: wide, thin, halo }, path) {
  const width = confirmed ? wide : thin;
  pen.setLineDash([]);
  pen.lineWidth = width + 2 * halo;
  pen.strokeStyle = BLACK;
  pen.stroke(path);
  if (!confirmed) pen.setLineDash([2 * thin, 2 * thin]);
  pen.lineWidth = width;
  pen.strokeStyle = colour;
  pen.stroke(path);
  pen.setLineDash([]);
}

function fill(pen, { colour }, { halo }, path) {
  pen.lineWidth = 2 * halo;
  pen.strokeStyle = BLACK;
  pen.stroke(path);
  pen.fillStyle = colour;
  pen.fill(path);
}

export function through(points, closed = true) {
  const path = new Path2D();
  for (const [x, y] of points) path.lineTo(x, y);
  if (closed) path.closePath();
  return path;
}

export function arc(x, y, radius) {
  const path = new Path2D();
  path.arc(x, y, radius, 0, 2 * Math.PI);
  return path;
}

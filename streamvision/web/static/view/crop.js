// Pictures of single objects, cut out of what is shown.

import { sizeOf } from "./grounds.js";

const AROUND = 0.08; // of the object's size, on each side
const MOST_PX = 1024;

// Copies an object onto a canvas, with a little around it; returns whether there was something to copy.
export function crop(canvas, picture, { object, result }) {
  const [across, down] = sizeOf(picture);
  const [sx, sy] = [across / result.width_px, down / result.height_px];
  const [x0, y0, x1, y1] = object.box_xyxy_px.map((edge, n) => edge * (n % 2 ? sy : sx));
  const [dx, dy] = [AROUND * (x1 - x0), AROUND * (y1 - y0)];
  const [left, top] = [Math.max(0, Math.floor(x0 - dx)), Math.max(0, Math.floor(y0 - dy))];
  const [width, height] = [Math.min(across, Math.ceil(x1 + dx)) - left, Math.min(down, Math.ceil(y1 + dy)) - top];
  if (!(width > 0 && height > 0)) return false;
  const scale = Math.min(1, MOST_PX / Math.max(width, height));
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.getContext("2d").drawImage(picture, left, top, width, height, 0, 0, canvas.width, canvas.height);
  return true;
}

// What the file with a crop is called: without what could lead elsewhere.
export function fileName(words, date) {
  const plain = words.filter((word) => word !== null && word !== undefined).map((word) => String(word).replace(/[^\p{L}\p{N}]+/gu, "_").slice(0, 40));
  return `${[...plain, date.toISOString().slice(0, 19).replace(/[-:]/g, "")].join("-")}.png`;
}

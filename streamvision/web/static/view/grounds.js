// What is drawn below all shapes, by name: pictures of objects made unlike themselves, the picture around them, or where
// they were. The names are those of the `supervision` library's annotators.
// Each takes (pen, seen, {at, picture, past}): a canvas' 2D context, the objects as visible.js gives them, where the picture
// is on the canvas, what shows it (a canvas, a video, an image), and what past.js remembers.

const COARSE = 10; // pixels of the shorter side of an object that is made unlike itself

export const GROUNDS = {
  blur(pen, seen, around) {
    for (const one of seen) coarse(pen, one.box, around, true);
  },
  pixelate(pen, seen, around) {
    for (const one of seen) coarse(pen, one.box, around, false);
  },
  background_overlay(pen, seen, { at }) {
    pen.save();
    for (const one of seen) {
      const rest = new Path2D();
      rest.rect(at.left, at.top, at.width, at.height);
      rest.addPath(one.shape);
      pen.clip(rest, "evenodd");
    }
    pen.fillStyle = "#000000a6";
    pen.fillRect(at.left, at.top, at.width, at.height);
    pen.restore();
  },
  heat_map(pen, seen, { at, past }) {
    past?.heat.paint(pen, at);
  },
};

// Draws a part of the picture over itself with few pixels. It is for the eye alone: the picture that came is whole.
function coarse(pen, [left, top, right, bottom], { at, picture }, smooth) {
  const [across, down] = sizeOf(picture);
  const [width, height] = [right - left, bottom - top];
  if (!across || width < 1 || height < 1) return;
  const scale = COARSE / Math.min(width, height);
  const small = new OffscreenCanvas(Math.min(64, Math.max(1, Math.round(width * scale))), Math.min(64, Math.max(1, Math.round(height * scale))));
  const [sx, sy] = [across / at.width, down / at.height];
  small.getContext("2d").drawImage(picture, (left - at.left) * sx, (top - at.top) * sy, width * sx, height * sy, 0, 0, small.width, small.height);
  pen.imageSmoothingEnabled = smooth;
  pen.drawImage(small, left, top, width, height);
}

// [width, height] of what shows a picture, in its own pixels; [0, 0] where nothing does.
export function sizeOf(picture) {
  if (!picture) return [0, 0];
  return [picture.videoWidth ?? picture.naturalWidth ?? picture.displayWidth ?? picture.width, picture.videoHeight ?? picture.naturalHeight ?? picture.displayHeight ?? picture.height];
}

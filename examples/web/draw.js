// What models say beyond boxes, on a canvas: masks, keypoints, oriented boxes and the classes of pixels.

const KEYPOINT_SCORE = 0.25, OPACITY = 0.45;

/** The colour of a class; neighbours in the list differ most. */
export function colour(classId) {
  return `hsl(${(classId * 137.5) % 360} 85% 60%)`;
}

/** Draws what the model's task adds to a box; `skeleton` holds pairs of keypoints with a line between. */
export function drawExtras(brush, { classId, mask, keypoints = [], oriented }, skeleton) {
  brush.strokeStyle = colour(classId);
  if (mask?.width) {
    const painted = mixed(mask.width, mask.height, (at) => (mask.bits[at] ? classId : null));
    brush.drawImage(painted, mask.left, mask.top);
  }
  if (oriented) {
    brush.save();
    brush.translate(oriented.centerX, oriented.centerY);
    brush.rotate(oriented.angle);
    brush.strokeRect(-oriented.width / 2, -oriented.height / 2, oriented.width, oriented.height);
    brush.restore();
  }
  const sure = (point) => point?.score >= KEYPOINT_SCORE;
  for (const [one, other] of skeleton.map((pair) => pair.map((index) => keypoints[index]))) {
    if (!sure(one) || !sure(other)) continue;
    brush.beginPath();
    brush.moveTo(one.x, one.y);
    brush.lineTo(other.x, other.y);
    brush.stroke();
  }
  brush.fillStyle = "#fff";
  for (const { x, y } of keypoints.filter(sure)) brush.fillRect(x - brush.lineWidth, y - brush.lineWidth, 2 * brush.lineWidth, 2 * brush.lineWidth);
}

/** Draws the class of each cell over the whole canvas. */
export function drawClassMap(brush, { width, height, classIds }) {
  brush.drawImage(mixed(width, height, (at) => classIds[at]), 0, 0, brush.canvas.width, brush.canvas.height);
}

/** A picture with the colour of a class at each pixel, or nothing where `classAt` gives null. */
function mixed(width, height, classAt) {
  const canvas = new OffscreenCanvas(width, height), context = canvas.getContext("2d"), colours = new Map();
  const picture = context.createImageData(width, height);
  for (let at = 0; at < width * height; at++) {
    const classId = classAt(at);
    if (classId === null) continue;
    if (!colours.has(classId)) colours.set(classId, levels(context, colour(classId)));
    picture.data.set(colours.get(classId), 4 * at);
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}

/** Red, green, blue and opacity of a colour. */
function levels(context, style) {
  context.fillStyle = style;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue, Math.round(255 * OPACITY)];
}

// Oriented boxes: {centerX, centerY, width, height, angle}; the angle is that of the width in radians, clockwise on the
// picture. Plain JavaScript, no libraries.

const FLOOR = 1e-7, MOST_COMPARED = 5000;

/** The upright box [left, top, right, bottom] around an oriented one. */
export function upright(centerX, centerY, width, height, angle) {
  const cos = Math.abs(Math.cos(angle)), sin = Math.abs(Math.sin(angle));
  const halfX = (width * cos + height * sin) / 2, halfY = (width * sin + height * cos) / 2;
  return [centerX - halfX, centerY - halfY, centerX + halfX, centerY + halfY];
}

/** The four corners [x, y], in turn around the box. */
export function corners({ centerX, centerY, width, height, angle }) {
  const cos = Math.cos(angle) / 2, sin = Math.sin(angle) / 2;
  return [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([along, across]) => [
    centerX + along * width * cos - across * height * sin, centerY + along * width * sin + across * height * cos,
  ]);
}

/** An oriented box [x, y, width, height, angle] of the network's input in the picture's own pixels. Where the two axes
 *  were scaled differently, the rectangle keeps its area and the direction of its width. */
export function toPictureOriented([x, y, width, height, angle], place) {
  const across = Math.cos(angle) / place.scaleX, down = Math.sin(angle) / place.scaleY, stretch = Math.hypot(across, down);
  const half = Math.PI, turned = Math.atan2(down, across) - angle + half;
  return {
    centerX: (x - place.left) / place.scaleX, centerY: (y - place.top) / place.scaleY,
    width: width * stretch, height: height / (stretch * place.scaleX * place.scaleY),
    angle: angle + turned - 2 * half * Math.floor(turned / (2 * half)) - half,
  };
}

/** Suppression within each class; `found` is sorted, the best score first. A box goes when any better one of its class
 *  overlaps it too much, whether that one stays or not, as in ultralytics (fast NMS, arXiv:1904.02689). */
export function suppressOriented(found, { iou, max_detections: limit }) {
  const kept = [], solid = found.filter(({ extra }) => extra[2] >= 0.01 && extra[3] >= 0.01).slice(0, MOST_COMPARED);
  const normals = solid.map(({ extra }) => normal(extra));
  for (let at = 0; at < solid.length && kept.length < limit; at++) {
    let stays = true;
    for (let better = 0; better < at && stays; better++) {
      stays = solid[better].classId !== solid[at].classId || alike(normals[better], normals[at]) <= iou;
    }
    if (stays) kept.push(solid[at]);
  }
  return kept;
}

/** Overlap of two oriented boxes on a picture. */
export function overlapOriented(a, b) {
  return alike(...[a, b].map((box) => normal([box.centerX, box.centerY, box.width, box.height, box.angle])));
}

/** The normal distribution with the box's centre, direction and second moments. */
function normal([x, y, width, height, angle]) {
  const along = (width * width) / 12, across = (height * height) / 12, cos = Math.cos(angle), sin = Math.sin(angle);
  const xx = along * cos * cos + across * sin * sin, yy = along * sin * sin + across * cos * cos;
  const xy = (along - across) * cos * sin;
  return { x, y, xx, yy, xy, area: Math.sqrt(Math.max(xx * yy - xy * xy, 0)) };
}

/** Probabilistic intersection over union (arXiv:2106.06072): one minus the Hellinger distance of two distributions. */
function alike(a, b) {
  const xx = a.xx + b.xx, yy = a.yy + b.yy, xy = a.xy + b.xy, dx = a.x - b.x, dy = a.y - b.y, joint = xx * yy - xy * xy;
  const apart = (xx * dy * dy + yy * dx * dx - 2 * xy * dx * dy) / (4 * (joint + FLOOR));
  const shape = joint / (4 * a.area * b.area + FLOOR) + FLOOR;
  const distance = Math.min(Math.max(apart + Math.log(shape) / 2, FLOOR), 100);
  return 1 - Math.sqrt(1 - Math.exp(-distance) + FLOOR);
}
